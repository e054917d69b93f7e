"""Read the document about the publisher: the newest valid version counts, and each version is read once."""

from __future__ import annotations

from typing import NamedTuple

from comet_updates import object_keys
from comet_updates.errors import Problem, RefusedUploadError, UnreadableObjectError
from comet_updates.model.publisher import PublisherDocument
from comet_updates.publish.bucket import Bucket
from comet_updates.publish.stored import Stored
from comet_updates.publish.uploads import parse

REMEMBERED_MAX = 100
"""How many versions are kept in memory. At this limit the memory is cleared."""


class PublisherUpload(NamedTuple):
    """The document that counts, and why the newest upload does not count. Both may be None."""

    document: PublisherDocument | None
    refusal: RefusedUploadError | None


class PublisherUploads:
    """The versions of the document about the publisher in `bucket`."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._read: dict[Stored, PublisherDocument | RefusedUploadError] = {}

    def read(self) -> PublisherUpload:
        """Return the newest valid version since the document was last deleted, if any.

        Raises:
            StoreUnavailableError: S3 fails.
        """
        key = object_keys.PUBLISHER
        refusal = None
        for stored in self._bucket.versions(key).get(key, ()):
            found = self._document(stored)
            if isinstance(found, PublisherDocument):
                return PublisherUpload(found, refusal)
            refusal = refusal or found
        return PublisherUpload(None, refusal)

    def _document(self, stored: Stored) -> PublisherDocument | RefusedUploadError:
        if stored not in self._read:
            if len(self._read) >= REMEMBERED_MAX:
                self._read.clear()
            try:
                parse.check_size(stored.key, stored.size_bytes)
                self._read[stored] = parse.parse(PublisherDocument, stored.key, self._bucket.get(stored))
            except RefusedUploadError as refusal:
                # Create a new error: the raised one keeps the upload and everything parsed from it in memory.
                self._read[stored] = RefusedUploadError(refusal.key, refusal.problems)
            except UnreadableObjectError as error:  # not remembered, since S3 may give it later
                problem = Problem("$", f"cannot be read: {error.problem.rstrip('.')}", "Upload it again")
                return RefusedUploadError(stored.key, (problem,))
        return self._read[stored]
