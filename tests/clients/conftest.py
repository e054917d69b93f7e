"""Fixtures for real updaters: the running service with the app published, and the servers that clients ask."""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
import trustme

from testkit.lambda_runtime import free_port
from testkit.project import ROOT
from tests.clients import app
from tests.clients.servers import Front, Server

PYTHON = ROOT / ".venv-clients" / "bin" / "python"
INSTALLED = ROOT / ".venv-clients" / "installed"
COMMAND = Path(sys.executable).parent / "comet-updates"
PATIENCE_S = 15.0
STABLE = f"/v1/{app.PRODUCT}/stable"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("COMET_CLIENTS") != "1":
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(
                    pytest.mark.skip(reason="the real updaters are installed and tried by: make test-clients")
                )


def need(is_there: bool, remedy: str) -> None:  # noqa: FBT001 (reads as a sentence)
    """Skip the test if a client is not installed, and say how to install it. In CI, fail instead."""
    if not is_there:
        pytest.fail(remedy) if os.environ.get("COMET_REQUIRE_ALL") else pytest.skip(remedy)


class Answer(NamedTuple):
    """The service's whole answer to a request."""

    status: int
    headers: dict[str, str]
    body: bytes


class Service(NamedTuple):
    """A running service.

    Attributes:
        port: its port on loopback.
        s3: a client of its S3.
    """

    port: int
    s3: Any

    def upload(self, key: str, document: dict[str, Any]) -> None:
        """Upload a document, as a pipeline does."""
        self.s3.put_object(Bucket="comet-updates", Key=key, Body=json.dumps(document))

    def release(self, document: dict[str, Any]) -> None:
        """Upload a release."""
        self.upload("releases/{product}/{channel}/{version}.json".format(**document), document)

    def answer(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Return the answer to a GET."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request("GET", path, headers=headers or {})
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())

    def wait_for(self, path: str, is_right: Callable[[bytes], bool]) -> None:
        """Wait until the document at `path` is right. Fail the test if that takes too long."""
        deadline = time.monotonic() + PATIENCE_S
        while not is_right(found := self.answer(path).body):
            assert time.monotonic() < deadline, f"{path} is still {found[:500]!r}"
            time.sleep(0.2)


@contextmanager
def serving(*options: str) -> Iterator[Service]:
    """Run `comet-updates serve` without releases."""
    port, s3_port = free_port(), free_port()
    process = subprocess.Popen(
        [COMMAND, "serve", "--empty", *options],
        cwd=ROOT,
        env=os.environ | {"PORT": str(port), "S3_PORT": str(s3_port)},
        text=True,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stdout.readline().startswith("ready")
    yield Service(
        port,
        boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{s3_port}",
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
        ),
    )
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """Yield the service for all updaters that do not use TUF."""
    with serving() as running:
        yield running


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    """Return the authority of the file server's certificate, and the file that makes clients trust it."""
    made = trustme.CA()
    file = tmp_path_factory.mktemp("authority") / "authority.pem"
    made.cert_pem.write_to_path(str(file))
    return made, file


@pytest.fixture(scope="session")
def downloads(authority: tuple[trustme.CA, Path]) -> Iterator[Server]:
    """Yield the server for files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority[0].issue_cert("localhost").configure_cert(context)
    with Server(context) as server:
        yield server


@pytest.fixture(scope="session")
def front(service: Service) -> Iterator[Front]:
    """Yield a server in front of the service. Clients ask it, and it records their requests."""
    with Front(service.port) as server:
        yield server


@pytest.fixture
def plain_downloads(front: Front, downloads: Server) -> Iterator[Server]:
    """Yield a copy of the file server without TLS, for clients that cannot be made to trust the tests' authority."""
    with Server() as server:
        server.files = downloads.files
        front.files_at = (downloads.url, server.url)
        yield server
        front.files_at = ("", "")


def _tells(text: bytes, document: bytes) -> bool:
    return text in document


@pytest.fixture(scope="session")
def published(service: Service, downloads: Server, front: Front) -> Front:
    """Publish the app, with some releases held back on other channels. Return the front."""
    service.upload(f"products/{app.PRODUCT}.json", {"product": app.PRODUCT, "drop_in": ["electron", "tauri"]})
    packages_url = f"https://localhost:{front.port}{STABLE}"
    for version in (app.OLD, app.LATEST):
        downloads.files |= app.files(version)
        service.release(app.release(version, downloads.url, packages_url))
    front.files |= downloads.files
    due = {"available_at": "2099-01-01T00:00:00Z"}
    service.release(app.release(app.NEXT, downloads.url, packages_url, channel=app.SCHEDULED, **due))
    for channel, decided in {**app.HELD_BACK, app.SCHEDULED: {}}.items():
        policy = {"schema": 1, "product": app.PRODUCT, "channel": channel, "includes": ["stable"], **decided}
        service.upload(f"channels/{app.PRODUCT}/{channel}.json", policy)
    offered = {"stable": app.LATEST, app.SCHEDULED: app.LATEST} | dict.fromkeys(app.HELD_BACK, app.OLD)
    for channel, version in offered.items():
        is_told = partial(_tells, f'"version":"{version}"'.encode())
        for document in ("drop-in-darwin.json", "manifest.json"):
            service.wait_for(f"/v1/{app.PRODUCT}/{channel}/{document}", is_told)
    return front


@pytest.fixture(autouse=True)
def _nothing_is_wrong(request: pytest.FixtureRequest) -> Iterator[None]:
    """Repair the servers after each test, and forget their requests."""
    yield
    for name in ("downloads", "front"):
        if name in request.fixturenames:
            server = request.getfixturevalue(name)
            server.fault = ""
            del server.requests[:]
