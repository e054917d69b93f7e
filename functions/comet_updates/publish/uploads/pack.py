"""What was uploaded for a product, in one object: a publisher that starts anew reads this, and then only what is new.

A pack is a cache and nothing more. It holds versions of uploads, which never change, and each is used only if its bytes
are those that the listing of the bucket tells of, by their ETag. A pack that is missing, old or broken costs requests.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping

from comet_updates.publish.stored import Stored, etag_of

PACKED_FROM = 20
"""How many uploads are read one by one, before it is worth it to read and to write a pack."""

PACK_MAX_BYTES = 64_000_000  # unpacked; a document of a release with one file has about 500
CONTENT_TYPE = "application/gzip"

Bodies = Mapping[Stored, bytes]
"""The bytes of versions of uploads."""


def pack(bodies: Bodies) -> bytes:
    """One object with all of `bodies`, the newest first; what is beyond the bound, or no text, is left out.

    The same bodies give the same bytes: a JSON list of key, version and text, compressed by gzip (RFC 1952).
    """
    kept, size_bytes = [], 0
    for stored in sorted(bodies, key=lambda stored: (stored.written_at, stored.key, stored.version_id), reverse=True):
        size_bytes += stored.size_bytes
        if size_bytes > PACK_MAX_BYTES:
            break
        try:
            kept.append((stored.key, stored.version_id, bodies[stored].decode()))
        except UnicodeDecodeError:  # refused for it, and read again each time
            continue
    return gzip.compress(json.dumps(kept, ensure_ascii=False).encode(), mtime=0)


def unpack(packed: bytes, wanted: Iterable[Stored]) -> dict[Stored, bytes]:
    """Those of the `wanted` versions that are in a pack and are what the bucket says; none if it is broken."""
    try:
        bodies = {(key, version): text.encode() for key, version, text in json.loads(gzip.decompress(packed))}
    except (OSError, EOFError, zlib.error, ValueError, TypeError, AttributeError, RecursionError):
        return {}
    found = {stored: bodies.get((stored.key, stored.version_id)) for stored in wanted}
    return {stored: body for stored, body in found.items() if body is not None and etag_of(body) == stored.etag}
