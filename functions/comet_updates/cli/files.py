"""Writes files for commands: nobody else's file is overwritten, and no file is left half written."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from comet_updates.errors import FileInTheWayError, FileNotWrittenError


def write_new(file: Path, body: bytes, option: str) -> None:
    """Write a file that does not exist. Do nothing if it has this content already.

    Creates the file exclusively, so neither an existing file nor the target of a symbolic link is overwritten.

    Args:
        file: the file; its folder exists.
        body: its content.
        option: what of the command names the file, for the error.

    Raises:
        FileInTheWayError: the file exists and has other content, or is not a regular file.
        FileNotWrittenError: the file cannot be written; no part of it is left.
    """
    try:
        _create(file, body)
    except FileExistsError:
        check_free(file, body, option)
    except OSError as error:
        raise FileNotWrittenError(str(file), error) from error


def check_free(file: Path, body: bytes, option: str) -> None:
    """Raise `FileInTheWayError` if `write_new` would: the file exists and does not have this content."""
    if exists(file) and not _holds(file, body):
        raise FileInTheWayError(str(file), option)


def rewrite(file: Path, body: bytes) -> None:
    """Replace a file of ours by a temporary file beside it: readers see the old content or the new one.

    A symbolic link is replaced itself, not its target.

    Raises:
        FileNotWrittenError: the file cannot be written, and has its old content.
    """
    try:
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.") as folder:
            written = Path(folder) / file.name
            _create(written, body)
            shutil.copymode(file, written)
            written.replace(file)
    except OSError as error:
        raise FileNotWrittenError(str(file), error) from error


def exists(file: Path) -> bool:
    """Return whether anything has this name, also a symbolic link that leads nowhere."""
    return file.is_symlink() or file.exists()


def _create(file: Path, body: bytes) -> None:
    """Create a file that does not exist, with all of `body`. Leave no file if that fails."""
    opened = file.open("xb")
    try:
        with opened:
            opened.write(body)
    except BaseException:
        with suppress(OSError):
            file.unlink()
        raise


def _holds(file: Path, body: bytes) -> bool:
    with suppress(OSError):
        return file.is_file() and file.stat().st_size == len(body) and file.read_bytes() == body
    return False
