"""What a person reads before deciding about an update. Whatever a release says, it cannot steer a terminal."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping

from rich.filesize import decimal

from comet_updates.client.choice import Outcome, Verdict
from comet_updates.client.offered import Release

NOTES_MAX_CHARS = 4_000
_JOINERS = "\u200c\u200d"  # writing systems and emoji need them

SAYS = {
    Outcome.UPDATE: "An update is there.",
    Outcome.PAGE: "An update is there, on a page of its own.",
    Outcome.CURRENT: "This is the latest version.",
    Outcome.AHEAD: "What is installed is newer than what is offered: it was withdrawn, or comes from another channel. "
    "Nothing is done; a higher version will be offered.",
    Outcome.SKIPPED: "This version is skipped. A higher one will be offered.",
    Outcome.LATER_GROUP: "A new version is being rolled out, and has not reached this copy yet.",
    Outcome.STEP_BETWEEN: "A new version is there, and what is installed is too old to go to it directly.",
    Outcome.NO_FILE: "A new version is there, but no file for this computer.",
    Outcome.NOTHING: "Nothing is offered at this address.",
    Outcome.NOT_DUE: "It is not time to ask yet.",
    Outcome.OFF: "Updates are switched off for this copy: nothing was asked. --on switches them on.",
}


def clean(text: str) -> str:
    """`text` without anything that a terminal could take for a command, or that turns the direction of a line."""
    lines = text.replace("\r\n", "\n").replace("\t", "    ").split("\n")
    return "\n".join("".join(c for c in line if c.isprintable() or c in _JOINERS) for line in lines)


def notes(told: Mapping[str, str], language: str) -> str:
    """The notes in `language` (`de-AT`, or as in `LANG`), or in one that is close to it, without markup of HTML."""
    wanted = re.split(r"[.@]", language.replace("_", "-"))[0].lower()
    by_tag = {tag.lower(): text for tag, text in told.items()}
    found = next((by_tag[tag] for tag in (wanted, wanted.split("-")[0], "en") if tag in by_tag), None)
    text = next(iter(told.values()), "") if found is None else found
    return clean(html.unescape(re.sub(r"<[^<>]{0,1000}>", "", text))).strip()


def describe(verdict: Verdict, installed: str, language: str) -> Iterator[str]:
    """The lines to show."""
    yield SAYS[verdict.outcome]
    release = verdict.release
    if release is None or verdict.outcome is Outcome.CURRENT:
        return
    yield f"  version    {clean(release.display_version)} (installed: {clean(installed)})"
    if verdict.artifact and verdict.artifact.size_bytes:
        yield f"  size       {decimal(verdict.artifact.size_bytes)}"
        yield f"  from       {clean(verdict.artifact.url)}"
    if verdict.is_critical:
        yield "  critical   yes: whoever made it asks to update soon"
    yield from _text(release, language)


def _text(release: Release, language: str) -> Iterator[str]:
    if release.title:
        yield f"  {clean(release.title)}"
    text = notes(release.notes, language)
    if len(text) > NOTES_MAX_CHARS:
        text = f"{text[:NOTES_MAX_CHARS]} ..."
    yield from (f"  {line}".rstrip() for line in text.splitlines())
    if release.link:
        yield f"  more at    {clean(release.link)}"
