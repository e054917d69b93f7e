"""Files of a download that belong to this user alone, from the first byte to their name.

Other users may be able to write to the folder. A file counts as our own only if it is a regular file with one name,
this user owns it, and nobody else can write to it. The checks look at the open file, so they cannot be outrun.
"""

from __future__ import annotations

import os
import stat
import sys
from os.path import samestat
from pathlib import Path
from typing import BinaryIO

from comet_updates.errors import FileInTheWayError, RefusedDownloadError

_MODE = 0o644  # with any umask, nobody else can write
if sys.platform == "win32":  # no flags about links and pipes: comparing the open file with its name is enough
    _FLAGS = os.O_RDWR | os.O_BINARY
else:
    _FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK

_ATTEMPTS = 3
_OTHERS_CAN_WRITE = stat.S_IWGRP | stat.S_IWOTH


def open_part(part: Path) -> BinaryIO:
    """Open the unfinished file `part` for reading and writing. Create it if our own does not exist.

    Raises:
        OSError: it cannot be created, or another user's file of this name cannot be deleted.
    """
    for _ in range(_ATTEMPTS):
        try:
            return open(part, "x+b", opener=lambda path, flags: os.open(path, flags, _MODE))
        except FileExistsError:
            if opened := open_own(part):
                return opened
        part.unlink(missing_ok=True)
    raise FileExistsError


def open_own(file: Path) -> BinaryIO | None:
    """Open a file for reading and writing, or return None if it is not our own."""
    try:
        opened = open(file, "r+b", opener=lambda path, _: os.open(path, _FLAGS))  # noqa: SIM115 (`Path` has no opener)
    except OSError:  # such as a link or a folder
        return None
    if _is_own(opened, file):
        return opened
    opened.close()
    return None


def give_name(opened: BinaryIO, part: Path, file: Path) -> None:
    """Give the open file `part` its name `file`, so that `file` has the bytes of `opened`.

    Raises:
        FileInTheWayError: another file has this name. It stays as it is.
        RefusedDownloadError: somebody else replaced the file at this moment. Nothing has its name.
        OSError: the file cannot be renamed.
    """
    opened.flush()
    expected = os.fstat(opened.fileno())
    if os.name == "nt":
        opened.close()  # Windows cannot rename an open file
    try:
        file.hardlink_to(part)  # it never replaces a file, as a rename would
        part.unlink()
    except FileExistsError:
        raise FileInTheWayError(str(file)) from None
    except OSError:  # a file system without links
        if file.exists():
            raise FileInTheWayError(str(file)) from None
        part.rename(file)
    found = file.lstat()
    if not (samestat(found, expected) and found.st_size == expected.st_size and _is_private(found)):
        file.unlink(missing_ok=True)
        raise RefusedDownloadError("somebody else replaced the file while it was saved. Choose another folder")


def _is_own(opened: BinaryIO, file: Path) -> bool:
    found, named = os.fstat(opened.fileno()), file.lstat()
    return samestat(found, named) and stat.S_ISREG(named.st_mode) and _is_private(found)


def _is_private(found: os.stat_result) -> bool:
    """Return whether a file has one name, is this user's, and cannot be written by others."""
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        return False
    # Windows has no such owner and mode: there, the folder's rights decide.
    return not hasattr(os, "geteuid") or (found.st_uid == os.geteuid() and not found.st_mode & _OTHERS_CAN_WRITE)
