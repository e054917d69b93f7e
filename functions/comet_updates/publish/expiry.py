"""The signatures of people and pipelines that end soon. TUF clients stop when one of them has ended. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from comet_updates.signing.verify import TrustAnchor

OFFLINE_WARNED = timedelta(weeks=6)
"""How long before the end of root and targets people are warned. Several of them have to meet or to take turns."""

PRODUCT_WARNED = timedelta(weeks=3)
"""The same for a product. A pipeline that renews its signatures every two months is never warned."""


class Expiry(NamedTuple):
    """Signed metadata that ends soon, or has ended.

    Attributes:
        role: `root`, `targets`, or the name of a product.
        expires: when clients stop accepting it, aware; None if no valid signature is left.
        has_ended: whether they have stopped already.
        is_product: whether `role` is a product.
    """

    role: str
    expires: datetime | None
    has_ended: bool
    is_product: bool

    @property
    def remedy(self) -> str:
        """The action to take, without the final stop."""
        if self.is_product:
            return f"Sign it: comet-updates keys renew {self.role}"
        return f"Renew it: comet-updates keys rotate FOLDER {self.role}, then keys sign and keys publish"


def expiries(anchor: TrustAnchor, products: Mapping[str, datetime | None], now: datetime) -> Iterator[Expiry]:
    """Yield the metadata that ends soon or has ended: root and targets, then products.

    Args:
        anchor: the trusted root and targets metadata.
        products: when the published metadata of each product ends, or None if it has no valid signature.
        now: aware.
    """
    for role, signed in (("root", anchor.root), ("targets", anchor.targets)):
        if signed is not None and signed.expires - now < OFFLINE_WARNED:
            yield Expiry(role, signed.expires, signed.expires <= now, is_product=False)
    for product, expires in sorted(products.items()):
        if expires is None or expires - now < PRODUCT_WARNED:
            yield Expiry(product, expires, expires is None or expires <= now, is_product=True)
