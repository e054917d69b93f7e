"""Test that the AWS on this machine, which may run for days, does not use more memory with each request."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.core.model_instances import model_data
from moto.s3.models import FakeKey

from comet_updates_cli.local.local_aws import LocalAws
from testkit.s3 import REGION

LISTINGS = 10


@pytest.fixture
def started(aws: str) -> Iterator[LocalAws]:
    """Start a local AWS for one test. Its changes to moto end with the test."""
    models: list[Any] = [*model_data["s3"].values(), *model_data["sqs"].values()]
    tracked = {model: model.instances_tracked for model in models}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    local = LocalAws(port, "local-aws", REGION)
    local.start()
    yield local
    local.stop()
    for model, instances in tracked.items():
        model.instances_tracked = instances


def keys() -> int:
    """Return the number of objects and versions that moto holds in memory."""
    gc.collect()
    return sum(isinstance(found, FakeKey) for found in gc.get_objects())


@pytest.mark.full
@pytest.mark.filterwarnings(
    "ignore:S3 key was not disposed:ResourceWarning"
)  # moto warns of objects that it did not close
def test_what_is_listed_again_and_again_takes_no_more_memory(started: LocalAws) -> None:
    s3 = boto3.client("s3", endpoint_url=started.endpoint_url)
    for number in range(5):
        s3.put_object(Bucket="local-aws", Key=f"other/{number}", Body=b"x")
    before = keys()
    for _ in range(LISTINGS):
        assert len(s3.list_object_versions(Bucket="local-aws")["Versions"]) == 5
    assert keys() < before + 5 * 2
