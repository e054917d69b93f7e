"""Sign TUF's snapshot and timestamp with the online key, and publish root and targets metadata unchanged.

The online key signs only these two roles. A thief of the key can keep clients at an older state for a while, and can
do nothing else. The result depends only on the bucket and the time, not on the event that started the run.

Source: TUF specification 1.0, sections 5.4 and 5.5.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.errors import ConcurrentPublishError, RefusedUploadError, SigningError
from comet_updates.publish.bucket import Bucket, WriteResult, write_changes
from comet_updates.publish.bucket_state import original
from comet_updates.publish.render import rejections
from comet_updates.publish.stored import Current, Listed
from comet_updates.signing import sign
from comet_updates.signing.verify import TrustAnchor, parse, read, vouched

REFUSED_TRUST = object_keys.rejected_key("trust/").removesuffix(".json")
TIMESTAMP_RENEWED = timedelta(days=2)
SNAPSHOT_RENEWED = timedelta(days=7)
"""The remaining lifetimes at which they are signed again. If sweeps fail for a day or two, nothing expires.

They are also signed again if they end later than they should: the clock of the run that signed them was wrong.
"""

KEPT = timedelta(days=1)
"""How long an older state is kept, for clients and caches that are still reading it."""


_LAST_TIME_S = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())

_Online = TypeVar("_Online", Snapshot, Timestamp)


class Fresh(NamedTuple):
    """The published timestamp and snapshot that verify with the current root.

    Attributes:
        timestamp: the timestamp, or None.
        snapshot: the snapshot that it names, or None.
        etag: that of the published timestamp, valid or not.
        signers: the ids of the keys that signed both.
    """

    timestamp: Timestamp | None = None
    snapshot: Snapshot | None = None
    etag: str | None = None
    signers: frozenset[str] = frozenset()

    def version_of(self, role: str) -> int | None:
        """Return the newest version of a role according to the snapshot, or None if it does not list the role."""
        meta = self.snapshot.meta.get(f"{role}.json") if self.snapshot else None
        return meta.version if meta else None


class OnlineRoles:
    """Signs and publishes snapshot and timestamp if they are missing, outdated or about to expire.

    Args:
        bucket: the bucket of the service.
        clock: returns the current time, aware.
        online_key: the URI of the key, or None for a deployment that signs nothing.
    """

    def __init__(self, bucket: Bucket, clock: Callable[[], datetime], online_key: str | None) -> None:
        self._bucket = bucket
        self._clock = clock
        self._online_key = online_key

    def publish(self, anchor: TrustAnchor, is_outdated: Callable[[], bool]) -> WriteResult:
        """Publish the documents of `anchor`, then snapshot and timestamp.

        Args:
            anchor: the root and targets metadata.
            is_outdated: returns whether other root or targets metadata was uploaded since `anchor` was read.

        Raises:
            ConcurrentPublishError: another publisher wrote first, or `anchor` is outdated.
            SigningError: the online key is missing, or is not the one that the root names.
            StoreUnavailableError: S3 fails.
        """
        listed = self._bucket.listed(urls.METADATA)
        passed_on = self._publish_offline(anchor, listed)
        if anchor.root is None or anchor.targets is None:
            return passed_on
        # If our clock is behind, S3's own times are nearer to the truth. What we sign would be over at once.
        now = max([self._clock(), *(found.written_at.astimezone(UTC) for found in listed.values())])
        said = current_online(self._bucket, anchor.root)
        versions = {Targets.type: anchor.targets.version} | self._newest(anchor.targets, listed, said)
        snapshot = next_snapshot(said, versions, listed, now, is_due=self._is_of_another_key(anchor.root, said))
        timestamp = next_timestamp(said, snapshot, now)
        documents = {}
        if snapshot is not None:
            documents[object_keys.metadata_key(Snapshot.type, snapshot.version)] = self._sign(anchor.root, snapshot)
        if timestamp is not None:
            documents[urls.TIMESTAMP] = self._sign(anchor.root, timestamp)
        # Another publisher may have signed with a key that only a newer root names. We read its timestamp then, so our
        # condition would not fail. It wrote after that root was uploaded, so we find the root now.
        if documents and is_outdated():
            raise ConcurrentPublishError("root or targets changed while we read the timestamp")
        replaced = {urls.TIMESTAMP: said.etag} if said.etag and timestamp else {}
        change = write_changes(self._bucket, replaced, documents)
        current = snapshot or said.snapshot
        kept = versions | ({Snapshot.type: current.version} if current else {})
        done = passed_on.and_then(change).and_then(self._tidy(listed, kept, now))
        if done.written and is_outdated():
            raise ConcurrentPublishError("root or targets changed while we wrote")
        return done

    def _publish_offline(self, anchor: TrustAnchor, listed: Mapping[str, Listed]) -> WriteResult:
        """Publish the root and targets metadata, and the reasons why uploads of these are ignored."""
        there = {key: found.etag for key, found in listed.items() if key in anchor.documents}
        there |= self._false_root(anchor.root, listed) if anchor.root else {}
        told = {key: etag for key, etag in self._bucket.etags(REFUSED_TRUST).items() if is_of_trust(key)}
        return write_changes(self._bucket, there, anchor.documents).and_then(
            write_changes(self._bucket, told, rejections(anchor.refusals.values()))
        )

    def _false_root(self, root: Root, listed: Mapping[str, Listed]) -> dict[str, str]:
        """Return the ETag of the public root after `root`, by its key, if it is not valid; empty if there is none.

        Every client reads it and stops at it. A valid one is newer than the uploads that we read.
        """
        key = object_keys.metadata_key(Root.type, root.version + 1)
        found = self._bucket.current(key) if key in listed else None
        if found is None:
            return {}
        try:
            vouched(key, read(key, found.body, root.version + 1, Root), root, Root.type)
        except RefusedUploadError:
            return {key: found.etag}
        return {}

    def _newest(self, targets: Targets, listed: Mapping[str, object], said: Fresh) -> dict[str, int]:
        """Return the newest published version of each product's role.

        Only metadata that the product's key signed counts. Versions in a snapshot can never decrease. So an attacker
        who can write to the bucket must not be able to add a version without valid metadata.
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

    def _is_of_another_key(self, root: Root, said: Fresh) -> bool:
        """Return whether the published metadata is signed by another of the online keys than ours.

        During a planned exchange, root names two keys. All must be signed with the new one before root names it alone.
        """
        if self._online_key is None or len(sign.keys_of(root, Timestamp.type)) == 1:
            return False
        return sign.key_at(self._online_key, root, Timestamp.type).keyid not in said.signers

    def _sign(self, root: Root, signed: Snapshot | Timestamp) -> bytes:
        if self._online_key is None:
            raise SigningError("ONLINE_KEY", "is not set, so TUF metadata will expire and clients will stop updating")
        metadata: Metadata[Any] = Metadata(signed)
        sign.sign(metadata, root, signed.type, self._online_key)
        return metadata.to_bytes()

    def _tidy(self, listed: Mapping[str, Listed], current: Mapping[str, int], now: datetime) -> WriteResult:
        """Delete metadata that a newer version replaced more than `KEPT` ago."""
        over = outdated(listed, current, now)
        return write_changes(self._bucket, {key: listed[key].etag for key in over}, {})


def current_online(bucket: Bucket, root: Root) -> Fresh:
    """Return the published timestamp and snapshot, without those that `root` does not verify.

    Raises:
        StoreUnavailableError: S3 fails.
    """
    found = bucket.current(urls.TIMESTAMP)
    etag = found.etag if found else None
    timestamp = _signed(root, urls.TIMESTAMP, found, Timestamp)
    if timestamp is None:
        return Fresh(etag=etag)
    key = object_keys.metadata_key(Snapshot.type, timestamp.signed.snapshot_meta.version)
    snapshot = _signed(root, key, bucket.current(key), Snapshot)
    if snapshot is None:
        return Fresh(timestamp.signed, None, etag)
    signers = frozenset(timestamp.signatures) & frozenset(snapshot.signatures)
    return Fresh(timestamp.signed, snapshot.signed, etag, signers)


def _signed(root: Root, key: str, found: Current | None, kind: type[_Online]) -> Metadata[_Online] | None:
    """Return the metadata at `key`, or None if `root` does not verify it or it does not exist."""
    try:
        return vouched(key, parse(key, found.body if found else b"", kind), root, kind.type)
    except RefusedUploadError:
        return None


def is_of_trust(rejected_key: str) -> bool:
    """Return whether this is the refusal of root or targets metadata, not of another key below the same prefix."""
    upload = object_keys.parse_upload(original(rejected_key))
    return upload is not None and upload.kind == "trust"


def published(targets: Targets, listed: Iterable[str]) -> dict[str, list[int]]:
    """Return the published versions of each product's role that has a key, the highest first."""
    versions: dict[str, list[int]] = defaultdict(list)
    for key in listed:
        found = object_keys.metadata(key)
        if found and found.product and sign.keys_of(targets, found.role):
            versions[found.role].append(found.version)
    return {role: sorted(numbers, reverse=True) for role, numbers in versions.items()}


def next_snapshot(
    said: Fresh, versions: Mapping[str, int], listed: Mapping[str, object], now: datetime, *, is_due: bool = False
) -> Snapshot | None:
    """Return the snapshot to sign, or None if the published one is still good and not `is_due`.

    Versions never decrease and roles never disappear, because clients would refuse such a snapshot.
    """
    meta = said.snapshot.meta if said.snapshot else {}
    before = {name.removesuffix(".json"): known.version for name, known in meta.items()}
    wanted = {role: max(versions.get(role, 0), before.get(role, 0)) for role in {**versions, **before}}
    is_good = said.snapshot and SNAPSHOT_RENEWED < said.snapshot.expires - now <= sign.SNAPSHOT_LIFE
    if is_good and wanted == before and not is_due:
        return None
    version = next_version(said.timestamp.snapshot_meta.version if said.timestamp else 0, now)
    while object_keys.metadata_key(Snapshot.type, version) in listed:  # an interrupted run wrote it
        version += 1
    return sign.snapshot(version, now, wanted)


def next_timestamp(said: Fresh, snapshot: Snapshot | None, now: datetime) -> Timestamp | None:
    """Return the timestamp to sign, or None if the published one is still good."""
    is_good = said.timestamp and TIMESTAMP_RENEWED < said.timestamp.expires - now <= sign.TIMESTAMP_LIFE
    if snapshot is None and is_good:
        return None
    of = snapshot or said.snapshot
    assert of is not None  # noqa: S101 (without a published snapshot there is a new one)
    return sign.timestamp(next_version(said.timestamp.version if said.timestamp else 0, now), now, of.version)


def next_version(before: int, now: datetime) -> int:
    """Return a version above `before`, and at least the number of minutes since 1970.

    Clients refuse a lower version than they have seen. The time keeps the version above all earlier ones, even if the
    published metadata is lost. A clock after 2099 is wrong, and does not use up the numbers that a key can have.
    """
    return max(before + 1, min(int(now.timestamp()), _LAST_TIME_S) // 60)


def outdated(listed: Mapping[str, Listed], current: Mapping[str, int], now: datetime) -> list[str]:
    """Return the keys of metadata to delete. Roots are never among them: clients need all roots.

    These are versions that a newer version replaced more than `KEPT` ago, and versions above the newest valid one that
    are older than `KEPT`. A younger version above the newest may belong to a publisher that is still running.
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
