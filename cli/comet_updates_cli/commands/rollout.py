"""The command `rollout`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import typer

from comet_updates_cli import rollout_options
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
    Version,
    Wait,
    Where,
    waiting,
)
from comet_updates_cli.rollout_options import GROUPS, Every, Groups, Percent, Start
from comet_updates_cli.run_plan import change_policy

if TYPE_CHECKING:
    from comet_updates_cli.policy_edits import Edit


app = typer.Typer()


@app.command()
def rollout(
    product: Product, channel: Channel, version: Version, *,
    percent: Percent = None, every: Every = None, groups: Groups = GROUPS, start: Start = None,
    bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False, as_json: AsJson = False,
    wait: Wait = False, service_url: ServiceUrl = None, timeout: Timeout = TIMEOUT_S,
) -> None:  # fmt: skip
    """Offer a release to a part of the users. Either to a percentage, or to one group after another.

    Each copy draws a random number and never sends it, so the service does not know who is reached. A larger
    percentage continues the rollout and 0 stops it. 100 completes it: updaters without rollouts then get it too.
    """
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    how = rollout_options.rollout(percent, every, groups, start)
    if how is None:
        raise typer.BadParameter("Give either --percent or --every.")

    def edit(now: datetime) -> Edit:
        return policy_edits.rollout(version, how, now)

    where = Where(bucket, endpoint_url, dry_run, as_json, waiting=waiting(wait, service_url, timeout))
    change_policy(product, channel, where, edit)
