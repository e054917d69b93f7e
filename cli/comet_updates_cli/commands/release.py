"""The command `release`, from built files to a live release: arguments, printing and exit codes, as in `cli`."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from comet_updates.answer import urls
from comet_updates.errors import DecisionError
from comet_updates_cli.options import (
    CHANNEL_HELP,
    DONE,
    NOT_LIVE,
    PRODUCT_HELP,
    TIMEOUT_S,
    VERSION_HELP,
    AsJson,
    BucketName,
    DryRun,
    EndpointUrl,
    Quiet,
    ServiceUrl,
    Timeout,
    Wait,
    Where,
    channel_name,
    product_name,
    waiting,
)
from comet_updates_cli.run_plan import as_json_of, execute, follow, show
from comet_updates_cli.terminal import refusals, say, say_json

if TYPE_CHECKING:
    from comet_updates.publish.bucket import Bucket
    from comet_updates_cli.hash_files import Sums
    from comet_updates_cli.policy_edits import Plan
    from comet_updates_cli.release_document import Kind, Wire
    from comet_updates_cli.release_parts import Part
    from comet_updates_cli.upload_files import Place

app = typer.Typer()
Files = Annotated[
    list[Path] | None,
    typer.Argument(
        exists=True, dir_okay=False, metavar="[FILE...]", help="Built files, and electron-builder's latest*.yml."
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


def _kinds(told: list[str]) -> dict[str, tuple[Kind, str | None]]:
    """Return the kinds from `--as`, with the base version of a delta, by file name."""
    from comet_updates_cli.release_document import Kind  # noqa: PLC0415 (other commands need not load it)

    found: dict[str, tuple[Kind, str | None]] = {}
    for text in told:
        said = re.fullmatch(r"(.+)=([^/]+)/([^/]+)/(installer|archive)|(.+)=([^/]+)/([^/]+)/delta/(.+)", text)
        if not said:
            raise typer.BadParameter(
                f"--as {text!r} is not valid. Write FILE=linux/x86_64/archive or FILE=windows/x86_64/delta/4.1.0."
            )
        if said[1]:
            found[said[1]] = Kind(said[2], said[3], said[4]), None
        else:
            found[said[5]] = Kind(said[6], said[7], "delta"), said[8]
    return found


class Built(NamedTuple):
    """A built file, its size and hashes, and its artifact."""

    file: Path
    sums: Sums
    wire: Wire


def _place(told: str | None, endpoint_url: str | None) -> Place | None:
    from comet_updates_cli.upload_files import Place  # noqa: PLC0415 (as above)

    if told is None:
        return None
    said = re.fullmatch(r"s3://([^/]+)(?:/(.*?))?/?", told)
    if not said:
        raise typer.BadParameter(f"--upload-to {told!r} is not valid. Write s3://BUCKET/FOLDER.")
    return Place(said[1], f"{said[2]}/" if said[2] else "", endpoint_url)


def _built(files: list[Path], base_url: str, told: list[str], *, quiet: bool) -> list[Built]:
    from comet_updates_cli import hash_files, output, release_document  # noqa: PLC0415 (as above)

    kinds = _kinds(told)
    beside = (*release_document.SIGNATURE_ENDINGS, ".blockmap")
    built = [file for file in files if not file.name.endswith((*beside, ".yml"))]
    if unknown := kinds.keys() - {file.name for file in built}:
        raise DecisionError(f"--as names {min(unknown)}, which is not among the files to release. Check the spelling.")
    said = release_document.channel_files(file for file in files if file.suffix == ".yml")
    for file in built:
        release_document.check_name(file)
    made = []
    with output.in_bytes("Hashing", sum(file.stat().st_size for file in built), quiet=quiet) as advance:
        for file in built:
            kind, from_version = kinds.get(file.name) or (release_document.recognise(file.name), None)
            sums = hash_files.sums(file, advance)
            wire = release_document.artifact(file, kind, sums, base_url, said)
            made.append(Built(file, sums, wire | ({"from_version": from_version} if from_version else {})))
    return made


def _upload(place: Place, built: list[Built], where: Where) -> list[str]:
    """Upload the missing files, or only look for them in a dry run. Return the URLs of the missing files."""
    from comet_updates_cli import output, upload_files  # noqa: PLC0415 (as above)

    downloads = upload_files.Downloads(place)
    if where.dry_run:
        return [place.url(each.file) for each in built if not downloads.holds(each.file, each.sums)]
    with output.in_bytes("Uploading", sum(each.sums.size_bytes for each in built), quiet=where.quiet) as advance:
        return [place.url(each.file) for each in built if downloads.put(each.file, each.sums, advance)]


class _Job(NamedTuple):
    """One of several jobs that build a release: its part, if it has files, and the names of all parts, if known."""

    part: str | None
    names: tuple[str, ...]
    percent: int | None
    replaces: bool


def _job(part: str | None, parts: str | None, percent: int | None, *, replaces: bool) -> _Job | None:
    if part is None and parts is None:
        if replaces:
            raise typer.BadParameter("--replace-part needs --part. Name the part to replace.")
        return None
    names = tuple(sorted({name.strip() for name in (parts or "").split(",") if name.strip()}))
    for name in (*names, *([part] if part is not None else [])):
        if not urls.is_name(name):
            raise typer.BadParameter(f"{name!r} is not a valid name of a part. Use lower-case letters and digits.")
    if part is None and not names:
        raise typer.BadParameter("--parts is empty. Name all parts, such as windows,macos,linux.")
    if part is not None and names and part not in names:
        raise typer.BadParameter(f"--parts does not name the part {part}. Name all parts, such as windows,macos,linux.")
    return _Job(part, names, percent, replaces)


def _check_files(files: list[Path], base_url: str | None, job: _Job | None, about: list[object]) -> None:
    """Check that there are files, or a job that joins parts. The parts have all that is said `about` the release."""
    if files and not base_url:
        raise typer.BadParameter("--base-url is missing. Add the URL of the folder with the files.")
    if files:
        return
    if job is None or job.part:
        raise typer.BadParameter("FILE is missing. Name the built files.")
    if any(about) or job.percent is not None:
        raise typer.BadParameter("Without files, --parts takes notes, dates and percentage from the parts. Omit them.")


class _Joint:
    """A release that several jobs build, as one of the jobs sees it."""

    def __init__(self, job: _Job, where: Where, document: dict[str, Any]) -> None:
        from comet_updates.publish.bucket import open_bucket  # noqa: PLC0415 (as above)
        from comet_updates_cli.release_parts import Part, Parts  # noqa: PLC0415 (as above)

        self._job, self._where = job, where
        self._deadline = time.monotonic() + (where.waiting.timeout_s if where.waiting else 0)
        self._part = None if job.part is None else Part(job.part, job.names, job.percent, document)
        bucket = open_bucket(where.bucket, where.endpoint_url)
        self._parts = Parts(bucket, document["product"], document["channel"], document["version"], job.names)
        self._uploaded = self._parts.uploaded()

    def preview(self) -> dict[str, Any]:
        """Return the release with the parts that are known, or as it is uploaded.

        Raises:
            DecisionError: this job's part contradicts them; or this job has no part, and one is missing.
        """
        if self._uploaded is not None:
            if self._part:
                self._parts.check_contained(self._part, self._uploaded)
            return self._uploaded
        if self._part:
            return self._parts.preview(self._part, replaces=self._job.replaces)
        missing, whole = self._all()
        if whole is None:
            raise DecisionError(f"parts are missing: {', '.join(missing)}. Run their jobs first, then run this again.")
        return whole.release

    def join(self, report: dict[str, Any]) -> tuple[dict[str, Any], int | None] | None:
        """Upload this job's part. Return the whole release and its first percentage, or None if parts are missing."""
        if self._uploaded is not None:
            return self._uploaded, None  # its rollout may have moved on
        if self._part:
            key, is_dry = self._parts.key(self._part.name), self._where.dry_run
            is_new = is_dry or self._parts.save(self._part, replaces=self._job.replaces)
            report["part"] = {"key": key, "written": is_new and not is_dry}
            done = f"{'would write' if is_dry else 'wrote'} {key}"
            _say(self._where, done if is_new else f"nothing to do: {key} is already up to date")
        if not self._job.names:
            _say(self._where, "To release all parts, run comet-updates release --parts with their names.")
            return None
        missing, whole = self._all()
        if whole is None:
            report.setdefault("part", {})["missing"] = missing
            _say(self._where, f"The release waits for other parts: {', '.join(missing)}.")
            return None
        return whole.release, whole.percent

    def _all(self) -> tuple[list[str], Part | None]:
        """Return the missing parts, and the joined parts if none is missing. Waits for them if it may."""
        newest = self._part if self._where.dry_run or self._job.replaces else None
        missing, whole = self._parts.join(newest)
        while whole is None and not self._where.dry_run and time.monotonic() < self._deadline:
            time.sleep(POLL_S)
            missing, whole = self._parts.join(newest)
        return missing, whole


@app.command()
def release(
    files: Files = None,
    *,
    product: Annotated[str, typer.Option(callback=product_name, help=PRODUCT_HELP)],
    channel: Annotated[str, typer.Option(callback=channel_name, help=CHANNEL_HELP)] = "stable",
    version: Annotated[str, typer.Option(help=VERSION_HELP)],
    base_url: Annotated[
        str | None, typer.Option(help="URL of the folder from which clients download the files.")
    ] = None,
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
    part: Annotated[
        str | None, typer.Option(metavar="NAME", help="Upload FILES as this part of a release that several jobs build.")
    ] = None,
    parts: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="All parts, such as windows,macos,linux. The job with the last releases."),
    ] = None,
    replace_part: Annotated[
        bool, typer.Option("--replace-part", help="With --part: replace a different part of this name.")
    ] = False,
    check_urls: Annotated[bool, typer.Option(help="Check that each URL answers with the file's size.")] = True,
    wait: Wait = False, service_url: ServiceUrl = None, timeout: Timeout = TIMEOUT_S,
    bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False, as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Release built files. Detects their kinds, hashes them, and adds the signatures beside them.

    The release is uploaded only after every file answers at its URL. Running it again changes nothing, and an
    interrupted run continues.

    If several jobs build the files, run each with --part and --parts. The job that adds the last part releases all
    files. Or run each with --part, and then one job with --parts and without files.
    """
    from comet_updates.formats import encode, imported  # noqa: PLC0415 (as above)
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    where = Where(bucket, endpoint_url, dry_run, as_json, quiet, waiting(wait, service_url, timeout))
    job = _job(part, parts, percent, replaces=replace_part)
    _check_files(files or [], base_url, job, [build, title, notes, critical, not_before])
    place = _place(upload_to, upload_endpoint_url or endpoint_url)
    report: dict[str, Any] = {}
    with refusals():
        built = _built(files or [], base_url or "", told or [], quiet=quiet)
        document = {"schema": 1, "product": product, "channel": channel, "version": version} | imported.given(
            build=build,
            released_at=encode.moment(datetime.now(UTC)),
            available_at=not_before,
            title=title,
            notes=_notes(notes, version, language) if notes else None,
            critical=critical or None,
            artifacts=[each.wire for each in built],
        )

        def make_plan(opened: Bucket, now: datetime) -> Plan:
            return policy_edits.release(opened, document, now)

        joint = _Joint(job, where, document) if job else None
        if joint:
            document = joint.preview()
        # Report a refusal before any file is uploaded: their keys can never be used again.
        execute(where._replace(dry_run=True), make_plan)
        if place:
            report["uploaded"] = _upload(place, built, where)
            _say(where, *(f"{'would upload' if dry_run else 'uploaded'} {url}" for url in report["uploaded"]))
        if check_urls and not (place and dry_run):  # a dry run has not uploaded the files
            _check_urls(built, quiet=quiet)
        joined = joint.join(report) if joint else (document, percent)
        if joined is None:
            if as_json:
                say_json(report)
            raise typer.Exit(NOT_LIVE if where.waiting else DONE)
        document, percent = joined
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
        code = follow(where, plan, report)
    if as_json:
        say_json(report)
    raise typer.Exit(code)


def _notes(file: Path, version: str, language: str) -> dict[str, str] | None:
    from comet_updates_cli import changelog, release_document  # noqa: PLC0415 (as above)

    found = changelog.notes(release_document.text(file), version, str(file))
    return {language: found} if found else None


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
