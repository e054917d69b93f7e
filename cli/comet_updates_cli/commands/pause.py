"""The commands `pause` and `resume`."""

from __future__ import annotations

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
from comet_updates_cli.run_plan import change_policy

app = typer.Typer()


@app.command()
def pause(
    product: Product, channel: Channel, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
    wait: Wait = False, service_url: ServiceUrl = None, timeout: Timeout = TIMEOUT_S,
) -> None:  # fmt: skip
    """Pause a channel. Clients are still offered the current release, and later releases wait."""
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    where = Where(bucket, endpoint_url, dry_run, as_json, waiting=waiting(wait, service_url, timeout))
    change_policy(product, channel, where, policy_edits.pause)


@app.command()
def resume(
    product: Product, channel: Channel, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
    wait: Wait = False, service_url: ServiceUrl = None, timeout: Timeout = TIMEOUT_S,
) -> None:  # fmt: skip
    """Undo `pause`: waiting releases are offered."""
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    where = Where(bucket, endpoint_url, dry_run, as_json, waiting=waiting(wait, service_url, timeout))
    change_policy(product, channel, where, lambda _: policy_edits.resume)
