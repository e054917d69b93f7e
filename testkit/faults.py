"""The ways in which S3 fails one request: each is a function on the client's connection.

The connection is closed afterwards. Faults before a connection exists are in `proxy.py`, which listens.
"""

from __future__ import annotations

import hashlib
import select
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

SLOW_S = 0.1
TRICKLE_S = 0.1
FAR_TOO_LONG_BYTES = 1_000_000  # sent of an answer with a far longer length; more would only slow other tests
PATIENCE_S = 30.0  # longer than any client of ours waits


class Response(NamedTuple):
    """A response as it goes over the network."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def head(self) -> bytes:
        """Return all bytes before the body.

        They announce that the connection closes: otherwise the client's next request would race the close.
        """
        headers = (*self.headers, ("connection", "close"))
        lines = [f"HTTP/1.1 {self.status}", *(f"{name}: {value}" for name, value in headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")

    def raw(self) -> bytes:
        """Return all bytes of the response."""
        return self.head() + self.body


Fault = Callable[[socket.socket, Callable[[], Response]], None]
"""Misbehaves on the connection of a client. The second argument forwards the request to the real S3."""


def _silent(client: socket.socket, _: Callable[[], Response]) -> None:
    _wait_for_its_end(client, PATIENCE_S)


def _closed(_client: socket.socket, _: Callable[[], Response]) -> None:
    pass


def _reset(client: socket.socket, _: Callable[[], Response]) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise ConnectionResetError  # without an orderly end


def _lost(client: socket.socket, real: Callable[[], Response]) -> None:
    real()
    _reset(client, real)


def _slow(client: socket.socket, real: Callable[[], Response]) -> None:
    time.sleep(SLOW_S)
    client.sendall(real().raw())


def _trickling(client: socket.socket, real: Callable[[], Response]) -> None:
    response = real()
    client.sendall(response.head())
    until = time.monotonic() + PATIENCE_S
    for byte in response.body:
        if _wait_for_its_end(client, TRICKLE_S) or time.monotonic() > until:
            return
        client.sendall(bytes([byte]))


def _cut_short(client: socket.socket, real: Callable[[], Response]) -> None:
    response = real()
    raw = response.raw()
    client.sendall(raw[: len(raw) - (len(response.body) // 2 or 20)])


def _corrupted(client: socket.socket, real: Callable[[], Response]) -> None:
    response = real()
    middle = len(response.body) // 2
    flipped = bytes(byte ^ (number == middle) for number, byte in enumerate(response.body))
    client.sendall(response._replace(body=flipped).raw())


def _wrong_etag(client: socket.socket, real: Callable[[], Response]) -> None:
    response = real()
    other = f'"{hashlib.md5(response.body + b"x", usedforsecurity=False).hexdigest()}"'
    headers = ((name, other if name.lower() == "etag" else value) for name, value in response.headers)
    client.sendall(response._replace(headers=tuple(headers)).raw())


def _in_part(client: socket.socket, real: Callable[[], Response]) -> None:
    response = real()
    half = response.body[: len(response.body) // 2]
    part = ("content-range", f"bytes 0-{len(half) - 1}/{len(response.body)}")
    headers = (*_of_length(response, len(half)), part)
    client.sendall(Response("206 Partial Content", headers, half).raw())


def _of_length(response: Response, size_bytes: int) -> tuple[tuple[str, str], ...]:
    """Return the headers of `response` with another `content-length`."""
    kept = ((name, value) for name, value in response.headers if name.lower() != "content-length")
    return (*kept, ("content-length", str(size_bytes)))


def _as_if_packed(client: socket.socket, real: Callable[[], Response]) -> None:
    response = real()
    client.sendall(response._replace(headers=(*response.headers, ("content-encoding", "gzip"))).raw())


def _far_too_long(client: socket.socket, real: Callable[[], Response]) -> None:
    client.sendall(Response("200 OK", _of_length(real(), 10**15), b"").head())
    for _ in range(FAR_TOO_LONG_BYTES // 65_536):
        client.sendall(bytes(65_536))


def _empty(client: socket.socket, _: Callable[[], Response]) -> None:
    client.sendall(Response("200 OK", (("content-length", "0"),), b"").raw())


def _nonsense(client: socket.socket, _: Callable[[], Response]) -> None:
    client.sendall(b"SSH-2.0-nonsense\r\n")


def _refusing(status: str, code: str, *headers: tuple[str, str]) -> Fault:
    refusal = _refusal(status, code)
    raw = refusal._replace(headers=(*refusal.headers, *headers)).raw()
    return lambda client, _: client.sendall(raw)


def _refusal(status: str, code: str) -> Response:
    """Return an error response in S3's format."""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>No.</Message></Error>'.encode()
    headers = (("content-type", "application/xml"), ("content-length", str(len(body))))
    return Response(status, headers, body)


DENIED = _refusal("403 Forbidden", "AccessDenied")

FAULTS: dict[str, Fault] = {
    "reset": _reset,
    "closed": _closed,
    "silent": _silent,
    "slow": _slow,
    "trickling": _trickling,
    "500": _refusing("500 Internal Server Error", "InternalError"),
    "503": _refusing("503 Slow Down", "SlowDown"),
    "403": _refusing("403 Forbidden", "AccessDenied"),
    "clock skew": _refusing("403 Forbidden", "RequestTimeTooSkewed"),
    "no bucket": _refusing("404 Not Found", "NoSuchBucket"),
    "not S3": lambda client, _: client.sendall(Response("404 Not Found", (("content-length", "0"),), b"").raw()),
    "400": _refusing("400 Bad Request", "BadRequest"),
    "sent on": _refusing("307 Temporary Redirect", "TemporaryRedirect", ("location", "http://127.0.0.1:1/")),
    "wrong region": _refusing("301 Moved Permanently", "PermanentRedirect"),
    "cut short": _cut_short,
    "in part": _in_part,
    "as if packed": _as_if_packed,
    "far too long": _far_too_long,
    "error in 200": _refusing("200 OK", "InternalError"),
    "corrupted": _corrupted,
    "wrong etag": _wrong_etag,
    "empty": _empty,
    "not HTTP": _nonsense,
    "answer lost": _lost,
}
"""Every way to misbehave on a connection, by its name."""


def misbehave(name: str, client: socket.socket, real: Callable[[], Response]) -> None:
    """Misbehave, and close the connection."""
    with suppress(OSError):  # the client may have closed the connection
        FAULTS[name](client, real)
        client.shutdown(socket.SHUT_RDWR)
    client.close()


def _wait_for_its_end(client: socket.socket, seconds: float) -> bool:
    """Return whether the client closed the connection within `seconds`."""
    readable, _, _ = select.select([client], [], [], seconds)
    return bool(readable) and not client.recv(65536)
