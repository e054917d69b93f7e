"""Requests of `import` and `release` to other hosts: no way out of https://, and an end in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep

import pytest
import trustme

from comet_updates.errors import ArtifactError, FetchError, ForeignFeedError
from comet_updates_cli import fetch as cli_fetch
from comet_updates_cli import import_feeds, release_document, wait_until_live
from comet_updates_cli.fetch import fetch
from tests.client.conftest import Server, http


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))


BODY = b"the whole file"
pytestmark = pytest.mark.usefixtures("trusted")


def test_feed_is_fetched_also_where_it_has_moved_to(downloads: Server) -> None:
    """Positive control."""
    moved = http(b"", "302 Found", location="/new")
    downloads.answer = lambda request: http(b"feed") if b"/new " in request else moved
    assert import_feeds.load(f"{downloads.url}/old") == b"feed"


@pytest.mark.parametrize("to", ["http://127.0.0.1:{}/feed", "HTTP://127.0.0.1:{}/feed", "ftp://127.0.0.1:{}/feed"])
def test_redirect_out_of_https_is_not_followed(downloads: Server, to: str) -> None:
    with Server(lambda _: http(b"forged")) as other:
        downloads.answer = lambda _: http(b"", "302 Found", location=to.format(other.port))
        with pytest.raises(ForeignFeedError, match=r"redirects to .* which is not https://"):
            import_feeds.load(f"{downloads.url}/feed")
        with pytest.raises(ArtifactError, match="which is not https://"):
            release_document.answers({"url": f"{downloads.url}/app.zip", "size": 6})
        assert other.connections == 0


def a_byte_now_and_then(_: bytes) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n"
    for _drop in range(40):  # the request that was left behind ends, too
        yield b"x"
        sleep(0.02)


def a_header_now_and_then(_: bytes) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    for _drop in range(40):  # the request that was left behind ends, too
        yield b"x"
        sleep(0.02)


@pytest.mark.parametrize("answer", [a_byte_now_and_then, a_header_now_and_then])
def test_server_that_is_too_slow_is_left(downloads: Server, answer: Callable[[bytes], Iterator[bytes]]) -> None:
    downloads.answer = answer
    with pytest.raises(FetchError, match=r"takes longer than 0.3 s"):
        fetch(f"{downloads.url}/feed", 1_000_000, 0.3)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (lambda _: http(b"feed", content_length="99"), "was cut off"),
        (lambda _: b"nonsense\r\n\r\n", "nonsense"),
        (lambda _: b"", "closed connection"),
        (lambda _: b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500 + b"\r\n", "more than 100 headers"),
        (lambda _: http(b"", "404 Not Found"), "Not Found"),
        (lambda _: http(b"", "302 Found", location="//["), "URL"),
    ],
    ids=["cut off", "no HTTP", "nothing", "too many headers", "missing", "redirected to nonsense"],
)
def test_wrong_answer_is_an_error_of_ours(downloads: Server, answer: Callable[[bytes], bytes], problem: str) -> None:
    downloads.answer = answer
    with pytest.raises(ForeignFeedError, match=problem):
        import_feeds.load(f"{downloads.url}/feed")
    service = wait_until_live.Service(downloads.url, deadline=0)
    assert wait_until_live.versions_live(service, "nova", "stable") == set()


def test_silent_service_is_asked_once_after_the_end_of_the_waiting(
    downloads: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expect that `--timeout` holds. Each of a channel's dozens of documents took half a minute more."""
    asked: list[bytes] = []

    def answer(request: bytes) -> Iterator[bytes]:
        asked.append(request)
        return a_byte_now_and_then(request)

    answering, silent = (wait_until_live.Service(downloads.url, deadline=0) for _ in range(2))
    downloads.answer = lambda _: http(b"body")
    assert [answering.get(f"/{document}") for document in range(5)] == [b"body"] * 5, "positive control"
    monkeypatch.setattr(wait_until_live, "LATE_ANSWER_S", 0.2)
    downloads.answer = answer
    assert [silent.get(f"/{document}") for document in range(5)] == [None] * 5
    assert len(asked) == 1


@pytest.mark.parametrize("length", ["many", "-1", "7"])
def test_length_that_differs_is_named(downloads: Server, length: str) -> None:
    downloads.answer = lambda _: http(b"", content_length=length)
    with pytest.raises(ArtifactError, match=f"has {length} bytes, but the local file has 6"):
        release_document.answers({"url": f"{downloads.url}/app.zip", "size": 6})


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "nonsense", "https://[", "https://a b/"])
def test_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(FetchError):
        fetch(url, 1_000, 1)


def test_limits_of_the_commands_are_finite() -> None:
    limits = (import_feeds.FETCH_LONGEST_S, release_document.LONGEST_S, wait_until_live.LONGEST_S, cli_fetch.SILENCE_S)
    assert max(limits) <= 300


@pytest.mark.parametrize("status", ["403 Forbidden", "405 Method Not Allowed", "501 Not Implemented"])
@pytest.mark.parametrize("understands_ranges", [True, False])
def test_file_at_a_host_that_refuses_head_is_found_by_its_first_byte(
    downloads: Server, status: str, *, understands_ranges: bool
) -> None:
    """Such as a host whose URLs are signed for GET alone."""
    asked: list[bytes] = []

    def answer(request: bytes) -> bytes:
        asked.append(request)
        if request.startswith(b"HEAD "):
            return http(b"", status)
        part = {"content_range": f"bytes 0-0/{len(BODY)}"} if understands_ranges else {}
        return http(BODY[:1] if part else BODY, "206 Partial Content" if part else "200 OK", **part)

    downloads.answer = answer
    release_document.answers({"url": f"{downloads.url}/app.zip", "size": len(BODY)})
    assert b"\r\nRange: bytes=0-0\r\n" in asked[1]
    with pytest.raises(ArtifactError, match=f"has {len(BODY)} bytes, but the local file has 7"):
        release_document.answers({"url": f"{downloads.url}/app.zip", "size": 7})


def test_file_that_neither_head_nor_get_finds_is_missing(downloads: Server) -> None:
    """After a 404 to HEAD, no GET follows."""
    downloads.answer = lambda _: http(b"", "405 Method Not Allowed")
    with pytest.raises(ArtifactError, match="does not answer: Method Not Allowed"):
        release_document.answers({"url": f"{downloads.url}/app.zip", "size": 7})
    downloads.answer = lambda _: http(b"", "404 Not Found")
    before = downloads.connections
    with pytest.raises(ArtifactError, match="does not answer: Not Found"):
        release_document.answers({"url": f"{downloads.url}/app.zip", "size": 7})
    assert downloads.connections == before + 1
