"""The metadata of objects in the bucket. Without boto3, so that pure modules can import it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import NamedTuple


class Stored(NamedTuple):
    """One version of one object, or its deletion, which has no ETag."""

    key: str
    version_id: str
    etag: str
    size_bytes: int
    written_at: datetime

    @property
    def is_deletion(self) -> bool:
        """True for a delete marker."""
        return not self.etag


class Listed(NamedTuple):
    """An object in a listing."""

    etag: str
    written_at: datetime


class Current(NamedTuple):
    """An object as it is now."""

    body: bytes
    etag: str


def etag_of(body: bytes) -> str:
    """Return the ETag that S3 gives to `body` if it is encrypted with S3's own keys and written at once: its MD5."""
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
