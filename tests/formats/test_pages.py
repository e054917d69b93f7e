"""The page of a product: what it says of an offer, what it makes of hostile texts, and that it can always be served."""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from comet_updates.formats import pages, writing
from comet_updates.model import Offer, Product, Rollout
from tests.formats.offers import artifact, offer, release

HOSTILE = """<script>x()</script>"'><img src=x onerror=x()>&amp;{{ 7 * 7 }}"""
NEVER = ("we collect nothing", "anonymous", "cannot be tracked")
"""What is said by those who cannot show it."""


class Page(HTMLParser):
    """Elements with their attributes, and the text, in the order of the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]

    @property
    def levels(self) -> list[int]:
        return [int(tag[1]) for tag, _ in self.elements if re.fullmatch("h[1-6]", tag)]


def product(*offers: Offer, **fields: Any) -> Page:
    return Page(pages.product(Product(product="p", **fields), offers, has_news=True).decode())


def skipped(levels: list[int]) -> list[tuple[int, int]]:
    """Where a heading is more than one level below the one before; the first has to be of level 1."""
    return [(before, level) for before, level in itertools.pairwise([0, *levels]) if level > before + 1]


WHOLE = offer(
    release(
        "2.0.0",
        artifact("windows", "x86_64", "setup.exe"),
        artifact("linux", "aarch64", "app.delta", "delta", from_version="1.0.0", size=4_200_000),
        released_at="2026-11-03T12:00:00Z",
        notes={"en": "New:\n- a tail", "he": "שלום"},
    ),
    release("1.5.0", notes={"en": "Old"}),
    yanked=("1.5.0",),
)


def test_a_page_says_what_is_offered_and_from_which_host() -> None:
    page = product(WHOLE, name="Comet Cursor", homepage="https://www.example.com/")
    links = {link["href"]: link for link in page.all("a")}
    for name in ("setup.exe", "app.delta"):
        assert links[f"https://downloads.example.com/{name}"]["rel"] == "noreferrer nofollow"
    for said in (
        "Comet Cursor",
        "2.0.0",
        "3 November 2026",
        "windows, x86_64: installer",
        "linux, aarch64: delta from 1.0.0",
        "from downloads.example.com, 4 MB",
        "ab" * 32,
        "withdrawn: broken",
        "/v1/p/stable",
        "https://www.example.com/",
    ):
        assert said in page.text


def test_notes_stand_as_they_were_written_and_say_their_language() -> None:
    page = product(WHOLE)
    assert "New:\n- a tail" in page.text
    languages = [notes["lang"] for notes in page.all("div") if notes.get("class") == "notes"]
    assert languages == ["en", "he", "en", "he", "en"], "of the latest, and of the history"


def test_without_a_homepage_there_is_no_link_to_one() -> None:
    assert all((link["href"] or "").startswith(("/", "#")) for link in product(offer(release("1.0.0"))).all("a"))


@pytest.mark.parametrize(
    ("critical", "said"),
    [(True, "critical"), ({"below_version": "1.2.0"}, "critical below 1.2.0"), (False, None)],
    ids=str,
)
def test_a_critical_release_is_marked_and_for_whom(critical: object, said: str | None) -> None:
    text = product(offer(release("1.0.0", critical=critical))).text
    assert ("critical" in text) is (said is not None)
    assert said is None or said in text
    assert critical is not True or "below" not in text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"percent": 10}, "Reaches 10 percent of the copies;"),
        ({"groups": 7, "interval": 86_400}, "in 7 groups, one every day from 2026-11-20 on;"),
        ({"groups": 2, "interval": 172_800}, "one every 2 days "),
        ({"groups": 2, "interval": 5_400}, "one every 90 minutes "),
        ({"groups": 2, "interval": 1}, "one every second "),
    ],
    ids=str,
)
def test_a_rollout_is_told_in_words(fields: dict[str, Any], said: str) -> None:
    start = {} if "percent" in fields else {"start": "2026-11-20T12:00:00Z"}
    assert said in product(offer(release("1.0.0"), rollout=Rollout(**fields, **start))).text


def test_whatever_people_upload_is_text() -> None:
    hostile = release(
        "1.0.0",
        artifact("windows", "x86_64", '"><script>x()</script>', "delta", from_version=HOSTILE),
        display_version=HOSTILE,
        notes={"en": HOSTILE},
        critical={"below_version": HOSTILE},
    )
    shown = Offer("p", "stable", hostile, None, ((hostile, HOSTILE),))
    page = product(shown, name=HOSTILE, homepage='https://example.com/"onclick=x()')
    assert page.text.count(HOSTILE) == 9, "title, name, version, critical, notes, delta; three in the history"
    assert not page.all("script")
    assert not page.all("img")
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]


def test_what_is_not_escaped_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages._ENVIRONMENT, "autoescape", False)
    pages._ENVIRONMENT.cache.clear()  # type: ignore[union-attr]
    page = product(offer(release("1.0.0", notes={"en": HOSTILE})))
    pages._ENVIRONMENT.cache.clear()  # type: ignore[union-attr]
    assert page.all("script")


def test_the_headings_of_every_page_are_in_order() -> None:
    for html in (pages.privacy(), pages.index(["a"]), pages.index([])):
        levels = Page(html.decode()).levels
        assert (levels.count(1), skipped(levels)) == (1, [])
    levels = product(WHOLE, offer(channel="beta")).levels
    assert (levels.count(1), skipped(levels)) == (1, [])
    assert skipped([1, 3]) == [(1, 3)], "the positive control"


def test_a_page_is_the_same_whenever_it_is_made() -> None:
    about = Product(product="p")
    assert pages.product(about, [WHOLE], has_news=True) == pages.product(about, [WHOLE], has_news=True)
    assert pages.index(["b", "a"]) == pages.index(["a", "b"])


def test_a_page_claims_nothing_that_nobody_can_show() -> None:
    for html in (pages.privacy(), pages.index(["p"]), pages.product(Product(product="p"), [WHOLE], has_news=True)):
        assert not [claim for claim in NEVER if claim in html.decode().lower()]


class TestAPageThatWouldBeTooLong:
    """Lambda could not hand it out."""

    def test_lacks_the_oldest_of_its_history_and_says_so(self) -> None:
        past = [release(f"{number}.0.0", notes={"en": "<" * 90_000}) for number in range(30, 0, -1)]
        page = product(offer(*past))
        assert "What came before is too long" in page.text
        shown = re.findall(r"[0-9]+\.0\.0", page.text)
        assert shown[:3] == ["30.0.0", "30.0.0", "29.0.0"]
        assert "1.0.0" not in shown

    def test_does_not_lack_what_fits(self) -> None:
        assert "too long" not in product(WHOLE).text

    @pytest.mark.parametrize("channels", [1, 40])
    def test_is_cut_to_what_can_be_served(self, channels: int) -> None:
        notes = {"en": "<" * 90_000, "de": '"' * 90_000, "fr": "\n" * 90_000}
        past = [release(f"{number}.0.0", notes=notes) for number in range(8, 0, -1)]
        offers = [offer(*past, channel=f"c{number}") for number in range(channels)]
        html = pages.product(Product(product="p"), offers, has_news=False)
        assert len(html) < writing.MAX_BYTES + 100_000
        page = Page(html.decode())
        for number in range(channels):
            assert f"/v1/p/c{number}" in page.text, "every channel is named"
        assert ("what to download is too long" in page.text) is (channels == 40)
        assert page.text.count("8.0.0") >= channels, "with its latest version"


PALETTES = re.findall(r"--ink:.*?(?=[;}]font|})", pages.STYLE)


def contrast(one: str, other: str) -> float:
    """As WCAG 2.2 has it."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    shares = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_colours_can_be_read_in_every_scheme_and_on_paper() -> None:
    assert len(PALETTES) == 3, "light, dark and print"
    for palette in PALETTES:
        colours = dict(re.findall(r"--([a-z]+):(#[0-9a-f]+)", palette))
        for text, ground in itertools.product(("ink", "soft", "accent", "good"), ("paper", "card")):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert contrast("#777", "#fff") < 4.5, "the positive control"


def test_the_news_of_a_product_are_linked_where_there_are_any() -> None:
    with_news, without = (pages.product(Product(product="p"), [WHOLE], has_news=there) for there in (True, False))
    assert with_news.count(b'href="/p/feed.atom"') == 2
    assert b"feed.atom" not in without
