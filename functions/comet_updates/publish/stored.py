"""What the bucket says of its objects. No boto3: what only decides may import this."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import NamedTuple


class Stored(NamedTuple):
    """One version of one object."""

    key: str
    version_id: str
    etag: str
    size_bytes: int
    written_at: datetime


class Listed(NamedTuple):
    """What a listing tells of an object."""

    etag: str
    written_at: datetime


class Current(NamedTuple):
    """An object as it is now."""

    body: bytes
    etag: str


def etag_of(body: bytes) -> str:
    """The ETag that S3 gives to `body` (encrypted with S3's own keys and written in one piece): its MD5."""
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
