"""The changes of a channel with their times, from the versions that S3 keeps, without the people who made them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from comet_updates import object_keys
from comet_updates.publish.bucket import Bucket
from comet_updates.publish.stored import Stored


class Event(NamedTuple):
    """One change, described by `what`."""

    at: datetime
    what: str


def history(bucket: Bucket, product: str, channel: str) -> list[Event]:
    """Return the changes of a channel since its documents were last deleted, latest first.

    Raises:
        StoreUnavailableError: S3 fails.
    """
    policy = object_keys.channel_key(product, channel)
    decided = bucket.versions(policy).get(policy, ())
    releases = bucket.versions(f"releases/{product}/{channel}/")
    events = [*_decisions(bucket, decided)]
    for key, versions in releases.items():
        if upload := object_keys.parse_upload(key):
            first, *again = reversed(versions)
            events.append(Event(first.written_at, f"released {upload.version}"))
            events += [Event(stored.written_at, f"uploaded {upload.version} again") for stored in again]
    for key, versions in bucket.versions(f"approvals/{product}/{channel}/").items():
        if upload := object_keys.parse_upload(key):
            events += [Event(stored.written_at, f"approved {upload.version}") for stored in versions]
    return sorted(events, reverse=True)


def _decisions(bucket: Bucket, versions: tuple[Stored, ...]) -> Iterator[Event]:
    before: dict[str, Any] = {}
    for stored in reversed(versions):
        try:
            after = json.loads(bucket.get(stored))
        except ValueError:
            after = None
        if not isinstance(after, dict):
            yield Event(stored.written_at, "uploaded a policy that is not valid")
            continue
        for field in sorted({*before, *after} - {"schema", "product", "channel"}):
            if before.get(field) != after.get(field):
                now = f"set {field} = {json.dumps(after[field], ensure_ascii=False)}" if field in after else None
                yield Event(stored.written_at, now or f"removed {field}")
        before = after
