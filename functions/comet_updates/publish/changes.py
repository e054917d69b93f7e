"""Makes the bucket hold what it should, and touches nothing that is so already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.publish.bucket import Bucket, etag_of


class Change(NamedTuple):
    """What a run did to one product."""

    written: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()

    def and_then(self, later: Change) -> Change:
        """This, and what was done after it."""
        return Change(self.written + later.written, self.deleted + later.deleted)


def write(bucket: Bucket, existing: Mapping[str, str], wanted: Mapping[str, bytes]) -> Change:
    """Make the objects `existing` (ETags by key) be `wanted`: put what differs, in its order; delete the rest.

    Raises:
        ConcurrentPublishError: one of them is not what `existing` says any more; some may be written already.
        StoreUnavailableError: S3 fails.
    """
    written, deleted = [], []
    for key, body in wanted.items():
        etag = existing.get(key)
        if etag is None and key.startswith(object_keys.REJECTED_LONG_KEYS):  # these are not listed by product
            etag = bucket.etags(key).get(key)
        if etag != etag_of(body):
            bucket.put(key, body, urls.content_type(key), replaces=etag)
            written.append(key)
    for key in sorted(set(existing) - set(wanted)):
        bucket.delete(key, replaces=existing[key])
        deleted.append(key)
    return Change(tuple(written), tuple(deleted))
