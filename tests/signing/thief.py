"""An attacker who writes to the bucket, or answers in the CDN's place, and signs with nothing but stolen keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, MetaFile, Snapshot, TargetFile, Targets, Timestamp

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.signing import sign
from tests.signing.conftest import PATH, PRODUCT

if TYPE_CHECKING:
    from tests.signing.conftest import TufPublisher

ROLE = object_keys.product_role(PRODUCT)
EVIL = b'{"version":"6.6.6","artifacts":[{"url":"https://evil.example/setup.exe"}]}\n'
"""A manifest that the publisher never decided."""


def signed(metadata: Any, *uris: str) -> bytes:
    """Return metadata signed with these keys, whether they may sign it or not."""
    made: Metadata[Any] = Metadata(metadata)
    for uri in uris:
        made.sign(Signer.from_priv_key_uri(uri, sign.public_key(uri)), append=True)
    return made.to_bytes()


def targets_of(version: int, house: TufPublisher, bodies: Mapping[str, bytes]) -> Targets:
    """Return a role's metadata with these files."""
    files = {path: TargetFile.from_data(path, body, ["sha256"]) for path, body in bodies.items()}
    return Targets(version, expires=house.now + timedelta(days=80), targets=files)


class Attacker:
    """An attacker who may write to the bucket.

    Args:
        house: the owner of the bucket. A test chooses which of its keys are stolen.
    """

    def __init__(self, house: TufPublisher) -> None:
        self._house = house
        self.own = house.key("thief")

    def put(self, key: str, body: bytes) -> None:
        self._house.s3.put(key, body)

    def metadata(self, role: str) -> Any:
        """Return the newest metadata of a role, which everybody can read."""
        found = [known for key in self._house.s3.keys(urls.METADATA) if (known := object_keys.metadata(key))]
        version = max(known.version for known in found if known.role == role)
        return self.read(object_keys.metadata_key(role, version))

    def read(self, key: str) -> Any:
        return Metadata.from_bytes(self._house.s3.get(key)).signed

    def file(self, body: bytes, path: str = PATH) -> None:
        """Upload a target to the key where a client looks for its hash."""
        self.put(object_keys.target_key(path, sign.sha256(body)), body)

    def product(self, version: int, uri: str, body: bytes = EVIL, path: str = PATH, role: str = ROLE) -> bytes:
        """Publish metadata of a product, and the manifest that it names. Return the bytes of the metadata."""
        made = signed(targets_of(version, self._house, {path: body}), uri)
        self.file(body, path)
        self.put(object_keys.metadata_key(role, version), made)
        return made

    def fresh(self, online: str, *, version: int | None = None, **versions: int) -> None:
        """Sign with the `online` key that other versions of some roles are the newest. Dots in roles are written `__`.

        Args:
            online: the URI of the key.
            version: of the snapshot; the next one by default.
            versions: role → version.
        """
        timestamp = self.read(urls.TIMESTAMP)
        before = self.read(object_keys.metadata_key(Snapshot.type, timestamp.snapshot_meta.version))
        said = {name: meta.version for name, meta in before.meta.items()}
        said |= {f"{role}.json": number for role, number in versions.items()}
        number = version or before.version + 1
        later = self._house.now + timedelta(days=3)
        meta = {name: MetaFile(of) for name, of in said.items()}
        self.put(
            object_keys.metadata_key(Snapshot.type, number), signed(Snapshot(number, expires=later, meta=meta), online)
        )
        self.timestamp(online, timestamp.version + 1, number)

    def timestamp(self, online: str, version: int, snapshot: int, *, lives: timedelta = timedelta(days=3)) -> None:
        made = Timestamp(version, expires=self._house.now + lives, snapshot_meta=MetaFile(snapshot))
        self.put(urls.TIMESTAMP, signed(made, online))


def version_of(manifest: bytes | None) -> str | None:
    """Return the version that a manifest offers."""
    return json.loads(manifest)["version"] if manifest else None
