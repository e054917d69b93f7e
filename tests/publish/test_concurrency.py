"""Test late, doubled, lost, reordered, killed and overtaken publishers: the bucket always ends at the last decision.

A publisher is stopped between two of its requests, and the bucket changes. The bucket is in memory, and for some tests
in an S3 over HTTP.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comet_updates.errors import ConcurrentPublishError
from comet_updates.pages import index
from testkit.documents import release
from testkit.project import ROOT
from testkit.s3 import S3
from testkit.watched_bucket import WRITES
from tests.publish.conftest import PublisherFixture

if TYPE_CHECKING:
    from hypothesis.strategies import DataObject

PRODUCT = "comet-cursor"
PUBLIC = f"public/v1/{PRODUCT}"
IN_ORDER = [
    *[f"{PUBLIC}/{channel}/{name}.json" for channel in ("beta", "stable") for name in ("releases", "manifest")],
    *[f"public/pages/{PRODUCT}.{kind}" for kind in ("json", "html")],
]
"""Every document of the two channels, the product's entry in the list and its page, in the order of writing."""

Change = Callable[[S3], None]
Tree = dict[str, bytes]


class KilledError(SystemExit):
    """The error by which Lambda's end of a publisher is shown. None of our code may catch it."""


def key(version: str, channel: str = "stable") -> str:
    return f"releases/{PRODUCT}/{channel}/{version}.json"


def put_policy(channel: str, **fields: Any) -> Change:
    document = {"schema": 1, "product": PRODUCT, "channel": channel, **fields}
    return lambda s3: s3.put(f"channels/{PRODUCT}/{channel}.json", document)


def put_release(version: str, channel: str = "stable", **fields: Any) -> Change:
    """Return the upload of a release that only our own documents show. It needs few writes, so the tests are quick."""
    document = release(version, channel, **fields)
    del document["released_at"]
    document["artifacts"][0]["platform"] = "haiku"
    return lambda s3: s3.put(key(version, channel), document)


def yank(*versions: str) -> Change:
    return put_policy("stable", yanked=[{"version": version, "reason": "broken"} for version in versions])


def pin_and_break(s3: S3) -> None:
    put_policy("stable", pin="4.2.0")(s3)
    s3.put(f"channels/{PRODUCT}/stable.json", b"{")


BEGINNING: tuple[Change, ...] = (
    put_release("4.2.0"),
    put_release("4.1.0", "beta"),
    put_policy("beta", includes=["stable"]),
)
"""The uploads that are published before a test begins. `beta` includes `stable`."""

CHANGES: dict[str, Change] = {
    "a newer release": put_release("4.3.0"),
    "a newer release where it is included": put_release("4.4.0", "beta"),
    "the release is yanked": yank("4.2.1"),
    "everything is yanked": yank("4.2.0", "4.2.1"),
    "the including policy is overwritten": put_policy("beta"),
    "the channel is pinned and junk put over that": pin_and_break,
    "the release is deleted": lambda s3: s3.delete(key("4.2.1")),
}


def begin(like: S3, change: Change = put_release("4.2.1")) -> tuple[S3, PublisherFixture]:  # noqa: B008 (a value like any other)
    """Return a bucket published up to 4.2.0 with `change` uploaded since, and a publisher that has not started."""
    s3 = like.another()
    for upload in BEGINNING:
        upload(s3)
    PublisherFixture(s3).publisher.publish(PRODUCT)
    change(s3)
    return s3, PublisherFixture(s3)


def published(s3: S3) -> Tree:
    return s3.tree("public/") | s3.tree("rejected/")


def outcome(like: S3, *changes: Change) -> Tree:
    """Return the result of one undisturbed publisher for the same uploads, in a bucket of its own."""
    s3 = like.another()
    for upload in (*BEGINNING, *changes):
        upload(s3)
    PublisherFixture(s3).publisher.publish(PRODUCT)
    return published(s3)


def schema(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((ROOT / "schemas" / f"{name}.json").read_text()))


SCHEMAS = {"manifest.json": schema("manifest"), "releases.json": schema("history")}


def assert_whole(public: str, body: bytes) -> None:
    if public.endswith(".html"):
        assert body.endswith(b"</html>\n")
    elif public.startswith("public/pages/"):
        assert index.read("", body).name == PRODUCT
    else:
        SCHEMAS[public.rpartition("/")[2]].validate(json.loads(body))


def assert_sound(s3: S3) -> None:
    """Check that every public document is complete, and that every manifest names a release in the bucket."""
    releases = s3.keys("releases/")
    for public, body in s3.tree("public/").items():
        assert_whole(public, body)
        if public.endswith("/manifest.json"):
            manifest = json.loads(body)
            assert key(manifest["version"], manifest["channel"]) in releases


def requests_of_a_run(like: S3, change: Change = put_release("4.2.1")) -> list[str]:  # noqa: B008
    _, rig = begin(like, change)
    rig.publisher.publish(PRODUCT)
    return [name for name, _ in rig.bucket.operations]


class Stops:
    """Calls `action` once, at the request of number `at` (from 0).

    Uploads are read in parallel, but one iterator counts all requests, so the number is unique.
    """

    def __init__(self, at: int, action: Callable[[], None], only: tuple[str, ...] = ()) -> None:
        self._numbers = itertools.count()
        self._at = at
        self._action = action
        self._only = only

    def __call__(self, name: str, _argument: object) -> None:
        if (not self._only or name in self._only) and next(self._numbers) == self._at:
            self._action()


def kill() -> None:
    raise KilledError


PUBLICATIONS: dict[str, tuple[Change, int]] = {
    "a new release": (put_release("4.2.1"), 6),
    "a first release on a channel": (put_release("4.2.1", "nightly"), 4),
    "all of a channel is yanked": (yank("4.2.0"), 6),
    "an upload is refused": (put_release("4.3.0", colour="red"), 1),
    "the last release of a channel is deleted": (lambda s3: s3.delete(key("4.1.0", "beta")), 2),
}
"""Change → the number of writes that its publication takes."""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("change", "writes"), PUBLICATIONS.values(), ids=PUBLICATIONS)
def test_publisher_killed_at_any_write_is_completed_by_its_event(
    s3: S3, change: Change, writes: int, moment: str
) -> None:
    """Until the event is delivered again, every document is complete."""
    expected = outcome(s3, change)
    assert sum(name in WRITES for name in requests_of_a_run(s3, change)) == writes
    for stop_at in range(writes):
        s3, rig = begin(s3, change)
        setattr(rig.bucket, moment, Stops(stop_at, kill, WRITES))
        with pytest.raises(KilledError):
            rig.publisher.publish(PRODUCT)
        assert_sound(s3)
        PublisherFixture(s3).publisher.publish(PRODUCT)  # the event was not acknowledged, so it is delivered again
        assert published(s3) == expected


@pytest.mark.http
def test_every_document_is_whole_the_moment_it_is_written(s3: S3) -> None:
    s3, rig = begin(s3)
    written = []

    def look(name: str, where: str) -> None:
        if name == "put":
            assert_whole(where, s3.get(where))
            written.append(where)

    rig.bucket.after = look
    rig.publisher.publish(PRODUCT)
    assert written == IN_ORDER


def overtaken(like: S3, change: Change, stop_at: int) -> tuple[S3, PublisherFixture, PublisherFixture]:
    """Return a publisher that waits before request `stop_at`, while `change` is uploaded and another publishes it."""
    s3, slower = begin(like)
    faster = PublisherFixture(s3)

    def overtake() -> None:
        change(s3)
        faster.publisher.publish(PRODUCT)

    slower.bucket.before = Stops(stop_at, overtake)
    return s3, slower, faster


def stops(like: S3) -> list[int]:
    """Return every request of a run, except repeated reads of uploads, which are in parallel and change nothing."""
    names = requests_of_a_run(like)
    return [at for at, name in enumerate(names) if name != "get" or names[at - 1] != "get"]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_overtaken_publisher_never_leaves_an_older_decision(s3: S3, change: Change) -> None:
    """Overtake it at each of its requests."""
    expected = outcome(s3, put_release("4.2.1"), change)
    for stop_at in stops(s3):
        s3, slower, faster = overtaken(s3, change, stop_at)
        late: list[str] = []

        def note(name: str, where: str, late: list[str] = late, faster: PublisherFixture = faster) -> None:
            if name in WRITES and faster.bucket.operations:
                late.append(where)

        slower.bucket.after = note
        slower.publisher.publish(PRODUCT)
        assert faster.bucket.operations, "it was overtaken"
        assert not set(late) & set(faster.bucket.writes), "the older decision never replaces the newer"
        assert published(s3) == expected, f"overtaken at {slower.bucket.operations[stop_at]}"
    assert_sound(s3)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_overtaken_and_killed_publisher_is_completed_by_its_event(s3: S3, change: Change) -> None:
    """Kill it after the next write that follows."""
    expected = outcome(s3, put_release("4.2.1"), change)
    names = requests_of_a_run(s3)
    for stop_at in [at for at in stops(s3) if at >= names.index("versions")]:  # it has read nothing before
        s3, slower, faster = overtaken(s3, change, stop_at)

        def kill_if_overtaken(name: str, where: str, s3: S3 = s3, faster: PublisherFixture = faster) -> None:
            if name in WRITES and faster.bucket.operations:
                for public, body in s3.tree("public/").items():
                    assert_whole(public, body)
                raise KilledError

        slower.bucket.after = kill_if_overtaken
        try:
            slower.publisher.publish(PRODUCT)
        except KilledError:
            PublisherFixture(s3).publisher.publish(PRODUCT)
        assert published(s3) == expected, f"overtaken at {slower.bucket.operations[stop_at]}"


class TestAStaleWriteThatS3LetsPass:
    """An ETag is a hash of the bytes.

    If the faster publisher had nothing to write, the slower one's condition is still true.
    """

    @pytest.fixture
    def stale(self, s3: S3) -> tuple[S3, PublisherFixture, PublisherFixture]:
        return overtaken(s3, CHANGES["the release is deleted"], requests_of_a_run(s3).index("put"))

    @pytest.mark.http
    def test_is_taken_back_by_who_wrote_it(self, stale: tuple[S3, PublisherFixture, PublisherFixture]) -> None:
        s3, slower, faster = stale
        before = published(s3)
        slower.publisher.publish(PRODUCT)
        assert faster.bucket.operations
        assert faster.bucket.writes == []
        assert slower.bucket.writes == IN_ORDER * 2, "written twice: stale, then right"
        assert published(s3) == before

    def test_stays_if_its_publisher_is_killed_until_its_event_comes_again(
        self, stale: tuple[S3, PublisherFixture, PublisherFixture]
    ) -> None:
        s3, slower, _ = stale
        before = published(s3)
        slower.bucket.after = Stops(3, kill, WRITES)
        with pytest.raises(KilledError):
            slower.publisher.publish(PRODUCT)
        assert s3.json(f"{PUBLIC}/stable/manifest.json")["version"] == "4.2.1", "the known remaining fault"
        PublisherFixture(s3).publisher.publish(PRODUCT)
        assert published(s3) == before


def test_blind_writes_would_leave_an_older_decision(s3: S3) -> None:
    """Positive control: without conditional writes and the second listing, the tests above fail."""
    s3, slower, faster = overtaken(s3, CHANGES["a newer release"], requests_of_a_run(s3).index("put"))
    seen: dict[str, Any] = {}
    look = slower.bucket.versions

    def put_blindly(key: str, body: bytes, content_type: str, *, replaces: str | None) -> None:
        slower.bucket.before("put", key)
        s3.put(key, body)

    slower.bucket.put = put_blindly  # type: ignore[method-assign]
    slower.bucket.versions = lambda prefix: seen.get(prefix) or seen.setdefault(prefix, look(prefix))  # type: ignore[method-assign]
    slower.publisher.publish(PRODUCT)
    assert faster.bucket.writes
    assert published(s3) != outcome(s3, put_release("4.2.1"), CHANGES["a newer release"])


def test_publisher_that_is_always_disturbed_is_completed_by_its_event(s3: S3) -> None:
    s3, slower = begin(s3)
    minors = itertools.count(3)
    slower.bucket.before = lambda name, _: put_release(f"4.{next(minors)}.0")(s3) if name == "put" else None
    with pytest.raises(ConcurrentPublishError):
        slower.publisher.publish(PRODUCT)
    PublisherFixture(s3).publisher.publish(PRODUCT)
    assert s3.json(f"{PUBLIC}/stable/manifest.json")["version"] == f"4.{next(minors) - 1}.0"


@pytest.mark.parametrize("prefix", ["releases", "approvals"])
def test_a_release_is_not_seen_without_the_pin_that_was_set_before_it(s3: S3, prefix: str) -> None:
    """Upload both while a publisher lists the uploads, between two of its requests."""
    expected = outcome(s3, put_release("4.2.1"), put_policy("stable", pin="4.2.1"), put_release("4.3.0"))
    s3, slower = begin(s3)
    offered = set()

    def overtake(name: str, where: str) -> None:
        if (name, where) == ("versions", f"{prefix}/{PRODUCT}/") and not s3.keys(key("4.3.0")):
            put_policy("stable", pin="4.2.1")(s3)
            put_release("4.3.0")(s3)

    def look(name: str, where: str) -> None:
        if name in WRITES and where == f"{PUBLIC}/stable/manifest.json":
            offered.add(s3.json(where)["version"])

    slower.bucket.before, slower.bucket.after = overtake, look
    slower.publisher.publish(PRODUCT)
    assert offered == {"4.2.1"}
    assert published(s3) == expected


UPLOADS: list[tuple[str, Any]] = [
    *[(key(version), release(version)) for version in ("1.0.0", "1.1.0", "2.0.0-rc.1", "2.0.0", "2.0.0+build")],
    *[(key(version, "beta"), release(version, "beta")) for version in ("2.1.0-beta.1", "1.9.0-beta.1")],
    (key("3.0.0"), release("3.0.0", colour="red")),
    (key("3.1.0"), release("3.1.1")),
    (f"channels/{PRODUCT}/beta.json", {"schema": 1, "product": PRODUCT, "channel": "beta", "includes": ["stable"]}),
    (
        f"channels/{PRODUCT}/stable.json",
        {"schema": 1, "product": PRODUCT, "channel": "stable", "yanked": [{"version": "2.0.0", "reason": "broken"}]},
    ),
    (f"products/{PRODUCT}.json", {"schema": 1, "product": PRODUCT, "name": "Comet Cursor"}),
]


@pytest.fixture(scope="module")
def in_order() -> dict[str, Tree]:
    """Return a cache of results: one sweep for the uploads in their order."""
    return {}


@given(data=st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_uploads_and_events_in_any_order_end_in_the_same_bytes(
    s3: S3, in_order: dict[str, Tree], data: DataObject
) -> None:
    """Upload some twice, and lose some events."""
    if not in_order:
        first = s3.another()
        for upload in UPLOADS:
            first.put(*upload)
        PublisherFixture(first).sweep()
        in_order |= {prefix: first.tree(prefix) for prefix in ("public/", "rejected/")}
    s3 = s3.another()
    rigs = [PublisherFixture(s3), PublisherFixture(s3)]
    doubled = data.draw(st.lists(st.sampled_from(UPLOADS), max_size=3), label="uploaded twice")
    order = data.draw(st.permutations(UPLOADS + doubled), label="order")
    events = st.sets(st.sampled_from(range(len(order))), max_size=len(order) // 2)
    arriving = data.draw(events, label="events that arrive")
    for number, upload in enumerate(order):
        s3.put(*upload)
        if number in arriving:
            data.draw(st.sampled_from(rigs), label="at publisher").publisher.publish(PRODUCT)
    PublisherFixture(s3).sweep()
    assert {prefix: s3.tree(prefix) for prefix in ("public/", "rejected/")} == in_order
