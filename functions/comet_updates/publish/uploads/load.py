"""Read and check the uploads of a product: each version once, and those of a large product from its pack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock
from types import MappingProxyType

from comet_updates import object_keys
from comet_updates.errors import ConcurrentPublishError, Problem, RefusedUploadError
from comet_updates.publish.bucket import MAX_CONNECTIONS, Bucket
from comet_updates.publish.stored import Stored
from comet_updates.publish.uploads import pack as uploads_pack
from comet_updates.publish.uploads import parse
from comet_updates.publish.uploads.accept import AcceptedUploads, Listing, Upload, accept_uploads

REMEMBERED_MAX = 50_000
"""How many documents a loader keeps in memory, about 200 MB. At this limit the memory is cleared."""


REMEMBERED_MAX_BYTES = 48_000_000
"""The same, by the size of the uploads. In memory, a text outside ASCII takes up to nine times its size."""

UPLOADS_MAX_BYTES = 32_000_000
"""How large the releases of a product may be in all, and so may its policies, and its approvals. They are in memory at
once. Ten thousand releases have 6 MB; with long notes, a thousand have 10 MB."""


def list_inputs(bucket: Bucket, product: str) -> Listing:
    """Return the versions of all uploads of `product`, by key.

    Args:
        bucket: the bucket of the service.
        product: its name, as in the keys of its uploads. It need not be valid.

    Raises:
        StoreUnavailableError: S3 fails.
    """
    product_key = object_keys.product_key(product)
    found = {key: versions for key, versions in bucket.versions(product_key).items() if key == product_key}
    for folder in object_keys.PRODUCT_FOLDERS:
        found |= bucket.versions(f"{folder}/{product}/")
    return {key: versions for key, versions in found.items() if not key.endswith("/")}  # a console's "folder"


class Loader:
    """Reads and checks uploads. Each version is read once, since it never changes.

    Args:
        bucket: the bucket of the service.
        writes_packs: whether to write packs, from which a new process reads faster. Only the publisher may.
    """

    def __init__(self, bucket: Bucket, *, writes_packs: bool = False) -> None:
        self._bucket = bucket
        self._writes_packs = writes_packs
        self._documents: dict[Stored, Upload | RefusedUploadError] = {}
        self._remembered_bytes = 0
        self._beyond: dict[str, RefusedUploadError] = {}
        self._bodies: dict[Stored, bytes] = {}
        self._parsing = Lock()  # one at a time: half a megabyte of hostile JSON takes 100 MB of memory

    def load(
        self, product: str, listing: Listing, planned: Mapping[Stored, bytes] = MappingProxyType({})
    ) -> AcceptedUploads:
        """Return the inputs of `product`.

        Args:
            product: its name.
            listing: the versions in the bucket, and perhaps planned versions that are not there yet.
            planned: the bytes of the planned versions.

        Raises:
            StoreUnavailableError: S3 fails.
        """
        listing = {
            key: versions for key, versions in listing.items() if not key.startswith("signed/")
        }  # see `signed_states`
        counting = [_counting(versions) for versions in listing.values()]
        self._beyond = _beyond_limit(counting)
        missing = [stored for stored in counting if stored not in self._documents and stored.key not in self._beyond]
        self._remembered_bytes += sum(map(_read_bytes, missing))
        if len(self._documents) > REMEMBERED_MAX or self._remembered_bytes > REMEMBERED_MAX_BYTES:
            self._documents.clear()
            missing = [stored for stored in counting if stored.key not in self._beyond]
            self._remembered_bytes = sum(map(_read_bytes, missing))
        pack = self._bucket.current(object_keys.pack_key(product)) if len(missing) > uploads_pack.PACKED_FROM else None
        versions = (stored for versions in listing.values() for stored in versions)
        self._bodies = uploads_pack.unpack(pack.body, versions) if pack else {}
        self._bodies |= planned
        packed = len(self._bodies)
        with ThreadPoolExecutor(MAX_CONNECTIONS) as pool:
            list(pool.map(self._document, missing))
        inputs = accept_uploads(product, listing, self._document)
        if self._writes_packs and len(self._bodies) - packed > uploads_pack.PACKED_FROM:
            with suppress(ConcurrentPublishError):  # another publisher's pack is as good
                key, etag = object_keys.pack_key(product), pack.etag if pack else None
                self._bucket.put(key, uploads_pack.pack(self._bodies), uploads_pack.CONTENT_TYPE, replaces=etag)
        self._bodies = {}
        return inputs

    def _document(self, stored: Stored) -> Upload | RefusedUploadError:
        if stored.key in self._beyond:
            return self._beyond[stored.key]
        if stored not in self._documents:
            try:
                upload = parse.check_key(stored.key)
                parse.check_size(stored.key, stored.size_bytes)
                body = self._body(stored)
                with self._parsing:
                    self._documents[stored] = parse.parse(parse.MODELS[upload.kind], stored.key, body)
            except RefusedUploadError as refusal:
                # Create a new error: the raised one keeps the upload and everything parsed from it in memory.
                self._documents[stored] = RefusedUploadError(refusal.key, refusal.problems)
        return self._documents[stored]

    def _body(self, stored: Stored) -> bytes:
        if stored not in self._bodies:
            self._bodies[stored] = self._bucket.get(stored)
        return self._bodies[stored]


def _counting(versions: Sequence[Stored]) -> Stored:
    """Return the version of an upload that is in effect if all are valid: the first of a release, or the last."""
    return versions[-1] if versions[0].key.startswith("releases/") else versions[0]


def _read_bytes(stored: Stored) -> int:
    return stored.size_bytes if stored.size_bytes <= parse.UPLOAD_MAX_BYTES else 0


def _beyond_limit(counting: Iterable[Stored]) -> dict[str, RefusedUploadError]:
    """Return the refusals of the uploads beyond `UPLOADS_MAX_BYTES` of their kind, by key. The earlier ones stay."""
    found = {}
    sizes = Counter[str]()
    for stored in sorted(counting, key=lambda stored: (stored.written_at, stored.key)):
        folder = stored.key.partition("/")[0]
        sizes[folder] += _read_bytes(stored)
        if sizes[folder] > UPLOADS_MAX_BYTES:
            problem = f"the {folder} of the product have more than {UPLOADS_MAX_BYTES} bytes in all"
            remedy = "Shorten the notes, link to them with `notes_url`, or have an administrator delete old releases"
            found[stored.key] = RefusedUploadError(stored.key, (Problem("$", problem, remedy),))
    return found
