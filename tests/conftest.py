"""What tests share: a real S3 over HTTP (moto's, one for all tests), a bucket for each test, the real handlers."""

from __future__ import annotations

import functools
import importlib
import io
import json
import logging
import os
import sys
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.test import run_wsgi_app

from comet_updates.publish.bucket import Bucket
from torture.faults import Response, misbehave

ROOT = Path(__file__).parents[1]
Handler = Callable[[dict[str, Any], object], dict[str, Any]]

REGION = "us-east-1"


class Wire(list[tuple[Any, ...]]):
    """Every HTTP request that reached the S3: method, path, query, headers and body, in order.

    Attributes:
        fault: what is wrong with the S3, one of `torture.faults.FAULTS`; empty for nothing.
        fault_after: how many more requests are answered well before that.
        watch: called while each request is waiting for its answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fault = ""
        self.fault_after = 0
        self.watch: Callable[[], None] = lambda: None
        self._condition = threading.Lock()

    def recording(self, application: Any) -> Any:
        """The WSGI `application`, with each request noted before it is served."""

        def recorded(environ: dict[str, Any], start_response: Any) -> Any:
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            headers = {name: value for name, value in environ.items() if name.startswith(("HTTP_", "CONTENT_"))}
            self.append(
                (environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"], tuple(headers.items()), body)
            )
            self.watch()
            if self.fault and self.fault_after <= 0:
                return self._misbehave(application, environ)
            self.fault_after -= 1
            if "HTTP_IF_MATCH" in headers or "HTTP_IF_NONE_MATCH" in headers:
                with self._condition:  # S3 looks and writes in one step; moto does it in two
                    return application(environ, start_response)
            return application(environ, start_response)

        return recorded

    def _misbehave(self, application: Any, environ: dict[str, Any]) -> Any:
        def real() -> Response:
            body, status, headers = run_wsgi_app(application, environ, buffered=True)
            return Response(status, tuple(headers), b"".join(body))

        misbehave(self.fault, environ["werkzeug.socket"], real)
        raise ConnectionResetError  # werkzeug has nothing to add


@pytest.fixture(scope="session")
def wire() -> Wire:
    return Wire()


@pytest.fixture(scope="session")
def s3_endpoint(wire: Wire) -> Iterator[str]:
    """The URL of an S3 that speaks HTTP: obstore cannot be reached by moto's patches inside the process."""
    logging.getLogger("werkzeug").disabled = True
    application = wire.recording(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    server.server_close()


ON_THIS_MACHINE = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""An AWS environment that leads nowhere."""


@pytest.fixture
def aws(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An AWS environment that leads nowhere but to this machine; gives the S3 endpoint."""
    for name, value in ON_THIS_MACHINE.items():
        monkeypatch.setenv(name, value)
    return s3_endpoint


@functools.cache
def s3_client(endpoint: str) -> Any:
    """Return boto3's client for `endpoint`. Making one takes longer than most tests, so all tests share it."""
    return boto3.client("s3", endpoint_url=endpoint)


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make boto3 repeat a failed request at once: it would wait for up to a second."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)


class S3:
    """A bucket of the test's own, as a release pipeline and a curious reader would use it."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.bucket = f"comet-{uuid.uuid4().hex}"
        self.client = s3_client(endpoint)
        self.client.create_bucket(Bucket=self.bucket)
        self.client.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})

    def put(self, key: str, body: bytes | dict[str, Any], at: datetime | None = None) -> None:
        """Upload; `at` makes the S3 say that it was then."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.client.put_object(Bucket=self.bucket, Key=key, Body=data)
        if at:
            versions = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[self.bucket].keys.getlist(key)
            versions[-1].last_modified = at.astimezone(UTC).replace(tzinfo=None)

    def get(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def json(self, key: str) -> Any:
        return json.loads(self.get(key))

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=key)

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", ())]

    def tree(self, prefix: str = "") -> dict[str, bytes]:
        return {key: self.get(key) for key in self.keys(prefix)}

    def purge(self, key: str) -> None:
        """Delete every version of an object: moto goes on listing the folder of what is only deleted, S3 does not."""
        for version in self.client.list_object_versions(Bucket=self.bucket, Prefix=key)["Versions"]:
            self.client.delete_object(Bucket=self.bucket, Key=key, VersionId=version["VersionId"])

    def another(self) -> S3:
        """Return a new bucket in the same S3."""
        return type(self)(self.endpoint)

    def as_bucket(self) -> Bucket:
        """Return the bucket as the publisher sees it."""
        return Bucket(self.client, self.bucket)

    def connect(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make this the S3 of the functions. They reach moto's by its URL, so there is nothing to do."""

    def drop(self) -> None:
        """Forget the bucket and every version in it: moto keeps all in memory, which makes later tests slower."""
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets.pop(self.bucket, None)


@pytest.fixture
def s3(aws: str) -> Iterator[S3]:
    made = S3(aws)
    yield made
    made.drop()


@pytest.fixture
def environment(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deployment's settings: nothing is remembered, and everything is logged."""
    for name, value in _settings(s3).items():
        monkeypatch.setenv(name, value)


def _settings(s3: S3) -> dict[str, str]:
    logging_all = {"LOG_LEVEL": "INFO", "LOG_SUCCESSES": "true"}
    return {"BUCKET": s3.bucket, "S3_ENDPOINT": s3.endpoint, "MEMORY_TTL_S": "0", "ONLINE_KEY": "none"} | logging_all


@contextmanager
def reopened_sinks() -> Iterator[None]:
    """Give back what `answer.log.Log` closes: this process lives on after the handler's."""
    root, hooks = logging.getLogger(), (sys.unraisablehook, threading.excepthook)
    handlers, last_resort, raises = root.handlers[:], logging.lastResort, logging.raiseExceptions
    _forget_logger()
    with warnings.catch_warnings():
        yield
    root.handlers, logging.lastResort, logging.raiseExceptions = handlers, last_resort, raises
    sys.unraisablehook, threading.excepthook = hooks


@pytest.fixture
def open_sinks() -> Iterator[None]:
    """Give back what `answer.log.Log` closes."""
    with reopened_sinks():
        yield


def _forget_logger() -> None:
    """Loggers outlive the modules that made them; a new process has none."""
    logging.Logger.manager.loggerDict.pop("comet-updates", None)


def fresh_import(module: str) -> Any:
    """Import a handler's module as a new Lambda environment would: with no memory of an earlier one.

    What the tests imported themselves stays what `import` gives afterwards.
    """
    ours = _take_modules()
    _forget_logger()
    try:
        return importlib.import_module(module)
    finally:
        _take_modules()
        sys.modules.update(ours)


def _take_modules() -> dict[str, Any]:
    """Remove our modules from those that `import` knows, and return them."""
    return {name: sys.modules.pop(name) for name in [*sys.modules] if name.split(".")[0] == "comet_updates"}


@pytest.fixture
def publish(s3: S3, environment: None, open_sinks: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handler]:
    """The publishing function, newly started."""
    module = importlib.import_module("comet_updates.publish.handler")
    s3.connect(monkeypatch)
    _forget_logger()
    module._run.cache_clear()
    yield module.handler
    module._run.cache_clear()


@pytest.fixture
def answer(s3: S3, environment: None, open_sinks: None, monkeypatch: pytest.MonkeyPatch) -> Handler:
    """The answering function, newly started."""
    module = importlib.import_module("comet_updates.answer.handler")
    s3.connect(monkeypatch)
    _forget_logger()
    handler: Handler = module.build(module.Settings.from_environment(os.environ))
    return handler


@pytest.fixture(scope="module")
def deploy(s3_endpoint: str) -> Callable[[dict[str, dict[str, Any]]], Handler]:
    """Publishes uploads in a bucket of their own, and gives the answering function in front of it, newly started.

    For fixtures that all tests of a module share.
    """

    def deployed(uploads: dict[str, dict[str, Any]]) -> Handler:
        with published_bucket(s3_endpoint, uploads):
            handler: Handler = fresh_import("comet_updates.answer.handler").handler
            return handler

    return deployed


@contextmanager
def published_bucket(endpoint: str, uploads: dict[str, dict[str, Any]]) -> Iterator[S3]:
    """Publish uploads in a new bucket, and give it; meanwhile the environment is that of functions in front of it."""
    with pytest.MonkeyPatch.context() as patch, reopened_sinks():
        for name, value in ON_THIS_MACHINE.items():
            patch.setenv(name, value)
        s3 = S3(endpoint)
        for key, document in uploads.items():
            s3.put(key, document)
        for name, value in _settings(s3).items():
            patch.setenv(name, value)
        fresh_import("comet_updates.publish.handler").handler(SWEEP, None)
        yield s3


def request(path: str, method: str = "GET", **headers: str) -> dict[str, Any]:
    """The least that API Gateway sends (payload 2.0)."""
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "requestContext": {"http": {"method": method, "path": path}},
        "isBase64Encoded": False,
    }


def notification(*keys: str, message_id: str = "message-1") -> dict[str, Any]:
    """An SQS event with S3's notification of these keys in one message."""
    records = [{"eventSource": "aws:s3", "s3": {"object": {"key": key.replace("+", "%2B")}}} for key in keys]
    return {"Records": [{"messageId": message_id, "eventSource": "aws:sqs", "body": json.dumps({"Records": records})}]}


SWEEP = {"sweep": True}


def release(
    version: str = "4.2.1", channel: str = "stable", product: str = "comet-cursor", **fields: Any
) -> dict[str, Any]:
    """A release document; `fields` override or add."""
    return {
        "schema": 1,
        "product": product,
        "channel": channel,
        "version": version,
        "released_at": "2026-11-20T12:00:00Z",
        "notes": {"en": "Fixes a crash when the pointer theme changes."},
        "artifacts": [
            {
                "platform": "windows",
                "arch": "x86_64",
                "kind": "installer",
                "url": f"https://downloads.example.com/{product}/{version}/setup-x64.exe",
                "size": 48_213_001,
                "sha256": "0123456789abcdef" * 4,
            }
        ],
    } | fields
