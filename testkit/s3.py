"""An S3 over HTTP (moto's), a record of every request that reaches it, and a bucket for each test."""

from __future__ import annotations

import functools
import io
import json
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from werkzeug.test import run_wsgi_app

from comet_updates.publish.bucket import Bucket
from comet_updates_cli.local.local_aws import forget_copies
from testkit.faults import Response, misbehave

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGION = "us-east-1"


class Wire(list[tuple[Any, ...]]):
    """Every HTTP request that reached the S3: method, path, query, headers and body, in order.

    Attributes:
        fault: the present fault of the S3, one of `testkit.faults.FAULTS`, or empty.
        fault_after: how many more requests succeed before.
        watch: called while each request is waiting for its answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fault = ""
        self.fault_after = 0
        self.watch: Callable[[], None] = lambda: None
        self._condition = threading.Lock()

    def recording(self, application: Any) -> Any:
        """Return the WSGI `application`, wrapped so that each request is recorded before it is served."""

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
                with self._condition:  # S3 compares and writes in one step, moto in two
                    return application(environ, start_response)
            return application(environ, start_response)

        return recorded

    def _misbehave(self, application: Any, environ: dict[str, Any]) -> Any:
        def real() -> Response:
            body, status, headers = run_wsgi_app(application, environ, buffered=True)
            return Response(status, tuple(headers), b"".join(body))

        misbehave(self.fault, environ["werkzeug.socket"], real)
        raise ConnectionResetError  # without a message from werkzeug


ON_THIS_MACHINE = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""An AWS environment that reaches no real AWS."""


@functools.cache
def s3_client(endpoint: str) -> S3Client:
    """Return boto3's client for `endpoint`. Making one takes longer than most tests, so all tests share it."""
    return boto3.client("s3", endpoint_url=endpoint)


class S3:
    """A bucket for one test, with the operations of a release pipeline and of a reader."""

    def __init__(self, endpoint: str) -> None:
        forget_copies()  # a test that starts moto again switches it back on
        self.endpoint = endpoint
        self.bucket = f"comet-{uuid.uuid4().hex}"
        self.client = s3_client(endpoint)
        self.client.create_bucket(Bucket=self.bucket)
        self.client.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})

    def put(self, key: str, body: bytes | dict[str, Any], at: datetime | None = None) -> None:
        """Upload an object. `at` sets the time that S3 shows for it."""
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
        """Delete every version of an object. Unlike S3, moto keeps listing a folder whose objects are only deleted."""
        for version in self.client.list_object_versions(Bucket=self.bucket, Prefix=key)["Versions"]:
            self.client.delete_object(Bucket=self.bucket, Key=key, VersionId=version["VersionId"])

    def another(self) -> S3:
        """Return a new bucket in the same S3."""
        return type(self)(self.endpoint)

    def as_bucket(self) -> Bucket:
        """Return the bucket as the publisher sees it."""
        return Bucket(self.client, self.bucket)

    def connect(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make this the S3 of the functions. They reach moto's S3 by its URL, so there is nothing to do."""

    def drop(self) -> None:
        """Delete the bucket and every version in it. moto keeps everything in memory, which slows later tests down."""
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets.pop(self.bucket, None)
