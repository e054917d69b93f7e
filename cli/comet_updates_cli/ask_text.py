"""The text that a person reads before deciding about an update. A release's text cannot control the terminal."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from itertools import islice

from rich.filesize import decimal

from comet_updates_cli.terminal import JOINERS
from comet_updates_client.choose import Outcome, Verdict

NOTES_MAX_CHARS, NOTES_MAX_ROWS = 4_000, 200
_QUOTE = "  | "

SAYS = {
    Outcome.UPDATE: "An update is available.",
    Outcome.PAGE: "An update is available. Download it from its web page.",
    Outcome.CURRENT: "This is the latest version.",
    Outcome.AHEAD: "The installed version is newer than the offered one: it was withdrawn, or is from another channel. "
    "You need to do nothing; a higher version will be offered.",
    Outcome.SKIPPED: "You skipped this version. A higher version will be offered.",
    Outcome.LATER_GROUP: "A new version is being rolled out. This copy is not in the rollout yet.",
    Outcome.STEP_BETWEEN: "A new version is available, but the installed one is too old to update to it directly.",
    Outcome.NO_FILE: "A new version is available, but has no file for this computer.",
    Outcome.NOTHING: "No release is offered at this URL.",
    Outcome.NOT_DUE: "It is not time to check yet.",
    Outcome.OFF: "Updates are off for this copy, so no request was sent. Use --on to switch them on.",
}


def clean(text: str) -> str:
    """Return `text` without characters that a terminal acts on, or that change the direction of a line."""
    lines = text.replace("\r\n", "\n").replace("\t", "    ").split("\n")
    return "\n".join("".join(c for c in line if c.isprintable() or c in JOINERS) for line in lines)


def notes(told: Mapping[str, str], language: str) -> str:
    """Return the notes in `language` (`de-AT`, or as in `LANG`) or a similar language, without HTML markup."""
    wanted = re.split(r"[.@]", language.replace("_", "-"))[0].lower()
    by_tag = {tag.lower(): text for tag, text in told.items()}
    found = next((by_tag[tag] for tag in (wanted, wanted.split("-")[0], "en") if tag in by_tag), None)
    text = next(iter(told.values()), "") if found is None else found
    return clean(html.unescape(re.sub(r"<[^<>]{0,1000}>", "", text))).strip()


def describe(verdict: Verdict, installed: str, language: str, columns: int) -> Iterator[str]:
    """Yield the lines to show, on a terminal with so many `columns`.

    A line of the service's text begins with `|`, also where it is wrapped. So it cannot look like a line of ours.
    """
    yield SAYS[verdict.outcome]
    release = verdict.release
    if release is None or verdict.outcome is Outcome.CURRENT:
        return
    yield f"  version    {_one_line(release.display_version)} (installed: {_one_line(installed)})"
    if verdict.artifact and verdict.artifact.size_bytes:
        yield f"  size       {decimal(verdict.artifact.size_bytes)}"
        yield f"  from       {_one_line(verdict.artifact.url)}"
    if verdict.is_critical:
        yield "  critical   yes: the publisher asks you to update soon"
    yield from _quoted(_one_line(release.title or ""), columns)
    yield from _quoted(notes(release.notes, language), columns)
    if release.link:
        yield f"  more at    {_one_line(release.link)}"


def _one_line(text: str) -> str:
    """Return `text` in one line, with single spaces: many could move a part of it to the start of the next line."""
    return " ".join(clean(text.replace("\n", " ")).split())


def _quoted(text: str, columns: int) -> Iterator[str]:
    from rich.console import Console  # noqa: PLC0415 (other commands need not load it)
    from rich.text import Text  # noqa: PLC0415 (as above)

    cut = text if len(text) <= NOTES_MAX_CHARS else f"{text[:NOTES_MAX_CHARS]} ..."
    width = max(columns - len(_QUOTE), 20)
    console = Console(width=width)
    # rich knows how wide each letter is.
    rows = (row for line in cut.splitlines() for row in Text(line).wrap(console, width, overflow="fold") or [""])
    yield from (f"{_QUOTE}{row}".rstrip() for row in islice(rows, NOTES_MAX_ROWS))
    if next(rows, None) is not None:
        yield f"{_QUOTE}..."
