"""Test that one listing of the whole bucket shows the same for each product as a listing of that product."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from comet_updates.publish.bucket_state import list_all_products, list_product

if TYPE_CHECKING:
    from testkit.s3 import S3, Wire
    from tests.publish.conftest import PublisherFixture

KEYS = (
    "products/comet-cursor.json",
    "channels/comet-cursor/stable.json",
    "releases/comet-cursor/stable/4.2.1.json",
    "releases/comet-cursor/stable/nonsense/4.2.1.json",
    "approvals/comet-cursor/stable/4.2.1.json",
    "public/v1/comet-cursor/stable/manifest.json",
    "public/pages/comet-cursor.html",
    "public/pages/comet-cursor.!pt-BR.html",
    "public/pages/comet-cursor.atom",
    "public/pages/comet-cursor.json",
    "rejected/products/comet-cursor.json.json",
    "rejected/releases/comet-cursor/stable/4.2.1.json.json",
    "rejected/approvals/comet-cursor/stable/4.2.1.json.json",
    "releases/comet-cursor2/stable/1.0.0.json",
    "public/v1/gone/stable/manifest.json",
    "public/pages/also-gone.html",
    "rejected/channels/refused/stable.json.json",
    "releases/No Name/stable/1.0.0.json",
)
OF_NONE = (
    "public/pages/index.html",
    "public/pages/page.!2.html",
    "public/pages/index.json",
    "public/pages/privacy.html",
    "public/schemas/release.json",
    "products/stray/1.json",
    "releases/stray.json",
    "releases/folder/",
    "packs/comet-cursor.json.gz",
    "other/file.json",
)


@pytest.fixture
def filled(s3: S3) -> S3:
    for key in (*KEYS, *OF_NONE):
        s3.put(key, b"{}")
    s3.put(KEYS[0], b"{ }")
    return s3


@pytest.mark.http
def test_a_look_at_all_shows_what_a_look_at_each_shows(filled: S3, rig: PublisherFixture) -> None:
    views = list_all_products(rig.bucket)
    assert set(views) == {"comet-cursor", "comet-cursor2", "gone", "also-gone", "refused", "No Name"}
    assert views == {product: list_product(rig.bucket, product) for product in views}
    seen = [key for view in views.values() for key in (*view.existing, *view.listing)]
    assert sorted(seen) == sorted(KEYS)


@pytest.mark.http
def test_it_takes_no_more_requests_for_more_products(filled: S3, rig: PublisherFixture, wire: Wire) -> None:
    wire.clear()
    list_all_products(rig.bucket)
    once = len(wire)
    for number in range(50):
        filled.put(f"releases/product-{number}/stable/1.0.0.json", b"{}")
    wire.clear()
    list_all_products(rig.bucket)
    assert len(wire) == once


def test_what_was_published_is_looked_at_before_what_was_uploaded(filled: S3, rig: PublisherFixture) -> None:
    """List `public/` first. A publisher of newer uploads writes later, so our write fails or our listing shows them."""
    list_all_products(rig.bucket)
    kinds = [name for name, _ in rig.bucket.operations]
    assert kinds == sorted(kinds), "etags, then versions"
    assert set(kinds) == {"etags", "versions"}
