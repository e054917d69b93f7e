"""Test the list of products: the entry of each, and pages that can always be served."""

from __future__ import annotations

import pytest

from comet_updates.model.product import Product
from comet_updates.pages import html, index
from comet_updates.pages.index import Entry
from comet_updates.pages.site import NEUTRAL, Site
from tests.formats.offers import offer, release
from tests.pages.read_page import Page

ABOUT = Product(product="p", name="Comet <b>")


def test_an_entry_says_what_is_latest_on_each_channel_and_since_when() -> None:
    offers = [
        offer(release("2.0.0", display_version="Two", released_at="2026-11-03T12:00:00Z")),
        offer(release("3.0.0-b", channel="beta"), channel="beta"),
        offer(channel="empty"),
    ]
    entry = index.read("p", index.entry(ABOUT, offers))
    page = Page(index.render([entry], NEUTRAL)[0].decode())
    text = " ".join(page.text.split())
    assert "Comet <b> stable Two since 3 November 2026 beta 3.0.0-b" in text
    assert "empty" not in text
    assert "/p" in [link["href"] for link in page.all("a")]


def test_an_entry_stays_small_however_many_channels_there_are() -> None:
    offers = [offer(release("1.0.0"), channel=f"c{number}") for number in range(index.CHANNELS_MAX + 3)]
    entry = index.read("p", index.entry(ABOUT, offers))
    assert (len(entry.latest), entry.more) == (index.CHANNELS_MAX, 3)
    assert "and 3 more" in index.render([entry], NEUTRAL)[0].decode()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", b'{"name":"x"}', b'{"name":"x","latest":[["a"]],"more":0}', b"[" * 100_000]
)
def test_an_entry_that_was_not_written_here_leaves_the_name_in_the_url(body: bytes) -> None:
    assert index.read("p", body) == Entry("p", "p")


def test_products_stand_in_the_order_of_their_names() -> None:
    html = index.render([Entry("b", "Alpha"), Entry("a", "beta"), Entry("c", "Gamma")], NEUTRAL)[0].decode()
    assert html.index("Alpha") < html.index("beta") < html.index("Gamma")


@pytest.mark.full
@pytest.mark.parametrize("name", ["a", "&" * 200], ids=["short", "long"])
def test_ten_thousand_products_are_all_on_pages_that_lead_to_each_other(name: str) -> None:
    latest = (index.Latest("stable", "1.0.0", None),)
    sheets = index.render((Entry(f"product-{number:05}", name, latest) for number in range(10_000)), NEUTRAL)
    assert all(len(sheet) <= html.MAX_BYTES for sheet in sheets)
    read = [Page(sheet.decode()) for sheet in sheets]
    links = [[link["href"] or "" for link in page.all("a")] for page in read]
    assert sum(href.startswith("/product-") for page in links for href in page) == 10_000
    ways = [{link["rel"]: link["href"] for link in page.all("a") if "rel" in link} for page in read]
    assert ways[:3] == [
        {"next": "/page/2"},
        {"prev": "/", "next": "/page/3"},
        {"prev": "/page/2", "next": "/page/4"},
    ]
    assert ways[-1] == {"prev": f"/page/{len(sheets) - 1}"}


@pytest.mark.parametrize("url", ["https://updates.example.com", None])
def test_without_products_there_is_one_page_that_shows_what_to_do(url: str | None) -> None:
    (html,) = index.render([], Site(url))
    text = Page(html.decode()).text
    assert "Nothing is published yet" in text
    assert "comet-updates release " in text
    assert f"curl {url or 'https://HOST'}/v1/my-app/stable" in text
    assert "comet-updates status my-app" in text
    assert "Nothing is published yet" not in index.render([Entry("a", "A")], Site(url))[0].decode()
