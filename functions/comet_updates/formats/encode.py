"""Functions that all formats use: write JSON, write times, and cut a history to the size limit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TypeVar

MAX_BYTES = 2_000_000  # Lambda returns 6 MB at most, as JSON, which may encode one byte as two or three

_Part = TypeVar("_Part")


def as_json(value: object) -> bytes:
    """Return `value` as JSON without spaces, in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def moment(at: datetime) -> str:
    """Return a time as our documents write it: RFC 3339 in UTC, to the second."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def newest(parts: Iterable[_Part], size_bytes: Callable[[_Part], int], max_bytes: int = MAX_BYTES) -> Iterator[_Part]:
    """Yield `parts`, the newest first, and stop at the first one that does not fit. Later parts are never created."""
    for part in parts:
        max_bytes -= size_bytes(part)
        if max_bytes < 0:
            return
        yield part
