"""Test what is read to know the uploads of a product: each version once, and a large product from its pack."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from comet_updates.publish.uploads import load as uploads_load
from comet_updates.publish.uploads import pack
from comet_updates.publish.uploads.load import Loader, list_inputs
from testkit.documents import release
from tests.publish.conftest import NOW

if TYPE_CHECKING:
    from comet_updates.publish.uploads.accept import AcceptedUploads
    from testkit.s3 import S3, Wire
    from testkit.watched_bucket import Watching
    from tests.publish.conftest import PublisherFixture

PACK = "packs/comet-cursor.json.gz"
MANY = pack.PACKED_FROM + 5


def key(version: str) -> str:
    return f"releases/comet-cursor/stable/{version}.json"


@pytest.fixture
def bucket(rig: PublisherFixture) -> Watching:
    return rig.bucket


@pytest.fixture
def stocked(s3: S3) -> S3:
    for minor in range(MANY):
        s3.put(key(f"1.{minor}.0"), release(f"1.{minor}.0"))
    return s3


def load(bucket: Watching, *, writes_packs: bool = False) -> AcceptedUploads:
    """Load the uploads, as a process does that has just started."""
    return Loader(bucket, writes_packs=writes_packs).load("comet-cursor", list_inputs(bucket, "comet-cursor"))


def reads(bucket: Watching) -> int:
    found = [argument for name, argument in bucket.operations if name == "get"]
    bucket.operations.clear()
    return len(found)


def test_a_publisher_that_starts_anew_reads_only_what_is_new(stocked: S3, bucket: Watching) -> None:
    before = load(bucket, writes_packs=True)
    assert reads(bucket) == MANY
    stocked.put(key("2.0.0"), release("2.0.0"))
    after = load(bucket, writes_packs=True)
    assert reads(bucket) == 1
    assert {found.version for found in after.releases} == {found.version for found in before.releases} | {"2.0.0"}
    assert sorted(str(found.wire) for found in before.releases)[0] in {str(found.wire) for found in after.releases}


def test_a_pack_is_not_written_again_for_a_few_uploads(stocked: S3, bucket: Watching) -> None:
    load(bucket, writes_packs=True)
    packed = stocked.get(PACK)
    stocked.put(key("2.0.0"), release("2.0.0"))
    load(bucket, writes_packs=True)
    assert stocked.get(PACK) == packed
    for minor in range(pack.PACKED_FROM + 1):
        stocked.put(key(f"3.{minor}.0"), release(f"3.{minor}.0"))
    load(bucket, writes_packs=True)
    assert stocked.get(PACK) != packed
    reads(bucket)
    load(bucket, writes_packs=True)
    assert reads(bucket) == 0


@pytest.mark.http
def test_a_few_uploads_need_no_pack(s3: S3, bucket: Watching, wire: Wire) -> None:
    s3.put(key("1.0.0"), release("1.0.0"))
    wire.clear()
    load(bucket, writes_packs=True)
    assert not [request for request in wire if "packs/" in request[1]]


def test_whoever_only_looks_writes_no_pack(stocked: S3, bucket: Watching) -> None:
    load(bucket)
    assert stocked.keys("packs/") == []


def test_what_is_in_a_pack_does_not_matter_if_it_is_not_in_the_bucket(stocked: S3, bucket: Watching) -> None:
    load(bucket, writes_packs=True)
    stocked.delete(key("1.0.0"))
    assert "1.0.0" not in {found.version for found in load(bucket).releases}


@pytest.mark.parametrize("broken", [b"junk", b""])
def test_a_broken_pack_is_made_anew(stocked: S3, bucket: Watching, broken: bytes) -> None:
    load(bucket, writes_packs=True)
    sound = stocked.get(PACK)
    stocked.put(PACK, broken)
    assert len(load(bucket, writes_packs=True).releases) == MANY
    assert stocked.get(PACK) == sound


def test_a_pack_that_somebody_else_writes_meanwhile_is_as_good(stocked: S3, bucket: Watching) -> None:
    def overtake(name: str, argument: Any) -> None:
        if (name, argument) == ("put", PACK):
            stocked.put(PACK, b"theirs")

    bucket.before = overtake
    assert len(load(bucket, writes_packs=True).releases) == MANY
    assert stocked.get(PACK) == b"theirs"


def test_a_loader_does_not_remember_without_bound(
    stocked: S3, bucket: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads_load, "REMEMBERED_MAX", 3)
    one = Loader(bucket)
    for expected in (MANY, MANY):
        one.load("comet-cursor", list_inputs(bucket, "comet-cursor"))
        assert reads(bucket) == expected


class TestLimits:
    """A product of thousands of large uploads must not end the process, which publishes other products, too."""

    @pytest.fixture
    def sizes(self, s3: S3, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
        """Return the sizes of three releases, each uploaded after the other. The limit allows two of them."""
        for number in (1, 2, 3):
            s3.put(key(f"{4 - number}.0.0"), release(f"{4 - number}.0.0"), NOW + timedelta(seconds=number))
        policy = {"schema": 1, "product": "comet-cursor", "channel": "stable"}
        s3.put("channels/comet-cursor/stable.json", policy, NOW + timedelta(seconds=9))
        size_bytes = len(s3.get(key("1.0.0")))
        monkeypatch.setattr(uploads_load, "UPLOADS_MAX_BYTES", 2 * size_bytes)
        return {"one": size_bytes, "all": 3 * size_bytes + len(s3.get("channels/comet-cursor/stable.json"))}

    @pytest.mark.usefixtures("sizes")
    def test_release_beyond_the_limit_is_refused_and_not_read(self, bucket: Watching) -> None:
        inputs = load(bucket)
        assert reads(bucket) == 3
        assert {found.version for found in inputs.releases} == {"3.0.0", "2.0.0"}, "the earlier ones"
        (problem,) = inputs.refusals[key("1.0.0")].problems
        assert problem.problem.startswith("the releases of the product have more than")
        assert list(inputs.refusals) == [key("1.0.0")]

    @pytest.mark.usefixtures("sizes")
    def test_deletion_makes_room(self, s3: S3, bucket: Watching) -> None:
        loader = Loader(bucket)
        loader.load("comet-cursor", list_inputs(bucket, "comet-cursor"))
        s3.delete(key("3.0.0"))
        inputs = loader.load("comet-cursor", list_inputs(bucket, "comet-cursor"))
        assert {found.version for found in inputs.releases} == {"2.0.0", "1.0.0"}
        assert inputs.refusals == {}

    @pytest.mark.parametrize(("spare_bytes", "again"), [(0, 0), (-1, 4)], ids=["it fits", "it does not"])
    def test_memory_is_cleared_when_uploads_do_not_fit(
        self,
        s3: S3,
        bucket: Watching,
        sizes: dict[str, int],
        monkeypatch: pytest.MonkeyPatch,
        spare_bytes: int,
        again: int,
    ) -> None:
        monkeypatch.setattr(uploads_load, "UPLOADS_MAX_BYTES", 10**9)
        s3.put("releases/other/stable/1.0.0.json", release("1.0.0", product="other", title="x" * 20))
        other_bytes = len(s3.get("releases/other/stable/1.0.0.json"))
        monkeypatch.setattr(uploads_load, "REMEMBERED_MAX_BYTES", sizes["all"] + other_bytes + spare_bytes)
        loader = Loader(bucket)
        for product in ("comet-cursor", "other"):
            loader.load(product, list_inputs(bucket, product))
        reads(bucket)
        loader.load("comet-cursor", list_inputs(bucket, "comet-cursor"))
        assert reads(bucket) == again
