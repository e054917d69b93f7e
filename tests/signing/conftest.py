"""Fixtures: a publisher who signs with keys in files and the functions of the commands, and TUF clients over HTTP.

Keys and the first ceremony are made once for all tests of a process; each test gets a copy.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tuf.ngclient import Updater
from tuf.ngclient.urllib3_fetcher import Urllib3Fetcher
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from comet_updates import object_keys
from comet_updates.answer.log import Log
from comet_updates.publish.publisher import Publisher
from comet_updates.publish.run import Run, SweepFailedError
from comet_updates.signing.sign import public_key
from comet_updates_cli.options import SignWith
from comet_updates_cli.signing import key_folder, sign_states
from testkit.documents import release
from testkit.events import request
from testkit.memory_bucket import MemoryS3, s3
from testkit.s3 import S3
from testkit.watched_bucket import watched

if TYPE_CHECKING:
    from testkit.fresh import Handler

__all__ = ["s3"]

PRODUCT, CHANNEL = "comet-cursor", "stable"
PATH = object_keys.target_path(PRODUCT, CHANNEL)


class HttpServer:
    """The answering function over HTTP, with the path and status of each request, and the number of bytes sent."""

    def __init__(self, answer: Handler) -> None:
        self.asked: list[tuple[str, int]] = []
        self.headers: list[dict[str, str]] = []
        self.sent_bytes = 0
        self.replaced: dict[str, bytes] = {}  # the answers of somebody who has taken over the CDN
        self.endless: set[str] = set()  # paths whose answer never ends
        self.stalled: set[str] = set()  # paths that stop after a byte, until `goes_on`
        self.goes_on = threading.Event()
        self._answer = answer
        self._server = make_server("127.0.0.1", 0, Request.application(self._serve), threaded=True)
        self.url = f"http://127.0.0.1:{self._server.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def _serve(self, asked: Request) -> Response:
        self.headers.append({name.lower(): value for name, value in asked.headers})
        if asked.path in self.endless:
            self.asked.append((asked.path, 200))
            return Response(self._more())
        if asked.path in self.stalled:
            return Response(self._stall())
        told = self._answer(request(asked.path, asked.method), None)
        body, status = told["body"].encode(), told["statusCode"]
        if asked.path in self.replaced:
            body, status = self.replaced[asked.path], 200
        self.asked.append((asked.path, status))
        self.sent_bytes += len(body)
        return Response(body, status)

    def _more(self) -> Iterator[bytes]:
        while True:
            self.sent_bytes += 100_000
            yield b" " * 100_000

    def _stall(self) -> Iterator[bytes]:
        yield b"{"
        self.goes_on.wait()

    def close(self) -> None:
        self.goes_on.set()
        self._server.shutdown()
        self._server.server_close()


class TufPublisher:
    """A publisher with its keys, its bucket and its clock.

    Attributes:
        folder: the folder of root and targets.
        online: the URI of the publishing function's online key.
    """

    failed = SweepFailedError

    def __init__(self, s3: S3, folder: Path, online: str = "") -> None:
        self.s3 = s3
        self.bucket = watched(s3)
        self.keys = folder / "keys"
        self.keys.mkdir(exist_ok=True)
        self.folder = folder / "trust"
        self.now = datetime.now(UTC)
        self.online = online or self.key("online")
        self.publisher = Publisher(self.bucket, lambda: self.now, self.online)

    def key(self, name: str) -> str:
        """Return the URI of a key, and make the key if it does not exist."""
        file = self.keys / f"{name}.pem"
        if not file.exists():
            key_folder.create(file)
        return f"file2:{file}"

    def public(self, name: str) -> Path:
        self.key(name)
        return self.keys / f"{name}.pem.pub"

    def keyid(self, name: str) -> str:
        return public_key(self.key(name)).keyid

    def begin(self) -> None:
        """Do the first ceremony: two of three keys for root, one for targets, one for each product."""
        key_folder.begin(
            self.folder,
            [self.public(name) for name in ("root-a", "root-b", "root-c")],
            [self.public("targets")],
            self.keys / "online.pem.pub",
            threshold=2,
            now=self.now,
            is_dry=False,
        )
        self.sign("root-a", "root-b", "targets")
        self.delegate(PRODUCT, "product")

    def delegate(self, product: str, *keys: str) -> None:
        key_folder.delegate(self.folder, product, [self.public(key) for key in keys], 1, now=self.now, is_dry=False)
        self.sign("targets")
        self.publish_trust()

    def sign(self, *keys: str) -> None:
        for key in keys:
            key_folder.sign(self.folder, self.key(key), is_dry=False)

    def publish_trust(self) -> None:
        key_folder.publish(self.folder, self.bucket, is_dry=False)

    def release(self, version: str, key: str = "product", **fields: Any) -> None:
        """Release and sign, as the command does."""
        document = release(version, **fields)
        self.s3.put(object_keys.release_key(document["product"], document["channel"], version), document)
        self.seal(document["product"], key)

    def seal(self, product: str = PRODUCT, key: str = "product", **options: Any) -> list[str]:
        return sign_states.sign_states(self.bucket, product, self.now, SignWith(self.key(key)), **options)

    def sweep(self) -> None:
        """Sweep, as the publishing function does every few minutes."""
        Run(self.publisher, Log(successes=False, level="ERROR")).sweep()

    def rotate(self, who: str, added: str, removed: str, *signers: str, **options: Any) -> None:
        """Exchange a key of root, of targets, or the online key, as the commands do, and publish that."""
        new, old = [self.public(added)], [self.keyid(removed)]
        key_folder.rotate(self.folder, who, new, old, now=self.now, is_dry=False, **options)
        self.sign(*signers)
        self.publish_trust()

    def use_online(self, name: str) -> None:
        """Give the deployment another online key."""
        self.online = self.key(name)
        self.publisher = Publisher(self.bucket, lambda: self.now, self.online)

    def put(self, key: str, **document: Any) -> None:
        """Upload a document of a product or a channel, without a signature."""
        self.s3.put(key, {"schema": 1, "product": PRODUCT, **document})

    def writes(self, prefix: str = "") -> list[str]:
        """Return the keys that were written or deleted since the last call."""
        found = [key for key in self.bucket.writes if key.startswith(prefix)]
        self.bucket.operations.clear()
        return found

    def delete(self, prefix: str) -> None:
        """Delete all keys with a prefix, as an administrator does."""
        for key in self.s3.keys(prefix):
            self.s3.delete(key)

    def set_s3_time(self) -> None:
        """Let the clock of the S3 in memory show this publisher's time."""
        assert isinstance(self.s3, MemoryS3)
        self.s3.objects.now = self.now.replace(microsecond=0)

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    @property
    def first_root(self) -> bytes:
        return (self.folder / "root" / "1.json").read_bytes()


class Client(NamedTuple):
    """A stock TUF client that was shipped with a root.

    Attributes:
        web: the server that it asks.
        root: the root that it was shipped with.
        folder: the folder of its memory.
    """

    web: HttpServer
    root: bytes
    folder: Path

    def check(self, path: str = PATH, *, patience_s: int = 30) -> bytes | None:
        """Return the latest manifest, verified, or `None` if there is none.

        Raises:
            RepositoryError: the metadata is not valid (of python-tuf, which has a subclass for each reason).
            DownloadError: a download failed (of python-tuf).
        """
        metadata, targets = self.folder / "metadata", self.folder / "targets"
        for each in (metadata, targets):
            each.mkdir(parents=True, exist_ok=True)
        updater = Updater(
            str(metadata),
            f"{self.web.url}/tuf/metadata/",
            str(targets),
            f"{self.web.url}/tuf/targets/",
            fetcher=Urllib3Fetcher(socket_timeout=patience_s),
            bootstrap=self.root,
        )
        found = updater.get_targetinfo(path)
        if found is None:
            return None
        known = updater.find_cached_target(found) or updater.download_target(found)
        return Path(known).read_bytes()


NAMES = ("root-a", "root-b", "root-c", "root-d", "targets", "online", "product", "other", "thief")
"""The keys that tests use most."""


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> TufPublisher:
    """Return a publisher after the first ceremony. Tests copy it and change nothing."""
    house = TufPublisher(MemoryS3(), tmp_path_factory.mktemp("begun"))
    for name in NAMES:
        house.key(name)
    house.begin()
    return house


@pytest.fixture
def house(begun: TufPublisher, s3: S3, tmp_path: Path, open_sinks: None) -> TufPublisher:
    shutil.copytree(begun.keys, tmp_path / "keys")
    shutil.copytree(begun.folder, tmp_path / "trust")
    for key, body in begun.s3.tree().items():
        s3.put(key, body)
    return TufPublisher(s3, tmp_path)


@pytest.fixture
def web(answer: Handler) -> Iterator[HttpServer]:
    web = HttpServer(answer)
    yield web
    web.close()


@pytest.fixture
def client(house: TufPublisher, web: HttpServer, tmp_path: Path) -> Client:
    return Client(web, house.first_root, tmp_path / "client")


@pytest.fixture
def newcomer(house: TufPublisher, web: HttpServer, tmp_path: Path) -> Client:
    """Return another client, which has never asked."""
    return Client(web, house.first_root, tmp_path / "newcomer")
