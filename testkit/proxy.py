"""A proxy on loopback between our code and an S3 over HTTP, which misbehaves on command."""

from __future__ import annotations

import http.client
import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, NamedTuple

from testkit.faults import DENIED, FAULTS, Response, misbehave

HOST = "127.0.0.1"
BEFORE_ANY_CONNECTION = ("refused", "black hole")
"""The faults before a connection: nobody listens, or nobody answers."""

ALL = (*BEFORE_ANY_CONNECTION, *FAULTS)
_OF_A_HOP = {"connection", "content-length", "expect", "transfer-encoding"}


class Request(NamedTuple):
    """A request as it arrived."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Proxy:
    """Passes on requests, except those that `misbehave` selects.

    Args:
        upstream_port: the port of the S3 on loopback.
        hides_missing: whether it answers 403 for an object that does not exist, as S3 does to a role that may not list.

    Attributes:
        port: its port on loopback.
        requests: method and target of each request, in order.
        faults: how often it misbehaved.
    """

    def __init__(self, upstream_port: int, *, hides_missing: bool = False) -> None:
        self._upstream_port = upstream_port
        self._hides_missing = hides_missing
        self._lock = threading.RLock()
        self._clients: set[socket.socket] = set()
        self._fillers: list[socket.socket] = []
        self._fault, self._numbers, self._state = "", range(0), ""
        self.requests: list[tuple[str, str]] = []
        self.faults = 0
        self._listener = self._listen(socket.create_server((HOST, 0), backlog=128))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}"

    def misbehave(self, fault: str, *, after: int = 0, times: int = 1_000_000_000) -> None:
        """Cause `fault` from now on, until `heal`.

        Args:
            fault: one of `ALL`.
            after: how many more requests succeed before.
            times: how many requests meet the fault. A fault without a connection cannot count them.
        """
        with self._lock:
            self.heal()
            begin = len(self.requests) + after
            self._fault, self._numbers = fault, range(begin, begin + times)
            self._close_the_door_if_due()

    def heal(self) -> None:
        """Stop misbehaving."""
        with self._lock:
            self._fault, self._numbers = "", range(0)
            if self._state:
                self._stop_listening()
                self._state = ""
                self._listener = self._listen(socket.create_server((HOST, self.port), backlog=128))

    def close(self) -> None:
        """Stop the proxy."""
        with self._lock:
            self._fault = ""
            self._stop_listening()

    def _listen(self, listener: socket.socket) -> socket.socket:
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._clients.add(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _stop_listening(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # `close` alone would not end a waiting `accept`
        self._listener.close()
        for each in [*self._clients, *self._fillers]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()

    def _close_the_door_if_due(self) -> None:
        if self._fault not in BEFORE_ANY_CONNECTION or self._state or len(self.requests) < self._numbers.start:
            return
        self._stop_listening()
        self._state = self._fault
        self.faults += 1
        if self._state == "black hole":  # if the queue of connections is full, Linux drops new ones
            self._listener = socket.create_server((HOST, self.port), backlog=0)
            for _ in range(4):
                filler = socket.socket()
                filler.settimeout(0)
                filler.connect_ex((HOST, self.port))
                self._fillers.append(filler)

    def _serve(self, client: socket.socket) -> None:
        upstream = http.client.HTTPConnection(HOST, self._upstream_port)
        try:
            with suppress(OSError), client.makefile("rb") as reader:
                while request := _read(reader, client):
                    if not self._answer(client, request, upstream):
                        return
        finally:
            with self._lock:
                self._clients.discard(client)
            client.close()
            upstream.close()

    def _answer(self, client: socket.socket, request: Request, upstream: http.client.HTTPConnection) -> bool:
        """Answer one request. Return whether the connection stays open."""
        with self._lock:
            if self._fault in BEFORE_ANY_CONNECTION and len(self.requests) in self._numbers:
                return False  # it arrived on another connection while the listener was being closed
            fault = self._fault if len(self.requests) in self._numbers and self._fault in FAULTS else ""
            self.requests.append((request.method, request.target))
            self.faults += bool(fault)
        if fault:
            misbehave(fault, client, lambda: self._real(request, upstream))
            return False
        client.sendall(self._real(request, upstream).raw())
        with self._lock:
            self._close_the_door_if_due()
        return True

    def _real(self, request: Request, upstream: http.client.HTTPConnection) -> Response:
        answer = _forward(request, upstream)
        return DENIED if self._hides_missing and answer.status.startswith("404") else answer


@contextmanager
def proxied(upstream_port: int, *, hides_missing: bool = False) -> Iterator[Proxy]:
    """Yield a running proxy to `upstream_port`, and close it at the end."""
    proxy = Proxy(upstream_port, hides_missing=hides_missing)
    try:
        yield proxy
    finally:
        proxy.close()


def _read(reader: BinaryIO, client: socket.socket) -> Request | None:
    """Return the next request, or `None` if the client sends none."""
    line = reader.readline().decode("latin-1").split()
    if len(line) < 2:
        return None
    lines = itertools.takewhile(bytes.strip, iter(reader.readline, b""))
    pairs = (header.decode("latin-1").partition(":") for header in lines)
    headers = tuple((name, value.strip()) for name, _, value in pairs)
    said = {name.lower(): value for name, value in headers}
    if said.get("expect") == "100-continue":
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = reader.read(int(said.get("content-length", 0)))
    return Request(line[0], line[1], headers, body)


def _forward(request: Request, upstream: http.client.HTTPConnection) -> Response:
    upstream.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
    for name, value in request.headers:
        if name.lower() not in _OF_A_HOP:
            upstream.putheader(name, value)
    if request.body or request.method in ("PUT", "POST"):
        upstream.putheader("content-length", str(len(request.body)))
    upstream.endheaders(request.body or None)
    response = upstream.getresponse()
    body = response.read()
    passed = [(name, value) for name, value in response.getheaders() if name.lower() not in _OF_A_HOP]
    length = response.getheader("content-length", str(len(body))) if request.method == "HEAD" else str(len(body))
    if response.status not in (204, 304):
        passed.append(("content-length", length))
    return Response(f"{response.status} {response.reason}", tuple(passed), body)
