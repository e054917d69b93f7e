"""Verify a file: its size, its hashes, and its signature with the key that the app trusts."""

from __future__ import annotations

import base64
import hashlib
from typing import BinaryIO, TypeAlias

import minisign

from comet_updates.errors import RefusedDownloadError
from comet_updates_client.manifest import Artifact

PublicKey: TypeAlias = minisign.PublicKey
SIGNATURE = "minisign"
_CHUNK_BYTES = 1 << 20


def key(text: str) -> PublicKey:
    """Return the public key from the text that `minisign -G` or Tauri's command prints.

    Raises:
        RefusedDownloadError: the text does not contain a key.
    """
    try:
        last = text.strip().splitlines()[-1] if text.strip() else ""
        if not last.startswith("RW"):  # Tauri writes minisign's whole file in base64
            last = base64.b64decode(last, validate=True).decode().strip().splitlines()[-1]
        return minisign.PublicKey.from_base64(last)
    except (ValueError, IndexError) as error:
        raise RefusedDownloadError("the public key is not a minisign key") from error


def check_promised(artifact: Artifact, public_key: PublicKey | None) -> int:
    """Return the size of the file to download.

    Raises:
        RefusedDownloadError: the release does not contain enough to verify the file later.
    """
    if not artifact.size_bytes or not (artifact.sha256 or artifact.sha512):
        raise RefusedDownloadError("the release does not state the file's size and hash, so it cannot be verified")
    if public_key and SIGNATURE not in artifact.signatures:
        raise RefusedDownloadError("the file is not signed, and this app accepts only signed files")
    return artifact.size_bytes


def has_its_bytes(opened: BinaryIO, artifact: Artifact) -> bool:
    """Return whether an open file has the size and the hashes that the release states."""
    sha256, sha512, size_bytes = hashlib.sha256(), hashlib.sha512(), 0
    opened.seek(0)
    while chunk := opened.read(_CHUNK_BYTES):
        size_bytes += len(chunk)
        sha256.update(chunk)
        sha512.update(chunk)
    stated = (artifact.size_bytes, artifact.sha256 or sha256.hexdigest(), artifact.sha512 or sha512.hexdigest())
    return stated == (size_bytes, sha256.hexdigest(), sha512.hexdigest())


def check(opened: BinaryIO, artifact: Artifact, public_key: PublicKey | None) -> None:
    """Verify a downloaded file, which is open.

    The signature is minisign's file, or that file in base64, as Tauri writes it.

    Raises:
        RefusedDownloadError: the file is not what `artifact` states, or a key is given and did not sign it.
    """
    if not has_its_bytes(opened, artifact):
        raise RefusedDownloadError("the file's size or hash differs from the release")
    if public_key is None:
        return
    try:
        check_signature(opened, artifact.signatures[SIGNATURE], public_key)
    except ValueError as error:
        raise RefusedDownloadError("the file is not signed with the key that this app trusts") from error


def check_signature(opened: BinaryIO, told: str, public_key: PublicKey) -> None:
    """Verify the signature of an open file: minisign's file, or that file in base64, as Tauri writes it.

    Raises:
        ValueError: the signature is not valid. base64 raises this, and all errors of minisign derive from it.
    """
    text = told.encode() if told.startswith("untrusted comment:") else base64.b64decode(told, validate=True)
    opened.seek(0)
    public_key.verify(opened, minisign.Signature.from_bytes(text))


def trusted_comment(body: bytes, signature: bytes, public_key: PublicKey) -> str:
    """Verify the signature of `body` and return its signed comment.

    Raises:
        ValueError: the signature is not valid. All errors of minisign derive from this.
    """
    read = minisign.Signature.from_bytes(signature)
    public_key.verify(body, read)
    comment: str = read.trusted_comment
    return comment
