"""Key → document: memory first, then one lean GET from S3 (obstore; boto3 would triple the cold start)."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from obstore.exceptions import BaseError, NotModifiedError, PermissionDeniedError
from obstore.store import S3Store

from comet_updates import names
from comet_updates.errors import StoreUnavailableError
from comet_updates.record import Cache

if TYPE_CHECKING:
    from obstore.store import S3Config

MEMORY_MAX_BYTES = 32_000_000  # a quarter of the smallest function's memory
RETRY_PAUSE_S = 5.0  # after a failure S3 is left alone for so long: one outage is not one time-out per request
GET_TIMEOUT_S = 2  # with the one retry well below the 5 s that clients wait
CONNECT_TIMEOUT_S = 1
WITNESS = names.schema_key("manifest")
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


Get = Callable[[str, str | None], Document | Unchanged | None]
"""`get(key, validator)`: the document, `Unchanged`, or `None` if there is none.

Raises `DeniedError`, or `StoreUnavailableError` for anything else.
"""


class _Entry(NamedTuple):
    document: Document
    checked_at: float


class Reader:
    """Reads public documents and remembers them for `ttl_s` seconds, or for as long as S3 fails.

    Only documents that exist are remembered, so that no stream of invented names can push them out.
    """

    def __init__(self, get: Get, *, ttl_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._get = get
        self._ttl_s = ttl_s
        self._pause_s = min(RETRY_PAUSE_S, ttl_s)  # so that all is fresh within the time to live once S3 is back
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._size_bytes = 0
        self._paused_until = float("-inf")

    def read(self, key: str) -> tuple[Document | None, Cache]:
        """The document at `key` and where it came from; `None` if there is none.

        Raises:
            StoreUnavailableError: S3 fails and nothing is in memory.
        """
        entry = self._entries.get(key)
        if entry and self._clock() - entry.checked_at < self._ttl_s:
            self._entries.move_to_end(key)
            return entry.document, Cache.MEMORY
        try:
            found = self._ask(key, entry.document.validator if entry else None)
        except StoreUnavailableError:
            if entry:
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
        try:
            return self._get(key, validator)
        except DeniedError:
            if key != WITNESS and self.read(WITNESS)[1] is not Cache.STALE:
                return None
            self._paused_until = self._clock() + self._pause_s
            raise StoreUnavailableError from None
        except StoreUnavailableError:
            self._paused_until = self._clock() + self._pause_s
            raise

    def _remember(self, document: Document) -> None:
        self._forget(document.key)
        self._entries[document.key] = _Entry(document, self._clock())
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
    timeout: Final = timedelta(seconds=GET_TIMEOUT_S)
    elsewhere: S3Config = {"endpoint": endpoint_url} if endpoint_url else {}
    store = S3Store(
        bucket,
        config=elsewhere,
        client_options={
            "allow_http": bool(elsewhere),
            "timeout": timeout,
            "connect_timeout": timedelta(seconds=CONNECT_TIMEOUT_S),
        },
        retry_config={"max_retries": 1, "retry_timeout": timeout},
    )

    def get(key: str, validator: str | None) -> Document | Unchanged | None:
        try:
            found = store.get(key, options={"if_none_match": validator} if validator else None)
            body = bytes(found.bytes())
            return Document(
                key, body.decode(), len(body), f'"{hashlib.sha256(body).hexdigest()[:32]}"', found.meta["e_tag"]
            )
        except NotModifiedError:
            return Unchanged()
        except FileNotFoundError:
            return None
        except PermissionDeniedError:
            raise DeniedError from None
        except (BaseError, OSError, UnicodeDecodeError):  # refused, reset, slow, 5xx, cut short, not what we wrote
            raise StoreUnavailableError from None

    return get
