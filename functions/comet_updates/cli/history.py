"""What changed on a channel, and when: from the versions that S3 keeps, and without saying by whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from comet_updates import names
from comet_updates.publish.bucket import Bucket, Stored


class Event(NamedTuple):
    """One change: `what` is in words."""

    at: datetime
    what: str


def history(bucket: Bucket, product: str, channel: str) -> list[Event]:
    """The changes of a channel since its documents were last deleted, the latest first.

    Raises `StoreUnavailableError`.
    """
    policy = names.channel_key(product, channel)
    decided = bucket.versions(policy).get(policy, ())
    releases = bucket.versions(f"releases/{product}/{channel}/")
    events = [*_decisions(bucket, decided)]
    for key, versions in releases.items():
        if upload := names.parse_upload(key):
            first, *again = reversed(versions)
            events.append(Event(first.written_at, f"released {upload.version}"))
            events += [Event(stored.written_at, f"uploaded {upload.version} again") for stored in again]
    for key, versions in bucket.versions(f"approvals/{product}/{channel}/").items():
        if upload := names.parse_upload(key):
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
            yield Event(stored.written_at, "decided something that was not understood")
            continue
        for field in sorted({*before, *after} - {"schema", "product", "channel"}):
            if before.get(field) != after.get(field):
                now = f"= {json.dumps(after[field], ensure_ascii=False)}" if field in after else "taken back"
                yield Event(stored.written_at, f"decided {field} {now}")
        before = after
