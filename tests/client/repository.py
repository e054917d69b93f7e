"""TUF metadata as a service publishes it. Our own functions make it, and a test can replace each document."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from comet_updates import object_keys
from comet_updates.signing import sign
from comet_updates_cli.signing import offline_roles
from comet_updates_cli.signing.key_folder import create_private
from tests.client.conftest import http, manifest

PRODUCT, CHANNEL = "comet-cursor", "stable"
PATH = object_keys.target_path(PRODUCT, CHANNEL)
ROLE = object_keys.product_role(PRODUCT)
CACHE = {"timestamp": "max-age=300", "other": "public, max-age=31536000, immutable"}


class Repository:
    """A publisher with a key for each role.

    Attributes:
        documents: the published bytes, by the path of the URL.
        now: its clock.
        versions: the current version of each role.
    """

    def __init__(self, folder: Path, now: datetime | None = None) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.now = now or datetime.now(UTC)
        self.documents: dict[str, bytes] = {}
        self.versions = dict.fromkeys(("snapshot", "timestamp", ROLE), 0)
        keys = {name: sign.public_key(self.key(name)) for name in ("root", "targets", "online", "product")}
        self.root = offline_roles.first_root([keys["root"]], 1, [keys["targets"]], keys["online"], self.now)
        self.first_root = self.publish_root(self.root)
        self.targets = offline_roles.delegated(
            offline_roles.first_targets(self.now), PRODUCT, [keys["product"]], 1, self.now
        )
        self.targets.version = 1
        self.publish("targets", self.targets, self.root, "targets")

    def key(self, name: str) -> str:
        """Return the URI of a key, and make the key if it does not exist."""
        file = self._folder / f"{name}.pem"
        if not file.exists():
            create_private(file)
        return f"file2:{file}"

    def publish_root(self, root: Root, *signers: str) -> bytes:
        metadata: Metadata[Any] = Metadata(root)
        for name in signers or ("root",):
            sign.sign(metadata, root if name != "root" else self.root, "root", self.key(name))
        self.root = root
        self.documents[path("root", root.version)] = body = metadata.to_bytes()
        return body

    def renew_root(self) -> None:
        self.publish_root(offline_roles.renewed(self.root, self.now))

    def publish(self, role: str, signed: Any, by: Root | Targets, key: str) -> None:
        metadata: Metadata[Any] = Metadata(signed)
        sign.sign(metadata, by, role, self.key(key))
        self.documents[path(role, None if role == "timestamp" else signed.version)] = metadata.to_bytes()

    def offer(self, body: bytes | None = None, *, channel: str = CHANNEL) -> None:
        """Publish a manifest, or none, and its signed metadata."""
        self.versions[ROLE] += 1
        target = object_keys.target_path(PRODUCT, channel)
        signed = sign.product(self.versions[ROLE], self.now, {} if body is None else {target: (body, {})})
        self.publish(ROLE, signed, self.targets, "product")
        if body is not None:
            self.documents[f"/{object_keys.target_key(target, sign.sha256(body)).removeprefix('public/')}"] = body
        self.refresh()

    def refresh(self, **versions: int) -> None:
        """Publish a snapshot of the newest versions, or of other `versions`, and a timestamp."""
        self.versions["snapshot"] += 1
        newest = {"targets": self.targets.version}
        newest |= {ROLE: self.versions[ROLE]} if self.versions[ROLE] else {}
        snapshot: Snapshot = sign.snapshot(self.versions["snapshot"], self.now, newest | versions)
        self.publish("snapshot", snapshot, self.root, "online")
        self.say_when()

    def say_when(self) -> None:
        self.versions["timestamp"] += 1
        timestamp: Timestamp = sign.timestamp(self.versions["timestamp"], self.now, self.versions["snapshot"])
        self.publish("timestamp", timestamp, self.root, "online")

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    def answer(self, request: bytes) -> bytes:
        """Return the answer to a request, in the form that `Server` needs."""
        asked = request.split(b" ")[1].decode()
        body = self.documents.get(asked)
        cache = CACHE["timestamp" if asked.endswith("timestamp.json") else "other"]
        return http(body, cache_control=cache) if body is not None else http(b"{}", "404 Not Found")


def path(role: str, version: int | None) -> str:
    return f"/tuf/metadata/{f'{version}.' if version else ''}{role}.json"


def asked(received: list[bytes]) -> list[str]:
    """Return the paths of requests."""
    return [request.split(b" ")[1].decode() for request in received]


NEW = manifest("4.3.0")
OLD = manifest("4.2.1")
