"""Turns built files into the artifacts of a release: kind, signatures and URL of each file."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from comet_updates.errors import ArtifactError, FetchError, ForeignFeedError
from comet_updates.formats import electron_updater, imported
from comet_updates_cli.fetch import fetch
from comet_updates_cli.hash_files import Sums

Wire = dict[str, Any]
LONGEST_S = 60.0
TEXT_MAX_CHARS = 10_000_000  # of a changelog; a release has far less
SIGNATURE_ENDINGS = (".sig", ".minisig", ".edsig")
"""Endings of signature files: Tauri's builder, minisign, and the output of Sparkle's `sign_update`."""

_BUNDLES = {
    ".appimage": "appimage",
    ".deb": "deb",
    ".rpm": "rpm",
    ".msi": "msi",
    ".app.tar.gz": "app",
    "-setup.exe": "nsis",
}


class Kind(NamedTuple):
    """System, architecture and kind of a file."""

    platform: str
    arch: str
    kind: str


def check_name(file: Path) -> None:
    """Check that a file's name can be a part of a URL.

    Raises:
        ArtifactError: the name is not text in UTF-8.
    """
    try:
        file.name.encode()
    except UnicodeEncodeError as error:
        raise ArtifactError(str(file), "its name is not UTF-8 text", "Rename it") from error


def recognise(name: str) -> Kind:
    """Return the kind of a file from its name.

    Raises:
        ArtifactError: the name does not contain the system.
    """
    platform = imported.platform(name)
    if platform is None:
        raise ArtifactError(
            name, "its name does not contain the operating system", f"Add --as {name}=linux/x86_64/archive"
        )
    arch = imported.arch(name)
    # A name without an architecture means x86_64, except on macOS.
    return Kind(platform, "x86_64" if arch == "any" and platform != "macos" else arch, imported.kind(name))


def signatures(file: Path) -> dict[str, str]:
    """Return the signatures in the files beside a file, by kind of signature.

    Raises:
        ArtifactError: a signature file cannot be read, or has no signature.
    """
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
    elif text.startswith("untrusted comment:"):  # minisign's own file: Tauri needs all of it in base64
        return "minisign", base64.b64encode(f"{text}\n".encode()).decode()
    elif (_decoded(text) or b"").startswith(b"untrusted comment:"):
        return "minisign", text
    raise ArtifactError(str(file), "not a signature of minisign, Tauri or Sparkle", "Sign the file again")


def _decoded(text: str, size_bytes: int | None = None) -> bytes | None:
    try:
        decoded = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return decoded if size_bytes in (None, len(decoded)) else None


def channel_files(files: Iterable[Path]) -> dict[str, Wire]:
    """Return the entries of electron-builder's `latest*.yml`, by file name.

    Raises:
        ArtifactError: a file is not such a document.
    """
    found: dict[str, Wire] = {}
    for file in files:
        try:
            document = electron_updater.load(text(file).encode())
        except ForeignFeedError as error:
            raise ArtifactError(str(file), str(error), "Build it again, or leave it out") from error
        entries = document.get("files") if isinstance(document, dict) else None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) and "url" in entry for entry in entries):
            raise ArtifactError(str(file), "not a channel file of electron-builder", "Leave it out")
        found |= {entry["url"]: entry for entry in entries}
    return found


def artifact(file: Path, kind: Kind, found: Sums, base_url: str, told: Mapping[str, Wire]) -> Wire:
    """Return the artifact of a file.

    Args:
        file: the file.
        kind: its kind.
        found: its size and hashes.
        base_url: the URL of its folder.
        told: electron-builder's entries, by file name.

    Raises:
        ArtifactError: the file changed after electron-builder hashed it, or a signature is not valid.
    """
    said = told.get(file.name, {})
    sha512 = base64.b64encode(bytes.fromhex(found.sha512)).decode()
    if said.get("sha512", sha512) != sha512:
        raise ArtifactError(
            str(file), "changed after electron-builder hashed it", "Sign it during the build, or build it again"
        )
    return imported.given(
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
        block_map_size=_block_map_size(file, said),
    )


def _block_map_size(file: Path, entry: Wire) -> int | None:
    try:
        return imported.size("blockMapSize", entry.get("blockMapSize"))
    except ForeignFeedError as error:
        raise ArtifactError(str(file), f"its entry in the channel file is wrong: {error}", "Build it again") from error


def text(file: Path) -> str:
    """Return the content of a text file.

    Raises:
        ArtifactError: it cannot be read, is too long, or is not UTF-8.
    """
    try:
        with file.open(encoding="utf-8") as opened:
            content = opened.read(TEXT_MAX_CHARS + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ArtifactError(str(file), f"cannot be read: {reason}", "Save it as UTF-8 text") from error
    if len(content) > TEXT_MAX_CHARS:
        raise ArtifactError(str(file), f"is longer than {TEXT_MAX_CHARS} letters", "Check that it is the right file")
    return content


def answers(wire: Wire) -> None:
    """Check that an artifact can be downloaded, before the release is uploaded.

    Raises:
        ArtifactError: its URL does not answer with a file of its size.
    """
    url = wire["url"]
    try:
        size = fetch(url, 0, LONGEST_S, method="HEAD").headers["content-length"]
    except FetchError as error:
        raise ArtifactError(url, f"does not answer: {error.reason}", "Upload the file first") from error
    if size is not None and size.strip() != str(wire["size"]):
        raise ArtifactError(url, f"has {size} bytes, but the local file has {wire['size']}", "Upload the same file")
