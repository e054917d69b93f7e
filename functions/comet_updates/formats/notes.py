"""The title and notes of a release, for formats that have one language or show HTML."""

from __future__ import annotations

import functools
import html
import re
from collections import Counter
from collections.abc import Sequence

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

from comet_updates.model.release import Release

FALLBACK = "en"
# No images: loading an image would show its host that somebody opened the notes.
_TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6"),
    *("hr", "i", "kbd", "li", "ol", "p", "pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead"),
    *("tr", "ul"),
}

LINK_MAX_CHARS = 10_000
"""The parser takes quadratic time for a long link outside ASCII. Five times the longest URL that a release may have."""

HTML_BASE_CHARS = 10_000
HTML_FACTOR = 10
"""HTML has at most `HTML_BASE_CHARS` and `HTML_FACTOR` characters for each character of the notes.

A text of `&` alone takes five. Markdown copies the URL of a link definition into every link that uses it, and a browser
opens unclosed tags again in every paragraph: 50 kB of such notes would become hundreds of megabytes.
"""

_REOPENED_MAX_CHARS = 5_000_000
"""The longest link of HTML notes times the number of tags, each of which may make the sanitiser open the link again."""

NESTING_MAX = 100
"""HTML notes with tags in more tags are shown as written. A parser looks at all open tags for each new one: 100 kB of
`<dl><dd>` took five seconds. Browsers stop at 512; notes in the field have about ten."""

_NOT_NESTING = {
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"),
    *("dd", "dt", "li", "option", "p", "td", "th", "tr"),
}
"""The tags that have no end, or that end where the next one of their kind begins."""

_TAG = re.compile(r"<(/?)([a-z][^\s/>]*)", re.ASCII | re.IGNORECASE)

# The tags that HTML parsers open again where a block closed them (HTML standard, section 13.2.4.3).
_FORMATTING = re.compile(
    r"""<(a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)([\s/](?:=\s*"[^"]*"|=\s*'[^']*'|[^>])*)?>""",
    re.ASCII | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"""[\s/]+([^\s/>][^\s/>=]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]*)))?""", re.ASCII)


class _Markdown(MarkdownIt):
    """Markdown in which a link longer than `LINK_MAX_CHARS` is text."""

    def normalizeLink(self, url: str) -> str:  # noqa: N802 (the library's name)
        return url if len(url) > LINK_MAX_CHARS else super().normalizeLink(url)

    def validateLink(self, url: str) -> bool:  # noqa: N802 (the library's name)
        return len(url) <= LINK_MAX_CHARS and super().validateLink(url)


_MARKDOWN = _Markdown("commonmark", {"html": False}).enable(["table", "strikethrough"])


def title(release: Release) -> str:
    """Return the title of the release."""
    return release.title or f"Version {release.display_version or release.version}"


def notes(release: Release) -> str:
    """Return the notes in English, or in the first language of the release; empty without notes."""
    return release.notes.get(language(release), "")


def language(release: Release, wanted: str = FALLBACK) -> str:
    """Return the language of the notes to show: `wanted`, English, or the first; empty without notes."""
    return next((tag for tag in (wanted, FALLBACK, *release.notes) if release.notes.get(tag)), "")


def notes_html(release: Release, tag: str | None = None) -> str:
    """Return the same notes, or those in the language `tag`, as HTML that runs nothing and loads nothing.

    Notes whose HTML would be too large (see `HTML_FACTOR`) are shown as they are written.
    """
    return _html(notes(release) if tag is None else release.notes.get(tag, ""), release.notes_format)


@functools.lru_cache(maxsize=64)  # several documents show the same notes, and hostile ones take a second each time
def _html(written: str, notes_format: str) -> str:
    convert = {"markdown": _from_markdown, "html": _from_html}.get(notes_format)
    unsafe = convert(written) if convert else None
    found = None if unsafe is None else _sanitised(unsafe)
    if found is None or len(found) > _max_chars(written):
        return _sanitised(f"<pre>{html.escape(written)}</pre>") if written else ""
    return found


def _sanitised(unsafe: str) -> str:
    return nh3.clean(unsafe, tags=_TAGS, attributes={"a": {"href"}}, url_schemes={"https", "http", "mailto"})


def _max_chars(written: str) -> int:
    return HTML_BASE_CHARS + HTML_FACTOR * len(written)


def _from_markdown(written: str) -> str | None:
    """Return Markdown as HTML, or None if that would be too large. Measures before it renders: memory is short."""
    tokens = _MARKDOWN.parse(written)
    return _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}) if _chars(tokens) <= _max_chars(written) else None


def _chars(tokens: Sequence[Token]) -> int:
    """Return how many characters the texts and the attributes of `tokens` have, in which links repeat their URL."""
    return sum(
        len(token.content) + sum(len(str(value)) for value in token.attrs.values()) + _chars(token.children or ())
        for token in tokens
    )


def _from_html(written: str) -> str | None:
    """Return HTML whose formatting tags have no attributes but `href`, or None if it could be too large or too slow.

    Such a tag is short, and a parser opens at most three of a kind again, and one link. Each tag is replaced by another
    tag, not by nothing, or the text around it could form a new tag.
    """
    longest = 0

    def plain(found: re.Match[str]) -> str:
        nonlocal longest
        name = found[1].lower()
        href = _href(found[2] or "") if name == "a" else None
        tag = f"<{name}>" if href is None else f'<a href="{href}">'
        longest = max(longest, len(tag))
        return tag if name in _TAGS else "<span>"

    end = written.rfind(">") + 1  # no tag ends after this; the expression would look for one from each `<a` on
    plainer = _FORMATTING.sub(plain, written[:end]) + written[end:]
    return plainer if longest * plainer.count("<") <= _REOPENED_MAX_CHARS and _is_flat(plainer) else None


def _is_flat(written: str) -> bool:
    """Return whether HTML opens at most `NESTING_MAX` tags inside each other."""
    opened = Counter[str]()
    depth = 0
    for end, name in _TAG.findall(written):
        tag = name.lower()
        if tag in _NOT_NESTING or (end and not opened[tag]):
            continue
        change = -1 if end else 1
        opened[tag] += change
        depth += change
        if depth > NESTING_MAX:
            return False
    return True


def _href(attributes: str) -> str | None:
    """Return the value of the first `href`, escaped for double quotes, or None."""
    for found in _ATTRIBUTE.finditer(attributes.rstrip()):
        if found[1].lower() == "href":
            return "".join(found.groups("")[1:]).replace('"', "&quot;").replace("<", "&lt;")
    return None
