"""The commands `pause` and `resume`."""

from __future__ import annotations

import typer

from comet_updates_cli.options import AsJson, BucketName, Channel, DryRun, EndpointUrl, Product, Where
from comet_updates_cli.run_plan import change_policy

app = typer.Typer()


@app.command()
def pause(
    product: Product, channel: Channel, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Pause a channel: clients keep being offered the current release, and later releases wait."""
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    change_policy(product, channel, Where(bucket, endpoint_url, dry_run, as_json), policy_edits.pause)


@app.command()
def resume(
    product: Product, channel: Channel, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Undo `pause`: waiting releases are offered."""
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    change_policy(product, channel, Where(bucket, endpoint_url, dry_run, as_json), lambda _: policy_edits.resume)
