"""The command `import`: feeds of other updaters become releases."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from comet_updates_cli.options import (
    PRODUCT_HELP,
    AsJson,
    DryRun,
    EndpointUrl,
    Quiet,
    Where,
    channel_name,
    product_name,
)
from comet_updates_cli.run_plan import execute_all
from comet_updates_cli.terminal import refusals, say, say_json

if TYPE_CHECKING:
    from comet_updates.formats.imported import Feed
    from comet_updates_cli.import_feeds import ChannelSummary, Imported
    from comet_updates_cli.policy_edits import Plans

app = typer.Typer()


@app.command("import")
def import_feed(
    sources: Annotated[
        list[str],
        typer.Argument(help="Files or https:// URLs: appcast.xml, latest.yml, RELEASES, ...", metavar="SOURCE..."),
    ],
    *,
    product: Annotated[str, typer.Option(help=PRODUCT_HELP, callback=product_name)],
    channel: Annotated[
        str | None,
        typer.Option(
            help="Channel of releases for which the feed names none. Default: stable, or the one in the feed's name.",
            callback=lambda text: channel_name(text) if text else None,
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Folder to write to, with the layout of the bucket. Default: this folder."),
    ] = None,
    bucket: Annotated[str | None, typer.Option(help="S3 bucket to upload to, in place of a folder.")] = None,
    endpoint_url: EndpointUrl = None,
    base_url: Annotated[str, typer.Option(help="Base of relative URLs in a feed, with a final slash.")] = "",
    os: Annotated[
        Literal["windows", "macos", "linux"] | None,
        typer.Option("--os", help="System of the files for which the feed names none."),
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Convert feeds into releases. Reads Sparkle, electron-updater, Tauri, Squirrel and Velopack.

    Writes one document for each version, and the policies that keep the feed's channels and rollouts. Several feeds,
    such as one for each system, are merged. Notes list what could not be converted or was assumed. Exit code 1: a feed
    is not valid, or a release would be refused. Nothing is written then.
    """
    from comet_updates.formats.imported import Feed  # noqa: PLC0415 (as above)
    from comet_updates_cli import import_feeds, output  # noqa: PLC0415 (other commands need not load the formats)

    if bucket and to:
        raise typer.BadParameter("--bucket and --to exclude each other. Give one of them.")
    now = datetime.now(UTC)
    plans = None
    with refusals():
        bodies = {source: import_feeds.load(source) for source in output.each("Reading", sources, quiet=quiet)}

        def make_feed(source: str) -> Feed:
            base = base_url or (source if source.startswith("https://") else "")
            return Feed(product, channel or "stable", base, platform=os or "", is_channel_named=channel is not None)

        found = import_feeds.read(bodies, make_feed, lambda them: output.each("Checking", them, quiet=quiet), now=now)
        if bucket:
            plans = _upload(found, Where(bucket, endpoint_url, dry_run, as_json, quiet))
            written = [] if dry_run else [plan.key for plan in plans.writes]
        else:
            written = [] if dry_run else import_feeds.write(found.documents, to or Path())
        channels = _channels(found, plans, now)
    if as_json:
        say_json({
            "documents": sorted(found.documents),
            "written": sorted(written),
            "remarks": found.remarks,
            "releases": found.releases,
            "channels": {name: summary._asdict() for name, summary in channels.items()},
        })  # fmt: skip
        return
    if quiet:
        return
    for remark in found.remarks:
        say(f"note: {remark}")
    pending = {plan.key for plan in plans.writes} if plans else found.documents.keys()
    for key in sorted(found.documents):
        is_new = "wrote" if key in written else "would write" if dry_run and key in pending else "unchanged"
        say(f"{is_new} s3://{bucket}/{key}" if bucket else f"{is_new} {(to or Path()) / key}")
    say(f"{found.releases} releases, {len(found.remarks)} notes")
    for name, summary in channels.items():
        say(f"{name}: {summary.releases} releases, {summary.offered or 'none'} is offered")
        say(*(f"  {path}  {version}" for path, version in sorted(summary.documents.items())))
        say(*(f"note: {problem}" for problem in summary.problems))


def _upload(found: Imported, where: Where) -> Plans:
    from comet_updates_cli import output, policy_edits  # noqa: PLC0415 (as above)

    return execute_all(
        where,
        found.product,
        lambda bucket, now: policy_edits.several(bucket, found.product, found.documents, now),
        lambda plans: output.each("Uploading", plans, quiet=where.quiet),
    )


def _channels(found: Imported, plans: Plans | None, now: datetime) -> dict[str, ChannelSummary]:
    """Return what the channels of the import offer, with what the bucket has already."""
    from comet_updates.publish.decide import decide  # noqa: PLC0415 (as above)
    from comet_updates_cli import import_feeds  # noqa: PLC0415 (as above)

    if plans is None or plans.then.product is None:
        return found.channels
    product, then = plans.then.product, plans.then
    return {
        name: import_feeds.summary(decide(product, name, then.policies, then.releases_for(name), now), found.families)
        for name in found.channels
    }
