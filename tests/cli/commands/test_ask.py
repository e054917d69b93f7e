"""Test `comet-updates ask` over real TLS. It runs in a process of its own if that or a terminal matters."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import minisign
import pytest
import trustme
from typer.testing import CliRunner

from comet_updates_cli import app
from comet_updates_cli.signing import key_folder
from testkit.cases import quick_every
from testkit.documents import release
from testkit.lambda_runtime import free_port
from testkit.project import ROOT
from testkit.s3 import REGION
from tests.cli.local.test_serve import eventually
from tests.client.conftest import Server, artifact, http, manifest
from tests.client.repository import NEW, Repository
from tests.client.test_verify import signature
from tests.signing.conftest import HttpServer, TufPublisher

COMMAND = Path(sys.executable).parent / "comet-updates"
BODY = b"the new version" * 10_000
DOWNLOAD = b"GET /app.bin"
PATIENCE_S = 300  # a machine may be busy


class Ended(NamedTuple):
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str


class InstalledApp:
    """A copy of an app on this machine, with a home folder of its own."""

    def __init__(self, server: Server, home: Path, authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server, self.home, self._monkeypatch = server, home, monkeypatch
        self.url = f"{server.url}/v1/comet-cursor/stable"
        self.state = home / "state" / "comet-updates" / "comet-cursor-stable.json"
        self._environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "SSL_CERT_FILE": str(authority),
            "COLUMNS": "200",
        }
        self.release: dict[str, Any] = {"artifacts": [wire(server)]}
        server.answer = lambda request: http(BODY) if DOWNLOAD in request else http(manifest(**self.release))

    def command(self, *arguments: str) -> list[str]:
        return [str(COMMAND), "ask", self.url, "--installed", "4.2.0", *arguments]

    def ask(self, *arguments: str) -> Ended:
        """Run the command in this process, without a terminal."""
        with self._monkeypatch.context() as patch:
            patch.chdir(self.home)
            ran = CliRunner().invoke(app, self.command(*arguments)[1:], env=self._environ)
        return Ended(ran.exit_code, ran.stdout, ran.stderr)

    def start(self, *arguments: str) -> Ended:
        """Run the command in a new process, without a terminal."""
        ran = subprocess.run(
            self.command(*arguments),
            cwd=self.home,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        return Ended(ran.returncode, ran.stdout, ran.stderr)

    def answer(self, said: str) -> Ended:
        """Run the command at a terminal, and type the answer to its question."""
        ours, theirs = pty.openpty()
        try:
            os.write(ours, said.encode())
            ran = subprocess.run(
                self.command(),
                cwd=self.home,
                env=self._environ,
                stdin=theirs,
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE_S,
            )
        finally:
            os.close(theirs)
            os.close(ours)
        return Ended(ran.returncode, ran.stdout, ran.stderr)

    def downloaded(self) -> list[str]:
        return [file.name for file in self.home.iterdir() if file.is_file()]

    def downloads(self) -> int:
        return sum(DOWNLOAD in request for request in self.server.received)


def wire(server: Server, **fields: Any) -> dict[str, Any]:
    said = artifact(BODY, f"{server.url}/app.bin")
    return {
        "platform": sys.platform.replace("darwin", "macos"),
        "arch": "any",
        "kind": "archive",
        "url": said.url,
        "size": said.size_bytes,
        "sha256": said.sha256,
    } | fields


@pytest.fixture
def copy(downloads: Server, tmp_path: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> InstalledApp:
    home = tmp_path / "home"
    home.mkdir()
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    return InstalledApp(downloads, home, file, monkeypatch)


def test_an_update_is_shown_and_nothing_is_downloaded_unasked(copy: InstalledApp) -> None:
    ended = copy.ask()
    assert ended.code == 0
    assert "version    4.2.1 (installed: 4.2.0)" in ended.out
    assert "size       150.0 kB" in ended.out
    assert "Fixes a crash when the pointer theme changes." in ended.out
    assert (copy.downloaded(), copy.server.connections) == ([], 1)


def test_yes_downloads_and_verifies(copy: InstalledApp) -> None:
    ended = copy.start("--yes", "--to", "files")
    assert ended.code == 0
    assert "Downloaded and verified: files/app.bin. Nothing was installed." in ended.out
    assert (copy.home / "files" / "app.bin").read_bytes() == BODY


def test_for_programs_all_is_one_json_document(copy: InstalledApp) -> None:
    asked, downloaded = copy.start("--json"), copy.start("--json", "--yes")
    assert (asked.code, downloaded.code, asked.err, downloaded.err) == (0, 0, "", "")
    said = json.loads(asked.out)
    assert (said["outcome"], said["version"], said["size"], said["file"]) == ("update", "4.2.1", len(BODY), None)
    assert json.loads(downloaded.out) == said | {"file": "app.bin"}


def test_nothing_new_has_an_exit_code_of_its_own(copy: InstalledApp) -> None:
    ended = copy.ask("--installed", "4.2.1")
    assert (ended.code, ended.out) == (3, "This is the latest version.\n")


def test_who_has_a_withdrawn_version_is_told_and_not_led_back(copy: InstalledApp) -> None:
    ended = copy.ask("--installed", "4.3.0", "--yes")
    assert ended.code == 3
    assert "newer than the offered one: it was withdrawn" in ended.out
    assert copy.downloads() == 0


class TestAPerson:
    """Each answer of a person leads to an exit code, and to what the command asks now and later."""

    def test_says_now(self, copy: InstalledApp) -> None:
        ended = copy.answer("now\n")
        assert (ended.code, copy.downloaded()) == (0, ["app.bin"])
        assert "Download it? [now/later/skip/never] (later)" in ended.out

    @pytest.mark.parametrize("said", quick_every(4, ["later\n", "\n", "\x04", "perhaps\n\n"]), ids=repr)
    def test_says_later_in_many_ways(self, copy: InstalledApp, said: str) -> None:
        assert copy.answer(said).code == 3
        assert (copy.downloaded(), copy.server.connections) == ([], 1)
        assert copy.answer("now\n").code == 0

    def test_says_skip(self, copy: InstalledApp) -> None:
        assert copy.answer("skip\n").code == 3
        assert copy.server.connections == 1
        ended = copy.ask("--yes")
        assert (ended.code, copy.downloads()) == (3, 0)
        assert "You skipped this version" in ended.out
        copy.release["version"] = "4.3.0"
        assert copy.ask("--yes").code == 0

    def test_says_never(self, copy: InstalledApp) -> None:
        assert copy.answer("never\n").code == 3
        assert copy.server.connections == 1
        for more in ((), ("--yes",), ("--json",), ("--when-due",)):
            assert copy.ask(*more).code == 3
        assert copy.server.connections == 1, "off means off"
        assert copy.ask("--on").code == 0
        assert copy.server.connections == 2


def test_off_needs_no_request_and_no_version(copy: InstalledApp) -> None:
    ended = subprocess.run(
        [COMMAND, "ask", copy.url, "--off"], env=copy._environ, capture_output=True, text=True, check=True
    )
    assert "Off: this copy no longer checks for updates" in ended.stdout
    assert copy.ask("--yes").code == 3
    assert copy.server.connections == 0


def test_when_it_is_not_time_nothing_is_asked(copy: InstalledApp) -> None:
    assert copy.ask("--when-due").code == 3
    assert copy.server.connections == 0
    said = json.loads(copy.state.read_text())
    copy.state.write_text(json.dumps(said | {"next_check": "2026-01-01T00:00:00+00:00"}))
    assert copy.ask("--when-due").code == 0
    assert copy.server.connections == 1


def test_the_request_that_is_shown_is_the_one_that_arrives(copy: InstalledApp) -> None:
    shown = subprocess.run([COMMAND, "ask", copy.url, "--show-request"], capture_output=True, check=True).stdout
    assert copy.server.connections == 0
    copy.ask()
    assert copy.server.received == [shown]


def test_only_what_the_key_signed_is_taken(copy: InstalledApp) -> None:
    pair, other = minisign.KeyPair.generate(), minisign.KeyPair.generate()
    copy.release["artifacts"] = [wire(copy.server, signatures={"minisign": signature(BODY, pair)})]
    refused = copy.ask("--yes", "--public-key", other.public_key.to_base64().decode())
    assert (refused.code, copy.downloaded()) == (1, [])
    assert "not signed with the key that this app trusts" in refused.err
    assert copy.ask("--yes", "--public-key", pair.public_key.to_base64().decode()).code == 0


class TestVouching:
    """`--root` and `--manifest-key` choose how the answer is verified. If that fails, a person reads why."""

    @pytest.fixture
    def repository(self, copy: InstalledApp, tmp_path: Path) -> Repository:
        """Return a publisher who signs. The copy gets its root, and its server sends the publisher's documents."""
        made = Repository(tmp_path / "keys")
        (copy.home / "1.root.json").write_bytes(made.first_root)
        made.offer(manifest(**copy.release))
        copy.server.answer = lambda asked: http(BODY) if DOWNLOAD in asked else made.answer(asked)
        return made

    @pytest.mark.usefixtures("repository")
    def test_by_tuf_an_update_is_downloaded(self, copy: InstalledApp) -> None:
        ended = copy.ask("--root", "1.root.json", "--json", "--yes")
        assert ended.code == 0, ended.err
        said = json.loads(ended.out)
        assert (said["vouched_by"], said["version"], said["file"]) == ("tuf", "4.2.1", "app.bin")

    @pytest.mark.usefixtures("repository")
    def test_what_is_remembered_lies_beside_the_state(self, copy: InstalledApp) -> None:
        copy.ask("--root", "1.root.json")
        remembered = copy.state.with_suffix(".tuf")
        assert {"root_history", "timestamp.json", "snapshot.json"} <= {file.name for file in remembered.iterdir()}

    @pytest.mark.parametrize(
        ("break_it", "problem"),
        [
            (lambda made, _: made.documents.update(Repository(made._folder / "thief").documents), "Somebody may"),
            (lambda made, before: made.documents.update(before), "may have replaced a newer one"),
            (lambda made, _: made.documents.update({"/tuf/metadata/timestamp.json": b" " * 20_000}), "larger"),
        ],
        ids=["forged", "rolled back", "huge"],
    )
    def test_what_is_not_to_be_trusted_is_told_in_one_line(
        self,
        copy: InstalledApp,
        repository: Repository,
        break_it: Callable[[Repository, dict[str, bytes]], None],
        problem: str,
    ) -> None:
        before = dict(repository.documents)
        repository.offer(manifest("4.3.0", **copy.release))
        assert copy.ask("--root", "1.root.json").code == 0
        Repository(repository._folder / "thief").offer(NEW)
        break_it(repository, before)
        ended = copy.ask("--root", "1.root.json", "--yes")
        assert (ended.code, ended.out, copy.downloaded()) == (1, "", ["1.root.json"])
        assert len(ended.err.splitlines()) == 1
        assert "cannot be trusted" in ended.err
        assert problem in ended.err
        assert ended.err.endswith("It was ignored.\n")

    def test_a_key_asks_for_a_signed_manifest(self, copy: InstalledApp) -> None:
        pair, body = minisign.KeyPair.generate(), manifest(**copy.release)
        key = pair.public_key.to_base64().decode()

        def answers(year: int) -> Callable[[bytes], bytes]:
            trusted = f"timestamp:1 expires:{year}-01-01T00:00:00Z file:comet-cursor/stable/manifest.json"
            signed = bytes(pair.secret_key.sign(body, trusted_comment=trusted))
            return lambda asked: http(signed if b".minisig " in asked else body)

        copy.server.answer = answers(9999)
        ended = copy.ask("--manifest-key", key, "--json")
        assert (ended.code, json.loads(ended.out)["vouched_by"]) == (0, "minisign")
        copy.server.answer = answers(2020)
        ended = copy.ask("--manifest-key", key)
        assert (ended.code, ended.out) == (1, "")
        assert "has expired" in ended.err
        copy.server.answer = lambda asked: http(b"", "404 Not Found") if b".minisig " in asked else http(body)
        assert "it is not signed" in copy.ask("--manifest-key", key).err

    def test_nothing_vouches_where_nobody_is_asked(self, copy: InstalledApp) -> None:
        assert json.loads(copy.ask("--json").out)["vouched_by"] == "tls"
        assert json.loads(copy.ask("--json", "--when-due").out)["vouched_by"] is None

    @pytest.mark.usefixtures("repository")
    def test_all_requests_are_shown_as_they_arrive(self, copy: InstalledApp) -> None:
        """Numbers and hashes come from the service; the rest of each request is known before."""
        key = minisign.KeyPair.generate().public_key.to_base64().decode()
        for arguments, count in ((("--root", "1.root.json"), 6), (("--manifest-key", key), 2)):
            shown = copy.ask(*arguments, "--show-request").out
            seen = len(copy.server.received)
            copy.ask(*arguments)
            arrived = b"".join(copy.server.received[seen:]).decode()
            pattern = re.escape(shown.replace("\n", "\r\n").replace("\r\r", "\r"))
            pattern = pattern.replace("<number>", "[0-9]+").replace("<sha256>", "[0-9a-f]{64}")
            assert re.fullmatch(pattern, arrived), arrived
            assert arrived.count("GET ") == count

    @pytest.mark.usefixtures("repository")
    @pytest.mark.parametrize(
        ("arguments", "code", "problem"),
        [
            (("--root", "missing.json"), 2, "does not exist"),
            (("--root", "1.root.json", "--manifest-key", "RW"), 2, "cannot be used with --root"),
            (("--root", "no.json"), 1, "not a TUF root"),
            (("--manifest-key", "RW"), 1, "not a minisign key"),
        ],
        ids=["missing", "two", "no root", "no key"],
    )
    def test_what_cannot_vouch_is_told_before_anything_is_asked(
        self, copy: InstalledApp, arguments: tuple[str, ...], code: int, problem: str
    ) -> None:
        (copy.home / "no.json").write_text("{}")
        ended = copy.ask(*arguments)
        assert (ended.code, copy.server.connections) == (code, 0)
        assert problem in ended.err


def test_what_the_service_publishes_is_taken_by_tuf_and_by_minisign(
    house: TufPublisher, web: HttpServer, tmp_path: Path
) -> None:
    """Run the whole way: the signing command, both functions and the asking command."""
    house.release("4.3.0")
    house.sweep()
    root = tmp_path / "1.root.json"
    root.write_bytes(house.first_root)
    told = key_folder.export(house.key("product"), tmp_path / "product.pub")
    (key,) = (line.removeprefix("for minisign ") for line in told if line.startswith("for minisign "))
    for way, *arguments in (("tuf", "--root", str(root)), ("minisign", "--manifest-key", key)):
        asked = ["ask", f"{web.url}/v1/comet-cursor/stable", "--installed", "4.2.0", "--json", *arguments]
        ran = CliRunner().invoke(app, [*asked, "--state", str(tmp_path / way)])
        assert ran.exit_code in (0, 3), ran.output
        said = json.loads(ran.stdout.splitlines()[-1])  # the lines before are the log of the answering function
        assert (said["version"], said["vouched_by"]) == ("4.3.0", way)


FAILURES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "the service is down": (lambda _: http(status="503 Service Unavailable"), "answers with status 503"),
    "the service sends elsewhere": (lambda _: http(status="302 Found", location="https://a.example"), "status 302"),
    "the answer is a page": (lambda _: http(b"<html>"), "$ is not JSON"),
    "the answer is another product's": (lambda _: http(manifest(product="other")), "$.product"),
    "the version is none": (lambda _: http(manifest("four")), "'four' is not a version"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_what_fails_is_told_in_one_line(copy: InstalledApp, failure: str) -> None:
    copy.server.answer, problem = FAILURES[failure]
    ended = copy.ask("--yes")
    assert (ended.code, ended.out, len(ended.err.splitlines())) == (1, "", 1)
    assert problem in ended.err


@pytest.mark.parametrize(
    ("body", "problem"),
    [(BODY[:-1] + b"!", "size or hash differs"), (BODY + b"!", "more than"), (BODY[:-1], "has 149999")],
)
def test_a_wrong_file_is_told_and_gone(copy: InstalledApp, body: bytes, problem: str) -> None:
    copy.server.answer = lambda request: http(body) if DOWNLOAD in request else http(manifest(**copy.release))
    ended = copy.ask("--yes")
    assert ended.code == 1
    assert problem in ended.err
    assert copy.downloaded() == []


def test_an_unknown_authority_is_refused(copy: InstalledApp, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    ended = copy.ask()
    assert (ended.code, copy.server.received) == (1, [])
    assert "cannot prove that it is this host" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["https://updates.example.com/"],
        ["http://updates.example.com/v1/a/b"],
        ["https://updates.example.com/v1/a/b"],
        ["https://updates.example.com/v1/a/b", "--installed", "1.0.0", "--scheme", "roman"],
        ["https://updates.example.com/v1/a/b", "--installed", "1.0.0", "--every-hours", "0"],
    ],
    ids=["no channel", "no TLS", "no version", "no scheme", "no interval"],
)
def test_wrong_usage_is_told_before_anything_happens(tmp_path: Path, arguments: list[str]) -> None:
    ran = CliRunner().invoke(app, ["ask", *arguments, "--state", str(tmp_path / "state.json")])
    assert ran.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_it_needs_no_more_than_its_extra(copy: InstalledApp) -> None:
    """Run without the packages that only publishing, answering and serving need.

    Positive control: without one of its own it fails.
    """
    blocked = "import sys; sys.modules.update(dict.fromkeys({}))\nfrom comet_updates_cli import app; app()"

    def without(*packages: str) -> int:
        code = blocked.format(repr(packages))
        command = [sys.executable, "-c", code, *copy.command("--yes")[1:]]
        return subprocess.run(command, cwd=copy.home, env=copy._environ, capture_output=True, check=False).returncode

    assert without("boto3", "botocore", "yaml", "obstore", "jinja2", "markupsafe", "moto", "uvicorn", "nh3") == 0
    (copy.home / "app.bin").unlink()
    assert without("minisign") != 0


@pytest.fixture
def service() -> Iterator[tuple[str, Any]]:
    """Start the real service. Yield its URL, and a client of its S3."""
    port, s3_port = free_port(), free_port()
    process = subprocess.Popen(
        [COMMAND, "serve", "--empty"],
        cwd=ROOT,
        env=os.environ | {"PORT": str(port), "S3_PORT": str(s3_port)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout
    assert process.stdout.readline().startswith("ready")
    endpoint = f"http://127.0.0.1:{s3_port}"
    s3 = boto3.client(
        "s3", endpoint_url=endpoint, region_name=REGION, aws_access_key_id="any", aws_secret_access_key="any"
    )
    yield f"http://127.0.0.1:{port}", s3
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)


def test_a_release_reaches_a_copy_through_the_real_service(service: tuple[str, Any], copy: InstalledApp) -> None:
    url, s3 = service
    copy.url = f"{url}/v1/comet-cursor/stable"
    assert copy.ask().code == 3, "nothing is offered yet"
    document = release(artifacts=[wire(copy.server)])
    s3.put_object(Bucket="comet-updates", Key="releases/comet-cursor/stable/4.2.1.json", Body=json.dumps(document))
    assert eventually(lambda: copy.ask("--yes").code == 0)
    assert (copy.home / "app.bin").read_bytes() == BODY
    yanked = {"schema": 1, "product": "comet-cursor", "channel": "stable", "pin": "4.1.0"}
    s3.put_object(Bucket="comet-updates", Key="channels/comet-cursor/stable.json", Body=json.dumps(yanked))
    assert eventually(lambda: copy.ask("--installed", "4.2.1").out.startswith("No release is offered"))
    assert copy.ask("--installed", "4.2.1").code == 3
