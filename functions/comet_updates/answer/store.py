"""Key → document: memory first, then one lean GET from S3 (obstore; boto3 would triple the cold start)."""

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
STALE_MAX_S = 604_800  # a week: a yank must not stay hidden for longer, and no outage of S3 has come near it
DOCUMENT_MAX_BYTES = 6_000_000  # Lambda hands out no more, and publishing writes none that comes near it
RETRY_PAUSE_S = 5.0  # after a failure S3 is left alone for so long: one outage is not one time-out per request
JITTER = 0.2  # each wait is up to so much shorter, by chance: environments that began together do not ask together
TRY_TIMEOUT_S = 1  # from the first byte sent to the last received; S3 takes some hundredths of a second
BUDGET_S = 2.5  # no GET begins later. With the longest GET, two tries and a breath between, it ends before 5 s
PROBE_KEY = urls.schema_key("manifest")
"""A document that every deployment publishes: read once in advance, and proof that the role can read at all."""


class Document(NamedTuple):
    """A public document as S3 has it."""

    key: str
    text: str
    size_bytes: int
    etag: str  # for clients: a hash of the bytes and nothing else
    validator: str | None  # for S3


class Unchanged(NamedTuple):
    """S3's word that a document is still what we have."""


class DeniedError(Exception):
    """S3 says 403: the key does not exist (our role may not list, so S3 will not say 404), or we may not read."""


class BrokenDocumentError(StoreUnavailableError):
    """What came is not what was written. It says nothing about other documents."""


Get = Callable[[str, str | None], Document | Unchanged | None]
"""`get(key, validator)`: the document, `Unchanged`, or `None` if there is none.

Raises `DeniedError`, or `StoreUnavailableError` for anything else.
"""


class _Entry(NamedTuple):
    document: Document
    checked_at: float  # when S3 last said that this is the document
    ask_at: float


class CachedStore:
    """Reads public documents and remembers them for `ttl_s` seconds, or up to `STALE_MAX_S` while S3 fails.

    Only documents that exist are remembered, so that no stream of invented names can push them out. Whoever asks while
    S3 is being asked waits for that, so that one failure is one attempt.

    Args:
        get: asks S3.
        ttl_s: the longest that a document is remembered without asking again.
        clock: seconds that only grow.
        draw: a number from 0 up to 1, by chance, for `JITTER`. Nothing of a request goes into it.
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
        self._pause_s = min(RETRY_PAUSE_S, ttl_s)  # so that all is fresh within the time to live once S3 is back
        self._clock = clock
        self._draw = draw
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._size_bytes = 0
        self._paused_until = float("-inf")
        self._turn = threading.RLock()  # one that no accident at its release keeps Lambda's only thread out of

    def read(self, key: str) -> tuple[Document | None, Cache]:
        """The document at `key` and where it came from; `None` if there is none.

        Raises:
            StoreUnavailableError: S3 fails, and nothing is in memory that it confirmed within `STALE_MAX_S`.
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
            # Missing, or may we read nothing now? Only what S3 says of the witness after that, and of the key after
            # that again, can tell: see docs/decisions/0001-missing-or-denied.md.
            self._get_by(latest, PROBE_KEY, None)
            with suppress(DeniedError):
                return self._get_by(latest, key, validator)
        except BrokenDocumentError:
            raise
        except (DeniedError, StoreUnavailableError):
            self._paused_until = self._clock() + self._shortened(self._pause_s)
            raise StoreUnavailableError from None
        return None

    def _get_by(self, latest: float, key: str, validator: str | None) -> Document | Unchanged | None:
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
    """A `Get` from `bucket`, with the credentials and the region of the `AWS_*` environment.

    Args:
        bucket: the bucket's name.
        endpoint_url: another S3 than AWS's, for the service on one machine; it may be plain HTTP there.
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

    def get(key: str, validator: str | None) -> Document | Unchanged | None:
        try:
            found = store.get(key, options={"if_none_match": validator} if validator else None)
            if found.meta["size"] > DOCUMENT_MAX_BYTES:
                raise BrokenDocumentError
            body, etag = bytes(found.bytes()), found.meta["e_tag"]
            # What is written in one piece and with S3's own encryption has the MD5 of its bytes for an ETag.
            if etag != f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"':
                raise BrokenDocumentError
            return Document(key, body.decode(), len(body), f'"{hashlib.sha256(body).hexdigest()[:32]}"', etag)
        except NotModifiedError:
            if validator is None:  # then nobody asked
                raise BrokenDocumentError from None
            return Unchanged()
        except FileNotFoundError:
            return None
        except PermissionDeniedError:
            raise DeniedError from None
        except UnicodeDecodeError:  # its text quotes the bytes
            raise BrokenDocumentError from None
        except (BaseError, OSError):  # refused, reset, slow, 5xx, cut short
            raise StoreUnavailableError from None

    return get
