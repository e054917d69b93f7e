"""The command `import`: feeds of other updaters become releases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from comet_updates_cli.options import PRODUCT_HELP, AsJson, DryRun, Quiet, channel_name, product_name
from comet_updates_cli.terminal import refusals, say, say_json

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
        str, typer.Option(help="Channel of releases for which the feed names none.", callback=channel_name)
    ] = "stable",
    to: Annotated[
        Path, typer.Option(file_okay=False, help="Folder to write to, with the layout of the bucket.")
    ] = Path(),
    base_url: Annotated[str, typer.Option(help="Base of relative URLs in a feed, with a final slash.")] = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Convert feeds into releases to upload. Reads Sparkle, electron-updater, Tauri, Squirrel and Velopack.

    Writes one document for each version. Several feeds, such as one for each system, are merged. Notes list what could
    not be converted. Exit code 1: a feed is not valid, or a release would be refused. Nothing is written then.
    """
    from comet_updates.formats.imported import Feed  # noqa: PLC0415 (as above)
    from comet_updates_cli import import_feeds, output  # noqa: PLC0415 (other commands need not load the formats)

    with refusals():
        bodies = {source: import_feeds.load(source) for source in output.each("Reading", sources, quiet=quiet)}

        def make_feed(source: str) -> Feed:
            return Feed(product, channel, base_url or (source if source.startswith("https://") else ""))

        imported = import_feeds.read(bodies, make_feed, lambda them: output.each("Checking", them, quiet=quiet))
        written = [] if dry_run else import_feeds.write(imported.documents, to)
    if as_json:
        say_json({"documents": sorted(imported.documents), "written": written, "remarks": imported.remarks})
        return
    if quiet:
        return
    for remark in imported.remarks:
        say(f"note: {remark}")
    for key in sorted(imported.documents):
        say(f"{'wrote' if key in written else 'would write' if dry_run else 'unchanged'} {to / key}")
    say(f"{imported.releases} releases, {len(imported.remarks)} notes")
