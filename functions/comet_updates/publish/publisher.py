"""Publish what people decided to `public/`, in four steps: list, accept, decide and render, sign and write.

Publishing is level-triggered: the result depends only on the bucket and the time, not on the event that started the
run. So the next run repairs a run that was late, repeated, killed or out of order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.errors import ConcurrentPublishError, RefusedUploadError
from comet_updates.formats import openapi
from comet_updates.model import schemas
from comet_updates.pages import html
from comet_updates.pages.site import Commit, Site
from comet_updates.publish import frozen, product_index
from comet_updates.publish.bucket import Bucket, WriteResult, retry_conflicts, write_changes
from comet_updates.publish.bucket_state import ProductObjects, exactly, list_all_products, list_product, original
from comet_updates.publish.expiry import Expiry, expiries
from comet_updates.publish.online_roles import OnlineRoles, is_of_trust
from comet_updates.publish.publisher_document import PublisherUploads
from comet_updates.publish.render import Rendered, rejections
from comet_updates.publish.signed_states import SignedStates
from comet_updates.publish.stored import etag_of
from comet_updates.publish.uploads import parse
from comet_updates.publish.uploads.accept import AcceptedUploads, Listing
from comet_updates.publish.uploads.load import Loader, list_inputs
from comet_updates.signing.verify import NO_TRUST

SEARCHED_MAX = 16
"""How many earlier decisions are rendered to find the last one that was signed."""


class Differences(NamedTuple):
    """The existing objects and the wanted objects.

    Attributes:
        existing: the ETags of the existing objects, by key, without those that must not be changed.
        wanted: the bytes of the wanted objects, by key, in the order in which to write them.
    """

    existing: Mapping[str, str]
    wanted: Mapping[str, bytes]

    @property
    def is_none(self) -> bool:
        """True if all objects are as wanted."""
        return self.existing == {key: etag_of(body) for key, body in self.wanted.items()}


class Publisher:
    """Publishes products from one bucket into the same bucket.

    Args:
        bucket: the bucket of the service.
        clock: returns the current time, aware. A release is offered once it is due.
        online_key: the URI of the key that signs TUF's snapshot and timestamp, or None.
        service_url: the URL that clients ask, for the pages, or None if it is not known.
        commit: the commit that the package was built from, for the privacy page, or None if it is not known.
    """

    def __init__(
        self,
        bucket: Bucket,
        clock: Callable[[], datetime],
        online_key: str | None = None,
        service_url: str | None = None,
        commit: Commit | None = None,
    ) -> None:
        self._bucket = bucket
        self._clock = clock
        self._site = Site(service_url, None, commit)
        self._publisher_uploads = PublisherUploads(bucket)
        self._loader = Loader(bucket, writes_packs=True)
        self._signed_states = SignedStates(bucket)
        self._online_roles = OnlineRoles(bucket, clock, online_key)

    def load_trust(self) -> None:
        """Read the trusted keys. Everything that is published later uses them.

        Raises:
            StoreUnavailableError: S3 fails; try again.
        """
        self._signed_states.look()

    def load_publisher(self) -> RefusedUploadError | None:
        """Read the document about the publisher, which all pages show. Return why its newest upload does not count.

        Raises:
            StoreUnavailableError: S3 fails; try again.
        """
        document, refusal = self._publisher_uploads.read()
        self._site = self._site._replace(publisher=document)
        return refusal

    def publish(self, product: str, seen: ProductObjects | None = None) -> WriteResult:
        """Publish all channels of `product`.

        Args:
            product: its name, as in the keys of its uploads. It need not be valid.
            seen: the product's objects a moment ago. If they were as wanted, they are not listed again.

        Raises:
            ConcurrentPublishError: other publishers kept writing; try again.
            StoreUnavailableError: S3 fails; try again.
        """
        if seen and self._differences(product, seen).is_none:
            return WriteResult()
        return retry_conflicts(lambda: self._publish_once(product))

    def publish_site(self) -> WriteResult:
        """Publish the documents that are not about one product: schemas, the privacy page and the list of products.

        Raises:
            ConcurrentPublishError: other publishers kept writing; try again.
            StoreUnavailableError: S3 fails; try again.
        """
        site, index = retry_conflicts(self._publish_site_once), self.publish_index()
        return site.and_then(index)

    def publish_index(self) -> WriteResult:
        """Publish the list of the products that have a page.

        Raises:
            ConcurrentPublishError: other publishers kept writing; try again.
            StoreUnavailableError: S3 fails; try again.
        """
        return retry_conflicts(self._publish_index_once)

    @property
    def has_trust(self) -> bool:
        """True if `load_trust` read any root or targets metadata, valid or refused."""
        return self._signed_states.anchor != NO_TRUST

    def publish_trust(self) -> WriteResult:
        """Publish the root and targets metadata, and sign snapshot and timestamp. Without a root, sign nothing.

        Raises:
            ConcurrentPublishError: other publishers kept writing; try again.
            SigningError: the online key is missing, or is not the one that the root names.
            StoreUnavailableError: S3 fails; try again.
        """
        states = self._signed_states
        return retry_conflicts(lambda: self._online_roles.publish(states.look(), states.is_outdated))

    def expiries(self, products: Collection[str]) -> list[Expiry]:
        """Return the signatures of people and pipelines that end soon: of root, of targets, and of these `products`.

        Call `publish` before, for each of them.
        """
        ends = {product: ends for product, ends in self._signed_states.ends.items() if product in products}
        return list(expiries(self._signed_states.anchor, ends, self._clock()))

    def refuse_strays(self) -> WriteResult:
        """Write a refusal for every upload that belongs to no product.

        Raises:
            ConcurrentPublishError: other publishers kept writing; try again.
            StoreUnavailableError: S3 fails; try again.
        """
        return retry_conflicts(self._refuse_strays_once)

    def list_all_products(self) -> dict[str, ProductObjects]:
        """Return the current objects of every product, by its name. Products with invalid names are included.

        Raises:
            StoreUnavailableError: S3 fails; try again.
        """
        return list_all_products(self._bucket)

    def _publish_once(self, product: str) -> WriteResult:
        found = list_product(self._bucket, product)  # 1. list
        self.load_publisher()  # after the list: see `ProductObjects.existing`
        differences = self._differences(product, found)
        # The listing took several requests. Between two of them somebody may have pinned a channel and then uploaded a
        # release to it. We would see the release without the pin, and offer it by mistake. So list twice, and start
        # again if the lists differ.
        if not differences.is_none and list_inputs(self._bucket, product) != found.listing:
            raise ConcurrentPublishError("the inputs changed while we listed them")
        result = write_changes(self._bucket, *differences)  # 4. and write
        # We may be slower than another publisher. Where its document equals what we first saw, our condition does not
        # fail. So if the inputs changed while we wrote, we may have replaced a newer document: start again.
        if (result.written or result.deleted) and list_inputs(self._bucket, product) != found.listing:
            raise ConcurrentPublishError("the inputs changed while we wrote")
        return result

    def _differences(self, product: str, found: ProductObjects) -> Differences:
        accepted, rendered = self._rendered(product, found.listing, self._clock())
        signed = self._signed_states.apply(product, rendered, found)  # 4. sign: the pipeline has; its part is added
        refusals = accepted.refusals | signed.refusals
        left = {key for key in found.existing if signed.leaves(key)}
        existing = {key: etag for key, etag in found.existing.items() if key not in left}
        documents = {key: body for key, body in signed.documents.items() if key not in left}
        if not any(map(_is_signed, found.existing | documents)):
            documents |= self._last_signed(product, found)
        return Differences(existing, documents | rejections(refusals.values()))

    def _rendered(self, product: str, listing: Listing, now: datetime) -> tuple[AcceptedUploads, Rendered]:
        load = functools.partial(self._loader.load, product)  # 2. accept
        return frozen.complete(product, listing, load, now, self._site)  # 3. decide and render

    def _last_signed(self, product: str, found: ProductObjects) -> dict[str, bytes]:
        """Return the metadata and targets of the newest decision that was signed. Only if all of these were lost.

        Without them, TUF clients that knew the product would refuse the snapshot. Earlier decisions are rendered again,
        the newest first.
        """
        if next(self._signed_states.signed(found.listing), None) is None:
            return {}
        uploads = (versions for key, versions in found.listing.items() if not key.startswith("signed/"))
        moments = sorted({stored.written_at for versions in uploads for stored in versions}, reverse=True)
        for moment in moments[:SEARCHED_MAX]:
            _, rendered = self._rendered(product, frozen.before(found.listing, moment), moment)
            signed = self._signed_states.apply(product, rendered, found)
            if documents := {key: body for key, body in signed.documents.items() if _is_signed(key)}:
                return documents
        return {}

    def _publish_site_once(self) -> WriteResult:
        existing = self._bucket.etags("public/schemas/") | exactly(self._bucket, urls.page_key("privacy"))
        self.load_publisher()
        documents = {urls.schema_key(name): body for name, body in schemas.render().items()}
        documents[urls.schema_key("openapi")] = openapi.render()
        documents[urls.page_key("privacy")] = html.privacy(self._site)
        return write_changes(self._bucket, existing, documents)

    def _publish_index_once(self) -> WriteResult:
        listed = self._bucket.etags(urls.PAGES)
        self.load_publisher()
        wanted = product_index.render(self._bucket, listed, self._site)
        change = write_changes(self._bucket, product_index.own(listed), wanted)
        # Another publisher may have added a page, and found it in the list that we then replaced. As in `publish`.
        if change.written and product_index.source(self._bucket.etags(urls.PAGES)) != product_index.source(listed):
            raise ConcurrentPublishError("the pages changed while we wrote")
        return change

    def _refuse_strays_once(self) -> WriteResult:
        existing = {
            key: etag
            for key, etag in self._bucket.etags("rejected/").items()
            if object_keys.product_of(original(key)) is None  # of a stray, or of a long key, which contains no product
            and not (self.has_trust and is_of_trust(key))
        }
        strays = self._strays(long_keys=any(key.startswith(object_keys.REJECTED_LONG_KEYS) for key in existing))
        refusals = [refusal for key in strays if (refusal := _refusal(key))]
        refusals += [refusal] if (refusal := self.load_publisher()) else []
        return write_changes(self._bucket, existing, rejections(refusals))

    def _strays(self, *, long_keys: bool) -> list[str]:
        """Return the keys of uploads that belong to no product.

        With `long_keys`, also those of any product that are too long to be part of a refusal's key.
        """
        keys: list[str] = []
        for prefix in object_keys.UPLOAD_PREFIXES:
            if prefix == object_keys.TRUST:  # these keys never belong to a product
                keys += self._bucket.etags(prefix)
                continue
            found, folders = self._bucket.children(prefix)
            keys += [key for key in found if object_keys.product_of(key) is None]
            if prefix == "products/":  # no product has a folder there
                keys += [key for folder in folders for key in self._bucket.etags(folder)]
            if long_keys:
                below = self._bucket.etags(prefix)
                keys += [
                    key for key in below if object_keys.rejected_key(key).startswith(object_keys.REJECTED_LONG_KEYS)
                ]
        return sorted({key for key in keys if not key.endswith("/")})


def _is_signed(key: str) -> bool:
    """Return whether `key` is that of signed metadata or of a target."""
    return key.startswith((urls.METADATA, urls.TARGETS))


def _refusal(key: str) -> RefusedUploadError | None:
    try:
        parse.check_key(key)
    except RefusedUploadError as refusal:
        return refusal
    return None
