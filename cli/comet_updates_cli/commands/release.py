"""The command `release`, from built files to a live release: arguments, printing and exit codes, as in `cli`."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.errors import DecisionError, VersionSyntaxError
from comet_updates_cli.options import (
    CHANNEL_HELP,
    PRODUCT_HELP,
    VERSION_HELP,
    AsJson,
    BucketName,
    DryRun,
    EndpointUrl,
    Quiet,
    Where,
    channel_name,
    product_name,
)
from comet_updates_cli.run_plan import as_json_of, execute, show
from comet_updates_cli.terminal import ask, can_ask, refusals, say, say_json, say_table, warn

if TYPE_CHECKING:
    from comet_updates.publish.bucket import Bucket
    from comet_updates_cli.built_files import Built, BuiltFiles
    from comet_updates_cli.policy_edits import Plan
    from comet_updates_cli.recognise.decide import Question
    from comet_updates_cli.recognise.evidence import Evidence
    from comet_updates_cli.upload_files import Place
    from comet_updates_cli.wait_until_live import DocumentStatus, ReleaseStatus

app = typer.Typer()
Files = Annotated[
    list[Path],
    typer.Argument(
        exists=True, metavar="FILE...", help="Built files and folders, with the feeds and checksums of the builder."
    ),
]
Notes = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="Release notes, or a changelog with a section for the version."),
]
As = Annotated[
    list[str] | None,
    typer.Option("--as", help="System, architecture and kind of a file: FILE=linux/x86_64/archive."),
]
POLL_S = 1.0


_AS = re.compile(r"(?:(.+)=)?([^/=]+)/([^/]+)/(?:(installer|archive)|delta/(.+))")


def _told(texts: list[str]) -> dict[str, Evidence]:
    """Return what `--as` says, by file name."""
    found: dict[str, Evidence] = {}
    for text in texts:
        said = _AS.fullmatch(text)
        if not said or not said[1]:
            raise typer.BadParameter(
                f"--as {text!r} is not valid. Write FILE=linux/x86_64/archive or FILE=windows/x86_64/delta/4.1.0."
            )
        found[said[1]] = _kind(said)
    return found


def _kind(said: re.Match[str]) -> Evidence:
    from comet_updates.formats.file_names import ARCHES  # noqa: PLC0415 (other commands need not load it)
    from comet_updates_cli.recognise.evidence import Kind  # noqa: PLC0415 (as above)
    from comet_updates_cli.recognise.recognised import as_told  # noqa: PLC0415 (as above)

    if said[3] not in ARCHES:
        raise typer.BadParameter(f"{said[3]!r} is not an architecture. Choose one of {', '.join(ARCHES)}.")
    return as_told(Kind(said[2], said[3], said[4] or "delta"), said[5])


def _ask(name: str, question: Question) -> Evidence | None:
    """Ask the person at the terminal what a file is. An empty answer leaves the file out."""
    example = "/".join(question.suggestion)
    while answer := ask(f"{name}: {question.problem}. What is it? For example {example}; Enter leaves it out"):
        said = _AS.fullmatch(answer)
        if said and not said[1]:
            try:
                return _kind(said)
            except typer.BadParameter as error:
                warn(f"comet-updates: {error.message}")
    return None


def _base_url(text: str) -> str:
    if {"?", "#"} & set(text):
        raise typer.BadParameter(f"{text!r} has a ? or #. Give the URL of the folder that contains the files.")
    return text


def _place(told: str | None, endpoint_url: str | None) -> Place | None:
    from comet_updates_cli.upload_files import Place  # noqa: PLC0415 (as above)

    if told is None:
        return None
    said = re.fullmatch(r"s3://([^/]+)(?:/(.*?))?/?", told)
    if not said:
        raise typer.BadParameter(f"--upload-to {told!r} is not valid. Write s3://BUCKET/FOLDER.")
    return Place(said[1], f"{said[2]}/" if said[2] else "", endpoint_url)


def _read(
    files: list[Path], told: dict[str, Evidence], base_url: str, where: Where, *, version: str, build: str | None
) -> BuiltFiles:
    from comet_updates_cli import built_files  # noqa: PLC0415 (as above)

    asker = _ask if can_ask() and not where.as_json else None
    found = built_files.read(files, told, version, build, base_url, ask=asker, quiet=where.quiet)
    if unknown := told.keys() - {each.file.name for each in found.built}:
        raise DecisionError(f"--as names {min(unknown)}, which is not among the files to release. Check the spelling.")
    return found


def _upload(place: Place, files: BuiltFiles, where: Where) -> list[str]:
    """Upload the missing files, or only look for them in a dry run. Return the URLs of the missing files."""
    from comet_updates_cli import output, upload_files  # noqa: PLC0415 (as above)

    downloads = upload_files.Downloads(place)
    uploads = files.uploads()
    if where.dry_run:
        return [place.url(file) for file, sums in uploads if not downloads.holds(file, sums)]
    with output.in_bytes("Uploading", sum(sums.size_bytes for _, sums in uploads), quiet=where.quiet) as advance:
        return [place.url(file) for file, sums in uploads if downloads.put(file, sums, advance)]


@app.command()
def release(
    files: Files,
    *,
    product: Annotated[str, typer.Option(callback=product_name, help=PRODUCT_HELP)],
    channel: Annotated[str, typer.Option(callback=channel_name, help=CHANNEL_HELP)] = "stable",
    version: Annotated[str, typer.Option(help=VERSION_HELP)],
    base_url: Annotated[
        str, typer.Option(callback=_base_url, help="URL of the folder from which clients download the files.")
    ],
    new_product: Annotated[bool, typer.Option("--new-product", help="Create a product that does not exist.")] = False,
    upload_to: Annotated[
        str | None,
        typer.Option(metavar="S3://BUCKET/FOLDER", help="Upload the files there first. Existing files are kept."),
    ] = None,
    upload_endpoint_url: Annotated[
        str | None, typer.Option(help="With --upload-to: its S3 endpoint. Default: --endpoint-url.")
    ] = None,
    build: Annotated[str | None, typer.Option(help="Build number, for products with the scheme `build`.")] = None,
    title: Annotated[str | None, typer.Option(help="Title of the release.")] = None,
    notes: Notes = None,
    language: Annotated[str, typer.Option(help="Language of the notes, such as en or pt-BR.")] = "en",
    critical: Annotated[bool, typer.Option("--critical", help="Mark the release as critical.")] = False,
    not_before: Annotated[str | None, typer.Option(help="Start time, such as 2026-11-20T12:00:00Z.")] = None,
    percent: Annotated[int | None, typer.Option(min=0, max=100, help="Percentage of users to reach.")] = None,
    told: As = None,
    check_urls: Annotated[bool, typer.Option(help="Check that each URL answers with the file's size.")] = True,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until the release is live, and print what each updater sees.")
    ] = False,
    service_url: Annotated[str | None, typer.Option(help="With --wait: URL of the service.")] = None,
    timeout: Annotated[float, typer.Option(min=0, help="With --wait: seconds to wait.")] = 120,
    bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False, as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Release built files.

    Recognises each file by the builder's feeds, its content and its name, verifies its signatures, and prints a table.
    The release is uploaded only after every file answers at its URL. Running it again changes nothing, and an
    interrupted run continues. Exit code 1: a file is wrong, the release is refused, or it is not live in time.
    """
    from comet_updates.formats import encode, imported  # noqa: PLC0415 (as above)
    from comet_updates.publish.bucket import open_bucket  # noqa: PLC0415 (as above)
    from comet_updates_cli import built_files, known_product, policy_edits, release_document  # noqa: PLC0415 (as above)

    if wait and not service_url:
        raise typer.BadParameter("--wait needs --service-url. Add the URL of the service.")
    if service_url and not service_url.startswith(("https://", "http://")):
        raise typer.BadParameter(f"--service-url {service_url!r} is not a URL. Write it with https://.")
    where = Where(bucket, endpoint_url, dry_run, as_json, quiet)
    place = _place(upload_to, upload_endpoint_url or endpoint_url)
    report: dict[str, Any] = {}
    kinds = _told(told or [])
    with refusals():
        asker = ask if can_ask() and not as_json else None
        opened = open_bucket(bucket, endpoint_url)
        known = known_product.load(opened, product, may_be_new=new_product, ask=asker)
        found = _read(files, kinds, base_url, where, version=version, build=build)
        built = found.built
        built_files.verify_signatures(built, known.signing_keys, known.key)
        document = {"schema": 1, "product": product, "channel": channel, "version": version} | imported.given(
            build=build,
            released_at=encode.moment(datetime.now(UTC)),
            available_at=not_before,
            title=title,
            notes={language: release_document.notes(release_document.text(notes), version)} if notes else None,
            critical=critical or None,
            artifacts=[each.wire for each in built],
        )

        def make_plan(opened: Bucket, now: datetime) -> Plan:
            return policy_edits.release(opened, document, now)

        # Report a refusal before any file is uploaded: their keys can never be used again.
        planned = execute(where._replace(dry_run=True), make_plan)
        report["files"], report["skipped"] = _table(built, document, planned), found.skipped
        _show_files(where, report["files"], found.skipped)
        if place:
            report["uploaded"] = _upload(place, found, where)
            _say(where, *(f"{'would upload' if dry_run else 'uploaded'} {url}" for url in report["uploaded"]))
        if check_urls and not (place and dry_run):  # a dry run has not uploaded the files
            _check_urls(built, quiet=quiet)
        if percent is not None:
            edit = policy_edits.rollout(version, {"percent": percent}, is_new=True)

            def make_policy(opened: Bucket, now: datetime) -> Plan:
                return policy_edits.policy(opened, product, channel, edit, now, may_be_new=True)

            policy = execute(where, make_policy)
            report["policy"] = as_json_of(where, policy)
            _show(where, policy)
        plan = execute(where, make_plan)
        report = as_json_of(where, plan) | report
        _show(where, plan)
        is_well = True
        if wait and service_url and not dry_run:
            is_well = _follow(plan.key, service_url, where, timeout, report)
    if as_json:
        say_json(report)
    raise typer.Exit(0 if is_well else 1)


def _table(built: list[Built], document: dict[str, Any], plan: Plan) -> list[dict[str, str]]:
    """Return a row for each file: what it is, how it was recognised, and which updaters get it."""
    from comet_updates.publish.uploads import parse  # noqa: PLC0415 (as above)
    from comet_updates_cli import receivers  # noqa: PLC0415 (as above)

    release = parse.parse(parse.MODELS["release"], plan.key, parse.as_json(document))
    try:
        offer = receivers.offer_of(release, plan.then, datetime.now(UTC))
    except VersionSyntaxError:  # the pin of the channel cannot be compared; publishing reports it
        offer = receivers.offer_of(release, None, datetime.now(UTC))
    updaters = receivers.receivers(offer)
    return [
        {
            "file": each.file.name,
            "system": each.wire["platform"],
            "architecture": each.wire["arch"],
            "kind": each.wire["kind"],
            "recognised_by": each.how,
            "updaters": updaters[each.wire["url"]],
        }
        for each in built
    ]


def _show_files(where: Where, rows: list[dict[str, str]], skipped: list[str]) -> None:
    if not where.as_json and not where.quiet:
        header = ("file", "system", "architecture", "kind", "recognised by", "updaters")
        say_table([header, *([cell or "none" for cell in row.values()] for row in rows)])
        say(*(f"skipped  {line}" for line in skipped))


def _check_urls(built: list[Built], *, quiet: bool) -> None:
    from comet_updates_cli import output, release_document  # noqa: PLC0415 (as above)

    for each in output.each("Checking", built, quiet=quiet):
        release_document.answers(each.wire)


def _say(where: Where, *lines: str) -> None:
    if not where.as_json and not where.quiet:
        say(*lines)


def _show(where: Where, plan: Plan) -> None:
    if not where.as_json and not where.quiet:
        show(where, plan)


def _follow(key: str, service_url: str, where: Where, timeout_s: float, report: dict[str, Any]) -> bool:
    """Wait until all documents are live, or waiting cannot help. Return whether the release is as it should be."""
    from comet_updates.publish.bucket import open_bucket  # noqa: PLC0415 (as above)
    from comet_updates_cli import channel_status, wait_until_live  # noqa: PLC0415 (as above)

    upload = object_keys.parse_upload(key)
    assert upload is not None  # noqa: S101 (we made it)
    opened = open_bucket(where.bucket, where.endpoint_url)
    deadline = time.monotonic() + timeout_s
    stands = wait_until_live.standing(opened, upload, datetime.now(UTC))
    sights: list[DocumentStatus] = []
    while stands.state == wait_until_live.OFFERED and stands.offer:
        sights = wait_until_live.sights(opened, stands.offer, service_url)
        is_told = upload.version in wait_until_live.versions_live(service_url, upload.product, upload.channel)
        if is_told and all(sight.is_live for sight in sights):
            break
        if time.monotonic() >= deadline:
            status = channel_status.status(opened, upload.product, datetime.now(UTC))
            says = [
                f"{refused}: refused: {problem}" for refused in status.refused for problem in status.refused[refused]
            ]
            warn(f"comet-updates: {key}: not live after {timeout_s:.0f} s. Run comet-updates status.")
            warn(*(f"comet-updates: {line}" for line in says))
            report["live"] = {"state": "late", "says": says, "documents": [sight._asdict() for sight in sights]}
            return False
        time.sleep(POLL_S)
        stands = wait_until_live.standing(opened, upload, datetime.now(UTC))
    report["live"] = {
        "state": stands.state,
        "says": stands.says,
        "documents": [sight._asdict() for sight in sights],
    }
    return _tell(service_url, where, stands, sights)


def _tell(service_url: str, where: Where, stands: ReleaseStatus, sights: list[DocumentStatus]) -> bool:
    from comet_updates_cli import wait_until_live  # noqa: PLC0415 (as above)

    if stands.state == wait_until_live.REFUSED or stands.offer is None:
        warn(*(f"comet-updates: {line}" for line in stands.says))
        return False
    if stands.state != wait_until_live.OFFERED:
        _say(where, *stands.says)
        return True
    path = urls.document_path(stands.offer.product, stands.offer.channel, "").rstrip("/")
    _say(where, f"live at {service_url.rstrip('/')}{path}")
    width = max((len(sight.document) for sight in sights), default=0)
    for sight in sights:
        _say(where, f"  {sight.document:{width}}  {sight.version}{f', {sight.why}' if sight.why else ''}")
    if reached := wait_until_live.rollout(stands.offer):
        _say(where, f"  reaches {reached}")
    return True
