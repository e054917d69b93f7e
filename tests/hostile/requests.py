"""Hostile requests for the answering function itself: many here, and a few in `test_requests.py`.

The function and its log are real. Its S3 is a dictionary, which is a thousand times faster. Every answer must be in a
list that was made before the first hostile request, so no answer has a byte of a request in it.
"""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from checks.privacy_proof.report_data import log_lines
from comet_updates.answer import urls
from testkit.events import request
from testkit.fresh import Handler, fresh_import
from tests.hostile.counts import Counts

DOCUMENTS = {
    urls.schema_key("manifest"): "{}",
    urls.schema_key("openapi"): '{"openapi":"3.1.0"}',
    urls.page_key("index"): "<!doctype html>",
    urls.page_key("comet-cursor"): "<!doctype html><p>",
    urls.news_key("comet-cursor"): "<feed/>",
    urls.document_key("comet-cursor", "stable", "manifest.json"): '{"version":"4.2.1"}',
    urls.document_key("comet-cursor", "stable", "releases.json"): '{"releases":[]}',
    urls.document_key("comet-cursor", "stable", "appcast.xml"): "<rss/>",
    urls.document_key("comet-cursor", "stable", "latest.yml"): "version: 4.2.1\n",
    urls.document_key("comet-cursor", "stable", "RELEASES"): "0123 a 1\n",
    urls.document_key("comet-cursor", "stable", urls.drop_in_document("RELEASES", "x64")): "0123 a 1\n",
    urls.document_key("comet-cursor", "stable", urls.drop_in_document("tauri", "linux-x86_64")): (
        '{"version":"4.2.1"}'
    ),
}
"""All documents of the S3."""

PATHS = (
    *("/", "/comet-cursor", "/comet-cursor/feed.atom", "/schemas/manifest.json", "/schemas/openapi.json"),
    *("/v1/comet-cursor/stable", "/v1/comet-cursor/stable/manifest.json", "/v1/comet-cursor/stable/releases.json"),
    *("/v1/comet-cursor/stable/appcast.xml", "/v1/comet-cursor/stable/latest.yml", "/v1/comet-cursor/stable/RELEASES"),
    *("/drop-in/comet-cursor/stable/linux/x86_64/4.2.0", "/drop-in/comet-cursor/stable/linux/x86_64/4.2.1"),
    "/drop-in/comet-cursor/stable/win32_x64/4.2.0/RELEASES",
    *("/v1/a/b", "/nowhere/at/all"),
)
"""Every kind of path with an answer, and two without."""


class Function:
    """The answering function, newly started. Its S3 has `DOCUMENTS`, and denies the read of any other key.

    Attributes:
        fails: whether the S3 fails.
        asked: the keys that were read.
        handler: the function's handler.
    """

    def __init__(self) -> None:
        module = fresh_import("comet_updates.answer.handler")
        self.fails = False
        self.asked: list[str] = []
        self._fetch = module.s3_get.__globals__  # as this handler imported it
        module.s3_get = lambda *_: self._get
        settings = module.Settings("bucket", None, 60.0, "INFO", log_successes=True)
        self.handler: Handler = module.build(settings)

    def _get(self, key: str, validator: str | None) -> Any:
        self.asked.append(key)
        if self.fails:
            raise self._fetch["StoreUnavailableError"]
        if key not in DOCUMENTS:
            raise self._fetch["DeniedError"]
        text = DOCUMENTS[key]
        etag = f'"{len(key):032x}"'
        return (
            self._fetch["Unchanged"]() if validator == key else self._fetch["Document"](key, text, len(text), etag, key)
        )


def possible(function: Function) -> frozenset[str]:
    """Return every possible answer as JSON: those to normal requests, and those that do not depend on a request."""
    paths = [*PATHS, *(f"{path}/1" for path in PATHS)]  # some in the form of an old copy, which adds its number
    asked = [request(path, method) for path in paths for method in ("GET", "HEAD", "POST")]
    asked += [request(path, method, if_none_match="*") for path in paths for method in ("GET", "HEAD")]
    with contextlib.redirect_stdout(io.StringIO()):
        answers = [function.handler(event, None) for event in [*asked, {}]]
        function.fails = True
        answers.append(function.handler(request("/v1/a/b"), None))
    assert {answer["statusCode"] for answer in answers} == {200, 204, 304, 404, 405, 500, 503}
    return frozenset(as_text(answer) for answer in answers)


def as_text(answer: Any) -> str:
    return json.dumps(answer, sort_keys=True)


def possible_lines() -> frozenset[str]:
    """Return every possible line of the log."""
    places = {urls.NO_DOCUMENT, *(urls.document_id(key) for key in DOCUMENTS)}
    return frozenset(line for place in places for line in log_lines(place))


NASTY = (
    *("..", ".", "%2e%2e", "%2E%2e%2F", "%252e%252e", "..%c0%af", "%2f", "%5c", "\\", "//", "/./", "/../", ";", "%00"),
    *("\0", "\r\n", "%0d%0aset-cookie:%20a=b", "\r\nHost: evil.example", "\ud800", "%ed%a0%80", "%ff", "%", "%zz"),
    *(
        "\u202e",
        "\u017ftable",
        "\ufb01",
        "%E2%80%AE",
        "http://evil.example/",
        "//evil.example/%2f..",
        "*",
        "?",
        "#",
        "&",
        "=",
    ),
    *(
        "{}",
        "{{7*7}}",
        "${jndi:ldap://x}",
        "<script>",
        "'--",
        "|id",
        "`id`",
        "$(id)",
        "a" * 600,
        "/" * 300,
        "%41" * 200,
    ),
    *("public", "releases", "rejected", "packs", "v1", "v2", "schemas", "drop-in", "update", "darwin", "win32_x64"),
    *("comet-cursor", "stable", "manifest.json", "releases.json", "RELEASES", "appcast.xml", "openapi.json"),
    *("4.2.0", "4.2.1", "999999999999999999999.0.0", "1.0.0-" + "a.1" * 40, "1.0.0%2B%2b", "v0.0.0"),
    *("{3F2504E0-4F89-11D3-9A0C-0305E82C3301}", "%7B3F2504E0-4F89-11D3-9A0C-0305E82C3301%7D", "DN-1", "0" * 21),
)
METHODS = ("GET", "GET", "GET", "HEAD", "POST", "OPTIONS", "TRACE", "CONNECT", "PRI", "get", "GET ", "G\0ET", "", "☄")
HEADERS = (
    *(
        "if-none-match",
        "If-None-Match",
        "host",
        "cookie",
        "range",
        "content-length",
        "transfer-encoding",
        "x-forwarded-for",
    ),
    *(
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
        "forwarded",
        "expect",
        "upgrade",
        "te",
        "\0",
        "",
        "☄",
    ),
)
VALUES = (
    *("*", "W/*", '"', ",", '"x"', f'"{40:032x}"', f'W/"{40:032x}"', ", ".join(['"a"'] * 500), "chunked", "0", "-1"),
    *("bytes=0-0", "a\r\nb: c", "\0", "\ud800", "x" * 9_000, "POST", "/v1/comet-cursor/beta", "h2c", ""),
)
ODD: tuple[Any, ...] = (None, 0, -1, True, 1.5, "", [], {}, [{}], "x", b"x", {"a": {"b": []}})


def hostile(rng: random.Random) -> Iterator[Any]:
    """Yield hostile events of API Gateway (payload 2.0). Each has a number of its own. Never ends."""
    for number in itertools.count():
        mark = f"canary{number:09d}x"
        path = _path(rng, mark)
        event = request(path, rng.choice(METHODS) if rng.random() < 0.95 else mark)
        event["headers"] = {
            rng.choice(HEADERS): rng.choice(VALUES) + (mark if rng.random() < 0.5 else "")
            for _ in range(rng.randrange(5))
        } | {mark: mark}
        event["rawQueryString"] = f"guid={mark}&{rng.choice(NASTY)}"
        event["queryStringParameters"] = {mark: rng.choice(NASTY)}
        event["cookies"] = [f"id={mark}", rng.choice(VALUES)]
        event["requestContext"] |= {"accountId": mark, "requestId": mark, "http": event["requestContext"]["http"]}
        event["requestContext"]["http"] |= {"sourceIp": mark, "userAgent": f"{rng.choice(NASTY)}{mark}"}
        if rng.random() < 0.2:
            body = f"{mark}{rng.choice(NASTY)}".encode("utf-8", "surrogatepass")
            event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": rng.choice([True, False, "x"])}
        yield _broken(rng, event) if rng.random() < 0.05 else event


def _path(rng: random.Random, mark: str) -> str:
    """Return a known path with other parts inserted, or any other path."""
    chosen = rng.random()
    if chosen < 0.15:
        return rng.choice(PATHS)
    if chosen < 0.25:
        return rng.choice(["", "/", "http://evil.example", "//"]) + "".join(rng.choices(NASTY, k=3)) + mark
    if chosen < 0.35:
        return f"/v1/{mark}/stable"  # a valid name: only S3 can tell that nobody published it
    parts = rng.choice(PATHS).split("/")
    for _ in range(rng.randint(1, 2)):
        parts.insert(rng.randrange(len(parts) + 1), rng.choice([*NASTY, mark]))
    return rng.choice(["/", "/", "/", "%2f", "\\"]).join(parts)


def _broken(rng: random.Random, event: dict[str, Any]) -> Any:
    """Return an event that the gateway would never send."""
    if rng.random() < 0.1:
        return rng.choice(ODD)
    target: Any = rng.choice([event, event["requestContext"], event["requestContext"]["http"], event["headers"]])
    name = rng.choice(list(target))
    if rng.random() < 0.3:
        del target[name]
    else:
        target[name] = rng.choice(ODD)
    return event


class Sink(io.StringIO):
    """A standard output that keeps each different line once."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: set[str] = set()

    def write(self, text: str) -> int:
        self.lines.update(text.splitlines())
        return len(text)


def run(*, seed: int, budget: int, disguise: Callable[[Handler], Handler] = lambda handler: handler) -> Counts:
    """Send `budget` hostile requests, one in fifty while S3 fails. Count answers and lines that are not in the lists.

    The environment must hold the settings of the function, as the fixture `environment` writes them.

    Args:
        seed: of the requests.
        budget: the number of requests.
        disguise: wraps the handler, to show that a wrong answer would be noticed.
    """
    function = Function()
    handler = disguise(function.handler)
    right = possible(Function())
    lines, sink, counts = possible_lines(), Sink(), Counts()
    with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
        for number, event in enumerate(itertools.islice(hostile(random.Random(seed)), budget)):
            function.fails = number % 50 == 49
            function.asked.clear()
            counts.inputs += 1
            try:
                counts.wrong += as_text(handler(event, None)) not in right
            except Exception:  # noqa: BLE001 (it is counted)
                counts.wrong += 1
            counts.answers += 1
    counts.wrong += len(sink.lines - lines)
    return counts
