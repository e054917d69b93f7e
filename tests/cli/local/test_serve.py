"""Test `comet-updates serve` as a newcomer uses it: the real command in a process of its own, over real HTTP."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest

from testkit.documents import release
from testkit.lambda_runtime import free_port
from testkit.project import ROOT
from testkit.s3 import REGION

COMMAND = Path(sys.executable).parent / "comet-updates"
BUCKET = "comet-updates"
STABLE = "/v1/comet-cursor/stable"
PATIENCE_S = 300  # a machine may be busy


class Response(NamedTuple):
    """An answer as it came over the network."""

    status: int
    headers: dict[str, str]
    body: bytes


class Service(NamedTuple):
    """A running service, and its S3 as any client sees it."""

    process: subprocess.Popen[str]
    port: int
    s3: Any

    def ask(self, path: str, method: str = "GET", **headers: str) -> Response:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)) as connection:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            received = {name.lower(): value for name, value in response.getheaders()}
            return Response(response.status, received, response.read())

    def put(self, key: str, document: dict[str, Any]) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(document))

    def version(self, path: str = STABLE) -> str:
        return str(json.loads(self.ask(path).body)["version"])

    def exists(self, key: str) -> bool:
        return "Contents" in self.s3.list_objects_v2(Bucket=BUCKET, Prefix=key)


def eventually(condition: Any) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def start(port: int, s3_port: int, *options: str | Path, **variables: str) -> subprocess.Popen[str]:
    # A person's own AWS settings must not matter.
    environment = os.environ | {"PORT": str(port), "S3_PORT": str(s3_port), "AWS_PROFILE": "nobody", "BUCKET": "other"}
    environment |= variables
    arguments: list[str | Path] = [COMMAND, "serve", *(options or ("--samples", "samples"))]
    return subprocess.Popen(
        arguments, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    started = ready()
    yield started
    started.process.kill()
    started.process.communicate()


def ready(*options: str | Path, **variables: str) -> Service:
    """Start the service, and wait until it is ready."""
    port, s3_port = free_port(), free_port()
    process = start(port, s3_port, *options, **variables)
    assert process.stdout
    assert process.stdout.readline() == f"ready http://127.0.0.1:{port}\n"
    s3 = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{s3_port}",
        region_name=REGION,
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    return Service(process, port, s3)


def test_the_sample_products_are_answered_at_once(service: Service) -> None:
    assert service.version() == "4.2.0"
    assert service.version("/v1/comet-cursor/beta") == "4.3.0-beta.1"
    assert service.version("/v1/comet-cursor/nightly") == "4.3.0-nightly.20261120"
    assert service.version("/v1/comet-skies/bundled") == "2.0.8"


@pytest.mark.parametrize(
    "document",
    [
        *("manifest.json", "releases.json", "feed.atom", "appcast.xml", "tauri.json", "RELEASES", "RELEASES.json"),
        *("latest.yml", "latest-mac.yml", "latest-linux.yml", "releases.win.json"),
    ],
)
def test_samples_have_the_document_of_every_updater(service: Service, document: str) -> None:
    response = service.ask(f"{STABLE}/{document}")
    assert response.status == 200
    assert b"4.2.0" in response.body


def test_sample_document_stays_at_the_last_release_without_min_os(service: Service) -> None:
    for document in ("tauri.json", "RELEASES.json"):
        assert b"4.3.0-beta.1" not in service.ask(f"/v1/comet-cursor/beta/{document}").body
        assert b"4.2.0" in service.ask(f"/v1/comet-cursor/beta/{document}").body
    assert b"4.3.0-beta.1" in service.ask("/v1/comet-cursor/beta/appcast.xml").body


def test_pages_show_the_url_of_this_service(service: Service) -> None:
    page = service.ask("/comet-cursor").body.decode()
    assert f"http://127.0.0.1:{service.port}/v1/comet-cursor/stable" in page


def test_the_answer_has_the_headers_of_the_function_and_no_others(service: Service) -> None:
    response = service.ask(STABLE)
    assert set(response.headers) == {
        "content-type",
        "content-length",
        "cache-control",
        "etag",
        "x-content-type-options",
        "strict-transport-security",
        "access-control-allow-origin",
    }


def test_a_client_that_has_the_document_gets_304(service: Service) -> None:
    etag = service.ask(STABLE).headers["etag"]
    response = service.ask(STABLE, if_none_match=etag)
    assert (response.status, response.body) == (304, b"")


def test_an_upload_changes_the_answer(service: Service) -> None:
    service.put("releases/live/stable/1.0.0.json", release("1.0.0", product="live"))
    assert eventually(lambda: service.ask("/v1/live/stable").status == 200)
    service.put("releases/live/stable/1.1.0.json", release("1.1.0", product="live"))
    assert eventually(lambda: service.version("/v1/live/stable") == "1.1.0")


def test_an_invalid_upload_leaves_the_answer_as_it_was_and_says_why(service: Service) -> None:
    before = service.ask(STABLE).body
    key = "releases/comet-cursor/stable/9.9.9.json"
    service.put(key, release("9.9.9", artifacts=[{"url": "http://example.com/setup.exe"}]))
    assert eventually(lambda: service.exists(f"rejected/{key}.json"))
    rejection = json.loads(service.s3.get_object(Bucket=BUCKET, Key=f"rejected/{key}.json")["Body"].read())
    assert {problem["path"] for problem in rejection["problems"]} >= {"$.artifacts[0].url", "$.artifacts[0].platform"}
    assert service.ask(STABLE).body == before


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/v1/../..", 404, id="dots"),
        pytest.param("/v1/comet-cursor%2Fstable", 404, id="encoded slash"),
        pytest.param("/v1/comet-cursor/stable%00", 404, id="NUL"),
        pytest.param(f"/v1/{'a' * 10_000}/stable", 404, id="10 kB name"),
        pytest.param("/v1/%D0%BA%D0%BE%D0%BC%D0%B5%D1%82%D0%B0/stable", 404, id="Cyrillic"),
        pytest.param(f"{STABLE}?{'q' * 8_000}", 200, id="8 kB query"),
        pytest.param(f"{STABLE}/3F2504E0-4F89-11D3-9A0C-0305E82C3301?dn=12345", 200, id="legacy copy"),
    ],
)
def test_odd_requests_get_a_constant_answer(service: Service, path: str, status: int) -> None:
    response = service.ask(path)
    assert response.status == status
    assert response.body == service.ask(STABLE if status == 200 else "/v1/nowhere").body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_a_wrong_method_gets_405(service: Service, method: str) -> None:
    response = service.ask(STABLE, method)
    assert (response.status, response.headers["allow"]) == (405, "GET, HEAD")


def test_what_is_no_http_gets_a_constant_answer(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE_S) as connection:
        connection.sendall("GET /кот HTTP/1.1\r\nhost: \x00\r\n\r\n".encode())
        answer = connection.recv(4096)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 "))
    assert "кот".encode() not in answer


def test_a_port_in_use_is_a_clear_message(service: Service) -> None:
    process = start(service.port, free_port())
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (1, "")
    assert err == (
        f"comet-updates: port {service.port}: already in use. "
        "Stop the program that uses it, or choose another: PORT=<port> make run\n"
    )


@pytest.mark.full
def test_samples_that_cannot_be_read_end_it_and_the_reason_is_told(tmp_path: Path) -> None:
    (tmp_path / "broken.json").symlink_to(tmp_path / "nowhere")
    environment = os.environ | {"PORT": str(free_port()), "S3_PORT": str(free_port())}
    command: list[str | Path] = [COMMAND, "serve", "--samples", tmp_path]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert run.returncode == 1
    assert "broken.json: cannot be read" in run.stderr
    assert "AttributeError" not in run.stderr


def test_changes_are_printed_in_a_line_each() -> None:
    service = ready("--empty")
    assert service.process.stdout
    service.put("releases/live/stable/1.0.0.json", release("1.0.0", product="live"))
    assert eventually(lambda: service.ask("/v1/live/stable").status == 200)
    key = "releases/live/stable/9.9.9.json"
    service.put(key, release("9.9.9", product="live", artifacts=[{"url": "http://example.com/setup.exe"}]))
    assert eventually(lambda: service.exists(f"rejected/{key}.json"))
    service.process.send_signal(signal.SIGTERM)
    out, err = service.process.communicate(timeout=PATIENCE_S)
    assert err == ""
    printed = out.splitlines()
    assert "published live/stable: offers 1.0.0" in printed
    assert [line for line in printed if line.startswith(f"refused {key}: $.artifacts[0].url: ")] != []


def test_data_folder_keeps_releases_signatures_and_decisions(tmp_path: Path) -> None:
    data, at = tmp_path / "data", "/tuf/metadata/timestamp.json"
    first = ready("--data", data, "--samples", "samples")
    policy = {"schema": 1, "product": "comet-cursor", "channel": "beta", "pin": "4.2.0", "includes": ["stable"]}
    first.put("channels/comet-cursor/beta.json", policy)
    assert eventually(lambda: first.version("/v1/comet-cursor/beta") == "4.2.0")
    before = {path: first.ask(path).body for path in (STABLE, "/v1/comet-cursor/beta", "/tuf/metadata/1.root.json")}
    signed = json.loads(first.ask(at).body)["signed"]["version"]
    written_at = first.s3.head_object(Bucket=BUCKET, Key="products/comet-cursor.json")["LastModified"]
    first.process.send_signal(signal.SIGTERM)
    first.process.communicate(timeout=PATIENCE_S)
    again = ready("--data", data)
    assert {path: again.ask(path).body for path in before} == before
    assert json.loads(again.ask(at).body)["signed"]["version"] >= signed
    assert again.s3.head_object(Bucket=BUCKET, Key="products/comet-cursor.json")["LastModified"] == written_at
    again.process.kill()
    again.process.communicate()


def test_sigterm_ends_it_as_ctrl_c_does(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    service = ready("--samples", "samples", TMPDIR=str(tmp_path / "tmp"))
    assert [*(tmp_path / "tmp").glob("comet-updates-*")] != [], "the positive control"
    assert service.ask("/tuf/metadata/timestamp.json").status == 200
    service.process.send_signal(signal.SIGTERM)
    _, err = service.process.communicate(timeout=PATIENCE_S)
    assert (err, service.process.returncode) == ("", 130)
    assert [*(tmp_path / "tmp").glob("comet-updates-*")] == []


def test_samples_stay_unsigned_beside_an_online_key_of_ones_own(tmp_path: Path) -> None:
    subprocess.run([COMMAND, "keys", "create", tmp_path / "online.pem"], check=True, capture_output=True)
    service = ready("--samples", "samples", "--online-key", f"file2:{tmp_path / 'online.pem'}")
    assert service.version() == "4.2.0"
    assert service.ask("/tuf/metadata/timestamp.json").status == 404
    service.process.kill()
    service.process.communicate()


def test_ctrl_c_ends_it_and_leaves_nothing_behind() -> None:
    port, s3_port = free_port(), free_port()
    process = start(port, s3_port)
    assert process.stdout
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert err == ""
    for freed in (port, s3_port):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", freed)) != 0
