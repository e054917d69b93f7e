"""Size and hashes of a built file, in one pass and in constant memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from comet_updates.errors import ArtifactError
from comet_updates_cli import files

CHUNK_BYTES = 1 << 20
_HEAD_BYTES = 16
SQUIRREL_ENDING = ".nupkg"  # only Squirrel and Velopack need SHA-1

# The first bytes of a file with this ending. An error page that was saved instead of the file begins differently.
_MAGIC = {
    ".exe": b"MZ",
    ".msi": b"\xd0\xcf\x11\xe0",
    ".zip": b"PK",
    SQUIRREL_ENDING: b"PK",
    ".appimage": b"\x7fELF",
    ".deb": b"!<arch>",
    ".rpm": b"\xed\xab\xee\xdb",
    ".pkg": b"xar!",
    ".gz": b"\x1f\x8b",
}


class Sums(NamedTuple):
    """Size and hashes of a file; the hashes in hexadecimal, SHA-1 only if an updater needs it."""

    size_bytes: int
    sha256: str
    sha512: str
    sha1: str | None


def check_head(file: Path) -> None:
    """Check that a file is not empty, and that it begins as its ending requires.

    Raises:
        ArtifactError: it is empty, or begins differently.
        UnreadableFileError: it cannot be read.
    """
    with files.opened(file) as opened:
        _check(file, opened.read(_HEAD_BYTES))


def _check(file: Path, head: bytes) -> None:
    expected = next((magic for ending, magic in _MAGIC.items() if file.name.lower().endswith(ending)), b"")
    if not head or not head.startswith(expected):
        problem = f"not a valid {file.suffix or 'file'}: it begins with {head[:8]!r}"
        raise ArtifactError(str(file), problem, "Build it again")


def sums(file: Path, advance: Callable[[int], None] = lambda _: None) -> Sums:
    """Return size and hashes of a file, read in one pass.

    Args:
        file: the file.
        advance: called with the number of bytes of each piece that was read.

    Raises:
        ArtifactError: the file is empty, or does not begin as its ending requires.
        UnreadableFileError: the file cannot be read.
    """
    hashes = {"sha256": hashlib.sha256(), "sha512": hashlib.sha512()}
    if file.name.lower().endswith(SQUIRREL_ENDING):
        hashes["sha1"] = hashlib.sha1(usedforsecurity=False)
    size_bytes, head = 0, b""
    # Compute each hash in its own thread while the next piece is read: `hashlib` releases the GIL.
    with ThreadPoolExecutor(len(hashes)) as pool:
        running: list[Future[None]] = []
        with files.opened(file) as opened:
            while chunk := opened.read(CHUNK_BYTES):
                for previous in running:
                    previous.result()
                running = [pool.submit(each.update, chunk) for each in hashes.values()]
                head = head or chunk[:_HEAD_BYTES]
                size_bytes += len(chunk)
                advance(len(chunk))
    _check(file, head)
    found = {name: each.hexdigest() for name, each in hashes.items()}
    return Sums(size_bytes, found["sha256"], found["sha512"], found.get("sha1"))
