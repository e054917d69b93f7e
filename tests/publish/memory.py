"""A bucket in the memory of the process, for what takes a million requests; held against moto's by `test_memory.py`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from comet_updates.errors import ConcurrentPublishError
from comet_updates.publish.bucket import Bucket, Current, Listed, Stored, etag_of


class _Version(NamedTuple):
    stored: Stored
    body: bytes | None  # `None` for a delete marker


class Objects:
    """What any number of `MemoryBucket`s share: each version of each object, the newest last, and a clock.

    Attributes:
        now: what is written is told to be written then, to the second.
        changed: called after each write with its key.
    """

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 10, tzinfo=UTC)
        self.versions: dict[str, list[_Version]] = {}
        self.changed: Callable[[str], None] = lambda _key: None
        self._number = 0

    def put(self, key: str, body: bytes | None) -> None:
        """Write an object, or a delete marker, on no condition."""
        self._number += 1
        etag = "" if body is None else etag_of(body)
        stored = Stored(key, f"{self._number}", etag, len(body or b""), self.now)
        self.versions.setdefault(key, []).append(_Version(stored, body))
        self.changed(key)

    def body(self, key: str) -> bytes | None:
        """An object as it is; `None` if there is none."""
        return self.versions[key][-1].body if key in self.versions else None

    def tree(self, prefix: str) -> dict[str, bytes]:
        """All that is there, by key, in order."""
        return {key: body for key in sorted(self.versions) if key.startswith(prefix) and (body := self.body(key))}

    def tick(self, seconds: int = 1) -> None:
        """Let time go on."""
        self.now += timedelta(seconds=seconds)


class MemoryBucket(Bucket):
    """`Objects` as a publisher sees them."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def listed(self, prefix: str) -> dict[str, Listed]:
        found = self._objects.tree(prefix)
        return {
            key: Listed(etag_of(body), self._objects.versions[key][-1].stored.written_at) for key, body in found.items()
        }

    def children(self, prefix: str) -> tuple[list[str], list[str]]:
        below = [key.removeprefix(prefix) for key in self._objects.tree(prefix)]
        keys = [f"{prefix}{rest}" for rest in below if "/" not in rest]
        return keys, [f"{prefix}{folder}/" for folder in dict.fromkeys(r.partition("/")[0] for r in below if "/" in r)]

    def versions(self, prefix: str) -> dict[str, tuple[Stored, ...]]:
        found = {}
        for key in self._objects.tree(prefix):
            versions = self._objects.versions[key]
            deleted = max((at for at, version in enumerate(versions) if version.body is None), default=-1)
            found[key] = tuple(version.stored for version in reversed(versions[deleted + 1 :]))
        return found

    def get(self, stored: Stored) -> bytes:
        (body,) = (v.body for v in self._objects.versions[stored.key] if v.stored.version_id == stored.version_id)
        assert body is not None
        return body

    def current(self, key: str) -> Current | None:
        body = self._objects.body(key)
        return None if body is None else Current(body, etag_of(body))

    def put(self, key: str, body: bytes, content_type: str, *, replaces: str | None) -> None:  # noqa: ARG002
        self._only_if(key, replaces)
        self._objects.put(key, body)

    def delete(self, key: str, *, replaces: str) -> None:
        self._only_if(key, replaces)
        self._objects.put(key, None)

    def _only_if(self, key: str, replaces: str | None) -> None:
        current = self.current(key)
        if (current.etag if current else None) != replaces:
            raise ConcurrentPublishError
