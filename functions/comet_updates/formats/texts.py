"""The texts of a release, for formats that have one language, or that show HTML."""

from __future__ import annotations

import functools
import html

import nh3
from markdown_it import MarkdownIt

from comet_updates.model import Release

FALLBACK = "en"
# Without pictures: whoever opens the notes would tell somebody else of it.
_TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6"),
    *("hr", "i", "kbd", "li", "ol", "p", "pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead"),
    *("tr", "ul"),
}
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def title(release: Release) -> str:
    """What the release is called."""
    return release.title or f"Version {release.display_version or release.version}"


def notes(release: Release) -> str:
    """The notes in English, or in the language that the release names first; empty if there are none."""
    return release.notes.get(language(release), "")


def language(release: Release, wanted: str = FALLBACK) -> str:
    """The language that its notes are to be read in: the wanted one, English, or the first; empty without any."""
    return next((tag for tag in (wanted, FALLBACK, *release.notes) if release.notes.get(tag)), "")


def notes_html(release: Release, tag: str | None = None) -> str:
    """The same notes, or those in the language `tag`, as HTML that runs nothing and loads nothing."""
    return _html(notes(release) if tag is None else release.notes.get(tag, ""), release.notes_format)


@functools.lru_cache(maxsize=64)  # several documents show the same notes, and hostile ones take a second each time
def _html(written: str, notes_format: str) -> str:
    if notes_format == "markdown":
        written = _MARKDOWN.render(written)
    elif notes_format == "text":
        written = f"<pre>{html.escape(written)}</pre>" if written else ""
    return nh3.clean(written, tags=_TAGS, attributes={"a": {"href"}}, url_schemes={"https", "http", "mailto"})
