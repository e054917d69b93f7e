"""Test electron-updater itself, from npm, against the running service."""

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
from tests.clients.conftest import Service, need
from tests.clients.servers import CHANGED, CUT_SHORT, SHORTER, Front, Server

DRIVER = Path(__file__).parent / "electron" / "driver.js"
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(published: Front, authority: tuple[Any, Path], tmp_path: Path) -> Ask:
    """Return `ask(version, channel, system, arch, download)`, which returns the client's result or its error."""
    need(shutil.which("npm") is not None, "npm is not on PATH: install Node.js to try electron-updater")
    need((DRIVER.parent / "node_modules/.installed").exists(), "Install electron-updater with: make test-clients")

    def asked(
        version: str = app.OLD,
        channel: str = "stable",
        system: str = "linux",
        arch: str = "x64",
        *,
        download: bool = False,
    ) -> dict[str, Any]:
        wish = {"system": system, "arch": arch, "version": version, "folder": str(tmp_path), "download": download}
        wish["url"] = f"{published.url}/v1/{app.PRODUCT}/{channel}"
        environment = os.environ | {"NODE_EXTRA_CA_CERTS": str(authority[1])}
        run = subprocess.run(
            ["node", DRIVER, json.dumps(wish)], env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        said: dict[str, Any] = json.loads(run.stdout)
        return said

    return asked


FILES = {
    ("linux", "x64"): "App-1.1.0.AppImage",
    ("linux", "arm64"): "App-1.1.0-arm64.AppImage",
    ("windows", "x64"): "App Setup 1.1.0.exe",
    ("windows", "arm64"): "App Setup 1.1.0 arm64.exe",
    ("macos", "x64"): "App-1.1.0-x64.zip",
    ("macos", "arm64"): "App-1.1.0-arm64.zip",
}


@pytest.mark.parametrize(("system", "arch"), FILES)
def test_the_update_for_the_computer_is_found_downloaded_and_verified(
    ask: Ask, downloads: Server, system: str, arch: str
) -> None:
    found = ask(system=system, arch=arch, download=True)
    assert (found.get("error"), found.get("isAvailable"), found.get("version")) == (None, True, app.LATEST)
    assert found["notes"] == "What is new in 1.1.0."
    assert base64.b64decode(found["content"]) == downloads.files[FILES[system, arch]]


@pytest.mark.parametrize("system", ["linux", "windows", "macos"])
@pytest.mark.parametrize(("version", "channel"), app.NOTHING.values(), ids=app.NOTHING)
def test_nothing_is_offered(ask: Ask, system: str, version: str, channel: str) -> None:
    found = ask(version, channel, system)
    assert (found.get("error"), found.get("isAvailable")) == (None, False)


@pytest.mark.parametrize(("channel", "version"), app.STILL_OFFERED.items())
def test_an_older_copy_is_offered_what_is_not_held_back(ask: Ask, channel: str, version: str) -> None:
    found = ask(app.OLDER, channel)
    assert (found.get("error"), found.get("isAvailable"), found.get("version")) == (None, True, version)


@pytest.mark.parametrize(("fault", "reason"), [(CHANGED, "sha512"), (SHORTER, "sha512"), (CUT_SHORT, "aborted")])
def test_a_download_that_is_not_what_was_released_is_refused(
    ask: Ask, downloads: Server, fault: str, reason: str
) -> None:
    downloads.fault = fault
    assert reason in ask(download=True)["error"]
    assert any(request.path.endswith(".AppImage") for request in downloads.requests)
    downloads.fault = ""
    assert "content" in ask(download=True)


def test_what_it_sends_of_itself_makes_no_difference(ask: Ask, service: Service, front: Front) -> None:
    ask()
    (request,) = front.requests
    path, _, query = request.path.partition("?")
    assert (request.method, path) == ("GET", f"/v1/{app.PRODUCT}/stable/latest-linux.yml")
    assert query.startswith("noCache=")
    assert len(request.headers["x-user-staging-id"]) == 36
    assert request.headers["user-agent"] == "electron-builder"
    assert service.answer(request.path, request.headers) == service.answer(path)


def test_its_lasting_id_does_not_go_to_where_the_files_are(ask: Ask, downloads: Server, front: Front) -> None:
    ask(download=True)
    assert "x-user-staging-id" in front.requests[0].headers
    assert [(request.path, sorted(request.headers)) for request in downloads.requests] == [
        ("/App-1.1.0.AppImage", ["accept", "cache-control", "connection", "host", "user-agent"])
    ]
