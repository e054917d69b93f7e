"""Signatures of files by minisign and Sparkle: their form, and the parts that can be verified without the file. Pure.

Sources: https://jedisct1.github.io/minisign/, "Signature format" (the second signature is of the first signature and
the trusted comment); Tauri writes minisign's files in base64. Sparkle `common_cli/Signing.swift`: Ed25519 of the file.
"""

from __future__ import annotations

import base64
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MINISIGN, ED25519 = "minisign", "ed25519"
KINDS = (MINISIGN, ED25519)
"""The kinds of signature that are verified, as in `signing_keys` of a product."""

_SIGNATURE_BYTES, _KEY_BYTES, _ID_BYTES = 64, 32, 8
_UNTRUSTED, _TRUSTED = b"untrusted comment:", b"trusted comment: "
_LINES = 4


class _Signature(NamedTuple):
    key_id: bytes
    signature: bytes
    trusted_comment: bytes
    global_signature: bytes


class _Key(NamedTuple):
    key_id: bytes
    public: bytes


def problem(kind: str, signature: str, key: str) -> str | None:
    """Return what is wrong with a signature, as far as it shows without the file; None if nothing is.

    Args:
        kind: one of `KINDS`.
        signature: the signature, as in a release.
        key: the public key, as in `signing_keys` of a product.
    """
    if kind == ED25519:
        return _problem_of_ed25519(signature, key)
    known = _minisign_key(key)
    if known is None:
        return "cannot be verified: the product's `signing_keys.minisign` is not a minisign public key"
    read = _minisign_signature(signature)
    if read is None:
        return form_problem(kind, signature)
    if read.key_id != known.key_id:
        return f"is of the key {_spelled(read.key_id)}, and the product names the key {_spelled(known.key_id)}"
    if not verifies(known.public, read.global_signature, read.signature + read.trusted_comment):
        return "has a trusted comment that the product's key did not sign"
    return None


def form_problem(kind: str, signature: str) -> str | None:
    """Return what is wrong with the form of a signature, which shows without a key; None if nothing is."""
    if kind == ED25519:
        is_one = _bytes(signature, _SIGNATURE_BYTES) is not None
        return None if is_one else "is not an Ed25519 signature in base64"
    return None if _minisign_signature(signature) else "is not a minisign signature"


def _problem_of_ed25519(signature: str, key: str) -> str | None:
    if _bytes(key, _KEY_BYTES) is None:
        return "cannot be verified: the product's `signing_keys.ed25519` is not an Ed25519 public key in base64"
    return form_problem(ED25519, signature)


def signs(signature: str, key: str, data: bytes | memoryview) -> bool:
    """Return whether Sparkle's signature of `data` is valid. Both texts are base64."""
    public, signed = _bytes(key, _KEY_BYTES), _bytes(signature, _SIGNATURE_BYTES)
    return public is not None and signed is not None and verifies(public, signed, data)


def verifies(public: bytes, signature: bytes, data: bytes | memoryview) -> bool:
    """Return whether an Ed25519 signature of `data` is valid."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _minisign_key(text: str) -> _Key | None:
    lines = _unwrapped(text).splitlines()
    body = _bytes(lines[-1] if lines else b"", 2 + _ID_BYTES + _KEY_BYTES)
    return _Key(body[2 : 2 + _ID_BYTES], body[2 + _ID_BYTES :]) if body and body.startswith(b"Ed") else None


def _minisign_signature(text: str) -> _Signature | None:
    lines = _unwrapped(text).splitlines()
    if len(lines) != _LINES or not lines[0].startswith(_UNTRUSTED) or not lines[2].startswith(_TRUSTED):
        return None
    body, second = _bytes(lines[1], 2 + _ID_BYTES + _SIGNATURE_BYTES), _bytes(lines[3], _SIGNATURE_BYTES)
    if body is None or second is None or body[:2] not in (b"Ed", b"ED"):
        return None
    return _Signature(body[2 : 2 + _ID_BYTES], body[2 + _ID_BYTES :], lines[2].removeprefix(_TRUSTED), second)


def _unwrapped(text: str) -> bytes:
    """Return the lines of minisign's file, also from Tauri's form in base64. A key may be its last line alone."""
    plain = text.strip().encode()
    if plain.startswith((_UNTRUSTED, b"RW")):
        return plain
    try:
        return base64.b64decode(plain, validate=True).strip()
    except ValueError:
        return b""


def _bytes(text: str | bytes, size_bytes: int) -> bytes | None:
    try:
        decoded = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return decoded if len(decoded) == size_bytes else None


def _spelled(key_id: bytes) -> str:
    """Return a key id as minisign shows it: read as little-endian, in hexadecimal."""
    return key_id[::-1].hex().upper()
