"""Find the signature for the current state of a product, and publish the state to TUF clients.

No code here can create a signature. A state without a signature is not published to TUF clients; they keep the state
before it. If the product requires signatures, no other client gets an unsigned state either.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.errors import Problem, RefusedUploadError
from comet_updates.formats import sparkle
from comet_updates.publish.bucket import Bucket
from comet_updates.publish.bucket_state import ProductObjects
from comet_updates.publish.render import Rendered
from comet_updates.publish.stored import Stored, etag_of
from comet_updates.publish.uploads import parse
from comet_updates.publish.uploads.accept import Listing
from comet_updates.signing.sign import keys_of, sha256
from comet_updates.signing.verify import NO_TRUST, Seal, Target, TrustAnchor, check_size, read_anchor, read_seal

COUNTING_MAX = 16
"""How many of the newest valid signatures are read: one for the current state, and some for states due later."""

REMEMBERED_MAX_BYTES = 32_000_000
"""How much signed metadata stays in memory. At this limit the memory is cleared."""

_KEY_REMEDY = "Use signed/{product}/{number}.json, as comet-updates release does"
_UNSIGNED = "has no signature of the product's key, which is required (requires_signature)"
_SIGN = "Sign it: comet-updates keys renew {product}"


class Chosen(NamedTuple):
    """The signature of the product's current state, or None, and the reasons why others are ignored, by key."""

    seal: Seal | None
    refusals: Mapping[str, RefusedUploadError]


class SignedStates:
    """Reads signed uploads. Each version is read once, since it never changes.

    Args:
        bucket: the bucket of the service.

    Attributes:
        anchor: the trusted root and targets metadata at the last `look`.
        ends: when TUF clients stop accepting the public metadata of each product that `apply` has seen with any; None
            if it has no valid signature.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._bodies: dict[tuple[str, str], bytes] = {}  # by key and ETag
        self._looked_at: Listing = {}
        self.anchor = NO_TRUST
        self.ends: dict[str, datetime | None] = {}

    def look(self) -> TrustAnchor:
        """Read the trusted root and targets metadata.

        Raises:
            StoreUnavailableError: S3 fails.
        """
        self._looked_at = self._bucket.versions(object_keys.TRUST)
        listed = {key: versions[::-1] for key, versions in self._looked_at.items() if object_keys.parse_upload(key)}
        small = {key: [stored for stored in versions if not _too_large(stored)] for key, versions in listed.items()}
        anchor = read_anchor({key: map(self._read, versions) for key, versions in small.items() if versions})
        first = (versions[0] for key, versions in listed.items() if not small[key])
        large = {stored.key: refusal for stored in first if (refusal := _too_large(stored))}
        self.anchor = anchor._replace(refusals={**anchor.refusals, **large})
        return self.anchor

    def is_outdated(self) -> bool:
        """Return whether root or targets metadata was uploaded or deleted since the last `look`.

        Raises:
            StoreUnavailableError: S3 fails.
        """
        return self._bucket.versions(object_keys.TRUST) != self._looked_at

    def apply(self, product: str, rendered: Rendered, view: ProductObjects) -> Rendered:
        """Return `rendered` with the signed documents, or without documents if a required signature is missing.

        Call `look` before.

        Args:
            product: its name.
            rendered: the documents of the current state.
            view: the objects in the bucket.

        Raises:
            StoreUnavailableError: S3 fails.
        """
        chosen = self._choose(product, rendered, view)
        documents, undecided = rendered.documents, rendered.undecided
        refusals = {**rendered.refusals, **chosen.refusals}
        if chosen.seal is not None:
            documents = documents | _sealed(product, rendered, chosen.seal)
        elif rendered.requires_signature and (held := _held(product, rendered, view)):
            documents, undecided = {}, None
            refusals |= {refusal.key: refusal for refusal in held}
        else:
            documents = documents | self._detached(product, rendered, view)
        return rendered._replace(documents=documents, undecided=undecided, refusals=refusals)

    def signed(
        self, listing: Listing, refusals: dict[str, RefusedUploadError] | None = None
    ) -> Iterator[tuple[Stored, Seal]]:
        """Yield the newest valid signatures in `listing`. Add to `refusals` why others are ignored."""
        refusals = {} if refusals is None else refusals
        numbered: dict[int, Stored] = {}
        for key, versions in listing.items():
            if not key.startswith("signed/"):
                continue
            upload = object_keys.parse_upload(key)
            if upload is None:
                unknown = Problem("$", "the key is not valid for an upload", _KEY_REMEDY)
                refusals[key] = RefusedUploadError(key, (parse.name_problem(key) or unknown,))
            elif refusal := _too_large(versions[-1]):
                refusals[key] = refusal
            else:
                numbered[int(upload.version)] = versions[-1]
        newest = (numbered[version] for version in sorted(numbered, reverse=True))
        yield from islice(self._counting(newest, refusals), COUNTING_MAX)

    def _counting(
        self, signatures: Iterable[Stored], refusals: dict[str, RefusedUploadError]
    ) -> Iterator[tuple[Stored, Seal]]:
        if self.anchor.targets is None:
            return
        for stored in signatures:
            try:
                yield stored, read_seal(self.anchor.targets, stored.key, self._read(stored))
            except RefusedUploadError as refusal:
                refusals[stored.key] = refusal

    def _choose(self, product: str, rendered: Rendered, view: ProductObjects) -> Chosen:
        """Return the newest signature of the current state, but none older than the one that TUF clients have."""
        refusals: dict[str, RefusedUploadError] = {}
        role = object_keys.product_role(product)
        wanted = {path: sha256(body) for path, body in manifests(product, rendered).items()}
        self.ends.pop(product, None)
        for stored, seal in self.signed(view.listing, refusals):
            is_wanted = seal.state == wanted
            if is_wanted or view.existing.get(object_keys.metadata_key(role, seal.version)) == stored.etag:
                self.ends[product] = seal.expires
                return Chosen(seal if is_wanted else None, refusals)
        if self.anchor.targets and keys_of(self.anchor.targets, role) and _has_role(view.existing, role):
            self.ends[product] = None
        return Chosen(None, refusals)

    def _detached(self, product: str, rendered: Rendered, view: ProductObjects) -> dict[str, bytes]:
        """Return the signatures for clients without TUF of each manifest that was signed in another state."""
        documents: dict[str, bytes] = {}
        for path, body in manifests(product, rendered).items():
            seals = (seal for _, seal in self.signed(view.listing))
            targets = (seal.manifests[path] for seal in seals if path in seal.manifests)
            target = next((target for target in targets if target.sha256 == sha256(body)), None)
            documents |= _beside(product, rendered, path, target) if target else {}
        return documents

    def _read(self, stored: Stored) -> bytes:
        place = (stored.key, stored.etag)
        if place not in self._bodies:
            if sum(map(len, self._bodies.values())) + stored.size_bytes > REMEMBERED_MAX_BYTES:
                self._bodies.clear()
            self._bodies[place] = self._bucket.get(stored)
        return self._bodies[place]


def _sealed(product: str, rendered: Rendered, seal: Seal) -> dict[str, bytes]:
    """Return the documents that a signature adds or replaces, by key."""
    documents: dict[str, bytes] = {}
    for path, body in manifests(product, rendered).items():
        documents[object_keys.target_key(path, seal.manifests[path].sha256)] = body
        documents |= _beside(product, rendered, path, seal.manifests[path])
    documents[object_keys.metadata_key(object_keys.product_role(product), seal.version)] = seal.body
    return documents


def _beside(product: str, rendered: Rendered, path: str, target: Target) -> dict[str, bytes]:
    """Return the signatures beside a manifest, for clients without TUF, by key."""
    channel = object_keys.target_channel(path)
    documents: dict[str, bytes] = {}
    if target.minisign is not None:
        documents[urls.document_key(product, channel, f"{urls.MANIFEST}.minisig")] = target.minisign.encode()
    key = urls.document_key(product, channel, "appcast.xml")
    unsigned = rendered.documents.get(key, b"")
    for appcast in target.appcasts:
        if appcast.sha256 == sha256(unsigned):
            documents[key] = sparkle.signed(unsigned, appcast.signature)
    return documents


def manifests(product: str, rendered: Rendered) -> dict[str, bytes]:
    """Return the documents to sign: the manifest of each channel, by `object_keys.target_path`."""
    return {
        object_keys.target_path(product, channel): body
        for key, body in rendered.documents.items()
        if (channel := object_keys.document_channel(key)) and key == urls.document_key(product, channel, urls.MANIFEST)
    }


def _held(product: str, rendered: Rendered, view: ProductObjects) -> list[RefusedUploadError]:
    """Return a refusal for each channel whose new manifest is not signed. Each names the release in that manifest."""
    refusals = []
    for path, body in manifests(product, rendered).items():
        key = urls.document_key(product, object_keys.target_channel(path), urls.MANIFEST)
        if view.existing.get(key) != etag_of(body) and not (key in view.existing and rendered.leaves(key)):
            offered = json.loads(body)
            release = object_keys.release_key(product, offered["channel"], offered["version"])
            refusals.append(_refusal(release, _UNSIGNED, _SIGN.format(product=product)))
    return refusals


def _has_role(existing: Iterable[str], role: str) -> bool:
    """Return whether any metadata of the role is public."""
    return any((found := object_keys.metadata(key)) and found.role == role for key in existing)


def _too_large(stored: Stored) -> RefusedUploadError | None:
    try:
        check_size(stored.key, stored.size_bytes)
    except RefusedUploadError as refusal:
        return refusal
    return None


def _refusal(key: str, problem: str, remedy: str) -> RefusedUploadError:
    return RefusedUploadError(key, (Problem("$", problem, remedy),))
