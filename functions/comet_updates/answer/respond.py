"""Answer a request from its method, path and If-None-Match. No other part of a request reaches this module."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from comet_updates.answer import urls
from comet_updates.answer.errors import StoreUnavailableError
from comet_updates.answer.log import Cache, Outcome
from comet_updates.answer.store import STALE_MAX_S, Document

MAX_AGE_S, SHARED_MAX_AGE_S, REVALIDATE_S = 300, 60, 60
"""How long a client (P8) and a shared cache may keep an answer; how long the cache may use it while it revalidates."""

EVERYWHERE = {"x-content-type-options": "nosniff", "strict-transport-security": "max-age=63072000; includeSubDomains"}
_FEED = {"access-control-allow-origin": "*"}  # feeds are public: any web page may read them
# A page may use its one stylesheet, by hash. It may not load or send anything else, or be shown in a frame.
_CSP = "default-src 'none'; style-src '%s'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_PAGE = {"content-security-policy": _CSP % "sha256-1ccaXJZfKiIbpiBdEAs7HpbddkGZg5ZVQOl8hBT4NtE="}
_SHARED = f"s-maxage={SHARED_MAX_AGE_S}, stale-while-revalidate={REVALIDATE_S}, stale-if-error={STALE_MAX_S}"
_CACHED = f"public, max-age={MAX_AGE_S}, {_SHARED}"


class Answer(NamedTuple):
    """An answer, and the facts that may be logged about it."""

    status: int
    headers: dict[str, str]
    body: str
    outcome: Outcome
    key: str | None = None
    cache: Cache = Cache.NONE


def _problem(status: int, title: str, outcome: Outcome, cache_control: str = "no-store", **headers: str) -> Answer:
    body = f'{{"type":"about:blank","title":"{title}","status":{status}}}'  # RFC 9457; constant
    own = {name.replace("_", "-"): value for name, value in headers.items()} | {"cache-control": cache_control}
    fixed = {"content-type": "application/problem+json", "content-length": str(len(body))}
    return Answer(status, fixed | own | EVERYWHERE | _FEED, body, outcome)


# An unknown URL may contain an identifier, so shared caches must not keep the 404.
NOT_FOUND = _problem(404, "Not Found", Outcome.NOT_FOUND, cache_control="private, max-age=60")
NOT_ALLOWED = _problem(405, "Method Not Allowed", Outcome.METHOD_NOT_ALLOWED, allow="GET, HEAD")
FAILED = _problem(500, "Internal Server Error", Outcome.FAILED)
UNAVAILABLE = _problem(503, "Service Unavailable", Outcome.UNAVAILABLE, retry_after="30")

# The 404 for people. Programs get the problem document: the form of the URL alone decides.
_LOST = Path(__file__).with_name("not_found.html").read_text(encoding="ascii")
_LOST_HEADERS = {"content-type": urls.CONTENT_TYPES[".html"], "content-length": str(len(_LOST))}
_LOST_HEADERS |= {"content-security-policy": _CSP % "sha256-mQdjW77Op2skq2wbRyhG48fwaxB4gLpyDuwDhxPwlsk="}
NO_PAGE = NOT_FOUND._replace(headers=NOT_FOUND.headers | _LOST_HEADERS, body=_LOST)


def respond(
    method: str, path: str, if_none_match: str | None, read: Callable[[str], tuple[Document | None, Cache]]
) -> Answer:
    """Return the answer to a request. Only these three strings of the request are read.

    Args:
        method: as sent. Anything but GET and HEAD gives 405.
        path: without the query; see `answer.urls.public_key`.
        if_none_match: only compared with the document's hash.
        read: returns the document at a key, or None, and its source. It may raise `StoreUnavailableError`.
    """
    if method not in ("GET", "HEAD"):
        return NOT_ALLOWED
    key = urls.public_key(path)
    try:
        document, cache = read(key) if key else (None, Cache.NONE)
    except StoreUnavailableError:
        return UNAVAILABLE
    if key is None or document is None:
        return NOT_FOUND if path.startswith(urls.FOR_PROGRAMS) else NO_PAGE
    validators = {"cache-control": _CACHED, "etag": document.etag}
    always = EVERYWHERE | (_PAGE if key.endswith(".html") else _FEED)
    if if_none_match is not None and _matches(if_none_match, document.etag):
        return Answer(304, validators | always, "", Outcome.NOT_MODIFIED, key, cache)
    fixed = {"content-type": urls.content_type(key), "content-length": str(document.size_bytes)}
    body = document.text if method == "GET" else ""
    return Answer(200, fixed | validators | always, body, Outcome.ANSWERED, key, cache)


def _matches(if_none_match: str, etag: str) -> bool:
    """Return whether the header contains `etag`, compared weakly (RFC 9110, section 13.1.2)."""
    candidates = (candidate.strip().removeprefix("W/") for candidate in if_none_match.split(","))
    return if_none_match.strip() == "*" or etag in candidates
