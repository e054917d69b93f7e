"""Files of the person at the terminal: all commands read and write them here.

They are written whole or not at all, and never lost: under a temporary name, `.NAME.*.tmp`, and they get their own name
last. So a reader, a full disk or a kill finds a file as it was, or complete.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from stat import S_ISREG

from comet_updates.errors import ConcurrentPublishError, FileInTheWayError, UnreadableFileError, UnwritableFileError

if sys.platform == "win32":  # it has no pipes among its files
    _NO_WAIT = 0
else:
    _NO_WAIT = os.O_NONBLOCK
_NAME_MAX_CHARS = 100  # of the name in the temporary name, which a file system limits to 255 bytes


def read(file: Path, max_bytes: int) -> bytes:
    """Return the content of a regular file, at most one byte more than `max_bytes`.

    Raises:
        UnreadableFileError: it cannot be read, or is not a regular file: reading a pipe or a device may never end.
    """
    with opened(file) as content:
        return content.read(max_bytes + 1)


@contextmanager
def opened(file: Path) -> Iterator[BufferedReader]:
    """Open a regular file to read its bytes. The file has the same errors while it is read.

    Raises:
        UnreadableFileError: it cannot be read, or is not a regular file: reading a pipe or a device may never end.
    """
    try:
        # Opening a pipe would wait for a writer, and opening a device could change something.
        check_regular(file)
        with open(file, "rb", opener=lambda path, flags: os.open(path, flags | _NO_WAIT)) as content:
            if not S_ISREG(os.fstat(content.fileno()).st_mode):  # it was replaced at this moment
                raise UnreadableFileError(str(file), "is not a regular file")
            yield content
    except OSError as error:
        raise UnreadableFileError(str(file), error.strerror or str(error)) from error


def check_regular(file: Path) -> None:
    """Check that reading `file` ends: it is not a pipe, a device or a folder.

    Raises:
        UnreadableFileError: it is not a regular file, or does not exist.
    """
    try:
        if not S_ISREG(file.stat().st_mode):
            raise UnreadableFileError(str(file), "is not a regular file")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise UnreadableFileError(str(file), getattr(error, "strerror", None) or str(error)) from error


def check_free(file: Path, body: bytes) -> bool:
    """Return whether `file` is still to be written; False if it holds `body` already.

    Raises:
        FileInTheWayError: it holds something else, or is a link or a folder.
        UnwritableFileError: it cannot be read.
    """
    with _told(file):
        if not (file.exists() or file.is_symlink()):
            return True
        if not file.is_file() or not _holds(file, body):
            raise FileInTheWayError(str(file))
    return False


def create(file: Path, body: bytes, *, is_private: bool = False) -> None:
    """Write `body` to a file that does not exist yet; do nothing if it holds `body` already.

    Args:
        file: the file. Its folder is created if it does not exist.
        body: the content.
        is_private: whether only the owner may read the file.

    Raises:
        FileInTheWayError: it holds something else. It stays as it is.
        UnwritableFileError: it cannot be written. It does not exist.
    """
    if not check_free(file, body):
        return
    with _told(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        with _written(file, body, 0o600 if is_private else 0o666) as temporary:
            try:
                file.hardlink_to(temporary)  # it never replaces a file, as a rename would
            except FileExistsError:
                raise FileInTheWayError(str(file)) from None
            except OSError:  # no links, as on a USB stick: reserve the name, or find it taken
                _reserve(file)
                temporary.replace(file)


def replace(file: Path, body: bytes, read: bytes) -> None:
    """Write `body` in the place of what `file` holds.

    Args:
        file: the file. If it is a link, the file that it leads to is written.
        body: the new content.
        read: the old content, from which `body` was made.

    Raises:
        ConcurrentPublishError: somebody else changed it since. It stays as it is.
        UnwritableFileError: it cannot be written. It stays as it is.
    """
    with _told(file):
        real = file.resolve(strict=True)
        mode = real.stat().st_mode & 0o777
        with _written(real, body, mode) as temporary:
            temporary.chmod(mode)
            _check_unchanged(real, read)
            temporary.replace(real)


def overwrite(file: Path, body: bytes, written_at: datetime) -> None:
    """Write `body` to `file`, in the place of anything, with the time `written_at`. A missing folder is created.

    Raises:
        UnwritableFileError: it cannot be written. It stays as it is.
    """
    with _told(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        with _written(file, body, 0o666) as temporary:
            os.utime(temporary, (written_at.timestamp(), written_at.timestamp()))
            temporary.replace(file)


def remove(file: Path, read: bytes) -> None:
    """Delete a file that holds `read`.

    Raises:
        ConcurrentPublishError: somebody else changed it since. It stays as it is.
        UnwritableFileError: it cannot be deleted.
    """
    with _told(file):
        _check_unchanged(file, read)
        file.unlink()


def discard(file: Path) -> None:
    """Delete `file`, if it exists.

    Raises:
        UnwritableFileError: it cannot be deleted.
    """
    with _told(file):
        file.unlink(missing_ok=True)


def _check_unchanged(file: Path, read: bytes) -> None:
    if not _holds(file, read):
        raise ConcurrentPublishError(f"{file}: somebody else changed it at the same time. Try again.")


def _holds(file: Path, body: bytes) -> bool:
    """Return whether `file` has exactly the content `body`. A larger file is not read."""
    return file.stat().st_size == len(body) and file.read_bytes() == body


@contextmanager
def _written(file: Path, body: bytes, mode: int) -> Iterator[Path]:
    """Yield a temporary file beside `file` with the content `body`, and delete it at the end if it is still there."""
    temporary = file.with_name(f".{file.name[:_NAME_MAX_CHARS]}.{secrets.token_hex(8)}.tmp")
    temporary.touch(mode, exist_ok=False)
    try:
        with temporary.open("r+b") as content:
            content.write(body)
            content.flush()
            os.fsync(content.fileno())  # or a power failure could leave a file with a name and without content
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _reserve(file: Path) -> None:
    """Create an empty file.

    Raises:
        FileInTheWayError: the file exists.
    """
    try:
        file.touch(exist_ok=False)
    except FileExistsError:
        raise FileInTheWayError(str(file)) from None


@contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnwritableFileError(str(file), error.strerror or type(error).__name__) from error
