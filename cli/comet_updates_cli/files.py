"""Files of the person at the terminal: written whole or not at all, and never lost."""

from __future__ import annotations

import tempfile
from pathlib import Path

from comet_updates.errors import FileInTheWayError


def check_free(file: Path, body: bytes) -> bool:
    """Return whether `file` is still to be written; False if it holds `body` already.

    Raises:
        FileInTheWayError: it holds something else, or is a link or a folder.
    """
    if not (file.exists() or file.is_symlink()):
        return True
    if not file.is_file() or file.read_bytes() != body:
        raise FileInTheWayError(str(file))
    return False


def create(file: Path, body: bytes) -> None:
    """Write `body` to a file that does not exist yet; do nothing if it holds `body` already.

    Raises:
        FileInTheWayError: it holds something else. It stays as it is.
        OSError: it cannot be written.
    """
    if not check_free(file, body):
        return
    try:
        opened = file.open("xb")  # a link counts as existing, wherever it leads
    except FileExistsError:
        raise FileInTheWayError(str(file)) from None
    try:
        with opened:
            opened.write(body)
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def replace(file: Path, body: bytes) -> None:
    """Write `body` in the place of what `file` holds: a reader, or a kill, finds the old bytes or the new ones.

    Raises:
        OSError: it cannot be written. It stays as it is.
    """
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as opened:
        temporary = Path(opened.name)
        try:
            opened.write(body)
            opened.close()
            temporary.chmod(file.stat().st_mode & 0o777)
            temporary.replace(file)
        except BaseException:
            opened.close()
            temporary.unlink(missing_ok=True)
            raise
