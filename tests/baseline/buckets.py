"""Buckets that the present version fills in memory. Keys and clock are fixed, so the bytes are always the same."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner

from comet_updates import object_keys
from comet_updates.answer.log import Log
from comet_updates.publish.publisher import Publisher
from comet_updates.publish.run import Run
from comet_updates_cli.local import sample_keys
from comet_updates_cli.options import SignWith
from comet_updates_cli.signing import sign_states
from testkit.documents import release
from testkit.memory_bucket import MemoryBucket, Objects
from testkit.project import ROOT
from tests.clients import app

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
PUBLISHED = ("public/", "rejected/")
WRITTEN = (*PUBLISHED, "packs/")
MANY = 24
"""Releases of a product: more than `publish.uploads.pack.PACKED_FROM`, so that the publisher writes a pack."""


class Filler:
    """Fills a bucket as a publisher, its pipeline and the publishing function do.

    Attributes:
        objects: the content of the bucket, and the clock that all share.
    """

    def __init__(self, keys: Path) -> None:
        self.objects = Objects()
        self.objects.now = START
        self._bucket = MemoryBucket(self.objects)
        self._keys = keys
        self._online_key: str | None = None

    def upload_samples(self) -> None:
        """Upload and sign the samples, and sweep, as `make run` does."""
        folder = ROOT / "samples"
        for file in sorted(folder.rglob("*.json")):
            self.objects.put(file.relative_to(folder).as_posix(), file.read_bytes())
        with _fixed_keys(), patch.object(sample_keys, "datetime") as clock:
            clock.now.return_value = self.objects.now
            self._online_key = sample_keys.sign(self._bucket, self._keys)
        self.sweep()

    def upload(self, key: str, **document: Any) -> None:
        """Upload a document."""
        self.objects.put(key, json.dumps({"schema": 1, **document}).encode())

    def release(self, document: dict[str, Any]) -> None:
        """Upload a release."""
        key = object_keys.release_key(document["product"], document["channel"], document["version"])
        self.objects.put(key, json.dumps(document).encode())

    def sign(self, product: str) -> None:
        """Sign what a product offers, and its appcasts."""
        key = sample_keys.product_key(self._keys)
        sign_states.sign_states(self._bucket, product, self.objects.now, SignWith(key, key))

    def sweep(self) -> None:
        """Publish everything."""
        sweep(self.objects, self._online_key)

    def later(self, **span: float) -> None:
        """Move the clock."""
        self.objects.now += timedelta(**span)


def sweep(objects: Objects, online_key: str | None = None) -> None:
    """Sweep as the publishing function does, but in a fixed order. Without an online key nothing is signed."""
    publisher = Publisher(MemoryBucket(objects), lambda: objects.now, online_key)
    with patch.object(random, "sample", lambda products, _: products):
        Run(publisher, Log(successes=False, level="ERROR")).sweep()


@contextmanager
def _fixed_keys() -> Iterator[None]:
    """Derive each new key from its number."""
    seeds = (hashlib.sha256(f"key {number}".encode()).digest() for number in count())
    made = (CryptoSigner(Ed25519PrivateKey.from_private_bytes(seed)) for seed in seeds)
    with patch.object(CryptoSigner, "generate_ed25519", lambda: next(made)):
        yield


def samples() -> Objects:
    """Return a bucket with the samples, signed and published."""
    with tempfile.TemporaryDirectory() as keys:
        filler = Filler(Path(keys))
        filler.upload_samples()
        return filler.objects


def filled() -> Objects:
    """Return a bucket in which uploads, decisions and refusals of every kind were published over five days."""
    with tempfile.TemporaryDirectory() as keys:
        filler = Filler(Path(keys))
        filler.upload_samples()
        filler.later(hours=1)
        _upload_app(filler)
        _upload_decisions(filler)
        _upload_refused(filler)
        filler.sweep()
        filler.later(days=2)  # snapshot and timestamp are renewed, and a release waits for its signature
        filler.release(json.loads((ROOT / "examples/releases/comet-cursor/stable/4.2.1.json").read_bytes()))
        filler.sweep()
        filler.sign("comet-cursor")
        filler.sweep()
        filler.later(days=2)  # outdated metadata is deleted
        filler.upload("channels/comet-many/stable.json", product="comet-many", channel="stable", pin="1.3.0")
        filler.sweep()
        return filler.objects


def _upload_app(filler: Filler) -> None:
    """Upload an app with files for every updater, and its channels."""
    filler.upload(f"products/{app.PRODUCT}.json", product=app.PRODUCT, drop_in=["electron", "tauri"])
    signatures = {"minisign": "bWluaXNpZ24=", "ed25519": "ZWQyNTUxOQ=="}  # `app` signs with new keys in each run
    for version in (app.OLD, app.LATEST):
        document = app.release(version, "https://files.example.com", "https://packages.example.com")
        for artifact in document["artifacts"]:
            artifact["signatures"] = signatures
        filler.release(document)
    filler.release(release("1.2.0", app.SCHEDULED, app.PRODUCT, available_at="2099-01-01T00:00:00Z"))
    for channel, decided in {**app.HELD_BACK, app.SCHEDULED: {}}.items():
        key = object_keys.channel_key(app.PRODUCT, channel)
        filler.upload(key, product=app.PRODUCT, channel=channel, includes=["stable"], **decided)


def _upload_decisions(filler: Filler) -> None:
    """Upload a product with many releases, and products for the decisions that the samples lack."""
    for minor in range(MANY):
        filler.release(release(f"1.{minor}.0", "stable", "comet-many"))
    rollout = {"version": f"1.{MANY - 1}.0", "start": "2026-11-22T12:00:00Z", "interval": 86_400, "groups": 7}
    filler.upload("channels/comet-many/stable.json", product="comet-many", channel="stable", rollout=rollout)
    filler.upload("products/comet-two.json", product="comet-two", approved_on=["stable"])
    for version in ("1.0.0", "1.1.0"):
        filler.release(release(version, "stable", "comet-two"))
    approved = hashlib.sha256(filler.objects.body("releases/comet-two/stable/1.0.0.json") or b"").hexdigest()
    key = object_keys.approval_key("comet-two", "stable", "1.0.0")
    filler.upload(key, product="comet-two", channel="stable", version="1.0.0", sha256=approved)
    filler.upload("products/comet-sealed.json", product="comet-sealed", requires_signature=True)
    filler.release(release("1.0.0", "stable", "comet-sealed"))


def _upload_refused(filler: Filler) -> None:
    """Upload documents that the publishing function refuses, each for a different reason."""
    for key, body in {
        "releases/comet-broken/stable/2.0.0.json": b"{}",
        "releases/comet-broken/stable/readme.txt": b"Hello",
        "releases/comet-broken/stable/2.1.0.json": b"\xff",
        "releases/stray.json": b"{}",
        f"releases/comet-broken/stable/{'9' * 990}.txt": b"{}",
        "trust/root/2.json": b"{}",
        "trust/notes.json": b"{}",
        "signed/comet-skies/2.json": b"{}",
    }.items():
        filler.objects.put(key, body)


def kept(objects: Objects) -> dict[str, list[Any]]:
    """Return the versions that a stored bucket needs: all of an upload, the current one of other objects."""
    found = {
        key: [version for version in versions if version.body is not None] if _is_upload(key) else versions[-1:]
        for key, versions in sorted(objects.versions.items())
    }
    return {key: versions for key, versions in found.items() if versions[-1].body is not None}


def _is_upload(key: str) -> bool:
    return not key.startswith(WRITTEN)


def texts(objects: Objects) -> dict[str, str]:
    """Return the text of each version of `kept`. Packs are unpacked: compressed bytes differ between builds of zlib."""
    return {
        f"{key}, version {number} of {len(versions)}": _text(key, version.body)
        for key, versions in kept(objects).items()
        for number, version in enumerate(versions, 1)
    }


def _text(key: str, body: bytes) -> str:
    return (gzip.decompress(body) if key.endswith(".gz") else body).decode(errors="backslashreplace")


def write(objects: Objects, file: Path) -> None:
    """Write a bucket to a .tar.xz.

    The name of an entry is the id of the version, by which packs know it, and the key. The comment of the archive is
    the time on the clock of the bucket.
    """
    with tarfile.open(file, "w:xz", pax_headers={"comment": objects.now.isoformat()}) as archive:
        for stored, body in (version for versions in kept(objects).values() for version in versions):
            entry = tarfile.TarInfo(f"{stored.version_id}/{stored.key}")
            entry.mtime, entry.size = int(stored.written_at.timestamp()), stored.size_bytes
            archive.addfile(entry, io.BytesIO(body))


def read(file: Path) -> Objects:
    """Return a bucket as `write` wrote it."""
    objects, newest = Objects(), 0
    with tarfile.open(file, "r:xz") as archive:
        for entry in archive:
            number, _, key = entry.name.partition("/")
            body = archive.extractfile(entry)
            assert body is not None
            objects.now, objects._number = datetime.fromtimestamp(entry.mtime, UTC), int(number) - 1
            objects.put(key, body.read())
            newest = max(newest, int(number))
        objects.now, objects._number = datetime.fromisoformat(archive.pax_headers["comment"]), newest
    return objects
