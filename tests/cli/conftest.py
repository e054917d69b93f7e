"""Fixtures: a bucket with releases, and the commands that read it and decide."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import typer.testing
from typer.main import get_command
from typer.testing import CliRunner, Result

from comet_updates.publish.publisher import Publisher
from comet_updates_cli import app
from testkit.documents import release
from testkit.memory_bucket import s3  # noqa: F401 (a bucket in memory, for all commands that run in this process)
from testkit.s3 import S3
from tests.client.conftest import authority, certified, downloads, tls  # noqa: F401 (for the tests of `ask`)
from tests.signing.conftest import begun, house, web  # noqa: F401 (as above)


@pytest.fixture(scope="session", autouse=True)
def commands_made_once() -> Iterator[None]:
    """Cache the commands: Typer makes all of them for each run, which takes longer than most commands do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", functools.cache(get_command))
        yield


class Shop:
    """A bucket, its publisher, and the command that reads the bucket."""

    def __init__(self, s3: S3) -> None:  # noqa: F811
        self.s3 = s3

    def release(self, version: str, channel: str = "stable", **fields: Any) -> None:
        self.s3.put(f"releases/comet-cursor/{channel}/{version}.json", release(version, channel, **fields))

    def policy(self, channel: str = "stable", **decided: Any) -> None:
        policy = {"schema": 1, "product": "comet-cursor", "channel": channel, **decided}
        self.s3.put(f"channels/comet-cursor/{channel}.json", policy)

    def publish(self) -> None:
        Publisher(self.s3.as_bucket(), lambda: datetime.now(UTC)).publish("comet-cursor")

    def run(self, command: str, *arguments: str) -> Result:
        where = ["--bucket", self.s3.bucket, "--endpoint-url", self.s3.endpoint]
        return CliRunner().invoke(app, [command, *arguments, *where])

    def channel(self, name: str = "stable") -> dict[str, Any]:
        said = json.loads(self.run("status", "comet-cursor", "--json").output)
        (found,) = (channel for channel in said["channels"] if channel["channel"] == name)
        return dict(found)


@pytest.fixture
def shop(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Shop:  # noqa: F811
    s3.connect(monkeypatch)
    return Shop(s3)
