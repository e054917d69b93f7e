"""Test what a pipeline signs: the present offer of a product, and the offers that are scheduled."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from comet_updates import object_keys
from comet_updates.errors import (
    ConcurrentPublishError,
    DecisionError,
    RefusedUploadError,
    SigningError,
    UnknownKeyError,
)
from comet_updates.formats import sparkle
from comet_updates.publish.bucket import ATTEMPTS
from comet_updates.signing import sign, verify
from comet_updates_cli.options import SignWith
from comet_updates_cli.signing import sign_states
from testkit.documents import release
from tests.signing.conftest import PATH, PRODUCT
from tests.signing.thief import signed, targets_of, version_of

if TYPE_CHECKING:
    from datetime import datetime

    from tests.signing.conftest import Client, TufPublisher

POLICY = object_keys.channel_key(PRODUCT, "stable")
APPCAST = f"public/v1/{PRODUCT}/stable/appcast.xml"


def moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def upload(house: TufPublisher, version: str, **fields: Any) -> None:
    house.s3.put(object_keys.release_key(PRODUCT, "stable", version), release(version, **fields))


def targets(house: TufPublisher, number: int) -> dict[str, Any]:
    """Return the targets of one signature."""
    found: dict[str, Any] = house.s3.json(object_keys.signed_key(PRODUCT, number))["signed"]["targets"]
    return found


class TestWhenToSign:
    """Sign only if something is unsigned, or if a signature expires soon."""

    def test_where_nothing_is_offered_there_is_nothing_to_sign(self, house: TufPublisher) -> None:
        assert house.seal() == []
        assert house.seal("comet-other") == []

    def test_what_is_signed_already_is_not_signed_again(self, house: TufPublisher) -> None:
        upload(house, "4.2.1")
        assert house.seal() == [object_keys.signed_key(PRODUCT, 1)]
        assert house.seal() == []
        house.later(days=44)
        assert house.seal() == []

    def test_after_half_of_its_life_it_is_and_for_a_renewal_always(self, house: TufPublisher) -> None:
        upload(house, "4.2.1")
        house.seal()
        house.later(days=45, seconds=1)
        assert house.seal() == [object_keys.signed_key(PRODUCT, 2)]
        assert house.seal(is_renewal=True) == [object_keys.signed_key(PRODUCT, 3)]

    def test_signature_that_ends_later_than_it_should_is_replaced(self, house: TufPublisher) -> None:
        """Sign again what a pipeline signed while its clock was wrong."""
        upload(house, "4.2.1")
        house.later(minutes=10)
        house.seal()
        assert house.seal() == []
        house.later(minutes=-10)
        assert house.seal() == [object_keys.signed_key(PRODUCT, 2)]
        assert house.seal() == []

    def test_when_nothing_is_offered_any_more_that_is_signed_too(self, house: TufPublisher, client: Client) -> None:
        upload(house, "4.2.1")
        house.seal()
        house.sweep()
        assert version_of(client.check()) == "4.2.1"
        house.put(POLICY, channel="stable", yanked=[{"version": "4.2.1", "reason": "Crashes."}])
        assert house.seal() == [object_keys.signed_key(PRODUCT, 2)]
        assert targets(house, 2) == {}
        house.sweep()
        assert client.check() is None

    @pytest.mark.parametrize("keeps_signed", [True, False])
    def test_renewal_ends_the_offer_of_a_deleted_product(
        self, house: TufPublisher, client: Client, *, keeps_signed: bool
    ) -> None:
        upload(house, "4.2.1")
        house.put(POLICY, channel="stable")
        house.put(object_keys.product_key(PRODUCT))
        house.seal()
        house.sweep()
        for each in ("releases/", "channels/", "products/", "" if keeps_signed else "signed/"):
            if each:
                house.delete(each)
        house.sweep()
        assert version_of(client.check()) == "4.2.1"  # until its signature ends

        assert house.seal(is_renewal=True)
        house.sweep()
        assert client.check() is None
        assert house.seal("comet-other", is_renewal=True) == []

    def test_metadata_that_publishing_would_not_read_is_not_uploaded(
        self, house: TufPublisher, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        channels = [f"channel-{number}" for number in range(9)]
        for channel in channels:
            house.s3.put(object_keys.release_key(PRODUCT, channel, "4.2.1"), release("4.2.1", channel=channel))
        monkeypatch.setattr(verify, "METADATA_MAX_BYTES", 4_000)
        with pytest.raises(RefusedUploadError, match="larger than 4000 bytes"):
            house.seal()
        assert house.s3.keys("signed/") == []

    def test_numbers_of_signatures_that_count_no_longer_are_not_used_again(self, house: TufPublisher) -> None:
        upload(house, "4.2.1")
        house.seal()
        house.delegate(PRODUCT, "product-2")
        assert house.seal(key="product-2") == [object_keys.signed_key(PRODUCT, 2)]

    def test_a_key_that_does_not_speak_for_the_product_signs_nothing(self, house: TufPublisher) -> None:
        upload(house, "4.2.1")
        for key in ("online", "targets", "thief"):
            with pytest.raises(UnknownKeyError, match=f"is not one of the keys that may sign {PATH}"):
                house.seal(key=key)
        assert house.s3.keys("signed/") == []

    def test_renewal_while_a_policy_is_refused_is_an_error(self, house: TufPublisher) -> None:
        """Expect an error: it would sign nothing, and the signatures would expire."""
        upload(house, "4.2.1")
        house.s3.put(object_keys.channel_key(PRODUCT, "stable"), b"{")
        uri = house.key("product")
        with pytest.raises(DecisionError, match=f"{PRODUCT}: cannot sign, because an upload is refused. Fix it first"):
            sign_states.sign_states(house.bucket, PRODUCT, house.now, SignWith(uri), is_renewal=True)

    def test_before_there_are_any_keys_nobody_signs(self, house: TufPublisher) -> None:
        house.delete("trust/")
        upload(house, "4.2.1")
        with pytest.raises(SigningError, match="Run comet-updates keys begin first"):
            house.seal()

    def test_after_the_highest_number_there_is_only_another_key_signs(self, house: TufPublisher) -> None:
        upload(house, "4.2.1")
        highest = 999_999_999
        house.s3.put(
            object_keys.signed_key(PRODUCT, highest), signed(targets_of(highest, house, {}), house.key("product"))
        )
        with pytest.raises(SigningError, match="Give the product another key"):
            house.seal()
        house.delegate(PRODUCT, "product-2")
        assert house.seal(key="product-2") == [object_keys.signed_key(PRODUCT, 1)]

    @pytest.mark.http
    def test_of_two_at_once_the_slower_one_signs_after_the_other(self, house: TufPublisher) -> None:
        upload(house, "4.2.1")
        overtaken: list[str] = []

        def overtake(name: str, key: Any) -> None:
            if name == "put" and not overtaken:
                overtaken.append(key)
                upload(house, "4.3.0")
                house.seal()

        house.bucket.before = overtake
        assert house.seal() == []  # the other pipeline has signed everything by then
        assert version_of_signed(house, 1) == "4.3.0"

    def test_a_pipeline_that_is_always_overtaken_reports_the_conflict(self, house: TufPublisher) -> None:
        upload(house, "4.2.1")
        attempts = []

        def overtake(name: str, key: Any) -> None:
            if name == "put":
                attempts.append(key)
                house.s3.put(key, b"{}")

        house.bucket.before = overtake
        with pytest.raises(ConcurrentPublishError, match=f"{PRODUCT}: others signed at the same time"):
            house.seal()
        assert attempts == [object_keys.signed_key(PRODUCT, number + 1) for number in range(ATTEMPTS)]


def version_of_signed(house: TufPublisher, number: int) -> str | None:
    house.sweep()
    (target,) = targets(house, number).values()
    return version_of(house.s3.get(object_keys.target_key(PATH, target["hashes"]["sha256"])))


class TestAhead:
    """Offers that are due later."""

    def test_each_moment_at_which_something_changes_is_a_signature(self, house: TufPublisher) -> None:
        upload(house, "4.2.1")
        for days, version in enumerate(("4.3.0", "4.4.0"), start=1):
            upload(house, version, available_at=moment(house.now + timedelta(days=days)))
        assert house.seal() == [object_keys.signed_key(PRODUCT, number) for number in (1, 2, 3)]
        assert len({json.dumps(targets(house, number)[PATH]["hashes"]) for number in (1, 2, 3)}) == 3
        assert house.seal() == []

    def test_not_further_than_signatures_live(self, house: TufPublisher) -> None:
        upload(house, "4.2.1")
        upload(house, "4.3.0", available_at=moment(house.now + timedelta(days=91)))
        assert house.seal() == [object_keys.signed_key(PRODUCT, 1)]

    def test_nor_more_moments_than_a_bound(self, house: TufPublisher) -> None:
        upload(house, "4.2.1")
        for number in range(sign_states.MOMENTS_MAX + 5):
            upload(house, f"4.3.{number}", available_at=moment(house.now + timedelta(days=1 + number)))
        assert len(house.seal()) == 1 + sign_states.MOMENTS_MAX

    def test_once_one_moment_is_past_only_what_is_left_counts(self, house: TufPublisher, client: Client) -> None:
        upload(house, "4.2.1")
        upload(house, "4.3.0", available_at=moment(house.now + timedelta(days=1)))
        house.seal()
        house.later(days=1, minutes=1)
        assert house.seal() == []
        house.sweep()
        assert version_of(client.check()) == "4.3.0"


def archive(name: str, sha256: str = "AB" * 32, **fields: Any) -> dict[str, Any]:
    return {
        "platform": "linux",
        "arch": "x86_64",
        "kind": "archive",
        "url": f"https://downloads.example.com/{name}",
        "size": 7,
        "sha256": sha256,
    } | fields


NAME = f"{PRODUCT}-4.2.1.tar.gz"


class TestArchives:
    """The archives that tufup looks for."""

    def signed(self, house: TufPublisher, *artifacts: dict[str, Any]) -> list[str]:
        upload(house, "4.2.1", artifacts=list(artifacts))
        house.seal()
        return [path for path in targets(house, 1) if path != PATH]

    def test_it_is_signed_with_the_size_and_the_hash_of_the_release(self, house: TufPublisher) -> None:
        assert self.signed(house, archive(NAME), archive("setup.exe", kind="installer")) == [f"{PRODUCT}/stable/{NAME}"]
        assert targets(house, 1)[f"{PRODUCT}/stable/{NAME}"] == {"length": 7, "hashes": {"sha256": "ab" * 32}}

    @pytest.mark.parametrize(
        "artifacts",
        [
            [archive(f"{PRODUCT}-4.2.1.zip")],
            [archive(f"other-{NAME}")],
            [archive(f"{PRODUCT}-4.2.0.tar.gz")],
            [archive(NAME, kind="installer")],
            [archive(NAME), archive(f"macos/{NAME}", "CD" * 32, platform="macos")],  # nobody could tell the two apart
        ],
        ids=["another kind of file", "another app", "another version", "no archive", "two of the name"],
    )
    def test_nothing_else_is(self, house: TufPublisher, artifacts: list[dict[str, Any]]) -> None:
        assert self.signed(house, *artifacts) == []

    @pytest.mark.parametrize(("percent", "is_signed"), [(10, False), (100, True)])
    def test_nor_while_the_release_reaches_some_only(
        self, house: TufPublisher, *, percent: int, is_signed: bool
    ) -> None:
        house.put(POLICY, channel="stable", rollout={"version": "4.2.1", "percent": percent})
        assert bool(self.signed(house, archive(NAME))) == is_signed

    def test_a_client_finds_it_where_the_role_of_the_product_speaks(self, house: TufPublisher, client: Client) -> None:
        self.signed(house, archive(NAME))
        house.sweep()
        with pytest.raises(Exception, match="404"):  # the publisher's host has the file
            client.check(f"{PRODUCT}/stable/{NAME}")
        assert version_of(client.check()) == "4.2.1"


def check_appcast(house: TufPublisher, served: bytes) -> bytes:
    """Verify the appcast as Sparkle does, with Ed25519 over all bytes before its trailer. Return these bytes."""
    trailer = re.search(rb"<!-- sparkle-signatures:\nedSignature: ([A-Za-z0-9+/=]+)\nlength: ([0-9]+)\n-->\n\Z", served)
    assert trailer
    body = served[: int(trailer[2])]
    assert len(body) == trailer.start()
    public = sign.public_key(house.key("sparkle")).keyval["public"]
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(base64.b64decode(trailer[1]), body)
    return body


class TestAppcast:
    """Sparkle's signed feeds."""

    @pytest.fixture
    def sealed(self, house: TufPublisher) -> TufPublisher:
        """Return `house` with a release for macOS, also signed with Sparkle's key."""
        upload(house, "4.2.1", artifacts=[archive("App.zip", platform="macos", arch="universal")])
        self.seal(house)
        house.sweep()
        return house

    def seal(self, house: TufPublisher) -> list[str]:
        keys = SignWith(house.key("product"), house.key("sparkle"))
        return sign_states.sign_states(house.bucket, PRODUCT, house.now, keys)

    def test_it_is_served_with_its_signature(self, sealed: TufPublisher) -> None:
        body = check_appcast(sealed, sealed.s3.get(APPCAST))
        assert b"4.2.1" in body
        assert body.rstrip().endswith(b"</rss>")

    def test_a_changed_byte_is_noticed(self, sealed: TufPublisher) -> None:
        with pytest.raises(InvalidSignature):
            check_appcast(sealed, sealed.s3.get(APPCAST).replace(b"4.2.1", b"4.2.2"))

    def test_without_the_key_it_is_served_as_it_was(self, sealed: TufPublisher) -> None:
        upload(sealed, "4.3.0", artifacts=[archive("App-2.zip", platform="macos", arch="universal")])
        sealed.seal()
        sealed.sweep()
        assert b"4.3.0" in sealed.s3.get(APPCAST)
        assert b"sparkle-signatures" not in sealed.s3.get(APPCAST)

    def test_also_when_a_rollout_comes_to_its_end_by_itself(self, sealed: TufPublisher, client: Client) -> None:
        phased = {"start": moment(sealed.now), "interval": 3_600, "groups": 7}
        sealed.put(POLICY, channel="stable", rollout={"version": "4.3.0", **phased})
        upload(sealed, "4.3.0", artifacts=[archive("App-2.zip", platform="macos", arch="universal")])
        signatures = self.seal(sealed)
        assert len(signatures) == 1  # the manifest does not change during the rollout
        sealed.sweep()
        during = check_appcast(sealed, sealed.s3.get(APPCAST))
        assert b"phasedRolloutInterval" in during

        sealed.later(hours=7)
        sealed.sweep()
        after = check_appcast(sealed, sealed.s3.get(APPCAST))
        assert b"phasedRolloutInterval" not in after
        assert version_of(client.check()) == "4.3.0"

    def test_the_trailer_is_of_the_form_that_sparkle_cuts_off(self) -> None:
        assert sparkle.signed(b"<rss/>\n", "c2ln") == (
            b"<rss/>\n<!-- sparkle-signatures:\nedSignature: c2ln\nlength: 7\n-->\n"
        )

    def test_only_an_ed25519_key_can(self, house: TufPublisher) -> None:
        upload(house, "4.2.1", artifacts=[archive("App.zip", platform="macos", arch="universal")])
        with pytest.raises(SigningError, match="cannot be read"):
            sign_states.sign_states(
                house.bucket, PRODUCT, house.now, SignWith(house.key("product"), "file2:nowhere.pem")
            )
        assert house.s3.keys("signed/") == []
