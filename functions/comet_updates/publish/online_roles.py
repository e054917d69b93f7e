"""Says what is newest of all that is signed, and that this was so a moment ago: TUF's snapshot and timestamp.

What people and pipelines signed is passed on as it is. The online key signs these two alone, so whoever steals it can
keep clients at an older state for a while, and nothing else. Like everything here this is level-triggered: what should
be there follows from what is there and the time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.errors import RefusedUploadError, SigningError
from comet_updates.publish.bucket import Bucket, WriteResult, write_changes
from comet_updates.publish.bucket_state import original
from comet_updates.publish.render import rejections
from comet_updates.publish.stored import Listed
from comet_updates.signing import sign
from comet_updates.signing.verify import TrustAnchor, parse, read, vouched

REFUSED_TRUST = object_keys.rejected_key("trust/").removesuffix(".json")
TIMESTAMP_RENEWED = timedelta(days=2)
SNAPSHOT_RENEWED = timedelta(days=7)
"""With so much of their life left they are signed again: a sweep that fails for a day or two harms nobody."""

KEPT = timedelta(days=1)
"""For how long a state stays that is not the newest, for clients and caches on their way through it."""


_Online = TypeVar("_Online", Snapshot, Timestamp)


class Fresh(NamedTuple):
    """What the online key has said, and still may."""

    timestamp: Timestamp | None = None
    snapshot: Snapshot | None = None

    def version_of(self, role: str) -> int | None:
        """The version that is the newest of a role; `None` for one that it does not know."""
        meta = self.snapshot.meta.get(f"{role}.json") if self.snapshot else None
        return meta.version if meta else None


class OnlineRoles:
    """Signs snapshot and timestamp where they are missing, wrong or nearly over.

    Args:
        bucket: where everything is.
        clock: the time now, aware.
        online_key: the URI of the key; `None` for none, and then there is nothing to sign either.
    """

    def __init__(self, bucket: Bucket, clock: Callable[[], datetime], online_key: str | None) -> None:
        self._bucket = bucket
        self._clock = clock
        self._online_key = online_key

    def publish(self, anchor: TrustAnchor) -> WriteResult:
        """Publish what `anchor` vouches for, and what is newest.

        Raises:
            ConcurrentPublishError: others wrote meanwhile.
            SigningError: the online key is not there, or not the one that the root names.
            StoreUnavailableError: S3 fails.
        """
        listed = self._bucket.listed(urls.METADATA)
        passed_on = self._publish_offline(anchor, listed)
        if anchor.root is None or anchor.targets is None:
            return passed_on
        now, before = self._clock(), self._bucket.current(urls.TIMESTAMP)
        said = self._current_online(anchor.root, before.body if before else None)
        versions = {Targets.type: anchor.targets.version} | self._newest(anchor.targets, listed, said)
        snapshot = next_snapshot(said, versions, listed, now)
        timestamp = next_timestamp(said, snapshot, now)
        documents = {}
        if snapshot is not None:
            documents[object_keys.metadata_key(Snapshot.type, snapshot.version)] = self._sign(anchor.root, snapshot)
        if timestamp is not None:
            documents[urls.TIMESTAMP] = self._sign(anchor.root, timestamp)
        change = write_changes(self._bucket, {urls.TIMESTAMP: before.etag} if before and timestamp else {}, documents)
        current = snapshot or said.snapshot
        kept = versions | ({Snapshot.type: current.version} if current else {})
        return passed_on.and_then(change).and_then(self._tidy(listed, kept, now))

    def _publish_offline(self, anchor: TrustAnchor, listed: Mapping[str, Listed]) -> WriteResult:
        """Publish what people signed, and say of what does not count why."""
        there = {key: found.etag for key, found in listed.items() if key in anchor.documents}
        told = {key: etag for key, etag in self._bucket.etags(REFUSED_TRUST).items() if is_of_trust(key)}
        return write_changes(self._bucket, there, anchor.documents).and_then(
            write_changes(self._bucket, told, rejections(anchor.refusals.values()))
        )

    def _current_online(self, root: Root, body: bytes | None) -> Fresh:
        """What the online key said, as far as the root that counts now vouches for it."""
        timestamp = _signed(root, urls.TIMESTAMP, body, Timestamp)
        if timestamp is None:
            return Fresh()
        key = object_keys.metadata_key(Snapshot.type, timestamp.snapshot_meta.version)
        found = self._bucket.current(key)
        return Fresh(timestamp, _signed(root, key, found.body if found else None, Snapshot))

    def _newest(self, targets: Targets, listed: Mapping[str, object], said: Fresh) -> dict[str, int]:
        """The newest version that is there of each product's role.

        Only what the product's key signed counts: a version that was once said to be the newest can never be taken
        back, so whoever may write to the bucket must not have the online key say one that nobody can have.
        """
        newest: dict[str, int] = {}
        for role, versions in published(targets, listed).items():
            for version in versions:
                if version == said.version_of(role) or self._is_vouched(targets, role, version):
                    newest[role] = version
                    break
        return newest

    def _is_vouched(self, targets: Targets, role: str, version: int) -> bool:
        key = object_keys.metadata_key(role, version)
        found = self._bucket.current(key)
        with suppress(RefusedUploadError):
            vouched(key, read(key, found.body if found else b"", version, Targets), targets, role)
            return True
        return False

    def _sign(self, root: Root, signed: Snapshot | Timestamp) -> bytes:
        if self._online_key is None:
            raise SigningError("ONLINE_KEY", "is not set, and clients of TUF will soon find everything out of date")
        metadata: Metadata[Any] = Metadata(signed)
        sign.sign(metadata, root, signed.type, self._online_key)
        return metadata.to_bytes()

    def _tidy(self, listed: Mapping[str, Listed], current: Mapping[str, int], now: datetime) -> WriteResult:
        """Delete what nobody asks for any more: what stopped being the newest a day ago."""
        over = outdated(listed, current, now)
        return write_changes(self._bucket, {key: listed[key].etag for key in over}, {})


def _signed(root: Root, key: str, body: bytes | None, kind: type[_Online]) -> _Online | None:
    """What `body` says, if `root` vouches for it; `None` otherwise, and for nothing."""
    try:
        return vouched(key, parse(key, body or b"", kind), root, kind.type).signed
    except RefusedUploadError:
        return None


def is_of_trust(rejected_key: str) -> bool:
    """Whether this is the refusal of what people signed, and not of a stray below the same prefix."""
    upload = object_keys.parse_upload(original(rejected_key))
    return upload is not None and upload.kind == "trust"


def published(targets: Targets, listed: Iterable[str]) -> dict[str, list[int]]:
    """The versions that are there, the highest first, of each product's role that some key speaks for."""
    versions: dict[str, list[int]] = defaultdict(list)
    for key in listed:
        found = object_keys.metadata(key)
        if found and found.product and sign.keys_of(targets, found.role):
            versions[found.role].append(found.version)
    return {role: sorted(numbers, reverse=True) for role, numbers in versions.items()}


def next_snapshot(
    said: Fresh, versions: Mapping[str, int], listed: Mapping[str, object], now: datetime
) -> Snapshot | None:
    """The snapshot that has to be signed; `None` if the one that is there will do.

    No version goes back in it and no role goes missing, or clients would refuse it.
    """
    meta = said.snapshot.meta if said.snapshot else {}
    before = {name.removesuffix(".json"): known.version for name, known in meta.items()}
    wanted = {role: max(versions.get(role, 0), before.get(role, 0)) for role in {**versions, **before}}
    if said.snapshot and wanted == before and said.snapshot.expires - now > SNAPSHOT_RENEWED:
        return None
    version = next_version(said.timestamp.snapshot_meta.version if said.timestamp else 0, now)
    while object_keys.metadata_key(Snapshot.type, version) in listed:  # of a run that was killed after it
        version += 1
    return sign.snapshot(version, now, wanted)


def next_timestamp(said: Fresh, snapshot: Snapshot | None, now: datetime) -> Timestamp | None:
    """The timestamp that has to be signed; `None` if the one that is there will do."""
    if snapshot is None and said.timestamp and said.timestamp.expires - now > TIMESTAMP_RENEWED:
        return None
    of = snapshot or said.snapshot
    assert of is not None  # noqa: S101 (where none is there, there is a new one)
    return sign.timestamp(next_version(said.timestamp.version if said.timestamp else 0, now), now, of.version)


def next_version(before: int, now: datetime) -> int:
    """A version after `before`, and after all that there ever were: clients never go back, whatever is lost here.

    No less than the minutes since 1970, so that it has eight digits, and nine in the year 2160.
    """
    return max(before + 1, int(now.timestamp()) // 60)


def outdated(listed: Mapping[str, Listed], current: Mapping[str, int], now: datetime) -> list[str]:
    """The keys of metadata whose place a newer version took more than `KEPT` ago. Never a root: all are needed.

    And of what is above the newest without counting, once it is there for as long: no publisher is on its way to it.
    """
    roles: dict[str, list[int]] = defaultdict(list)
    astray = []
    for key, found in ((key, object_keys.metadata(key)) for key in listed):
        if found is None or found.role not in current:
            continue
        if found.version <= current[found.role]:
            roles[found.role].append(found.version)
        elif now - listed[key].written_at > KEPT:
            astray.append(key)
    return astray + [
        object_keys.metadata_key(role, version)
        for role, versions in roles.items()
        for version, later in pairwise(sorted(versions))
        if now - listed[object_keys.metadata_key(role, later)].written_at > KEPT
    ]
