"""Requests a URL, with limits for the size and the whole time. A redirect never leaves https://."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPException, HTTPMessage
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from comet_updates.errors import FetchError

SILENCE_S = 30.0
"""The longest time without any byte from the server."""
SCHEMES = ("https://", "http://")


class Fetched(NamedTuple):
    """An answer: its headers and its body, as far as it was requested."""

    headers: HTTPMessage
    body: bytes


def fetch(url: str, max_bytes: int, longest_s: float, *, method: str = "GET", byte_range: str | None = None) -> Fetched:
    """Return the answer to a request for `url`, or to where it redirects.

    Args:
        url: the URL.
        max_bytes: the body is not read further than one byte beyond.
        longest_s: the longest time for everything, in seconds.
        method: `GET`, or `HEAD` for the headers alone.
        byte_range: the part of the body to ask for, as in `bytes=0-0`. A server may send all of it.

    Raises:
        FetchError: the server does not answer with success in time.
    """
    if not url.startswith(SCHEMES):
        raise FetchError(url, "does not begin with https://")
    # A server can send one byte now and then, also of a header. So another thread waits, and is left behind.
    results: SimpleQueue[Fetched | Exception] = SimpleQueue()
    Thread(target=_put_result, args=(results, lambda: _fetch(url, max_bytes, method, byte_range)), daemon=True).start()
    try:
        result = results.get(timeout=longest_s)
    except Empty:
        raise FetchError(url, f"takes longer than {longest_s:g} s") from None
    if isinstance(result, HTTPError):
        raise FetchError(url, str(result.reason), result.code) from result
    if isinstance(result, (OSError, HTTPException, ValueError)):
        reason = getattr(result, "reason", None) or result
        # Without the errno.
        raise FetchError(url, str(getattr(reason, "strerror", None) or reason)) from result
    if isinstance(result, Exception):
        raise result
    return result


def _put_result(results: SimpleQueue[Fetched | Exception], work: Callable[[], Fetched]) -> None:
    try:
        results.put(work())
    except Exception as error:  # noqa: BLE001 (raised again by the thread that waits)
        results.put(error)


def _fetch(url: str, max_bytes: int, method: str, byte_range: str | None) -> Fetched:
    headers = {"Range": byte_range} if byte_range else {}
    request = Request(url, headers=headers, method=method)  # noqa: S310 (the caller's URL)
    try:
        with build_opener(_OnlyHttps).open(request, timeout=SILENCE_S) as answer:
            body = answer.read(max_bytes + 1) if method == "GET" else b""
            if method == "GET" and len(body) <= max_bytes and answer.length:
                raise URLError("was cut off")  # urllib returns the part that came
            return Fetched(answer.headers, body)
    except HTTPError as error:
        error.close()
        raise


class _OnlyHttps(HTTPRedirectHandler):
    """Follows no redirect from https:// to another scheme, where anybody on the way could change the answer."""

    def redirect_request(  # noqa: PLR0917 (as urllib calls it)
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https":
            raise URLError(f"redirects to {newurl}, which is not https://")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
