"""Test what all pages share: the publisher's colours can be read, and a commit is shown only if it is known."""

from __future__ import annotations

import itertools
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from comet_updates.model.publisher import PublisherDocument
from comet_updates.pages import html
from comet_updates.pages.site import NEUTRAL, Commit, Site, commit, ink
from tests.pages.read_page import Page
from tests.pages.test_html import contrast

COMMIT = "0123456789abcdef0123456789abcdef01234567"
INKS = {"black": "#000000", "white": "#ffffff"}


def published_by(**fields: Any) -> Site:
    document = {"name": "Acme", "contact": "privacy@example.com"} | fields
    return Site(publisher=PublisherDocument.model_validate(document))


def test_text_on_any_colour_has_the_contrast_of_wcag_aa() -> None:
    steps = range(0, 256, 15)
    for red, green, blue in itertools.product(steps, steps, steps):
        colour = f"#{red:02x}{green:02X}{blue:02x}"
        assert contrast(INKS[ink(colour)], colour) >= 4.5, colour
    assert (ink("#000000"), ink("#ffffff")) == ("white", "black")
    assert contrast("#000000", "#000001") < 4.5, "the positive control"


@pytest.mark.parametrize(
    ("colours", "head"),
    [
        ({"light": "#ffff00", "dark": "#000080"}, "top brand black-by-day white-by-night"),
        ({"light": "#000080"}, "top brand white-by-day white-by-night"),
    ],
    ids=["both", "one"],
)
def test_colours_of_a_publisher_are_on_every_page(colours: dict[str, str], head: str) -> None:
    for made in (
        html.privacy(published_by(colours=colours)),
        html.render("product", published_by(colours=colours), **PRODUCT),
    ):
        page = Page(made.decode())
        assert page.all("header") == [{"class": head}]
        shown = [(rect["class"], rect["fill"]) for rect in page.all("rect")]
        assert shown == [("by-day", colours["light"]), ("by-night", colours.get("dark", colours["light"]))]
    assert Page(html.privacy(published_by()).decode()).all("rect") == []


PRODUCT: dict[str, Any] = dict.fromkeys(
    ("product", "name", "homepage", "has_news", "pointers", "languages", "channels", "others", "more", "service_url"),
    "",
)


@pytest.mark.parametrize(
    ("built", "known"),
    [
        (f'{{"commit": "{COMMIT}", "date": "2026-11-29"}}', Commit(COMMIT, date(2026, 11, 29))),
        ('{"commit": "", "date": ""}', None),
        (f'{{"commit": "{COMMIT}", "date": "today"}}', None),
        ('{"commit": "<b>", "date": "2026-11-29"}', None),
        ('{"commit": 7, "date": "2026-11-29"}', None),
        ("[]", None),
        ("{", None),
        (None, None),
    ],
)
def test_commit_is_shown_only_if_the_build_knew_it(tmp_path: Path, built: str | None, known: Commit | None) -> None:
    file = tmp_path / "built.json"
    if built is not None:
        file.write_text(built)
    assert commit(file) == known
    text = Page(html.privacy(Site(commit=commit(file))).decode()).text
    assert (f"commit {COMMIT} of 29 November 2026" in text) == ("built from commit" in text) == bool(known)


def test_largest_publisher_document_leaves_room_on_the_pages() -> None:
    worst = "&" * 1000
    quotes = {f"P{number}": worst for number in range(1, 12)}
    url = f"https://example.com/{worst}"
    site = published_by(name=worst[:80], contact=worst[:200], quotes=quotes, homepage=url, policy_url=url)
    assert len(html.privacy(NEUTRAL)) < len(html.privacy(site)) <= html.MAX_BYTES
