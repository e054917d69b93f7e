"""What is known of the bytes of a built file: size and hashes, in one pass and in constant memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from comet_updates.errors import ArtifactError

CHUNK_BYTES = 1 << 20
SQUIRREL_ENDING = ".nupkg"  # only Squirrel and Velopack ask for SHA-1

# The first bytes of what ends so. A page of an error that was saved in place of the file begins otherwise.
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
    """What is known of the bytes of a file; hashes in hexadecimal, SHA-1 only where an updater asks for it."""

    size_bytes: int
    sha256: str
    sha512: str
    sha1: str | None


def sums(file: Path, advance: Callable[[int], None] = lambda _: None) -> Sums:
    """Size and hashes of a file, in one pass. `advance` is told how many bytes were read. Raises `ArtifactError`."""
    hashes = {"sha256": hashlib.sha256(), "sha512": hashlib.sha512()}
    if file.name.lower().endswith(SQUIRREL_ENDING):
        hashes["sha1"] = hashlib.sha1(usedforsecurity=False)
    size_bytes, head = 0, b""
    # Each hash in a thread of its own, while the next piece is read: `hashlib` lets go of the interpreter meanwhile.
    with ThreadPoolExecutor(len(hashes)) as pool:
        running: list[Future[None]] = []
        try:
            with file.open("rb", buffering=0) as opened:
                while chunk := opened.read(CHUNK_BYTES):
                    for previous in running:
                        previous.result()
                    running = [pool.submit(each.update, chunk) for each in hashes.values()]
                    head = head or chunk[:16]
                    size_bytes += len(chunk)
                    advance(len(chunk))
        except OSError as error:
            raise ArtifactError(str(file), f"cannot be read: {error.strerror}", "Make it readable") from error
    expected = next((magic for ending, magic in _MAGIC.items() if file.name.lower().endswith(ending)), b"")
    if not size_bytes or not head.startswith(expected):
        raise ArtifactError(str(file), f"is no {file.suffix or 'file'}: it begins with {head[:8]!r}", "Build it again")
    found = {name: each.hexdigest() for name, each in hashes.items()}
    return Sums(size_bytes, found["sha256"], found["sha512"], found.get("sha1"))
