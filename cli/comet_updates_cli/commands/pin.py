"""The commands `pin` and `unpin`."""

from __future__ import annotations

import typer

from comet_updates_cli.options import AsJson, BucketName, Channel, DryRun, EndpointUrl, Product, Version, Where
from comet_updates_cli.run_plan import change_policy

app = typer.Typer()


@app.command()
def pin(
    product: Product, channel: Channel, version: Version, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Pin a channel to a version. Higher versions are not offered."""
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    change_policy(product, channel, Where(bucket, endpoint_url, dry_run, as_json), lambda _: policy_edits.pin(version))


@app.command()
def unpin(
    product: Product, channel: Channel, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Undo `pin`: higher versions are offered."""
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    change_policy(product, channel, Where(bucket, endpoint_url, dry_run, as_json), lambda _: policy_edits.unpin)
