"""Download an artifact: resume an interrupted download, never exceed the stated size, and name the file last.

The name of the unfinished file contains the artifact's hash, and the complete file is compared with the hash at the
end. So nothing from the server is ever sent back, such as an ETag, which a server could use to recognise a client.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from os import SEEK_END
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from comet_updates.errors import FileInTheWayError, NoAnswerError, RefusedDownloadError
from comet_updates_client import http, own_file, request, verify
from comet_updates_client.manifest import Artifact
from comet_updates_client.verify import PublicKey

NAME_MAX_CHARS = 120
WHOLE, PARTIAL, NO_SUCH_PART = 200, 206, 416
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)", re.IGNORECASE)  # on Windows

Advance = Callable[[int], None]
"""A function that is called during the download with the number of bytes that are on disk."""


def download(
    artifact: Artifact,
    folder: Path,
    tls: ssl.SSLContext,
    public_key: PublicKey | None = None,
    advance: Advance = lambda _: None,
) -> Path:
    """Download `artifact` to `folder` and verify it. Nothing is run or installed, and nothing is overwritten.

    Args:
        artifact: the file to download.
        folder: the folder for the file. It is created if it does not exist.
        tls: the TLS settings that identify the server.
        public_key: a key of minisign, or None. If given, the file must be signed with it.
        advance: see `Advance`.

    Returns:
        The path of the file. If the verified file exists already, no request is sent.

    Raises:
        NoAnswerError: the server does not answer, or the connection was cut. The next call resumes the download.
        RefusedDownloadError: the file is not the offered one, or cannot be written. It is deleted.
        FileInTheWayError: another file with this name exists, or somebody else can change it.
    """
    size_bytes = verify.check_promised(artifact, public_key)
    file = folder / file_name(artifact)
    part = folder / f".{file.name}.{(artifact.sha256 or artifact.sha512 or '')[:16]}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if file.exists() or file.is_symlink():
            return _there_already(file, artifact, public_key)
        with own_file.open_part(part) as opened:
            had = _fill(artifact, opened, size_bytes, tls, advance)
            if had and not verify.has_its_bytes(opened, artifact):  # the unfinished file may have been wrong
                opened.truncate(0)
                _fill(artifact, opened, size_bytes, tls, advance)
            verify.check(opened, artifact, public_key)
            own_file.give_name(opened, part, file)
    except NoAnswerError:
        if _size_bytes(part) == 0:  # nothing to continue with
            _discard(part)
        raise
    except RefusedDownloadError:
        _discard(part)
        raise
    except OSError as error:
        _discard(part)
        raise RefusedDownloadError(
            f"the file cannot be written to {folder}: {error.strerror or type(error).__name__}"
        ) from error
    return file


def file_name(artifact: Artifact) -> str:
    """Return a file name that is safe on every system: without a path, not hidden, and with plain characters only."""
    said = artifact.file_name or unquote(urlsplit(artifact.url).path)
    last = re.split(r"[/\\]", said)[-1]
    name = re.sub(r"[^\w.+()@~-]+", "-", last, flags=re.ASCII).strip(".-~")[-NAME_MAX_CHARS:].lstrip(".-~")
    return f"update-{name}" if not name or _RESERVED.match(name) else name


def _there_already(file: Path, artifact: Artifact, public_key: PublicKey | None) -> Path:
    opened = own_file.open_own(file)
    if opened is None:
        raise FileInTheWayError(str(file))
    with opened:
        try:
            verify.check(opened, artifact, public_key)
        except (RefusedDownloadError, OSError) as error:
            raise FileInTheWayError(str(file)) from error
    return file


def _size_bytes(part: Path) -> int:
    try:
        return part.lstat().st_size
    except OSError:
        return 0


def _discard(part: Path) -> None:
    with suppress(OSError):
        part.unlink(missing_ok=True)


def _fill(artifact: Artifact, part: BinaryIO, size_bytes: int, tls: ssl.SSLContext, advance: Advance) -> int:
    """Download into `part` until it has `size_bytes`. Resume if possible, or start again.

    Return how many bytes were not downloaded again.
    """
    address = request.file(artifact.url)
    offset = part.seek(0, SEEK_END)
    if offset >= size_bytes:
        offset = 0
    with http.sent(address, request.download(address, offset), tls) as reply:
        goes_on = offset > 0 and reply.status == PARTIAL
        rest = re.fullmatch(rf"bytes {offset}-[0-9]+/{size_bytes}", reply.header("content-range"))
        if (goes_on and rest) or reply.status == WHOLE:
            had = offset if goes_on else 0
            part.seek(had)
            part.truncate()
            _copy(reply, part, had, size_bytes, advance)
            return had
        if not (offset and reply.status in (PARTIAL, NO_SUCH_PART)):
            raise NoAnswerError(address.name, f"answers with status {reply.status}")
    part.truncate(0)
    return _fill(artifact, part, size_bytes, tls, advance)


def _copy(reply: http.Reply, to: BinaryIO, done: int, size_bytes: int, advance: Advance) -> None:
    advance(done)
    while chunk := reply.read():
        done += len(chunk)
        if done > size_bytes:
            raise RefusedDownloadError(f"the file has more than the {size_bytes} bytes that the release states")
        to.write(chunk)
        advance(done)
    if done < size_bytes:
        raise RefusedDownloadError(f"the file has {done} bytes, and the release states {size_bytes}")
