from __future__ import annotations

import resource
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from comet_updates.errors import FileInTheWayError, NoAnswerError, RefusedDownloadError
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
