"""A page, read as a program reads it."""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser


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


def skipped(levels: list[int]) -> list[tuple[int, int]]:
    """Return the places where a heading is more than one level below the heading before.

    The first must have level 1.
    """
    return [(before, level) for before, level in itertools.pairwise([0, *levels]) if level > before + 1]
