"""Test the size and hashes of files of any length."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from comet_updates.errors import UnreadableFileError
from comet_updates_cli.hash_files import CHUNK_BYTES, sums


@pytest.mark.parametrize("size_bytes", [2, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES + 7])
@pytest.mark.parametrize("name", ["App.bin", "App-full.nupkg"])
def test_the_hashes_are_those_of_all_its_bytes_in_their_order(tmp_path: Path, name: str, size_bytes: int) -> None:
    body = b"PK" + random.Random(size_bytes).randbytes(size_bytes - 2)
    file = tmp_path / name
    file.write_bytes(body)
    read: list[int] = []
    found = sums(file, read.append)
    assert found.size_bytes == sum(read) == size_bytes
    assert (found.sha256, found.sha512) == (hashlib.sha256(body).hexdigest(), hashlib.sha512(body).hexdigest())
    assert found.sha1 == (hashlib.sha1(body).hexdigest() if name.endswith(".nupkg") else None)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=r"is not a regular file\. Check the file"):
        sums(tmp_path)
