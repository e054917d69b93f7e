"""The one table of prices, and what an amount costs under it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("prices.json")
_TABLE = json.loads(FILE.read_text())
AS_OF: str = _TABLE["as_of"]
REGION: str = _TABLE["region"]
SOURCE: str = _TABLE["source"]


class Price(NamedTuple):
    """The price of one item, by the amount used in a month.

    Attributes:
        what: its name, for people.
        unit: the unit of the price, for people.
        per: how many units the price is for.
        free: the amount that is free for every account.
        tiers: (up to this amount in the month, or `None` for the rest; dollars a unit), ascending.
        page: AWS's page with the price.
    """

    what: str
    unit: str
    per: float
    free: float
    tiers: list[tuple[float | None, float]]
    page: str

    def usd(self, amount: float, *, free_tier: bool) -> float:
        """Return the dollars for `amount` in a month.

        The free amount is subtracted first, as AWS does for these items.
        """
        rest = max(amount - self.free, 0.0) if free_tier else amount
        paid, below = 0.0, 0.0
        for up_to, price in self.tiers:
            here = rest if up_to is None else min(rest, up_to - below)
            paid += here / self.per * price
            rest -= here
            below = up_to or below
        return paid


PRICES = {row.pop("item"): Price(**row) for row in _TABLE["prices"]}
"""By item, as `cost.amounts` names them."""
