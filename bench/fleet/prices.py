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
        what: for people.
        unit: what a price is for; for people.
        per: how much of it that is.
        free: how much of it no account ever pays for.
        tiers: (up to which amount of the month, or `None` for all the rest; dollars a unit), ascending.
        page: where AWS says so.
    """

    what: str
    unit: str
    per: float
    free: float
    tiers: list[tuple[float | None, float]]
    page: str

    def usd(self, amount: float, *, free_tier: bool) -> float:
        """Dollars for `amount` in a month. What is free is taken off first, as AWS does for these."""
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
