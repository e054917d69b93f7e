"""The command `promote`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from comet_updates_cli.options import AsJson, BucketName, DryRun, EndpointUrl, Product, Version, Where, channel_name
from comet_updates_cli.run_plan import carry_out

if TYPE_CHECKING:
    from comet_updates.publish.bucket import Bucket
    from comet_updates_cli.policy_edits import Plan


app = typer.Typer()


@app.command()
def promote(
    product: Product, version: Version, *,
    source: Annotated[str, typer.Option("--from", help="Channel that has the release.", callback=channel_name)],
    target: Annotated[str, typer.Option("--to", help="Channel to release it on.", callback=channel_name)],
    bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Copy a release to another channel. The files stay the same."""
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    def make_plan(opened: Bucket, now: datetime) -> Plan:
        return policy_edits.promotion(opened, product, version, now, source=source, target=target)

    carry_out(Where(bucket, endpoint_url, dry_run, as_json), make_plan)
