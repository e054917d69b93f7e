"""Read documents: from memory first, then by one GET from S3 (with obstore; boto3 would triple the cold start)."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from obstore.exceptions import BaseError, NotModifiedError, PermissionDeniedError
from obstore.store import S3Store

from comet_updates.answer import urls
from comet_updates.answer.errors import StoreUnavailableError
from comet_updates.answer.log import Cache

if TYPE_CHECKING:
    from obstore.store import S3Config

MEMORY_MAX_BYTES = 32_000_000  # a quarter of the smallest function's memory
STALE_MAX_S = 604_800  # a week: a yank must not stay hidden longer, and outages of S3 have been much shorter
DOCUMENT_MAX_BYTES = 6_000_000  # Lambda's own limit; published documents are much smaller
RETRY_PAUSE_S = 5.0  # no GET for so long after a failure, so that an outage does not cost a time-out per request
JITTER = 0.2  # each wait is randomly shorter by up to this share, so that environments do not send GETs together
TRY_TIMEOUT_S = 1  # from the first byte sent to the last received; S3 usually takes about 0.03 s
BUDGET_S = 2.5  # no GET begins later; the longest GET (two tries and a pause) then ends before 5 s
PROBE_KEY = urls.schema_key("manifest")
"""A document that every deployment publishes. It is read once in advance. If it is readable, the role can read."""


class Document(NamedTuple):
    """A public document in S3."""

    key: str
    text: str
    size_bytes: int
    etag: str  # for clients: a hash of the bytes and nothing else
    validator: str | None  # for S3


class Unchanged(NamedTuple):
    """S3's answer that a document has not changed since we read it."""


class DeniedError(Exception):
    """S3 answered 403 or 404: the key does not exist, or nothing can be read now, such as in a bucket that is gone."""


class BrokenDocumentError(StoreUnavailableError):
    """S3 sent other bytes than were written. Other documents may still be readable."""


Get = Callable[[str, str | None], Document | Unchanged]
"""`get(key, validator)` returns the document, or `Unchanged`.

Raises:
    DeniedError: S3 answered 403 or 404.
    StoreUnavailableError: S3 failed in another way.
"""


class _Entry(NamedTuple):
    document: Document
    checked_at: float  # when S3 last confirmed this document
    ask_at: float


class CachedStore:
    """Reads public documents and remembers them for `ttl_s` seconds, or up to `STALE_MAX_S` while S3 fails.

    Only existing documents are remembered, so that requests for invented names cannot push them out. Only one thread at
    a time calls S3, and the others wait. So an outage costs one attempt, not one for each thread.

    Args:
        get: reads from S3.
        ttl_s: the longest time in seconds for which a document is used without a GET.
        clock: a monotonic clock, in seconds.
        draw: returns a random number from 0 up to 1, for `JITTER`. It does not depend on requests.
    """

    def __init__(
        self,
        get: Get,
        *,
        ttl_s: float,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._get = get
        self._ttl_s = ttl_s
        self._pause_s = min(RETRY_PAUSE_S, ttl_s)  # so that all documents are fresh within `ttl_s` after an outage
        self._clock = clock
        self._draw = draw
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._size_bytes = 0
        self._paused_until = float("-inf")
        self._turn = threading.RLock()  # reentrant: if a release fails, Lambda's only thread is not locked out

    def read(self, key: str) -> tuple[Document | None, Cache]:
        """Return the document at `key`, or None if it does not exist, and its source.

        Raises:
            StoreUnavailableError: S3 fails, and memory has no document that S3 confirmed within `STALE_MAX_S`.
        """
        with self._turn:
            return self._read(key)

    def _read(self, key: str) -> tuple[Document | None, Cache]:
        entry = self._entries.get(key)
        if entry and self._clock() < entry.ask_at:
            self._entries.move_to_end(key)
            return entry.document, Cache.MEMORY
        try:
            found = self._ask(key, entry.document.validator if entry else None)
        except StoreUnavailableError:
            if entry and self._clock() - entry.checked_at < STALE_MAX_S:
                return entry.document, Cache.STALE
            raise
        if entry and isinstance(found, Unchanged):
            self._remember(entry.document)
            return entry.document, Cache.REVALIDATED
        self._forget(key)
        if not isinstance(found, Document):
            return None, Cache.FETCHED
        self._remember(found)
        return found, Cache.FETCHED

    def _ask(self, key: str, validator: str | None) -> Document | Unchanged | None:
        if self._clock() < self._paused_until:
            raise StoreUnavailableError
        latest = self._clock() + BUDGET_S
        try:
            with suppress(DeniedError):
                return self._get(key, validator)
            # The key is missing, or we cannot read anything now. To find out, read the probe object and then the key
            # again: see docs/decisions/0001-missing-or-denied.md.
            self._get_by(latest, PROBE_KEY, None)
            with suppress(DeniedError):
                return self._get_by(latest, key, validator)
        except BrokenDocumentError:
            raise
        except (DeniedError, StoreUnavailableError):
            self._paused_until = self._clock() + self._shortened(self._pause_s)
            raise StoreUnavailableError from None
        return None

    def _get_by(self, latest: float, key: str, validator: str | None) -> Document | Unchanged:
        if self._clock() >= latest:
            raise StoreUnavailableError
        return self._get(key, validator)

    def _shortened(self, seconds: float) -> float:
        return seconds * (1 - JITTER * self._draw())

    def _remember(self, document: Document) -> None:
        self._forget(document.key)
        now = self._clock()
        self._entries[document.key] = _Entry(document, now, now + self._shortened(self._ttl_s))
        self._size_bytes += document.size_bytes
        while self._size_bytes > MEMORY_MAX_BYTES:
            self._forget(next(iter(self._entries)))

    def _forget(self, key: str) -> None:
        if entry := self._entries.pop(key, None):
            self._size_bytes -= entry.document.size_bytes


def s3_get(bucket: str, endpoint_url: str | None) -> Get:
    """Return a `Get` from `bucket`, with the credentials and the region in the `AWS_*` environment variables.

    Args:
        bucket: the bucket's name.
        endpoint_url: the URL of an S3 server for the service on one machine, or None for AWS. It may be plain HTTP.
    """
    timeout: Final = timedelta(seconds=TRY_TIMEOUT_S)
    elsewhere: S3Config = {"endpoint": endpoint_url} if endpoint_url else {}
    store = S3Store(
        bucket,
        config=elsewhere,
        client_options={
            "allow_http": bool(elsewhere),
            "timeout": timeout,
            "connect_timeout": timeout,
        },
        retry_config={"max_retries": 1, "retry_timeout": 2 * timeout},
    )

    def get(key: str, validator: str | None) -> Document | Unchanged:
        try:
            found = store.get(key, options={"if_none_match": validator} if validator else None)
            if found.meta["size"] > DOCUMENT_MAX_BYTES:
                raise BrokenDocumentError
            body, etag = bytes(found.bytes()), found.meta["e_tag"]
            # An object written at once and with S3's own encryption has the MD5 of its bytes as its ETag.
            if etag != f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"':
                raise BrokenDocumentError
            return Document(key, body.decode(), len(body), f'"{hashlib.sha256(body).hexdigest()[:32]}"', etag)
        except NotModifiedError:
            if validator is None:  # we sent no If-None-Match
                raise BrokenDocumentError from None
            return Unchanged()
        except (FileNotFoundError, PermissionDeniedError):
            raise DeniedError from None
        except UnicodeDecodeError:  # its text quotes the bytes
            raise BrokenDocumentError from None
        except (BaseError, OSError):  # refused, reset, slow, 5xx, cut short
            raise StoreUnavailableError from None

    return get
