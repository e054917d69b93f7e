"""Downloads an artifact: goes on where it was cut off, takes no byte too many, and gives the file its name last.

What is there already is known by the hash in the name of the unfinished file, and the whole is held against the hash
at the end. So nothing that the server said (an ETag, say, which it could make up for one client) is ever sent back.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from comet_updates.errors import FileInTheWayError, NoAnswerError, RefusedDownloadError
from comet_updates_client import http, request, verify
from comet_updates_client.manifest import Artifact
from comet_updates_client.verify import PublicKey

NAME_MAX_CHARS = 120
WHOLE, PARTIAL, NO_SUCH_PART = 200, 206, 416
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)", re.IGNORECASE)  # on Windows

Advance = Callable[[int], None]
"""Is told how many bytes are there, now and then."""


def download(
    artifact: Artifact,
    folder: Path,
    tls: ssl.SSLContext,
    public_key: PublicKey | None = None,
    advance: Advance = lambda _: None,
) -> Path:
    """Download `artifact` to `folder` and verify it. Nothing is run or installed, and nothing is overwritten.

    Args:
        artifact: what to download.
        folder: where to; made if it is not there.
        tls: by what the server is known.
        public_key: of minisign. If there is one, the file has to be signed with it.
        advance: see `Advance`.

    Returns:
        The file, under its name. If it was there already, as it should be, nothing is asked for.

    Raises:
        NoAnswerError: the server does not answer, or the connection was cut; what came stays for the next time.
        RefusedDownloadError: what came is not what was offered, or cannot be written. It is gone.
        FileInTheWayError: another file has the name already.
    """
    size_bytes = verify.check_promised(artifact, public_key)
    file = folder / file_name(artifact)
    part = folder / f".{file.name}.{(artifact.sha256 or artifact.sha512 or '')[:16]}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if file.exists() or file.is_symlink():
            return _there_already(file, artifact, public_key)
        if part.is_symlink():  # somebody else's: what is written here has to stay here
            part.unlink()
        had = _size_bytes(part)
        _fill(artifact, part, size_bytes, tls, advance)
        if not verify.has_its_bytes(part, artifact) and had:  # what was there was perhaps of something else
            part.unlink()
            _fill(artifact, part, size_bytes, tls, advance)
        verify.check(part, artifact, public_key)
        part.replace(file)
    except RefusedDownloadError:
        _discard(part)
        raise
    except OSError as error:
        _discard(part)
        raise RefusedDownloadError(
            f"{folder} cannot take the file: {error.strerror or type(error).__name__}"
        ) from error
    return file


def file_name(artifact: Artifact) -> str:
    """A name that is harmless on every system: no path, no hidden file, nothing that a shell or a person misreads."""
    said = artifact.file_name or unquote(urlsplit(artifact.url).path)
    last = re.split(r"[/\\]", said)[-1]
    name = re.sub(r"[^\w.+()@~-]+", "-", last, flags=re.ASCII).strip(".-~")[-NAME_MAX_CHARS:].lstrip(".-~")
    return f"update-{name}" if not name or _RESERVED.match(name) else name


def _there_already(file: Path, artifact: Artifact, public_key: PublicKey | None) -> Path:
    try:
        verify.check(file, artifact, public_key)
    except (RefusedDownloadError, OSError) as error:
        raise FileInTheWayError(str(file)) from error
    return file


def _discard(part: Path) -> None:
    with suppress(OSError):
        part.unlink(missing_ok=True)


def _size_bytes(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _fill(artifact: Artifact, part: Path, size_bytes: int, tls: ssl.SSLContext, advance: Advance) -> None:
    """Bring `part` to `size_bytes`, from where it is or anew."""
    address = request.file(artifact.url)
    offset = _size_bytes(part)
    if offset >= size_bytes:
        offset = 0
    with http.sent(address, request.download(address, offset), tls) as reply:
        goes_on = offset > 0 and reply.status == PARTIAL
        rest = re.fullmatch(rf"bytes {offset}-[0-9]+/{size_bytes}", reply.header("content-range"))
        if (goes_on and rest) or reply.status == WHOLE:
            with part.open("ab" if goes_on else "wb") as opened:
                _copy(reply, opened, offset if goes_on else 0, size_bytes, advance)
            return
        if not (offset and reply.status in (PARTIAL, NO_SUCH_PART)):
            raise NoAnswerError(address.name, f"answers with status {reply.status}")
    part.unlink()
    _fill(artifact, part, size_bytes, tls, advance)


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
