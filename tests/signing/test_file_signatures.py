"""Test what a signature shows without its file: its form, its key, and its trusted comment."""

from __future__ import annotations

import base64

import minisign
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from comet_updates.signing import file_signatures

PAIR, OTHER = minisign.KeyPair.generate(), minisign.KeyPair.generate()
KEY = bytes(PAIR.public_key).decode()
SIGNED = bytes(PAIR.secret_key.sign(b"file", trusted_comment="timestamp:1\tfile:App.exe"))


FORMS = ["file", "one line", "base64", "file with a line end"]


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def wrong(signature: bytes | str, key: str = KEY, kind: str = "minisign") -> str | None:
    text = signature if isinstance(signature, str) else in_base64(signature)
    return file_signatures.problem(kind, text, key)


@pytest.mark.parametrize("key", [KEY, KEY.splitlines()[1], in_base64(KEY.encode()), f"{KEY}\n"], ids=FORMS)
@pytest.mark.parametrize(
    "signature",
    [in_base64(SIGNED), SIGNED.decode(), in_base64(SIGNED + b"\n")],
    ids=["base64", "text", "base64 of lines"],
)
def test_signature_in_each_form_is_right(key: str, signature: str) -> None:
    """Positive control."""
    assert wrong(signature, key) is None


def test_signature_by_another_key_is_refused() -> None:
    assert "is of the key" in str(wrong(bytes(OTHER.secret_key.sign(b"file"))))


def test_trusted_comment_that_was_changed_is_refused() -> None:
    assert wrong(SIGNED.replace(b"App.exe", b"Bad.exe")) == "has a trusted comment that the product's key did not sign"


def test_key_id_of_the_product_with_a_foreign_signature_is_refused() -> None:
    ours, theirs = SIGNED.splitlines(), bytes(OTHER.secret_key.sign(b"file")).splitlines()
    body = base64.b64decode(ours[1])[:10] + base64.b64decode(theirs[1])[10:]
    forged = b"\n".join([theirs[0], base64.b64encode(body), *theirs[2:]])
    assert "trusted comment" in str(wrong(forged))


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "nonsense",
        "é",
        in_base64(b"nonsense"),
        in_base64(SIGNED[:-9]),
        "untrusted comment: x",
        in_base64(b"\xff" * 99),
    ],
)
def test_text_that_is_not_a_signature_is_refused(signature: str) -> None:
    assert wrong(signature) == "is not a minisign signature"


@pytest.mark.parametrize("key", ["", "RWQ", "nonsense", in_base64(b"x" * 42), "é"])
def test_text_that_is_not_a_key_is_named(key: str) -> None:
    assert "`signing_keys.minisign` is not a minisign public key" in str(wrong(SIGNED, key))


def test_signature_of_sparkle_is_checked_for_its_form_and_with_its_file() -> None:
    private = Ed25519PrivateKey.generate()
    key = in_base64(private.public_key().public_bytes_raw())
    signature = in_base64(private.sign(b"file"))
    assert wrong(signature, key, "ed25519") is None
    assert wrong("c2ln", key, "ed25519") == "is not an Ed25519 signature in base64"
    assert "`signing_keys.ed25519` is not" in str(wrong(signature, "RWQ", "ed25519"))
    assert file_signatures.signs(signature, key, b"file")
    assert not file_signatures.signs(signature, key, b"other")
