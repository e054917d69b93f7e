"""The folder of `serve --data`: the bucket between two runs, as files, and the keys of the samples.

A file has the time at which its object was written, because this time decides which rules an upload must keep. Only the
current version of each object is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from comet_updates.publish.bucket import Bucket
from comet_updates.publish.stored import Listed
from comet_updates_cli import files

_FORBIDDEN = {"", ".", ".."}


class Kept(NamedTuple):
    """An object that was kept."""

    key: str
    body: bytes
    written_at: datetime


def is_safe(key: str) -> bool:
    """Return whether `key` can be the path of a file below a folder, on every system."""
    return key.isprintable() and not set(key.split("/")) & _FORBIDDEN and not set(key) & set('\\:*?"<>|')


class KeptBucket:
    """Writes the objects of a bucket to a folder.

    Args:
        folder: the folder. It is created with the first object.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._saved: dict[str, Listed] = {}

    def objects(self) -> Iterator[Kept]:
        """Yield the objects in the folder, in the order in which they were written."""
        found = [file for file in self._folder.rglob("*") if file.is_file() and not file.name.startswith(".")]
        for file in sorted(found, key=lambda file: (file.stat().st_mtime, file)):
            at = datetime.fromtimestamp(int(file.stat().st_mtime), UTC)
            yield Kept(file.relative_to(self._folder).as_posix(), files.read(file, file.stat().st_size), at)

    def save(self, bucket: Bucket) -> None:
        """Write what changed in `bucket` since the last call.

        Raises:
            StoreUnavailableError: S3 fails.
            UnwritableFileError: a file cannot be written.
        """
        listed = {key: found for key, found in bucket.listed("").items() if is_safe(key)}
        for key, found in listed.items():
            if self._saved.get(key) != found and (current := bucket.current(key)):
                files.overwrite(self._folder / key, current.body, found.written_at)
        for key in self._saved.keys() - listed.keys():
            files.discard(self._folder / key)
        self._saved = listed
