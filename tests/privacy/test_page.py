"""Test the pages for people: they show the table of promises, load nothing, and have no barriers."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from comet_updates import object_keys
from comet_updates.pages.html import TEMPLATES, privacy
from comet_updates.pages.site import NEUTRAL
from comet_updates.promises import NOT_PROVABLE, PROMISES, SUMMARY
from testkit.documents import release
from testkit.events import SWEEP, notification, request
from testkit.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.fresh import Handler
    from testkit.s3 import S3

LOADING = {"src", "srcset", "data", "poster", "action", "formaction", "background", "ping", "manifest"}
VOID = {"meta", "link", "br", "hr", "img", "input"}
ACTING = {"script", "form", "input", "button", "iframe", "frame", "object", "embed", "base", "portal"}
"""Elements that run something, show something of another host, or take something from a visitor."""


class Page(HTMLParser):
    """The texts, links and loaded URLs of a page.

    Attributes:
        text: all readable text, without the stylesheet.
        styles: the texts of its stylesheets.
        ids: the targets of links within the page.
        tags: the names of its elements.
        links: the targets of its `<a>` elements, and its feed.
        loads: every URL that a browser would load by itself.
    """

    def __init__(self, html: str, *, is_whole: bool = True) -> None:
        super().__init__()
        self._is_whole = is_whole
        self.text = ""
        self.styles: list[str] = []
        self.ids: set[str] = set()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        assert not (is_whole and self._open), "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "style":
            self.styles.append("")
        self.tags.append(tag)
        self.ids.add(given.get("id", ""))
        leads = tag == "a" or given.get("rel") == "alternate"  # a browser shows that there is a feed and loads none
        if leads:
            self.links.append(given["href"])
        self.loads += [value for name, value in given.items() if name in LOADING or (name == "href" and not leads)]
        self.loads += [f"inline {name}" for name in given if name.startswith("on") or name == "style"]
        self.loads += [tag] * (tag in ACTING) + [given[name] for name in given if name == "http-equiv"]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        opened = self._open.pop() if self._open else ""
        assert opened == tag or not self._is_whole

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            self.styles[-1] += data
        else:
            self.text += data


SVG = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
_SHAPE = r"%3C(?:path|circle)(?: (?:fill|d|cx|cy|r)='[%A-Za-z0-9 .-]+')+/%3E"
ICON = re.compile(rf"{re.escape(SVG)}(?:{_SHAPE})+%3C/svg%3E")
"""An icon that is a part of the page. It consists of shapes, which load and run nothing."""


def foreign(page: Page) -> list[str]:
    """Return everything that a page would load, run, or ask of a visitor."""
    in_style = [style for style in page.styles if "url(" in style or "@import" in style]
    return [address for address in page.loads if not ICON.fullmatch(address)] + in_style


def words(text: str) -> str:
    return " ".join(text.split())


FOREIGN = '<img src="https://tracker.example/x.gif">'
"""HTML that a publisher may write or copy by mistake."""


NOTES = {"en": f"<script>alert(1)</script>\n\n{FOREIGN}\n\n![](https://tracker.example/x.gif)", "he": "שלום"}
HTML: dict[str, Any] = {"notes": NOTES, "notes_format": "html"}
UPLOADS = {
    "products/comet-cursor.json": {"product": "comet-cursor", "name": f"Comet Cursor {FOREIGN}"},
    "releases/comet-cursor/stable/4.2.1.json": release(notes=NOTES),
    "releases/comet-cursor/bundled/4.2.1.json": release(channel="bundled", **HTML),
}
SAMPLE = json.loads((ROOT / "samples" / object_keys.PUBLISHER).read_bytes())
"""The document of a publisher. It quotes the policy that this service was built to keep."""


@pytest.fixture(scope="module")
def ask(deploy: Callable[[dict[str, Any]], Handler]) -> Handler:
    """Return the answering function in front of two channels of one product."""
    return deploy(UPLOADS)


@pytest.fixture(scope="module")
def ask_sample(deploy: Callable[[dict[str, Any]], Handler]) -> Handler:
    """Return the answering function in front of the same product, with a publisher."""
    return deploy(UPLOADS | {object_keys.PUBLISHER: SAMPLE})


PATHS = ("/", "/privacy", "/comet-cursor", "/comet-cursor/he")
NOWHERE = "/nothing-here"


@pytest.mark.parametrize("quotes", [SAMPLE["quotes"], {}], ids=["sample", "no publisher"])
def test_the_page_says_what_the_table_says(ask: Handler, ask_sample: Handler, quotes: dict[str, str]) -> None:
    page = Page((ask_sample if quotes else ask)(request("/privacy"), None)["body"])
    said = words(page.text)
    assert said.index(SUMMARY[0]) < said.index(PROMISES[0].heading)
    assert len(SUMMARY) == 5
    assert all(line in said for line in SUMMARY)
    assert page.tags.count("blockquote") == len(quotes)
    for promise in PROMISES:
        for part in (promise.heading, promise.words, quotes.get(promise.id, ""), promise.mechanism):
            assert words(part) in said
        assert f"#{promise.id.lower()}" in page.links
        for check in promise.checks:
            assert check.sentence.capitalize() in said
            assert f"tests/{check.file}.py" in said
    for limit in NOT_PROVABLE:
        assert words(limit) in said
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.ids


@pytest.mark.parametrize("path", [*PATHS, NOWHERE])
def test_the_page_names_no_other_host_and_holds_no_script(ask: Handler, path: str) -> None:
    page = Page(ask(request(path), None)["body"])
    assert foreign(page) == []
    hosts = {urlsplit(link).hostname for link in page.links} - {None}
    assert hosts <= {"downloads.example.com"}, "only the publisher's own host, for a person who chooses to download"
    assert path != "/privacy" or hosts == set()


@pytest.mark.parametrize(
    "planted",
    [
        '<img src="https://tracker.example/x.gif" alt="">',
        '<link rel="stylesheet" href="https://fonts.example/x.css">',
        "<script>1</script>",
        '<p onclick="x()"></p>',
        "<style>p{background:url(https://tracker.example/x)}</style>",
        '<form action="https://tracker.example/"></form>',
        '<input name="mail">',
        '<iframe srcdoc="x"></iframe>',
        '<link rel="preconnect" href="https://tracker.example">',
        '<link rel="icon" href="/favicon.ico">',
        f'<link rel="icon" href="{SVG}%3Cimage href=%22https://tracker.example/%22/%3E%3C/svg%3E">',
        '<meta http-equiv="refresh" content="0; url=https://tracker.example/">',
    ],
)
def test_what_would_be_loaded_or_run_is_found(planted: str) -> None:
    html = privacy(NEUTRAL).decode().replace("<main id", f"{planted}<main id")
    assert foreign(Page(html)) != []


def in_any_case(template: str) -> Page:
    """Return all that a template can contain, under any of its conditions. Each value is an X."""
    html = re.sub(r"\{#.*?#\}|\{%.*?%\}", "", template, flags=re.DOTALL)
    return Page(re.sub(r"\{\{.*?\}\}", "X", html, flags=re.DOTALL), is_whole=False)


def loaded_in_any_case(template: str) -> list[str]:
    """Return what a page of a template could load, and all other hosts that the template itself names."""
    page = in_any_case(template)
    return foreign(page) + [link for link in page.links if urlsplit(link).netloc] + re.findall(r"\|\s*safe", template)


def test_templates_load_nothing_under_any_condition() -> None:
    templates = [*TEMPLATES.glob("*.jinja"), ROOT / "functions" / "comet_updates" / "answer" / "not_found.html"]
    assert len(templates) > 10
    assert {path.name: loaded_in_any_case(path.read_text(encoding="utf-8")) for path in templates} == {
        path.name: [] for path in templates
    }


@pytest.mark.parametrize(
    "planted",
    [
        '{% if product.endswith("-beta") %}<link rel="preconnect" href="https://beta.example">{% endif %}',
        '{% if channels | length > 9 %}<img src="/{{ product }}">{% endif %}',
        '{% set more = 1 %}<a href="https://tracker.example/?to={{ homepage }}">X</a>',
        "{{ name | safe }}",
    ],
)
def test_template_that_loads_something_is_found(planted: str) -> None:
    """Positive control of the test above. No page of a test meets the conditions."""
    assert loaded_in_any_case(f"<p>{planted}</p>")


@pytest.mark.parametrize("path", [*PATHS, NOWHERE])
def test_pages_forbid_the_browser_to_load_anything(ask: Handler, path: str) -> None:
    given = ask(request(path), None)
    directives = dict(part.split(" ", 1) for part in given["headers"]["content-security-policy"].split("; "))
    (style,) = Page(given["body"]).styles
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert directives == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert ("access-control-allow-origin" in given["headers"]) == (path == NOWHERE), "the 404 is for programs, too"
    assert given["headers"]["content-type"] == "text/html; charset=utf-8"


def test_anyone_can_read_what_is_promised_and_what_was_published(ask: Handler) -> None:
    index, privacy, product = (Page(ask(request(path), None)["body"]) for path in PATHS[:3])
    assert {"/privacy", "/comet-cursor"} <= set(index.links)
    assert "What we promise" in privacy.text
    artifact = release()["artifacts"][0]
    assert "Comet Cursor" in product.text
    assert artifact["url"] in product.links
    assert artifact["sha256"] in product.text
    assert "https://HOST/v1/comet-cursor/stable" in product.text
    assert "/v1/comet-cursor/bundled/releases.json" in product.links
    history = json.loads(ask(request("/v1/comet-cursor/stable/releases.json"), None)["body"])
    assert [past["version"] for past in history["releases"]] == ["4.2.1"]


def test_what_publishers_write_is_text_on_a_page(ask: Handler) -> None:
    page = Page(ask(request("/comet-cursor"), None)["body"])
    assert "<script>alert(1)</script>" in page.text
    assert "script" not in page.tags


def test_a_page_is_answered_like_any_other_document(ask: Handler) -> None:
    first = ask(request("/privacy"), None)
    again = ask(request("/privacy", if_none_match=first["headers"]["etag"]), None)
    assert (first["statusCode"], again["statusCode"], again["body"]) == (200, 304, "")
    assert ask(request("/privacy", "HEAD"), None) == first | {"body": ""}


def test_unknown_page_is_the_same_page_whatever_is_asked_for(ask: Handler) -> None:
    """Ask with other headers: the form of the URL alone decides, and nothing of the URL comes back."""
    page = ask(request(NOWHERE), None)
    assert (page["statusCode"], "Page not found" in page["body"]) == (404, True)
    for path in ("/other", f"{NOWHERE}/de", "/favicon.ico", "/0123456789"):
        for accept in ("text/html", "application/json", "*/*", "image/avif"):
            event = request(path)
            event["headers"]["accept"] = accept
            assert ask(event, None) == page
    problem = ask(request("/v1/nothing/here"), None)
    assert problem["headers"]["content-type"] == "application/problem+json"
    icon = Page(page["body"]).loads
    assert icon == Page(ask(request("/"), None)["body"]).loads, "one icon for all pages"
    assert len(icon) == 1


def test_a_product_that_is_gone_has_no_page_and_is_not_listed(s3: S3, publish: Handler, answer: Handler) -> None:
    for key, document in UPLOADS.items():
        s3.put(key, document)
    publish(SWEEP, None)
    assert answer(request("/comet-cursor"), None)["statusCode"] == 200
    for channel in ("stable", "bundled"):
        s3.delete(f"releases/comet-cursor/{channel}/4.2.1.json")
    publish(SWEEP, None)
    assert answer(request("/comet-cursor"), None)["statusCode"] == 404
    assert "/comet-cursor" not in Page(answer(request("/"), None)["body"]).links


def test_the_page_names_the_publisher_until_the_document_is_deleted(s3: S3, publish: Handler, answer: Handler) -> None:
    """Send events only. Afterwards the page is that of a service that never had the document."""
    told = (*SAMPLE["quotes"].values(), SAMPLE["name"], SAMPLE["contact"], SAMPLE["policy_url"])
    publish(SWEEP, None)
    neutral = answer(request("/privacy"), None)
    assert not [part for part in told if part in neutral["body"]]
    s3.put(object_keys.PUBLISHER, SAMPLE)
    publish(notification(object_keys.PUBLISHER), None)
    page = Page(answer(request("/privacy"), None)["body"])
    assert [part for part in told if words(part) not in words(page.text) and part not in page.links] == []
    assert SAMPLE["name"] in answer(request("/"), None)["body"]
    s3.delete(object_keys.PUBLISHER)
    publish(notification(object_keys.PUBLISHER), None)
    assert answer(request("/privacy"), None) == neutral


HOSTILE = """<script>x()</script>"'><img src=x onerror=x()>{{ 7 * 7 }}"""


def test_a_publisher_cannot_write_html_on_a_page(s3: S3, publish: Handler, answer: Handler) -> None:
    url = 'https://example.com/"><script>x()</script>'
    fields = {"name": HOSTILE, "contact": HOSTILE, "homepage": url, "policy_url": url, "quotes": {"P1": HOSTILE}}
    for key, document in {**UPLOADS, object_keys.PUBLISHER: SAMPLE | fields}.items():
        s3.put(key, document)
    publish(SWEEP, None)
    for path in PATHS:
        page = Page(answer(request(path), None)["body"])
        assert HOSTILE in page.text
        assert foreign(page) == []
