"""The command `approve`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

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
from comet_updates_cli.run_plan import carry_out

if TYPE_CHECKING:
    from comet_updates.publish.bucket import Bucket
    from comet_updates_cli.policy_edits import Plan


app = typer.Typer()


@app.command()
def approve(
    product: Product, channel: Channel, version: Version, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
    wait: Wait = False, service_url: ServiceUrl = None, timeout: Timeout = TIMEOUT_S,
) -> None:  # fmt: skip
    """Approve a release as the second person. Approves the exact document that is in the bucket.

    The product's field `approved_on` lists the channels that need approval. People who release must not have the
    permission to approve.
    """
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    def make_plan(opened: Bucket, now: datetime) -> Plan:
        return policy_edits.approval(opened, product, channel, version, now)

    where = Where(bucket, endpoint_url, dry_run, as_json, waiting=waiting(wait, service_url, timeout))
    carry_out(where, make_plan)
