"""The command `release`, from built files to a live release: arguments, printing and exit codes, as in `cli`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from comet_updates.answer import urls
from comet_updates.errors import DecisionError, VersionSyntaxError
from comet_updates_cli import rollout_options
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
    version_name,
    waiting,
)
from comet_updates_cli.rollout_options import GROUPS, Every, Groups, Percent, Start
from comet_updates_cli.run_plan import as_json_of, execute, follow, show
from comet_updates_cli.terminal import ask, can_ask, refusals, say, say_json, say_table, warn

if TYPE_CHECKING:
    from comet_updates.publish.bucket import Bucket
    from comet_updates_cli.built_files import Built, BuiltFiles
    from comet_updates_cli.part_job import Job
    from comet_updates_cli.policy_edits import Plan
    from comet_updates_cli.recognise.decide import Question
    from comet_updates_cli.recognise.evidence import Evidence
    from comet_updates_cli.rollout_options import How
    from comet_updates_cli.upload_files import Place

app = typer.Typer()
Files = Annotated[
    list[Path] | None,
    typer.Argument(
        exists=True, metavar="[FILE...]", help="Built files and folders, with the feeds and checksums of the builder."
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
NotBefore = Annotated[str | None, typer.Option(help="Start time, such as 2026-11-20T12:00:00Z.")]


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
        found[said[1]] = _kind(said, "--as")
    return found


def _kind(said: re.Match[str], source: str) -> Evidence:
    from comet_updates.formats.file_names import ARCHES  # noqa: PLC0415 (other commands need not load it)
    from comet_updates_cli.recognise.evidence import Kind  # noqa: PLC0415 (as above)
    from comet_updates_cli.recognise.recognised import as_told  # noqa: PLC0415 (as above)

    if said[3] not in ARCHES:
        raise typer.BadParameter(f"{said[3]!r} is not an architecture. Choose one of {', '.join(ARCHES)}.")
    return as_told(Kind(said[2], said[3], said[4] or "delta"), said[5], source)


def _ask(name: str, question: Question) -> Evidence | None:
    """Ask the person at the terminal what a file is. An empty answer leaves the file out."""
    example = "/".join(question.suggestion)
    while answer := ask(f"{name}: {question.problem}. What is it? For example {example}; Enter leaves it out"):
        said = _AS.fullmatch(answer)
        if said and not said[1]:
            try:
                return _kind(said, "your answer")
            except typer.BadParameter as error:
                warn(f"comet-updates: {error.message}")
    return None


def _base_url(text: str | None) -> str | None:
    if {"?", "#"} & set(text or ""):
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

    if not files:  # a job that joins parts
        return built_files.BuiltFiles([], [])
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


def _job(part: str | None, parts: str | None, percent: int | None, every: str | None, *, replaces: bool) -> Job | None:
    from comet_updates_cli.part_job import Job  # noqa: PLC0415 (as above)

    if part is None and parts is None:
        if replaces:
            raise typer.BadParameter("--replace-part needs --part. Name the part to replace.")
        return None
    if every is not None:
        raise typer.BadParameter("--every cannot be used with --part or --parts. Run comet-updates rollout afterwards.")
    names = tuple(sorted({name.strip() for name in (parts or "").split(",") if name.strip()}))
    for name in (*names, *([part] if part is not None else [])):
        if not urls.is_name(name):
            raise typer.BadParameter(f"{name!r} is not a valid name of a part. Use lower-case letters and digits.")
    if part is None and not names:
        raise typer.BadParameter("--parts is empty. Name all parts, such as windows,macos,linux.")
    if part is not None and names and part not in names:
        raise typer.BadParameter(f"--parts does not name the part {part}. Name all parts, such as windows,macos,linux.")
    return Job(part, names, percent, replaces)


def _check_files(files: list[Path], base_url: str | None, job: Job | None, about: list[object]) -> None:
    """Check that there are files, or a job that joins parts. The parts have the options `about` the release."""
    if files and not base_url:
        raise typer.BadParameter("--base-url is missing. Add the URL of the folder with the files.")
    if files:
        return
    if job is None or job.part:
        raise typer.BadParameter("FILE is missing. Name the built files.")
    if any(about) or job.percent is not None:
        raise typer.BadParameter("Without files, --parts takes notes, dates and percentage from the parts. Omit them.")


@app.command()
def release(
    files: Files = None,
    *,
    product: Annotated[str, typer.Option(callback=product_name, help=PRODUCT_HELP)],
    channel: Annotated[str, typer.Option(callback=channel_name, help=CHANNEL_HELP)] = "stable",
    version: Annotated[str, typer.Option(callback=version_name, help=VERSION_HELP)],
    base_url: Annotated[
        str | None, typer.Option(callback=_base_url, help="URL of the folder from which clients download the files.")
    ] = None,
    new_product: Annotated[bool, typer.Option("--new-product", help="Create a product that does not exist.")] = False,
    upload_to: Annotated[
        str | None,
        typer.Option(metavar="S3://BUCKET/FOLDER", help="Upload the files there first. Existing files are kept."),
    ] = None,
    upload_endpoint_url: Annotated[
        str | None, typer.Option(help="With --upload-to: URL of its S3. Default: --endpoint-url.")
    ] = None,
    build: Annotated[
        str | None, typer.Option(help="Build number, compared by Sparkle and the schemes `build` and `sparkle`.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title of the release.")] = None,
    notes: Notes = None,
    language: Annotated[str, typer.Option(help="Language of the notes, such as en or pt-BR.")] = "en",
    critical: Annotated[bool, typer.Option("--critical", help="Mark the release as critical.")] = False,
    not_before: NotBefore = None,
    percent: Percent = None, every: Every = None, groups: Groups = GROUPS, start: Start = None,
    told: As = None,
    part: Annotated[
        str | None, typer.Option(metavar="NAME", help="Upload FILES as this part of a release that several jobs build.")
    ] = None,
    parts: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES", help="All parts, such as windows,macos,linux. The job that adds the last part releases."
        ),
    ] = None,
    replace_part: Annotated[
        bool, typer.Option("--replace-part", help="With --part: replace a different part of this name.")
    ] = False,
    check_urls: Annotated[bool, typer.Option(help="Check that each URL answers with the file's size.")] = True,
    wait: Wait = False, service_url: ServiceUrl = None, timeout: Timeout = TIMEOUT_S,
    bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False, as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Release built files.

    Recognises each file by the builder's feeds, its content and its name, verifies its signatures, and prints a table.
    The release is uploaded only after every file answers at its URL. Running it again changes nothing, and an
    interrupted run continues.

    If several jobs build the files, run each with --part and --parts. The job that adds the last part releases all
    files. Or run each with --part, and then one job with --parts and without files.
    """
    from comet_updates.formats import encode, imported  # noqa: PLC0415 (as above)
    from comet_updates.publish.bucket import open_bucket  # noqa: PLC0415 (as above)
    from comet_updates_cli import built_files, known_product, part_job, policy_edits  # noqa: PLC0415 (as above)

    where = Where(bucket, endpoint_url, dry_run, as_json, quiet, waiting(wait, service_url, timeout))
    how = rollout_options.rollout(percent, every, groups, start or not_before)
    job = _job(part, parts, percent, every, replaces=replace_part)
    _check_files(files or [], base_url, job, [build, title, notes, critical, not_before])
    place = _place(upload_to, upload_endpoint_url or endpoint_url)
    report: dict[str, Any] = {}
    kinds = _told(told or [])
    with refusals():
        asker = ask if can_ask() and not as_json else None
        found = _read(files or [], kinds, base_url or "", where, version=version, build=build)
        opened = open_bucket(bucket, endpoint_url)
        known = known_product.load(opened, product, may_be_new=new_product, ask=asker)
        built = found.built
        built_files.verify_signatures(built, known.signing_keys, known.key)
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

        joint = part_job.PartJob(job, opened, where, document) if job else None
        if joint:
            document = joint.preview()
        # Report a refusal before any file is uploaded: their keys can never be used again.
        planned = execute(where._replace(dry_run=True), make_plan)
        report |= _table(built, document, planned) | {"skipped": found.skipped}
        _show_files(where, report)
        if place:
            report["uploaded"] = _upload(place, found, where)
            _say(where, *(f"{'would upload' if dry_run else 'uploaded'} {url}" for url in report["uploaded"]))
        if check_urls and not (place and dry_run):  # a dry run has not uploaded the files
            _check_urls(built, quiet=quiet)
        joined = joint.join(report) if joint else (document, percent)
        if joined is None:
            if as_json:
                say_json(report)
            raise typer.Exit(NOT_LIVE if where.waiting else DONE)
        document, percent = joined
        how = rollout_options.rollout(percent, None, groups, None) if joint else how
        if how:
            report["policy"] = begin_rollout(where, product, channel, version, how)
        plan = execute(where, make_plan)
        report = as_json_of(where, plan) | report
        _show(where, plan)
        if how and plan.body is None:
            report["note"] = say_kept_rollout(where, product, channel, version)
        code = follow(where, plan, report)
    if as_json:
        say_json(report)
    raise typer.Exit(code)


def _notes(file: Path, version: str, language: str) -> dict[str, str] | None:
    from comet_updates_cli import changelog, release_document  # noqa: PLC0415 (as above)

    found = changelog.notes(release_document.text(file), version, str(file))
    return {language: found} if found else None


def begin_rollout(where: Where, product: str, channel: str, version: str, how: How) -> dict[str, Any]:
    """Set the rollout of a version that is about to be released, unless it is released. Return it for `--json`.

    Raises:
        CometError: the policy would be refused, or S3 fails.
    """
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    def make_policy(opened: Bucket, now: datetime) -> Plan:
        edit = policy_edits.first_rollout(version, how, now)
        return policy_edits.policy(opened, product, channel, edit, now, may_be_new=True)

    plan = execute(where, make_policy)
    if plan.body is not None:
        _show(where, plan)
    return as_json_of(where, plan)


def say_kept_rollout(where: Where, product: str, channel: str, version: str) -> str:
    """Print which rollout a version keeps that was released before, and how to change it. Return it for `--json`.

    Raises:
        CometError: S3 fails.
    """
    from comet_updates.publish.bucket import open_bucket  # noqa: PLC0415 (as above)
    from comet_updates_cli import channel_status, policy_edits  # noqa: PLC0415 (as above)

    found = policy_edits.rollout_of(open_bucket(where.bucket, where.endpoint_url), product, channel, version)
    rollout = f"Its rollout stays at {channel_status.in_words(found)}." if found else "It has no rollout, as before."
    said = (
        f"{channel} has {version} already. {rollout} To change it, run comet-updates rollout"
        f" {product} {channel} {version} with --percent or --every."
    )
    _say(where, said)
    return said


def _table(built: list[Built], document: dict[str, Any], plan: Plan) -> dict[str, list[dict[str, str]]]:
    """Return what `release` shows about the files, for `--json`.

    `files` has a row for each file: what it is, how it was recognised, and which updaters get it. `behind` names the
    copies of the app that would be offered a file that does not run there.
    """
    from comet_updates.model.release import Release  # noqa: PLC0415 (as above)
    from comet_updates.publish.uploads import parse  # noqa: PLC0415 (as above)
    from comet_updates_cli import receivers  # noqa: PLC0415 (as above)

    release = parse.parse(Release, plan.key, parse.as_json(document))
    try:
        offer = receivers.offer_of(release, plan.then, datetime.now(UTC))
    except VersionSyntaxError:  # the pin of the channel cannot be compared; publishing reports it
        offer = receivers.offer_of(release, None, datetime.now(UTC))
    updaters = receivers.receivers(offer)
    rows = [
        {
            "file": each.file.name,
            "system": each.wire["platform"],
            "architecture": each.wire["arch"],
            "kind": each.wire["kind"],
            "recognised_by": each.how,
            "updaters": updaters.get(each.wire["url"], ""),
        }
        for each in built
    ]
    return {"files": rows, "behind": [lag._asdict() for lag in receivers.without_a_file(offer)]}


def _show_files(where: Where, report: dict[str, Any]) -> None:
    if report["files"] and not where.as_json and not where.quiet:
        header = ("file", "system", "architecture", "kind", "recognised by", "updaters")
        say_table([header, *([cell or "none" for cell in row.values()] for row in report["files"])])
        say(*(f"skipped  {line}" for line in report["skipped"]))
        say(*("behind   {document}: stays at {version}, because {why}".format_map(lag) for lag in report["behind"]))


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
