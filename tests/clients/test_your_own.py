"""Test the clients in docs/clients/your-own.md: each is taken from the page and run against the service."""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme

from testkit.project import ROOT
from tests.clients import app
from tests.clients.conftest import Service
from tests.clients.servers import Front

DRIVERS = Path(__file__).parent / "your_own"
PAGE = (ROOT / "docs" / "clients" / "your-own.md").read_text()
FILE = f"App-{app.LATEST}.AppImage"
ROLLED_OUT_TO = 10
HALF_WAY = "rolled-out"
"""A channel with `stable`'s releases. The latest release reaches a tenth of the copies."""


class Language(NamedTuple):
    """A language in which the page shows a client.

    Attributes:
        tools: the commands that run it.
        remedy: how to install them.
    """

    tools: tuple[str, ...] = ()
    remedy: str = ""


LANGUAGES = {
    "python": Language(),
    "javascript": Language(("node",), "The client in JavaScript needs Node"),
    "go": Language(("go",), "The client in Go needs Go (Debian: golang-go)"),
    "csharp": Language(
        ("mcs", "mono"),
        "The client in C# needs Mono (Debian: mono-mcs libmono-system-net-http4.0-cil "
        "libmono-system-runtime-serialization4.0-cil)",
    ),
}
Ask = Callable[..., dict[str, Any]]


def shown(language: str) -> str:
    """Return the client that the page shows."""
    (source,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(source)


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    """Return a language, if its tools are installed."""
    name = str(request.param)
    if not all(shutil.which(tool) for tool in LANGUAGES[name].tools):
        pytest.skip(LANGUAGES[name].remedy)
    return name


@pytest.fixture(scope="module")
def command(language: str, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the command that runs the built client."""
    return {"python": _python, "javascript": _javascript, "go": _go, "csharp": _csharp}[language](
        tmp_path_factory.mktemp(language)
    )


def _python(folder: Path) -> list[str]:
    (folder / "client.py").write_text(shown("python"))
    shutil.copy(DRIVERS / "driver.py", folder)
    return [sys.executable, str(folder / "driver.py")]


def _javascript(folder: Path) -> list[str]:
    (folder / "client.js").write_text(shown("javascript") + (DRIVERS / "driver.js").read_text())
    return ["node", str(folder / "client.js")]


def _go(folder: Path) -> list[str]:
    (folder / "go.mod").write_text("module example.com/app\n\ngo 1.18\n")
    (folder / "updates").mkdir()
    (folder / "updates" / "updates.go").write_text(shown("go"))
    shutil.copy(DRIVERS / "driver.go", folder)
    offline = os.environ | {
        "GOPROXY": "off",
        "GOFLAGS": "-mod=mod",
        "GOCACHE": str(folder / "cache"),
        "GOTELEMETRY": "off",
    }
    subprocess.run(["go", "build", "-o", "client", "."], cwd=folder, env=offline, check=True, timeout=180)
    return [str(folder / "client")]


def _csharp(folder: Path) -> list[str]:
    (folder / "client.cs").write_text(shown("csharp"))
    assemblies = ["-r:System.Net.Http", "-r:System.Runtime.Serialization"]
    sources = [folder / "client.cs", DRIVERS / "driver.cs"]
    subprocess.run(["mcs", *assemblies, f"-out:{folder / 'client.exe'}", *sources], check=True, timeout=60)
    return ["mono", str(folder / "client.exe")]


@pytest.fixture(scope="module")
def secure_front(service: Service, authority: tuple[trustme.CA, Path], published: Front) -> Iterator[Front]:
    """Yield a front with TLS, as clients meet it. Also publish a channel with a rollout."""
    del published
    policy = {"schema": 1, "product": app.PRODUCT, "channel": HALF_WAY, "includes": ["stable"]}
    policy |= {"rollout": {"version": app.LATEST, "percent": ROLLED_OUT_TO}}
    service.upload(f"channels/{app.PRODUCT}/{HALF_WAY}.json", policy)
    service.wait_for(f"/v1/{app.PRODUCT}/{HALF_WAY}", lambda found: b'"percent":10' in found)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority[0].issue_cert("localhost").configure_cert(context)
    with Front(service.port, context) as server:
        yield server


@pytest.fixture
def asked(language: str, published: Front, secure_front: Front) -> Front:
    """Return the server that the client asks. Mono has a list of authorities of its own, so it asks without TLS."""
    front = published if language == "csharp" else secure_front
    del front.requests[:]
    return front


@pytest.fixture
def ask(command: list[str], asked: Front, authority: tuple[trustme.CA, Path], tmp_path: Path) -> Ask:
    """Return `ask(version, channel, group, body)`: the URL that it found, and whether `body` is that file."""

    def run(version: str, channel: str = "stable", *, group: int = 0, body: bytes = b"") -> dict[str, Any]:
        file = tmp_path / "downloaded"
        file.write_bytes(body)
        trusting = {"NODE_EXTRA_CA_CERTS": str(authority[1]), "SSL_CERT_FILE": str(authority[1])}
        ran = subprocess.run(
            [*command, f"{asked.url}/v1/{app.PRODUCT}/{channel}", version, str(group), file],
            env=os.environ | trusting | {"HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        said: dict[str, Any] = json.loads(ran.stdout)
        return said

    return run


def test_the_update_is_found_and_its_file_is_known(ask: Ask) -> None:
    found = ask(app.OLD, body=app.files(app.LATEST)[FILE])
    assert str(found["found"]).endswith(f"/{FILE}")
    assert found["right"] is True


@pytest.mark.parametrize(("version", "channel"), app.NOTHING.values(), ids=app.NOTHING)
def test_nothing_is_offered(ask: Ask, version: str, channel: str) -> None:
    assert ask(version, channel) == {"found": None, "right": None}


@pytest.mark.parametrize(
    "body",
    [
        app.files(app.LATEST)[FILE][:-1] + b"?",
        app.files(app.LATEST)[FILE][:-1],
        app.files(app.LATEST)[FILE] + b"\n",
        app.files(app.OLD)[f"App-{app.OLD}.AppImage"],
        b"",
    ],
    ids=["changed", "cut short", "longer", "an older one", "empty"],
)
def test_a_file_that_is_not_what_was_released_is_refused(ask: Ask, body: bytes) -> None:
    found = ask(app.OLD, body=body)
    assert str(found["found"]).endswith(f"/{FILE}")
    assert found["right"] is False


@pytest.mark.parametrize(("group", "is_reached"), [(0, True), (9, True), (10, False), (99, False)])
def test_a_rollout_is_awaited(ask: Ask, group: int, *, is_reached: bool) -> None:
    assert bool(ask(app.OLD, HALF_WAY, group=group)["found"]) is is_reached


@pytest.mark.parametrize(
    ("installed", "is_found"), [("1.0", True), ("0.9.9", True), ("1.1", False), ("1.1.0.0", False), ("1.10.0", False)]
)
def test_versions_are_compared_as_numbers(ask: Ask, installed: str, *, is_found: bool) -> None:
    assert bool(ask(installed)["found"]) is is_found


def test_a_request_names_the_document_and_the_host_and_nothing_else(ask: Ask, asked: Front) -> None:
    ask(app.OLD)
    (sent,) = asked.requests
    assert (sent.method, sent.path) == ("GET", f"/v1/{app.PRODUCT}/stable")
    assert set(sent.headers) == {"host"}
    assert sent.headers["host"] == asked.url.partition("//")[2]


def test_a_product_that_is_not_there_is_an_error(command: list[str], asked: Front) -> None:
    url = f"{asked.url}/v1/unknown/stable"
    ran = subprocess.run([*command, url, app.OLD, "0", "/dev/null"], capture_output=True, timeout=60, check=False)
    assert ran.returncode != 0


def test_swift_alone_is_not_run() -> None:
    languages = set(re.findall(r"```(\w+)\n", PAGE))
    fragment = "py"  # the check of a signature: tests/client runs it
    assert languages == {*LANGUAGES, "swift", fragment}
    assert re.search(r"^\| Swift \|.*\| \*\*no\*\*: no toolchain was at hand \|$", PAGE, re.MULTILINE)
