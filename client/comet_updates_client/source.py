"""What a service says of a channel, and who vouches for it: here TLS alone. `by_tuf` and `by_minisign` are the others.

Who asks is told the channel and nothing of this copy, so that there is nothing that could get into a request.
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
    """What was answered.

    Attributes:
        body: the document, or `None` where there is none.
        wait_s: for how many seconds not to ask again.
    """

    body: bytes | None
    wait_s: float


class Source(Protocol):
    """How a manifest is asked for, and what has to vouch for it."""

    @property
    def vouching(self) -> str:
        """What vouches for an answer, in one word."""

    def requests(self, channel: request.Channel) -> tuple[bytes, ...]:
        """All that is sent, in this order. What only the answers before tell is in angle brackets."""

    def ask(self, channel: request.Channel, memory: Path, tls: ssl.SSLContext, now: datetime) -> Answer:
        """The manifest of `channel`, or that there is none.

        Args:
            channel: what to ask for. All requests follow from it, and from what the service answers to anyone.
            memory: the file of `state`; what this source remembers lies beside it, and is never sent.
            tls: by what the service is known.
            now: aware.

        Raises:
            NoAnswerError: the service does not answer as it should.
            UntrustedAnswerError: nobody vouches for the answer.
            StateError: nothing can be remembered.
        """


@dataclass(frozen=True)
class Tls:
    """The host's word, as TLS brings it."""

    vouching = "tls"

    def requests(self, channel: request.Channel) -> tuple[bytes, ...]:
        """See `Source`."""
        return (request.ask(channel.address),)

    def ask(self, channel: request.Channel, memory: Path, tls: ssl.SSLContext, now: datetime) -> Answer:  # noqa: ARG002
        """See `Source`."""
        return document(channel.address, tls, manifest.MANIFEST_MAX_BYTES, now)


def document(address: request.Address, tls: ssl.SSLContext, max_bytes: int, now: datetime) -> Answer:
    """What is at `address`. Raises `NoAnswerError`, also for any answer but a document, or that there is none."""
    reply, body = http.document(address, request.ask(address), tls, max_bytes)
    wait_s = schedule.wait_s(reply.header("cache-control"), reply.header("retry-after"), now)
    if reply.status not in (FOUND, NOT_FOUND):
        raise NoAnswerError(address.name, f"answers with status {reply.status}", wait_s)
    return Answer(body if reply.status == FOUND else None, wait_s)
