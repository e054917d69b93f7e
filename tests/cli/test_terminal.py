"""Text that is not ours cannot control the terminal: each command on a real pseudo-terminal, with hostile documents."""

from __future__ import annotations

import ast
import io
import json
import os
import pty
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from typer import Exit

from comet_updates.errors import Problem, RefusedUploadError
from comet_updates_cli import app, output, terminal
from comet_updates_cli.audit import compare
from testkit.project import ROOT
from tests.cli.conftest import Shop
from tests.client.conftest import Server, http, manifest
from tests.signing.conftest import TufPublisher

EVIL = "\x1b]0;title\x07\x1b[2J\x9b31m\u202eleft\u2066\u2028\x85\r\n  from       https://evil.example\n\x7f"
"""What sets a title, clears the screen, changes the direction, and makes a line that looks like one of `ask`."""
FORBIDDEN = {*map(chr, [*range(32), *range(0x7F, 0xA0)]), "\u202e", "\u2066", "\u2028"} - {"\n"}
CLI = ROOT / "cli" / "comet_updates_cli"


def shown(run: Callable[[], object]) -> str:
    """Return the text that a terminal gets on standard output and standard error."""
    ours, theirs = pty.openpty()
    pieces: list[bytes] = []

    def read() -> None:
        with suppress(OSError):  # how a terminal ends
            while piece := os.read(ours, 65_536):
                pieces.append(piece)

    reader = threading.Thread(target=read)
    reader.start()
    with pytest.MonkeyPatch.context() as patch, os.fdopen(theirs, "w", encoding="utf-8", buffering=1) as stream:
        assert stream.isatty()
        patch.setattr(sys, "stdout", stream)
        patch.setattr(sys, "stderr", stream)
        patch.setattr(output, "_bar", _no_bar)
        with suppress(SystemExit):
            run()
    reader.join()
    os.close(ours)
    return b"".join(pieces).decode().replace("\r\n", "\n")


def _no_bar(*columns: Any, quiet: bool) -> Any:  # its control characters are ours
    return _bar(*columns, quiet=True)


_bar = output._bar


class Scene:
    """A bucket, a service, files and keys with hostile content, for commands to meet."""

    def __init__(self, shop: Shop, server: Server, house: TufPublisher, folder: Path) -> None:
        self.shop, self.server, self.house, self.folder = shop, server, house, folder

    def run(self, *arguments: str) -> None:
        app([*arguments])

    def run_in_bucket(self, *arguments: str) -> None:
        self.run(*arguments, "--bucket", self.shop.s3.bucket, "--endpoint-url", self.shop.s3.endpoint)

    def file(self, name: str, body: str | bytes) -> str:
        file = self.folder / name
        file.write_bytes(body if isinstance(body, bytes) else body.encode())
        return str(file)

    def ask(self, *arguments: str, **fields: Any) -> None:
        self.server.answer = lambda _: http(manifest(**fields))
        url = f"{self.server.url}/v1/comet-cursor/stable"
        self.run("ask", url, "--installed", "4.2.0", "--state", str(self.folder / "state.json"), *arguments)


def history(scene: Scene) -> None:
    scene.shop.policy(**{EVIL: EVIL})
    scene.shop.policy(yanked=[{"version": "4.2.1", "reason": EVIL}])
    scene.run_in_bucket("history", "comet-cursor", "stable")


def status(scene: Scene) -> None:
    scene.shop.release("4.2.1", **{EVIL: EVIL})
    scene.shop.s3.put(f"releases/comet-cursor/stable/{EVIL}.json", b"{")
    scene.shop.s3.put(f"products/{EVIL}.json", b"{}")
    scene.run_in_bucket("status")


def check(scene: Scene) -> None:
    name = EVIL.replace("/", "|")
    scene.file(f"{name}.json", json.dumps({EVIL: EVIL, "product": EVIL, "version": EVIL}))
    scene.run("check", str(scene.folder))


def import_sparkle(scene: Scene) -> None:
    escaped = "&#133;&#8238;&#8232;&#10;  from       https://evil.example&#10;"  # XML has no other control characters
    feed = f"""<rss xmlns:sparkle="http://www.andymatuschak.org/xml-namespaces/sparkle"><channel><item>
        <pubDate>{escaped}</pubDate>
        <enclosure url="https://a.example/a.zip" sparkle:version="1" length="1"/></item></channel></rss>"""
    scene.run("import", scene.file("appcast.xml", feed), "--product", "nova", "--to", str(scene.folder))


def import_json(scene: Scene) -> None:
    feed = {
        "version": EVIL,
        "platforms": {"windows-x86_64": {"url": f"https://a.example/{EVIL}", "signature": EVIL, EVIL: EVIL}},
    }
    scene.run("import", scene.file(f"{EVIL.replace('/', '|')}.json", json.dumps(feed)), "--product", "nova")


def import_yaml(scene: Scene) -> None:
    feed = {"version": "1.0.0", EVIL: EVIL, "stagingPercentage": EVIL, "path": f"https://a.example/{EVIL}"}
    feed["sha512"] = "a" * 128
    scene.run("import", scene.file("latest.yml", f"# YAML\n{json.dumps(feed)}"), "--product", "nova", "--dry-run")


def release(scene: Scene) -> None:
    file = scene.file(f"app{EVIL.replace('/', '|')}.bin", b"PK")
    said = ["--product", "comet-cursor", "--version", "9.0.0", "--base-url", f"https://evil.example/{EVIL}"]
    scene.run_in_bucket("release", file, *said, "--title", EVIL, "--no-check-urls", "--dry-run")


def keys_show(scene: Scene) -> None:
    file = scene.house.folder / "targets" / "2.json"
    said = json.loads(file.read_bytes())
    delegations = said["signed"]["delegations"]
    delegations["roles"][0]["name"] = EVIL
    delegations["keys"] = {EVIL: next(iter(delegations["keys"].values()))}
    delegations["roles"][0]["keyids"] = [EVIL]
    file.write_text(json.dumps(said))
    scene.run("keys", "show", str(scene.house.folder))


def keys_sign(scene: Scene) -> None:
    folder = scene.house.folder.rename(scene.folder / EVIL.replace("/", "|"))
    scene.run("--sign-with", scene.house.key("root-c"), "keys", "sign", str(folder))


def promote(scene: Scene) -> None:
    scene.shop.release("4.2.1", notes={"en": EVIL}, title=EVIL.replace("\n", "").replace("\r", ""))
    scene.run_in_bucket("promote", "comet-cursor", "4.2.1", "--from", "stable", "--to", "beta", "--dry-run")


def rollback(scene: Scene) -> None:
    scene.shop.release("4.2.1")
    scene.run_in_bucket("rollback", "comet-cursor", "stable", "--reason", EVIL, "--dry-run")


def audit(scene: Scene) -> None:
    finding = compare.Finding(EVIL, EVIL, compare.Status.DIFFERS, EVIL, EVIL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "audit", lambda *_: [finding])
        scene.run("audit", "stack")


COMMANDS: dict[str, Callable[[Scene], None]] = {
    "history": history,
    "status": status,
    "check": check,
    "import of Sparkle": import_sparkle,
    "import of Tauri": import_json,
    "import of electron-updater": import_yaml,
    "release": release,
    "keys show": keys_show,
    "keys sign": keys_sign,
    "promote": promote,
    "rollback": rollback,
    "audit": audit,
    "ask": lambda scene: scene.ask(
        title=EVIL, notes={"en": EVIL}, display_version=EVIL, link=f"https://a.example{EVIL}"
    ),
    "ask, refused": lambda scene: scene.ask(version=EVIL),
    "ask, another scheme": lambda scene: scene.ask(minimum_version=EVIL),
}


@pytest.fixture
def scene(
    shop: Shop,
    downloads: Server,
    house: TufPublisher,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Scene:
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    (tmp_path / "scene").mkdir()
    return Scene(shop, downloads, house, tmp_path / "scene")


@pytest.mark.parametrize("command", COMMANDS)
def test_command_shows_hostile_text_as_harmless_text(scene: Scene, command: str) -> None:
    said = shown(lambda: COMMANDS[command](scene))
    assert FORBIDDEN.isdisjoint(said), repr(said)
    assert not any(line.startswith("  from       https://evil") for line in said.split("\n"))
    assert "evil" in said or command in ("ask, refused", "promote", "rollback"), "the hostile text is shown"


@pytest.mark.parametrize("command", ["check", "keys show", "audit", "ask"])
def test_command_that_prints_text_as_it_is_would_be_found(
    scene: Scene, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positive control."""
    monkeypatch.setattr(terminal, "plain", lambda text: text)
    monkeypatch.setattr("comet_updates_cli.ask_text.clean", lambda text: text)
    assert not FORBIDDEN.isdisjoint(shown(lambda: COMMANDS[command](scene)))


@given(st.text())
def test_any_text_becomes_one_line_that_a_terminal_only_shows(text: str) -> None:
    line = terminal.plain(f"{text}{EVIL}\ud800")
    assert FORBIDDEN.isdisjoint(line)
    assert len(line.splitlines()) == 1
    line.encode()


def test_text_of_all_scripts_stays() -> None:
    text = "Zürich\u00a0:, 東京, שלום, \U0001f469\u200d\U0001f680, می\u200cخواهم"  # noqa: RUF001
    assert terminal.plain(text) == text


def test_letter_that_the_terminal_does_not_have_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    terminal.say("Zürich, 東京")
    stream.flush()
    assert stream.buffer.getvalue() == b"Z\\xfcrich, \\u6771\\u4eac\n"


@pytest.mark.parametrize("print_it", [lambda: terminal.say("x"), lambda: terminal.say_json({})], ids=["text", "JSON"])
def test_full_disk_behind_standard_output_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], print_it: Callable[[], None]
) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", full)
            with pytest.raises(Exit):
                print_it()
        with suppress(OSError):
            full.close()
    assert capfd.readouterr().err == (
        "comet-updates: standard output: cannot be written: No space left on device. Free some space, then try again.\n"
    )


def test_each_problem_of_a_refused_upload_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    problems = (Problem("$", "one\ncomet-updates: two", "Fix"), Problem("$", "three", "Fix"))
    with pytest.raises(Exception, match="1"), terminal.refusals():
        raise RefusedUploadError("key", problems)
    assert (
        capsys.readouterr().err
        == "comet-updates: key: $: one\\ncomet-updates: two. Fix.\ncomet-updates: key: $: three. Fix.\n"
    )


def prints(source: str) -> Iterator[str]:
    """Yield the places in a source that can print without `terminal`."""
    for node in ast.walk(ast.parse(source)):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        if name in {"echo", "secho", "print", "pprint", "stdout", "stderr", "print_exc", "basicConfig"}:
            yield ast.unparse(node)


def test_only_the_terminal_module_prints() -> None:
    found = {str(file.relative_to(CLI)): [*prints(file.read_text())] for file in sorted(CLI.rglob("*.py"))}
    assert found.pop("output.py") == ["sys.stderr"], "whether it is a terminal: the bars hold only our own text"
    assert found.pop("terminal.py")
    assert [name for name, places in found.items() if places] == []


@pytest.mark.parametrize(
    "call",
    ["typer.echo(x)", "print(x)", "sys.stdout.write(x)", "from click import secho\nsecho(x)", "Console().print(x)"],
)
def test_another_way_to_print_is_found(call: str) -> None:
    """Positive control."""
    assert [*prints(call)]
