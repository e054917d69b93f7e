"""A bucket that records its operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from comet_updates.publish.bucket import Bucket
from comet_updates.publish.stored import Current, Listed, Stored
from testkit.memory_bucket import MemoryBucket, MemoryS3, Objects

if TYPE_CHECKING:
    from testkit.s3 import S3

WRITES = ("put", "delete")
Result = TypeVar("Result")


class Watching(Bucket):
    """A bucket that calls `before` and `after` for every operation (with its name and first argument)."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.operations: list[tuple[str, Any]] = []
        self.before: Callable[[str, Any], None] = lambda _name, _argument: None
        self.after: Callable[[str, Any], None] = lambda _name, _argument: None

    def _watched(self, name: str, argument: Any, operation: Callable[[], Result]) -> Result:
        self.operations.append((name, argument))
        self.before(name, argument)
        result = operation()
        self.after(name, argument)
        return result

    def listed(self, prefix: str) -> dict[str, Listed]:
        return self._watched("listed", prefix, lambda: super(Watching, self).listed(prefix))

    def etags(self, prefix: str) -> dict[str, str]:
        listed = super().listed  # so that a read of the ETags is one operation, not two
        return self._watched("etags", prefix, lambda: {key: found.etag for key, found in listed(prefix).items()})

    def versions(self, prefix: str) -> dict[str, tuple[Stored, ...]]:
        return self._watched("versions", prefix, lambda: super(Watching, self).versions(prefix))

    def children(self, prefix: str) -> tuple[list[str], list[str]]:
        return self._watched("children", prefix, lambda: super(Watching, self).children(prefix))

    def get(self, stored: Stored) -> bytes:
        return self._watched("get", stored.key, lambda: super(Watching, self).get(stored))

    def current(self, key: str) -> Current | None:
        return self._watched("current", key, lambda: super(Watching, self).current(key))

    def put(self, key: str, body: bytes, content_type: str, *, replaces: str | None) -> None:
        self._watched("put", key, lambda: super(Watching, self).put(key, body, content_type, replaces=replaces))

    def delete(self, key: str, *, replaces: str) -> None:
        self._watched("delete", key, lambda: super(Watching, self).delete(key, replaces=replaces))

    @property
    def writes(self) -> list[str]:
        return [argument for name, argument in self.operations if name in WRITES]


class WatchedBucket(Watching):
    """The real bucket, watched."""

    def __init__(self, s3: S3) -> None:
        super().__init__(s3.client, s3.bucket)


class WatchedMemory(Watching, MemoryBucket):
    """A bucket in memory, watched."""

    def __init__(self, objects: Objects) -> None:
        super().__init__(objects)


def watched(s3: S3) -> Watching:
    """Return the bucket as the publisher sees it, watched."""
    return WatchedMemory(s3.objects) if isinstance(s3, MemoryS3) else WatchedBucket(s3)
