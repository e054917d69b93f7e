"""A thousand products with ten thousand releases: every page can be served, and all are made in the time there is."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from comet_updates.formats import index_page, pages, product_page
from comet_updates.model import Offer, Product
from tests.conftest import ROOT
from tests.formats.offers import complete, offer, release

PRODUCTS, RELEASES = 1_000, 10
DOCUMENTS = {"stable": ["manifest.json", "appcast.xml", "latest.yml", "tauri.json", "RELEASES"]}
NOTES = {"en": "Fixes a crash.\n\n- one thing\n- another", "de": "Behebt einen Absturz."}
MB_OF_ONE_PROCESSOR = 1_769  # what Lambda gives a whole one for
SHARE = 0.25
"""Of the time of a sweep, for pages; the rest is for S3 and for the documents of updaters."""


def budget_s() -> float:
    """How long all pages may take on a whole processor, so that the publishing function makes them in its share."""
    template = (ROOT / "template.yaml").read_text()
    found = re.search(r"^  PublishFunction:.*?MemorySize: (\d+)\s+Timeout: (\d+)", template, re.DOTALL | re.MULTILINE)
    assert found
    memory_mb, timeout_s = map(int, found.groups())
    return timeout_s * SHARE * memory_mb / MB_OF_ONE_PROCESSOR


def timed(make: Callable[[], list[bytes]]) -> tuple[list[bytes], float]:
    """What was made, and for how many seconds a processor worked on it, whatever else this machine does."""
    started = time.process_time()
    made = make()
    return made, time.process_time() - started


def rendered(*offers: Offer, name: str = "p") -> list[bytes]:
    return list(product_page.render(Product(product=name), offers, DOCUMENTS, has_news=True).values())


def fastest_s(shown: Offer) -> float:
    """The shortest of a few times: what else takes time here, such as collecting garbage, is no part of it."""
    return min(timed(lambda: rendered(shown))[1] for _ in range(5))


def long_history(releases: int) -> Offer:
    return offer(*(release(f"{number}.0.0", notes=NOTES) for number in range(releases, 0, -1)))


def test_the_pages_of_a_thousand_products_with_ten_thousand_releases_are_made_in_time() -> None:
    shown = offer(*(complete(f"1.{number}.0", notes=NOTES) for number in range(RELEASES, 0, -1)))

    def site() -> list[bytes]:
        names = [f"product-{number}" for number in range(PRODUCTS)]
        made = [page for name in names for page in rendered(shown, name=name)]
        entries = [(name, index_page.entry(Product(product=name), [shown])) for name in names]
        return made + index_page.render(index_page.read(name, body) for name, body in entries)

    made, taken_s = timed(site)
    assert len(made) > PRODUCTS * len(NOTES), "a page in each language, and the list"
    assert max(map(len, made)) <= pages.MAX_BYTES
    assert taken_s < budget_s()


def test_a_product_of_ten_thousand_releases_takes_no_longer_than_one_of_a_hundred() -> None:
    few, many = long_history(100), long_history(10_000)
    assert max(map(len, rendered(many))) <= pages.MAX_BYTES
    assert fastest_s(many) < fastest_s(few) + budget_s() / PRODUCTS


def test_it_is_the_limits_that_keep_pages_small_and_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Positive control: both measures see a page that shows all it could."""
    shown = long_history(2_000)
    monkeypatch.setattr(product_page, "HISTORY_MAX", 10_000)
    monkeypatch.setattr(pages, "MAX_BYTES", 100_000_000)
    made, taken_s = timed(lambda: rendered(shown))
    assert max(map(len, made)) > 200_000
    assert taken_s > budget_s() / PRODUCTS


def test_what_may_be_served_is_what_was_promised() -> None:
    assert pages.MAX_BYTES == 200_000
