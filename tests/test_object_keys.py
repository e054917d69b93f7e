"""Test the grammar of the keys that have no URL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comet_updates import object_keys
from comet_updates.answer import urls

NAMES = st.from_regex(urls.NAME, fullmatch=True).filter(lambda name: len(name) <= 64)
PRODUCTS = NAMES.filter(object_keys.is_product)
VERSIONS = st.from_regex(object_keys.VERSION, fullmatch=True)
GUID = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
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
    """Check the bound of the rule, as docs/privacy.md states it."""
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


@given(PRODUCTS, NAMES, st.sampled_from([urls.MANIFEST, "App-1.0.0.tar.gz"]))
def test_target_path_gives_the_channel_that_it_was_made_of(product: str, channel: str, name: str) -> None:
    assert object_keys.target_channel(object_keys.target_path(product, channel, name)) == channel


@given(PRODUCTS, NAMES)
def test_document_key_gives_the_names_that_it_was_made_of(product: str, channel: str) -> None:
    key = urls.document_key(product, channel, urls.MANIFEST)
    assert (object_keys.document_product(key), object_keys.document_channel(key)) == (product, channel)


@pytest.mark.parametrize(
    ("key", "product", "channel"),
    [
        ("public/v1/p/", "p", ""),
        ("public/v1/p/c", "p", "c"),
        ("public/v1/p/c/d/manifest.json", "p", "c"),
        ("public/v1//c/manifest.json", "", "c"),
        ("public/v1/My App/c/manifest.json", "My App", "c"),
        ("public/v1/", None, None),
        ("public/v1/p", None, None),
        ("public/pages/p/c/manifest.json", None, None),
        ("releases/p/c/1.json", None, None),
    ],
)
def test_document_key_of_any_form_gives_its_names(key: str, product: str | None, channel: str | None) -> None:
    """Accept keys that an administrator leaves below public/v1/, such as the folder that a console makes."""
    assert (object_keys.document_product(key), object_keys.document_channel(key)) == (product, channel)


@given(st.text(max_size=1024))
def test_a_refusal_can_always_be_stored(key: str) -> None:
    assert len(object_keys.rejected_key(key).encode("utf-8", "surrogatepass")) <= 1024 if key.isprintable() else True


def test_the_refusal_of_a_long_key_has_a_key_of_its_own() -> None:
    keys = {object_keys.rejected_key(f"releases/p/c/{'9' * 1000}{last}.json") for last in "ab"}
    assert len(keys) == 2
    assert all(key.startswith(object_keys.REJECTED_LONG_KEYS) for key in keys)


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
    assert urls.document_id(urls.page_key(product, language)).document == f"pages/{product}.!{language}.html"


@pytest.mark.parametrize("name", ["Draft.html", "notes.txt", "old/x.html", "a.!.html", "a.!de.atom", "a..html", "a"])
def test_what_lies_among_the_pages_and_is_none_is_of_no_product(name: str) -> None:
    assert object_keys.page_product(f"public/pages/{name}") is None


class TestFreeNumbers:
    """The numbers of new metadata."""

    def test_free_numbers_are_above_every_known_one(self) -> None:
        assert object_keys.free_numbers(set(), 0, 0, 2) == [1, 2]
        assert object_keys.free_numbers({1, 2, 20}, 3, 0, 2) == [21, 22]
        assert object_keys.free_numbers({1, 2}, 1, 30, 1) == [31]
        assert object_keys.free_numbers({1, 2}, 30, 1, 1) == [31]

    def test_highest_number_without_a_signature_uses_none_up(self) -> None:
        taken = {1, 2, 7, object_keys.NUMBER_MAX - 1}
        assert object_keys.free_numbers(taken, 3, 5, 1) == [object_keys.NUMBER_MAX]
        assert object_keys.free_numbers(taken, 3, 5, 2) == [6, 8]

    def test_highest_number_of_clients_leaves_those_above_the_signed_one(self) -> None:
        assert object_keys.free_numbers({1, 2}, 2, object_keys.NUMBER_MAX, 2) == [3, 4]

    def test_highest_number_with_a_signature_leaves_none(self) -> None:
        assert object_keys.free_numbers(set(), object_keys.NUMBER_MAX, 0, 1) == []
        assert object_keys.free_numbers(set(), object_keys.NUMBER_MAX - 1, 0, 2) == []

    def test_highest_number_has_a_key_and_the_next_has_none(self) -> None:
        highest = object_keys.signed_key("comet-cursor", object_keys.NUMBER_MAX)
        assert object_keys.parse_upload(highest)
        assert not object_keys.parse_upload(object_keys.signed_key("comet-cursor", object_keys.NUMBER_MAX + 1))
