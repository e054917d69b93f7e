"""The commands `schedule` and `unschedule`."""

from __future__ import annotations

from typing import Annotated

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

app = typer.Typer()


@app.command()
def schedule(
    product: Product, channel: Channel, version: Version, *,
    at: Annotated[str, typer.Option(metavar="TIME", help="Start time, such as 2026-11-20T12:00:00Z.")],
    bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False, as_json: AsJson = False,
    wait: Wait = False, service_url: ServiceUrl = None, timeout: Timeout = TIMEOUT_S,
) -> None:  # fmt: skip
    """Set the start time of a waiting release. Clients do not see the release before.

    The time replaces the one in the release. A release that is already offered cannot be scheduled: run `yank` to
    withdraw it. Use `release --not-before` to upload a release with a start time.
    """
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    where = Where(bucket, endpoint_url, dry_run, as_json, waiting=waiting(wait, service_url, timeout))
    change_policy(product, channel, where, lambda now: policy_edits.schedule(version, at, now))


@app.command()
def unschedule(
    product: Product, channel: Channel, version: Version, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
    wait: Wait = False, service_url: ServiceUrl = None, timeout: Timeout = TIMEOUT_S,
) -> None:  # fmt: skip
    """Undo `schedule`. The release is offered from the time in its own document."""
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    where = Where(bucket, endpoint_url, dry_run, as_json, waiting=waiting(wait, service_url, timeout))
    change_policy(product, channel, where, lambda _: policy_edits.unschedule(version))
