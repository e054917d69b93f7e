"""Create TUF metadata and sign it with the key at a URI: in a file, in a KMS or in hardware.

securesystemslib signs and defines the URIs (`file2:key.pem`, `awskms:…`, `hsm:…`): see docs/keys.md. Every new
signature is verified with the expected public key before it is used.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from stat import S_ISREG
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.exceptions import KeyMismatchError, UnverifiedSignatureError
from securesystemslib.signer import ED25519, AWSSigner, CryptoSigner, Key, Signature, Signer, SSlibKey
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from comet_updates.errors import SigningError, UnknownKeyError
from comet_updates.signing import minisig

TIMESTAMP_LIFE = timedelta(days=3)
"""How long a client trusts a timestamp. After that, the client detects that an attacker repeats old metadata."""

SNAPSHOT_LIFE = timedelta(days=14)
PRODUCT_LIFE = timedelta(days=90)
"""How long a product's metadata is valid. After that, clients detect that a thief of the online key hides updates."""

_KEY_MAX_BYTES = 100_000  # a private key in PEM has less than 10 kB

OFFLINE_LIFE = timedelta(days=365)
"""How long root and targets are valid. People sign these."""


def snapshot(version: int, now: datetime, versions: Mapping[str, int]) -> Snapshot:
    """Return the snapshot with the newest version of each role.

    `versions` are by role, without root, snapshot and timestamp.
    """
    meta = {f"{role}.json": MetaFile(number) for role, number in sorted(versions.items())}
    return Snapshot(version, expires=later(now, SNAPSHOT_LIFE), meta=meta)


def timestamp(version: int, now: datetime, snapshot_version: int) -> Timestamp:
    """Return the timestamp, which names the newest snapshot."""
    return Timestamp(version, expires=later(now, TIMESTAMP_LIFE), snapshot_meta=MetaFile(snapshot_version))


class Archive(NamedTuple):
    """The size and the hash (hexadecimal) of a file on the publisher's host."""

    size_bytes: int
    sha256: str


def product(
    version: int,
    now: datetime,
    manifests: Mapping[str, tuple[bytes, Mapping[str, Any]]],
    archives: Mapping[str, Archive] = MappingProxyType({}),
) -> Targets:
    """Return the metadata of a product, which lists its manifests and files.

    Args:
        version: the version of the metadata.
        now: aware.
        manifests: the bytes of each channel's manifest and its `custom` metadata, by `object_keys.target_path`.
        archives: the files of their releases, by `object_keys.target_path`.
    """
    targets = {
        path: TargetFile(archive.size_bytes, {"sha256": archive.sha256}, path) for path, archive in archives.items()
    }
    for path, (body, custom) in sorted(manifests.items()):
        beside = {"custom": dict(custom)} if custom else {}
        hashes = {"sha256": sha256(body)}
        targets[path] = TargetFile(len(body), hashes, path, beside)
    return Targets(version, expires=later(now, PRODUCT_LIFE), targets=targets)


def sign(metadata: Metadata[Any], delegator: Root | Targets, role: str, uri: str) -> None:
    """Add the signature of the key at `uri`. `delegator` must name this key for `role`.

    Raises:
        UnknownKeyError: `delegator` does not name this key for `role`.
        SigningError: the key cannot sign.
    """
    key, signature = _signature(uri, keys_of(delegator, role), metadata.signed_bytes, role)
    metadata.signatures[key.keyid] = signature


def key_at(uri: str, delegator: Root | Targets, role: str) -> Key:
    """Return which of the keys that `delegator` names for `role` is at `uri`. It signs nothing that anybody reads.

    Raises:
        UnknownKeyError: `delegator` does not name this key for `role`.
        SigningError: the key cannot sign.
    """
    return _signature(uri, keys_of(delegator, role), b"", role)[0]


def keys_of(delegator: Root | Targets, role: str) -> list[Key]:
    """Return the keys that may sign for `role`; empty if `delegator` does not know the role."""
    try:
        return [delegator.get_key(keyid) for keyid in delegator.get_delegated_role(role).keyids]
    except ValueError:  # python-tuf raises this for an unknown role
        return []


def minisign(uri: str, keys: Iterable[Key], path: str, body: bytes, now: datetime) -> str | None:
    """Return a detached signature of the manifest at `path`. Its signed comment contains the date when it expires.

    Return None if none of the `keys` is an Ed25519 key: minisign supports no other kind.

    Raises:
        UnknownKeyError: the key at `uri` is not one of the Ed25519 `keys`.
        SigningError: the key cannot sign.
    """
    usable = [key for key in keys if key.scheme == ED25519]
    if not usable:
        return None
    key, _ = _signature(uri, usable, body, path)  # find out which key this is
    comment = f"timestamp:{now.timestamp():.0f} expires:{later(now, PRODUCT_LIFE):%Y-%m-%dT%H:%M:%SZ} file:{path}"
    return minisig.signature(lambda data: _raw(uri, key, data), key_number(key), body, comment)


def appcast(uri: str, body: bytes) -> dict[str, str]:
    """Return Sparkle's signature of an appcast, in the form for the `custom` metadata of a manifest.

    Raises:
        SigningError: the key cannot be read, is not an Ed25519 key, or cannot sign.
    """
    key = public_key(uri)
    if key.scheme != ED25519:
        raise SigningError(uri, "is not an Ed25519 key. Sparkle supports only Ed25519")
    signature = base64.b64encode(_raw(uri, key, body)).decode()
    return {"sha256": sha256(body), "signature": signature}


def sha256(body: bytes) -> str:
    """Return the SHA-256 of `body` in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def key_number(key: Key) -> bytes:
    """Return minisign's number for the key: the first 8 bytes of its TUF key id."""
    return bytes.fromhex(key.keyid)[: minisig.KEY_NUMBER_BYTES]


def public_key(uri: str) -> SSlibKey:
    """Return the public half of the key at `uri`, in a file or in AWS KMS.

    Raises:
        SigningError: the key cannot be read, or is of another kind.
    """
    kind, _, place = uri.partition(":")
    file = _checked_file(uri)
    try:
        if kind == AWSSigner.SCHEME:
            return AWSSigner.import_(place)[1]
        if file:
            private = load_pem_private_key(file.read_bytes(), None)
            return CryptoSigner(private).public_key
    except Exception as error:
        raise SigningError(uri, f"cannot be read: {error}") from error
    raise SigningError(uri, "needs its public half in a file: see docs/keys.md")


def generate() -> tuple[bytes, SSlibKey]:
    """Make an Ed25519 key. Return its private half as the bytes of a file, and its public half."""
    signer = CryptoSigner.generate_ed25519()
    return signer.private_bytes, signer.public_key


def _checked_file(uri: str) -> Path | None:
    """Return the file of a key, or None if the key is not in a file. Reading the file ends, also a second time.

    Raises:
        SigningError: the URI is not valid, or the file is a pipe, a device or a folder, or is too large for a key.
    """
    try:
        found = urlsplit(uri)  # as `CryptoSigner` finds the file, so that both read the same
    except ValueError as error:
        raise SigningError(uri, f"is not valid: {error}") from error
    if found.scheme != CryptoSigner.SCHEME:
        return None
    file = Path(found.path)
    with suppress(OSError, ValueError):  # the error of reading it has the reason
        told = file.stat()
        if not S_ISREG(told.st_mode):
            raise SigningError(uri, "is not a regular file. Check the file")
        if told.st_size > _KEY_MAX_BYTES:
            raise SigningError(uri, f"is larger than {_KEY_MAX_BYTES} bytes. Check the file")
    return file


def _signature(uri: str, keys: Iterable[Key], payload: bytes, what: str) -> tuple[Key, Signature]:
    """Return which of the `keys` is at `uri`, and its signature of `payload`.

    Raises:
        UnknownKeyError: the key at `uri` is not one of the `keys`.
        SigningError: the key cannot sign.
    """
    _checked_file(uri)
    for key in keys:
        try:
            signature = Signer.from_priv_key_uri(uri, key).sign(payload)
            key.verify_signature(signature, payload)
        except (KeyMismatchError, UnverifiedSignatureError):
            continue
        except Exception as error:  # each kind of key has its own errors
            raise SigningError(uri, f"cannot sign: {error}") from error
        return key, signature
    raise UnknownKeyError(uri, f"is not one of the keys that may sign {what}")


def _raw(uri: str, key: Key, payload: bytes) -> bytes:
    return bytes.fromhex(_signature(uri, [key], payload, "this")[1].signature)


def later(now: datetime, life: timedelta) -> datetime:
    """Return the time `life` after `now`, without fractions of a second, which TUF metadata does not allow."""
    return (now + life).replace(microsecond=0)
