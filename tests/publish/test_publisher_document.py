"""Test the document about the publisher: which version counts, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from comet_updates import object_keys
from comet_updates.answer import urls
from testkit.documents import release

if TYPE_CHECKING:
    from testkit.s3 import S3
    from tests.publish.conftest import PublisherFixture

KEY = object_keys.PUBLISHER
REJECTED = object_keys.rejected_key(KEY)
PAGES = tuple(urls.page_key(page) for page in ("privacy", "index", "comet-cursor"))


def document(**fields: Any) -> dict[str, Any]:
    return {"schema": 1, "name": "Acme", "contact": "privacy@example.com"} | fields


@pytest.fixture
def published(s3: S3, rig: PublisherFixture) -> S3:
    s3.put("releases/comet-cursor/stable/4.2.1.json", release())
    rig.sweep()
    return s3


def pages(s3: S3) -> list[str]:
    return [s3.get(key).decode() for key in PAGES]


def test_document_changes_every_page_and_nothing_else(published: S3, rig: PublisherFixture) -> None:
    before = published.tree("public/")
    published.put(KEY, document())
    rig.sweep()
    after = published.tree("public/")
    assert {key for key in before | after if before.get(key) != after.get(key)} == set(PAGES)
    assert all("Acme" in page for page in pages(published))
    published.delete(KEY)
    rig.sweep()
    assert published.tree("public/") == before


def test_product_that_is_published_alone_shows_the_newest_document(published: S3, rig: PublisherFixture) -> None:
    published.put(KEY, document())
    published.put("releases/comet-cursor/stable/4.2.2.json", release("4.2.2"))
    rig.publisher.publish("comet-cursor")
    assert "Acme" in published.get(PAGES[2]).decode()


def test_refused_document_leaves_the_last_valid_one_in_effect(published: S3, rig: PublisherFixture) -> None:
    published.put(KEY, document())
    rig.sweep()
    before = published.tree("public/")
    for body in (b"{", json.dumps(document(name="")).encode()):
        published.put(KEY, body)
        rig.sweep()
        assert published.tree("public/") == before
        assert published.json(REJECTED)["key"] == KEY
    published.put(KEY, document(name="Beta"))
    rig.sweep()
    assert all("Beta" in page for page in pages(published))
    assert published.keys("rejected/") == []


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"name": "A\nB"}, "$.name"),
        ({"name": "A\u202eB"}, "$.name"),
        ({"name": " "}, "$.name"),
        ({"name": "A" * 81}, "$.name"),
        ({"contact": "A\x7f"}, "$.contact"),
        ({"contact": "A" * 201}, "$.contact"),
        ({"homepage": "http://example.com/"}, "$.homepage"),
        ({"policy_url": "javascript:alert(1)"}, "$.policy_url"),
        ({"quotes": {"P1": "A\rB"}}, "$.quotes.P1"),
        ({"quotes": {"P1": "A" * 1001}}, "$.quotes.P1"),
        ({"quotes": {"P12": "A"}}, "$.quotes.P12"),
        ({"colours": {"light": "red"}}, "$.colours.light"),
        ({"colours": {"light": '#fff"/>'}}, "$.colours.light"),
        ({"colours": {"light": "#ffffff", "dark": "#fff"}}, "$.colours.dark"),
        ({"logo": "https://example.com/logo.png"}, "$.logo"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_document_with_a_wrong_field_is_refused(
    published: S3, rig: PublisherFixture, fields: dict[str, Any], path: str
) -> None:
    before = pages(published)
    published.put(KEY, document(**fields))
    rig.sweep()
    assert [problem["path"] for problem in published.json(REJECTED)["problems"]] == [path]
    assert pages(published) == before


def test_other_key_beside_the_document_is_refused(published: S3, rig: PublisherFixture) -> None:
    published.put("site/logo.png", b"x")
    rig.sweep()
    assert published.keys("rejected/") == [object_keys.rejected_key("site/logo.png")]
