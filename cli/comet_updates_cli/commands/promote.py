"""The command `promote`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from comet_updates_cli import rollout_options
from comet_updates_cli.commands import release
from comet_updates_cli.options import (
    TIMEOUT_S,
    AsJson,
    BucketName,
    DryRun,
    EndpointUrl,
    Product,
    ServiceUrl,
    Timeout,
    Version,
    Wait,
    Where,
    channel_name,
    waiting,
)
from comet_updates_cli.rollout_options import GROUPS, Every, Groups, Percent, Start
from comet_updates_cli.run_plan import as_json_of, execute, follow, show
from comet_updates_cli.terminal import refusals, say_json

if TYPE_CHECKING:
    from comet_updates.publish.bucket import Bucket
    from comet_updates_cli.policy_edits import Plan


app = typer.Typer()


@app.command()
def promote(
    product: Product, version: Version, *,
    source: Annotated[str, typer.Option("--from", help="Channel that has the release.", callback=channel_name)],
    target: Annotated[str, typer.Option("--to", help="Channel to release it on.", callback=channel_name)],
    percent: Percent = None, every: Every = None, groups: Groups = GROUPS, start: Start = None,
    not_before: release.NotBefore = None,
    wait: Wait = False, service_url: ServiceUrl = None, timeout: Timeout = TIMEOUT_S,
    bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Copy a release to another channel. The files stay the same.

    Clients of the other channel get it from now on, or from --not-before on. --percent or --every sets a rollout on
    that channel first, unless the channel has the release already.
    """
    how = rollout_options.rollout(percent, every, groups, start or not_before)
    where = Where(bucket, endpoint_url, dry_run, as_json, waiting=waiting(wait, service_url, timeout))
    report: dict[str, Any] = {}

    def make_plan(opened: Bucket, now: datetime) -> Plan:
        from comet_updates_cli import policy_edits  # noqa: PLC0415 (other commands need not load AWS)

        return policy_edits.promotion(
            opened, product, version, now, source=source, target=target, not_before=not_before
        )

    with refusals():
        execute(where._replace(dry_run=True), make_plan)  # a refusal comes before the rollout is set
        if how:
            report["policy"] = release.begin_rollout(where, product, target, version, how)
        plan = execute(where, make_plan)
        report |= as_json_of(where, plan)
        if not as_json:
            show(where, plan)
        if how and plan.body is None:
            report["note"] = release.say_kept_rollout(where, product, target, version)
        code = follow(where, plan, report)
    if as_json:
        say_json(report)
    raise typer.Exit(code)
