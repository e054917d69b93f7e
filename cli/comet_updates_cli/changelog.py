"""Finds the notes of one version in a changelog, as people and tools write them in Markdown.

Headings and links are those of CommonMark, so a `#` in a code block is not a heading. Forms of headings:
Keep a Changelog 1.1.0 (`## [1.2.0] - 2026-11-20`), conventional-changelog (`### [1.2.1](link) (date)` followed by
`### Bug Fixes`: its levels say major, minor and patch), release-please and changesets.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from comet_updates.errors import ArtifactError

_MARKDOWN = MarkdownIt("commonmark", {"store_labels": True})
_VERSION = r"v?[0-9]+(?:\.[0-9]+)+[0-9A-Za-z.+-]*"
_STARTS = re.compile(rf"(?:(?:version|release)\s+)?\[?{_VERSION}(?![0-9A-Za-z])", re.IGNORECASE)
"""The beginning of the heading of a version. Another heading can begin so, too: `10.15 is no longer supported`."""
_NOTHING_ELSE = re.compile(r"\s*(?:$|[^\w\s]|[0-9])")
"""The rest of the heading of a version: nothing, or a date, a link, or words in parentheses."""
_NAMES_A_VERSION = re.compile(rf"(?<![0-9A-Za-z.]){_VERSION}", re.IGNORECASE)
_UNRELEASED = re.compile(r"\W*(?:unreleased\b.*|(?:upcoming|next)(?: (?:version|release|changes))?\W*)", re.IGNORECASE)
_PARTS = {
    *("added", "changed", "deprecated", "removed", "fixed", "security"),
    *("features", "bug fixes", "performance improvements", "reverts", "breaking changes", "documentation", "styles"),
    *("code refactoring", "tests", "build system", "continuous integration", "chores", "miscellaneous chores"),
    *("miscellaneous", "dependencies", "major changes", "minor changes", "patch changes", "contributors"),
}
"""The headings in the notes of a version: Keep a Changelog, conventional-changelog, release-please, changesets."""
_ANCHOR = re.compile(r"<a\s[^<>]*>\s*</a>")


class _Heading(NamedTuple):
    """A heading: its level, its text without links and HTML, and its first and last line."""

    level: int
    text: str
    first: int
    after: int

    @property
    def is_of_a_version(self) -> bool:
        start = _STARTS.match(self.text)
        is_version = start is not None and _NOTHING_ELSE.match(self.text, start.end())
        return bool(is_version or _UNRELEASED.fullmatch(self.text))


def notes(text: str, version: str, name: str) -> str:
    """Return the notes of a version: its section of a changelog, or the whole text if that is not a changelog.

    Args:
        text: the text of the file.
        version: the version.
        name: the file's name, for the error.

    Raises:
        ArtifactError: the text has sections for other versions only.
    """
    environment: dict[str, Any] = {}
    text = text.removeprefix("\ufeff")  # editors on Windows write it
    tokens = _MARKDOWN.parse(text, environment)
    headings = _headings(tokens)
    found = _heading_of(version, headings)
    if found is None:
        if _is_changelog(headings):
            raise ArtifactError(name, f"has no section for {version}", f"Add a heading such as: ## {version}")
        return text.strip()
    end = _end(found, headings[headings.index(found) + 1 :])
    definitions: dict[str, Any] = environment.get("references", {})
    return _without_anchors(_section(text, found.after, end, definitions, _labels(tokens, found.after, end)))


def _is_changelog(headings: Sequence[_Heading]) -> bool:
    """Return whether a text has sections for versions: one that is clear, or two such as `1.2.0 Codename`."""
    starting = Counter(heading.level for heading in headings if _STARTS.match(heading.text))
    return any(heading.is_of_a_version for heading in headings) or max(starting.values(), default=0) > 1


def _headings(tokens: Sequence[Token]) -> list[_Heading]:
    """Return the headings outside quotes and lists."""
    found = []
    for token, inline in itertools.pairwise(tokens):
        if token.type == "heading_open" and token.level == 0 and token.map:
            words = "".join(" " if each.type == "softbreak" else each.content for each in _texts(inline))
            found.append(_Heading(int(token.tag[1:]), words.strip(), token.map[0], token.map[1]))
    return found


def _texts(inline: Token) -> list[Token]:
    return [each for each in inline.children or () if each.type in ("text", "code_inline", "softbreak")]


def _heading_of(version: str, headings: Sequence[_Heading]) -> _Heading | None:
    """Return the heading that begins with the version; or else the highest that names it, such as `App 1.2.0`."""
    exact = re.compile(rf"(?<![0-9A-Za-z.])v?{re.escape(version)}(?![0-9A-Za-z+-]|\.[0-9A-Za-z])", re.IGNORECASE)
    naming = [heading for heading in headings if exact.search(heading.text)]
    own = [each for each in naming if (start := _STARTS.match(each.text)) and exact.search(start[0])]
    return next(iter(own), None) or min(naming, key=lambda heading: heading.level, default=None)


def _end(found: _Heading, later: Sequence[_Heading]) -> int | None:
    """Return the line where the section ends; None for the end of the text."""
    has_text = bool(later) and later[0].first > found.after + 1
    for heading in later:
        if heading.level < found.level or heading.is_of_a_version:
            return heading.first
        is_part = not has_text or heading.text.strip(" :").lstrip("⚠️ ").casefold() in _PARTS
        if heading.level == found.level and (_NAMES_A_VERSION.search(heading.text) or not is_part):
            return heading.first
    return None


def _labels(tokens: Sequence[Token], first: int, end: int | None) -> set[str]:
    """Return the labels of the link definitions that lines use."""
    inside = (token for token in tokens if token.map and token.map[0] >= first and (end is None or token.map[0] < end))
    return {child.meta["label"] for token in inside for child in token.children or () if "label" in child.meta}


def _section(text: str, first: int, end: int | None, definitions: dict[str, Any], used: Iterable[str]) -> str:
    """Return lines of the text, without link definitions, and then the definitions that they use."""
    lines = text.split("\n")
    defining = {line for each in definitions.values() for line in range(*each["map"])}
    kept = [line for number, line in enumerate(lines[:end]) if number >= first and number not in defining]
    section = "\n".join(kept).strip()
    needed = [line for label in sorted(used) for line in lines[slice(*definitions[label]["map"])]]
    return "\n\n".join(filter(None, [section, "\n".join(needed)]))


def _without_anchors(section: str) -> str:
    """Return a section without the HTML anchors at its end, which belong to the next heading."""
    while _ANCHOR.fullmatch(section, start := max(section.rfind("<a"), 0)):
        section = section[:start].rstrip()
    return section
