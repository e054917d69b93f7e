"""The commands `yank` and `unyank`."""

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
def yank(
    product: Product, channel: Channel, version: Version, *,
    reason: Annotated[str, typer.Option(help="Reason for the withdrawal. It is public.")],
    bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False, as_json: AsJson = False,
    wait: Wait = False, service_url: ServiceUrl = None, timeout: Timeout = TIMEOUT_S,
) -> None:  # fmt: skip
    """Withdraw a release. Clients are offered the one before it, also on channels that include this one.

    Updaters do not downgrade: copies that have the release keep it until a higher version is released.
    """
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    where = Where(bucket, endpoint_url, dry_run, as_json, waiting=waiting(wait, service_url, timeout))
    change_policy(product, channel, where, lambda _: policy_edits.yank(version, reason))


@app.command()
def unyank(
    product: Product, channel: Channel, version: Version, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
    wait: Wait = False, service_url: ServiceUrl = None, timeout: Timeout = TIMEOUT_S,
) -> None:  # fmt: skip
    """Undo `yank`: the release is offered again."""
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    where = Where(bucket, endpoint_url, dry_run, as_json, waiting=waiting(wait, service_url, timeout))
    change_policy(product, channel, where, lambda _: policy_edits.unyank(version))
