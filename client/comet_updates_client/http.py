"""Send a request and read the answer: one connection, no redirects, cookies or proxies, and with time limits."""

from __future__ import annotations

import io
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPException, HTTPResponse
from time import monotonic
from typing import cast

from comet_updates.errors import NoAnswerError
from comet_updates_client.request import Address

SILENCE_S = 20.0
"""The longest time without any byte from the server."""
ANSWER_S = 60.0
"""The longest time until the head of an answer, or a whole document, is received."""
FILE_S = 86_400.0
"""The longest time for the body of a file. The next call resumes the download."""
PACE_S = 60.0
PACE_BYTES = 60_000
"""The fewest bytes of a file in each `PACE_S`: 1000 bytes a second, half of what the slowest mobile network has."""
CHUNK_BYTES = 1 << 16


class Reply:
    """An answer whose status and headers were read."""

    def __init__(self, address: Address, response: HTTPResponse) -> None:
        """Wrap a `response` of the server at `address`."""
        self.status = response.status
        self._address = address
        self._response = response

    def header(self, name: str) -> str:
        """Return a header's value, or an empty text. Several values are joined with commas."""
        return ", ".join(self._response.headers.get_all(name, []))

    def read(self) -> bytes:
        """Return the next piece of the body, or empty bytes at its end.

        Raises:
            NoAnswerError: the connection was cut, or the server was too slow.
        """
        with _told(self._address):
            chunk = self._response.read1(CHUNK_BYTES)  # what has arrived: it is not lost if the connection is cut
        if not chunk and self._response.length:
            raise NoAnswerError(self._address.name, "was cut off")
        return chunk


@contextmanager
def sent(address: Address, request: bytes, tls: ssl.SSLContext, *, is_document: bool = False) -> Iterator[Reply]:
    """Send exactly the bytes of `request` on a new connection, and read the head of the answer.

    Args:
        address: the server.
        request: the bytes to send.
        tls: the TLS settings that identify the server.
        is_document: whether the body is small, so that `ANSWER_S` limits the body, too. Other bodies are files, which
            `FILE_S` and `PACE_BYTES` limit.

    Raises:
        NoAnswerError: the server cannot be reached, cannot prove its identity, or does not answer with valid HTTP.
    """
    with ExitStack() as opened:
        with _told(address):
            stream = socket.create_connection((address.host, address.port), timeout=SILENCE_S)
            opened.enter_context(stream)
            if address.is_tls:
                stream = opened.enter_context(tls.wrap_socket(stream, server_hostname=address.host))
            stream.sendall(request)
            limited = _LimitedStream(stream)
            # HTTPResponse uses nothing of a socket but `makefile`.
            response = opened.enter_context(HTTPResponse(cast("socket.socket", limited), method="GET"))
            response.begin()
        if not is_document:
            limited.expect_file()
        yield Reply(address, response)


def document(address: Address, request: bytes, tls: ssl.SSLContext, max_bytes: int) -> tuple[Reply, bytes]:
    """Return a small answer and its whole body.

    Raises:
        NoAnswerError: the server does not answer with valid HTTP, or the answer is too large or takes too long.
    """
    with sent(address, request, tls, is_document=True) as reply:
        body = b""
        while chunk := reply.read():
            body += chunk
            if len(body) > max_bytes:
                raise NoAnswerError(address.name, f"answers with more than {max_bytes} bytes")
    return reply, body


class _LimitedStream(io.RawIOBase):
    """The bytes that a server sends, until it has taken too long: a byte now and then is not an answer."""

    def __init__(self, stream: socket.socket) -> None:
        super().__init__()
        self._stream = stream
        self._ends_at = monotonic() + ANSWER_S
        self._is_file = False
        self._start_pace()

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def expect_file(self) -> None:
        """Apply the limits of a file from now on."""
        self._is_file = True
        self._ends_at = monotonic() + FILE_S
        self._start_pace()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        left_s = self._ends_at - monotonic()
        if left_s <= 0 or (self._is_file and not self._keeps_pace()):
            raise TimeoutError
        self._stream.settimeout(min(SILENCE_S, left_s))
        size_bytes = self._stream.recv_into(buffer)
        self._paced_bytes += size_bytes
        return size_bytes

    def _start_pace(self) -> None:
        self._paced_until, self._paced_bytes = monotonic() + PACE_S, 0

    def _keeps_pace(self) -> bool:
        if monotonic() < self._paced_until:
            return True
        is_fast_enough = self._paced_bytes >= PACE_BYTES
        self._start_pace()
        return is_fast_enough


@contextmanager
def _told(address: Address) -> Iterator[None]:
    """Raise `NoAnswerError` in place of other errors. Its text is our own and never the server's."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise NoAnswerError(address.name, f"cannot prove that it is this host: {error.verify_message}") from error
    except TimeoutError as error:
        raise NoAnswerError(address.name, "does not answer in time, or sends too slowly") from error
    except OSError as error:
        raise NoAnswerError(address.name, f"cannot be reached: {error.strerror or type(error).__name__}") from error
    except (HTTPException, ValueError) as error:  # ValueError: an invalid host name or answer
        raise NoAnswerError(address.name, "did not answer with valid HTTP, or was cut off") from error
