"""Test signatures in minisign's format, verified by an implementation that is not ours."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import minisign
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.signer import CryptoSigner

from comet_updates.signing import minisig, sign
from comet_updates_cli.signing.key_folder import create_private

if TYPE_CHECKING:
    from pathlib import Path

    from securesystemslib.signer import SSlibKey

BODY, PATH = b'{"version":"4.2.1"}\n', "comet-cursor/stable/manifest.json"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def key(tmp_path: Path) -> SSlibKey:
    return create_private(tmp_path / "key.pem")


@pytest.fixture
def public(key: SSlibKey) -> minisign.PublicKey:
    """Return the public key as an app has it: the line that `comet-updates keys create` prints."""
    file = minisig.public_key(sign.key_number(key), bytes.fromhex(key.keyval["public"]))
    return minisign.PublicKey.from_base64(file.splitlines()[1])


@pytest.fixture
def signature(key: SSlibKey, tmp_path: Path) -> str:
    made = sign.minisign(f"file2:{tmp_path / 'key.pem'}", [key], PATH, BODY, NOW)
    assert made is not None
    return made


def test_it_is_of_just_these_bytes(public: minisign.PublicKey, signature: str) -> None:
    read = minisign.Signature.from_bytes(signature.encode())
    assert read.is_prehashed()
    public.verify(BODY, read)
    for changed in (BODY.replace(b"1", b"2"), BODY + b" ", b""):
        with pytest.raises(minisign.VerifyError):
            public.verify(changed, read)


def test_what_is_signed_says_of_what_it_is_from_when_and_until_when(signature: str) -> None:
    said = dict(
        part.split(":", 1) for part in minisign.Signature.from_bytes(signature.encode()).trusted_comment.split()
    )
    assert said == {
        "timestamp": f"{NOW.timestamp():.0f}",
        "expires": f"{NOW + timedelta(days=90):%Y-%m-%dT%H:%M:%SZ}",
        "file": PATH,
    }


@pytest.mark.parametrize(
    ("what", "other"), [("expires:2027", "expires:2037"), ("file:comet-cursor", "file:comet-other")]
)
def test_nobody_can_change_that(public: minisign.PublicKey, signature: str, what: str, other: str) -> None:
    changed = signature.replace(what, other)
    assert changed != signature
    with pytest.raises(minisign.VerifyError):
        public.verify(BODY, minisign.Signature.from_bytes(changed.encode()))


def test_another_key_is_not_taken_for_it(signature: str) -> None:
    other = minisign.KeyPair.generate().public_key
    with pytest.raises(minisign.VerifyError):
        other.verify(BODY, minisign.Signature.from_bytes(signature.encode()))


def test_key_and_signature_carry_the_same_number(key: SSlibKey, signature: str) -> None:
    file = minisig.public_key(sign.key_number(key), bytes.fromhex(key.keyval["public"]))
    numbers = [re.search("key ([0-9A-F]{16})$", text.splitlines()[0]) for text in (file, signature)]
    assert all(numbers)
    assert len({number[1] for number in numbers if number}) == 1


def test_keys_of_other_kinds_have_none(tmp_path: Path) -> None:
    signer = CryptoSigner(ec.generate_private_key(ec.SECP256R1()))
    (tmp_path / "ec.pem").write_bytes(signer.private_bytes)
    assert sign.minisign(f"file2:{tmp_path / 'ec.pem'}", [signer.public_key], PATH, BODY, NOW) is None
