"""The formula for the number of requests that reach the origin, for a fleet in front of caches.

A cell is one document in one cache. Its copy is fresh for the time to live T. The next poll after that comes 1/λ later
on average, and makes the one request that renews the copy. So a cell asks once in T + 1/λ. Here λ = a / (P K), for a
polls a second, P caches and K documents. All cells together ask

    P K / (T + P K / a)   times a second.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from comet_updates.answer.respond import SHARED_MAX_AGE_S

HOUR_S = 3600
MONTH_S = 730 * HOUR_S
"""A month as AWS counts it."""

EDGES = 600  # points of presence, each asking the origin for itself; AWS names about this number
REGIONS = 13  # regional edge caches, between those and the origin; AWS names this number
SHIELD = 1  # CloudFront's Origin Shield: one cache in front of the origin
DOCUMENTS = 15  # 5 products of 3 channels
VERSIONED_DOCUMENTS = DOCUMENTS * 40 * 6  # with 40 versions and 6 platforms in the URLs


class Fleet(NamedTuple):
    """Copies of the apps. Each asks for its one document every `poll_hours`."""

    clients: int
    poll_hours: float = 24

    @property
    def polls_per_s(self) -> float:
        """Averaged over the interval."""
        return self.clients / (self.poll_hours * HOUR_S)


class Setup(NamedTuple):
    """The caches between the clients and the origin.

    Attributes:
        caches: how many caches request from the origin, in the innermost layer; 0 without a CDN.
        documents: the number of URLs.
        ttl_s: how long a copy is fresh. All layers count from the origin's answer (RFC 9111, `Age`).
        zipf: how uneven they are: the share of the n-th is proportional to n ** -zipf. 0 for even.
        collapsing: whether polls wait during their cell's request, or each makes a request of its own.
        origin_s: how long such a request takes; shorter than `ttl_s`.
    """

    caches: int
    documents: int = DOCUMENTS
    ttl_s: float = SHARED_MAX_AGE_S
    zipf: float = 0.0
    collapsing: bool = True
    origin_s: float = 0.1


NO_CDN = Setup(0)
CDN = Setup(REGIONS)
VERSIONED = Setup(REGIONS, VERSIONED_DOCUMENTS)
SETUPS = {
    "no CDN": NO_CDN,
    "edges alone": Setup(EDGES),
    "regional caches": CDN,
    "origin shield": Setup(SHIELD),
    "version and platform in the URL": VERSIONED,
}
"""The setups that are compared, by name. The last one has regional caches, too."""


def shares(setup: Setup) -> list[float]:
    """Return the share of all polls for each document; the shares add up to 1."""
    weights = [rank**-setup.zipf for rank in range(1, setup.documents + 1)]
    return [weight / sum(weights) for weight in weights] if setup.zipf else [1 / setup.documents] * setup.documents


def origin_rps(polls_per_s: float, setup: Setup) -> float:
    """Requests a second that reach the origin, averaged over a long time, if clients poll at times of their own."""
    if not setup.caches or not polls_per_s:
        return polls_per_s
    total = 0.0
    for share, documents in Counter(shares(setup)).items():
        per_cell = polls_per_s * share / setup.caches
        requests = 1.0 if setup.collapsing else 1 + per_cell * setup.origin_s
        total += documents * setup.caches * requests / (setup.ttl_s + 1 / per_cell)
    return total


def growth(setup: Setup, smaller: int = 10**6, larger: int = 10**8) -> float:
    """Return the factor by which the origin's load grows from `smaller` to `larger`, both in clients."""
    return origin_rps(Fleet(larger).polls_per_s, setup) / origin_rps(Fleet(smaller).polls_per_s, setup)
