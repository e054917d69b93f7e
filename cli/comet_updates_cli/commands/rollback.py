"""The command `rollback`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from comet_updates_cli.options import (
    TIMEOUT_S,
    AsJson,
    BucketName,
    Channel,
    DryRun,
    EndpointUrl,
    Product,
    ServiceUrl,
    Timeout,
    Wait,
    Where,
    waiting,
)
from comet_updates_cli.run_plan import execute, finish
from comet_updates_cli.terminal import refusals

if TYPE_CHECKING:
    from comet_updates.publish.bucket import Bucket
    from comet_updates_cli.policy_edits import Plan


app = typer.Typer()


@app.command()
def rollback(
    product: Product, channel: Channel, *,
    reason: Annotated[str, typer.Option(help="Reason for the withdrawal. It is public.")],
    bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False, as_json: AsJson = False,
    wait: Wait = False, service_url: ServiceUrl = None, timeout: Timeout = TIMEOUT_S,
) -> None:  # fmt: skip
    """Withdraw the latest release of a channel. Prints what is offered instead and what to do next.

    Running it again changes nothing. To withdraw the release before it too, run `yank` with its version.
    """
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    where = Where(bucket, endpoint_url, dry_run, as_json, waiting=waiting(wait, service_url, timeout))
    made: list[policy_edits.Withdrawal] = []

    def make_plan(opened: Bucket, now: datetime) -> Plan:
        made.append(policy_edits.withdrawal(opened, product, channel, reason, now))
        return made[-1].plan

    with refusals():
        plan = execute(where, make_plan)
        done = made[-1]
        report = {"withdrawn": done.withdrawn, "offered": done.offered}
        finish(where, plan, report, done.says(product, channel))
