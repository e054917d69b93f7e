"""A bucket with releases, and the commands that look at it and decide."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from comet_updates.cli import app
from comet_updates.publish.bucket import open_bucket
from comet_updates.publish.reconcile import Publisher
from tests.client.conftest import authority, certified, downloads, tls  # noqa: F401 (for the tests of `ask`)
from tests.conftest import S3, release
from tests.trust.conftest import house, web  # noqa: F401 (as above)


class Shop:
    """A bucket and its publisher, and the command that looks at it."""

    def __init__(self, s3: S3) -> None:
        self.s3 = s3

    def release(self, version: str, channel: str = "stable", **fields: Any) -> None:
        self.s3.put(f"releases/comet-cursor/{channel}/{version}.json", release(version, channel, **fields))

    def policy(self, channel: str = "stable", **decided: Any) -> None:
        policy = {"schema": 1, "product": "comet-cursor", "channel": channel, **decided}
        self.s3.put(f"channels/comet-cursor/{channel}.json", policy)

    def publish(self) -> None:
        Publisher(open_bucket(self.s3.bucket, self.s3.endpoint), lambda: datetime.now(UTC)).publish("comet-cursor")

    def run(self, command: str, *arguments: str) -> Result:
        where = ["--bucket", self.s3.bucket, "--endpoint-url", self.s3.endpoint]
        return CliRunner().invoke(app, [command, *arguments, *where])

    def channel(self, name: str = "stable") -> dict[str, Any]:
        said = json.loads(self.run("status", "comet-cursor", "--json").output)
        (found,) = (channel for channel in said["channels"] if channel["channel"] == name)
        return dict(found)


@pytest.fixture
def shop(s3: S3) -> Shop:
    return Shop(s3)
