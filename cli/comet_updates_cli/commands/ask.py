"""The command `ask`, which runs the reference client: arguments, question to the person, printing, exit codes."""

from __future__ import annotations

import shutil
import ssl
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from comet_updates.errors import AddressError
from comet_updates.versions import Scheme
from comet_updates_cli import ask_text, files
from comet_updates_cli.options import AsJson
from comet_updates_cli.terminal import refusals, say, say_json, say_request
from comet_updates_client import check, machine, request, schedule
from comet_updates_client.choose import Installed, Outcome, Verdict
from comet_updates_client.manifest import Artifact
from comet_updates_client.source import Source, Tls

if TYPE_CHECKING:
    from comet_updates_client.verify import PublicKey

app = typer.Typer()
CHANCE = SystemRandom()
NOTHING_NEW = 3
NOW, LATER, SKIP, NEVER, NOBODY_ASKED = "now", "later", "skip", "never", ""
HOUR_S = 3_600
WEEK_HOURS = 168


class Task(NamedTuple):
    """The request from the command line."""

    app: check.App
    folder: Path
    public_key: PublicKey | None
    language: str
    is_yes: bool
    as_json: bool


@app.command("ask")
def ask(
    url: Annotated[str, typer.Argument(help="https://HOST/v1/PRODUCT/CHANNEL", metavar="URL")],
    *,
    installed: Annotated[
        str | None, typer.Option(help="Installed version, or build number for --scheme build or sparkle. Never sent.")
    ] = None,
    scheme: Annotated[Scheme, typer.Option(help="Version scheme of the product.")] = Scheme.SEMVER,
    public_key: Annotated[
        str | None, typer.Option(help="minisign public key: accept only files signed with it.")
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="TUF root: accept only answers that it verifies."),
    ] = None,
    manifest_key: Annotated[
        str | None, typer.Option(help="minisign public key: accept only a manifest signed with it and not expired.")
    ] = None,
    to: Annotated[Path, typer.Option(file_okay=False, help="Folder to download to.")] = Path(),
    when_due: Annotated[
        bool, typer.Option("--when-due", help="Check only if it is time, for use in timers and at the start of an app.")
    ] = False,
    every_hours: Annotated[
        int, typer.Option(min=1, max=WEEK_HOURS, help="With --when-due: average hours between two checks.")
    ] = schedule.INTERVAL_S // HOUR_S,
    language: Annotated[
        str, typer.Option(envvar="LANG", help="Language of the notes, such as en or pt-BR. Never sent.")
    ] = "en",
    memory: Annotated[
        Path | None,
        typer.Option("--state", dir_okay=False, help="File for the state of this copy, such as skipped versions."),
    ] = None,
    home: Annotated[
        Path | None, typer.Option(envvar=["XDG_STATE_HOME", "LOCALAPPDATA"], hidden=True, help="Folder of the state.")
    ] = None,
    turn: Annotated[
        bool | None,
        typer.Option("--on/--off", help="Off: never check again. On: check again, also for skipped versions."),
    ] = None,
    show_request: Annotated[
        bool, typer.Option("--show-request", help="Print all requests byte for byte, and send nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Download an update without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check a service for an update. Then ask you: now, later, skip this version, or never ask again.

    Sends the same bytes from every machine, and compares versions on yours. Downloads and verifies a file, but
    never installs or runs it. Exit code 0: an update is available or was downloaded. 1: refused or failed. 3: nothing
    to do, or you declined.
    """
    try:
        channel = request.channel(url)
    except AddressError as error:
        raise typer.BadParameter(str(error), param_hint="URL") from error
    if root and manifest_key:
        raise typer.BadParameter("cannot be used with --root. Use only one of the two.", param_hint="--manifest-key")
    memory = memory or _memory(home, channel)
    with refusals():
        source = _source(root, manifest_key)
        if show_request:
            say_request(b"".join(source.requests(channel)))
            return
        if turn is False:
            check.switch_off(memory, CHANCE)
            say(f"Off: this copy no longer checks for updates. Use --on to switch it on again. ({memory})")
            return
        if installed is None:
            raise typer.BadParameter("missing. Add the installed version; it is not sent.", param_hint="--installed")
        if turn:
            check.switch_on(memory, CHANCE)
        own = Installed(scheme, installed)
        asker = check.App(channel, own, machine.this(), memory, every_hours * HOUR_S, source)
        _ask(Task(asker, to, _key(public_key), language, yes, as_json), only_if_due=when_due)


def _key(public_key: str | None) -> PublicKey | None:
    from comet_updates_client import verify  # noqa: PLC0415 (other commands need not load it)

    return verify.key(public_key) if public_key else None


def _source(root: Path | None, manifest_key: str | None) -> Source:
    """Return the source that verifies answers.

    Raises:
        UnusableRootError: `root` is not a TUF root.
        UnreadableFileError: `root` cannot be read.
        RefusedDownloadError: `manifest_key` is not a minisign key.
    """
    if root:
        from comet_updates_client import source_tuf  # noqa: PLC0415 (as above)

        return source_tuf.shipped(files.read(root, source_tuf.SIGNED_MAX_BYTES))
    if key := _key(manifest_key):
        from comet_updates_client.source_minisign import Minisign  # noqa: PLC0415 (as above)

        return Minisign(key)
    return Tls()


def _memory(home: Path | None, channel: request.Channel) -> Path:
    """Return the state file of a channel, in the system's folder for application state."""
    usual = "Library/Application Support" if sys.platform == "darwin" else ".local/state"
    return (home or Path.home() / usual) / "comet-updates" / f"{channel.product}-{channel.channel}.json"


def _ask(task: Task, *, only_if_due: bool) -> None:
    tls = ssl.create_default_context()
    verdict = check.look(task.app, tls, datetime.now(UTC), CHANCE, only_if_due=only_if_due)
    tell: Callable[..., None] = (lambda *_: None) if task.as_json else say
    columns = shutil.get_terminal_size().columns
    tell(*ask_text.describe(verdict, task.app.installed.version, task.language, columns))
    answer = _answer(task) if verdict.artifact else NOBODY_ASKED
    file = None
    if verdict.release and answer == SKIP:
        check.skip(task.app, verdict.release, CHANCE)
        tell("Skipped. The next version will be offered.")
    elif answer == NEVER:
        check.switch_off(task.app.memory, CHANCE)
        tell("Off: this copy no longer checks for updates. Use --on to switch it on again.")
    elif verdict.artifact and answer == NOW:
        file = _download(task, verdict.artifact, tls)
        tell(f"Downloaded and verified: {file}. Nothing was installed.")
    elif verdict.artifact and answer == NOBODY_ASKED:
        tell("Nothing was downloaded. Use --yes to download it.")
    if task.as_json:
        say_json(_wire(task.app, verdict, file))
    is_there = verdict.outcome in (Outcome.UPDATE, Outcome.PAGE) and answer in (NOW, NOBODY_ASKED)
    raise typer.Exit(0 if is_there else NOTHING_NEW)


def _answer(task: Task) -> str:
    """Return the person's answer, or `NOBODY_ASKED` without a terminal. No answer counts as `LATER`."""
    if task.is_yes:
        return NOW
    if task.as_json or not sys.stdin.isatty():
        return NOBODY_ASKED
    from rich.prompt import Prompt  # noqa: PLC0415 (as above)

    try:
        return Prompt.ask("Download it?", choices=[NOW, LATER, SKIP, NEVER], default=LATER)
    except (EOFError, KeyboardInterrupt):
        return LATER


def _download(task: Task, artifact: Artifact, tls: ssl.SSLContext) -> Path:
    from comet_updates_cli import output  # noqa: PLC0415 (as above)
    from comet_updates_client.download import download  # noqa: PLC0415 (as above)

    with output.in_bytes("Downloading", artifact.size_bytes, quiet=task.as_json) as advance:
        done = 0

        def so_far(size_bytes: int) -> None:
            nonlocal done
            advance(size_bytes - done)
            done = size_bytes

        return download(artifact, task.folder, tls, task.public_key, so_far)


def _wire(app: check.App, verdict: Verdict, file: Path | None) -> dict[str, Any]:
    """Return the document for `--json`."""
    release, artifact = verdict.release, verdict.artifact
    return {
        "outcome": verdict.outcome.value,
        "vouched_by": _vouching(app, verdict),
        "version": release.version if release else None,
        "display_version": release.display_version if release else None,
        "notes": release.notes if release else {},
        "link": release.link if release else None,
        "critical": verdict.is_critical,
        "url": artifact.url if artifact else None,
        "size": artifact.size_bytes if artifact else None,
        "file": str(file) if file else None,
    }


def _vouching(app: check.App, verdict: Verdict) -> str | None:
    """Return what verified the answer; `None` without a request, or for a request to this machine without TLS."""
    is_asked = verdict.outcome not in (Outcome.OFF, Outcome.NOT_DUE)
    is_vouched_for = app.channel.address.is_tls or not isinstance(app.source, Tls)
    return app.source.vouching if is_asked and is_vouched_for else None
