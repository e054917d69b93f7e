"""The client's own half: two copies on two machines, everything about them different, send the same bytes."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from comet_updates.cli import app
from comet_updates.client import request
from tests.client.conftest import Server, http, manifest
from tests.privacy.conftest import tally, tried

TEXTS = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=12)
NUMBERS = st.integers(0, 99)
VARIABLES = ("LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "HOSTNAME", "EDITOR", "HTTP_USER_AGENT", "COOKIE")
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


@pytest.fixture
def service() -> Iterator[Server]:
    """Answers as ours does, and tries to be known again: with a cookie and an ETag of each client's own."""
    with Server(lambda _: b"") as server:
        told = iter(range(1_000_000))
        server.answer = lambda _: http(
            manifest(), etag=f'"{next(told)}"', set_cookie=f"id={next(told)}", cache_control="max-age=300"
        )
        yield server


def sent(server: Server, copy: Copy, *more: str) -> list[bytes]:
    """All that `copy` sends when it asks twice, the second time with what it remembers of the first."""
    before = len(server.received)
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
        for _ in range(2):
            ran = CliRunner().invoke(app, asked)
            assert ran.exit_code in (0, 3), ran.output
    return server.received[before:]


def test_what_a_client_sends_is_the_same_on_every_machine(service: Server) -> None:
    shown = request.ask(request.channel(f"{service.url}/v1/comet-cursor/stable").address)

    @tried(25)
    @given(copies(), copies())
    def compared(one: Copy, other: Copy) -> None:
        assert sent(service, one) == sent(service, other) == [shown, shown]
        tally(pairs=2)

    compared()


def test_what_a_whole_process_sends_is_the_same_for_every_user(service: Server, tmp_path: Path) -> None:
    """With nothing of this process: another environment, another home, another folder, another name of the program."""
    for number, copy in enumerate((ONE, OTHER)):
        home = tmp_path / str(number)
        home.mkdir()
        program = home / f"app{number}.py"
        program.write_text("from comet_updates.cli import app\napp()\n")
        environment = copy.environment | {"HOME": str(home), "PATH": os.environ["PATH"]}
        asked = ["ask", f"{service.url}/v1/comet-cursor/stable", "--installed", copy.version]
        subprocess.run([sys.executable, program, *asked], cwd=home, env=environment, capture_output=True, check=False)
    first, second = service.received
    assert first == second


def test_a_client_that_is_switched_off_opens_no_connection(service: Server) -> None:
    off = OTHER._replace(state={**(OTHER.state or {}), "never": True})
    assert sent(service, off) == []
    assert service.connections == 0
    assert len(sent(service, OTHER)) == service.connections == 2, "switched on, it does"


def test_no_answer_of_a_person_is_told(service: Server) -> None:
    """Whether a person wants the update or not, nothing more is sent to the service than the question before."""
    assert sent(service, ONE) == sent(service, ONE._replace(state={**(OTHER.state or {}), "skipped": "9.0.0"}))


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
    """Positive control: the comparison sees what it is there for."""
    whole = request.ask

    def leaky(copy: Copy) -> list[bytes]:
        monkeypatch.setattr(request, "ask", lambda address: LEAKS[leak](whole(address), copy) + b"\r\n\r\n")
        return sent(service, copy)

    assert leaky(ONE) == leaky(ONE), "the same copy makes no difference"
    assert leaky(ONE) != leaky(OTHER)
