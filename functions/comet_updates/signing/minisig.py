"""Signatures in minisign's format, prehashed, and public keys. Pure, but for the signing key that is called.

Source: https://jedisct1.github.io/minisign/, "Signature format" and "Public key format". What is signed twice: the hash
of the bytes, and that signature together with the trusted comment, which therefore nobody can change.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

KEY_NUMBER_BYTES = 8
_PREHASHED, _ED25519 = b"ED", b"Ed"


def signature(sign: Callable[[bytes], bytes], number: bytes, body: bytes, trusted_comment: str) -> str:
    """The file `….minisig` for `body`.

    Args:
        sign: makes an Ed25519 signature, 64 bytes.
        number: of the key, 8 bytes; by it a client finds the key if it knows several.
        body: what is signed.
        trusted_comment: one line that is signed, too.
    """
    of_body = sign(hashlib.blake2b(body).digest())
    of_both = sign(of_body + trusted_comment.encode())
    return (
        f"untrusted comment: signature of key {_spelled(number)}\n{_base64(_PREHASHED + number + of_body)}\n"
        f"trusted comment: {trusted_comment}\n{_base64(of_both)}\n"
    )


def public_key(number: bytes, public: bytes) -> str:
    """The file `….pub` of a key: its number, and the 32 bytes of its public half."""
    return f"untrusted comment: minisign public key {_spelled(number)}\n{_base64(_ED25519 + number + public)}\n"


def _spelled(number: bytes) -> str:
    """As minisign shows it: a little-endian number."""
    return number[::-1].hex().upper()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
