"""Test Squirrel.Windows itself against the service: the `Update.exe` of Electron apps (from npm), under Mono."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients import app
from tests.clients.conftest import Service, need
from tests.clients.servers import CHANGED, CUT_SHORT, SHORTER, Front, Server

FOLDER = Path(__file__).parent
DRIVER = FOLDER / "squirrel" / "driver.cs"
UPDATE = FOLDER / "electron" / "node_modules" / "electron-winstaller" / "vendor" / "Squirrel.exe"
ASSEMBLIES = ("System.Net.Http", "System.Runtime.Serialization", "System.Web")
FULL, DELTA = "AppWindows-1.1.0-full.nupkg", "AppWindows-1.1.0-delta.nupkg"
Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the compiled driver."""
    assemblies = [Path("/usr/lib/mono/4.5") / f"{name}.dll" for name in ASSEMBLIES]
    if not shutil.which("mono") or not shutil.which("mcs") or not all(file.exists() for file in assemblies):
        packages = " ".join(f"libmono-{name.lower().replace('.', '-')}4.0-cil" for name in ASSEMBLIES)
        pytest.skip(f"Squirrel.Windows needs Mono (Debian: mono-mcs {packages})")
    need(UPDATE.exists(), "Install Squirrel.Windows with: make test-clients")
    program = tmp_path_factory.mktemp("squirrel") / "driver.exe"
    subprocess.run(["mcs", "-r:System.Runtime.Serialization", f"-out:{program}", DRIVER], check=True, timeout=60)
    return program


@pytest.fixture
def ask(published: Front, driver: Path, tmp_path: Path) -> Ask:
    """Return `ask(version, channel, full, download)`, which returns the client's result or its error."""
    packages = tmp_path / "AppWindows" / "packages"

    def asked(
        version: str = app.OLD, channel: str = "stable", *, full: bool = False, download: bool = False
    ) -> dict[str, Any]:
        install(version, packages)
        url = f"{published.url}/v1/{app.PRODUCT}/{channel}"
        wish = ["full" if full else "delta", "download" if download else "check"]
        run = subprocess.run(
            ["mono", driver, UPDATE, url, "AppWindows", tmp_path, *wish],
            env=os.environ | {"HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        said: dict[str, Any] = json.loads(run.stdout)
        said["downloaded"] = {file.name: file.read_bytes() for file in packages.glob(f"*-{app.LATEST}-*")}
        return said

    return asked


def install(version: str, packages: Path) -> None:
    """Write the files that an installation of `version` leaves in `packages`."""
    shutil.rmtree(packages, ignore_errors=True)
    packages.mkdir(parents=True)
    name, body = f"AppWindows-{version}-full.nupkg", app.squirrel_package(version)
    (packages / name).write_bytes(body)
    digest = hashlib.sha1(body, usedforsecurity=False).hexdigest()
    (packages / "RELEASES").write_text(f"{digest} {name} {len(body)}\n")


@pytest.mark.parametrize(("full", "package"), [(True, FULL), (False, DELTA)], ids=["full", "delta"])
def test_the_update_is_found_downloaded_and_verified(ask: Ask, downloads: Server, package: str, *, full: bool) -> None:
    found = ask(full=full, download=True)
    assert (found["error"], found["version"], found["packages"]) == (None, app.LATEST, [package])
    assert found["downloaded"] == {package: downloads.files[package]}


@pytest.mark.parametrize(("version", "channel"), app.NOTHING.values(), ids=app.NOTHING)
def test_nothing_is_offered(ask: Ask, version: str, channel: str) -> None:
    found = ask(version, channel)
    assert (found["error"], found["version"]) == (None, None)


@pytest.mark.parametrize(("channel", "version"), app.STILL_OFFERED.items())
def test_an_older_copy_is_offered_what_is_not_held_back(ask: Ask, channel: str, version: str) -> None:
    found = ask(app.OLDER, channel)
    assert (found["error"], found["version"]) == (None, version)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(CHANGED, "Checksum doesn't"), (SHORTER, "file size doesn't"), (CUT_SHORT, "file size doesn't")],
)
def test_a_download_that_is_not_what_was_released_is_refused(
    ask: Ask, downloads: Server, fault: str, reason: str
) -> None:
    downloads.fault = fault
    refused = ask(full=True, download=True)
    assert reason in refused["error"]
    assert any(request.path.endswith(FULL) for request in downloads.requests)
    assert refused["downloaded"] == {}
    downloads.fault = ""
    assert ask(full=True, download=True)["downloaded"]


def test_what_it_sends_of_itself_is_in_the_query_and_makes_no_difference(
    ask: Ask, service: Service, front: Front
) -> None:
    ask()
    (request,) = front.requests
    path, _, query = request.path.partition("?")
    assert (request.method, path) == ("GET", f"/v1/{app.PRODUCT}/stable/RELEASES")
    assert query == "id=AppWindows&localVersion=1.0.0&arch=amd64"
    assert set(request.headers) == {"connection", "host"}
    assert service.answer(request.path, request.headers) == service.answer(path)
