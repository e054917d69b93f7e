"""Test hostile texts in a release: each document gives them back unchanged, and no page runs any of them."""

from __future__ import annotations

import html
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from comet_updates.formats import atom, electron_updater, manifest, notes, sparkle, squirrel, tauri, velopack
from comet_updates.model.fields import NOTES_MAX_CHARS
from comet_updates.model.offer import Offer
from comet_updates.model.product import Product
from comet_updates.pages import product
from tests.formats.offers import artifact, complete, offer

# What an upload may hold: no control characters except tabs and the ends of lines.
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
    """Run a test with the known hostile texts, and with any that hypothesis invents."""
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
    # XML has one kind of line end, and no noncharacters.
    wanted = text.replace("\r\n", "\n").replace("\r", "\n").replace("\ufffe", "").replace("\uffff", "")
    assert said.strip() == wanted.strip() or len(text.encode()) > sparkle.NOTES_MAX_BYTES
    shapes = [{element.tag for element in root.iter()} - {"description"} for root in (plain, hostile)]
    assert shapes[0] == shapes[1]


class Page(HTMLParser):
    """A page, and its elements that would run or load something."""

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
    page = product.render(Product(product="p"), [given], {}, has_news=True)[""].decode()
    (content,) = ET.fromstring(atom.render(given)["feed.atom"].decode()).iter(f"{{{atom.NAMESPACE}}}content")
    assert Page(page).dangers == Page(content.text or "").dangers == []


TAGS = ("b", "big", "code", "em", "font", "i", "s", "small", "strike", "strong", "tt", "u")
FORMATTING = "".join(f"<{tag}>" * 3 for tag in TAGS)
LONG = "https://example.com/" + "x" * 9_000
GROWING = {
    "link definition": (f"[a]: {LONG}\n\n" + "[a] " * 22_000, "markdown"),
    "longer link definition": ("[a]: " + "x" * 25_000 + "\n\n" + "[a] " * 6_200, "markdown"),
    "title of a link": ('[a]: x "' + "x" * 20_000 + '"\n\n' + "[a] " * 19_000, "markdown"),
    "picture": (f"[a]: {LONG}\n\n" + "![a] " * 18_000, "markdown"),
    "link that no tag closes": (f'<p><a href="{LONG}">x' + "<p>y" * 22_000, "html"),
    "tags with attributes": ("<p>" + "".join(f"<b a={number}>" for number in range(3_000)) + "<p>x" * 10_000, "html"),
    "quoted tags with attributes": (
        "<p>" + "".join(f'<i title="<b {n}>">' for n in range(3_000)) + "<p>x" * 10_000,
        "html",
    ),
}
BOUNDED = {
    "formatting that no tag closes": ("<p>" + FORMATTING + "<a href=x>" + "<p>x" * 24_000, "html"),
    "characters that are escaped": ("&" * NOTES_MAX_CHARS, "markdown"),
    "wide table": ("|a" * 3_000 + "|\n" + "|-" * 3_000 + "|\n" + "|\n" * 40_000, "markdown"),
    "longest link": ("[a](<" + "\U0001f600" * 99_000 + ">)", "markdown"),
}
QUICK = {"link definition", "tags with attributes", "formatting that no tag closes"}
"""The cases in `make test`; each takes a process of its own."""
IN_LITTLE_MEMORY = """
import json, resource, sys
from comet_updates.formats import notes
text, notes_format, is_limited = json.load(sys.stdin)
notes._html("[a](b) *c*", "markdown")
if not is_limited:
    notes.LINK_MAX_CHARS = notes.HTML_FACTOR = 10**9
    notes._from_html = lambda written: written
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 200_000_000,) * 2)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
print(len(notes._html(text, notes_format)))
"""


def html_chars(text: str, notes_format: str, *, is_limited: bool = True) -> int | None:
    """Return the size of the HTML, made by a process with 200 MB to spare; None if that process fails."""
    told = json.dumps([text, notes_format, is_limited])
    child = subprocess.run(
        [sys.executable, "-c", IN_LITTLE_MEMORY], input=told, capture_output=True, text=True, timeout=300, check=False
    )
    return None if child.returncode else int(child.stdout)


def cases(among: dict[str, tuple[str, str]]) -> list[Any]:
    """Return the names of cases as parameters. Those that are slow run in `make test-all`."""
    return [pytest.param(name, marks=() if name in QUICK else pytest.mark.full) for name in among]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit the memory of a process")
class TestMemory:
    """The size of the notes limits the size of their HTML."""

    @pytest.mark.parametrize("case", cases(GROWING | BOUNDED))
    def test_notes_that_would_grow_take_little_memory(self, case: str) -> None:
        text, notes_format = (GROWING | BOUNDED)[case]
        assert len(text) <= NOTES_MAX_CHARS
        size = html_chars(text, notes_format)
        assert size is not None, "the process failed"
        assert size <= notes.HTML_BASE_CHARS + notes.HTML_FACTOR * len(text)

    @pytest.mark.parametrize("case", cases(GROWING))
    def test_notes_without_limits_exhaust_the_memory(self, case: str) -> None:
        """Positive control of the test above."""
        assert html_chars(*GROWING[case], is_limited=False) is None


@pytest.mark.parametrize("opened", ["<ul>", "<ul><li>", "<dl><dd>", "<div>", "<UL/x>", "<b></i>", "<x-y>"])
def test_html_nested_too_deeply_is_shown_as_written(opened: str) -> None:
    """For each new tag, a parser looks at all open ones: 100 kB of them take seconds."""
    deepest = "<p>x" + opened * notes.NESTING_MAX
    assert not notes._html(deepest, "html").startswith("<pre>"), "positive control"
    shown = notes._html(deepest + opened, "html")
    assert shown == notes._html(f"<pre>{html.escape(deepest + opened)}</pre>", "html")


@pytest.mark.parametrize("text", ["<ul><li>x</ul>" * 1_000, "<p>x<br>" * 1_000, "<li>x" * 1_000, "<td>" * 1_000])
def test_html_with_many_tags_in_a_row_is_not_nested(text: str) -> None:
    assert notes._is_flat(text)


def test_notes_that_would_grow_are_shown_as_written() -> None:
    text, notes_format = GROWING["link definition"]
    shown = notes.notes_html(complete("1.0.0", notes={"en": text}, notes_format=notes_format))
    assert shown == f"<pre>{text}</pre>"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("See <A title='a > b' HREF='https://example.com/?a=1&copy=\"2'>it</A>", '?a=1&amp;copy=&quot;2">it</a>'),
        ("<a rel=x href=https://example.com/it's>it</a>, don't", "example.com/it's\">it</a>, don't"),
        ('<a href="https://example.com/"><h3><b class="x">1.2</b></h3></a>', '/"><h3><b>1.2</b></h3></a>'),
        ("<font color=red>red</font> <<u>b>", "red &lt;b&gt;"),
    ],
    ids=["quotes", "no quotes", "a block in a link", "a tag that is left out"],
)
def test_ordinary_html_notes_look_as_before(text: str, shown: str) -> None:
    made = notes.notes_html(complete("1.0.0", notes={"en": text}, notes_format="html"))
    assert made.replace(' rel="noopener noreferrer"', "").endswith(shown)


def test_a_link_definition_used_often_keeps_its_links() -> None:
    text = "[a]: https://example.com/a\n\n" + "[a] " * 300
    assert notes.notes_html(complete("1.0.0", notes={"en": text})).count('<a href="https://example.com/a"') == 300
