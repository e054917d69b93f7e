"""Whatever stands in the texts of a release, each document is read back as it was meant, and no page runs any of it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from comet_updates.formats import atom, electron_updater, manifest, product_page, sparkle, squirrel, tauri, velopack
from comet_updates.model import NOTES_MAX_CHARS, Offer, Product
from tests.formats.offers import artifact, complete, offer

# What an upload may hold: no control characters but tabs and the ends of lines.
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n\r"), max_size=200)
HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(1)>",
    "]]><!--&amp;&#0;&lol;<?php ?>",
    "---\n- !!python/object/apply:os.system [x]\n...\n%YAML 9",
    "\u202eevil\u2066\u200f\ufeff\u2028\u2029\x85",
    "null",
    "2026-11-20",
    "'\"\\{}[]#:*&!|>@`\t\n\r\r\n",
    "[a](javascript:alert(1)) ![x](https://tracker.example/x.gif)",
    "{{ 7 * 7 }} {% raw %} ${7*7} =1+1",
    "ü" * NOTES_MAX_CHARS,
)


def offered(text: str, notes_format: str = "markdown") -> Offer:
    return offer(complete("1.0.0", notes={"en": text}, notes_format=notes_format))


def each(test: Any) -> Any:
    """The examples that are known to hurt, besides any that can be thought of."""
    for text in HOSTILE:
        test = example(text)(test)
    return settings(deadline=None)(given(TEXTS)(test))


@each
def test_json_says_what_was_written(text: str) -> None:
    given = offered(text)
    assert json.loads(manifest.render(given)["manifest.json"])["notes"] == {"en": text}
    assert json.loads(tauri.render(given)["tauri.json"]).get("notes", "") == text
    assert json.loads(squirrel.render(given)["RELEASES.json"])["releases"][0]["updateTo"].get("notes", "") == text
    package = complete("1.0.0", notes={"en": text}, artifacts=[artifact("windows", "any", "A-1.0.0-full.nupkg")])
    (asset,) = json.loads(velopack.render(offer(package))["releases.win.json"])["Assets"]
    assert asset.get("NotesMarkdown", "") == text


@each
def test_yaml_says_what_was_written(text: str) -> None:
    document = yaml.safe_load(electron_updater.render(offered(text))["latest.yml"])
    assert document.get("releaseNotes", "") == text
    assert document["version"] == "1.0.0"


@each
def test_xml_says_what_was_written_and_holds_nothing_else(text: str) -> None:
    plain, hostile = (ET.fromstring(sparkle.render(offered(t))["appcast.xml"].decode()) for t in ("x", text))
    said = hostile.findtext("channel/item/description") or ""
    # XML has one end of a line, and no noncharacters.
    wanted = text.replace("\r\n", "\n").replace("\r", "\n").replace("\ufffe", "").replace("\uffff", "")
    assert said.strip() == wanted.strip() or len(text.encode()) > sparkle.NOTES_MAX_BYTES
    shapes = [{element.tag for element in root.iter()} - {"description"} for root in (plain, hostile)]
    assert shapes[0] == shapes[1]


class Page(HTMLParser):
    """What of a page would run or load something."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.dangers: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.dangers += [tag] if tag in ("script", "img", "iframe", "object", "svg", "form") else []
        self.dangers += [name for name, _ in attrs if name.startswith("on") or name in ("src", "style")]
        self.dangers += [v for name, v in attrs if name == "href" and v and v.strip().lower().startswith("javascript")]


def test_what_would_run_is_found() -> None:
    assert Page(HOSTILE[0]).dangers == ["script", "img", "src", "onerror"]


@settings(deadline=None)
@given(TEXTS | st.sampled_from(HOSTILE), st.sampled_from(["markdown", "html", "text"]))
def test_no_page_and_no_news_run_or_load_any_of_it(text: str, notes_format: str) -> None:
    given = offered(text, notes_format)
    page = product_page.render(Product(product="p"), [given], {}, has_news=True)[""].decode()
    (content,) = ET.fromstring(atom.render(given)["feed.atom"].decode()).iter(f"{{{atom.NAMESPACE}}}content")
    assert Page(page).dangers == Page(content.text or "").dangers == []
