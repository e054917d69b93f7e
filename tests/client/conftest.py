"""Fixtures: a server that records every byte it gets, and sends the answers of a test, with TLS or without."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Self

import pytest
import trustme

from comet_updates_client.manifest import Artifact, Release, parse
from testkit.documents import release

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
Answer = Callable[[bytes], "bytes | Iterable[bytes]"]


def http(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """Return an HTTP answer. Its length is that of the body, unless `headers` have another."""
    said = {"content-length": str(len(body))} | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in said.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def manifest(version: str = "4.2.1", **fields: Any) -> bytes:
    """Return the manifest of a release, as a service serves it."""
    return json.dumps(release(version) | fields).encode()


def offered(version: str = "4.2.1", **fields: Any) -> Release:
    """Return the same manifest, parsed by the client."""
    return parse(manifest(version, **fields), "comet-cursor")


def artifact(body: bytes, url: str, **fields: Any) -> Artifact:
    """Return an artifact for the file `body`."""
    said = {"platform": "linux", "arch": "x86_64", "kind": "archive", "url": url, "size": len(body)}
    said |= {"sha256": hashlib.sha256(body).hexdigest()} | fields
    return offered(artifacts=[{name: value for name, value in said.items() if value is not None}]).artifacts[0]


class Server:
    """A server on loopback: one connection at a time, one request each.

    Attributes:
        received: the bytes of each request.
        connections: how many were opened, with a request or without.
    """

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.received: list[bytes] = []
        self.connections = 0
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"https://localhost:{self.port}" if tls else f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            with connection, suppress(OSError):
                connection.settimeout(10)
                stream = self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
                with stream:
                    self._answer(stream)

    def _answer(self, stream: socket.socket) -> None:
        request = b""
        while not request.endswith(b"\r\n\r\n") and (chunk := stream.recv(65_536)):
            request += chunk
        self.received.append(request)
        answer = self.answer(request)
        for piece in [answer] if isinstance(answer, bytes) else answer:
            stream.sendall(piece)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Return the authority that issues the servers' certificates."""
    return trustme.CA()


@pytest.fixture(scope="session")
def certified(authority: trustme.CA) -> ssl.SSLContext:
    """Return the TLS settings of a server on `localhost`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    """Return the TLS settings of a client that trusts the tests' authority, besides the system's."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def downloads(certified: ssl.SSLContext) -> Iterator[Server]:
    """Yield a server for files. A test sets its answers."""
    with Server(lambda _: http(status="404 Not Found"), certified) as server:
        yield server
