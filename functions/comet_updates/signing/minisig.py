"""Signatures (prehashed) and public keys in minisign's format. Pure, except that it calls the signing key.

Source: https://jedisct1.github.io/minisign/, "Signature format" and "Public key format". A file contains two
signatures: one of the hash of the bytes, and one of the first signature with the trusted comment. So a changed comment
is detected.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

KEY_NUMBER_BYTES = 8
_PREHASHED, _ED25519 = b"ED", b"Ed"


def signature(sign: Callable[[bytes], bytes], number: bytes, body: bytes, trusted_comment: str) -> str:
    """Return the content of the file `….minisig` for `body`.

    Args:
        sign: makes an Ed25519 signature, 64 bytes.
        number: the key number, 8 bytes. A client with several keys finds the key by it.
        body: the bytes to sign.
        trusted_comment: one line, which is signed, too.
    """
    of_body = sign(hashlib.blake2b(body).digest())
    of_both = sign(of_body + trusted_comment.encode())
    return (
        f"untrusted comment: signature of key {_spelled(number)}\n{_base64(_PREHASHED + number + of_body)}\n"
        f"trusted comment: {trusted_comment}\n{_base64(of_both)}\n"
    )


def public_key(number: bytes, public: bytes) -> str:
    """Return the content of a key's file `….pub`, from its number and its 32 public bytes."""
    return f"untrusted comment: minisign public key {_spelled(number)}\n{_base64(_ED25519 + number + public)}\n"


def _spelled(number: bytes) -> str:
    """Return the key number as minisign shows it: read as little-endian, in hexadecimal."""
    return number[::-1].hex().upper()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
