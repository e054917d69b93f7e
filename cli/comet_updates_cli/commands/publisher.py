"""The command `publisher`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from comet_updates_cli.options import AsJson, BucketName, DryRun, EndpointUrl, Where
from comet_updates_cli.run_plan import carry_out

if TYPE_CHECKING:
    from comet_updates.publish.bucket import Bucket
    from comet_updates_cli.policy_edits import Plan


app = typer.Typer()
Value = str | None


@app.command()
def publisher(
    file: Annotated[
        Path | None, typer.Argument(exists=True, help="The whole document, such as samples/site/publisher.json.")
    ] = None,
    *,
    name: Annotated[Value, typer.Option(help="Your name, as people know it.")] = None,
    contact: Annotated[Value, typer.Option(help="Whom to ask about privacy: a mail address or a URL.")] = None,
    homepage: Annotated[Value, typer.Option(help="URL of your homepage.")] = None,
    policy_url: Annotated[Value, typer.Option(help="URL of your privacy policy.")] = None,
    colour: Annotated[Value, typer.Option(help="Colour of the head of the pages, such as #4038b4.")] = None,
    dark_colour: Annotated[Value, typer.Option(help="The same, in dark mode. Default: the same colour.")] = None,
    bucket: BucketName,
    endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Name the publisher on the pages for people.

    Options change single fields of FILE, or of the document in the bucket. Only FILE can have quotes of your privacy
    policy. To name no publisher again, delete site/publisher.json from the bucket.
    """
    given = {"name": name, "contact": contact, "homepage": homepage, "policy_url": policy_url}
    fields = {field: value for field, value in given.items() if value is not None}
    colours = {field: value for field, value in (("light", colour), ("dark", dark_colour)) if value is not None}
    if not (file or fields or colours):
        raise typer.BadParameter("FILE is missing, and no option changes a field. Name a file, or use --name.")
    from comet_updates_cli import publisher_edits  # noqa: PLC0415 (other commands need not load AWS)

    def make_plan(opened: Bucket, _now: datetime) -> Plan:
        return publisher_edits.publisher(opened, file, fields, colours)

    carry_out(Where(bucket, endpoint_url, dry_run, as_json), make_plan)
