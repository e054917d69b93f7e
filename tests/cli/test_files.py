"""Files of a person: whole or not there, never written over, and complete after the next run.

Each command that writes a file is interrupted at each change that it makes to the file system.
"""

from __future__ import annotations

import ast
import json
import os
import resource
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer import Exit
from typer.testing import CliRunner, Result

from comet_updates.answer.errors import CometError
from comet_updates.errors import ConcurrentPublishError, FileInTheWayError, UnreadableFileError, UnwritableFileError
from comet_updates_cli import app, files, release_document
from comet_updates_cli.commands.import_feed import import_feed
from comet_updates_cli.local.local_aws import LocalAws
from comet_updates_cli.signing import key_folder
from testkit.interrupted import interrupted
from testkit.project import ROOT

NOW = datetime(2026, 11, 29, tzinfo=UTC)
FEED = """\
<rss xmlns:sparkle="http://www.andymatuschak.org/xml-namespaces/sparkle"><channel>
<item><enclosure url="https://a.example/1.zip" sparkle:version="1" length="1"/></item>
<item><enclosure url="https://a.example/2.zip" sparkle:version="2" length="1"/></item>
</channel></rss>"""

Command = Callable[[Path], object]
"""Runs in a folder that has keys in `keys/` and, for most commands, root and targets in `trust/`."""


def key(folder: Path, name: str) -> Path:
    return folder / "keys" / f"{name}.pem"


def public(folder: Path, name: str) -> Path:
    return folder / "keys" / f"{name}.pem.pub"


def begin(folder: Path) -> None:
    keys = [public(folder, "a"), public(folder, "b")]
    key_folder.begin(folder / "trust", keys, keys, public(folder, "c"), threshold=2, now=NOW, is_dry=False)


def sign(name: str) -> Command:
    return lambda folder: key_folder.sign(folder / "trust", f"file2:{key(folder, name)}", is_dry=False)


def import_a_feed(folder: Path) -> None:
    import_feed([str(folder / "appcast.xml")], product="nova", channel="stable", to=folder / "new", quiet=True)


COMMANDS: dict[str, Command] = {
    "keys create": lambda folder: key_folder.create(key(folder, "new")),
    "keys export": lambda folder: key_folder.export(f"file2:{key(folder, 'a')}", folder / "a.pub"),
    "keys begin": begin,
    "keys sign": sign("b"),
    "keys delegate": lambda folder: key_folder.delegate(
        folder / "trust", "nova", [public(folder, "c")], 1, now=NOW, is_dry=False
    ),
    "keys rotate": lambda folder: key_folder.rotate(
        folder / "trust", "targets", [public(folder, "c")], [], now=NOW, is_dry=False
    ),
    "keys revoke": lambda folder: key_folder.revoke(folder / "trust", keyid(folder, "d"), now=NOW, is_dry=False),
    "import": import_a_feed,
}


def keyid(folder: Path, name: str) -> str:
    return key_folder.public(public(folder, name)).keyid


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys, and root and targets with the signature of one of two owners."""
    folder = tmp_path_factory.mktemp("made")
    for name in "abcd":
        key_folder.create(key(folder, name))
    keys = [public(folder, name) for name in "abd"]
    key_folder.begin(folder / "trust", keys, keys, public(folder, "c"), threshold=2, now=NOW, is_dry=False)
    sign("a")(folder)
    (folder / "appcast.xml").write_text(FEED)
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    """Return the files with a name of their own."""
    found = {str(file.relative_to(folder)): file for file in folder.rglob("*") if file.is_file()}
    return {name: file.read_bytes() for name, file in found.items() if not name.endswith(".tmp")}


def is_whole(name: str, body: bytes) -> bool:
    if name.endswith(".pem"):
        return body.endswith(b"-----END PRIVATE KEY-----\n")
    return name.endswith(".xml") or isinstance(json.loads(body), dict)


def signatures(folder: Path) -> dict[str, set[str]]:
    read = {file: json.loads(file.read_bytes()) for file in (folder / "trust").rglob("*.json")}
    return {
        str(file.relative_to(folder)): {each["keyid"] for each in said["signatures"]} for file, said in read.items()
    }


def copied(made: Path, folder: Path, command: str) -> Path:
    shutil.copytree(made, folder)
    if command == "keys begin":
        shutil.rmtree(folder / "trust")
    return folder


def run_again(command: str, folder: Path) -> None:
    """Run a command as a person would who read its message."""
    if command == "keys create" and key(folder, "new").exists():
        key_folder.export(f"file2:{key(folder, 'new')}", public(folder, "new"))
    else:
        with suppress(CometError):  # it was complete already
            COMMANDS[command](folder)


@pytest.mark.parametrize(
    "is_once", [pytest.param(True, id="fails once"), pytest.param(False, id="is killed", marks=pytest.mark.full)]
)
@pytest.mark.parametrize("command", COMMANDS)
def test_command_interrupted_at_any_write_loses_nothing(
    made: Path, tmp_path: Path, command: str, *, is_once: bool
) -> None:
    COMMANDS[command](whole := copied(made, tmp_path / "whole", command))
    for after in range(100):
        folder = copied(made, tmp_path / str(after), command)
        before, signed = tree(folder), signatures(folder)
        with interrupted(folder, after, is_once=is_once) as interruption, suppress(CometError, Exit, OSError):
            COMMANDS[command](folder)
        left = tree(folder)
        assert left.keys() >= before.keys()
        assert all(is_whole(name, body) for name, body in left.items()), "whole, or not there"
        assert all(signatures(folder)[name] >= keyids for name, keyids in signed.items()), "no signature is dropped"
        assert {name for name in before if left[name] != before[name]} <= set(signed), "only what is signed changes"
        run_again(command, folder)
        assert tree(folder).keys() == tree(whole).keys(), "the next run completes it"
        assert signatures(folder) == signatures(whole)
        if not interruption.happened:
            assert after > 2, "positive control: some changes were prevented"
            return
    pytest.fail("never complete")


@pytest.mark.parametrize("command", ["keys export", "keys begin", "keys sign", "keys delegate", "import"])
def test_command_on_a_full_disk_says_so_and_changes_nothing(made: Path, tmp_path: Path, command: str) -> None:
    folder = copied(made, tmp_path / "full", command)
    before, limit = tree(folder), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limit[1]))
    try:
        with pytest.raises((UnwritableFileError, Exit)):
            COMMANDS[command](folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert tree(folder) == before
    assert list(folder.rglob("*.tmp")) == []


def test_two_owners_who_sign_at_once_keep_both_signatures(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let the second owner sign after the first has read the file, and before the first writes it."""
    folder = copied(made, tmp_path / "shared", "keys sign")
    written = files.replace

    def late(file: Path, body: bytes, read: bytes) -> None:
        monkeypatch.setattr(files, "replace", written)
        sign("d")(folder)
        written(file, body, read)

    monkeypatch.setattr(files, "replace", late)
    sign("b")(folder)
    assert signatures(folder)["trust/root/1.json"] == {keyid(folder, name) for name in "abd"}


def test_file_that_changed_since_it_was_read_stays(tmp_path: Path) -> None:
    file = tmp_path / "root.json"
    file.write_bytes(b"theirs")
    with pytest.raises(ConcurrentPublishError, match=r"root.json: somebody else changed it"):
        files.replace(file, b"new", b"old")
    with pytest.raises(ConcurrentPublishError, match=r"root.json: somebody else changed it"):
        files.remove(file, b"old")
    assert tree(tmp_path) == {"root.json": b"theirs"}
    files.remove(file, b"theirs")  # positive control
    assert tree(tmp_path) == {}


def test_replace_keeps_a_link_and_the_permissions(tmp_path: Path) -> None:
    file, link = tmp_path / "root.json", tmp_path / "link"
    file.write_bytes(b"old")
    file.chmod(0o640)
    link.symlink_to(file)
    files.replace(link, b"new", b"old")
    assert (link.is_symlink(), file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (True, b"new", 0o640)


@pytest.mark.parametrize("has_links", [True, False], ids=["hard links", "a USB stick"])
def test_create_never_writes_over_a_file_made_at_that_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_links: bool
) -> None:
    file, link_to = tmp_path / "key.pem", Path.hardlink_to
    taken = iter([True, False])

    def late(self: Path, target: Path) -> None:
        if next(taken):
            self.write_bytes(b"theirs")
        if not has_links:
            raise PermissionError
        link_to(self, target)

    monkeypatch.setattr(Path, "hardlink_to", late)
    with pytest.raises(FileInTheWayError):
        files.create(file, b"mine", is_private=True)
    assert file.read_bytes() == b"theirs"
    file.unlink()
    files.create(file, b"mine", is_private=True)
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"mine", 0o600), "positive control"
    assert [each.name for each in tmp_path.iterdir()] == ["key.pem"]


def fifo(folder: Path) -> str:
    os.mkfifo(folder / "pipe")
    return str(folder / "pipe")


def app_with(folder: Path, ending: str = "", endless: str = "") -> Path:
    """Make a file to release. If there is an ending, a link beside the file leads to what never ends."""
    file = folder / "nova-setup.exe"
    file.write_bytes(b"MZ")
    if ending:
        file.with_name(file.name + ending).symlink_to(endless)
    return file


ENDLESS: dict[str, Callable[[Path, str], list[str]]] = {
    "keys id": lambda _, endless: ["keys", "id", endless],
    "keys begin": lambda folder, endless: [
        *("keys", "begin", str(folder / "new"), "--root", endless, "--threshold", "1", "--targets", endless),
        *("--online", endless),
    ],
    "keys delegate": lambda folder, endless: ["keys", "delegate", str(folder / "trust"), "nova", endless],
    "ask": lambda folder, endless: [
        *("ask", "https://a.example/v1/a/b", "--installed", "1.0.0", "--root", endless),
        *("--state", str(folder / "state")),
    ],
    "release with a signature": lambda folder, endless: [
        *("release", str(app_with(folder, ".minisig", endless)), "--product", "nova", "--version", "1.0.0"),
        *("--base-url", "https://a.example", "--bucket", "bucket", "--endpoint-url", "http://127.0.0.1:1"),
    ],
    "release": lambda _, endless: [
        *("release", endless, "--product", "nova", "--version", "1.0.0", "--base-url", "https://a.example"),
        *("--bucket", "bucket", "--as", f"{Path(endless).name}=linux/any/archive"),
    ],
    "import": lambda _, endless: ["import", endless, "--product", "nova"],
    "keys export": lambda folder, endless: ["keys", "export", f"file2:{endless}", str(folder / "new.pub")],
    "keys sign": lambda folder, endless: ["--sign-with", f"file2:{endless}", "keys", "sign", str(folder / "trust")],
    "keys sign, with a fragment": lambda folder, endless: [
        *("--sign-with", f"file2:{endless}#key", "keys", "sign", str(folder / "trust"))
    ],
}


@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize("command", ENDLESS)
def test_file_that_never_ends_is_refused(made: Path, tmp_path: Path, command: str, kind: str) -> None:
    folder = copied(made, tmp_path / "copy", command)
    ran = CliRunner().invoke(app, ENDLESS[command](folder, fifo(folder) if kind == "pipe" else "/dev/zero"))
    assert (ran.exit_code, "is not a regular file. Check the file." in ran.output) == (1, True), ran.output


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_notes_that_never_end_are_refused(tmp_path: Path, kind: str) -> None:
    endless = fifo(tmp_path) if kind == "pipe" else "/dev/zero"
    with pytest.raises(UnreadableFileError, match="is not a regular file"):
        release_document.text(Path(endless))


def test_sample_that_never_ends_is_refused(tmp_path: Path) -> None:
    (tmp_path / "products").mkdir()
    os.mkfifo(tmp_path / "products" / "nova.json")
    with pytest.raises(UnreadableFileError, match=r"nova\.json: cannot be read: is not a regular file"):
        LocalAws(1, "bucket", "us-east-1").upload(tmp_path)


def test_pipe_in_the_folder_of_root_and_targets_is_refused(made: Path, tmp_path: Path) -> None:
    folder = copied(made, tmp_path / "copy", "keys show")
    os.mkfifo(folder / "trust" / "root" / "2.json")
    ran = CliRunner().invoke(app, ["keys", "show", str(folder / "trust")])
    assert (ran.exit_code, "root/2.json: cannot be read: is not a regular file." in ran.output) == (1, True)


def on_root(command: str, folder: Path) -> Result:
    arguments = ["root"] if command == "keys rotate" else []
    sign_with = ["--sign-with", f"file2:{key(folder, 'a')}"]
    return CliRunner().invoke(app, [*sign_with, *command.split(), str(folder / "trust"), *arguments])


@pytest.mark.parametrize("command", ["keys sign", "keys show", "keys rotate"])
def test_version_that_differs_from_the_name_of_its_file_is_refused(made: Path, tmp_path: Path, command: str) -> None:
    """Expect that a person who means to sign version 2 cannot sign version 9."""
    folder = copied(made, tmp_path / "copy", command)
    said = json.loads((folder / "trust" / "root" / "1.json").read_bytes())
    said["signed"]["version"] = 9
    (folder / "trust" / "root" / "2.json").write_text(json.dumps(said))
    before = tree(folder)
    ran = on_root(command, folder)
    assert (ran.exit_code, "is 9, but the name of the file says 2" in ran.output) == (1, True), ran.output
    assert tree(folder) == before


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b"\xff", b"[" * 10_000, b'{"signed": {"_type": "root"}}'])
@pytest.mark.parametrize("command", ["keys sign", "keys show", "keys rotate"])
def test_broken_root_is_a_clear_error(made: Path, tmp_path: Path, command: str, body: bytes) -> None:
    folder = copied(made, tmp_path / "copy", command)
    (folder / "trust" / "root" / "1.json").write_bytes(body)
    ran = on_root(command, folder)
    assert (ran.exit_code, "root/1.json: $: is not TUF metadata" in ran.output) == (1, True), ran.output


def test_key_file_that_is_far_too_large_is_not_read(made: Path, tmp_path: Path) -> None:
    folder = copied(made, tmp_path / "copy", "keys sign")
    with (folder / "large.pem").open("wb") as opened:
        opened.truncate(1 << 40)
    large = f"file2:{folder / 'large.pem'}"
    for command in (["--sign-with", large, "keys", "sign", str(folder / "trust")], ["keys", "export", large, "x.pub"]):
        ran = CliRunner().invoke(app, command)
        assert (ran.exit_code, "is larger than 100000 bytes. Check the file." in ran.output) == (1, True), ran.output


def test_file_in_the_way_that_is_far_too_large_is_not_read(made: Path, tmp_path: Path) -> None:
    folder = copied(made, tmp_path / "copy", "keys export")
    with (folder / "a.pub").open("wb") as opened:
        opened.truncate(1 << 40)
    ran = CliRunner().invoke(app, ["keys", "export", f"file2:{key(folder, 'a')}", str(folder / "a.pub")])
    assert (ran.exit_code, "a.pub: already exists with different content" in ran.output) == (1, True), ran.output


@pytest.mark.parametrize("uri", ["file2://[x", "awskms://[x"])
def test_uri_of_a_key_that_is_not_valid_is_a_clear_error(made: Path, tmp_path: Path, uri: str) -> None:
    folder = copied(made, tmp_path / "copy", "keys sign")
    for command in (["--sign-with", uri, "keys", "sign", str(folder / "trust")], ["keys", "export", uri, "x.pub"]):
        ran = CliRunner().invoke(app, command)
        assert (ran.exit_code, f"the key {uri} " in ran.output) == (1, True), ran.output


WRITERS = {"write_bytes", "write_text", "touch", "NamedTemporaryFile", "mkstemp", "unlink"}
CLI = ROOT / "cli" / "comet_updates_cli"


def writes(source: str) -> list[str]:
    """Return the calls in a source that write or delete a file."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    names = [node.func.attr for node in calls if isinstance(node.func, ast.Attribute) and node.func.attr in WRITERS]
    opened = [node for node in calls if isinstance(node.func, ast.Attribute) and node.func.attr == "open"]
    return names + [mode for node in opened for mode in map(ast.unparse, node.args) if set(mode) & set("wxa+")]


def reads(source: str) -> list[str]:
    """Return the calls in a source that read a file. One that reads from a pipe may never end."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    methods = [(call.func.attr, call) for call in calls if isinstance(call.func, ast.Attribute)]
    opened = [call for name, call in methods if name == "open" and _has_mode(call)]
    opened += [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "open"]
    return [name for name, _ in methods if name in {"read_bytes", "read_text"}] + list(map(ast.unparse, opened))


def _has_mode(call: ast.Call) -> bool:
    """Return whether a call of a method `open` opens a path, unlike that of an archive or of a URL."""
    first = call.args[0] if call.args else ast.Constant("r")
    is_mode = isinstance(first, ast.Constant) and isinstance(first.value, str)
    return is_mode and not any(each.arg == "fileobj" for each in call.keywords)


def test_only_the_shared_module_reads_and_writes_files() -> None:
    for uses in (reads, writes):
        users = [str(file.relative_to(CLI)) for file in sorted(CLI.rglob("*.py")) if uses(file.read_text())]
        assert users == ["files.py"]


@pytest.mark.parametrize(
    "call",
    [
        "file.read_bytes()",
        "file.read_text()",
        'file.open("rb")',
        "file.open()",
        "open(file)",
        "file.open(encoding='x')",
    ],
)
def test_another_reader_is_found(call: str) -> None:
    """Positive control."""
    assert reads(call)
    assert not reads("archive.open(member)")


@pytest.mark.parametrize(
    "call", ['file.write_text("x")', 'file.open("xb")', "tempfile.NamedTemporaryFile()", "file.unlink()"]
)
def test_another_writer_is_found(call: str) -> None:
    """Positive control."""
    assert writes(call)
    assert not writes('file.open("rb")')
