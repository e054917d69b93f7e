"""The command `rollout`."""

from __future__ import annotations

import re
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
    Version,
    Wait,
    Where,
    waiting,
)
from comet_updates_cli.run_plan import change_policy

if TYPE_CHECKING:
    from comet_updates_cli.policy_edits import Edit


app = typer.Typer()


_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def _interval_s(text: str | None) -> int | None:
    found = re.fullmatch(r"([1-9][0-9]{0,7})([smhd])", text) if text else None
    if text and not found:
        raise typer.BadParameter(f"{text!r} is not a valid interval. Write it as 30m, 12h or 1d.")
    return int(found[1]) * _SECONDS[found[2]] if found else None


@app.command()
def rollout(
    product: Product, channel: Channel, version: Version, *,
    percent: Annotated[int | None, typer.Option(min=0, max=100, help="Percentage of users to reach.")] = None,
    every: Annotated[str | None, typer.Option(help="Time between two groups of users, such as 12h or 1d.")] = None,
    groups: Annotated[int, typer.Option(min=1, max=100, help="With --every: number of groups.")] = 7,
    start: Annotated[str | None, typer.Option(help="With --every: start time, such as 2026-11-20T12:00:00Z.")] = None,
    bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False, as_json: AsJson = False,
    wait: Wait = False, service_url: ServiceUrl = None, timeout: Timeout = TIMEOUT_S,
) -> None:  # fmt: skip
    """Offer a release to a part of the users. Either to a percentage, or to one group after another.

    Each copy draws a random number and never sends it, so the service does not know who is reached. A larger
    percentage continues the rollout and 0 stops it. 100 completes it: updaters without rollouts then get it too.
    """
    from comet_updates.formats import encode  # noqa: PLC0415 (as above)
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    if (percent is None) == (every is None):
        raise typer.BadParameter("Give either --percent or --every.")
    phased = {"interval": _interval_s(every), "groups": groups}

    def edit(now: datetime) -> Edit:
        started = {"start": start or encode.moment(now), **phased}
        return policy_edits.rollout(version, started if percent is None else {"percent": percent})

    where = Where(bucket, endpoint_url, dry_run, as_json, waiting=waiting(wait, service_url, timeout))
    change_policy(product, channel, where, edit)
