"""Test that the list of products follows the products, and reads only the entries that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from comet_updates.pages import html
from testkit.documents import release
from tests.publish.conftest import PublisherFixture

if TYPE_CHECKING:
    from testkit.s3 import S3

GATHERED = "public/pages/index.json"
INDEX = "public/pages/index.html"


def key(version: str) -> str:
    return f"releases/comet-cursor/stable/{version}.json"


@pytest.fixture
def published(s3: S3, rig: PublisherFixture) -> S3:
    """Return a bucket with 4.2.1 on stable, published with the list."""
    s3.put(key("4.2.1"), release())
    rig.sweep()
    return s3


@pytest.mark.http
def test_says_what_is_latest_and_follows_it(published: S3, rig: PublisherFixture) -> None:
    rig.sweep()
    assert b">4.2.1<" in published.get(INDEX)
    published.put(key("4.3.0"), release("4.3.0"))
    rig.publisher.publish("comet-cursor")
    rig.publisher.publish_index()
    assert b">4.3.0<" in published.get(INDEX)


def test_reads_only_changed_entries_even_after_a_new_start(published: S3) -> None:
    for number in range(40):
        published.put(f"public/pages/other-{number}.html", b"")
        published.put(f"public/pages/other-{number}.json", b'{"name":"Other","latest":[],"more":0}')
    PublisherFixture(published).publisher.publish_index()
    published.put("public/pages/other-7.json", b'{"name":"Renamed","latest":[],"more":0}')
    published.put("public/pages/other-8.json", b"{")
    anew = PublisherFixture(published)
    anew.publisher.publish_index()
    read = [argument for name, argument in anew.bucket.operations if name == "current"]
    assert sorted(read) == [GATHERED, "public/pages/other-7.json", "public/pages/other-8.json"]
    assert published.get(INDEX).count(b">Other<") == 38
    assert b">Renamed<" in published.get(INDEX)
    assert b">other-8<" in published.get(INDEX)


@pytest.mark.parametrize("left", [b"", b"[1]", b'{"comet-cursor": 1}', b"\xff", b"[" * 100_000])
def test_does_not_need_what_was_gathered(published: S3, rig: PublisherFixture, left: bytes) -> None:
    rig.sweep()
    before = published.tree("public/pages/")
    published.put(GATHERED, left)
    rig.publisher.publish_index()
    assert published.tree("public/pages/") == before


def test_has_as_many_pages_as_it_needs(published: S3, rig: PublisherFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [f"public/pages/{number:04}{'x' * 60}.html" for number in range(30)]
    for page in many:
        published.put(page, b"")
    monkeypatch.setattr(html, "MAX_BYTES", len(published.get(INDEX)) + 4_000)
    rig.publisher.publish_index()
    assert [*published.keys("public/pages/index."), *published.keys("public/pages/page.")] == [
        INDEX,
        GATHERED,
        "public/pages/page.!2.html",
    ]
    for page in many:
        published.delete(page)
    rig.publisher.publish_index()
    assert published.keys("public/pages/page.") == []


def test_a_language_has_a_page_while_there_are_notes_in_it(published: S3, rig: PublisherFixture) -> None:
    german = "public/pages/comet-cursor.!de.html"
    published.put(key("4.3.0"), release("4.3.0", notes={"en": "new", "de": "neu"}))
    rig.sweep()
    assert b"neu" in published.get(german)
    published.delete(key("4.3.0"))
    rig.sweep()
    assert german not in published.keys("public/pages/")
