"""Test which signed state of a product counts, on a real bucket: what clients get, and what they do not get yet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tuf.api.metadata import TargetFile

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.publish.signed_states import COUNTING_MAX
from comet_updates.signing import sign
from comet_updates.signing.verify import METADATA_MAX_BYTES
from comet_updates_cli.signing import offline_roles
from testkit.documents import release
from tests.signing.conftest import PATH, PRODUCT
from tests.signing.thief import EVIL, ROLE, Attacker, signed, targets_of, version_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.signing.conftest import Client, TufPublisher

PLAIN = f"public/v1/{PATH}"
POLICY = object_keys.channel_key(PRODUCT, "stable")


@pytest.fixture
def released(house: TufPublisher) -> TufPublisher:
    house.release("4.2.1")
    house.sweep()
    return house


def unsigned_release(house: TufPublisher, version: str) -> None:
    house.s3.put(object_keys.release_key(PRODUCT, "stable", version), release(version))


def plain(house: TufPublisher) -> str | None:
    """Return the version that clients without TUF get."""
    return version_of(house.s3.get(PLAIN))


def versions(house: TufPublisher) -> list[int]:
    """Return the public versions of the product's metadata."""
    found = (object_keys.metadata(key) for key in house.s3.keys(urls.METADATA))
    return sorted(known.version for known in found if known and known.role == ROLE)


def _custom(house: TufPublisher) -> bytes:
    made = targets_of(2, house, {PATH: EVIL})
    made.targets[PATH].unrecognized_fields["custom"] = {"minisign": 7}
    return signed(made, house.key("product"))


BAD_SIGNATURES: dict[str, tuple[str, Callable[[TufPublisher], bytes], str]] = {
    "no JSON": ("2", lambda _: b"\x00", "$"),
    "no metadata": ("2", lambda _: b"{}", "$"),
    "metadata of another kind": ("2", lambda house: house.first_root, "$.signed._type"),
    "another version": ("3", lambda house: signed(targets_of(2, house, {}), house.key("product")), "$.signed.version"),
    "no signature": ("2", lambda house: signed(targets_of(2, house, {})), "$.signatures"),
    "another key": ("2", lambda house: signed(targets_of(2, house, {}), house.key("targets")), "$.signatures"),
    "what cannot be passed on": ("2", _custom, f"$.signed.targets['{PATH}'].custom"),
    "too much": ("2", lambda _: b" " * (METADATA_MAX_BYTES + 1), "$"),
    "no number": ("two", lambda house: signed(targets_of(2, house, {}), house.key("product")), "$"),
    "a number that no key has": ("1000000000", lambda _: b"{}", "$"),
}


class TestRefusals:
    """A refusal names the key, the field and the remedy, and what is public does not change."""

    @pytest.mark.parametrize(("number", "body", "path"), BAD_SIGNATURES.values(), ids=BAD_SIGNATURES)
    def test_of_a_signature(
        self, released: TufPublisher, client: Client, number: str, body: Callable[[TufPublisher], bytes], path: str
    ) -> None:
        key = f"signed/{PRODUCT}/{number}.json"
        before = released.s3.tree("public/")
        released.s3.put(key, body(released))
        released.sweep()

        refusal = released.s3.json(object_keys.rejected_key(key))
        (problem,) = refusal["problems"]
        assert (refusal["key"], problem["path"]) == (key, path)
        assert problem["problem"]
        assert problem["remedy"]
        assert released.s3.tree("public/") == before
        assert version_of(client.check()) == "4.2.1"

        released.s3.delete(key)
        released.sweep()
        assert released.s3.keys("rejected/") == []

    @pytest.mark.http
    def test_not_of_a_sound_one(self, released: TufPublisher) -> None:
        """Positive control of the test above."""
        released.seal(is_renewal=True)
        released.sweep()
        assert released.s3.keys("rejected/") == []
        assert versions(released) == [1, 2]

    @pytest.mark.parametrize("role", ["root", "targets"])
    def test_of_what_owners_of_offline_keys_did_not_sign(
        self, released: TufPublisher, client: Client, role: str
    ) -> None:
        thief = Attacker(released)
        found = offline_roles.renewed(thief.metadata(role), released.now)
        key = object_keys.trust_key(role, found.version)
        before = released.s3.tree("public/")
        for body, path in ((signed(found, thief.own), "$.signatures"), (b"junk", "$")):
            released.s3.put(key, body)
            released.sweep()
            (problem,) = released.s3.json(object_keys.rejected_key(key))["problems"]
            assert (problem["path"], bool(problem["remedy"])) == (path, True)
            assert released.s3.tree("public/") == before
            assert version_of(client.check()) == "4.2.1"
            released.s3.delete(key)
            released.sweep()
            assert released.s3.keys("rejected/") == []

    @pytest.mark.parametrize("body", [b"junk", bytes(METADATA_MAX_BYTES + 1)], ids=["junk", "too large"])
    @pytest.mark.parametrize("version", [1, 2])
    def test_of_a_root_that_says_nothing(self, released: TufPublisher, body: bytes, version: int) -> None:
        """Refuse the first root as well, which no earlier root can verify."""
        if version == 1:
            released.delete("trust/")
        key = object_keys.trust_key("root", version)
        released.s3.put(key, body)
        released.sweep()
        (problem,) = released.s3.json(object_keys.rejected_key(key))["problems"]
        assert (problem["path"], bool(problem["remedy"])) == ("$", True)
        released.s3.delete(key)
        released.sweep()
        assert released.s3.keys("rejected/") == []

    @pytest.mark.parametrize("has_trust", [True, False])
    @pytest.mark.parametrize("key", ["trust/online/1.json", "trust/1.json", "trust/root/one.json"])
    def test_of_a_key_that_nothing_has_below_trust(self, released: TufPublisher, key: str, *, has_trust: bool) -> None:
        if not has_trust:
            released.delete("trust/")
        released.s3.put(key, b"{}")
        released.sweep()
        refused = object_keys.rejected_key(key)
        (problem,) = released.s3.json(refused)["problems"]
        assert problem["problem"] == "the key is not valid for an upload"

        released.writes()
        released.sweep()
        assert released.writes("rejected/") == []  # it is reported once
        released.s3.delete(key)
        released.sweep()
        assert released.s3.keys("rejected/") == []

    def test_first_upload_of_a_number_counts_even_if_it_is_overwritten(
        self, released: TufPublisher, client: Client
    ) -> None:
        for key in (object_keys.trust_key("targets", 2), object_keys.signed_key(PRODUCT, 1)):
            released.s3.put(key, b"junk")
        released.release("4.3.0")
        released.sweep()
        assert version_of(client.check()) == "4.3.0"
        assert released.s3.keys("rejected/") == []

    def test_junk_with_high_numbers_hides_nothing_that_is_signed(self, released: TufPublisher, client: Client) -> None:
        released.release("4.3.0")
        junk = [object_keys.signed_key(PRODUCT, 100 + number) for number in range(2 * COUNTING_MAX)]
        for key in junk:
            released.s3.put(key, b"junk")
        released.sweep()
        assert version_of(client.check()) == "4.3.0"
        assert set(released.s3.keys("rejected/")) == {object_keys.rejected_key(key) for key in junk}

        for key in junk:
            released.s3.delete(key)
        released.sweep()
        assert released.s3.keys("rejected/") == []


class TestUnsigned:
    """Releases that a pipeline made without its key."""

    def test_plain_clients_get_it_at_once_and_those_of_tuf_once_it_is_signed(
        self, released: TufPublisher, client: Client
    ) -> None:
        unsigned_release(released, "4.3.0")
        released.sweep()
        assert (plain(released), version_of(client.check())) == ("4.3.0", "4.2.1")

        released.seal()
        released.sweep()
        assert (plain(released), version_of(client.check())) == ("4.3.0", "4.3.0")

    def test_where_the_product_asks_for_signatures_nobody_gets_it(self, released: TufPublisher, client: Client) -> None:
        released.put(object_keys.product_key(PRODUCT), requires_signature=True)
        released.sweep()
        before = released.s3.tree("public/v1/")
        unsigned_release(released, "4.3.0")
        released.sweep()

        assert released.s3.tree("public/v1/") == before
        assert version_of(client.check()) == "4.2.1"
        key = object_keys.release_key(PRODUCT, "stable", "4.3.0")
        assert released.s3.json(object_keys.rejected_key(key)) == {
            "schema": 1,
            "key": key,
            "problems": [
                {
                    "path": "$",
                    "problem": "has no signature of the product's key, which is required (requires_signature)",
                    "remedy": f"Sign it: comet-updates keys renew {PRODUCT}",
                }
            ],
        }

        released.seal(is_renewal=True)
        released.sweep()
        assert (plain(released), version_of(client.check())) == ("4.3.0", "4.3.0")
        assert released.s3.keys("rejected/") == []

    def test_a_first_release_of_such_a_product_is_held_back_altogether(self, house: TufPublisher) -> None:
        house.put(object_keys.product_key(PRODUCT), requires_signature=True)
        unsigned_release(house, "4.2.1")
        house.sweep()
        assert house.s3.keys("public/v1/") == []

        house.seal()
        house.sweep()
        assert plain(house) == "4.2.1"

    def test_without_anybody_who_may_sign_such_a_product_offers_nothing_new(self, s3: Any, house: TufPublisher) -> None:
        house.put(object_keys.product_key(PRODUCT), requires_signature=True)
        house.delete("trust/")
        unsigned_release(house, "4.2.1")
        house.sweep()
        assert s3.keys("public/v1/") == []
        assert s3.json(object_keys.rejected_key(object_keys.release_key(PRODUCT, "stable", "4.2.1")))["problems"]


class TestTime:
    """Offers that are signed before they are due."""

    def test_a_scheduled_release_is_signed_before_and_followed_at_its_moment(
        self, released: TufPublisher, client: Client
    ) -> None:
        due = released.now.replace(microsecond=0)
        released.release("4.3.0", available_at=f"{due.replace(year=due.year):%Y-%m-%dT%H:%M:%SZ}")
        released.sweep()
        assert version_of(client.check()) == "4.3.0"  # positive control: it is due
        released.later(hours=1)
        due = released.now.replace(microsecond=0)
        released.later(hours=-1)
        released.release("4.4.0", available_at=f"{due:%Y-%m-%dT%H:%M:%SZ}")
        signatures = released.s3.keys(f"signed/{PRODUCT}/")
        released.sweep()
        assert (plain(released), version_of(client.check())) == ("4.3.0", "4.3.0")

        released.later(hours=1, minutes=1)
        released.sweep()
        assert (plain(released), version_of(client.check())) == ("4.4.0", "4.4.0")
        assert released.s3.keys(f"signed/{PRODUCT}/") == signatures
        assert released.seal() == []  # nothing else needs a signature now

    def test_what_is_to_come_is_not_public_before(self, released: TufPublisher) -> None:
        released.later(hours=1)
        due = f"{released.now:%Y-%m-%dT%H:%M:%SZ}"
        released.later(hours=-1)
        released.release("4.4.0", available_at=due)
        released.sweep()
        assert not [key for key, body in released.s3.tree("public/").items() if b"4.4.0" in body]


class TestBackAgain:
    """A decision that leads back to an earlier offer."""

    def test_it_is_a_higher_version_of_the_same_state(self, released: TufPublisher, client: Client) -> None:
        first = released.s3.get(PLAIN)
        released.release("4.3.0")
        released.sweep()
        assert version_of(client.check()) == "4.3.0"

        released.put(POLICY, channel="stable", yanked=[{"version": "4.3.0", "reason": "Crashes."}])
        released.sweep()
        assert (plain(released), version_of(client.check())) == ("4.2.1", "4.3.0")  # this state is not signed yet
        assert versions(released) == [1, 2]

        assert released.seal() == [object_keys.signed_key(PRODUCT, 3)]
        released.sweep()
        assert client.check() == first
        assert versions(released) == [1, 2, 3]

    def test_an_old_signature_that_is_uploaded_again_changes_nothing(
        self, released: TufPublisher, client: Client
    ) -> None:
        first = released.s3.get(object_keys.signed_key(PRODUCT, 1))
        released.release("4.3.0")
        released.sweep()
        released.s3.put(object_keys.signed_key(PRODUCT, 4), first)
        released.s3.put(object_keys.signed_key(PRODUCT, 1), first)
        released.sweep()
        assert version_of(client.check()) == "4.3.0"
        assert object_keys.rejected_key(object_keys.signed_key(PRODUCT, 4)) in released.s3.keys("rejected/")


def test_other_files_of_a_product_do_not_keep_a_state_from_being_found(released: TufPublisher, client: Client) -> None:
    """Add another file to the targets, such as tufup's archive."""
    made = targets_of(2, released, {PATH: released.s3.get(PLAIN)})
    archive = f"{PRODUCT}/stable/{PRODUCT}-4.2.1.tar.gz"
    made.targets[archive] = TargetFile(7, {"sha256": "00" * 32}, archive)
    released.s3.put(object_keys.signed_key(PRODUCT, 2), signed(made, released.key("product")))
    released.sweep()
    assert versions(released) == [1, 2]
    assert version_of(client.check()) == "4.2.1"


def test_the_signature_of_the_manifest_is_beside_it(released: TufPublisher) -> None:
    written = released.s3.get(f"{PLAIN}.minisig").decode()
    assert (
        written
        == json.loads(released.s3.get(object_keys.signed_key(PRODUCT, 1)))["signed"]["targets"][PATH]["custom"][
            "minisign"
        ]
    )
    unsigned_release(released, "4.3.0")
    released.sweep()
    assert f"{PLAIN}.minisig" not in released.s3.keys("public/v1/")  # it would sign other bytes


@pytest.mark.http
def test_the_target_is_just_the_public_manifest(released: TufPublisher) -> None:
    body = released.s3.get(PLAIN)
    assert released.s3.get(object_keys.target_key(PATH, sign.sha256(body))) == body
