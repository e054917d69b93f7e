"""What is in the bucket of a product: looked up for one, or for all of them at once."""

from __future__ import annotations

from typing import NamedTuple

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.object_keys import OWN_PAGES
from comet_updates.publish.bucket import Bucket
from comet_updates.publish.stored import Stored
from comet_updates.publish.uploads.load import list_inputs


class ProductObjects(NamedTuple):
    """A product at one moment.

    Attributes:
        existing: the ETags of what was published of it, refusals included, by key. Read before `listing`: whoever
            publishes newer uploads writes after that, so that either we see those uploads, too, or our conditional
            write fails.
        listing: what was uploaded.
    """

    existing: dict[str, str]
    listing: dict[str, tuple[Stored, ...]]


def list_product(bucket: Bucket, product: str) -> ProductObjects:
    """One product, which may be anything that stands in its place in a key. Raises `StoreUnavailableError`."""
    documents = bucket.etags(f"{object_keys.DOCUMENTS}{product}/")
    existing = documents | _pages(bucket, product) | _rejections(bucket, product)
    return ProductObjects(existing | _trusted(bucket, product), dict(list_inputs(bucket, product)))


def list_all_products(bucket: Bucket) -> dict[str, ProductObjects]:
    """Every product that anything is there of, sound or not, by its name. Raises `StoreUnavailableError`.

    One request for a thousand objects, however many products they are of.
    """
    views: dict[str, ProductObjects] = {}
    public = bucket.etags("public/")
    for key, etag in (public | bucket.etags("rejected/")).items():
        product = product_of_public(key) if key in public else object_keys.product_of(original(key))
        if product is not None:
            views.setdefault(product, ProductObjects({}, {})).existing[key] = etag
    for prefix in object_keys.UPLOAD_PREFIXES:
        for key, versions in bucket.versions(prefix).items():
            product = object_keys.product_of(key)
            if product is not None and not key.endswith("/"):  # a console's "folder"
                views.setdefault(product, ProductObjects({}, {})).listing[key] = versions
    return views


def product_of_public(key: str) -> str | None:
    """The product that a public document is of, or a page, whether there should be one or not; `None` for others."""
    if (product := object_keys.document_product(key)) is not None:
        return product
    if signed := object_keys.metadata(key):
        return signed.product
    product = object_keys.target_product(key) or object_keys.page_product(key)
    return product if product not in OWN_PAGES else None


def original(rejected_key: str) -> str:
    """The key of the upload that a refusal is of; nothing that makes sense for a long one."""
    return rejected_key.removeprefix("rejected/").removesuffix(".json")


def exactly(bucket: Bucket, key: str) -> dict[str, str]:
    """The ETag of the object at `key`, by its key; nothing if there is none."""
    return {found: etag for found, etag in bucket.etags(key).items() if found == key}


def _pages(bucket: Bucket, product: str) -> dict[str, str]:
    """The ETags of the pages of `product`, of its news and of its entry in the list, by their keys."""
    if product in OWN_PAGES:
        return {}
    listed = bucket.etags(f"{urls.PAGES}{product}.")
    return {key: etag for key, etag in listed.items() if product_of_public(key) == product}


def _trusted(bucket: Bucket, product: str) -> dict[str, str]:
    """The ETags of what was signed for `product`, and of its targets, by their keys."""
    signed = {key: etag for key, etag in bucket.etags(urls.METADATA).items() if product_of_public(key) == product}
    return signed | bucket.etags(f"{urls.TARGETS}{product}/")


def _rejections(bucket: Bucket, product: str) -> dict[str, str]:
    """The ETags of what already says why uploads of `product` were refused."""
    found = exactly(bucket, object_keys.rejected_key(object_keys.product_key(product)))
    for folder in object_keys.PRODUCT_FOLDERS:
        found |= bucket.etags(f"rejected/{folder}/{product}/")
    return found
