"""Test Velopack's library itself (its Rust core, from PyPI), against the running service."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients import app
from tests.clients.conftest import INSTALLED, PYTHON, Service, need
from tests.clients.servers import CHANGED, CUT_SHORT, SHORTER, Front

DRIVER = Path(__file__).parent / "velopack" / "driver.py"
PACKAGE, DELTA = "App-1.1.0-full.nupkg", "App-1.1.0-delta.nupkg"
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(published: Front, tmp_path: Path) -> Ask:
    """Return `ask(version, channel, base, download)`, which returns the client's result or its error."""
    need(INSTALLED.exists(), "Install Velopack's library with: make test-clients")

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


def test_delta_is_downloaded_and_verified_if_its_base_package_exists(ask: Ask, front: Front) -> None:
    """Do not apply the delta: the program for it is not available.

    Without it, the client downloads the full package.
    """
    found = ask(base=app.velopack_package(app.OLD), download=True)
    assert found["deltas"] == [DELTA]
    base, partial = "App-1.0.0-full.nupkg", "App-1.1.0-full.partial"
    assert found["told"] == ["patch", "--old", base, "--output", partial, "--delta", DELTA]
    assert [request.path.rpartition("/")[2] for request in front.requests[1:]] == [DELTA, PACKAGE]
    assert base64.b64decode(found["content"]) == front.files[PACKAGE]


def test_a_delta_that_is_not_what_was_released_is_not_used(
    ask: Ask, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(front.files, DELTA, front.files[DELTA][:-1] + b"?")
    found = ask(base=app.velopack_package(app.OLD), download=True)
    assert (found["deltas"], found["told"]) == ([DELTA], [])
    assert [request.path.rpartition("/")[2] for request in front.requests[1:]] == [DELTA, PACKAGE]
    assert base64.b64decode(found["content"]) == front.files[PACKAGE]


@pytest.mark.parametrize(("version", "channel"), app.NOTHING.values(), ids=app.NOTHING)
def test_nothing_is_offered(ask: Ask, version: str, channel: str) -> None:
    assert ask(version, channel) == {"version": None}


@pytest.mark.parametrize(("channel", "version"), app.STILL_OFFERED.items())
def test_an_older_copy_is_offered_what_is_not_held_back(ask: Ask, channel: str, version: str) -> None:
    assert ask(app.OLDER, channel).get("version") == version


@pytest.mark.parametrize(
    ("fault", "reason"), [(CHANGED, "Checksum did not"), (SHORTER, "Size did not"), (CUT_SHORT, "disconnected")]
)
def test_a_download_that_is_not_what_was_released_is_refused(ask: Ask, front: Front, fault: str, reason: str) -> None:
    front.fault = fault
    assert reason in ask(download=True)["error"]
    assert any(request.path.endswith(PACKAGE) for request in front.requests)
    front.fault = ""
    assert "content" in ask(download=True)


def test_what_it_sends_of_itself_is_in_the_query_and_makes_no_difference(
    ask: Ask, service: Service, front: Front
) -> None:
    ask()
    (request,) = front.requests
    path, _, query = request.path.partition("?")
    assert (request.method, path) == ("GET", f"/v1/{app.PRODUCT}/stable/releases.linux.json")
    assert [part.partition("=")[0] for part in query.split("&")] == ["localVersion", "id", "stagingId"]
    assert request.headers["user-agent"].startswith("ureq/")
    assert service.answer(request.path, request.headers) == service.answer(path)
