"""Test WinSparkle itself (its DLL, from PyPI), under Wine, against the running service."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.clients import app
from tests.clients.conftest import INSTALLED, Service, need
from tests.clients.servers import CHANGED, CUT_SHORT, SHORTER, Front, Server

DRIVER = Path(__file__).parent / "winsparkle" / "driver.c"
LIBRARY = INSTALLED.parent / "winsparkle" / "sparklehelper" / "winsparkle" / "x64" / "WinSparkle.dll"
COMPILER = "x86_64-w64-mingw32-gcc"
SETUP = "App Setup 1.1.0.exe"


class Outcome(NamedTuple):
    """The result of an update: `nothing`, `error` or `installer`, and the installer."""

    kind: str
    installer: bytes = b""


Update = Callable[..., Outcome]


class Wine(NamedTuple):
    """A Windows with the driver.

    Attributes:
        drive: its drive C.
        driver: the driver, with WinSparkle beside it.
        environment: the environment of its programs.
    """

    drive: Path
    driver: Path
    environment: dict[str, str]


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wine]:
    if not all(map(shutil.which, ("wine", "wineserver", "xvfb-run", COMPILER))):
        pytest.skip("WinSparkle needs Wine and a compiler (Debian: wine wine64 xvfb gcc-mingw-w64-x86-64-win32)")
    need(LIBRARY.exists(), "Install WinSparkle with: make test-clients")
    folder = tmp_path_factory.mktemp("windows")
    library, driver = folder / LIBRARY.name, folder / "driver.exe"
    shutil.copyfile(LIBRARY, library)
    subprocess.run([COMPILER, "-o", driver, DRIVER, library], check=True, timeout=60)
    home = folder / "home"
    home.mkdir()
    environment = os.environ | {"HOME": str(home), "WINEPREFIX": str(home / "wine"), "WINEDEBUG": "-all"}
    environment["WINEDLLOVERRIDES"] = "mscoree,mshtml="  # Wine would offer to download .NET and a browser
    yield Wine(home / "wine" / "drive_c", driver, environment)
    subprocess.run(["wineserver", "--kill"], env=environment, check=False, timeout=60)
    shutil.rmtree(home)  # 700 MB


def key(private: Ed25519PrivateKey) -> str:
    """Return the public key in the form that an app gives to WinSparkle."""
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()


@pytest.fixture
def update(published: Front, plain_downloads: Server, wine: Wine) -> Update:
    """Return `update(version, channel, key)`, which returns the result for an app of this version."""

    def updated(version: str = app.OLD, channel: str = "stable", key: str = key(app.ED25519_KEY)) -> Outcome:
        url = f"{published.url}/v1/{app.PRODUCT}/{channel}/appcast.xml"
        run = subprocess.run(
            ["xvfb-run", "-a", "wine", wine.driver, url, version, key],
            env=wine.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        kind, _, path = run.stdout.strip().partition(" ")
        installer = wine.drive / PureWindowsPath(path).relative_to("C:\\").as_posix() if path else None
        return Outcome(kind, installer.read_bytes() if installer else b"")

    return updated


def test_the_update_is_found_downloaded_and_its_signature_verified(update: Update, plain_downloads: Server) -> None:
    assert update() == Outcome("installer", plain_downloads.files[SETUP])
    assert [request.path for request in plain_downloads.requests] == ["/App%20Setup%201.1.0.exe"]


@pytest.mark.parametrize(("version", "channel"), app.NOTHING.values(), ids=app.NOTHING)
def test_nothing_is_offered(update: Update, version: str, channel: str) -> None:
    assert update(version, channel) == Outcome("nothing")


@pytest.mark.parametrize(("channel", "version"), app.STILL_OFFERED.items())
def test_an_older_copy_is_offered_what_is_not_held_back(
    update: Update, plain_downloads: Server, channel: str, version: str
) -> None:
    assert update(app.OLDER, channel) == Outcome("installer", plain_downloads.files[f"App Setup {version}.exe"])


@pytest.mark.parametrize("fault", [CHANGED, SHORTER, CUT_SHORT])
def test_a_download_that_is_not_what_was_released_is_refused(
    update: Update, plain_downloads: Server, fault: str
) -> None:
    plain_downloads.fault = fault
    assert update() == Outcome("error")
    assert plain_downloads.requests
    plain_downloads.fault = ""
    assert update().kind == "installer"


def test_a_file_that_another_key_signed_is_refused(update: Update, plain_downloads: Server) -> None:
    assert update(key=key(Ed25519PrivateKey.generate())) == Outcome("error")
    assert plain_downloads.requests


def test_it_says_which_version_asks_and_that_makes_no_difference(
    update: Update, service: Service, front: Front
) -> None:
    update()
    (request,) = front.requests
    assert (request.method, request.path) == ("GET", f"/v1/{app.PRODUCT}/stable/appcast.xml")
    assert set(request.headers) == {"accept", "accept-encoding", "host", "pragma", "user-agent"}
    assert request.headers["user-agent"].startswith("App/1.0.0 WinSparkle/")
    assert service.answer(request.path, request.headers) == service.answer(request.path)
