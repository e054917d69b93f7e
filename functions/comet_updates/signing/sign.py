"""Makes TUF metadata and has it signed: by a key in a file, in a KMS or in hardware, as its URI says.

securesystemslib signs, and knows the URIs (`file2:key.pem`, `awskms:…`, `hsm:…`): see docs/keys.md. A signature counts
only once it is verified with the public key that it should be of, whatever made it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.exceptions import KeyMismatchError, UnverifiedSignatureError
from securesystemslib.signer import ED25519, AWSSigner, CryptoSigner, Key, Signature, Signer, SSlibKey
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from comet_updates.errors import SigningError, UnknownKeyError
from comet_updates.signing import minisig

TIMESTAMP_LIFE = timedelta(days=3)
"""For how long a client takes the word of the online key that nothing is newer: so it notices a freeze."""

SNAPSHOT_LIFE = timedelta(days=14)
PRODUCT_LIFE = timedelta(days=90)
"""For how long what a pipeline signed counts: so a freeze by whoever has the online key is noticed."""

OFFLINE_LIFE = timedelta(days=365)
"""Of root and targets, which people sign."""


def snapshot(version: int, now: datetime, versions: Mapping[str, int]) -> Snapshot:
    """What is newest of each role. `versions` are by role, without root, snapshot and timestamp."""
    meta = {f"{role}.json": MetaFile(number) for role, number in sorted(versions.items())}
    return Snapshot(version, expires=later(now, SNAPSHOT_LIFE), meta=meta)


def timestamp(version: int, now: datetime, snapshot_version: int) -> Timestamp:
    """Which snapshot is newest."""
    return Timestamp(version, expires=later(now, TIMESTAMP_LIFE), snapshot_meta=MetaFile(snapshot_version))


class Archive(NamedTuple):
    """What is known of a file that is on the publisher's host; the hash in hexadecimal."""

    size_bytes: int
    sha256: str


def product(
    version: int,
    now: datetime,
    manifests: Mapping[str, tuple[bytes, Mapping[str, Any]]],
    archives: Mapping[str, Archive] = MappingProxyType({}),
) -> Targets:
    """What a product offers.

    Args:
        version: of the metadata.
        now: aware.
        manifests: that of each channel, by `object_keys.target_path`, and what stands beside its hash.
        archives: files of their releases, by `object_keys.target_path`.
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
    """Add the signature of the key at `uri`, which is one of those that `delegator` names for `role`.

    Raises:
        UnknownKeyError: it is none of them.
        SigningError: it cannot be had.
    """
    key, signature = _signature(uri, keys_of(delegator, role), metadata.signed_bytes, role)
    metadata.signatures[key.keyid] = signature


def keys_of(delegator: Root | Targets, role: str) -> list[Key]:
    """The keys that may sign for `role`; none if nobody may."""
    try:
        return [delegator.get_key(keyid) for keyid in delegator.get_delegated_role(role).keyids]
    except ValueError:  # what python-tuf raises for a role that it does not know
        return []


def minisign(uri: str, keys: Iterable[Key], path: str, body: bytes, now: datetime) -> str | None:
    """A detached signature of the manifest at `path`, with the end of its life in what is signed.

    Gives `None` where none of the `keys` is an Ed25519 key, the only kind that minisign knows. Raises `SigningError`.
    """
    usable = [key for key in keys if key.scheme == ED25519]
    if not usable:
        return None
    key, _ = _signature(uri, usable, body, path)  # which of them it is
    comment = f"timestamp:{now.timestamp():.0f} expires:{later(now, PRODUCT_LIFE):%Y-%m-%dT%H:%M:%SZ} file:{path}"
    return minisig.signature(lambda data: _raw(uri, key, data), key_number(key), body, comment)


def appcast(uri: str, body: bytes) -> dict[str, str]:
    """Sparkle's signature of an appcast, as it stands beside the hash of a manifest.

    Raises `SigningError`, also for a key that is no Ed25519 key in a file.
    """
    key = public_key(uri)
    if key.scheme != ED25519:
        raise SigningError(uri, "is no Ed25519 key, and Sparkle knows no other kind")
    signature = base64.b64encode(_raw(uri, key, body)).decode()
    return {"sha256": sha256(body), "signature": signature}


def sha256(body: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def key_number(key: Key) -> bytes:
    """By what minisign tells keys apart: the beginning of TUF's own name for the key."""
    return bytes.fromhex(key.keyid)[: minisig.KEY_NUMBER_BYTES]


def public_key(uri: str) -> SSlibKey:
    """The public half of the key at `uri`: a file or a KMS of AWS. Raises `SigningError`."""
    kind, _, place = uri.partition(":")
    try:
        if kind == AWSSigner.SCHEME:
            return AWSSigner.import_(place)[1]
        if kind == CryptoSigner.SCHEME:
            private = load_pem_private_key(Path(place).read_bytes(), None)
            return CryptoSigner(private).public_key
    except Exception as error:
        raise SigningError(uri, f"cannot be read: {error}") from error
    raise SigningError(uri, "is of a kind whose public half has to be in a file: see docs/keys.md")


def create(file: Path) -> SSlibKey:
    """Make an Ed25519 key in a `file` that does not exist and that nobody else can read. Return its public half.

    Raises:
        SigningError: the file exists, or cannot be written. No half-written key is left.
    """
    signer = CryptoSigner.generate_ed25519()
    try:
        file.touch(mode=0o600, exist_ok=False)
        try:
            file.write_bytes(signer.private_bytes)
        except OSError:
            file.unlink()
            raise
    except OSError as error:
        raise SigningError(str(file), f"cannot be written: {error.strerror}") from error
    return signer.public_key


def _signature(uri: str, keys: Iterable[Key], payload: bytes, what: str) -> tuple[Key, Signature]:
    """The signature by the key at `uri`, and which of the `keys` it is."""
    for key in keys:
        try:
            signature = Signer.from_priv_key_uri(uri, key).sign(payload)
            key.verify_signature(signature, payload)
        except (KeyMismatchError, UnverifiedSignatureError):
            continue
        except Exception as error:  # each kind of key has errors of its own
            raise SigningError(uri, f"cannot sign: {error}") from error
        return key, signature
    raise UnknownKeyError(uri, f"is none of the keys that may sign {what}")


def _raw(uri: str, key: Key, payload: bytes) -> bytes:
    return bytes.fromhex(_signature(uri, [key], payload, "this")[1].signature)


def later(now: datetime, life: timedelta) -> datetime:
    """When what begins `now` ends, to the second, as the metadata has it."""
    return (now + life).replace(microsecond=0)
