"""The command `comet-updates`: arguments, printing and exit codes; no decisions.

The help of `main` lists the exit codes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from comet_updates import __version__
from comet_updates.answer.errors import CometError
from comet_updates.errors import printable
from comet_updates_cli.commands import ask, decide, keys, release
from comet_updates_cli.commands.decide import AsJson, BucketName, DryRun, EndpointUrl, Quiet

if TYPE_CHECKING:
    from comet_updates_cli.channel_status import Status

WATCH_S = 3.0

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(release.app)
app.add_typer(decide.app)
app.add_typer(ask.app)
app.add_typer(keys.app, name="keys")


def _version(wanted: bool) -> None:  # noqa: FBT001 (typer's way)
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    *,
    sign_with: Annotated[
        str,
        typer.Option(
            envvar="COMET_SIGN_WITH", help="Product key that signs releases: file2:key.pem, awskms:ARN or hsm:..."
        ),
    ] = "",
    sign_appcast_with: Annotated[
        str, typer.Option(envvar="COMET_SIGN_APPCAST_WITH", help="Key that signs Sparkle's appcast: file2:key.pem.")
    ] = "",
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Software updates that cannot tell their users apart.

    Exit codes: 0 done, already done, or scheduled; 1 refused, check failed, or S3 unavailable (the reason is printed);
    2 usage error.

    AWS credentials and region come from the AWS_* environment variables. `--install-completion` adds tab completion
    to bash, zsh, fish and PowerShell.
    """
    del version  # its callback has already exited
    decide.SIGNS_WITH.set(decide.SignWith(sign_with, sign_appcast_with))


@app.command("serve")
def serve_here(
    samples: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Folder with the layout of the bucket, uploaded at the start."),
    ] = None,
    port: Annotated[int, typer.Option(envvar="PORT", min=1, max=65535, help="Port of the service.")] = 8080,
    s3_port: Annotated[int, typer.Option(envvar="S3_PORT", min=1, max=65535, help="Port of the local S3.")] = 9090,
    online_key: Annotated[
        str, typer.Option(help="Your own online key for snapshot and timestamp: file2:key.pem.")
    ] = "",
) -> None:
    """Run the service on this machine. It uses a local S3 and stops at Ctrl-C."""
    from comet_updates_cli.local import serve  # noqa: PLC0415 (needs the extra `serve`, which nothing else does)

    try:
        serve.serve(serve.Ports(port, s3_port), samples, online_key, os.environ, typer.echo)
    except CometError as error:
        typer.echo(f"comet-updates: {error}", err=True)
        raise typer.Exit(1) from error


@app.command("import")
def import_feed(
    sources: Annotated[
        list[str],
        typer.Argument(help="Files or https:// URLs: appcast.xml, latest.yml, RELEASES, ...", metavar="SOURCE..."),
    ],
    *,
    product: Annotated[str, typer.Option(help=decide.PRODUCT_HELP, callback=decide.product_name)],
    channel: Annotated[
        str, typer.Option(help="Channel of releases for which the feed names none.", callback=decide.channel_name)
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

    try:
        bodies = {source: import_feeds.load(source) for source in output.each("Reading", sources, quiet=quiet)}

        def make_feed(source: str) -> Feed:
            return Feed(product, channel, base_url or (source if source.startswith("https://") else ""))

        imported = import_feeds.read(bodies, make_feed, lambda them: output.each("Checking", them, quiet=quiet))
        written = [] if dry_run else import_feeds.write(imported.documents, to)
    except CometError as error:
        typer.echo(f"comet-updates: {error}", err=True)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(
            json.dumps({"documents": sorted(imported.documents), "written": written, "remarks": imported.remarks})
        )
        return
    if quiet:
        return
    for remark in imported.remarks:
        typer.echo(f"note: {remark}")
    for key in sorted(imported.documents):
        typer.echo(f"{'wrote' if key in written else 'would write' if dry_run else 'unchanged'} {to / key}")
    typer.echo(f"{imported.releases} releases, {len(imported.remarks)} notes")


@app.command("check")
def check_files(
    files: Annotated[list[Path], typer.Argument(exists=True, help="Documents, or folders of them.", metavar="FILE...")],
    *,
    as_json: AsJson = False,
) -> None:
    """Check documents before you upload them. Lists all problems.

    Only reads files. Exit code 1: there is a problem.
    """
    from comet_updates_cli import check_documents  # noqa: PLC0415 (as above)

    checked = check_documents.files_in(files)
    try:
        findings = check_documents.check(checked)
    except OSError as error:
        typer.echo(f"comet-updates: {error.filename}: cannot be read: {error.strerror}. Check the file.", err=True)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps({"files": len(checked), "problems": [finding._asdict() for finding in findings]}))
    else:
        for finding in findings:
            typer.echo(finding)
        typer.echo(f"{len(checked)} files, {len(findings)} problems", err=True)
    raise typer.Exit(1 if findings else 0)


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
    Exit code 1: an upload is refused, or a change is not published yet.
    """
    from comet_updates.publish.bucket import open_bucket  # noqa: PLC0415 (as above)
    from comet_updates_cli import channel_status  # noqa: PLC0415 (other commands need not load AWS)

    while True:
        try:
            found = channel_status.status(open_bucket(bucket, endpoint_url), product, datetime.now(UTC))
        except CometError as error:
            typer.echo(f"comet-updates: {error}", err=True)
            raise typer.Exit(1) from error
        if as_json:
            shown = [channel.as_json() for channel in found.channels]
            typer.echo(json.dumps({"channels": shown, "refused": found.refused}))
        else:
            if watch and sys.stdout.isatty():
                typer.echo("\x1b[2J\x1b[H", nl=False)  # a clear screen, from its top
            _show(found)
        if not watch:
            raise typer.Exit(1 if found.refused or not all(channel.is_live for channel in found.channels) else 0)
        time.sleep(WATCH_S)


@app.command("history")
def show_history(
    product: decide.Product,
    channel: decide.Channel,
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


def _show(found: Status) -> None:
    """Print a table of the channels, then everything that may need attention."""
    rows = [("product", "channel", "latest", "rollout", "held", "published")]
    for channel in found.channels:
        live = (channel.published_at or "never")[:19] if channel.is_live else "not yet"
        rows.append((channel.product, channel.channel, channel.latest or "-", channel.rollout, channel.held, live))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for channel in found.channels:
        where = f"{channel.product}/{channel.channel}"
        for version, at in channel.due.items():
            typer.echo(f"waiting  {where} {version}: due at {at}")
        for version in channel.unapproved:
            typer.echo(f"waiting  {where} {version}: needs approval")
        for version, reason in channel.yanked.items():
            typer.echo(f"yanked   {where} {version}: {reason}")
        for lag in channel.lags:
            typer.echo(f"behind   {where} {lag.document}: stays at {lag.version}, {lag.why}")
    for key, problems in found.refused.items():
        for problem in problems:
            typer.echo(f"refused  {printable(key, 1_024)}: {problem}")


@app.command("audit")
def audit_stack(
    stack: Annotated[str, typer.Argument(help="Name of the deployed CloudFormation stack.")],
    *,
    as_json: AsJson = False,
    endpoint_url: EndpointUrl = None,
) -> None:
    """Compare a stack with the privacy promises. Only reads.

    Exit code 0: everything could be read and is as promised. 1: something differs or could not be read, or the stack
    does not exist. `comet-updates audit-rights` prints the IAM policy that an auditor needs.
    """
    from comet_updates_cli.audit import account, compare  # noqa: PLC0415 (other commands need not load AWS)

    try:
        findings = compare.audit(stack, account.Account(endpoint_url).read)
    except CometError as error:
        typer.echo(f"comet-updates: {error}", err=True)
        raise typer.Exit(1) from error
    numbers = Counter(finding.status for finding in findings)
    holds = numbers[compare.Status.HOLDS] == len(findings)
    if as_json:
        shown = [finding._asdict() | {"status": finding.status.value} for finding in findings]
        typer.echo(json.dumps({"stack": stack, "holds": holds, "findings": shown, "never_seen": compare.ALWAYS_UNSEEN}))
        raise typer.Exit(0 if holds else 1)
    area = ""
    for finding in findings:
        if finding.area != area:
            typer.echo(area := finding.area)
        typer.echo(f"  {finding.status.value:8} {' '.join(filter(None, (finding.resource, finding.says)))}".rstrip())
        if finding.remedy:
            typer.echo(f"{'':11}→ {finding.remedy}")
    typer.echo(f"No audit can see: {'; '.join(compare.ALWAYS_UNSEEN)}.")
    hold, differ, unseen = (numbers[status] for status in compare.Status)
    typer.echo(f"{hold} hold, {differ} differ, {unseen} could not be read")
    raise typer.Exit(0 if holds else 1)


@app.command("audit-rights")
def audit_rights() -> None:
    """Print the IAM policy that `audit` needs. It only allows reading."""
    from comet_updates_cli.audit.account import READS  # noqa: PLC0415 (as above)

    statement = {"Effect": "Allow", "Action": sorted(set(READS.values())), "Resource": "*"}
    typer.echo(json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2))
