"""Finds the files to release: those given, and those in the folders given."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from comet_updates.errors import ArtifactError
from comet_updates_cli import files
from comet_updates_cli.recognise import skipped

_DEPTH_MAX = 6
_FILES_MAX = 2_000


class Collected(NamedTuple):
    """The files, each once, and a line for each folder that was left out."""

    files: list[Path]
    skipped: list[str]


def collect(given: Iterable[Path]) -> Collected:
    """Return the files given, and those in the folders given.

    Raises:
        ArtifactError: a folder has far more files than a release.
        UnreadableFileError: a file cannot be read, or is a pipe or a device.
    """
    found = Collected([], [])
    seen: set[Path] = set()
    # A link such as `App-latest.zip` comes last, so that the release has the name of the file itself.
    for path in sorted(given, key=Path.is_symlink):
        _add(path, found, seen, 0)
    return found


def _add(path: Path, found: Collected, seen: set[Path], depth: int) -> None:
    if not path.is_dir():
        files.check_regular(path)
        if (real := path.resolve()) not in seen:
            seen.add(real)
            found.files.append(path)
        return
    # A folder that was named by itself is meant, but `dist/*` names the unpacked app, too.
    why = skipped.reason_for_folder(path.resolve().name) or _is_packed(path)
    if why:
        found.skipped.append(f"{path}/: {why}")
        return
    if (real := path.resolve()) in seen:  # by a link, perhaps to a folder around it
        return
    seen.add(real)
    if depth == _DEPTH_MAX or len(found.files) > _FILES_MAX:
        raise ArtifactError(f"{path}/", "contains too many files or folders", "Name the files to release")
    for inner in sorted(path.iterdir(), key=lambda one: (one.is_symlink(), one)):
        _add(inner, found, seen, depth + 1)


def _is_packed(folder: Path) -> str | None:
    """Return why a folder is left out if its content is in a package beside it, as Tauri leaves `deb/` and `rpm/`."""
    beside = (file.name for file in sorted(folder.parent.glob(f"{glob.escape(folder.name)}.*")) if file.is_file())
    package = next(beside, None)
    return f"the content of {package}" if package else None
