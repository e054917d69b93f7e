"""Test a thousand products with ten thousand releases: every page can be served, and a long history costs no more."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from comet_updates.model.offer import Offer
from comet_updates.model.product import Product
from comet_updates.pages import html, index, product
from comet_updates.pages.site import NEUTRAL
from tests.formats.offers import complete, offer, release

PRODUCTS, RELEASES = 1_000, 10
DOCUMENTS = {"stable": ["manifest.json", "appcast.xml", "latest.yml", "tauri.json", "RELEASES"]}
NOTES = {"en": "Fixes a crash.\n\n- one thing\n- another", "de": "Behebt einen Absturz."}


def calls(make: Callable[[], list[bytes]]) -> tuple[list[bytes], int]:
    """Return the result and the number of Python calls. That number is the same on every machine, idle or busy."""
    count = 0

    def called(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(called)
    try:
        return make(), count
    finally:
        sys.setprofile(None)


def rendered(*offers: Offer, name: str = "p") -> list[bytes]:
    return list(product.render(Product(product=name), offers, DOCUMENTS, has_news=True).values())


def long_history(releases: int) -> Offer:
    return offer(*(release(f"{number}.0.0", notes=NOTES) for number in range(releases, 0, -1)))


@pytest.mark.full
def test_pages_of_a_thousand_products_fit_what_may_be_served() -> None:
    shown = offer(*(complete(f"1.{number}.0", notes=NOTES) for number in range(RELEASES, 0, -1)))
    names = [f"product-{number}" for number in range(PRODUCTS)]
    made = [page for name in names for page in rendered(shown, name=name)]
    entries = [(name, index.entry(Product(product=name), [shown])) for name in names]
    made += index.render((index.read(name, body) for name, body in entries), NEUTRAL)
    assert len(made) > PRODUCTS * len(NOTES), "a page in each language, and the list"
    assert max(map(len, made)) <= html.MAX_BYTES


def test_page_of_ten_thousand_releases_takes_the_work_of_a_hundred() -> None:
    hundred, many = long_history(100), long_history(10_000)
    _, few = calls(lambda: rendered(hundred))
    made, more = calls(lambda: rendered(many))
    assert max(map(len, made)) <= html.MAX_BYTES
    assert more < few * 1.5


def test_page_without_its_limits_is_large_and_takes_more_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Positive control: both measures notice a page without limits."""
    hundred, thousands = long_history(100), long_history(2_000)
    _, few = calls(lambda: rendered(hundred))
    monkeypatch.setattr(product, "HISTORY_MAX", 10_000)
    monkeypatch.setattr(html, "MAX_BYTES", 100_000_000)
    made, more = calls(lambda: rendered(thousands))
    assert max(map(len, made)) > 200_000
    assert more > few * 1.5


def test_what_may_be_served_is_what_was_promised() -> None:
    assert html.MAX_BYTES == 200_000
