"""Test what all pages share: headings in order, colours with enough contrast, and no claim that cannot be shown."""

from __future__ import annotations

import itertools
import re

from comet_updates.model.product import Product
from comet_updates.pages import index, product
from comet_updates.pages.html import STYLE, privacy
from comet_updates.pages.site import NEUTRAL
from tests.formats.offers import offer, release
from tests.pages.read_page import Page, skipped

NEVER = ("we collect nothing", "anonymous", "cannot be tracked")
"""Claims that cannot be shown."""

PRODUCT = product.render(Product(product="p"), [offer(release("2.0.0"), release("1.0.0"))], {}, has_news=True)[""]
EVERY = {
    "privacy": privacy(NEUTRAL),
    "index": index.render([index.Entry("a", "A")], NEUTRAL)[0],
    "empty index": index.render([], NEUTRAL)[0],
    "product": PRODUCT,
}


def test_the_headings_of_every_page_are_in_order() -> None:
    for html in EVERY.values():
        levels = Page(html.decode()).levels
        assert (levels.count(1), skipped(levels)) == (1, [])
    assert skipped([1, 3]) == [(1, 3)], "the positive control"


def test_a_page_claims_nothing_that_nobody_can_show() -> None:
    for html in EVERY.values():
        assert not [claim for claim in NEVER if claim in html.decode().lower()]


def test_every_page_says_where_it_is() -> None:
    for name, here in (("privacy", "/privacy"), ("index", "/"), ("product", None)):
        current = [link["href"] for link in Page(EVERY[name].decode()).all("a") if link.get("aria-current") == "page"]
        assert current == ([here] if here else [])


PALETTES = re.findall(r"--ink:#.*?(?=[;}]font|})", STYLE)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, as WCAG 2.2 defines it."""
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
        for text, ground in itertools.product(("ink", "soft", "accent", "good", "bad"), ("paper", "card", "tint")):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert contrast("#777", "#fff") < 4.5, "the positive control"
