"""Test which version of which upload counts, and what is read to decide it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from comet_updates.publish.uploads.accept import AcceptedUploads
from comet_updates.publish.uploads.load import Loader, list_inputs
from comet_updates.publish.uploads.parse import UPLOAD_MAX_BYTES
from testkit.documents import release
from tests.publish.conftest import NOW

if TYPE_CHECKING:
    from testkit.s3 import S3
    from testkit.watched_bucket import Watching
    from tests.publish.conftest import PublisherFixture

PRODUCT = "products/comet-cursor.json"
POLICY = "channels/comet-cursor/stable.json"
RELEASE = "releases/comet-cursor/stable/4.2.1.json"


def product(**fields: Any) -> dict[str, Any]:
    return {"schema": 1, "product": "comet-cursor", **fields}


def policy(**fields: Any) -> dict[str, Any]:
    return {"schema": 1, "product": "comet-cursor", "channel": "stable", **fields}


@pytest.fixture
def bucket(rig: PublisherFixture) -> Watching:
    return rig.bucket


def load(bucket: Watching, of: str = "comet-cursor", loader: Loader | None = None) -> AcceptedUploads:
    return (loader or Loader(bucket)).load(of, list_inputs(bucket, of))


def reads(bucket: Watching) -> list[str]:
    return sorted(argument for name, argument in bucket.operations if name == "get")


class TestListing:
    @pytest.mark.http
    def test_has_the_uploads_of_the_product_and_of_no_other(self, s3: S3, bucket: Watching) -> None:
        for key in (PRODUCT, POLICY, RELEASE):
            s3.put(key, b"{}")
        for key in (
            "products/comet-cursor.json.json",
            "products/comet-cursor.jsonx",
            "channels/comet-cursor2/stable.json",
            "releases/comet/stable/1.0.0.json",
            "releases/comet-cursor.json",
        ):
            s3.put(key, b"{}")
        assert sorted(list_inputs(bucket, "comet-cursor")) == [POLICY, PRODUCT, RELEASE]

    def test_leaves_out_what_consoles_make_of_a_folder(self, s3: S3, bucket: Watching) -> None:
        for key in ("releases/comet-cursor/", "releases/comet-cursor/stable/", "channels/comet-cursor/"):
            s3.put(key, b"")
        assert list_inputs(bucket, "comet-cursor") == {}

    @pytest.mark.parametrize("again", [b"{}", b"{ }"], ids=["same bytes", "other bytes"])
    def test_changes_with_every_upload(self, s3: S3, bucket: Watching, again: bytes) -> None:
        s3.put(RELEASE, b"{}")
        before = list_inputs(bucket, "comet-cursor")
        assert list_inputs(bucket, "comet-cursor") == before
        s3.put(RELEASE, again)
        assert list_inputs(bucket, "comet-cursor") != before

    def test_changes_with_a_deletion(self, s3: S3, bucket: Watching) -> None:
        s3.put(RELEASE, b"{}")
        before = list_inputs(bucket, "comet-cursor")
        s3.delete(RELEASE)
        assert list_inputs(bucket, "comet-cursor") != before


class TestWhatIsRead:
    def test_each_version_is_read_once_by_a_loader(self, s3: S3, bucket: Watching) -> None:
        loader = Loader(bucket)
        s3.put(RELEASE, release())
        s3.put(POLICY, b"{")
        for _ in range(3):
            load(bucket, loader=loader)
        assert reads(bucket) == [POLICY, RELEASE]
        s3.put(POLICY, policy())
        load(bucket, loader=loader)
        assert reads(bucket) == [POLICY, POLICY, RELEASE]

    def test_versions_that_cannot_count_any_more_are_not_read(self, s3: S3, bucket: Watching) -> None:
        for name in ("one", "two", "three"):
            s3.put(PRODUCT, product(name=name))
        assert load(bucket).product.name == "three"  # type: ignore[union-attr]
        assert reads(bucket) == [PRODUCT]

    @pytest.mark.parametrize("key", [PRODUCT, POLICY, RELEASE])
    def test_what_is_too_large_is_refused_and_not_read(self, s3: S3, bucket: Watching, key: str) -> None:
        s3.put(key, b" " * (UPLOAD_MAX_BYTES + 1))
        inputs = load(bucket)
        assert "larger than" in str(inputs.refusals[key])
        assert reads(bucket) == []

    def test_what_is_as_large_as_it_may_be_is_read(self, s3: S3, bucket: Watching) -> None:
        s3.put(RELEASE, b" " * UPLOAD_MAX_BYTES)
        assert "larger than" not in str(load(bucket).refusals[RELEASE])
        assert reads(bucket) == [RELEASE]

    def test_what_has_no_key_of_an_upload_is_refused_and_not_read(self, s3: S3, bucket: Watching) -> None:
        s3.put("releases/comet-cursor/stable/extra/1.0.0.json", release())
        assert list(load(bucket).refusals) == ["releases/comet-cursor/stable/extra/1.0.0.json"]
        assert reads(bucket) == []


class TestWhatCounts:
    def test_a_product_without_a_document_has_the_defaults(self, s3: S3, bucket: Watching) -> None:
        s3.put(RELEASE, release())
        inputs = load(bucket)
        assert inputs.product
        assert (inputs.product.product, inputs.product.version_scheme) == ("comet-cursor", "semver")
        assert inputs.channels == {"stable"}
        assert inputs.refusals == {}

    def test_a_product_of_which_no_version_is_valid_is_unknown(self, s3: S3, bucket: Watching) -> None:
        s3.put(PRODUCT, b"{")
        s3.put(PRODUCT, b"[")
        s3.put(RELEASE, release())
        inputs = load(bucket)
        assert inputs.product is None
        assert list(inputs.refusals) == [PRODUCT]

    def test_what_cannot_be_the_name_of_a_product_has_no_defaults(self, s3: S3, bucket: Watching) -> None:
        s3.put("releases/Comet Cursor/stable/4.2.1.json", release())
        inputs = load(bucket, "Comet Cursor")
        assert inputs.product is None
        assert inputs.releases == []
        assert list(inputs.refusals) == ["releases/Comet Cursor/stable/4.2.1.json"]

    def test_a_channel_of_which_no_policy_is_valid_is_undecided(self, s3: S3, bucket: Watching) -> None:
        s3.put(POLICY, b"{")
        s3.put(RELEASE, release())
        s3.put("releases/comet-cursor/beta/4.3.0.json", release("4.3.0", "beta"))
        inputs = load(bucket)
        assert inputs.undecided == {"stable"}
        assert inputs.channels == {"beta"}

    def test_a_channel_with_a_policy_needs_no_release_of_its_own(self, s3: S3, bucket: Watching) -> None:
        s3.put(POLICY, policy(includes=["beta"]))
        assert load(bucket).channels == {"stable"}

    @pytest.mark.parametrize(
        ("uploaded", "counts", "refused"),
        [
            ([release(title="1")], "1", []),
            ([release(title="1"), release(title="2")], "1", [RELEASE]),
            ([release(title="1"), b"{"], "1", [RELEASE]),
            ([release(title="1"), b"{", release(title="1")], "1", []),
            ([release(title="1"), release(title="2"), release(title="1")], "1", []),
            ([b"{", release(title="2")], "2", []),
            ([b"{", release(title="2"), release(title="3")], "2", [RELEASE]),
            ([b"{", b"["], None, [RELEASE]),
        ],
        ids=[
            "valid",
            "changed",
            "junk over it",
            "put right again after junk",
            "put right again after a change",
            "mended",
            "mended, then changed",
            "never valid",
        ],
    )
    def test_a_release_counts_as_it_was_first_accepted(
        self, s3: S3, bucket: Watching, uploaded: list[Any], counts: str | None, refused: list[str]
    ) -> None:
        for body in uploaded:
            s3.put(RELEASE, body)
        inputs = load(bucket)
        assert [accepted.title for accepted in inputs.releases] == ([counts] if counts else [])
        assert list(inputs.refusals) == refused

    @pytest.mark.parametrize(
        ("uploaded", "pin", "refused"),
        [
            ([policy(pin="1.0.0"), policy(pin="2.0.0")], "2.0.0", []),
            ([policy(pin="1.0.0"), b"{"], "1.0.0", [POLICY]),
            ([policy(pin="1.0.0"), policy(pin="2.0.0"), b"{", b"["], "2.0.0", [POLICY]),
            ([b"{", policy(pin="2.0.0")], "2.0.0", []),
        ],
        ids=["changed", "junk over it", "junk twice", "mended"],
    )
    def test_a_policy_counts_as_it_was_last_accepted(
        self, s3: S3, bucket: Watching, uploaded: list[Any], pin: str, refused: list[str]
    ) -> None:
        for body in uploaded:
            s3.put(POLICY, body)
        inputs = load(bucket)
        assert inputs.policies["stable"].pin == pin
        assert list(inputs.refusals) == refused

    def test_a_change_of_a_release_is_refused_with_the_way_out(self, s3: S3, bucket: Watching) -> None:
        s3.put(RELEASE, release())
        s3.put(RELEASE, release(title="other"))
        (problem,) = load(bucket).refusals[RELEASE].problems
        assert "cannot be changed" in problem.problem
        assert "new version" in problem.remedy

    def test_a_release_is_held_against_the_product_as_it_is_now(self, s3: S3, bucket: Watching) -> None:
        loader = Loader(bucket)
        s3.put(PRODUCT, product(release_hosts=["cdn.example.com"]), NOW)
        s3.put(RELEASE, release(), NOW)
        assert list(load(bucket, loader=loader).refusals) == [RELEASE]
        s3.put(PRODUCT, product())
        assert load(bucket, loader=loader).refusals == {}
