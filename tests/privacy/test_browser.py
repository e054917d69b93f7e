"""Test the pages in a real browser with a recorded network: one request to one host, nothing stored, no barriers."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import pytest
import uvicorn

from comet_updates.pages import index
from comet_updates.pages import site as pages_site
from comet_updates_cli.local import gateway
from testkit.documents import release
from testkit.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.fresh import Handler

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: see requirements/dev.txt")

pytestmark = pytest.mark.full

CHROMIUM = shutil.which("chromium")
ALONE = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATHS = ("/", "/privacy", "/comet-cursor", "/comet-cursor/he")
NOWHERE = "/nothing-here"
WIDTHS = (320, 768, 1280)
AXE = ROOT / "tests" / "node" / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE_MS = 600_000
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCHEMES = ("light", "dark")


STORES = """async () => [
  localStorage.length, sessionStorage.length, (await indexedDB.databases()).length, (await caches.keys()).length,
  (await navigator.serviceWorker.getRegistrations()).length]"""


class Visit(NamedTuple):
    """The effects of opening one page in a browser.

    Attributes:
        requests: every URL that it requested.
        complaints: the messages of its console, such as a breach of the page's policy.
        stored: cookies, and the number of entries in each of its stores.
        overflows: whether the page scrolls sideways.
        landmarks: the accessibility tree, as text.
    """

    requests: list[str]
    complaints: list[str]
    stored: list[Any]
    overflows: bool
    landmarks: str


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("chromium is not on PATH: install it to try the pages in a real browser")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=ALONE, timeout=PATIENCE_MS)
        yield started
        started.close()


class Site(str):
    """The URL of the answering function behind HTTP.

    Attributes:
        asked: the path of every request that reached it, from any part of the browser.
        planted: HTML that is put before the main part of every page.
    """

    __slots__ = ("asked", "planted")

    asked: list[str]
    planted: str


def uploads() -> dict[str, dict[str, Any]]:
    """Return uploads of a product with long words, and with everything else that a page can show."""
    long = {"en": f"# New\n\n- [{'w' * 500}](https://www.example.com/)\n\n|a|b|\n|-|-|\n|{'c' * 90}|d|", "he": "שלום"}
    files = [{**release()["artifacts"][0], "file_name": "f" * 200}]
    files += [{**files[0], "platform": "linux", "url": f"https://downloads.example.com/{name}"} for name in ("a", "b")]
    shown: dict[str, Any] = {"title": "x" * 200, "display_version": "4.2.1-" + "v" * 150}
    shown["critical"] = {"below_version": "4.0.0"}
    documents = {
        "releases/comet-cursor/stable/4.2.1.json": release(notes=long, artifacts=files, **shown),
        "releases/comet-cursor/stable/4.2.0.json": release("4.2.0", notes={"en": "```\nold\n```"}),
        "releases/comet-cursor/stable/4.1.9.json": release("4.1.9"),
    }
    yanked = [{"version": "4.1.9", "reason": "r" * 200}]
    rollout = {"version": "4.2.1", "percent": 25}
    decided = {"schema": 1, "product": "comet-cursor", "channel": "stable", "yanked": yanked, "rollout": rollout}
    documents["channels/comet-cursor/stable.json"] = decided
    documents["channels/comet-cursor/same.json"] = decided | {"channel": "same", "includes": ["stable"]}
    for channel, held in {"beta": {"pin": "4.3.0"}, "nightly": {"paused_at": "2026-11-05T00:00:00Z"}}.items():
        documents[f"releases/comet-cursor/{channel}/4.3.0.json"] = release("4.3.0", channel=channel)
        policy = {"schema": 1, "product": "comet-cursor", "channel": channel, **held}
        documents[f"channels/comet-cursor/{channel}.json"] = policy
    documents["site/publisher.json"] = {
        "schema": 1,
        "name": "n" * 80,
        "contact": "c" * 200,
        "quotes": {"P1": "q" * 999},
    }
    documents["site/publisher.json"]["colours"] = {"light": "#ffff00", "dark": "#000080"}
    return documents


@pytest.fixture(scope="module")
def served(deploy: Callable[[dict[str, Any]], Handler]) -> Iterator[Site]:
    """Serve the answering function in front of these uploads."""
    answer = deploy(uploads())
    asked: list[str] = []

    def overheard(event: dict[str, Any], context: object) -> dict[str, Any]:
        asked.append(event["rawPath"])
        given = answer(event, context)
        if not address.planted:
            return given
        body = given["body"].replace("<main", f"{address.planted}<main")
        return given | {"body": body, "headers": given["headers"] | {"content-length": str(len(body.encode()))}}

    config = uvicorn.Config(gateway.application(overheard), port=0, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    address = Site(f"http://127.0.0.1:{port}")
    address.asked, address.planted = asked, ""
    yield address
    server.should_exit = True
    thread.join()


@pytest.fixture
def site(served: Site) -> Site:
    """Return the site with its requests forgotten and nothing planted."""
    served.asked.clear()
    served.planted = ""
    return served


def context_of(browser: Any, **options: Any) -> Any:
    """Return a new browser context, with a time-out that is long enough for a busy machine."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    return context


def visit(browser: Any, url: str, *, width: int = 1280, scheme: str = "light") -> Visit:
    """Open `url` in a new browser context."""
    context = context_of(browser, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(url, wait_until="networkidle")
    stored = [context.cookies(), page.evaluate(STORES)]
    overflows = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    seen = Visit(requests, complaints, stored, overflows, page.locator("body").aria_snapshot())
    context.close()
    return seen


def test_a_page_is_one_request_to_one_host_and_stores_nothing(browser: Any, site: Site) -> None:
    for path in (*PATHS, NOWHERE):
        seen = visit(browser, site + path)
        complaints = [complaint for complaint in seen.complaints if "status of 404" not in complaint]
        assert (seen.requests, complaints, seen.stored) == ([site + path], [], [[], [0] * 5])
    assert site.asked == [*PATHS, NOWHERE], "no request for an icon, or of a kind that a browser hides"


def test_what_somebody_plants_in_a_page_is_not_loaded(browser: Any, site: Site, elsewhere: Elsewhere) -> None:
    picture = f'<img src="{elsewhere}x.gif"><script src="{elsewhere}x.js"></script>'
    site.planted = f'{picture}<style>p{{background:url({elsewhere}y.gif)}}</style><p style="color:red">x</p>'
    seen = visit(browser, f"{site}/privacy")
    assert elsewhere.asked == []
    assert len(seen.complaints) == 4
    assert all("Content Security Policy" in complaint for complaint in seen.complaints)


def test_a_page_can_be_printed_whole_and_in_ink_on_white(browser: Any, site: Site) -> None:
    context = context_of(browser, color_scheme="dark")
    page = context.new_page()
    page.goto(f"{site}/comet-cursor")
    history = page.locator("details .notes").first
    assert not history.is_visible()
    page.emulate_media(media="print")
    assert history.is_visible()
    colours = page.evaluate("(({color, backgroundColor}) => [color, backgroundColor])(getComputedStyle(document.body))")
    assert colours == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    context.close()


def test_a_page_fits_its_window(browser: Any, site: Site) -> None:
    for path, width, scheme in itertools.product((*PATHS, NOWHERE), WIDTHS, SCHEMES):
        assert not visit(browser, site + path, width=width, scheme=scheme).overflows, (path, width, scheme)


def test_a_screen_reader_finds_its_way(browser: Any, site: Site) -> None:
    for path in PATHS:
        lines = [line.strip().removeprefix("- ") for line in visit(browser, site + path).landmarks.splitlines()]
        assert sum(line.startswith("main") for line in lines) == 1
        assert sum("[level=1]" in line for line in lines) == 1
        assert any(line.startswith('navigation "Pages"') for line in lines)
        links = [line for line in lines if line.startswith("link")]
        assert links[0].startswith('link "Skip to the content"')
        assert all(line.startswith('link "') for line in links), "every link has a name"


def complaints_of_axe(
    browser: Any, url: str, *, scheme: str = "light", width: int = 1280, body: bytes | None = None
) -> list[str]:
    """What axe-core finds on a page of which all is unfolded: rules that are broken, and where."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: `make test-all` installs it where npm is")
    context = context_of(browser, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    if body is not None:
        page.route(url, lambda route: route.fulfill(body=body, content_type="text/html; charset=utf-8"))
    page.goto(url)
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.removeAttribute('name'); d.open = true })")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("(rules) => axe.run({runOnly: {type: 'tag', values: rules}})", RULES)
    context.close()
    assert found["passes"], "axe-core checked something"
    return [f"{broken['id']}: {node['html']}" for broken in found["violations"] for node in broken["nodes"]]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("path", [*PATHS, NOWHERE])
def test_axe_finds_nothing(browser: Any, site: Site, path: str, scheme: str) -> None:
    for width in (320, 1280):
        assert complaints_of_axe(browser, site + path, scheme=scheme, width=width) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_on_the_page_without_products(browser: Any, site: Site, scheme: str) -> None:
    (empty,) = index.render([], pages_site.Site("https://updates.example.com"))
    for width in (320, 1280):
        assert complaints_of_axe(browser, site, scheme=scheme, width=width, body=empty) == []
    assert complaints_of_axe(browser, site, body=empty.replace(b"<h2", b"<h5")), "the positive control"


FAINT = '<p><font color="#808080">faint</font></p>'
"""HTML without a style of its own. Its contrast is below 4.5 to 1 on both backgrounds."""


@pytest.mark.parametrize(
    ("planted", "rule"),
    [
        (FAINT, "color-contrast"),
        ('<a href="/x"></a>', "link-name"),
        ("<h2>high</h2><h5>deep</h5>", "heading-order"),
        ('<p lang="nonsense">x</p>', "valid-lang"),
        ("<main></main>", "landmark-no-duplicate-main"),
    ],
    ids=lambda said: said if said.isascii() and "<" not in said else "planted",
)
def test_axe_finds_what_is_planted(browser: Any, site: Site, planted: str, rule: str) -> None:
    site.planted = planted
    assert any(found.startswith(f"{rule}:") for found in complaints_of_axe(browser, f"{site}/"))


def test_a_picture_from_elsewhere_is_not_loaded_and_a_wide_one_is_noticed(
    browser: Any, site: Site, elsewhere: Elsewhere
) -> None:
    site.planted = f'<img src="{elsewhere}x.gif" width="900" height="9" alt="">'
    seen = visit(browser, f"{site}/", width=320)
    assert seen.overflows
    assert elsewhere.asked == []
    assert seen.complaints


def unmarked(page: Any) -> list[str]:
    """Return the elements that get the keyboard's focus on the way through a page, without a visible mark."""
    found: list[str] = []
    first = None
    while True:
        page.keyboard.press("Tab")
        at = page.evaluate(
            """() => {
              const at = document.activeElement
              const marks = [null, '::after'].map(part => getComputedStyle(at, part))
              return [at.outerHTML, marks.some(s => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2)]
            }"""
        )
        if at[0] == first or at[0].startswith("<body"):
            return found
        first = first or at[0]
        found += [] if at[1] else [at[0]]


def test_the_focus_of_the_keyboard_is_always_seen(browser: Any, site: Site) -> None:
    context = context_of(browser, bypass_csp=True)
    page = context.new_page()
    for path in (*PATHS, NOWHERE):
        page.goto(site + path)
        assert unmarked(page) == [], path
    page.goto(f"{site}/")
    page.add_style_tag(content="a:focus-visible { outline: 0 !important }")
    assert unmarked(page), "the positive control"
    context.close()


class Elsewhere(str):
    """The URL of a page that loads a picture from another host, sets a cookie and is too wide.

    Attributes:
        asked: the path of every request that reached it.
    """

    __slots__ = ("asked",)

    asked: list[str]


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    asked: list[str] = []

    class Tracking(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.send_header("set-cookie", "id=1")
            self.end_headers()
            picture = f'<img src="http://localhost:{server.server_port}/x.gif">'
            self.wfile.write(f'<!doctype html>{picture}<p style="width:9999px">x'.encode())

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Tracking)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = Elsewhere(f"http://127.0.0.1:{server.server_port}/")
    address.asked = asked
    yield address
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_page_that_tracks_is_seen_to(browser: Any, elsewhere: Elsewhere) -> None:
    """Positive control of the tests above."""
    seen = visit(browser, elsewhere)
    assert {urlsplit(url).hostname for url in seen.requests} == {"127.0.0.1", "localhost"}
    assert {cookie["name"] for cookie in seen.stored[0]} == {"id"}
    assert seen.overflows
    assert {"/", "/x.gif"} <= set(elsewhere.asked)
