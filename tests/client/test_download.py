from __future__ import annotations

import os
import resource
import ssl
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep
from types import SimpleNamespace
from typing import BinaryIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from comet_updates.errors import FileInTheWayError, NoAnswerError, RefusedDownloadError
from comet_updates_client import http as client_http
from comet_updates_client import own_file, verify
from comet_updates_client.download import NAME_MAX_CHARS, download, file_name
from comet_updates_client.manifest import Artifact
from comet_updates_client.verify import PublicKey
from tests.client.conftest import Server, artifact, http
from tests.client.test_verify import OTHER, PAIR, signature

BODY = bytes(range(256)) * 1_000
HALF = len(BODY) // 2


class Case:
    """A file on a server, and the folder for its download."""

    def __init__(self, server: Server, folder: Path, tls: ssl.SSLContext) -> None:
        self.server, self.folder, self._tls = server, folder, tls
        self.url = f"{server.url}/4.2.1/app.tar.gz"
        self.artifact = artifact(BODY, self.url)
        self.progress: list[int] = []
        server.answer = lambda _: http(BODY)

    def run(self, wanted: Artifact | None = None, public_key: PublicKey | None = None) -> Path:
        return download(wanted or self.artifact, self.folder, self._tls, public_key, self.progress.append)

    def files(self) -> dict[str, int]:
        return {file.name: file.stat().st_size for file in self.folder.iterdir()}

    def ranges(self) -> list[bytes]:
        return [line for request in self.server.received for line in request.split(b"\r\n") if b"Range" in line]

    def cut_off(self) -> None:
        """Send the first half, and then close the connection."""
        self.server.answer = lambda _: http(BODY[:HALF], content_length=str(len(BODY)))
        with pytest.raises(NoAnswerError, match="was cut off"):
            self.run()
        assert list(self.files().values()) == [HALF]
        assert not (self.folder / "app.tar.gz").exists()


def rest(request: bytes) -> bytes:
    """Return the answer of a server that can resume."""
    assert f"Range: bytes={HALF}-".encode() in request
    content_range = f"bytes {HALF}-{len(BODY) - 1}/{len(BODY)}"
    return http(BODY[HALF:], "206 Partial Content", content_range=content_range)


@pytest.fixture
def case(downloads: Server, tmp_path: Path, tls: ssl.SSLContext) -> Case:
    return Case(downloads, tmp_path / "downloads", tls)


def test_a_file_that_is_right_gets_its_name(case: Case) -> None:
    file = case.run()
    assert (file.name, file.read_bytes(), case.files()) == ("app.tar.gz", BODY, {"app.tar.gz": len(BODY)})
    assert (case.progress[0], case.progress[-1]) == (0, len(BODY))
    assert file.stat().st_mode & 0o111 == 0, "the file is not executable"


def test_a_file_that_is_there_is_not_asked_for_again(case: Case) -> None:
    case.run()
    assert case.run() == case.folder / "app.tar.gz"
    assert case.server.connections == 1


def test_the_download_goes_on_where_it_was_cut_off(case: Case) -> None:
    case.cut_off()
    case.server.answer = rest
    assert case.run().read_bytes() == BODY
    assert case.files() == {"app.tar.gz": len(BODY)}
    assert (len(case.ranges()), case.server.connections) == (1, 2)


def test_nothing_that_a_server_said_is_sent_back(case: Case) -> None:
    case.server.answer = lambda _: http(BODY[:HALF], content_length=str(len(BODY)), etag='"me"', set_cookie="id=me")
    with pytest.raises(NoAnswerError):
        case.run()
    case.server.answer = rest
    case.run()
    assert b"me" not in case.server.received[1].replace(b"comet", b"")


@pytest.mark.parametrize(
    "answer",
    [
        http(BODY),
        http(status="416 Range Not Satisfiable"),
        http(BODY[:HALF], "206 Partial Content", content_range=f"bytes 0-{HALF - 1}/{len(BODY)}"),
        http(BODY[HALF:], "206 Partial Content"),
    ],
    ids=["cannot", "has less", "sends another part", "does not say which part"],
)
def test_where_a_server_cannot_go_on_it_begins_anew(case: Case, answer: bytes) -> None:
    case.cut_off()
    case.server.answer = lambda request: answer if b"Range" in request else http(BODY)
    assert case.run().read_bytes() == BODY
    assert len(case.ranges()) == 1


def test_what_is_left_of_something_else_is_found_and_replaced(case: Case) -> None:
    case.cut_off()
    (part,) = case.folder.iterdir()
    part.write_bytes(b"x" * HALF)
    case.server.answer = lambda request: rest(request) if b"Range" in request else http(BODY)
    assert case.run().read_bytes() == BODY
    assert case.server.connections == 3


def test_what_is_left_of_another_release_is_not_gone_on_with(case: Case) -> None:
    case.cut_off()
    newer = artifact(BODY[::-1], case.url)
    case.server.answer = lambda _: http(BODY[::-1])
    assert case.run(newer).read_bytes() == BODY[::-1]
    assert case.ranges() == []


def endless(_: bytes) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n\r\n"
    while True:
        yield BODY


WRONG = {
    "another byte": (lambda _: http(BODY[:-1] + b"\0"), "size or hash differs"),
    "one byte more": (lambda _: http(BODY + b"\0"), "more than the 256000 bytes"),
    "one byte less": (lambda _: http(BODY[:-1]), "has 255999 bytes"),
    "no byte": (lambda _: http(), "has 0 bytes"),
    "no end": (endless, "more than the 256000 bytes"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_file_that_is_wrong_is_gone(case: Case, wrong: str) -> None:
    case.server.answer, problem = WRONG[wrong]  # type: ignore[assignment]
    with pytest.raises(RefusedDownloadError, match=problem):
        case.run()
    assert case.files() == {}


@pytest.mark.parametrize("status", ["302 Found", "404 Not Found", "500 Internal Server Error", "206 Partial Content"])
def test_any_other_answer_is_no_file(case: Case, status: str) -> None:
    case.server.answer = lambda _: http(BODY, status, location=f"{case.server.url}/elsewhere")
    with pytest.raises(NoAnswerError, match=f"status {status[:3]}"):
        case.run()
    assert (case.files(), case.server.connections) == ({}, 1)


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Limit the size of files, so that the system refuses to write, as it does if a disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_of_and_left_clean(case: Case, full_disk: None) -> None:
    with pytest.raises(RefusedDownloadError, match=r"cannot be written to .*: File too large"):
        case.run()
    assert case.files() == {}


def test_a_folder_that_is_none_is_told_of(case: Case) -> None:
    case.folder.write_text("a file")
    with pytest.raises(RefusedDownloadError, match="cannot be written to"):
        case.run()
    assert case.server.connections == 0


@pytest.mark.parametrize("what", ["file", "folder", "link"])
def test_what_has_the_name_already_is_not_touched(case: Case, what: str) -> None:
    case.folder.mkdir()
    there = case.folder / "app.tar.gz"
    if what == "folder":
        there.mkdir()
    elif what == "link":
        there.symlink_to(case.folder / "nowhere")
    else:
        there.write_text("mine")
    with pytest.raises(FileInTheWayError):
        case.run()
    assert case.server.connections == 0
    assert what != "file" or there.read_text() == "mine"


def test_nothing_is_written_through_a_link(case: Case, tmp_path: Path) -> None:
    case.cut_off()
    (part,) = case.folder.iterdir()
    part.unlink()
    (tmp_path / "mine").write_text("mine")
    part.symlink_to(tmp_path / "mine")
    case.server.answer = lambda _: http(BODY)
    case.run()
    assert (tmp_path / "mine").read_text() == "mine"


def hostile_part(case: Case, kind: str) -> None:
    """Put something in the place of the unfinished file, which has the right bytes so far."""
    case.cut_off()
    (part,) = case.folder.iterdir()
    if kind == "writable by all":
        part.chmod(0o666)
    elif kind == "writable by a group":
        part.chmod(0o664)
    elif kind == "hard link":
        (case.folder.parent / "mine").hardlink_to(part)
    else:
        part.unlink()
        os.mkfifo(part)


@pytest.mark.parametrize("kind", ["writable by all", "writable by a group", "hard link", "pipe"])
def test_unfinished_file_that_others_can_change_is_not_continued(case: Case, kind: str) -> None:
    hostile_part(case, kind)
    before = len(case.server.received)
    case.server.answer = lambda _: http(BODY)
    file = case.run()
    assert case.ranges() == []
    assert (file.read_bytes(), len(case.server.received) - before) == (BODY, 1)
    assert (stat.S_IMODE(file.stat().st_mode) & 0o022, file.stat().st_nlink) == (0, 1)
    if kind == "hard link":
        assert (case.folder.parent / "mine").stat().st_size == HALF, "nothing was written through it"


def test_unfinished_file_of_another_user_is_not_continued(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.cut_off()
    users = iter([os.geteuid() + 1])
    monkeypatch.setattr(os, "geteuid", lambda real=os.geteuid: next(users, real()))
    case.server.answer = lambda _: http(BODY)
    assert case.run().read_bytes() == BODY
    assert case.ranges() == []


@pytest.mark.parametrize("umask", [0, 0o002, 0o022])
def test_nobody_else_can_write_to_the_file_from_its_first_byte(case: Case, umask: int) -> None:
    modes = []
    case.server.answer = lambda _: http(BODY)
    before = os.umask(umask)
    try:
        download(
            case.artifact, case.folder, case._tls, None, lambda _: modes.append(next(case.folder.iterdir()).stat())
        )
        modes.append((case.folder / "app.tar.gz").stat())
    finally:
        os.umask(before)
    assert {stat.S_IMODE(mode.st_mode) for mode in modes} == {0o644}


@pytest.mark.parametrize("after", ["before the last check", "before the name"])
def test_file_that_is_exchanged_while_it_is_saved_is_refused(
    case: Case, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    """Another user can rename files in the folder. What is handed over is what was verified, or nothing."""
    place = (verify, "check") if after == "before the last check" else (own_file, "give_name")
    real = getattr(*place)

    def late(*arguments: object) -> None:
        (part,) = case.folder.iterdir()
        part.rename(case.folder / "verified")
        part.write_bytes(BODY)
        real(*arguments)

    monkeypatch.setattr(*place, late)
    with pytest.raises(RefusedDownloadError, match="somebody else replaced the file"):
        case.run()
    assert not (case.folder / "app.tar.gz").exists()


def test_file_made_at_the_last_moment_is_not_overwritten(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    real = own_file.give_name

    def late(opened: BinaryIO, part: Path, file: Path) -> None:
        file.write_bytes(b"theirs")
        real(opened, part, file)

    monkeypatch.setattr(own_file, "give_name", late)
    with pytest.raises(FileInTheWayError):
        case.run()
    assert (case.folder / "app.tar.gz").read_bytes() == b"theirs"


def test_verified_file_that_others_can_change_is_in_the_way(case: Case) -> None:
    case.run().chmod(0o666)
    with pytest.raises(FileInTheWayError):
        case.run()


def no_links(_file: Path, _target: Path) -> None:
    raise PermissionError


def test_file_on_windows_is_closed_before_it_is_renamed(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run as on Windows: no flag about links, no owner, no hard links on some disks, no renaming of an open file."""
    closed = []
    real = Path.rename

    def rename(file: Path, target: Path) -> Path:
        closed.append(all(f".{target.name}" not in each for each in open_files()))
        return real(file, target)

    case.cut_off()
    monkeypatch.setattr(own_file, "_FLAGS", os.O_RDWR)
    monkeypatch.delattr(os, "geteuid")
    monkeypatch.setattr(own_file, "os", SimpleNamespace(**(vars(os) | {"name": "nt"})))
    monkeypatch.setattr(Path, "hardlink_to", no_links)
    monkeypatch.setattr(Path, "rename", rename)
    case.server.answer = rest
    assert case.run().read_bytes() == BODY
    assert closed == [True]
    assert case.files() == {"app.tar.gz": len(BODY)}


def open_files() -> list[str]:
    return [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]


@pytest.mark.parametrize("form", ["length", "chunked"])
def test_file_that_comes_drop_by_drop_is_cut_off_and_continued(
    case: Case, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(client_http, "PACE_S", 0.2)
    monkeypatch.setattr(client_http, "PACE_BYTES", 10_000)

    def drops(_: bytes) -> Iterator[bytes]:
        if form == "length":
            yield http(BODY[:HALF], content_length=str(len(BODY)))
        else:
            yield b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
            yield f"{HALF:x}\r\n".encode() + BODY[:HALF] + b"\r\n"
            yield b"1"  # of the length of the next piece, which never ends
        while True:
            sleep(0.02)
            yield BODY[HALF:][:1] if form == "length" else b"0"

    case.server.answer = drops
    with pytest.raises(NoAnswerError, match="too slowly"):
        case.run()
    (had,) = case.files().values()
    assert HALF <= had < HALF + 100, "what arrived is kept"


def steady(step_bytes: int) -> Callable[[bytes], Iterator[bytes]]:
    """Return a server's answer that sends so many bytes of the file every hundredth of a second."""

    def answer(_: bytes) -> Iterator[bytes]:
        yield http(b"", content_length=str(len(BODY)))
        for start in range(0, len(BODY), step_bytes):
            sleep(0.01)
            yield BODY[start : start + step_bytes]

    return answer


def test_file_that_takes_longer_than_a_day_is_cut_off(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_http, "FILE_S", 0.2)

    case.server.answer = steady(1_000)
    with pytest.raises(NoAnswerError, match="too slowly"):
        case.run()


def test_file_that_keeps_its_pace_is_complete(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Positive control: as slow as allowed, over several measurements."""
    monkeypatch.setattr(client_http, "PACE_S", 0.05)
    monkeypatch.setattr(client_http, "PACE_BYTES", 1)

    case.server.answer = steady(16_000)
    assert case.run().read_bytes() == BODY


def test_a_file_is_signed_before_it_has_a_name(case: Case) -> None:
    wanted = artifact(BODY, case.url, signatures={"minisign": signature(BODY)})
    with pytest.raises(RefusedDownloadError, match="not signed with the key"):
        case.run(wanted, OTHER.public_key)
    assert case.files() == {}
    assert case.run(wanted, PAIR.public_key).read_bytes() == BODY


def test_a_file_that_is_not_signed_is_not_even_asked_for(case: Case) -> None:
    with pytest.raises(RefusedDownloadError, match="not signed"):
        case.run(public_key=PAIR.public_key)
    assert case.server.connections == 0


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (None, "app.tar.gz"),
        ("Comet Cursor Setup 4.2.1.exe", "Comet-Cursor-Setup-4.2.1.exe"),
        ("../../.bashrc", "bashrc"),
        ("C:\\Windows\\evil.dll", "evil.dll"),
        ("con.txt", "update-con.txt"),
        ("...", "update-"),
        ("/", "update-"),
        ("a\u202eexe.zip", "a-exe.zip"),
        (f"{'a' * 190}.zip", f"{'a' * (NAME_MAX_CHARS - 4)}.zip"),
    ],
)
def test_a_name_is_made_harmless(said: str | None, name: str) -> None:
    assert file_name(artifact(BODY, "https://a.example/4.2.1/app.tar.gz", file_name=said)) == name


@given(st.text(max_size=200))
@example("..")
@example("\x00")
@example("-rf")
def test_no_name_leads_out_of_the_folder(said: str) -> None:
    wanted = artifact(BODY, "https://a.example/f")._replace(file_name=said)
    name = file_name(wanted)
    assert name == Path(name).name
    assert name.isascii()
    assert name[0] not in ".-~"
    assert len(name) <= NAME_MAX_CHARS + len("update-")
