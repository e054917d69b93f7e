"""The way back from what an operator may lose, each as `docs/operating.md` tells it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from comet_updates import names
from tests.conftest import S3, SWEEP, release

if TYPE_CHECKING:
    from tests.conftest import Handler

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
RELEASE = "releases/comet-cursor/stable/4.2.1.json"
MANIFEST = "public/v1/comet-cursor/stable/manifest.json"


@pytest.fixture
def live(s3: S3, publish: Handler) -> S3:
    """Two releases, one of which was written over, a yank that was changed, and what was refused."""
    policy = {"schema": 1, "product": "comet-cursor", "channel": "stable"}
    yanked = {"yanked": [{"version": "4.2.0", "reason": "Crashes."}]}
    uploads: list[tuple[str, bytes | dict[str, Any]]] = [
        ("releases/comet-cursor/stable/4.2.0.json", release("4.2.0")),
        (RELEASE, release()),
        (RELEASE, release(title="not what was accepted")),
        ("channels/comet-cursor/stable.json", policy | {"paused_at": "2026-11-20T12:00:00Z"}),
        ("channels/comet-cursor/stable.json", policy | yanked),
        ("products/comet-cursor.json", {"schema": 1, "product": "comet-cursor", "only_higher_on": ["stable"]}),
        ("releases/comet-cursor/stable/4.3.0.json", b"{"),
    ]
    for second, (key, document) in enumerate(uploads):
        s3.put(key, document, NOW + timedelta(seconds=second))
    publish(SWEEP, None)
    return s3


def as_s3_replicates(source: S3, target: S3) -> None:
    """Every version of every upload, the oldest first, with the moment at which it was written."""
    versions = [
        version
        for page in source.client.get_paginator("list_object_versions").paginate(Bucket=source.bucket)
        for version in page.get("Versions", ())
        if version["Key"].startswith(names.UPLOAD_PREFIXES)
    ]
    for version in reversed(versions):
        body = source.client.get_object(Bucket=source.bucket, Key=version["Key"], VersionId=version["VersionId"])
        target.put(version["Key"], body["Body"].read(), version["LastModified"])


def test_a_second_region_publishes_the_same_bytes_from_replicated_uploads(
    live: S3, publish: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = S3(live.endpoint)
    as_s3_replicates(live, other)
    publish.__globals__["_run"].cache_clear()  # type: ignore[attr-defined]
    monkeypatch.setenv("BUCKET", other.bucket)
    publish(SWEEP, None)
    assert other.tree("public/") == live.tree("public/")
    assert other.tree("rejected/") == live.tree("rejected/")
    assert len(other.tree("public/v1/")) > 2, "there is something to compare"


@pytest.mark.parametrize("prefix", ["public/", "rejected/"])
def test_what_the_publisher_wrote_can_be_deleted_and_comes_back(live: S3, publish: Handler, prefix: str) -> None:
    before = live.tree()
    for key in live.keys(prefix):
        live.delete(key)
    publish(SWEEP, None)
    assert live.tree() == before


def test_a_deleted_release_comes_back_by_deleting_its_delete_marker(live: S3, publish: Handler) -> None:
    before = live.tree("public/")
    live.delete(RELEASE)
    publish(SWEEP, None)
    assert live.keys(MANIFEST) == [], "4.2.0 is yanked"
    (marker,) = live.client.list_object_versions(Bucket=live.bucket, Prefix=RELEASE)["DeleteMarkers"]
    live.client.delete_object(Bucket=live.bucket, Key=RELEASE, VersionId=marker["VersionId"])
    publish(SWEEP, None)
    assert live.tree("public/") == before
