"""A pack: one object with the uploads of a product. A new publisher process reads the pack, then only newer uploads.

A pack is only a cache. It contains versions of uploads, which never change. A version is used only if its bytes match
the ETag in the bucket's listing. If a pack is missing, outdated or broken, this costs more requests and nothing else.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping

from comet_updates.publish.stored import Stored, etag_of

PACKED_FROM = 20
"""If more uploads than this must be read, a pack is worth reading and writing."""

PACK_MAX_BYTES = 64_000_000  # unpacked; the document of a release with one file has about 500 bytes
CONTENT_TYPE = "application/gzip"

Bodies = Mapping[Stored, bytes]
"""The bytes of versions of uploads."""


def pack(bodies: Bodies) -> bytes:
    """Return a pack of `bodies`, the newest first. Versions beyond the size limit or not in UTF-8 are left out.

    The format is a JSON list of key, version and text, compressed by gzip (RFC 1952). Equal bodies give equal bytes.
    """
    kept, size_bytes = [], 0
    for stored in sorted(bodies, key=lambda stored: (stored.written_at, stored.key, stored.version_id), reverse=True):
        size_bytes += stored.size_bytes
        if size_bytes > PACK_MAX_BYTES:
            break
        try:
            kept.append((stored.key, stored.version_id, bodies[stored].decode()))
        except UnicodeDecodeError:  # such an upload is refused, and read again each time
            continue
    return gzip.compress(json.dumps(kept, ensure_ascii=False).encode(), mtime=0)


def unpack(packed: bytes, wanted: Iterable[Stored]) -> dict[Stored, bytes]:
    """Return the `wanted` versions that are in a pack and match their ETag. Empty if the pack is broken."""
    try:
        bodies = {(key, version): text.encode() for key, version, text in json.loads(gzip.decompress(packed))}
    except (OSError, EOFError, zlib.error, ValueError, TypeError, AttributeError, RecursionError):
        return {}
    found = {stored: bodies.get((stored.key, stored.version_id)) for stored in wanted}
    return {stored: body for stored, body in found.items() if body is not None and etag_of(body) == stored.etag}
