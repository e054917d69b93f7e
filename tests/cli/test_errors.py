"""Test the usual failures of commands: one clear paragraph that says what to do, and never a traceback."""

from __future__ import annotations

import boto3
import pytest
from typer.testing import CliRunner

from comet_updates_cli import app
from testkit.s3 import Wire
from tests.cli.conftest import Shop

pytestmark = pytest.mark.http


def said(*arguments: str) -> str:
    done = CliRunner().invoke(app, [*arguments])
    assert done.exit_code == 1, done.output
    assert isinstance(done.exception, SystemExit)
    assert done.output.startswith("comet-updates: ")
    assert done.output.count("\n") == 1
    return done.output


@pytest.mark.parametrize(
    ("bucket", "reason"),
    [
        ("no-such-bucket", "'no-such-bucket': NoSuchBucket. Check the name of the bucket"),
        ("No Bucket", "'No Bucket' is not a valid bucket name. Check --bucket."),
    ],
)
@pytest.mark.parametrize("command", [["status"], ["history", "p", "stable"], ["pin", "p", "stable", "1.0.0"]])
def test_a_bucket_that_is_not_there(shop: Shop, command: list[str], bucket: str, reason: str) -> None:
    assert reason in said(*command, "--bucket", bucket, "--endpoint-url", shop.s3.endpoint)


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        ("http://127.0.0.1:9", "S3 did not answer: Could not connect to the endpoint URL"),
        ("nonsense", "'nonsense' is not the URL of an S3. Write it with https://."),
    ],
)
def test_an_endpoint_that_leads_nowhere(aws: str, endpoint: str, reason: str) -> None:
    assert reason in said("status", "--bucket", "bucket", "--endpoint-url", endpoint)


def test_credentials_that_are_missing(shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, f"{tmp_path}/none")
    where = ("--bucket", shop.s3.bucket, "--endpoint-url", shop.s3.endpoint)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps credentials until the process ends
    assert "AWS credentials are missing" in said("status", *where)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert "The config profile (nobody) could not be found. Set AWS_ACCESS_KEY_ID" in said("status", *where)


def test_rights_that_are_missing(shop: Shop, wire: Wire) -> None:
    wire.fault = "403"
    try:
        found = said("status", "--bucket", shop.s3.bucket, "--endpoint-url", shop.s3.endpoint)
    finally:
        wire.fault = ""
    assert (
        "AccessDenied. Use credentials with the rights that docs/ci.md lists, and docs/releasing.md for --upload-to."
        in found
    )
