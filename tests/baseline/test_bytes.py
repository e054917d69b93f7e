"""Test that published documents keep their bytes, and that a bucket filled by an older version does not change."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from testkit.project import ROOT
from tests.baseline import buckets, stored

if TYPE_CHECKING:
    from testkit.fresh import Handler
    from testkit.memory_bucket import Objects
    from testkit.s3 import S3

pytestmark = pytest.mark.usefixtures("open_sinks")

BUCKET = stored.FOLDER / "bucket.tar.xz"
EVENTS = [path for path in sorted((ROOT / "events").glob("*.json")) if path.stem != "env"]


@cache
def samples() -> Objects:
    return buckets.samples()


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def test_published_samples_have_the_stored_hashes() -> None:
    published = {key: body for prefix in buckets.PUBLISHED for key, body in samples().tree(prefix).items()}
    now = {key: sha256(body) for key, body in published.items()}
    stored.check("public.json", now, {key: body.decode() for key, body in published.items()})


def test_refilled_bucket_equals_the_stored_bucket() -> None:
    filled = buckets.filled()
    if stored.is_rewriting():
        buckets.write(filled, BUCKET)
    stored.equal(BUCKET.name, buckets.texts(buckets.read(BUCKET)), buckets.texts(filled))


def test_sweep_of_the_stored_bucket_writes_and_deletes_nothing() -> None:
    bucket = buckets.read(BUCKET)
    before = buckets.texts(bucket)
    changed: list[str] = []
    bucket.changed = changed.append
    buckets.sweep(bucket)
    stored.equal("the bucket before the sweep", before, buckets.texts(bucket))
    assert changed == []


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("public/v1/comet-app/stable/manifest.json", b"{}"),
        ("public/v1/comet-app/stable/manifest.json", None),
        ("public/v1/comet-app/stable/other.json", b"{}"),
        ("public/pages/comet-two.html", b"<p>"),
        ("public/pages/privacy.html", b"<p>"),
        ("public/pages/index.html", None),
        ("public/schemas/release.json", b"{}"),
        ("public/tuf/metadata/1.root.json", b"{}"),
        ("rejected/releases/stray.json.json", b"{}"),
    ],
)
def test_sweep_of_the_stored_bucket_undoes_a_change(key: str, body: bytes | None) -> None:
    """Positive control of the test above."""
    bucket = buckets.read(BUCKET)
    before = bucket.body(key)
    bucket.put(key, body)
    assert bucket.body(key) != before
    buckets.sweep(bucket)
    assert bucket.body(key) == before


def test_sweep_of_the_stored_bucket_replaces_a_broken_pack() -> None:
    """Positive control, too: a pack that the present version cannot read is written again."""
    bucket = buckets.read(BUCKET)
    (pack,) = bucket.tree("packs/")
    bucket.put(pack, b"no pack")
    buckets.sweep(bucket)
    assert bucket.body(pack) != b"no pack"


def test_requests_in_events_get_the_stored_answers(s3: S3, answer: Handler) -> None:
    for key, body in samples().tree("public/").items():
        s3.put(key, body)
    answers = {name: answer(event, None) for name, event in _events(is_request=True).items()}
    now = {name: {**found, "body": sha256(found["body"].encode())} for name, found in answers.items()}
    stored.check("answers.json", now)


def test_uploads_in_events_get_the_stored_results(s3: S3, publish: Handler) -> None:
    for key, body in samples().tree("").items():
        if not key.startswith((*buckets.WRITTEN, "signed/", "trust/")):
            s3.put(key, body)
    stored.check("results.json", {name: publish(event, None) for name, event in _events(is_request=False).items()})


def _events(*, is_request: bool) -> dict[str, dict[str, Any]]:
    events = {path.stem: json.loads(path.read_bytes()) for path in EVENTS}
    return {name: event for name, event in events.items() if ("requestContext" in event) == is_request}


@pytest.mark.parametrize(
    ("before", "after", "description"),
    [
        ({"a": "1"}, {}, "a: is missing now"),
        ({}, {"a": "1"}, "a: is new"),
        ({"a": "1"}, {"a": "2"}, "a: differs. It is now:\n--- stored\n+++ now\n@@ -1 +1 @@\n-1\n+2"),
        ({"a": [1]}, {"a": [2]}, "a: differs. It is now:\n--- stored\n+++ now\n@@ -1,3 +1,3 @@\n [\n- 1\n+ 2\n ]"),
    ],
)
def test_difference_from_the_baseline_is_described(before: Any, after: Any, description: str) -> None:
    assert stored.differences(before, before, {}) == []
    assert stored.differences(before, after, {}) == [description]
