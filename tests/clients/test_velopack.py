"""Velopack's library itself (its Rust core, from PyPI), against the running service."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients import app
from tests.clients.conftest import PYTHON, need
from tests.clients.servers import CHANGED, CUT_SHORT, Front

DRIVER = Path(__file__).parent / "velopack" / "driver.py"
PACKAGE = "App-1.1.0-full.nupkg"
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(published: Front, tmp_path: Path) -> Ask:
    """`ask(version, channel, base, download)`: what the client found, or its error."""
    need(PYTHON, "Install Velopack's library with: make test-clients")

    def asked(
        version: str = app.OLD, channel: str = "stable", *, base: bytes = b"", download: bool = False
    ) -> dict[str, Any]:
        url = f"{published.url}/v1/{app.PRODUCT}/{channel}"
        wish = {"url": url, "version": version, "folder": str(tmp_path), "download": download}
        wish["base"] = base64.b64encode(base).decode()
        run = subprocess.run([PYTHON, DRIVER, json.dumps(wish)], capture_output=True, text=True, timeout=60, check=True)
        said: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
        return said

    return asked


def test_the_update_is_found_downloaded_and_verified(ask: Ask, front: Front) -> None:
    found = ask(download=True)
    assert (found.get("error"), found.get("version"), found.get("notes")) == (None, app.LATEST, "What is new in 1.1.0.")
    assert base64.b64decode(found["content"]) == front.files[PACKAGE]


def test_a_delta_is_downloaded_first_where_the_package_before_is_there(ask: Ask, front: Front) -> None:
    """Applying it is for a program that apps ship and no registry has; without, the client goes on to the full one."""
    found = ask(base=app.package(app.OLD), download=True)
    assert found["deltas"] == ["App-1.1.0-delta.nupkg"]
    asked = [request.path.rpartition("/")[2] for request in front.requests]
    assert asked[1:] == ["App-1.1.0-delta.nupkg", PACKAGE]
    assert base64.b64decode(found["content"]) == front.files[PACKAGE]


@pytest.mark.parametrize(("version", "channel"), app.NOTHING.values(), ids=app.NOTHING)
def test_nothing_is_offered(ask: Ask, version: str, channel: str) -> None:
    assert ask(version, channel) == {"version": None}


@pytest.mark.parametrize("fault", [CHANGED, CUT_SHORT])
def test_a_download_that_is_not_what_was_released_is_refused(ask: Ask, front: Front, fault: str) -> None:
    front.fault = fault
    assert "error" in ask(download=True)
    assert any(request.path.endswith(PACKAGE) for request in front.requests)
    front.fault = ""
    assert "content" in ask(download=True)


def test_what_it_sends_of_itself_is_in_the_query(ask: Ask, front: Front) -> None:
    """The lasting id, too. The answer is the same without."""
    ask()
    (request,) = front.requests
    path, _, query = request.path.partition("?")
    assert (request.method, path) == ("GET", f"/v1/{app.PRODUCT}/stable/releases.linux.json")
    assert [part.partition("=")[0] for part in query.split("&")] == ["localVersion", "id", "stagingId"]
    assert request.headers["user-agent"].startswith("ureq/")
