"""The changes of a channel with their times, from the versions that S3 keeps, without the people who made them.

A change counts only if publishing accepted it. The others are listed as refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from comet_updates import object_keys
from comet_updates.errors import RefusedUploadError
from comet_updates.model.release import Release
from comet_updates.publish.bucket import Bucket
from comet_updates.publish.stored import Stored
from comet_updates.publish.uploads.accept import AcceptedUploads, Listing
from comet_updates.publish.uploads.load import Loader, list_inputs
from comet_updates_cli.policy_edits import no_channel

VALUE_MAX_CHARS = 1_000


class Event(NamedTuple):
    """One change, described by `what`."""

    at: datetime
    what: str


def history(bucket: Bucket, product: str, channel: str) -> list[Event]:
    """Return the changes of a channel since its documents were last deleted, latest first.

    Raises:
        DecisionError: the bucket has no such channel.
        StoreUnavailableError: S3 fails.
    """
    found = _History(bucket, product, channel)
    events = sorted(found.events(), key=lambda event: event.at)
    if not events:
        found.check_channel()
    return events[::-1]  # of one second, too: an upload's versions are in order


class _History:
    def __init__(self, bucket: Bucket, product: str, channel: str) -> None:
        self._bucket = bucket
        self._loader = Loader(bucket)
        self._product = product
        self._channel = channel
        self._listing = list_inputs(bucket, product)

    def check_channel(self) -> None:
        """Check that the channel exists. A typing error must not look like a channel without changes.

        Raises:
            DecisionError: it does not.
        """
        inputs = self._loader.load(self._product, self._listing)
        if self._channel not in inputs.channels:
            raise no_channel(self._product, self._channel, inputs)

    def events(self) -> Iterator[Event]:
        yield from self._policies(object_keys.channel_key(self._product, self._channel))
        inputs = self._loader.load(self._product, self._listing)
        for key in self._listing:
            upload = object_keys.parse_upload(key)
            if upload is None or upload.channel != self._channel:
                continue
            if upload.kind == "release":
                yield from self._release(key, upload.version, inputs)
            elif upload.kind == "approval":
                release = object_keys.release_key(self._product, self._channel, upload.version)
                for stored, refusal in self._judged(key, release):
                    is_refused = f"uploaded an approval of {upload.version} that is refused{_because(refusal)}"
                    yield Event(stored.written_at, is_refused if refusal else f"approved {upload.version}")

    def _release(self, key: str, version: str, inputs: AcceptedUploads) -> Iterator[Event]:
        versions = self._listing[key]
        accepted = next((r for r in inputs.releases if (r.channel, r.version) == (self._channel, version)), None)
        is_released = False
        for stored in reversed(versions):
            if accepted and not is_released and (len(versions) == 1 or self._has(stored, accepted)):
                is_released = True
                yield Event(stored.written_at, f"released {version}")
            elif is_released:
                yield Event(stored.written_at, f"uploaded {version} again")
            else:
                why = _because(inputs.refusals.get(key)) if stored is versions[0] else ""
                yield Event(stored.written_at, f"uploaded {version}, which is refused{why}")

    def _has(self, stored: Stored, release: Release) -> bool:
        return hashlib.sha256(self._bucket.get(stored)).hexdigest() == release.body_sha256

    def _policies(self, key: str) -> Iterator[Event]:
        before: dict[str, Any] = {}
        for stored, refusal in self._judged(key):
            if refusal:
                yield Event(stored.written_at, f"uploaded a policy that is refused{_because(refusal)}")
                continue
            after = json.loads(self._bucket.get(stored))
            for field in sorted({*before, *after} - {"schema", "product", "channel"}):
                if before.get(field) != after.get(field):
                    yield Event(stored.written_at, _change(field, after))
            before = after

    def _judged(self, key: str, *beside: str) -> Iterator[tuple[Stored, RefusedUploadError | None]]:
        """Yield each version of an upload, the oldest first, and why it was refused when it was the newest.

        Args:
            key: the key of the upload.
            beside: the keys of the uploads that it depends on, besides the product's document.
        """
        versions = self._listing.get(key, ())
        others = (object_keys.product_key(self._product), *beside)
        context: Listing = {other: self._listing[other] for other in others if other in self._listing}
        for newest in range(len(versions) - 1, -1, -1):
            inputs = self._loader.load(self._product, {**context, key: versions[newest:]})
            yield versions[newest], inputs.refusals.get(key)


def _change(field: str, policy: dict[str, Any]) -> str:
    if field not in policy:
        return f"removed {field}"
    value = json.dumps(policy[field], ensure_ascii=False)
    return f"set {field} = {value[:VALUE_MAX_CHARS]}{'…' if len(value) > VALUE_MAX_CHARS else ''}"


def _because(refusal: RefusedUploadError | None) -> str:
    if refusal is None:
        return ""
    first, *others = refusal.problems
    return f": {first}{f' And {len(others)} more problems.' if others else ''}"
