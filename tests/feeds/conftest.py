"""Fixtures: a move with `comet-updates import` to a bucket, whose documents are then published."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from comet_updates.publish.publisher import Publisher
from comet_updates_cli import app
from testkit.memory_bucket import s3  # noqa: F401 (a bucket in memory, for all commands that run in this process)
from testkit.s3 import S3

SPARKLE = "{http://www.andymatuschak.org/xml-namespaces/sparkle}"


class Move:
    """An import of feeds into a bucket, and what its clients then get."""

    def __init__(self, s3: S3, folder: Path) -> None:  # noqa: F811
        self.s3 = s3
        self.folder = folder

    def write(self, name: str, text: str) -> str:
        """Write a feed, and return its path."""
        (self.folder / name).write_text(text, encoding="utf-8")
        return str(self.folder / name)

    def run(self, *arguments: str) -> Result:
        """Import feeds of the product `nova`, and publish what was uploaded."""
        where = ["--product", "nova", "--base-url", "https://dl.example.com/"]
        bucket = ["--bucket", self.s3.bucket, "--endpoint-url", self.s3.endpoint]
        done = CliRunner().invoke(app, ["import", *arguments, *where, *bucket])
        self.publish()
        return done

    def publish(self) -> None:
        Publisher(self.s3.as_bucket(), lambda: datetime.now(UTC)).publish("nova")

    def succeed(self, *arguments: str) -> str:
        """Import feeds, and return what the command prints, in one line."""
        done = self.run(*arguments)
        assert done.exit_code == 0, done.output
        assert self.s3.keys("rejected/") == []
        return " ".join(done.output.split())

    def fail(self, *arguments: str) -> str:
        """Import feeds that are refused, and return why, in one line."""
        done = self.run(*arguments)
        assert done.exit_code == 1, done.output
        assert self.s3.keys("releases/") == []
        return " ".join(done.output.split())

    def release(self, version: str, *artifacts: dict[str, Any], channel: str = "stable", **fields: Any) -> None:
        """Upload a release as `comet-updates release` does, and publish it."""
        key = f"releases/nova/{channel}/{version}.json"
        wire = {"schema": 1, "product": "nova", "channel": channel, "version": version, "artifacts": list(artifacts)}
        self.s3.put(key, wire | fields)
        self.publish()
        assert self.s3.keys("rejected/") == []

    def released(self, version: str, channel: str = "stable") -> dict[str, Any]:
        """Return an uploaded release."""
        return dict(self.s3.json(f"releases/nova/{channel}/{version}.json"))

    def systems(self, version: str) -> set[tuple[str, str]]:
        return {(artifact["platform"], artifact["arch"]) for artifact in self.released(version)["artifacts"]}

    def documents(self, channel: str = "stable") -> set[str]:
        """Return the names of the documents of a channel."""
        folder = f"public/v1/nova/{channel}/"
        return {key.removeprefix(folder) for key in self.s3.keys(folder)}

    def json(self, name: str, channel: str = "stable") -> Any:
        return self.s3.json(f"public/v1/nova/{channel}/{name}")

    def yaml(self, name: str, channel: str = "stable") -> Any:
        return yaml.safe_load(self.s3.get(f"public/v1/nova/{channel}/{name}"))

    def items(self, channel: str = "stable", name: str = "appcast.xml") -> list[dict[str, str | None]]:
        """Return version, channel, system and URL of each item of an appcast."""
        found = []
        for item in ET.fromstring(self.s3.get(f"public/v1/nova/{channel}/{name}").decode()).iter("item"):
            enclosure = item.find("enclosure")
            assert enclosure is not None
            found.append({
                "version": item.findtext(f"{SPARKLE}version"),
                "channel": item.findtext(f"{SPARKLE}channel"),
                "os": enclosure.get(f"{SPARKLE}os"),
                "url": enclosure.get("url"),
            })  # fmt: skip
        return found


@pytest.fixture
def move(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Move:  # noqa: F811
    s3.connect(monkeypatch)
    return Move(s3, tmp_path)


def policy_in(printed: str) -> dict[str, Any]:
    """Return the channel policy that an import printed."""
    found, _ = json.JSONDecoder().raw_decode(printed[printed.index('{"schema"') :])
    return dict(found)
