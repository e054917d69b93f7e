"""Test the feed of a channel's releases, as a feed reader shows it."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comet_updates.formats import atom
from comet_updates.model.offer import Offer
from tests.formats.offers import HOST, artifact, complete, offer, release


def feed(given: Offer) -> Any:
    found = feedparser.parse(atom.render(given)["feed.atom"], sanitize_html=False)
    assert not found.bozo, found.get("bozo_exception")
    assert found.version == "atom10"
    return found


def content(notes: str, notes_format: str = "markdown") -> str:
    (entry,) = feed(offer(complete("1.0.0", notes={"en": notes}, notes_format=notes_format))).entries
    return str(entry.content[0].value)


def dangers(shown: str) -> list[str]:
    """Return the parts of the HTML that run something, or load something from another host."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend([tag] if tag in ("script", "img", "svg", "style", "iframe", "object", "link", "video") else [])
            found.extend(name for name, _ in attrs if name.startswith("on") or name in ("src", "style"))
            found.extend(value for name, value in attrs if name == "href" and value and value.startswith("javascript"))

    Reader().feed(shown)
    return found


def test_an_entry_per_release_with_what_the_standard_requires() -> None:
    found = feed(offer(complete("2.0.0"), complete("1.0.0", link=f"{HOST}/1")))
    assert [entry.title for entry in found.entries] == ["Version 2.0.0", "Version 1.0.0"]
    assert len({found.feed.id, *(entry.id for entry in found.entries)}) == 3
    assert found.feed.updated == found.entries[0].updated == "2026-11-20T12:00:00Z"
    assert found.feed.author == "p"
    assert found.entries[1].link == f"{HOST}/1"


def test_files_are_enclosures_with_their_size() -> None:
    (entry,) = feed(
        offer(release("1.0.0", artifact("linux", "any", "a.deb"), released_at="2026-11-20T12:00:00Z"))
    ).entries
    assert [(e.href, e.length) for e in entry.enclosures] == [(f"{HOST}/a.deb", "1000")]


def test_an_entry_keeps_its_id_when_others_come() -> None:
    (alone,) = feed(offer(complete("1.0.0"))).entries
    assert feed(offer(complete("2.0.0"), complete("1.0.0"))).entries[1].id == alone.id


def test_a_release_without_a_date_is_no_news() -> None:
    undated = json.loads(json.dumps(artifact("linux", "any", "a.deb")))
    assert atom.render(offer(release("1.0.0", undated))) == {}


def test_markdown_is_shown_as_html() -> None:
    assert content("**New** [page](https://e.example/)") == (
        '<p><strong>New</strong> <a href="https://e.example/" rel="noopener noreferrer">page</a></p>'
    )


def test_plain_text_stays_as_it_is() -> None:
    assert content("a *b* <c>", "text") == "<pre>a *b* &lt;c&gt;</pre>"


@pytest.mark.parametrize("notes_format", ["markdown", "html", "text"])
@pytest.mark.parametrize(
    "notes",
    [
        "<script>alert(1)</script>new",
        "<img src=https://e.example/who.png>new",
        "![new](https://e.example/who.png)",
        "<a href='javascript:alert(1)' onclick='alert(1)'>new</a>",
        "[new](javascript:alert(1))",
        "]]><svg onload=alert(1)>new",
        "<style>@import 'https://e.example/who.css'</style>new",
    ],
)
def test_notes_run_nothing_and_load_nothing(notes: str, notes_format: str) -> None:
    assert dangers(content(notes, notes_format)) == []


def test_markup_that_runs_or_loads_something_would_be_found() -> None:
    assert dangers("<p>a</p><script>b</script>") == ["script"]
    assert dangers("<p onclick='b'><a href='javascript:c'>d</a></p>") == ["onclick", "javascript:c"]


@given(notes=st.text(st.characters(exclude_categories=["Cs"], exclude_characters=[chr(c) for c in range(32)])))
def test_whatever_the_notes_hold_the_feed_can_be_read(notes: str) -> None:
    feed(offer(complete("1.0.0", notes={"en": notes})))


class TestOfAProduct:
    def test_holds_the_releases_of_all_channels_once_the_latest_first(self) -> None:
        older = complete("1.0.0", released_at="2026-11-01T12:00:00Z")
        beta = complete("2.0.0-beta", channel="beta", released_at="2026-11-10T12:00:00Z")
        newer = complete("1.0.1", released_at="2026-11-20T12:00:00Z")
        news = feedparser.parse(atom.product([offer(newer, older), offer(beta, newer, older, channel="beta")]))
        assert [entry.title for entry in news.entries] == ["Version 1.0.1", "Version 2.0.0-beta", "Version 1.0.0"]
        assert news.feed.updated == "2026-11-20T12:00:00Z"

    def test_knows_an_entry_by_the_same_id_as_the_feed_of_its_channel(self) -> None:
        given = offer(complete("1.0.0"))
        news = feedparser.parse(atom.product([given]))
        assert news.entries[0].id == feed(given).entries[0].id
        assert news.feed.id != feed(given).feed.id

    def test_has_no_withdrawn_release(self) -> None:
        assert atom.product([offer(complete("1.0.0"), yanked=("1.0.0",))]) is None
