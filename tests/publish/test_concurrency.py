"""Late, doubled, lost, reordered, killed and overtaken: the bucket always ends at what people decided last.

Nothing is simulated but the moment: publishers run on a real S3, and one is stopped between two of its requests while
the world goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT, S3, release
from tests.publish.conftest import WRITES, Rig

if TYPE_CHECKING:
    from hypothesis.strategies import DataObject

PRODUCT = "comet-cursor"
Change = Callable[[S3], Any]


class KilledError(BaseException):
    """What a publisher meets when Lambda ends it: nothing of ours may catch it."""


def key(version: str, channel: str = "stable") -> str:
    return f"releases/{PRODUCT}/{channel}/{version}.json"


def put_policy(channel: str, **fields: Any) -> Change:
    document = {"schema": 1, "product": PRODUCT, "channel": channel, **fields}
    return lambda s3: s3.put(f"channels/{PRODUCT}/{channel}.json", document)


def put_release(version: str, channel: str = "stable") -> Change:
    return lambda s3: s3.put(key(version, channel), release(version, channel))


def yank(version: str) -> Change:
    return put_policy("stable", yanked=[{"version": version, "reason": "broken"}])


CHANGES: dict[str, Change] = {
    "a newer release": put_release("4.3.0"),
    "the release is yanked": yank("4.2.1"),
    "the channel is pinned": put_policy("stable", pin="4.2.0"),
    "the channel is paused": put_policy("stable", paused_at="2026-01-01T00:00:00Z"),
    "beta includes stable": put_policy("beta", includes=["stable"]),
    "a pin and junk over it": lambda s3: [
        put_policy("stable", pin="4.2.0")(s3),
        s3.put(f"channels/{PRODUCT}/stable.json", b"{"),
    ],
    "the release is deleted": lambda s3: s3.delete(key("4.2.1")),
}


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / "schemas" / f"{name}.json").read_text())
    return loaded


SCHEMAS = {"manifest.json": schema("manifest"), "releases.json": schema("history")}


def assert_sound(s3: S3) -> None:
    """Every public document is whole, of its form, and speaks of releases that are (or were) uploaded."""
    for public, body in s3.tree("public/v1/").items():
        jsonschema.validate(json.loads(body), SCHEMAS[public.rpartition("/")[2]])


def start(s3: S3) -> Rig:
    """A bucket that is published up to 4.2.0, with 4.2.1 uploaded since."""
    put_release("4.2.0")(s3)
    put_release("4.1.0", "beta")(s3)
    Rig(s3).publisher.publish(PRODUCT)
    put_release("4.2.1")(s3)
    return Rig(s3)


def final(s3: S3, endpoint: str) -> dict[str, bytes]:
    """What a first publisher makes of the same uploads in a bucket of its own."""
    other = S3(endpoint)
    versions = s3.client.list_object_versions(Bucket=s3.bucket)
    events = [
        (v["LastModified"], v) for v in versions.get("Versions", ()) if not v["Key"].startswith(("public", "rej"))
    ]
    gone = {marker["Key"] for marker in versions.get("DeleteMarkers", ()) if marker["IsLatest"]}
    for _, version in sorted(events, key=lambda event: event[0]):
        if version["Key"] not in gone:
            stored = s3.client.get_object(Bucket=s3.bucket, Key=version["Key"], VersionId=version["VersionId"])
            other.put(version["Key"], stored["Body"].read())
    Rig(other).publisher.publish(PRODUCT)
    return other.tree("public/v1/")


def operations_of_a_run(endpoint: str) -> list[str]:
    rig = start(S3(endpoint))
    rig.publisher.publish(PRODUCT)
    return [name for name, _ in rig.bucket.operations]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_publisher_killed_at_any_write_leaves_sound_documents_and_its_event_mends_the_rest(
    aws: str, moment: str
) -> None:
    writes = [name for name in operations_of_a_run(aws) if name in WRITES]
    assert len(writes) == 2
    for stop_at in range(len(writes)):
        s3 = S3(aws)
        rig = start(s3)
        left = iter(range(stop_at + 1))

        def kill(name: str, _: object, left: Any = left, stop_at: int = stop_at) -> None:
            if name in WRITES and next(left) == stop_at:
                raise KilledError

        setattr(rig.bucket, moment, kill)
        with pytest.raises(KilledError):
            rig.publisher.publish(PRODUCT)
        assert_sound(s3)
        Rig(s3).publisher.publish(PRODUCT)  # the event was not acknowledged: it comes again
        assert s3.tree("public/v1/") == final(s3, aws)


def overtaken(s3: S3, change: str, stop_at: int) -> Rig:
    """A publisher that waits before its request `stop_at`, while people decide `change` and another publishes it."""
    slower, faster = start(s3), Rig(s3)

    def overtake(_name: str, _argument: object) -> None:
        if len(slower.bucket.operations) == stop_at + 1:
            CHANGES[change](s3)
            faster.publisher.publish(PRODUCT)

    slower.bucket.before = overtake
    return slower


def after(change: str, endpoint: str) -> dict[str, bytes]:
    s3 = S3(endpoint)
    start(s3)
    CHANGES[change](s3)
    return final(s3, endpoint)


@pytest.mark.parametrize("change", CHANGES)
def test_a_publisher_that_is_overtaken_at_any_request_never_leaves_an_older_decision(aws: str, change: str) -> None:
    expected = after(change, aws)
    for stop_at in range(len(operations_of_a_run(aws))):
        s3 = S3(aws)
        slower = overtaken(s3, change, stop_at)
        slower.publisher.publish(PRODUCT)
        assert s3.tree("public/v1/") == expected, f"overtaken at {slower.bucket.operations[stop_at]}"
        assert_sound(s3)


@pytest.mark.parametrize("change", CHANGES)
def test_a_publisher_that_is_overtaken_and_killed_after_its_next_write_is_mended_by_its_event(
    aws: str, change: str
) -> None:
    expected = after(change, aws)
    for stop_at in [at for at, name in enumerate(operations_of_a_run(aws)) if name in WRITES]:
        s3 = S3(aws)
        slower = overtaken(s3, change, stop_at)

        def kill(name: str, _: object, slower: Rig = slower, stop_at: int = stop_at) -> None:
            if name in WRITES and len(slower.bucket.operations) > stop_at:
                raise KilledError

        slower.bucket.after = kill
        try:
            slower.publisher.publish(PRODUCT)
        except KilledError:
            assert_sound(s3)
            Rig(s3).publisher.publish(PRODUCT)
        assert s3.tree("public/v1/") == expected


def test_a_blind_write_would_leave_an_older_decision(aws: str) -> None:
    """Positive control: without the conditions of the writes and the second look, the test above fails."""
    s3 = S3(aws)
    slower, faster = start(s3), Rig(s3)

    def overtake(name: str, _: object) -> None:
        if name == "put":
            slower.bucket.before = lambda *_: None
            put_release("4.3.0")(s3)
            faster.publisher.publish(PRODUCT)

    def put_blindly(key: str, body: bytes, _type: str, *, replaces: str | None) -> None:
        overtake("put", key)
        s3.put(key, body)

    slower.bucket.put = put_blindly  # type: ignore[method-assign, assignment]
    slower.bucket.versions, seen = (lambda prefix: seen.setdefault(prefix, faster.bucket.versions(prefix))), {}  # type: ignore[method-assign]
    slower.publisher.publish(PRODUCT)
    assert s3.tree("public/v1/") != final(s3, aws)


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
def in_order() -> dict[str, dict[str, bytes]]:
    """Filled once: what one sweep makes of the uploads in their order."""
    return {}


@given(data=st.data())
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_uploads_in_any_order_twice_and_with_lost_events_end_in_the_same_bytes(
    aws: str, in_order: dict[str, dict[str, bytes]], data: DataObject
) -> None:
    if not in_order:
        first = S3(aws)
        for upload in UPLOADS:
            first.put(*upload)
        Rig(first).sweep()
        in_order |= {prefix: first.tree(prefix) for prefix in ("public/", "rejected/")}
    s3 = S3(aws)
    rigs = [Rig(s3), Rig(s3)]
    doubled = data.draw(st.lists(st.sampled_from(UPLOADS), max_size=3), label="uploaded twice")
    order = data.draw(st.permutations(UPLOADS + doubled), label="order")
    for upload in order:
        s3.put(*upload)
        if data.draw(st.booleans(), label="event arrives"):
            data.draw(st.sampled_from(rigs), label="at publisher").publisher.publish(PRODUCT)
    Rig(s3).sweep()
    assert {prefix: s3.tree(prefix) for prefix in ("public/", "rejected/")} == in_order
