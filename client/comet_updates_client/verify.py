"""Whether a file is what was offered: its size, its hashes, and the signature of the key that the app trusts."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TypeAlias

import minisign

from comet_updates.errors import RefusedDownloadError
from comet_updates_client.manifest import Artifact

PublicKey: TypeAlias = minisign.PublicKey
SIGNATURE = "minisign"
_CHUNK_BYTES = 1 << 20


def key(text: str) -> PublicKey:
    """A public key as `minisign -G` or Tauri's command prints it. Raises `RefusedDownloadError`."""
    try:
        last = text.strip().splitlines()[-1] if text.strip() else ""
        if not last.startswith("RW"):  # Tauri has the whole of minisign's file, in base64
            last = base64.b64decode(last, validate=True).decode().strip().splitlines()[-1]
        return minisign.PublicKey.from_base64(last)
    except (ValueError, IndexError) as error:
        raise RefusedDownloadError("the public key is none of minisign's") from error


def check_promised(artifact: Artifact, public_key: PublicKey | None) -> int:
    """The size of what is to be downloaded. Raises `RefusedDownloadError` if too little is said to verify it later."""
    if not artifact.size_bytes or not (artifact.sha256 or artifact.sha512):
        raise RefusedDownloadError("the release says no size or no hash of the file, so it cannot be verified")
    if public_key and SIGNATURE not in artifact.signatures:
        raise RefusedDownloadError("the file is not signed, and this app takes signed files only")
    return artifact.size_bytes


def has_its_bytes(file: Path, artifact: Artifact) -> bool:
    """Whether `file` has just the size and the hashes that are stated."""
    sha256, sha512, size_bytes = hashlib.sha256(), hashlib.sha512(), 0
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK_BYTES):
            size_bytes += len(chunk)
            sha256.update(chunk)
            sha512.update(chunk)
    stated = (artifact.size_bytes, artifact.sha256 or sha256.hexdigest(), artifact.sha512 or sha512.hexdigest())
    return stated == (size_bytes, sha256.hexdigest(), sha512.hexdigest())


def check(file: Path, artifact: Artifact, public_key: PublicKey | None) -> None:
    """Raise `RefusedDownloadError` unless `file` is what `artifact` states, and signed if there is a key.

    A signature comes as Tauri has it, minisign's whole file in base64, or as that file itself.
    """
    if not has_its_bytes(file, artifact):
        raise RefusedDownloadError("the file has not the hash that the release states")
    if public_key is None:
        return
    told = artifact.signatures[SIGNATURE]
    try:
        text = told.encode() if told.startswith("untrusted comment:") else base64.b64decode(told, validate=True)
        public_key.verify_file(file, minisign.Signature.from_bytes(text))
    except ValueError as error:  # of base64, and the root of all that minisign raises
        raise RefusedDownloadError("the file is not signed with the key that this app trusts") from error


def trusted_comment(body: bytes, signature: bytes, public_key: PublicKey) -> str:
    """What the key signed together with `body`. Raises `ValueError`, the root of what minisign raises, if none."""
    read = minisign.Signature.from_bytes(signature)
    public_key.verify(body, read)
    comment: str = read.trusted_comment
    return comment
