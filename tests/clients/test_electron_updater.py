"""electron-updater itself, from npm, against the running service."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients import app
from tests.clients.conftest import need
from tests.clients.servers import CHANGED, CUT_SHORT, Front, Server

DRIVER = Path(__file__).parent / "electron" / "driver.js"
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(published: Front, authority: tuple[Any, Path], tmp_path: Path) -> Ask:
    """`ask(version, channel, system, download)`: what the client found, or its error."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not on PATH: install Node.js to try electron-updater")
    need(DRIVER.parent / "node_modules" / "electron-updater", "Install electron-updater with: make test-clients")

    def asked(
        version: str = app.OLD, channel: str = "stable", system: str = "linux", *, download: bool = False
    ) -> dict[str, Any]:
        url = f"{published.url}/v1/{app.PRODUCT}/{channel}"
        wish = {"system": system, "url": url, "version": version, "folder": str(tmp_path), "download": download}
        environment = os.environ | {"NODE_EXTRA_CA_CERTS": str(authority[1])}
        run = subprocess.run(
            ["node", DRIVER, json.dumps(wish)], env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        said: dict[str, Any] = json.loads(run.stdout)
        return said

    return asked


FILES = {
    "linux": "App-1.1.0.AppImage",
    "windows": "App Setup 1.1.0.exe",
}


@pytest.mark.parametrize("system", FILES)
def test_the_update_is_found_downloaded_and_verified(ask: Ask, downloads: Server, system: str) -> None:
    found = ask(system=system, download=True)
    assert (found.get("error"), found.get("isAvailable"), found.get("version")) == (None, True, app.LATEST)
    assert found["notes"] == "What is new in 1.1.0."
    assert base64.b64decode(found["content"]) == downloads.files[FILES[system]]


def test_on_a_mac_the_archives_are_found(ask: Ask) -> None:
    found = ask(system="macos")
    assert (found["isAvailable"], found["version"]) == (True, app.LATEST)
    assert {file.rpartition("/")[2] for file in found["files"]} == {
        "App-1.1.0-universal.zip",
        "App-1.1.0-x64.zip",
        "App-1.1.0-arm64.zip",
    }


@pytest.mark.parametrize("system", ["linux", "windows", "macos"])
@pytest.mark.parametrize(("version", "channel"), app.NOTHING.values(), ids=app.NOTHING)
def test_nothing_is_offered(ask: Ask, system: str, version: str, channel: str) -> None:
    found = ask(version, channel, system)
    assert (found.get("error"), found.get("isAvailable")) == (None, False)


@pytest.mark.parametrize("fault", [CHANGED, CUT_SHORT])
def test_a_download_that_is_not_what_was_released_is_refused(ask: Ask, downloads: Server, fault: str) -> None:
    downloads.fault = fault
    refused = ask(download=True)
    assert ("sha512" if fault == CHANGED else "aborted") in refused["error"].lower()
    assert any(request.path.endswith(".AppImage") for request in downloads.requests)
    downloads.fault = ""
    assert "content" in ask(download=True)


def test_what_it_sends_of_itself_makes_no_difference(ask: Ask, published: Front) -> None:
    del published.requests[:]
    ask()
    (request,) = published.requests
    path, _, query = request.path.partition("?")
    assert (request.method, path) == ("GET", f"/v1/{app.PRODUCT}/stable/latest-linux.yml")
    assert query.startswith("noCache=")
    assert len(request.headers["x-user-staging-id"]) == 36
    assert request.headers["user-agent"] == "electron-builder"
