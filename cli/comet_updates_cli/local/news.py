"""Prints a line for each channel that the service on one machine published, and for each problem that it refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.errors import Problem
from comet_updates.publish.bucket import Bucket

REFUSED = "rejected/"


class News:
    """Compares the bucket with how it was at the last call.

    Args:
        bucket: the bucket of the service.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._etags = self._listed()

    def lines(self) -> list[str]:
        """Return a line for each change since the last call.

        Raises:
            StoreUnavailableError: S3 fails.
        """
        before, self._etags = self._etags, self._listed()
        return [*changes(before, self._etags, self._read)]

    def _listed(self) -> dict[str, str]:
        return self._bucket.etags(object_keys.DOCUMENTS) | self._bucket.etags(REFUSED)

    def _read(self, key: str) -> bytes:
        found = self._bucket.current(key)
        return found.body if found else b"{}"


def changes(before: Mapping[str, str], after: Mapping[str, str], read: Callable[[str], bytes]) -> Iterator[str]:
    """Yield a line for each channel and each refusal that differs.

    Args:
        before: the ETags of the documents and refusals, by key.
        after: the same, later.
        read: returns the bytes of an object.
    """
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    channels = {tuple(key.split("/")[2:4]) for key in changed if key.startswith(object_keys.DOCUMENTS)}
    for product, channel in sorted(channels):
        manifest = urls.document_key(product, channel, urls.MANIFEST)
        version = json.loads(read(manifest)).get("version") if manifest in after else None
        if manifest not in after:
            yield f"published {product}/{channel}: offers nothing"
        elif manifest in changed:
            yield f"published {product}/{channel}: offers {version}"
        else:
            yield f"published {product}/{channel}: still offers {version}; other documents changed"
    for key in sorted(key for key in changed & after.keys() if key.startswith(REFUSED)):
        refusal = json.loads(read(key))
        for problem in refusal.get("problems", ()):
            yield f"refused {refusal['key']}: {Problem(**problem)}"
