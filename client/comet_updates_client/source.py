"""The sources of a manifest: how a client requests and verifies it. This module has the source with TLS alone.

`source_tuf` and `source_minisign` have the others. A source knows the channel and nothing about this copy, so no such
fact can get into a request.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from comet_updates.errors import NoAnswerError
from comet_updates_client import http, manifest, request, schedule

FOUND, NOT_FOUND = 200, 404


class Answer(NamedTuple):
    """An answer.

    Attributes:
        body: the document, or None if the service has no such document.
        wait_s: how many seconds to wait before the next request.
    """

    body: bytes | None
    wait_s: float


class Source(Protocol):
    """A way to request and verify a manifest."""

    @property
    def vouching(self) -> str:
        """The name of the verification, in one word."""

    def requests(self, channel: request.Channel) -> tuple[bytes, ...]:
        """Return all requests, in order. Angle brackets mark parts that are taken from earlier answers."""

    def ask(self, channel: request.Channel, memory: Path, tls: ssl.SSLContext, now: datetime) -> Answer:
        """Return the manifest of `channel`, or an answer without a body if the channel has none.

        Args:
            channel: the channel. All requests depend only on it, and on answers that are the same for everyone.
            memory: the file of `state`. A source may store more files beside it. They are never sent.
            tls: the TLS settings that identify the service.
            now: aware.

        Raises:
            NoAnswerError: the service does not answer, or its answer is not valid HTTP or has another status.
            UntrustedAnswerError: the answer cannot be verified.
            StateError: a file cannot be written.
        """


@dataclass(frozen=True)
class Tls:
    """The source that trusts the host, identified by TLS."""

    vouching = "tls"

    def requests(self, channel: request.Channel) -> tuple[bytes, ...]:
        """See `Source`."""
        return (request.ask(channel.address),)

    def ask(self, channel: request.Channel, memory: Path, tls: ssl.SSLContext, now: datetime) -> Answer:  # noqa: ARG002
        """See `Source`."""
        return document(channel.address, tls, manifest.MANIFEST_MAX_BYTES, now)


def document(address: request.Address, tls: ssl.SSLContext, max_bytes: int, now: datetime) -> Answer:
    """Return the document at `address`, or an answer without a body for status 404.

    Raises:
        NoAnswerError: the service does not answer, or its answer is not valid HTTP or has another status.
    """
    reply, body = http.document(address, request.ask(address), tls, max_bytes)
    wait_s = schedule.wait_s(reply.header("cache-control"), reply.header("retry-after"), now)
    if reply.status not in (FOUND, NOT_FOUND):
        raise NoAnswerError(address.name, f"answers with status {reply.status}", wait_s)
    return Answer(body if reply.status == FOUND else None, wait_s)
