"""An S3 in memory, a hundred times as fast as moto's. `test_memory_bucket.py` compares the two."""

from __future__ import annotations

import copy
import hashlib
import importlib
import json
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from comet_updates.answer import store
from comet_updates.errors import ConcurrentPublishError
from comet_updates.publish import bucket
from comet_updates.publish.bucket import Bucket
from comet_updates.publish.stored import Current, Listed, Stored, etag_of
from testkit.s3 import S3

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Version(NamedTuple):
    stored: Stored
    body: bytes | None  # `None` for a delete marker


class Objects:
    """The state that several `MemoryBucket`s share: each version of each object, the newest last, and a clock.

    Attributes:
        now: the time of writing of each new version, to the second.
        changed: called after each write with its key.
    """

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 10, tzinfo=UTC)
        self.versions: dict[str, list[_Version]] = {}
        self.changed: Callable[[str], None] = lambda _key: None
        self._number = 0

    def put(self, key: str, body: bytes | None, at: datetime | None = None) -> None:
        """Write an object, or a delete marker, without a condition. `at` replaces `now`."""
        self._number += 1
        etag = "" if body is None else etag_of(body)
        stored = Stored(key, f"{self._number}", etag, len(body or b""), at or self.now)
        self.versions.setdefault(key, []).append(_Version(stored, body))
        self.changed(key)

    def body(self, key: str) -> bytes | None:
        """Return the current bytes of an object, or `None` if it does not exist."""
        return self.versions[key][-1].body if key in self.versions else None

    def tree(self, prefix: str) -> dict[str, bytes]:
        """Return the objects below `prefix`, by key, in order."""
        below = sorted(key for key in self.versions if key.startswith(prefix))
        return {key: body for key in below if (body := self.body(key)) is not None}

    def copy(self) -> Objects:
        """Return independent objects with the same content."""
        made = copy.copy(self)
        made.versions = {key: [*versions] for key, versions in self.versions.items()}
        return made

    def tick(self, seconds: int = 1) -> None:
        """Advance the clock."""
        self.now += timedelta(seconds=seconds)


class MemoryBucket(Bucket):
    """A publisher's bucket in `Objects`."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def listed(self, prefix: str) -> dict[str, Listed]:
        newest = (self._objects.versions[key][-1].stored for key in self._objects.tree(prefix))
        return {stored.key: Listed(stored.etag, stored.written_at) for stored in newest}

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
        return None if body is None else Current(body, self._objects.versions[key][-1].stored.etag)

    def put(self, key: str, body: bytes, content_type: str, *, replaces: str | None) -> None:  # noqa: ARG002
        self._only_if(key, replaces)
        self._objects.put(key, body)

    def delete(self, key: str, *, replaces: str) -> None:
        self._only_if(key, replaces)
        self._objects.put(key, None)

    def _only_if(self, key: str, replaces: str | None) -> None:
        newest = self._objects.versions[key][-1] if key in self._objects.versions else None
        if (newest.stored.etag or None if newest else None) != replaces:
            raise ConcurrentPublishError


class MemoryS3(S3):
    """The bucket of a test, in memory. Its clock does not move, so everything has one time.

    Attributes:
        objects: its content.
    """

    def __init__(self, endpoint: str = "http://127.0.0.1:9", objects: Objects | None = None) -> None:
        self.endpoint = endpoint  # nothing listens at this URL
        self.bucket = f"comet-{uuid.uuid4().hex}"
        self.objects = objects or Objects()
        self.objects.now = datetime.now(UTC).replace(microsecond=0)

    def put(self, key: str, body: bytes | dict[str, Any], at: datetime | None = None) -> None:
        self.objects.put(key, body if isinstance(body, bytes) else json.dumps(body).encode(), at)

    def get(self, key: str) -> bytes:
        if (body := self.objects.body(key)) is None:
            raise KeyError(key)
        return body

    def delete(self, key: str) -> None:
        self.objects.put(key, None)

    def purge(self, key: str) -> None:
        del self.objects.versions[key]

    def keys(self, prefix: str = "") -> list[str]:
        return [*self.objects.tree(prefix)]

    def tree(self, prefix: str = "") -> dict[str, bytes]:
        return self.objects.tree(prefix)

    def as_bucket(self) -> Bucket:
        return MemoryBucket(self.objects)

    def connect(self, monkeypatch: pytest.MonkeyPatch) -> None:
        publishing = importlib.import_module("comet_updates.publish.handler")
        for module in (bucket, publishing):  # the commands import the first at each run
            monkeypatch.setattr(module, "open_bucket", lambda *_: self.as_bucket())
        if answering := sys.modules.get("comet_updates.answer.handler"):
            monkeypatch.setattr(answering, "s3_get", lambda *_: self.read)

    def read(self, key: str, validator: str | None) -> store.Document | store.Unchanged:
        """Answer the answering function as `store.s3_get` does."""
        current = self.as_bucket().current(key)
        if current is None:
            raise store.DeniedError
        if current.etag == validator:
            return store.Unchanged()
        etag = f'"{hashlib.sha256(current.body).hexdigest()[:32]}"'
        return store.Document(key, current.body.decode(), len(current.body), etag, current.etag)

    def drop(self) -> None:
        self.objects.versions.clear()


@pytest.fixture
def s3(request: pytest.FixtureRequest) -> Iterator[S3]:
    """Yield an S3 in memory, or an S3 over HTTP for a test with the mark `http`."""
    is_http = request.node.get_closest_marker("http")
    made = S3(request.getfixturevalue("aws")) if is_http else MemoryS3()
    yield made
    made.drop()
