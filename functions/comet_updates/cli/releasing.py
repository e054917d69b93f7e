"""Built files → a release document: what each file is, the signatures beside it, and where it answers."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

import yaml

from comet_updates.cli.hashing import Sums
from comet_updates.errors import ArtifactError
from comet_updates.formats import feeds

Wire = dict[str, Any]
TIMEOUT_S = 30
SIGNATURE_ENDINGS = (".sig", ".minisig", ".edsig")
"""What stands beside a file: of Tauri's builder, of minisign, and what Sparkle's `sign_update` prints."""

_BUNDLES = {
    ".appimage": "appimage",
    ".deb": "deb",
    ".rpm": "rpm",
    ".msi": "msi",
    ".app.tar.gz": "app",
    "-setup.exe": "nsis",
}


class Kind(NamedTuple):
    """What a file is for."""

    platform: str
    arch: str
    kind: str


def recognise(name: str) -> Kind:
    """What a file is for, by its name. Raises `ArtifactError` if that does not tell the system."""
    platform = feeds.platform(name)
    if platform is None:
        raise ArtifactError(name, "its name does not tell the system", f"Say it: --as {name}=linux/x86_64/archive")
    arch = feeds.arch(name)
    # What names no architecture is built for the usual one, but on a Mac.
    return Kind(platform, "x86_64" if arch == "any" and platform != "macos" else arch, feeds.kind(name))


def signatures(file: Path) -> dict[str, str]:
    """What is signed beside a file, by kind of signature. Raises `ArtifactError` for what is no signature."""
    found = {}
    for ending in SIGNATURE_ENDINGS:
        beside = file.with_name(file.name + ending)
        if beside.exists():
            kind, signature = _signature(beside, text(beside).strip())
            found[kind] = signature
    return found


def _signature(file: Path, text: str) -> tuple[str, str]:
    if file.suffix == ".edsig":
        printed = re.search(r'edSignature="([^"]+)"', text)
        signature = printed[1] if printed else text
        if _decoded(signature, 64):
            return "ed25519", signature
    elif text.startswith("untrusted comment:"):  # minisign's own file, which Tauri wants as a whole, in base64
        return "minisign", base64.b64encode(f"{text}\n".encode()).decode()
    elif (_decoded(text) or b"").startswith(b"untrusted comment:"):
        return "minisign", text
    raise ArtifactError(str(file), "is no signature of minisign, Tauri or Sparkle", "Sign the file again")


def _decoded(text: str, size_bytes: int | None = None) -> bytes | None:
    try:
        decoded = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return decoded if size_bytes in (None, len(decoded)) else None


def channel_files(files: Iterable[Path]) -> dict[str, Wire]:
    """What electron-builder says of its files in its `latest*.yml`, by their names. Raises `ArtifactError`."""
    found: dict[str, Wire] = {}
    for file in files:
        try:
            listed = yaml.safe_load(text(file))["files"]
            found |= {entry["url"]: entry for entry in listed}
        except (yaml.YAMLError, ValueError, KeyError, TypeError) as error:
            raise ArtifactError(str(file), "is no channel file of electron-builder", "Leave it out") from error
    return found


def artifact(file: Path, kind: Kind, found: Sums, base_url: str, told: Mapping[str, Wire]) -> Wire:
    """The artifact that a file becomes.

    Args:
        file: the file.
        kind: what it is for.
        found: its size and hashes.
        base_url: where it is, without its name.
        told: what electron-builder says of its files.

    Raises:
        ArtifactError: electron-builder saw other bytes, or a signature is none.
    """
    said = told.get(file.name, {})
    sha512 = base64.b64encode(bytes.fromhex(found.sha512)).decode()
    if said.get("sha512", sha512) != sha512:
        raise ArtifactError(str(file), "was changed after electron-builder saw it", "Sign it before, or build again")
    return feeds.given(
        platform=kind.platform,
        arch=kind.arch,
        kind=kind.kind,
        url=f"{base_url.rstrip('/')}/{quote(file.name)}",
        size=found.size_bytes,
        sha256=found.sha256,
        sha512=found.sha512,
        sha1=found.sha1,
        signatures=signatures(file),
        bundle=next((bundle for ending, bundle in _BUNDLES.items() if file.name.lower().endswith(ending)), None),
        block_map_size=said.get("blockMapSize"),
    )


def text(file: Path) -> str:
    """What stands in a text file. Raises `ArtifactError` if it cannot be read, or is none."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ArtifactError(str(file), f"cannot be read: {reason}", "Make it a readable text file") from error


def notes(text: str, version: str) -> str:
    """The notes of a version: its section of a changelog, or all of a text that has no section for it."""
    heading = re.compile(rf"^(#+)[^\n]*(?<![0-9A-Za-z.]){re.escape(version)}(?![0-9A-Za-z.+-])[^\n]*\n", re.MULTILINE)
    found = heading.search(text)
    if not found:
        return text.strip()
    rest = text[found.end() :]
    next_heading = re.search(rf"^#{{1,{len(found[1])}}}[^#]", rest, re.MULTILINE)
    return rest[: next_heading.start() if next_heading else None].strip()


def answers(wire: Wire) -> None:
    """Make sure that an artifact can be downloaded, before anybody is told of it.

    Raises `ArtifactError` if its URL does not answer with a file of its size.
    """
    url = wire["url"]
    try:
        with urlopen(Request(url, method="HEAD"), timeout=TIMEOUT_S) as answer:  # noqa: S310 (https, by the model)
            size = answer.headers.get("content-length")
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        if isinstance(error, HTTPError):
            error.close()
        raise ArtifactError(url, f"does not answer: {reason}", "Upload the file first") from error
    if size is not None and int(size) != wire["size"]:
        raise ArtifactError(url, f"has {size} bytes there, and {wire['size']} here", "Upload the same file")
