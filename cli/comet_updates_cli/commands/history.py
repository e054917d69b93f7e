"""The command `history`: what changed on a channel?"""

from __future__ import annotations

import json

import typer

from comet_updates.answer.errors import CometError
from comet_updates_cli.options import AsJson, BucketName, Channel, EndpointUrl, Product

app = typer.Typer()


@app.command("history")
def show_history(
    product: Product,
    channel: Channel,
    *,
    bucket: BucketName,
    endpoint_url: EndpointUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show the changes of a channel, latest first. Prints their times, but not who made them."""
    from comet_updates.publish.bucket import open_bucket  # noqa: PLC0415 (as above)
    from comet_updates_cli import channel_history  # noqa: PLC0415 (as above)

    try:
        events = channel_history.history(open_bucket(bucket, endpoint_url), product, channel)
    except CometError as error:
        typer.echo(f"comet-updates: {error}", err=True)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps([{"at": event.at.isoformat(), "what": event.what} for event in events]))
        return
    for event in events:
        typer.echo(f"{event.at:%Y-%m-%d %H:%M:%S}  {event.what}")
