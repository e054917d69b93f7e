"""Sends a request and reads the answer: one connection, no redirect, no cookie, no proxy, bounded in time."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPException, HTTPResponse
from threading import Timer

from comet_updates.errors import NoAnswerError
from comet_updates_client.request import Address

SILENCE_S = 20.0
"""For how long a server may say nothing."""
ANSWER_S = 60.0
"""How long it may take until the head of an answer is there, or the whole of a document."""
CHUNK_BYTES = 1 << 16


class Reply:
    """An answer whose head was read."""

    def __init__(self, address: Address, response: HTTPResponse) -> None:
        """Name whose `response` it is."""
        self.status = response.status
        self._address = address
        self._response = response

    def header(self, name: str) -> str:
        """A header's value, its values with commas if it came several times, or nothing."""
        return ", ".join(self._response.headers.get_all(name, []))

    def read(self) -> bytes:
        """The next piece of the body; nothing at its end. Raises `NoAnswerError` if the end never comes."""
        with _told(self._address):
            chunk = self._response.read(CHUNK_BYTES)
        if not chunk and self._response.length:
            raise NoAnswerError(self._address.name, "was cut off")
        return chunk


@contextmanager
def sent(address: Address, request: bytes, tls: ssl.SSLContext, *, is_document: bool = False) -> Iterator[Reply]:
    """Send `request`, these very bytes, on a new connection, and read the head of the answer.

    Args:
        address: whom to ask.
        request: all that is sent.
        tls: by what a server is known, and what is agreed upon with it.
        is_document: whether the body is small, and has to be there as soon.

    Raises:
        NoAnswerError: there is no server, it cannot show that it is the right one, or it does not speak HTTP.
    """
    with ExitStack() as opened:
        with _told(address):
            stream = socket.create_connection((address.host, address.port), timeout=SILENCE_S)
            opened.enter_context(stream)
            if address.is_tls:
                stream = opened.enter_context(tls.wrap_socket(stream, server_hostname=address.host))
            # A server that sends a byte now and then is never silent: whatever reads sees the end then.
            watch = Timer(ANSWER_S, socket.socket.shutdown, (stream, socket.SHUT_RDWR))
            watch.daemon = True
            opened.callback(watch.cancel)
            watch.start()
            stream.sendall(request)
            response = opened.enter_context(HTTPResponse(stream, method="GET"))
            response.begin()
        if not is_document:
            watch.cancel()
        yield Reply(address, response)


def document(address: Address, request: bytes, tls: ssl.SSLContext, max_bytes: int) -> tuple[Reply, bytes]:
    """The whole of a small answer. Raises `NoAnswerError`, also for one that is larger or takes too long."""
    with sent(address, request, tls, is_document=True) as reply:
        body = b""
        while chunk := reply.read():
            body += chunk
            if len(body) > max_bytes:
                raise NoAnswerError(address.name, f"answers with more than {max_bytes} bytes")
    return reply, body


@contextmanager
def _told(address: Address) -> Iterator[None]:
    """Tells in our own words what goes wrong; never in those of the server."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise NoAnswerError(address.name, f"cannot show that it is this host: {error.verify_message}") from error
    except TimeoutError as error:
        raise NoAnswerError(address.name, "does not answer in time") from error
    except OSError as error:
        raise NoAnswerError(address.name, f"cannot be asked: {error.strerror or type(error).__name__}") from error
    except (HTTPException, ValueError) as error:  # ValueError: of a host's name, or of the library's own reading
        raise NoAnswerError(address.name, "does not speak HTTP as it should, or was cut off") from error
