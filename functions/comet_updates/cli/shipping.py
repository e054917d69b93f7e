"""The command `release`, from built files to what is live: arguments, printing and exit codes, as in `cli`."""

from __future__ import annotations

import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from comet_updates import names
from comet_updates.cli.deciding import AsJson, BucketName, DryRun, EndpointUrl, Where, carry_out, name
from comet_updates.errors import ArtifactError, CometError

if TYPE_CHECKING:
    from comet_updates.cli.operations import Plan
    from comet_updates.cli.releasing import Kind, Wire
    from comet_updates.publish.bucket import Bucket

app = typer.Typer()
Files = Annotated[
    list[Path],
    typer.Argument(
        exists=True, dir_okay=False, metavar="FILE...", help="What was built, and electron-builder's latest*.yml."
    ),
]
Notes = Annotated[
    Path | None,
    typer.Option(
        exists=True, dir_okay=False, help="What is new: a text, or a changelog with a section for the version."
    ),
]
As = Annotated[
    list[str] | None,
    typer.Option("--as", help="What a file is, where its name does not tell: FILE=linux/x86_64/archive."),
]
POLL_S = 1.0


def _kinds(told: list[str]) -> dict[str, tuple[Kind, str | None]]:
    """What `--as` says of files, by their names."""
    from comet_updates.cli.releasing import Kind  # noqa: PLC0415 (a start of any other command need not load AWS)

    found: dict[str, tuple[Kind, str | None]] = {}
    for text in told:
        said = re.fullmatch(r"(.+)=([^/]+)/([^/]+)/(installer|archive)|(.+)=([^/]+)/([^/]+)/delta/(.+)", text)
        if not said:
            raise typer.BadParameter(f"{text!r}: write FILE=linux/x86_64/archive, or FILE=windows/x86_64/delta/4.1.0")
        if said[1]:
            found[said[1]] = Kind(said[2], said[3], said[4]), None
        else:
            found[said[5]] = Kind(said[6], said[7], "delta"), said[8]
    return found


def _artifacts(files: list[Path], base_url: str, told: list[str]) -> list[Wire]:
    from comet_updates.cli import releasing  # noqa: PLC0415 (as above)

    kinds = _kinds(told)
    beside = (*releasing.SIGNATURE_ENDINGS, ".blockmap")
    built = [file for file in files if not file.name.endswith((*beside, ".yml"))]
    if unknown := kinds.keys() - {file.name for file in built}:
        raise ArtifactError(min(unknown), "is told of with --as and is not among the files", "Name it as it is called")
    said = releasing.channel_files(file for file in files if file.suffix == ".yml")
    made = []
    total = sum(file.stat().st_size for file in built)
    with typer.progressbar(length=total, label="Hashing", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        for file in built:
            kind, from_version = kinds.get(file.name) or (releasing.recognise(file.name), None)
            wire = releasing.artifact(file, kind, releasing.sums(file, bar.update), base_url, said)
            made.append(wire | ({"from_version": from_version} if from_version else {}))
    return made


@app.command()
def release(
    files: Files,
    *,
    product: Annotated[str, typer.Option(callback=name)],
    channel: Annotated[str, typer.Option(callback=name)] = "stable",
    version: Annotated[str, typer.Option()],
    base_url: Annotated[str, typer.Option(help="Where the files are, without their names.")],
    build: Annotated[str | None, typer.Option(help="The build number, where clients compare that.")] = None,
    title: Annotated[str | None, typer.Option()] = None,
    notes: Notes = None,
    language: Annotated[str, typer.Option(help="Of the notes.")] = "en",
    critical: Annotated[bool, typer.Option("--critical", help="Tell users that it is.")] = False,
    not_before: Annotated[str | None, typer.Option(help="Offer it from then on, as 2026-11-20T12:00:00Z.")] = None,
    percent: Annotated[
        int | None, typer.Option(min=0, max=100, help="How many users to reach at first; the channel is told before.")
    ] = None,
    told: As = None,
    check_urls: Annotated[bool, typer.Option(help="Make sure first that every file answers with its size.")] = True,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is live, or refused.")] = False,
    service_url: Annotated[str | None, typer.Option(help="With --wait: where the service is.")] = None,
    timeout: Annotated[float, typer.Option(min=0, help="With --wait: for how many seconds.")] = 120,
    bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Release built files: recognise them, hash them once, pick up the signatures beside them, and upload the release.

    Nothing is told to anybody before every file answers at its URL. A second time it does nothing. Exit code 1: a
    file is not what it should be, the release would be refused, or it is not live in time.
    """
    from comet_updates.cli import operations, releasing  # noqa: PLC0415 (as above)
    from comet_updates.formats import feeds  # noqa: PLC0415 (as above)

    if wait and not service_url:
        raise typer.BadParameter("--wait needs --service-url")
    try:
        artifacts = _artifacts(files, base_url, told or [])
        document = {"schema": 1, "product": product, "channel": channel, "version": version} | feeds.given(
            build=build,
            released_at=operations.moment(datetime.now(UTC)),
            available_at=not_before,
            title=title,
            notes={language: releasing.notes(notes.read_text(encoding="utf-8"), version)} if notes else None,
            critical=critical or None,
            artifacts=artifacts,
        )
        if check_urls:
            for wire in artifacts:
                releasing.answers(wire)
    except CometError as error:
        typer.echo(f"comet-updates: {error}", err=True)
        raise typer.Exit(1) from error

    def make_plan(opened: Bucket, now: datetime) -> Plan:
        return operations.release(opened, document, now)

    def make_policy(opened: Bucket, now: datetime) -> Plan:
        edit = operations.rollout(version, {"percent": percent}, is_new=True)
        return operations.policy(opened, product, channel, edit, now)

    where = Where(bucket, endpoint_url, dry_run, as_json)
    if percent is not None:
        carry_out(where, make_policy)
    plan = carry_out(where, make_plan)
    if wait and service_url and not dry_run:
        _follow(plan.key, service_url, where, timeout)


def _follow(key: str, service_url: str, where: Where, timeout_s: float) -> None:
    """Wait until the release is told of at its URL. Exit code 1: it was refused, or is not there in time."""
    from comet_updates.cli import operations, releasing  # noqa: PLC0415 (as above)
    from comet_updates.publish.bucket import open_bucket  # noqa: PLC0415 (as above)

    upload = names.parse_upload(key)
    assert upload is not None  # noqa: S101 (we made it)
    url = service_url.rstrip("/") + names.document_path(upload.product, upload.channel, "releases.json")
    opened = open_bucket(where.bucket, where.endpoint_url)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if upload.version in releasing.live_versions(url):
            if not where.as_json:
                typer.echo(f"live at {url.rpartition('/')[0]}")
            return
        if problems := operations.refusal(opened, key):
            for problem in problems:
                typer.echo(f"comet-updates: refused {key}: {problem}", err=True)
            raise typer.Exit(1)
        time.sleep(POLL_S)
    typer.echo(f"comet-updates: {key} is not live after {timeout_s:.0f} s. See comet-updates status", err=True)
    raise typer.Exit(1)
