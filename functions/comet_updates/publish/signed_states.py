"""Which signed state a product is in: what clients of TUF get of it, and what they do not get yet.

Nothing here can make a signature. A state that nobody signed is not passed on to clients of TUF, who stay with the one
before; where the product asks for it, nobody gets it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
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
from comet_updates.signing.sign import sha256
from comet_updates.signing.verify import NO_TRUST, Seal, TrustAnchor, read_anchor, read_seal

COUNTING_MAX = 16
"""How many of the newest signatures that count are looked at: one for now, and some for what is due later."""

REMEMBERED_MAX_BYTES = 32_000_000
"""How much of what was signed stays in memory; beyond that it is read anew."""

_KEY_REMEDY = "Use signed/{product}/{number}.json; comet-updates release does it"
_UNSIGNED = "is not signed with the key of the product, as its document asks (requires_signature)"
_SIGN = "Sign it: comet-updates keys renew {product}"


class Chosen(NamedTuple):
    """The state that a product is in, if somebody signed it, and why other signatures do not count, by key."""

    seal: Seal | None
    refusals: Mapping[str, RefusedUploadError]


class SignedStates:
    """Reads what was signed, each version once: it never changes.

    Args:
        bucket: where it is.

    Attributes:
        anchor: who may say what, as it was at the last `look`.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._bodies: dict[tuple[str, str], bytes] = {}  # by key and ETag
        self.anchor = NO_TRUST

    def look(self) -> TrustAnchor:
        """See who may say what, and give it. Raises `StoreUnavailableError`."""
        found = {key: versions[-1] for key, versions in self._bucket.versions("trust/").items()}
        uploaded = {key: stored for key, stored in found.items() if object_keys.parse_upload(key)}
        anchor = read_anchor({key: self._read(stored) for key, stored in uploaded.items() if _is_small(stored)})
        large = {key: _too_large(key) for key, stored in uploaded.items() if not _is_small(stored)}
        self.anchor = anchor._replace(refusals={**anchor.refusals, **large})
        return self.anchor

    def apply(self, product: str, rendered: Rendered, view: ProductObjects) -> Rendered:
        """What should be public of a product, with what is signed of it. Raises `StoreUnavailableError`.

        Args:
            product: its name.
            rendered: what was decided.
            view: what is there; `look` was called before.
        """
        chosen = self._choose(product, rendered, view)
        documents, undecided = rendered.documents, rendered.undecided
        refusals = {**rendered.refusals, **chosen.refusals}
        if chosen.seal is not None:
            documents = documents | _sealed(product, rendered, chosen.seal)
        elif rendered.requires_signature and not undecided and (held := _held(product, rendered, view)):
            documents, undecided = {}, None
            refusals |= {refusal.key: refusal for refusal in held}
        return rendered._replace(documents=documents, undecided=undecided, refusals=refusals)

    def signed(
        self, listing: Listing, refusals: dict[str, RefusedUploadError] | None = None
    ) -> Iterator[tuple[Stored, Seal]]:
        """The newest that count of the signatures in `listing`; notes in `refusals` why others do not."""
        refusals = {} if refusals is None else refusals
        numbered: dict[int, Stored] = {}
        for key, versions in listing.items():
            if not key.startswith("signed/"):
                continue
            upload = object_keys.parse_upload(key)
            if upload is None:
                unknown = Problem("$", "no upload has a key like this", _KEY_REMEDY)
                refusals[key] = RefusedUploadError(key, (parse.name_problem(key) or unknown,))
            elif not _is_small(versions[-1]):
                refusals[key] = _too_large(key)
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
        """The newest signature of what is decided now. None that is older than what clients of TUF have already."""
        refusals: dict[str, RefusedUploadError] = {}
        wanted = {path: sha256(body) for path, body in manifests(product, rendered).items()}
        for stored, seal in self.signed(view.listing, refusals):
            if not rendered.undecided and seal.state == wanted:
                return Chosen(seal, refusals)
            if (
                view.existing.get(object_keys.metadata_key(object_keys.product_role(product), seal.version))
                == stored.etag
            ):
                break
        return Chosen(None, refusals)

    def _read(self, stored: Stored) -> bytes:
        place = (stored.key, stored.etag)
        if place not in self._bodies:
            if sum(map(len, self._bodies.values())) + stored.size_bytes > REMEMBERED_MAX_BYTES:
                self._bodies.clear()
            self._bodies[place] = self._bucket.get(stored)
        return self._bodies[place]


def _sealed(product: str, rendered: Rendered, seal: Seal) -> dict[str, bytes]:
    """What a seal adds to the documents, or puts in their place, by key."""
    documents: dict[str, bytes] = {}
    for path, body in manifests(product, rendered).items():
        target, channel = seal.manifests[path], object_keys.target_channel(path)
        documents[object_keys.target_key(path, target.sha256)] = body
        if target.minisign is not None:
            documents[urls.document_key(product, channel, f"{urls.MANIFEST}.minisig")] = target.minisign.encode()
        key = urls.document_key(product, channel, "appcast.xml")
        unsigned = rendered.documents.get(key, b"")
        for appcast in target.appcasts:
            if appcast.sha256 == sha256(unsigned):
                documents[key] = sparkle.signed(unsigned, appcast.signature)
    documents[object_keys.metadata_key(object_keys.product_role(product), seal.version)] = seal.body
    return documents


def manifests(product: str, rendered: Rendered) -> dict[str, bytes]:
    """What is signed of a product: the manifest of each of its channels, by `object_keys.target_path`."""
    return {
        object_keys.target_path(product, channel): body
        for key, body in rendered.documents.items()
        if (channel := object_keys.document_channel(key)) and key == urls.document_key(product, channel, urls.MANIFEST)
    }


def _held(product: str, rendered: Rendered, view: ProductObjects) -> list[RefusedUploadError]:
    """Why what is decided is not offered: of each channel that would change, the release that it would offer."""
    refusals = []
    for path, body in manifests(product, rendered).items():
        key = urls.document_key(product, object_keys.target_channel(path), urls.MANIFEST)
        if view.existing.get(key) != etag_of(body):
            offered = json.loads(body)
            release = object_keys.release_key(product, offered["channel"], offered["version"])
            refusals.append(_refusal(release, _UNSIGNED, _SIGN.format(product=product)))
    return refusals


def _is_small(stored: Stored) -> bool:
    return stored.size_bytes <= parse.UPLOAD_MAX_BYTES


def _too_large(key: str) -> RefusedUploadError:
    return _refusal(key, f"is larger than {parse.UPLOAD_MAX_BYTES} bytes", "Sign for fewer products, or channels")


def _refusal(key: str, problem: str, remedy: str) -> RefusedUploadError:
    return RefusedUploadError(key, (Problem("$", problem, remedy),))
