"""The command `history`: what changed on a channel?"""

from __future__ import annotations

import typer

from comet_updates_cli.options import AsJson, BucketName, Channel, EndpointUrl, Product
from comet_updates_cli.terminal import refusals, say, say_json

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

    with refusals():
        events = channel_history.history(open_bucket(bucket, endpoint_url), product, channel)
    if as_json:
        say_json([{"at": event.at.isoformat(), "what": event.what} for event in events])
        return
    for event in events:
        say(f"{event.at:%Y-%m-%d %H:%M:%S}  {event.what}")
