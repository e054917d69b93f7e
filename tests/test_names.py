"""The grammar of URLs and keys: what leads to a document, and that nothing else leads anywhere."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from comet_updates import object_keys
from comet_updates.answer import errors, urls
from comet_updates.answer.settings import settings
from comet_updates.model import served
from testkit.people import PLACES, old_numbers

MANIFEST = "public/v1/comet-cursor/stable/manifest.json"
NAMES = st.from_regex(urls.NAME, fullmatch=True).filter(lambda name: len(name) <= 64)
PRODUCTS = NAMES.filter(object_keys.is_product)
VERSIONS = st.from_regex(object_keys.VERSION, fullmatch=True)


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


GUID = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"


@pytest.mark.parametrize("place", PLACES)
def test_place_of_a_name_with_a_sound_name_leads_to_a_key(place: str) -> None:
    """Control the next test: the same places lead to a key with a sound name."""
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


NUMBERED = {
    *(GUID, GUID.replace("-", ""), f"beta-{GUID}", f"{GUID}-beta", f"x{GUID}", f"a.{GUID}.b", f"a_{GUID}"),
    *("0" * 32, "1234567", "9" * 64, "dn1", "dn-1", "dn1234567", "a.1234567", "1234567.a", "a.dn1.b"),
}
LEGAL = {
    *("115", "2026", "202611", "123456", "dn", "dna1", "1dn1", "dnx-1", "a1234567", "1234567a"),
    *("nightly-20261120", "20261120-nightly", "beta-dn1", "beta_48151623", "1.2.3", "com.example.dn"),
    *("a" * 31, "a" * 33, "a" * 40, "a" * 64, f"a{GUID}", f"{GUID}0", GUID.replace("-", "_"), GUID.replace("-", ".")),
}


@pytest.mark.parametrize("name", sorted(NUMBERED))
def test_name_with_a_number_in_it_is_refused(name: str) -> None:
    for key in (
        object_keys.product_key(name),
        object_keys.release_key(name, "c", "1"),
        object_keys.channel_key("p", name),
    ):
        assert object_keys.parse_upload(key) is None
    assert object_keys.forbidden(name, product=False) == "looks like a GUID or a download number"
    assert not urls.is_name(name)
    assert not object_keys.is_product(name)
    assert urls.public_key(f"/v1/{name}/stable") is urls.public_key(f"/v1/p/{name}") is None


@pytest.mark.parametrize("name", sorted(LEGAL))
def test_name_that_only_resembles_a_number_is_a_name(name: str) -> None:
    """Hold the bound of the rule, as docs/privacy.md states it."""
    assert object_keys.forbidden(name, product=True) is None
    assert object_keys.parse_upload(object_keys.channel_key(name, name)) == ("channel", name, name, "")
    assert urls.public_key(f"/v1/{name}/{name}") == urls.document_key(name, name, urls.MANIFEST)


@pytest.mark.parametrize("name", object_keys.RESERVED)
def test_reserved_name_is_a_channel_but_not_a_product(name: str) -> None:
    assert object_keys.forbidden(name, product=True) == "is a reserved name"
    assert (
        object_keys.parse_upload(object_keys.product_key(name))
        is object_keys.parse_upload(object_keys.signed_key(name, 1))
        is None
    )
    assert object_keys.parse_upload(object_keys.release_key(name, "c", "1")) is None
    for sound in (f"{name}x", f"{name}-x", f"{name}.x"):
        assert object_keys.parse_upload(object_keys.release_key(sound, name, "1")) == ("release", sound, name, "1")


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
    assert urls.place(key) == (product, channel, "manifest.json")
    assert urls.content_type(key) == "application/json"


@given(PRODUCTS, NAMES, VERSIONS)
def test_the_key_of_an_upload_says_what_it_was_made_of(product: str, channel: str, version: str) -> None:
    assert object_keys.parse_upload(object_keys.product_key(product)) == ("product", product, "", "")
    assert object_keys.parse_upload(object_keys.channel_key(product, channel)) == ("channel", product, channel, "")
    assert object_keys.parse_upload(object_keys.release_key(product, channel, version)) == (
        "release",
        product,
        channel,
        version,
    )
    for key in (object_keys.product_key(product), object_keys.channel_key(product, channel)):
        assert object_keys.product_of(key) == product


@given(st.text(max_size=1024))
def test_a_refusal_can_always_be_stored(key: str) -> None:
    assert len(object_keys.rejected_key(key).encode("utf-8", "surrogatepass")) <= 1024 if key.isprintable() else True


def test_a_url_exists_for_just_the_schemas_of_the_models() -> None:
    assert set(urls.SCHEMAS) == set(served.SCHEMAS)


def test_the_refusal_of_a_long_key_has_a_key_of_its_own() -> None:
    keys = {object_keys.rejected_key(f"releases/p/c/{'9' * 1000}{last}.json") for last in "ab"}
    assert len(keys) == 2
    assert all(key.startswith(object_keys.REJECTED_LONG_KEYS) for key in keys)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BUCKET", ""),
        ("S3_ENDPOINT", ""),
        ("S3_ENDPOINT", "ftp://elsewhere"),
        ("S3_ENDPOINT", "amazon"),
        ("MEMORY_TTL_S", "-1"),
        ("MEMORY_TTL_S", "a minute"),
        ("LOG_LEVEL", "DEBUG"),
        ("LOG_SUCCESSES", "yes"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_its_name(variable: str, value: str) -> None:
    with pytest.raises(errors.SettingsError, match=f"^environment variable {variable}: "):
        settings({variable: value}, variable)


@given(NAMES, st.from_regex(urls.LANGUAGE, fullmatch=True).filter(str.isascii), st.integers(2, 9_999))
def test_the_pages_of_a_product_are_told_from_those_of_any_other(product: str, language: str, number: int) -> None:
    ours = {
        urls.page_key(product),
        urls.page_key(product, language),
        urls.news_key(product),
        object_keys.entry_key(product),
    }
    assert len(ours) == 4
    assert {object_keys.page_product(key) for key in ours} == {product}
    assert urls.public_key(urls.page_path("page", str(number))) == urls.page_key("page", str(number))
    assert urls.public_key(urls.page_path(product, language)) in (urls.page_key(product, language), None)
    assert urls.place(urls.page_key(product, language)).document == f"pages/{product}.!{language}.html"


@pytest.mark.parametrize("name", ["Draft.html", "notes.txt", "old/x.html", "a.!.html", "a.!de.atom", "a..html", "a"])
def test_what_lies_among_the_pages_and_is_none_is_of_no_product(name: str) -> None:
    assert object_keys.page_product(f"public/pages/{name}") is None
