"""The product of a release as the bucket knows it, so that a typing error does not create another one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import NamedTuple

from comet_updates import object_keys
from comet_updates.errors import DecisionError
from comet_updates.publish.bucket import Bucket
from comet_updates.publish.bucket_state import list_all_products
from comet_updates.publish.uploads.load import Loader, list_inputs


class KnownProduct(NamedTuple):
    """A product in the bucket.

    Attributes:
        key: the S3 key of its document.
        signing_keys: the public keys in its document, by kind of signature.
    """

    key: str
    signing_keys: Mapping[str, str]


def load(bucket: Bucket, product: str, *, may_be_new: bool, ask: Callable[[str], str] | None) -> KnownProduct:
    """Return a product in the bucket.

    A new product must be allowed, except the first product of a bucket.

    Args:
        bucket: the bucket of the service.
        product: its name.
        may_be_new: whether the bucket may have nothing of it.
        ask: asks a person a question and returns the answer; None if nobody can answer.

    Raises:
        DecisionError: the product is new, and that is not allowed.
        StoreUnavailableError: S3 fails.
    """
    listing = list_inputs(bucket, product)
    if not listing and not may_be_new:
        _check_new(bucket, product, ask)
    found = Loader(bucket).load(product, listing).product if listing else None
    return KnownProduct(object_keys.product_key(product), dict(found.signing_keys) if found else {})


def _check_new(bucket: Bucket, product: str, ask: Callable[[str], str] | None) -> None:
    known = sorted(list_all_products(bucket))
    if not known:
        return
    similar = get_close_matches(product, known, 1)
    hint = f" The most similar product is {similar[0]}." if similar else ""
    question = f"{product}: the bucket has no product of this name.{hint} Type the name again to create it"
    if ask and ask(question) == product:
        return
    raise DecisionError(
        f"{product}: the bucket has no product of this name.{hint} Check --product, or add --new-product to create it."
    )
