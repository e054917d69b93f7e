"""The text that a person reads before deciding about an update. A release's text cannot control the terminal."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping

from rich.filesize import decimal

from comet_updates_client.choose import Outcome, Verdict
from comet_updates_client.manifest import Release

NOTES_MAX_CHARS = 4_000
_JOINERS = "\u200c\u200d"  # writing systems and emoji need them

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
    return "\n".join("".join(c for c in line if c.isprintable() or c in _JOINERS) for line in lines)


def notes(told: Mapping[str, str], language: str) -> str:
    """Return the notes in `language` (`de-AT`, or as in `LANG`) or a similar language, without HTML markup."""
    wanted = re.split(r"[.@]", language.replace("_", "-"))[0].lower()
    by_tag = {tag.lower(): text for tag, text in told.items()}
    found = next((by_tag[tag] for tag in (wanted, wanted.split("-")[0], "en") if tag in by_tag), None)
    text = next(iter(told.values()), "") if found is None else found
    return clean(html.unescape(re.sub(r"<[^<>]{0,1000}>", "", text))).strip()


def describe(verdict: Verdict, installed: str, language: str) -> Iterator[str]:
    """Yield the lines to show."""
    yield SAYS[verdict.outcome]
    release = verdict.release
    if release is None or verdict.outcome is Outcome.CURRENT:
        return
    yield f"  version    {clean(release.display_version)} (installed: {clean(installed)})"
    if verdict.artifact and verdict.artifact.size_bytes:
        yield f"  size       {decimal(verdict.artifact.size_bytes)}"
        yield f"  from       {clean(verdict.artifact.url)}"
    if verdict.is_critical:
        yield "  critical   yes: the publisher asks you to update soon"
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
