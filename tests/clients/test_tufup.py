"""Test tufup with the class that docs/clients/tuf.md shows, against the running service."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from comet_updates.answer import urls
from comet_updates.publish.bucket import Bucket
from comet_updates_cli.options import SignWith
from comet_updates_cli.signing import key_folder, sign_states
from testkit.documents import release
from testkit.project import ROOT
from tests.clients import app
from tests.clients.conftest import Service, need, serving
from tests.clients.servers import CHANGED, CUT_SHORT, SHORTER, Front, Server

PYTHON = ROOT / ".venv-tufup" / "bin" / "python"
DRIVER = Path(__file__).parent / "tufup" / "driver.py"
PAGE = (ROOT / "docs" / "clients" / "tuf.md").read_text()
PRODUCT = "comet-tool"
PATH = f"/{PRODUCT}/stable/{PRODUCT}-{app.LATEST}.tar.gz"
Ask = Callable[..., dict[str, Any]]


class Signed(NamedTuple):
    """A service with signed releases: the server that clients ask, the server for files, and the first root."""

    front: Front
    files: Server
    root: Path


def archive(version: str) -> bytes:
    """Return an archive that tufup can unpack."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as made:
        body = f"This is {version}.\n".encode()
        entry = tarfile.TarInfo("app.txt")
        entry.size = len(body)
        made.addfile(entry, io.BytesIO(body))
    return packed.getvalue()


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signed]:
    """Publish the app, released and signed by the functions behind the commands."""
    need(Path(PYTHON.parents[1] / "installed").exists(), "Install tufup with: make test-clients")
    folder = tmp_path_factory.mktemp("keys")
    key = {name: folder / f"{name}.pem" for name in ("root", "targets", "product", "online")}
    for file in key.values():
        key_folder.create(file)
    public = {name: file.with_name(f"{file.name}.pub") for name, file in key.items()}
    now, trust = datetime.now(UTC), folder / "trust"
    key_folder.begin(trust, [public["root"]], [public["targets"]], public["online"], threshold=1, now=now, is_dry=False)
    key_folder.delegate(trust, PRODUCT, [public["product"]], 1, now=now, is_dry=False)
    for name in ("root", "targets"):
        key_folder.sign(trust, f"file2:{key[name]}", is_dry=False)
    with serving("--online-key", f"file2:{key['online']}") as service, Server() as files, Front(service.port) as front:
        bucket = Bucket(service.s3, "comet-updates")
        key_folder.publish(trust, bucket, is_dry=False)
        for version in (app.OLD, app.LATEST):
            _release(service, files, version)
        sign_states.sign_states(bucket, PRODUCT, now, SignWith(f"file2:{key['product']}"))
        service.wait_for(urls.TIMESTAMP.removeprefix("public"), lambda body: b'"timestamp"' in body)
        del front.requests[:]
        yield Signed(front, files, trust / "root" / "1.json")


def _release(service: Service, files: Server, version: str) -> None:
    name, body = f"{PRODUCT}-{version}.tar.gz", archive(version)
    files.files[name] = body
    file = {
        "platform": "linux",
        "arch": "x86_64",
        "kind": "archive",
        "url": f"https://downloads.example.com/{PRODUCT}/stable/{name}",
        "size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    service.release(release(version, product=PRODUCT, artifacts=[file], released_at=app.RELEASED[version]))


@pytest.fixture
def ask(signed: Signed, tmp_path: Path) -> Iterator[Ask]:
    """Return `ask(version)`, which returns what tufup found, installed and raised."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "client.py").write_text(blocks[-1])
    shutil.copy(DRIVER, tmp_path)

    def asked(version: str = app.OLD) -> dict[str, Any]:
        wish = {
            "product": PRODUCT,
            "version": version,
            "service": signed.front.url,
            "files": signed.files.url,
            "folder": str(tmp_path / "app"),
            "root": str(signed.root),
        }
        run: list[str | Path] = [PYTHON, tmp_path / DRIVER.name, json.dumps(wish)]
        done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=True)
        said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return said

    yield asked
    signed.files.fault = ""
    del signed.front.requests[:], signed.files.requests[:]


def test_the_update_is_found_downloaded_verified_and_unpacked(ask: Ask, signed: Signed) -> None:
    assert ask() == {"found": app.LATEST, "installed": {"app.txt": f"This is {app.LATEST}.\n"}, "error": None}
    assert [request.path for request in signed.files.requests] == [PATH]


@pytest.mark.parametrize("version", [app.LATEST, app.NEXT])
def test_nothing_is_found_when_it_is_current(ask: Ask, signed: Signed, version: str) -> None:
    assert ask(version) == {"found": None, "installed": None, "error": None}
    assert signed.files.requests == []


@pytest.mark.parametrize("fault", [CHANGED, SHORTER, CUT_SHORT])
def test_an_archive_that_is_not_what_was_signed_is_refused(ask: Ask, signed: Signed, fault: str) -> None:
    signed.files.fault = fault
    said = ask()
    assert (said["found"], said["installed"]) == (app.LATEST, None)
    assert said["error"]
    assert [request.path for request in signed.files.requests] == [PATH]

    signed.files.fault = ""
    assert ask()["installed"]


def test_what_it_sends_are_paths_and_the_name_of_its_libraries(ask: Ask, signed: Signed) -> None:
    ask()
    folder = "/tuf/metadata"
    assert [re.sub(r"/[0-9]+\.(?=snapshot)", "/N.", request.path) for request in signed.front.requests] == [
        f"{folder}/2.root.json",
        f"{folder}/timestamp.json",
        f"{folder}/N.snapshot.json",
        f"{folder}/1.targets.json",
        f"{folder}/1.product.{PRODUCT}.json",
    ]
    for request in [*signed.front.requests, *signed.files.requests]:
        assert re.fullmatch(r"tuf/[0-9.]+ python-requests/[0-9.]+", request.headers.pop("user-agent"))
        assert request.headers.keys() == {"host", "accept", "accept-encoding", "connection"}
