"""Test the client: two copies on two machines, with everything about them different, send the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import minisign
import pytest
import trustme
import typer
from hypothesis import given
from hypothesis import strategies as st

from comet_updates_cli import app
from comet_updates_cli.commands import ask
from comet_updates_client import check, request, source_tuf
from comet_updates_client.download import download
from tests.client.conftest import NOW, Server, artifact, http, manifest
from tests.client.repository import NEW, OLD, Repository
from tests.privacy.conftest import tally, tried

TEXTS = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=12)
NUMBERS = st.integers(0, 99)
VARIABLES = ("LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "HOSTNAME", "EDITOR", "HTTP_USER_AGENT", "COOKIE")
COMMAND = typer.main.get_command(app)  # made once, which takes ten times as long as to run it
PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY")


class Copy(NamedTuple):
    """A copy of an app, its user and its machine."""

    version: str
    language: str
    environment: dict[str, str]
    machine: tuple[str, str, str, str]
    state: dict[str, object] | None
    hours: int


def copies() -> st.SearchStrategy[Copy]:
    moments = st.none() | st.sampled_from(["2026-11-01T00:00:00+00:00", "2026-11-26T10:11:12.345678+00:00"])
    states = st.fixed_dictionaries(
        {
            "group": NUMBERS,
            "skipped": st.none() | TEXTS,
            "never": st.sampled_from([False]),
            "next_check": moments,
            "failures": NUMBERS,
        }
    )
    systems = st.sampled_from(["Linux", "Windows", "Darwin"])
    proxies = st.sampled_from(PROXIES).map(lambda name: {name: "http://127.0.0.1:9"})
    return st.builds(
        Copy,
        version=st.tuples(NUMBERS, NUMBERS, NUMBERS).map(lambda parts: ".".join(map(str, parts))),
        language=TEXTS,
        environment=st.builds(
            lambda variables, proxy: variables | proxy, st.dictionaries(st.sampled_from(VARIABLES), TEXTS), proxies
        ),
        machine=st.tuples(systems, TEXTS, TEXTS, st.sampled_from(["x86_64", "arm64", "riscv64"])),
        state=st.none() | states,
        hours=st.integers(1, 168),
    )


ONE = Copy("4.1.0", "en", {"USER": "one", "LANG": "en_US.UTF-8"}, ("Linux", "one", "6.1.0", "x86_64"), None, 24)
OTHER = Copy(
    "3.9.7",
    "de",
    {"USER": "other", "LANG": "de_AT.UTF-8", "HTTP_PROXY": "http://127.0.0.1:9"},
    ("Darwin", "other", "24.1.0", "arm64"),
    {"group": 7, "skipped": "4.0.0", "never": False, "next_check": "2026-11-26T10:11:12+00:00", "failures": 3},
    7,
)


class Host(Server):
    """A server for files, and the authority that a client must trust."""

    trust: ssl.SSLContext


@pytest.fixture
def host() -> Iterator[Host]:
    authority = trustme.CA()
    certified, trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(certified)
    authority.configure_trust(trust)
    with Host(lambda _: http(b"new"), certified) as server:
        server.trust = trust
        yield server


@pytest.fixture
def service() -> Iterator[Server]:
    """Yield a service that answers as ours does, but tries to track clients.

    Each answer has its own cookie and ETag.
    """
    with Server(lambda _: b"") as server:
        told = iter(range(1_000_000))
        server.answer = lambda _: http(
            manifest(), etag=f'"{next(told)}"', set_cookie=f"id={next(told)}", cache_control="max-age=300"
        )
        yield server


def sent(server: Server, copy: Copy, *more: str) -> list[bytes]:
    """Return everything that `copy` sends in two checks. It remembers the first in the second."""
    before = len(server.received)
    run(server, copy, *more, times=2)
    return server.received[before:]


def run(server: Server, copy: Copy, *more: str, times: int = 1, codes: tuple[int, ...] = (0, 3)) -> dict[str, Any]:
    """Let `copy` check, and return its state afterwards."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        memory = Path(folder) / copy.machine[1].encode().hex() / "state.json"
        if copy.state is not None:
            memory.parent.mkdir()
            memory.write_text(json.dumps(copy.state))
        system, node, version, machine = copy.machine
        told = {"system": system, "node": node, "release": version, "version": version, "machine": machine}
        for name, value in told.items():
            patch.setattr(platform, name, lambda value=value: value)
        for name, value in copy.environment.items():
            patch.setenv(name, value)
        asked = ["ask", f"{server.url}/v1/comet-cursor/stable", "--installed", copy.version]
        asked += ["--language", f"x{copy.language}", "--state", str(memory), "--every-hours", str(copy.hours), *more]
        for _ in range(times):
            assert exit_code(asked) in codes
        remembered: dict[str, Any] = json.loads(memory.read_text())
        return remembered


def exit_code(arguments: list[str]) -> int:
    """Run the command with `arguments`, and return its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", os.devnull)  # no test needs a real authority, and loading them all takes long
        code: int = COMMAND.main(arguments, standalone_mode=False) or 0
        return code


def test_what_a_client_sends_is_the_same_on_every_machine(service: Server) -> None:
    shown = request.ask(request.channel(f"{service.url}/v1/comet-cursor/stable").address)

    @tried(25)
    @given(copies(), copies())
    def compared(one: Copy, other: Copy) -> None:
        assert sent(service, one) == sent(service, other) == [shown, shown]
        tally(pairs=2)

    compared()


class Signed(NamedTuple):
    """A service with signed answers, and the options of a client that verifies them.

    Attributes:
        house: the publisher.
        server: its service, which also tries to track clients.
        options: the options of `ask`, by the kind of signature.
    """

    house: Repository
    server: Server
    options: dict[str, tuple[str, str]]


@pytest.fixture
def signed(tmp_path: Path) -> Iterator[Signed]:
    house, pair = Repository(tmp_path / "keys"), minisign.KeyPair.generate()
    house.offer(OLD)
    house.documents["/v1/comet-cursor/stable"] = OLD
    comment = f"timestamp:1 expires:{datetime.now(UTC).year + 1}-01-01T00:00:00Z file:comet-cursor/stable/manifest.json"
    signature = bytes(pair.secret_key.sign(OLD, trusted_comment=comment))
    house.documents["/v1/comet-cursor/stable/manifest.json.minisig"] = signature
    root = tmp_path / "1.root.json"
    root.write_bytes(house.first_root)
    told = iter(range(1_000_000))
    with Server(lambda _: b"") as server:
        server.answer = lambda asked: house.answer(asked).replace(
            b"\r\n", f'\r\netag: "{next(told)}"\r\nset-cookie: id={next(told)}\r\n'.encode(), 1
        )
        key = pair.public_key.to_base64().decode()
        yield Signed(house, server, {"tuf": ("--root", str(root)), "minisign": ("--manifest-key", key)})


@pytest.mark.parametrize(("vouching", "requests"), [("tuf", 6), ("minisign", 2)])
def test_what_a_client_that_verifies_sends_is_the_same_on_every_machine(
    signed: Signed, vouching: str, requests: int
) -> None:
    options = signed.options[vouching]
    first = sent(signed.server, ONE, *options)
    lines = [f"Host: 127.0.0.1:{signed.server.port}", "Connection: close", "", ""]
    assert [request.decode().split("\r\n")[1:] for request in first] == [lines] * 2 * requests
    assert first[:requests] == first[requests:], "the second request, too"

    @tried(5)
    @given(copies())
    def compared(copy: Copy) -> None:
        assert sent(signed.server, copy, *options) == first
        tally(pairs=2)

    compared()


def asked_of(signed: Signed, memory: Path) -> list[bytes]:
    """Return the requests of a copy that verifies by TUF and has this memory."""
    before = len(signed.server.received)
    where = f"{signed.server.url}/v1/comet-cursor/stable"
    command = ["ask", where, "--installed", "4.2.0", "--state", str(memory), *signed.options["tuf"]]
    assert exit_code(command) in (0, 3)
    return signed.server.received[before:]


def test_what_a_client_sends_never_says_what_it_saw_before(
    signed: Signed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compare a new copy, one that has just asked, and one that was off during a change of everything."""
    new, kept, off = (tmp_path / name / "state.json" for name in ("new", "kept", "off"))
    asked_of(signed, off)
    signed.house.renew_root()
    signed.house.offer(NEW)
    asked_of(signed, kept)
    assert asked_of(signed, new) == asked_of(signed, kept) == asked_of(signed, off)
    whole = source_tuf._manifest
    remembering = kept.with_suffix(".tuf")
    monkeypatch.setattr(
        source_tuf, "_manifest", lambda channel, root, _, fetcher: whole(channel, root, remembering, fetcher)
    )
    once = asked_of(signed, kept)
    signed.house.offer(NEW)
    assert len(once) != len(asked_of(signed, kept)), "positive control: python-tuf with a memory"


def test_a_client_names_the_document_and_the_host_and_nothing_else(service: Server) -> None:
    """Send no other header, even if it would be the same for everyone.

    The second request repeats no part of an answer.
    """
    lines = ["GET /v1/comet-cursor/stable HTTP/1.1", f"Host: 127.0.0.1:{service.port}", "Connection: close", "", ""]
    assert sent(service, ONE) == ["\r\n".join(lines).encode()] * 2


def test_a_download_names_the_file_and_the_host_and_nothing_else(host: Host, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in OTHER.environment.items():
            patch.setenv(name, value)
        download(artifact(b"new", f"{host.url}/app.bin"), tmp_path, host.trust)
    lines = ["GET /app.bin HTTP/1.1", f"Host: localhost:{host.port}", "Connection: close", "", ""]
    assert host.received == ["\r\n".join(lines).encode()]


def drawn(server: Server, copy: Copy) -> tuple[set[Any], set[Any]]:
    """Return the groups that new copies on one machine draw, and their next times."""
    remembered = [run(server, copy._replace(state=None)) for _ in range(8)]
    return {one["group"] for one in remembered}, {one["next_check"] for one in remembered}


def test_the_random_numbers_of_a_copy_do_not_come_from_its_machine(
    service: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Draw at random: a number that depends on the machine would identify it by the time of its requests."""
    now = frozen(monkeypatch)
    groups, times = drawn(service, ONE)
    assert (len(groups) > 1, len(times)) == (True, 8)
    assert max(times) > now.isoformat(), "times were drawn"
    drawing = check.look
    monkeypatch.setattr(
        check, "look", lambda app, tls, at, _, **how: drawing(app, tls, at, Random(platform.node()), **how)
    )
    assert [len(found) for found in drawn(service, ONE)] == [1, 1], "positive control: a seed of the machine's name"


def frozen(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Stop the clock, so that every difference comes from a random draw."""

    class Frozen(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # its caller needs no `Frozen`
            return NOW.astimezone(tz)

    monkeypatch.setattr(ask, "datetime", Frozen)
    return NOW


def test_what_a_whole_process_sends_is_the_same_for_every_user(service: Server, tmp_path: Path) -> None:
    """Run each copy in a new process, with another environment, home folder, working folder and program name."""
    for number, copy in enumerate((ONE, OTHER)):
        home = tmp_path / str(number)
        home.mkdir()
        program = home / f"app{number}.py"
        program.write_text("from comet_updates_cli import app\napp()\n")
        environment = copy.environment | {"HOME": str(home), "PATH": os.environ["PATH"]}
        asked = ["ask", f"{service.url}/v1/comet-cursor/stable", "--installed", copy.version]
        subprocess.run([sys.executable, program, *asked], cwd=home, env=environment, capture_output=True, check=False)
    first, second = service.received
    assert first == second


def test_a_client_that_is_switched_off_opens_no_connection(service: Server) -> None:
    off = OTHER._replace(state={**(OTHER.state or {}), "never": True})
    assert sent(service, off) == []
    assert service.connections == 0
    assert len(sent(service, OTHER)) == service.connections == 2, "positive control: switched on, it opens connections"


def offer_file_of(host: Host, service: Server) -> None:
    """Let the service offer a file that fits every computer of `ONE`'s kind."""
    file = {"platform": "linux", "arch": "any", "kind": "archive", "url": f"{host.url}/app.bin", "size": 3}
    service.answer = lambda _: http(manifest(artifacts=[file | {"sha256": hashlib.sha256(b"new").hexdigest()}]))


def test_no_answer_of_a_person_is_sent(service: Server, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send nothing for an answer of a person, now or before. The only request is the check itself."""
    offer_file_of(host, service)
    asked: list[str] = []

    def person(answer: str) -> Callable[[object], str]:
        def says(_: object) -> str:
            asked.append(answer)
            return answer

        return says

    for answer in (ask.LATER, ask.SKIP, ask.NEVER):
        monkeypatch.setattr(ask, "_answer", person(answer))
        before = len(service.received)
        run(service, ONE)
        run(service, ONE._replace(state={**(OTHER.state or {}), "skipped": "9.0.0"}))
        assert len(service.received) == service.connections == before + 2
    assert asked == [ask.LATER, ask.SKIP, ask.NEVER], "a person who skipped the version is not asked"
    assert (len(set(service.received)), host.connections) == (1, 0)


def test_nothing_is_downloaded_unasked(service: Server, host: Host) -> None:
    offer_file_of(host, service)
    run(service, ONE)
    assert host.connections == 0
    run(service, ONE, "--yes", codes=(1,))  # the command does not trust this host
    assert host.connections == 1, "positive control: with --yes it connects"


Leak = Callable[[bytes, Copy], bytes]
LEAKS: dict[str, Leak] = {
    "the version in a header": lambda asked, copy: header(asked, f"User-Agent: app/{copy.version}"),
    "the version in the URL": lambda asked, copy: asked.replace(b" HTTP", f"?v={copy.version} HTTP".encode()),
    "the system": lambda asked, _: header(asked, f"User-Agent: {platform.system()}"),
    "the language": lambda asked, copy: header(asked, f"Accept-Language: {copy.language}"),
    "a variable": lambda asked, _: header(asked, f"X-User: {os.environ['USER']}"),
    "the group": lambda asked, copy: header(asked, f"X-Group: {(copy.state or {}).get('group')}"),
    "the length of a name": lambda asked, _: header(asked, "X: " + "x" * len(platform.node())),
    "the order of two headers": lambda asked, copy: (
        b"\r\n".join(reversed(asked.split(b"\r\n"))) if copy.state else asked
    ),
}


def header(asked: bytes, line: str) -> bytes:
    return asked.replace(b"Connection: close\r\n", f"{line}\r\nConnection: close\r\n".encode())


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_makes_a_difference(service: Server, monkeypatch: pytest.MonkeyPatch, leak: str) -> None:
    """Positive control: the comparison notices each planted leak."""
    whole = request.ask

    def leaky(copy: Copy) -> list[bytes]:
        monkeypatch.setattr(request, "ask", lambda address: LEAKS[leak](whole(address), copy) + b"\r\n\r\n")
        return sent(service, copy)

    assert leaky(ONE) == leaky(ONE), "the same copy makes no difference"
    assert leaky(ONE) != leaky(OTHER)
