"""The command `status`: what does each channel offer?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from comet_updates_cli.options import AsJson, BucketName, EndpointUrl
from comet_updates_cli.terminal import clear, refusals, say, say_json, say_table

if TYPE_CHECKING:
    from comet_updates_cli.channel_status import ChannelStatus, Status


app = typer.Typer()


WATCH_S = 3.0


@app.command("status")
def show_status(
    product: Annotated[str | None, typer.Argument(help="Product to show. Default: all products.")] = None,
    *,
    bucket: BucketName,
    endpoint_url: EndpointUrl = None,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh every 3 seconds until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the state of each channel.

    Prints what each channel offers, which releases wait, and which documents stay behind and why. Only reads.
    With a product, it also prints which documents do not exist and why.
    Also prints signatures that end soon or have ended.
    Exit code 1: an upload is refused or cannot be read, a change is not published yet, or a signature has ended.
    """
    from comet_updates.publish.bucket import open_bucket  # noqa: PLC0415 (as above)
    from comet_updates_cli import channel_status  # noqa: PLC0415 (other commands need not load AWS)

    while True:
        with refusals():
            found = channel_status.status(open_bucket(bucket, endpoint_url), product, datetime.now(UTC))
        if as_json:
            say_json(found.as_json())
        else:
            if watch:
                clear()
            _show(found, with_missing=product is not None)
        if not watch:
            raise typer.Exit(1 if found.needs_action else 0)
        time.sleep(WATCH_S)


def _show(found: Status, *, with_missing: bool) -> None:
    """Print a table of the channels, then everything that may need attention."""
    from comet_updates_cli import channel_status  # noqa: PLC0415 (as above)

    rows = [("product", "channel", "latest", "rollout", "held", "published")]
    for channel in found.channels:
        live = (channel.published_at or "never")[:19] if channel.is_live else "not yet"
        rows.append((channel.product, channel.channel, channel.latest or "-", channel.rollout, channel.held, live))
    say_table(rows)
    for channel in found.channels:
        say(*_notes(channel))
        if with_missing:
            where = f"{channel.product}/{channel.channel}"
            say(*(f"missing  {where} {line}" for line in channel_status.missing_lines(channel.missing)))
    for expiry in found.expiries:
        when = f"{expiry.expires:%Y-%m-%d}" if expiry.expires else "no valid signature"
        say(f"{'ended   ' if expiry.has_ended else 'expires '} {expiry.role}: {when}. {expiry.remedy}.")
    say(*(f"unreadable  {key}: {problem}" for key, problem in found.unreadable.items()))
    say(*(f"refused  {key}: {problem}" for key, problems in found.refused.items() for problem in problems))


def _notes(channel: ChannelStatus) -> Iterator[str]:
    """Yield what may need attention on a channel."""
    where = f"{channel.product}/{channel.channel}"
    yield from (f"waiting  {where} {version}: due at {at}" for version, at in channel.due.items())
    yield from (f"waiting  {where} {version}: needs approval" for version in channel.unapproved)
    yield from (f"yanked   {where} {version}: {reason}" for version, reason in channel.yanked.items())
    for lag in channel.lags:
        yield f"behind   {where} {lag.document}: stays at {lag.version}, because {lag.why}"
