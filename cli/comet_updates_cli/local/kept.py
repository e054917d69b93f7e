"""The folder of `serve --data`: the bucket between two runs, as files, and the keys of the samples.

A file has the time at which its object was written, because this time decides which rules an upload must keep. Only the
current version of each object is kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from comet_updates.errors import UnwritableFileError
from comet_updates.publish.bucket import Bucket
from comet_updates.publish.stored import Listed

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
        files = [file for file in self._folder.rglob("*") if file.is_file() and not file.name.startswith(".")]
        for file in sorted(files, key=lambda file: (file.stat().st_mtime, file)):
            at = datetime.fromtimestamp(int(file.stat().st_mtime), UTC)
            yield Kept(file.relative_to(self._folder).as_posix(), file.read_bytes(), at)

    def save(self, bucket: Bucket) -> None:
        """Write what changed in `bucket` since the last call.

        Raises:
            StoreUnavailableError: S3 fails.
            UnwritableFileError: a file cannot be written.
        """
        listed = {key: found for key, found in bucket.listed("").items() if is_safe(key)}
        try:
            for key, found in listed.items():
                if self._saved.get(key) != found and (current := bucket.current(key)):
                    self._write(self._folder / key, current.body, found.written_at)
            for key in self._saved.keys() - listed.keys():
                (self._folder / key).unlink(missing_ok=True)
        except OSError as error:
            raise UnwritableFileError(str(error.filename), error.strerror or type(error).__name__) from error
        self._saved = listed

    @staticmethod
    def _write(file: Path, body: bytes, at: datetime) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_name(f".{file.name}.tmp")
        unfinished.write_bytes(body)
        os.utime(unfinished, (at.timestamp(), at.timestamp()))
        unfinished.replace(file)
