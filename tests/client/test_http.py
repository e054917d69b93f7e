from __future__ import annotations

import ssl
from collections.abc import Iterator
from time import sleep

import pytest

from comet_updates.errors import NoAnswerError
from comet_updates_client import http as client_http
from comet_updates_client import request
from tests.client.conftest import Server, http


def ask(server: Server, tls: ssl.SSLContext, max_bytes: int = 1_000) -> tuple[int, bytes]:
    address = request.channel(f"{server.url}/v1/comet-cursor/stable").address
    reply, body = client_http.document(address, request.ask(address), tls, max_bytes)
    return reply.status, body


@pytest.mark.parametrize("is_secure", [True, False], ids=["over TLS", "on this machine"])
def test_the_bytes_of_the_request_are_what_arrives(
    certified: ssl.SSLContext, tls: ssl.SSLContext, *, is_secure: bool
) -> None:
    with Server(lambda _: http(b"{}"), certified if is_secure else None) as server:
        assert ask(server, tls) == (200, b"{}")
        shown = request.ask(request.channel(f"{server.url}/v1/comet-cursor/stable").address)
        assert server.received == [shown]


def test_a_server_without_a_trusted_certificate_gets_no_request(certified: ssl.SSLContext) -> None:
    with Server(lambda _: http(b"{}"), certified) as server:
        with pytest.raises(NoAnswerError, match="cannot prove that it is this host"):
            ask(server, ssl.create_default_context())
        assert (server.received, server.connections) == ([], 1)


def test_a_certificate_for_another_host_is_no_proof(certified: ssl.SSLContext, tls: ssl.SSLContext) -> None:
    with Server(lambda _: http(b"{}"), certified) as server:
        server.url = server.url.replace("localhost", "127.0.0.1")
        with pytest.raises(NoAnswerError, match="cannot prove"):
            ask(server, tls)
        assert server.received == []


def test_a_redirect_is_not_followed(tls: ssl.SSLContext) -> None:
    with Server(lambda _: http(b"elsewhere")) as elsewhere, Server(lambda _: b"") as server:
        server.answer = lambda _: http(status="302 Found", location=elsewhere.url)
        assert ask(server, tls) == (302, b"")
        assert elsewhere.connections == 0


def test_a_cookie_is_not_kept(tls: ssl.SSLContext) -> None:
    with Server(lambda _: http(b"{}", set_cookie="id=1", etag='"1"')) as server:
        assert [ask(server, tls), ask(server, tls)] == [(200, b"{}")] * 2
        assert server.received[0] == server.received[1]


def endless(_: bytes) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n\r\n"
    while True:
        yield b"x" * 65_536


def one_byte_now_and_then(_: bytes) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n"
    while True:
        yield b"x"
        sleep(0.02)


def a_header_now_and_then(_: bytes) -> Iterator[bytes]:
    while True:
        yield b"HTTP/1.1 100 Continue\r\n\r\n"
        sleep(0.02)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (lambda _: b"", "HTTP|cannot be reached"),
        (lambda _: b"\x00\xff\r\n\r\n", "HTTP"),
        (lambda _: b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nxx", "cut off"),
        (lambda _: b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "cut off"),
        (lambda _: b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500 + b"\r\n", "HTTP"),
        (lambda _: http(b"x" * 1_001), "more than 1000 bytes"),
        (endless, "more than 1000 bytes"),
        (one_byte_now_and_then, "too slowly"),
        (a_header_now_and_then, "too slowly"),
    ],
    ids=[
        *("nothing", "no HTTP", "cut short", "no length", "too many headers", "too large", "endless"),
        *("drop by drop", "never beginning"),
    ],
)
def test_whatever_a_server_does_comes_to_an_end(
    monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext, answer: object, problem: str
) -> None:
    monkeypatch.setattr(client_http, "ANSWER_S", 0.5)
    with Server(answer) as server, pytest.raises(NoAnswerError, match=problem):  # type: ignore[arg-type]
        ask(server, tls)


def test_a_server_that_is_not_there_is_told_of(tls: ssl.SSLContext) -> None:
    with Server(lambda _: b"") as server:
        pass
    with pytest.raises(NoAnswerError, match="Connection refused"):
        ask(server, tls)


def test_a_host_that_cannot_be_one_is_told_of(tls: ssl.SSLContext) -> None:
    address = request.channel(f"https://{'a' * 64}.example.com/v1/a/b").address
    with pytest.raises(NoAnswerError):
        client_http.document(address, request.ask(address), tls, 1_000)
