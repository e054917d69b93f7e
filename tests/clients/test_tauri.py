"""Test Tauri's updater plugin itself (its Rust code, from PyPI), in a hidden window, against the running service."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import minisign
import pytest

from tests.clients import app
from tests.clients.conftest import INSTALLED, PYTHON, Service, need
from tests.clients.servers import CHANGED, CUT_SHORT, SHORTER, Front, Server

DRIVER = Path(__file__).parent / "tauri" / "driver.py"
WEBKIT = "libwebkit2gtk-4.1.so.0"
DROP_IN = "/drop-in/comet-app/{channel}/{{{{target}}}}/{{{{arch}}}}/{{{{current_version}}}}"
Ask = Callable[..., dict[str, Any]]


def key(pair: minisign.KeyPair = app.KEY) -> str:
    """Return the public key in the form of Tauri's configuration: its whole file in base64."""
    return base64.b64encode(bytes(pair.public_key)).decode()


@pytest.fixture
def ask(published: Front, tmp_path: Path) -> Ask:
    """Return `ask(version, channel, key, path, download)`, which returns the plugin's result or its error."""
    need(INSTALLED.exists(), "Install Tauri's plugin with: make test-clients")
    if shutil.which("xvfb-run") is None or not list(Path("/usr/lib").glob(f"*/{WEBKIT}")):
        pytest.skip(f"Tauri needs Xvfb and {WEBKIT} (Debian: xvfb, libwebkit2gtk-4.1-0)")

    def asked(
        version: str = app.OLD,
        channel: str = "stable",
        *,
        key: str = key(),
        path: str = "/v1/comet-app/{channel}/tauri.json",
        download: bool = False,
    ) -> dict[str, Any]:
        wish = {"version": version, "key": key, "folder": str(tmp_path), "download": download}
        wish["endpoint"] = published.url + path.format(channel=channel)
        run = subprocess.run(
            ["xvfb-run", "-a", PYTHON, DRIVER, json.dumps(wish)],
            env=os.environ | {"HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        said: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
        return said

    return asked


URLS = pytest.mark.parametrize("path", ["/v1/comet-app/{channel}/tauri.json", DROP_IN], ids=["static", "drop-in"])


@URLS
def test_the_update_is_found_downloaded_and_its_signature_verified(
    ask: Ask, plain_downloads: Server, path: str
) -> None:
    found = ask(path=path, download=True)
    assert found == {"version": app.LATEST, "notes": "What is new in 1.1.0.", "isVerified": True}
    assert [request.path for request in plain_downloads.requests] == ["/App-1.1.0.AppImage"]


@URLS
@pytest.mark.parametrize(("version", "channel"), app.NOTHING.values(), ids=app.NOTHING)
def test_nothing_is_offered(ask: Ask, version: str, channel: str, path: str) -> None:
    assert ask(version, channel, path=path) == {"version": None}


@URLS
@pytest.mark.parametrize(("channel", "version"), app.STILL_OFFERED.items())
def test_an_older_copy_is_offered_what_is_not_held_back(ask: Ask, channel: str, version: str, path: str) -> None:
    assert ask(app.OLDER, channel, path=path).get("version") == version


@pytest.mark.parametrize(("fault", "reason"), [(CHANGED, "signature"), (SHORTER, "signature"), (CUT_SHORT, "decoding")])
def test_a_download_that_is_not_what_was_released_is_refused(
    ask: Ask, plain_downloads: Server, fault: str, reason: str
) -> None:
    plain_downloads.fault = fault
    assert reason in ask(download=True)["error"]
    assert plain_downloads.requests
    plain_downloads.fault = ""
    assert ask(download=True)["isVerified"]


def test_a_file_that_another_key_signed_is_refused(ask: Ask, plain_downloads: Server) -> None:
    refused = ask(key=key(minisign.KeyPair.generate()), download=True)
    assert "key" in refused["error"]
    assert plain_downloads.requests


def test_it_sends_nothing_of_itself_but_its_plugins_version(ask: Ask, service: Service, front: Front) -> None:
    ask()
    (request,) = front.requests
    assert (request.method, request.path) == ("GET", f"/v1/{app.PRODUCT}/stable/tauri.json")
    assert set(request.headers) == {"accept", "user-agent", "host"}
    assert request.headers["user-agent"].startswith("tauri-plugin-updater/")
    assert service.answer(request.path, request.headers) == service.answer(request.path)
