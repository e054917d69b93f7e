"""Test the bucket as the publisher uses it, on an S3 over HTTP."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from comet_updates.answer.errors import StoreUnavailableError
from comet_updates.answer.log import Log
from comet_updates.errors import ConcurrentPublishError
from comet_updates.publish import bucket as bucket_module
from comet_updates.publish.bucket import ATTEMPTS, Bucket, open_bucket, retry_conflicts
from comet_updates.publish.publisher import Publisher
from comet_updates.publish.run import Run, SweepFailedError
from comet_updates.publish.stored import Stored, etag_of
from testkit.documents import release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testkit.s3 import S3, Wire

KEY = "public/a.json"

pytestmark = pytest.mark.http


@pytest.fixture
def bucket(s3: S3) -> Bucket:
    return Bucket(s3.client, s3.bucket)


def two_at_most(params: dict[str, Any], **_: object) -> Any:  # the stubs say that a hook returns nothing
    return {"MaxKeys": 2, **params}


@pytest.fixture
def paged(s3: S3) -> Bucket:
    """Return the bucket with lists in pages of two."""
    client = boto3.client("s3", endpoint_url=s3.endpoint)
    for operation in ("ListObjectsV2", "ListObjectVersions"):
        client.meta.events.register(f"provide-client-params.s3.{operation}", two_at_most)
    return Bucket(client, s3.bucket)


def bodies(bucket: Bucket, prefix: str = "") -> dict[str, list[bytes]]:
    return {key: [bucket.get(stored) for stored in versions] for key, versions in bucket.versions(prefix).items()}


def next_second() -> None:
    """Wait for the next second, since S3 shows the time of a version in whole seconds."""
    time.sleep(1.05 - time.time() % 1)


class TestWriting:
    @pytest.mark.parametrize("body", [b"", b"{}", "„Größer“".encode() * 100_000], ids=["empty", "small", "large"])
    def test_the_etag_is_known_before_it_is_written(self, s3: S3, bucket: Bucket, body: bytes) -> None:
        bucket.put(KEY, body, "application/json", replaces=None)
        assert bucket.etags("public/") == {KEY: etag_of(body)}
        assert s3.get(KEY) == body

    def test_what_is_new_is_written_only_if_nothing_is_there(self, s3: S3, bucket: Bucket) -> None:
        s3.put(KEY, b"theirs")
        with pytest.raises(ConcurrentPublishError):
            bucket.put(KEY, b"ours", "application/json", replaces=None)
        assert s3.get(KEY) == b"theirs"

    def test_what_was_deleted_can_be_written_as_new(self, s3: S3, bucket: Bucket) -> None:
        s3.put(KEY, b"theirs")
        s3.delete(KEY)
        bucket.put(KEY, b"ours", "application/json", replaces=None)
        assert s3.get(KEY) == b"ours"

    def test_what_is_there_is_replaced_only_if_it_is_what_was_seen(self, s3: S3, bucket: Bucket) -> None:
        s3.put(KEY, b"seen")
        bucket.put(KEY, b"ours", "application/json", replaces=etag_of(b"seen"))
        with pytest.raises(ConcurrentPublishError):
            bucket.put(KEY, b"late", "application/json", replaces=etag_of(b"seen"))
        assert s3.get(KEY) == b"ours"

    def test_what_is_there_is_deleted_only_if_it_is_what_was_seen(self, s3: S3, bucket: Bucket) -> None:
        s3.put(KEY, b"theirs")
        with pytest.raises(ConcurrentPublishError):
            bucket.delete(KEY, replaces=etag_of(b"seen"))
        assert s3.get(KEY) == b"theirs"
        bucket.delete(KEY, replaces=etag_of(b"theirs"))
        assert s3.keys() == []

    def test_what_is_gone_is_neither_replaced_nor_deleted(self, s3: S3, bucket: Bucket) -> None:
        s3.put(KEY, b"seen")
        s3.delete(KEY)
        with pytest.raises(ConcurrentPublishError):
            bucket.put(KEY, b"ours", "application/json", replaces=etag_of(b"seen"))
        with pytest.raises(ConcurrentPublishError):
            bucket.delete(KEY, replaces=etag_of(b"seen"))
        assert s3.keys() == []


class TestConflicts:
    """The only loop that repeats a write after a conflict."""

    @pytest.mark.parametrize("conflicts", range(ATTEMPTS))
    def test_a_write_after_conflicts_gives_its_result(self, conflicts: int) -> None:
        outcomes: Iterator[str | Exception] = iter([*[ConcurrentPublishError("late")] * conflicts, "done", "never"])
        assert retry_conflicts(lambda: outcome_of(outcomes)) == "done"
        assert list(outcomes) == ["never"]

    def test_a_conflict_at_every_attempt_raises_the_last_one(self) -> None:
        numbers = iter(range(100))
        outcomes = (ConcurrentPublishError(f"conflict {number}") for number in numbers)
        with pytest.raises(ConcurrentPublishError, match=f"conflict {ATTEMPTS - 1}$"):
            retry_conflicts(lambda: outcome_of(outcomes))
        assert next(numbers) == ATTEMPTS

    def test_another_error_is_not_retried(self) -> None:
        outcomes: Iterator[str | Exception] = iter(
            [ConcurrentPublishError("late"), StoreUnavailableError("S3 fails"), "never"]
        )
        with pytest.raises(StoreUnavailableError):
            retry_conflicts(lambda: outcome_of(outcomes))
        assert list(outcomes) == ["never"]


def outcome_of(outcomes: Iterator[str | Exception]) -> str:
    """Return the next outcome, or raise it if it is an error."""
    outcome = next(outcomes)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


class TestListing:
    def test_a_prefix_is_taken_to_the_letter(self, s3: S3, bucket: Bucket) -> None:
        for key in ("releases/p/c/1.json", "releases/p2/c/1.json", "releases/p/c.json", "x/releases/p/c/1.json"):
            s3.put(key, b"")
        assert list(bucket.etags("releases/p/c/")) == ["releases/p/c/1.json"]
        assert sorted(bucket.versions("releases/p/")) == ["releases/p/c.json", "releases/p/c/1.json"]
        assert bucket.children("releases/") == ([], ["releases/p/", "releases/p2/"])
        assert bucket.children("releases/p/") == (["releases/p/c.json"], ["releases/p/c/"])

    def test_versions_come_newest_first_each_with_its_own_bytes(self, s3: S3, bucket: Bucket) -> None:
        for body in (b"1", b"22", b"333"):
            s3.put("a", body)
        assert bodies(bucket) == {"a": [b"333", b"22", b"1"]}
        assert [(stored.size_bytes, stored.etag) for stored in bucket.versions("a")["a"]] == [
            (len(body), etag_of(body)) for body in (b"333", b"22", b"1")
        ]

    def test_what_is_deleted_has_no_versions(self, s3: S3, bucket: Bucket) -> None:
        s3.put("a", b"1")
        s3.put("ab", b"2")
        s3.delete("a")
        assert bodies(bucket) == {"ab": [b"2"]}

    def test_what_came_back_has_only_the_versions_since(self, s3: S3, bucket: Bucket) -> None:
        s3.put("a", b"1")
        s3.delete("a")
        s3.put("a", b"2")
        s3.delete("a")
        next_second()
        s3.put("a", b"3")
        s3.put("a", b"4")
        assert bodies(bucket) == {"a": [b"4", b"3"]}

    def test_what_came_back_in_the_very_second_is_seen(self, s3: S3, bucket: Bucket) -> None:
        s3.put("a", b"1")
        s3.delete("a")
        s3.put("a", b"2")
        assert bodies(bucket) == {"a": [b"2"]}

    def test_deletions_are_versions_where_they_are_asked_for(self, s3: S3, bucket: Bucket) -> None:
        s3.put("a", b"1")
        s3.delete("a")
        next_second()
        s3.put("a", b"2")
        s3.put("b", b"3")
        next_second()
        s3.delete("b")
        found = bucket.versions("", deletions=True)
        assert [stored.is_deletion for stored in found["a"]] == [False, True, False]
        assert [stored.is_deletion for stored in found["b"]] == [True, False]
        assert bodies(bucket) == {"a": [b"2"]}

    def test_lists_of_many_pages_are_read_to_their_end(self, s3: S3, paged: Bucket) -> None:
        for key in ("a/1", "a/2", "b/1", "c", "d", "e/1"):
            for body in (b"old", b"older", b"new"):
                s3.put(key, body)
        s3.delete("d")
        assert list(paged.etags("")) == ["a/1", "a/2", "b/1", "c", "e/1"]
        assert paged.children("") == (["c"], ["a/", "b/", "e/"])
        assert bodies(paged) == {key: [b"new", b"older", b"old"] for key in ("a/1", "a/2", "b/1", "c", "e/1")}

    @pytest.mark.parametrize("key", ["a b+c%2B&?#", "комета/彗星", 'quote"<>', "a//b"], ids=ascii)
    def test_odd_keys_come_back_as_they_were_written(self, s3: S3, bucket: Bucket, key: str) -> None:
        s3.put(f"x/{key}", b"1")
        assert list(bucket.etags("x/")) == [f"x/{key}"]
        assert bodies(bucket, f"x/{key}") == {f"x/{key}": [b"1"]}


OPERATIONS: dict[str, Callable[[Bucket], Any]] = {
    "etags": lambda bucket: bucket.etags(""),
    "listed": lambda bucket: bucket.listed(""),
    "children": lambda bucket: bucket.children(""),
    "versions": lambda bucket: bucket.versions(""),
    "get": lambda bucket: bucket.get(Stored("a", "v", '"e"', 1, datetime.now(UTC))),
    "current": lambda bucket: bucket.current("a"),
    "put": lambda bucket: bucket.put("a", b"", "text/plain", replaces=None),
    "put over": lambda bucket: bucket.put("a", b"", "text/plain", replaces='"e"'),
    "delete": lambda bucket: bucket.delete("a", replaces='"e"'),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
class TestAnS3ThatFails:
    @pytest.mark.parametrize("fault", ["503", "wrong region"])
    def test_is_unavailable_when_it_says_so(
        self, s3: S3, wire: Wire, monkeypatch: pytest.MonkeyPatch, operation: Callable[[Bucket], Any], fault: str
    ) -> None:
        once = Config(retries={"total_max_attempts": 1})
        monkeypatch.setattr(wire, "fault", fault)
        with pytest.raises(StoreUnavailableError):
            operation(Bucket(boto3.client("s3", endpoint_url=s3.endpoint, config=once), s3.bucket))

    @pytest.mark.parametrize("fault", ["no bucket", "not S3"])
    def test_404_that_is_not_about_the_key_is_unavailable(
        self, s3: S3, wire: Wire, monkeypatch: pytest.MonkeyPatch, operation: Callable[[Bucket], Any], fault: str
    ) -> None:
        s3.put("a", b"1")
        monkeypatch.setattr(wire, "fault", fault)
        with pytest.raises(StoreUnavailableError):
            operation(Bucket(s3.client, s3.bucket))

    @pytest.mark.usefixtures("aws")
    def test_is_unavailable_when_nobody_listens(self, operation: Callable[[Bucket], Any]) -> None:
        once = Config(retries={"total_max_attempts": 1})
        with pytest.raises(StoreUnavailableError):
            operation(Bucket(boto3.client("s3", endpoint_url="http://127.0.0.1:9", config=once), "bucket"))

    def test_is_unavailable_when_the_bucket_is_not_there(self, s3: S3, operation: Callable[[Bucket], Any]) -> None:
        with pytest.raises(StoreUnavailableError):
            operation(Bucket(s3.client, "no-such-bucket"))


def test_bytes_that_are_not_what_the_etag_says_are_not_what_s3_stores(
    s3: S3, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Check the bytes even if boto3 does not."""
    s3.put("a", b"1")
    unchecked = Config(response_checksum_validation="when_required")
    bucket = Bucket(boto3.client("s3", endpoint_url=s3.endpoint, config=unchecked), s3.bucket)
    (stored,) = bucket.versions("a")["a"]
    monkeypatch.setattr(wire, "fault", "corrupted")
    with pytest.raises(StoreUnavailableError):
        bucket.get(stored)
    with pytest.raises(StoreUnavailableError):
        bucket.current("a")


def test_one_failure_is_tried_again(s3: S3, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.put("a", b"1")
    bucket = open_bucket(s3.bucket, s3.endpoint)
    answers = iter([True])

    class FailsOnce(type(wire)):  # type: ignore[misc]
        @property
        def fault(self) -> str:
            return "503" if next(answers, False) else ""

    monkeypatch.setattr(wire, "__class__", FailsOnce)
    assert list(bucket.etags("")) == ["a"]
    assert next(answers, None) is None


class TestClock:
    """A machine with a wrong clock decides nothing and writes nothing, although this S3 itself accepts any time."""

    @pytest.fixture
    def off_by(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
        def set_clock(difference: timedelta) -> None:
            wrong = SimpleNamespace(now=lambda zone: datetime.now(zone) + difference)
            monkeypatch.setattr(bucket_module, "datetime", wrong)

        return set_clock

    @pytest.mark.parametrize("difference", [timedelta(minutes=6), timedelta(days=-3653), timedelta(days=3653)], ids=str)
    def test_wrong_clock_is_named(self, s3: S3, off_by: Callable[[timedelta], None], difference: timedelta) -> None:
        off_by(difference)
        opened = open_bucket(s3.bucket, s3.endpoint)
        with pytest.raises(StoreUnavailableError, match=r"the clock of this machine differs from S3's by \d+ minutes"):
            opened.etags("")

    @pytest.mark.parametrize("difference", [timedelta(minutes=4), timedelta(minutes=-4)], ids=str)
    def test_clock_that_is_nearly_right_works(
        self, s3: S3, off_by: Callable[[timedelta], None], difference: timedelta
    ) -> None:
        off_by(difference)
        opened = open_bucket(s3.bucket, s3.endpoint)
        opened.put(KEY, b"ours", "application/json", replaces=None)
        assert s3.get(KEY) == b"ours"

    @pytest.mark.parametrize("date", [None, "", "soon", "Fri, 20 Nov 2026 12:00:00"], ids=str)
    def test_answer_without_a_usable_time_is_taken(
        self, s3: S3, off_by: Callable[[timedelta], None], date: str | None
    ) -> None:
        off_by(timedelta(days=1))
        opened = open_bucket(s3.bucket, s3.endpoint)

        def change(parsed: dict[str, Any], **_: object) -> None:
            parsed["ResponseMetadata"]["HTTPHeaders"].pop("date")
            if date is not None:
                parsed["ResponseMetadata"]["HTTPHeaders"]["date"] = date

        opened._s3.meta.events.register_first("after-call.s3", change)
        assert opened.etags("") == {}


def test_sweep_with_a_wrong_clock_publishes_nothing(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.put("releases/comet-cursor/stable/1.0.0.json", release("1.0.0"))
    publisher = Publisher(open_bucket(s3.bucket, s3.endpoint), lambda: datetime.now(UTC))
    wrong = SimpleNamespace(now=lambda zone: datetime.now(zone) + timedelta(days=3653))
    with monkeypatch.context() as patch:
        patch.setattr(bucket_module, "datetime", wrong)
        with pytest.raises(SweepFailedError):
            Run(publisher, Log(successes=False, level="INFO")).sweep()
        assert s3.keys("public/") == []
    Run(publisher, Log(successes=False, level="INFO")).sweep()
    assert s3.keys("public/v1/comet-cursor/stable/manifest.json")
