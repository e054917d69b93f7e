"""The objects in the bucket that belong to a product: for one product, or for all products at once."""

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
        existing: the ETags of its published documents and refusals, by key. They are read before `listing`. If another
            publisher then publishes newer uploads, we either see these uploads, too, or our conditional write fails.
        listing: the versions of its uploads, by key.
    """

    existing: dict[str, str]
    listing: dict[str, tuple[Stored, ...]]


def list_product(bucket: Bucket, product: str) -> ProductObjects:
    """Return the objects of one product. `product` is taken from a key and need not be a valid name.

    Raises:
        StoreUnavailableError: S3 fails.
    """
    documents = bucket.etags(f"{object_keys.DOCUMENTS}{product}/")
    existing = documents | _pages(bucket, product) | _rejections(bucket, product)
    return ProductObjects(existing | _trusted(bucket, product), dict(list_inputs(bucket, product)))


def list_all_products(bucket: Bucket) -> dict[str, ProductObjects]:
    """Return the objects of every product, by its name. Products with invalid names are included.

    This takes one request for each 1000 objects, regardless of the number of products.

    Raises:
        StoreUnavailableError: S3 fails.
    """
    views: dict[str, ProductObjects] = {}
    public = bucket.etags("public/")
    for key, etag in (public | bucket.etags("rejected/")).items():
        product = product_of_public(key) if key in public else object_keys.product_of(original(key))
        if product is not None:
            views.setdefault(product, ProductObjects({}, {})).existing[key] = etag
    for prefix in object_keys.UPLOAD_PREFIXES:
        for key, versions in bucket.versions(prefix, deletions=prefix == "products/").items():
            product = object_keys.product_of(key)
            if product is not None and not key.endswith("/"):  # a console's "folder"
                views.setdefault(product, ProductObjects({}, {})).listing[key] = versions
    return views


def product_of_public(key: str) -> str | None:
    """Return the product that a public document or page belongs to, or None if it belongs to no product.

    The document need not be one that should exist.
    """
    if (product := object_keys.document_product(key)) is not None:
        return product
    if signed := object_keys.metadata(key):
        return signed.product
    product = object_keys.target_product(key) or object_keys.page_product(key)
    return product if product not in OWN_PAGES else None


def original(rejected_key: str) -> str:
    """Return the key of the upload that was refused. The result has no meaning for the refusal of a long key."""
    return rejected_key.removeprefix("rejected/").removesuffix(".json")


def exactly(bucket: Bucket, key: str) -> dict[str, str]:
    """Return the ETag of the object at `key`, by its key; empty if the object does not exist."""
    return {found: etag for found, etag in bucket.etags(key).items() if found == key}


def _pages(bucket: Bucket, product: str) -> dict[str, str]:
    """Return the ETags of the pages of `product`, of its feed and of its entry in the list, by key."""
    if product in OWN_PAGES:
        return {}
    listed = bucket.etags(f"{urls.PAGES}{product}.")
    return {key: etag for key, etag in listed.items() if product_of_public(key) == product}


def _trusted(bucket: Bucket, product: str) -> dict[str, str]:
    """Return the ETags of the signed metadata of `product` and of its targets, by key."""
    signed = {key: etag for key, etag in bucket.etags(urls.METADATA).items() if product_of_public(key) == product}
    return signed | bucket.etags(f"{urls.TARGETS}{product}/")


def _rejections(bucket: Bucket, product: str) -> dict[str, str]:
    """Return the ETags of the existing refusals of uploads of `product`, by key."""
    found = exactly(bucket, object_keys.rejected_key(object_keys.product_key(product)))
    for folder in object_keys.PRODUCT_FOLDERS:
        found |= bucket.etags(f"rejected/{folder}/{product}/")
    return found
