"""The numbers of the charts. This module draws nothing, so tests can check without a library whether a chart is old."""

from __future__ import annotations

import hashlib
import json
import random
from itertools import pairwise
from typing import Any

from bench.fleet.cost import bill
from bench.fleet.model import CDN, HOUR_S, NO_CDN, SETUPS, VERSIONED, Fleet, origin_rps
from bench.fleet.simulate import origin_requests, simulated_rps
from bench.fleet.traffic import RETURNS, after_outage

Curves = dict[str, Any]

SIZES = [round(10 ** (step / 4)) for step in range(16, 37)]  # four to a decade, from ten thousand to a billion
DOTS = [10**power for power in range(4, 10)]
HERD = Fleet(10**8)
STEP_S = 10
BEFORE_S = 480  # seconds before the end of the outage that are shown
EDGE_ITEMS = {"cdn_request", "cdn_byte", "shield_request"}


def curves() -> Curves:
    """Return the charts' numbers, to four digits. Every run returns the same numbers."""
    rounded: Curves = json.loads(
        json.dumps({"origin": _origin(), "dollars": _dollars(), "herd": _herd()}), parse_float=_short
    )
    return rounded


def digest(of: Curves) -> str:
    """Return a SHA-256 of these numbers; every chart contains it."""
    return hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()


def _short(number: str) -> float:
    return float(f"{float(number):.4g}")


def _origin() -> Curves:
    lines = {name: [origin_rps(Fleet(size).polls_per_s, setup) for size in SIZES] for name, setup in SETUPS.items()}
    dots = {
        name: [simulated_rps(Fleet(size), setup, random.Random(f"{name} {size}")) for size in DOTS]
        for name, setup in SETUPS.items()
        if setup.caches
    }
    return {"clients": SIZES, "lines": lines, "dots_at": DOTS, "dots": dots}


def _dollars() -> Curves:
    def behind_the_edge(fleet: Fleet, caches: Any) -> float:
        return sum(usd for item, usd in bill(fleet, caches).items() if item not in EDGE_ITEMS)

    fleets = [Fleet(size) for size in SIZES]
    return {
        "clients": SIZES,
        "lines": {
            "no CDN": [sum(bill(fleet, NO_CDN).values()) for fleet in fleets],
            "regional caches": [sum(bill(fleet, CDN).values()) for fleet in fleets],
            "version and platform in the URL, without the CDN's part": [
                behind_the_edge(fleet, VERSIONED) for fleet in fleets
            ],
            "regional caches, without the CDN's part": [behind_the_edge(fleet, CDN) for fleet in fleets],
        },
    }


def _herd() -> Curves:
    starts = range(-BEFORE_S, HOUR_S, STEP_S)
    polls = {}
    for returns in RETURNS:
        traffic = after_outage(HERD, returns, random.Random(returns), before_s=HOUR_S, end_s=HOUR_S)
        came = traffic.expected[-(len(starts) * STEP_S + 1) :: STEP_S]
        polls[returns] = [(after - before) / STEP_S for before, after in pairwise(came)]
    at_once = next(iter(RETURNS))
    rng = random.Random(at_once)
    times = origin_requests(after_outage(HERD, at_once, rng, before_s=HOUR_S, end_s=HOUR_S), CDN, rng)
    return {
        "minutes": [start / 60 for start in starts],
        "polls": polls,
        "requests": [sum(start <= time < start + STEP_S for time in times) / STEP_S for start in starts],
        "usual": HERD.polls_per_s,
        "usual_requests": origin_rps(HERD.polls_per_s, CDN),
    }
