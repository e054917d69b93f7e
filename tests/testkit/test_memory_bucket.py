"""Test that the bucket in memory gives the same answers to the same requests as a bucket over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from comet_updates.errors import ConcurrentPublishError
from comet_updates.publish.bucket import Bucket
from comet_updates.publish.stored import etag_of
from testkit.memory_bucket import MemoryBucket, Objects

if TYPE_CHECKING:
    from testkit.s3 import S3

KEYS = st.sampled_from(["a/x", "a/b/x", "a/b/y", "a/c/x", "b"])
BODIES = st.sampled_from([b"1", b"2", b""])
ETAGS = st.none() | BODIES.map(etag_of)
STEPS = st.lists(
    st.tuples(st.just("upload"), KEYS, BODIES | st.none())
    | st.tuples(st.just("put"), KEYS, BODIES, ETAGS)
    | st.tuples(st.just("delete"), KEYS, BODIES.map(etag_of)),
    max_size=12,
)


def done(bucket: Bucket, step: tuple[object, ...]) -> bool:
    """Return whether a conditional write succeeds."""
    try:
        match step:
            case ("put", str(key), bytes(body), replaces):
                bucket.put(key, body, "text/plain", replaces=replaces)  # type: ignore[arg-type]
            case ("delete", str(key), str(replaces)):
                bucket.delete(key, replaces=replaces)
    except ConcurrentPublishError:
        return False
    return True


def seen(bucket: Bucket, deleted: set[str]) -> object:
    """Return everything that a publisher can read.

    Of a deleted key it has one version, since all were made in one second.
    """
    known = {key: stored[: 1 if key in deleted else None] for key, stored in bucket.versions("").items()}
    versions = {key: [(s.etag, s.size_bytes) for s in known[key]] for key in bucket.versions("a/")}
    bodies = {key: bucket.get(stored[-1]) for key, stored in known.items()}
    current = [bucket.current(key) for key in ("a/x", "b", "c")]
    children = [bucket.children(prefix) for prefix in ("", "a/")]
    # moto keeps listing a folder after its last object is deleted.
    folders = [[folder for folder in found if bucket.etags(folder)] for _, found in children]
    return bucket.etags("a/"), bucket.etags(""), [keys for keys, _ in children], folders, versions, bodies, current


@pytest.mark.http
@given(STEPS)
@example([("upload", "a/x", b"")])
@example([("upload", "a/x", b"1"), ("upload", "a/x", None), ("upload", "a/x", b"1"), ("upload", "a/x", b"2")])
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_answers_as_a_bucket_over_http_does(s3: S3, steps: list[tuple[object, ...]]) -> None:
    s3, objects = s3.another(), Objects()
    http, memory = s3.as_bucket(), MemoryBucket(objects)
    deleted = set()
    for step in steps:
        match step:
            case ("upload", str(key), None):
                s3.delete(key)
                objects.put(key, None)
                deleted.add(key)
            case ("upload", str(key), bytes(body)):
                s3.put(key, body)
                objects.put(key, body)
            case _:
                assert done(http, step) == done(memory, step)
                deleted |= {str(step[1])} if step[0] == "delete" else set()
    assert seen(http, deleted) == seen(memory, deleted)
