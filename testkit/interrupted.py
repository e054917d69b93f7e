"""A process that dies at a chosen change to the file system: that change and all later ones fail.

Python's audit hooks see each change before it happens, whichever library makes it.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_CHANGES = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "os.symlink"}
_WRITES = 0x1 | 0x2  # O_WRONLY, O_RDWR


class Interruption:
    """Lets `left` changes below `folder` happen.

    Attributes:
        happened: whether a change was prevented.
    """

    def __init__(self, folder: Path, left: int, *, is_once: bool) -> None:
        self.happened = False
        self._folder, self._left, self._is_once = str(folder), left, is_once

    def sees(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Raise `OSError` if the change must not happen."""
        if not self._is_change(event, arguments) or (self.happened and self._is_once):
            return
        if self._left > 0:
            self._left -= 1
            return
        self.happened = True
        raise OSError(errno.ENOSPC, "No space left on device")

    def _is_change(self, event: str, arguments: tuple[Any, ...]) -> bool:
        is_change = event in _CHANGES or (event == "open" and bool((arguments[2] or 0) & _WRITES))
        return is_change and str(arguments[0]).startswith(self._folder)


_current: list[Interruption] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    for interruption in _current:
        interruption.sees(event, arguments)


@contextmanager
def interrupted(folder: Path, after: int, *, is_once: bool = False) -> Iterator[Interruption]:
    """Let `after` changes below `folder` happen, then no more; with `is_once`, only the next one fails."""
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_hook)  # it cannot be removed
    interruption = Interruption(folder, after, is_once=is_once)
    _current.append(interruption)
    try:
        yield interruption
    finally:
        _current.remove(interruption)


_hooked: list[bool] = []
