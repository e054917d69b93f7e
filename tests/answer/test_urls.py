"""Test the grammar of URLs: some lead to a document, and all others lead to none."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from comet_updates.answer import urls
from comet_updates.model import served
from testkit.people import PLACES, old_numbers

MANIFEST = "public/v1/comet-cursor/stable/manifest.json"
NAMES = st.from_regex(urls.NAME, fullmatch=True).filter(lambda name: len(name) <= 64)
GUID = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/v1/comet-cursor/stable", MANIFEST),
        ("/v1/comet-cursor/stable/manifest.json", MANIFEST),
        ("/v1/comet-cursor/stable/releases.json", "public/v1/comet-cursor/stable/releases.json"),
        ("/v1/a/1.x_y-z", "public/v1/a/1.x_y-z/manifest.json"),
        ("/schemas/release.json", "public/schemas/release.json"),
        ("/", "public/pages/index.html"),
        ("/privacy", "public/pages/privacy.html"),
        ("/comet-cursor", "public/pages/comet-cursor.html"),
        ("/v1", "public/pages/v1.html"),
        ("/comet-cursor/de", "public/pages/comet-cursor.!de.html"),
        ("/comet-cursor/pt-BR", "public/pages/comet-cursor.!pt-BR.html"),
        ("/page/2", "public/pages/page.!2.html"),
        ("/page/9999", "public/pages/page.!9999.html"),
        ("/comet-cursor/feed.atom", "public/pages/comet-cursor.atom"),
    ],
)
def test_a_url_leads_to_its_key(path: str, key: str) -> None:
    assert urls.public_key(path) == key


@pytest.mark.parametrize(
    "suffix",
    [
        "3F2504E0-4F89-11D3-9A0C-0305E82C3301",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "{3F2504E0-4F89-11D3-9A0C-0305E82C3301}",
        "%7B3F2504E0-4F89-11D3-9A0C-0305E82C3301%7D",
        "%7b3f2504e0-4f89-11d3-9a0c-0305e82c3301%7d",
        "3F2504E04F8911D39A0C0305E82C3301",
        "1",
        "12345678901234567890",
        "DN-12345",
        "dn12345",
    ],
)
def test_the_number_of_a_legacy_copy_is_dropped(suffix: str) -> None:
    assert urls.public_key(f"/v1/comet-cursor/stable/{suffix}") == MANIFEST
    assert urls.public_key(f"/v1/comet-cursor/stable/manifest.json/{suffix}") == MANIFEST


@pytest.mark.parametrize("place", PLACES)
def test_place_of_a_name_with_a_sound_name_leads_to_a_key(place: str) -> None:
    """Positive control of the next test: the same URLs lead to a key if the name is valid."""
    path = place.replace("{}", "en")
    assert urls.public_key(path) or urls.drop_in(path)


@given(old_numbers())
@example(GUID)
@example(GUID.replace("-", ""))
@example("1234567")
@example("dn1")
@example("dn-1")
def test_number_in_the_place_of_a_name_leads_nowhere(number: str) -> None:
    for path in (place.replace("{}", number) for place in PLACES):
        assert (urls.public_key(path), urls.drop_in(path)) == (None, None), path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/v1/",
        "/v1/comet-cursor",
        "/v1/comet-cursor/",
        "/v1/comet-cursor/stable/",
        "/v1/comet-cursor//manifest.json",
        "/v1/../..",
        "/v1/../stable",
        "/v1/a..b/stable",
        "/v1/comet-cursor/..",
        "/v1/comet-cursor/stable/../../../releases/x.json",
        "/v1/comet-cursor%2Fstable",
        "/v1/comet-cursor/stable%2F",
        "/v1/comet-cursor/stable\x00",
        "/v1/comet-cursor/stable\n",
        "\n/v1/comet-cursor/stable",
        "/v1/Comet-Cursor/stable",
        "/V1/comet-cursor/stable",
        "/v1/комета/stable",
        "/v1/comet\u2010cursor/stable",
        "/v1/comet-cursor/\u0455table",
        "/v1/-comet/stable",
        "/v1/comet-/stable",
        "/v1/comet-cursor/stable/manifest",
        "/v1/comet-cursor/stable/Manifest.json",
        "/v1/comet-cursor/stable/.json",
        "/v1/comet-cursor/stable/manifest.html",
        "/v1/comet-cursor/stable/manifest.json/other.json",
        "/v1/comet-cursor/stable/1/2",
        "/v1/comet-cursor/stable/not-a-guid",
        "/v1/comet-cursor/stable/123456789012345678901",
        "/v2/comet-cursor/stable",
        "/schemas/",
        "/schemas/other.json",
        "//",
        "/privacy/",
        "/comet-cursor/feed.atom/",
        "/comet-cursor/other.atom",
        "/Comet/feed.atom",
        "/Privacy",
        "/a..b",
        "/privacy\n",
        "/3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "/3f2504e04f8911d39a0c0305e82c3301",
        "/1234567",
        "/dn1234567",
        "/comet-cursor/dn-1234567",
        "/comet-cursor/DN-1",
        "/comet-cursor/3f2504e04f8911d39a0c0305e82c3301",
        "/comet-cursor/1234567",
        "/comet-cursor/de/",
        "/comet-cursor/de/1",
        "/comet-cursor/elvish",
        "/page/0",
        "/page/1",
        "/page/02",
        "/page/10000",
        "/page/2/1",
        "/schemas/release.json/1",
        "/public/v1/comet-cursor/stable/manifest.json",
        f"/v1/{'a' * 65}/stable",
        f"/v1/{'a' * 10_000}/stable",
        f"/v1/comet-cursor/{'a.' * 5_000}",
    ],
    ids=lambda path: repr(path[:50]),
)
def test_anything_else_leads_nowhere(path: str) -> None:
    assert urls.public_key(path) is None


@given(st.text() | st.from_regex(r"/v1/[a-z./%-]{0,9}/[a-zA-Z0-9./%-]{0,20}", fullmatch=True))
def test_whatever_is_asked_stays_below_public(path: str) -> None:
    key = urls.public_key(path)
    assert key is None or (
        key.startswith(("public/v1/", "public/schemas/", "public/pages/")) and ".." not in key and key.isascii()
    )


@given(NAMES, NAMES)
def test_a_url_can_be_made_of_every_name(product: str, channel: str) -> None:
    key = urls.public_key(f"/v1/{product}/{channel}")
    assert key == urls.document_key(product, channel, "manifest.json")
    assert urls.document_id(key) == (product, channel, "manifest.json")
    assert urls.content_type(key) == "application/json"


def test_a_url_exists_for_just_the_schemas_of_the_models() -> None:
    assert set(urls.SCHEMAS) == set(served.SCHEMAS)
