"""Turns built files into the artifacts of a release: kind, signatures and URL of each file."""

from __future__ import annotations

import base64
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Mapping
from io import BytesIO, TextIOWrapper
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any
from urllib.parse import quote

from comet_updates.errors import ArtifactError, FetchError
from comet_updates.formats import imported
from comet_updates.signing import file_signatures
from comet_updates_cli import files
from comet_updates_cli.fetch import fetch
from comet_updates_cli.hash_files import Sums
from comet_updates_cli.recognise import skipped
from comet_updates_cli.recognise.decide import Decision
from comet_updates_cli.recognise.evidence import Evidence
from comet_updates_client import verify

Wire = dict[str, Any]
LONGEST_S = 60.0
HEAD_REFUSED = (400, 403, 405, 501)
"""Answers of hosts that accept GET and not HEAD."""
TEXT_MAX_CHARS = 10_000_000  # of a changelog; a release has far less
_UTF8_MAX_BYTES = 4  # of a letter
_SIGNATURE_MAX_BYTES = 100_000
_SHOWN_CHARS = 40  # of a wrong signature in an error


def signatures(file: Path, stated: Iterable[Evidence]) -> dict[str, str]:
    """Return the signatures of a file, by kind: those in the files beside it and those in the builder's feeds.

    Raises:
        ArtifactError: a signature file or a feed has no signature, or they differ.
        UnreadableFileError: a signature file cannot be read.
    """
    found: dict[str, str] = {}
    for ending in skipped.SIGNATURES:
        beside = file.with_name(file.name + ending)
        if beside.exists() and (read := _signature(beside, files.read(beside, _SIGNATURE_MAX_BYTES), file)):
            found[read[0]] = read[1]
    for one in stated:
        for kind, signature in one.signatures.items():
            if kind not in file_signatures.KINDS:
                continue
            if problem := file_signatures.form_problem(kind, signature):
                said = f"its signature in {one.source} {problem}: {signature[:_SHOWN_CHARS]!r}"
                raise ArtifactError(str(file), said, "Write the content of the signature file there, not its URL")
            if found.setdefault(kind, signature.strip()) != signature.strip():
                raise ArtifactError(
                    str(file),
                    f"its signature in {one.source} differs from the signature file beside it",
                    "Build it again, so that both are of the same file",
                )
    return found


def _signature(file: Path, body: bytes, signed: Path) -> tuple[str, str] | None:
    """Return the kind and the text of a signature of `signed`, or None if it is one that no updater here reads."""
    if body.startswith((BOM_UTF16_BE, BOM_UTF16_LE)):
        raise ArtifactError(str(file), "is UTF-16 text, as `>` of PowerShell writes it", "Save it as UTF-8 text")
    if _is_foreign(body):
        return None
    try:
        text = body.decode().strip()
    except UnicodeDecodeError:
        text = ""
    if file.suffix == ".edsig":
        printed = re.search(r'edSignature="([^"]+)"', text)
        signature = printed[1] if printed else text
        if _decoded(signature, 64):
            _check_length(text, signed)
            return "ed25519", signature
    elif file_signatures.form_problem(file_signatures.MINISIGN, text) is None:
        # minisign's own file: Tauri needs all of it in base64
        is_own = text.startswith("untrusted comment:")
        return "minisign", base64.b64encode(f"{text}\n".encode()).decode() if is_own else text
    raise ArtifactError(str(file), "not a signature of minisign, Tauri or Sparkle", "Sign the file again")


def _check_length(printed: str, signed: Path) -> None:
    """Check that a file has the size that `sign_update` printed beside its signature.

    Raises:
        ArtifactError: it has another size.
    """
    length, size = re.search(r'length="([0-9]+)"', printed), signed.stat().st_size
    if length and int(length[1]) != size:
        problem = f"changed after it was signed: it had {length[1]} bytes then, and has {size}"
        raise ArtifactError(str(signed), problem, "Sign it again")


def _is_foreign(body: bytes) -> bool:
    """Return whether a signature is one of GPG (RFC 9580: text, or a packet) or of cosign (ECDSA or a bundle)."""
    is_packet = len(body) > 1 and body[0] in (0x88, 0x89, 0x8A, 0xC2)
    is_ecdsa = (_decoded(body.decode("latin-1").strip()) or b"").startswith(b"\x30")
    return body.startswith((b"-----BEGIN PGP SIGNATURE", b"{")) or is_packet or is_ecdsa


def verify_signatures(file: Path, signed: Mapping[str, str], keys: Mapping[str, str], key: str) -> list[str]:
    """Verify the signatures of a file with the product's keys. Return the kinds that were verified.

    Args:
        file: the file.
        signed: its signatures, by kind.
        keys: the public keys of the product, by kind.
        key: the S3 key of the product's document.

    Raises:
        ArtifactError: a signature is not of this file, or not by the product's key.
    """
    verified = []
    for kind, signature in signed.items():
        if kind not in file_signatures.KINDS or kind not in keys:
            continue
        problem = file_signatures.problem(kind, signature, keys[kind])
        if problem is None and not _signs(file, kind, signature, keys[kind]):
            problem = "is not of this file. The file was changed after it was signed, or another key signed it"
        if problem:
            raise ArtifactError(str(file), f"its {kind} signature {problem}", f"Sign it again, or correct {key}")
        verified.append(kind)
    return verified


def _signs(file: Path, kind: str, signature: str, key: str) -> bool:
    with files.opened(file) as opened:
        if kind == file_signatures.MINISIGN:
            try:
                verify.check_signature(opened, signature, verify.key(key))
            except ValueError:
                return False
            return True
        # The whole file is one message to Ed25519. A map reads it piece by piece.
        with mmap(opened.fileno(), 0, access=ACCESS_READ) as data, memoryview(data) as view:
            return file_signatures.signs(signature, key, view)


def _decoded(text: str, size_bytes: int | None = None) -> bytes | None:
    try:
        decoded = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return decoded if size_bytes in (None, len(decoded)) else None


def artifact(file: Path, decision: Decision, found: Sums, base_url: str, signed: Mapping[str, str]) -> Wire:
    """Return the artifact of a file.

    Args:
        file: the file.
        decision: what it is.
        found: its size and hashes.
        base_url: the URL of its folder.
        signed: its signatures, by kind.
    """
    return imported.given(
        platform=decision.kind.platform,
        arch=decision.kind.arch,
        kind=decision.kind.kind,
        url=f"{base_url.rstrip('/')}/{quote(file.name)}",
        size=found.size_bytes,
        sha256=found.sha256,
        sha512=found.sha512,
        sha1=found.sha1,
        signatures=dict(signed),
        bundle=decision.bundle,
        **decision.fields,
    )


def text(file: Path) -> str:
    """Return the content of a text file.

    Raises:
        ArtifactError: it is too long, or is not UTF-8.
        UnreadableFileError: it cannot be read.
    """
    body = BytesIO(files.read(file, _UTF8_MAX_BYTES * TEXT_MAX_CHARS))
    try:
        content = TextIOWrapper(body, encoding="utf-8").read(TEXT_MAX_CHARS + 1)  # with the ends of lines of any system
    except UnicodeDecodeError as error:
        raise ArtifactError(str(file), "cannot be read: not UTF-8 text", "Save it as UTF-8 text") from error
    if len(content) > TEXT_MAX_CHARS:
        raise ArtifactError(str(file), f"is longer than {TEXT_MAX_CHARS} letters", "Check that it is the right file")
    return content


def answers(wire: Wire) -> None:
    """Check that an artifact can be downloaded, before the release is uploaded.

    Some hosts refuse HEAD, such as those with URLs that are signed for GET. They are asked for one byte.

    Raises:
        ArtifactError: its URL does not answer with a file of its size.
    """
    url = wire["url"]
    try:
        size = _size_at(url)
    except FetchError as error:
        raise ArtifactError(url, f"does not answer: {error.reason}", "Upload the file first") from error
    if size is not None and size.strip() != str(wire["size"]):
        raise ArtifactError(url, f"has {size} bytes, but the local file has {wire['size']}", "Upload the same file")


def _size_at(url: str) -> str | None:
    """Return the size of the file at a URL, or None if the server does not state it."""
    try:
        return fetch(url, 0, LONGEST_S, method="HEAD").headers["content-length"]
    except FetchError as error:
        if error.status not in HEAD_REFUSED:
            raise
    headers = fetch(url, 1, LONGEST_S, byte_range="bytes=0-0").headers
    part = re.fullmatch(r"bytes 0-0/([0-9]+)", headers["content-range"] or "")
    return part[1] if part else headers["content-length"]
