"""The rules of RFC 4287 for a feed, each with its section. They find what a validator would find."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import urlsplit

ATOM = "{http://www.w3.org/2005/Atom}"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def problems(feed: bytes) -> list[str]:
    """Return the problems of a feed."""
    root = ET.fromstring(feed.decode())
    if root.tag != f"{ATOM}feed":
        return ["4.1.1: the document is an atom:feed"]
    nodes = [root, *root.findall(f"{ATOM}entry")]
    found = [problem for node in nodes for rule in OF_A_FEED_AND_AN_ENTRY for problem in rule(node)]
    return found + [problem for rule in OF_THE_FEED for problem in rule(root)]


def has_one_id_title_and_moment(node: ET.Element) -> Iterator[str]:
    """4.1.1, 4.1.2: exactly one of each."""
    for name in ("id", "title", "updated"):
        if len(node.findall(f"{ATOM}{name}")) != 1:
            yield f"4.1: not exactly one {name}"


def has_an_absolute_id(node: ET.Element) -> Iterator[str]:
    """4.2.6: an absolute IRI."""
    if not urlsplit(node.findtext(f"{ATOM}id", "")).scheme:
        yield "4.2.6: the id is not absolute"


def has_dates_as_the_standard_writes_them(node: ET.Element) -> Iterator[str]:
    """3.3: RFC 3339, with a capital T and Z."""
    for name in ("updated", "published"):
        for date in node.findall(f"{ATOM}{name}"):
            if not _MOMENT.fullmatch(date.text or ""):
                yield f"3.3: {date.text!r} is not a date"


def has_links_that_lead_somewhere_once(node: ET.Element) -> Iterator[str]:
    """4.2.7: `href` is required; 4.1.1: one alternate per type and language; `length` is a number of bytes."""
    links = node.findall(f"{ATOM}link")
    if any(not link.get("href") for link in links):
        yield "4.2.7.1: a link without href"
    alternates = Counter(
        (link.get("type"), link.get("hreflang")) for link in links if link.get("rel", "alternate") == "alternate"
    )
    if any(number > 1 for number in alternates.values()):
        yield "4.1.1: two alternates of one type and language"
    if any(not (link.get("length") or "1").isdigit() for link in links):
        yield "4.2.7.6: a length that is not a number"


def has_content_of_a_known_type(node: ET.Element) -> Iterator[str]:
    """4.1.3: text, html or xhtml has no source; html is text, with no elements of its own; 4.1.2: once."""
    contents = node.findall(f"{ATOM}content")
    if len(contents) > 1:
        yield "4.1.2: content twice"
    for content in contents:
        if content.get("type", "text") not in ("text", "html") or content.get("src") is not None or len(content):
            yield "4.1.3: content that is neither text nor escaped html"


def holds_only_what_the_standard_names(node: ET.Element) -> Iterator[str]:
    """4.1.1, 4.1.2: only elements of the standard. Our feeds use no extensions."""
    known = {"id", "title", "updated", "published", "link", "author", "content", "summary", "entry", "category"}
    unknown = {child.tag for child in node} - {f"{ATOM}{name}" for name in known}
    if unknown:
        yield f"4.1: {min(unknown)} is not known"


def has_authors_with_names(root: ET.Element) -> Iterator[str]:
    """4.1.1: an author of the feed, unless every entry has one; 3.2.1: exactly one name."""
    authors = root.findall(f"{ATOM}author")
    if not authors and any(entry.find(f"{ATOM}author") is None for entry in root.findall(f"{ATOM}entry")):
        yield "4.1.1: nobody wrote it"
    if any(len(author.findall(f"{ATOM}name")) != 1 for author in authors):
        yield "3.2.1: an author without a name"


def says_where_it_is(root: ET.Element) -> Iterator[str]:
    """4.1.1: a feed should have a link to itself."""
    if "self" not in [link.get("rel") for link in root.findall(f"{ATOM}link")]:
        yield "4.1.1: no link to itself"


def tells_its_entries_apart(root: ET.Element) -> Iterator[str]:
    """4.1.1: entries of one id differ in their time; ours differ in their id."""
    ids = [entry.findtext(f"{ATOM}id") for entry in root.findall(f"{ATOM}entry")]
    if len(set(ids)) != len(ids):
        yield "4.1.1: two entries of one id"


Rule = Callable[[ET.Element], Iterable[str]]
OF_A_FEED_AND_AN_ENTRY: tuple[Rule, ...] = (
    has_one_id_title_and_moment,
    has_an_absolute_id,
    has_dates_as_the_standard_writes_them,
    has_links_that_lead_somewhere_once,
    has_content_of_a_known_type,
    holds_only_what_the_standard_names,
)
OF_THE_FEED: tuple[Rule, ...] = (has_authors_with_names, says_where_it_is, tells_its_entries_apart)
