"""What is signed while releasing, and what becomes of it: for clients of TUF, of minisign, of Sparkle, and others."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import minisign
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comet_updates import names
from comet_updates.cli import sealing
from comet_updates.cli.deciding import SignWith
from comet_updates.errors import RefusedUploadError, SigningError
from comet_updates.trust import minisig, signing
from comet_updates.trust.metadata import read_anchor
from tests.conftest import release
from tests.trust.conftest import PATH, PRODUCT

if TYPE_CHECKING:
    from tests.trust.conftest import Client, House

MANIFEST = f"public/v1/{PATH}"


def version(manifest: bytes | None) -> str:
    return str(json.loads(manifest or b"{}").get("version"))


def unsigned(house: House, number: str, **fields: object) -> str:
    """Release without a signature; gives the key."""
    key = names.release_key(PRODUCT, "stable", number)
    house.s3.put(key, release(number, **fields))
    return key


def test_what_nobody_signed_is_offered_to_plain_clients_and_not_to_those_of_tuf(house: House, client: Client) -> None:
    house.release("4.2.1")
    house.sweep()
    unsigned(house, "4.3.0")
    house.sweep()
    assert (version(house.s3.get(MANIFEST)), version(client.check())) == ("4.3.0", "4.2.1")
    house.seal()
    house.sweep()
    assert version(client.check()) == "4.3.0"


def test_a_product_that_requires_it_offers_nobody_what_its_key_did_not_sign(house: House, client: Client) -> None:
    house.s3.put(names.product_key(PRODUCT), {"schema": 1, "product": PRODUCT, "requires_signature": True})
    house.release("4.2.1")
    house.sweep()
    before = house.s3.tree("public/v1/")
    key = unsigned(house, "4.3.0")
    house.sweep()
    assert house.s3.tree("public/v1/") == before
    (problem,) = house.s3.json(names.rejected_key(key))["problems"]
    assert "not signed" in problem["problem"]
    assert problem["remedy"] == f"Sign it: comet-updates keys renew {PRODUCT}"
    house.seal()
    house.sweep()
    assert (version(house.s3.get(MANIFEST)), version(client.check())) == ("4.3.0", "4.3.0")
    assert house.s3.keys("rejected/") == []


def test_what_is_scheduled_is_signed_ahead_and_followed_without_another_signature(house: House, client: Client) -> None:
    house.now = datetime.now(UTC) - timedelta(hours=2)
    house.release("4.2.1")
    due = (house.now + timedelta(hours=1)).isoformat(timespec="seconds").replace("+00:00", "Z")
    house.release("4.3.0", available_at=due)
    house.sweep()
    assert version(client.check()) == "4.2.1"
    house.later(hours=2)
    house.sweep()
    assert (version(house.s3.get(MANIFEST)), version(client.check())) == ("4.3.0", "4.3.0")
    assert house.seal() == [], "all of it is signed"


def test_a_decision_that_leads_back_never_lowers_a_version(house: House, client: Client) -> None:
    house.release("4.2.1")
    house.release("4.3.0")
    house.sweep()
    assert version(client.check()) == "4.3.0"
    house.s3.put(
        names.channel_key(PRODUCT, "stable"), {"schema": 1, "product": PRODUCT, "channel": "stable", "pin": "4.2.1"}
    )
    house.sweep()
    assert version(client.check()) == "4.3.0", "the state of before is signed, but clients must not go back to it"
    house.seal()
    house.sweep()
    assert version(client.check()) == "4.2.1"


def test_what_was_deleted_is_there_again_for_clients_that_saw_it_and_for_new_ones(house: House, client: Client) -> None:
    house.release("4.2.1")
    house.sweep()
    assert version(client.check()) == "4.2.1"
    for key in house.s3.keys("public/"):
        house.s3.delete(key)
    house.sweep()
    assert version(client.check()) == "4.2.1"
    assert version(client._replace(folder=client.folder / "new").check()) == "4.2.1"


def test_nothing_is_signed_when_nothing_changed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.release("4.2.1")
    house.sweep()
    signed = []
    sign = signing.sign
    monkeypatch.setattr(signing, "sign", lambda *arguments: (signed.append(arguments), sign(*arguments)))
    house.sweep()
    assert len(signed) == 0
    house.later(days=2)
    house.sweep()
    assert len(signed) == 1, "the timestamp"


@pytest.mark.parametrize(
    ("key", "body", "problem"),
    [
        (f"signed/{PRODUCT}/9.json", b"{}", "is no TUF metadata"),
        (f"signed/{PRODUCT}/first.json", b"{}", "no upload has a key like this"),
        (f"signed/{PRODUCT}/9.json", b" " * 600_000, "is larger than 512000 bytes"),
        ("trust/targets/9.json", b"[" * 100_000, "is no TUF metadata"),
    ],
)
def test_a_bad_upload_is_refused_with_field_and_remedy_and_changes_nothing(
    house: House, client: Client, key: str, body: bytes, problem: str
) -> None:
    house.release("4.2.1")
    house.sweep()
    before = house.s3.tree("public/")
    house.s3.put(key, body)
    house.sweep()
    assert house.s3.tree("public/") == before
    (told,) = house.s3.json(names.rejected_key(key))["problems"]
    assert (told["path"][0], told["problem"]) == ("$", problem)
    assert told["remedy"]


def test_the_key_of_another_product_speaks_not_for_this_one(house: House) -> None:
    house.delegate("comet-skies", "skies")
    house.s3.put(names.release_key(PRODUCT, "stable", "4.2.1"), release())
    with pytest.raises(SigningError, match="is none of the keys that may sign"):
        house.seal(PRODUCT, "skies")
    assert house.seal(PRODUCT, "product")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(
        lambda value: json.dumps({"signed": value, "signatures": value}).encode()
    )
)
def test_whatever_is_uploaded_as_trust_is_refused_or_passed_over(house: House, body: bytes) -> None:
    assert read_anchor({"trust/root/1.json": body}) is None
    anchor = read_anchor(
        {"trust/root/1.json": house.first_root, "trust/root/2.json": body, "trust/targets/3.json": body}
    )
    assert anchor is not None
    assert (anchor.root.version, anchor.targets) == (1, None)
    assert {type(refusal) for refusal in anchor.refusals.values()} == {RefusedUploadError}


class TestMinisign:
    def public(self, house: House) -> minisign.PublicKey:
        key = signing.public_key(house.key("product"))
        text = minisig.public_key(signing.key_number(key), bytes.fromhex(key.keyval["public"]))
        return minisign.PublicKey.from_base64(text.splitlines()[1])

    def test_its_own_library_verifies_the_manifest_and_until_when_that_holds(self, house: House) -> None:
        house.release("4.2.1")
        house.sweep()
        signature = minisign.Signature.from_bytes(house.s3.get(f"{MANIFEST}.minisig"))
        self.public(house).verify(house.s3.get(MANIFEST), signature)
        comment = signature.trusted_comment
        expires = (house.now + signing.PRODUCT_LIFE).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert comment == f"timestamp:{house.now.timestamp():.0f} expires:{expires} file:{PATH}"

    def test_a_changed_byte_and_a_changed_expiry_are_refused(self, house: House) -> None:
        house.release("4.2.1")
        house.sweep()
        signature, body = house.s3.get(f"{MANIFEST}.minisig"), house.s3.get(MANIFEST)
        with pytest.raises(minisign.VerifyError):
            self.public(house).verify(body.replace(b"4.2.1", b"4.2.2"), minisign.Signature.from_bytes(signature))
        later = re.sub(rb"expires:20", b"expires:30", signature)
        with pytest.raises(minisign.VerifyError):
            self.public(house).verify(body, minisign.Signature.from_bytes(later))

    def test_there_is_none_beside_a_manifest_that_nobody_signed(self, house: House) -> None:
        house.release("4.2.1")
        house.sweep()
        assert f"{MANIFEST}.minisig" in house.s3.keys("public/")
        unsigned(house, "4.3.0")
        house.sweep()
        assert f"{MANIFEST}.minisig" not in house.s3.keys("public/")


class TestSparkle:
    def feed(self, house: House) -> tuple[bytes, bytes, int]:
        """What is signed of the appcast, its signature and the length that is told."""
        found = re.fullmatch(
            rb"(.*)<!-- sparkle-signatures:\nedSignature: (\S+)\nlength: (\d+)\n-->\n",
            house.s3.get("public/v1/comet-cursor/stable/appcast.xml"),
            re.DOTALL,
        )
        assert found is not None
        return found[1], base64.b64decode(found[2]), int(found[3])

    def sign(self, house: House) -> None:
        sealing.seal(house.bucket, PRODUCT, house.now, SignWith(house.key("product"), house.key("sparkle")))

    def test_its_key_verifies_just_the_bytes_before_the_signature(self, house: House) -> None:
        unsigned(house, "4.2.1")
        self.sign(house)
        house.sweep()
        feed, signature, length = self.feed(house)
        assert (length, feed[-7:]) == (len(feed), b"</rss>\n")
        raw = bytes.fromhex(signing.public_key(house.key("sparkle")).keyval["public"])
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, feed)
        with pytest.raises(InvalidSignature):
            Ed25519PublicKey.from_public_bytes(raw).verify(signature, feed + b" ")

    def test_it_is_signed_before_and_after_the_end_of_a_rollout(self, house: House) -> None:
        start = house.now.isoformat(timespec="seconds").replace("+00:00", "Z")
        how = {"version": "4.3.0", "start": start, "interval": 86_400, "groups": 7}
        house.s3.put(
            names.channel_key(PRODUCT, "stable"),
            {"schema": 1, "product": PRODUCT, "channel": "stable", "rollout": how},
        )
        unsigned(house, "4.2.1")
        unsigned(house, "4.3.0")
        self.sign(house)
        house.sweep()
        before, *_ = self.feed(house)
        house.later(days=8)
        house.sweep()
        after, *_ = self.feed(house)
        assert hashlib.sha256(before).digest() != hashlib.sha256(after).digest()
