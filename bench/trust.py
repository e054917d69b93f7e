"""Costs of signed metadata: signatures of the online key, start of publishing, and requests of a TUF client.

The client is python-tuf's. It reads the bucket itself, as the answering function would do for it: requests and bytes
are the same.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import boto3
from moto.server import ThreadedMotoServer
from securesystemslib.signer import CryptoSigner, Signature
from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface, Updater

from bench.figures import Row, Section, ratio, spread
from bench.functions import BUILD
from bench.publishing import BUCKET, PRODUCT, RELEASE
from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.publish.bucket import open_bucket
from comet_updates.publish.publisher import Publisher
from comet_updates_cli.local import sample_keys
from comet_updates_cli.options import SignWith
from comet_updates_cli.signing import sign_states
from testkit.lambda_runtime import free_port, lambda_runtime

COMMAND = "python -m bench trust"
PRODUCTS = (1, 100)
DAYS, SWEEPS_A_DAY = 30, 4  # real sweeps are more frequent, but signing follows the time, not their number
HANDLER = "comet_updates.publish.handler.handler"
SIGNED, UNSIGNED = "publishing function, all signed", "publishing function, nobody signs"


class Desk:
    """A publisher of products, with keys in files.

    Attributes:
        now: its clock.
        endpoint_url: the URL of its S3.
    """

    def __init__(self, products: int, folder: Path, endpoint_url: str) -> None:
        self.now = datetime.now(UTC)
        self.endpoint_url = endpoint_url
        self.s3 = boto3.client("s3", endpoint_url=endpoint_url)
        self._bucket = open_bucket(BUCKET, endpoint_url)
        self._folder = folder
        for number in range(products):
            self.upload(number, "1.0.0")
        self.online_key = sample_keys.sign(self._bucket, folder)
        self._publisher = Publisher(self._bucket, lambda: self.now, self.online_key)

    def upload(self, number: int, version: str) -> None:
        """Upload a release of one product."""
        document = RELEASE | {"product": product(number), "version": version}
        key = object_keys.release_key(product(number), "stable", version)
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(document).encode())

    def release(self, number: int, version: str) -> None:
        """Upload a release and have it signed."""
        self.upload(number, version)
        sign_states.sign_states(
            self._bucket, product(number), self.now, SignWith(sample_keys.product_key(self._folder))
        )

    def sweep(self) -> int:
        """Publish all changes. Return the number of signatures of the online key."""
        with _counted() as count:
            self._publisher.load_trust()
            for name, seen in self._publisher.list_all_products().items():
                self._publisher.publish(name, seen)
            self._publisher.publish_trust()
        return count[0]


class Client(FetcherInterface):
    """A TUF client that counts its requests and the bytes of the answers."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.requests, self.bytes = 0, 0
        self._s3 = desk.s3
        self._folder = folder
        self._root = desk.s3.get_object(Bucket=BUCKET, Key=object_keys.metadata_key("root", 1))["Body"].read()

    def check(self) -> Row:
        """Get the latest release. Return the number of requests, and of bytes in the answers without headers."""
        self.requests, self.bytes = 0, 0
        base, folder = "https://updates.example.com/tuf", str(self._folder)
        updater = Updater(folder, f"{base}/metadata/", folder, f"{base}/targets/", fetcher=self, bootstrap=self._root)
        found = updater.get_targetinfo(object_keys.target_path(product(0), "stable"))
        if found and not updater.find_cached_target(found):
            updater.download_target(found)
        return {"requests": self.requests, "bytes": self.bytes}

    def _fetch(self, url: str) -> Iterator[bytes]:
        self.requests += 1
        key = urls.public_key(url.removeprefix("https://updates.example.com"))
        try:
            body = self._s3.get_object(Bucket=BUCKET, Key=str(key))["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            raise DownloadHTTPError("there is none", 404) from None
        self.bytes += len(body)
        return iter([body])


def product(number: int) -> str:
    """Return the name of a product."""
    return f"{PRODUCT}-{number}"


def measure(rounds: int) -> Section:
    """Measure everything. `rounds` is the number of starts of each kind."""
    rows: dict[str, Row] = {}
    for products in PRODUCTS:
        with _moto() as endpoint_url, tempfile.TemporaryDirectory() as scratch:
            rows |= _counts(products, endpoint_url, Path(scratch))
    rows |= _starts(rounds)
    return Section(
        command=COMMAND,
        about=f"python-tuf as the client; bytes of answers without their headers. {rounds} starts of the built "
        "publishing function through the Runtime Interface Emulator, its first event an upload; S3 is moto's.",
        rows=rows,
        missing={},
    )


def _counts(products: int, endpoint_url: str, folder: Path) -> dict[str, Row]:
    desk = Desk(products, folder, endpoint_url)
    desk.sweep()
    of = f"{products} product{'s' if products > 1 else ''}"
    client = Client(desk, folder / "client")
    (folder / "client").mkdir()
    rows = {f"{of}: a client's first check": client.check(), f"{of}: the next, nothing is new": client.check()}
    desk.release(0, "1.1.0")
    rows[f"{of}: a release"] = {"KMS calls": desk.sweep()}
    rows[f"{of}: the next, it is new"] = client.check()
    if products == min(PRODUCTS):
        calls = 0
        for _ in range(DAYS * SWEEPS_A_DAY):
            desk.now += timedelta(days=1) / SWEEPS_A_DAY
            calls += desk.sweep()
        rows[f"{of}: {DAYS} days without a release"] = {"KMS calls": calls}
    return rows


def _starts(rounds: int) -> dict[str, Row]:
    """Measure the publishing function from start to its first handled event, with and without signed metadata."""
    seconds: dict[str, list[float]] = {SIGNED: [], UNSIGNED: []}
    for number in range(rounds):
        for name in (SIGNED, UNSIGNED):
            with _moto() as endpoint_url, tempfile.TemporaryDirectory() as scratch:
                online_key = "none"
                if name == SIGNED:
                    desk = Desk(1, Path(scratch), endpoint_url)
                    desk.sweep()
                    desk.release(0, f"1.{number + 1}.0")
                    online_key = desk.online_key
                else:
                    _upload(endpoint_url)
                seconds[name].append(_start_s(endpoint_url, online_key))
    return {
        name: {
            "first event, ms": spread([second * 1000 for second in found]),
            "x without": ratio(found, seconds[UNSIGNED]),
        }
        for name, found in seconds.items()
    }


def _start_s(endpoint_url: str, online_key: str) -> float:
    settings = {
        **{name: value for name, value in os.environ.items() if name.startswith("AWS_")},
        "BUCKET": BUCKET,
        "S3_ENDPOINT": endpoint_url,
        "LOG_LEVEL": "ERROR",
        "LOG_SUCCESSES": "false",
        "ONLINE_KEY": online_key,
        "SERVICE_URL": "none",
    }
    key = object_keys.release_key(product(0), "stable", "1.0.0")
    body = json.dumps({"Records": [{"s3": {"object": {"key": key}}}]})
    folders = [BUILD / "PublishFunction", BUILD / "PublishLayer" / "python"]
    with lambda_runtime(HANDLER, folders, settings) as invoke:
        started = time.perf_counter()
        done = invoke({"Records": [{"messageId": "1", "body": body}]})
        taken = time.perf_counter() - started
    if done != {"batchItemFailures": []}:
        raise RuntimeError(f"publishing answered {done}")
    return taken


def _upload(endpoint_url: str) -> None:
    key = object_keys.release_key(product(0), "stable", "1.0.0")
    body = json.dumps(RELEASE | {"product": product(0), "version": "1.0.0"}).encode()
    boto3.client("s3", endpoint_url=endpoint_url).put_object(Bucket=BUCKET, Key=key, Body=body)


@contextmanager
def _moto() -> Iterator[str]:
    """Yield the URL of an S3 over HTTP with an empty bucket."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ["AWS_REGION"] = "us-east-1"
    logging.getLogger("werkzeug").disabled = True  # it would print a line for every request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
    server.start()
    endpoint_url = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    s3 = boto3.client("s3", endpoint_url=endpoint_url)
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    try:
        yield endpoint_url
    finally:
        urlopen(Request(f"{endpoint_url}/moto-api/reset", method="POST")).close()  # or its objects outlive the server
        server.stop()


@contextmanager
def _counted() -> Iterator[list[int]]:
    """Count the signatures of a key in a file: as many as the requests to a key in a KMS."""
    count, sign = [0], CryptoSigner.sign

    def counted(self: CryptoSigner, payload: bytes) -> Signature:
        count[0] += 1
        return sign(self, payload)

    CryptoSigner.sign = counted  # type: ignore[method-assign]
    try:
        yield count
    finally:
        CryptoSigner.sign = sign  # type: ignore[method-assign]
