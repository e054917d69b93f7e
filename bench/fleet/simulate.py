"""Caches, simulated from one renewal to the next, or poll by poll. The formula is compared with them."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable

from bench.fleet.model import HOUR_S, Fleet, Setup, shares
from bench.fleet.traffic import Traffic, steady

WARM_UP = 6  # times to live before counting starts: by then it does not matter how the caches began
IDLE_S = 600  # how long Lambda keeps an environment that has nothing to do; not documented, commonly seen


def origin_requests(traffic: Traffic, setup: Setup, rng: random.Random) -> list[float]:
    """Return the times of all requests that reach the origin, in order.

    It goes from one renewal of a cell to its next, so its work depends on the caches and not on the fleet. All
    cells are empty at the start. The first request for each comes at a random time of the first time to live.
    """
    times = []
    for part in shares(setup):
        share = part / setup.caches
        for _ in range(setup.caches):
            good_until = traffic.times_s[0] + rng.random() * setup.ttl_s
            while (now := traffic.next_poll(good_until, share, rng)) != float("inf"):
                times.append(now)
                good_until = now + setup.ttl_s
                if not setup.collapsing:
                    answered = now + setup.origin_s
                    while (now := traffic.next_poll(now, share, rng)) < answered:
                        times.append(now)
    return sorted(times)


def simulated_rps(fleet: Fleet, setup: Setup, rng: random.Random, *, duration_s: float = HOUR_S) -> float:
    """Requests a second that reach the origin, counted over `duration_s` of a fleet at rest."""
    traffic = steady(fleet, start_s=-WARM_UP * setup.ttl_s, end_s=duration_s)
    return sum(time >= 0 for time in origin_requests(traffic, setup, rng)) / duration_s


def simulated_rps_by_client(
    fleet: Fleet, setup: Setup, rng: random.Random, *, edges: int, honour_age: bool, duration_s: float = HOUR_S
) -> float:
    """Return what `simulated_rps` returns, from a simulation of each client, with `edges` in front of `setup.caches`.

    Args:
        fleet: small enough for this. No client polls more than once in the simulated time.
        setup: with request collapsing.
        rng: the source of chance.
        edges: points of presence, each asking one of the caches.
        honour_age: whether an edge counts the age of a copy that it receives, or starts at zero.
        duration_s: the counted time, after a warm-up.
    """
    warm_up_s = WARM_UP * setup.ttl_s
    period_s = fleet.poll_hours * HOUR_S
    drawn = (rng.random() * period_s for _ in range(fleet.clients))
    polls = sorted(time for time in drawn if time < warm_up_s + duration_s)
    documents = rng.choices(range(setup.documents), shares(setup), k=len(polls))
    edge_until: dict[tuple[int, int], float] = {}
    inner_until: dict[tuple[int, int], float] = {}
    requests = 0
    for now, document in zip(polls, documents, strict=True):
        edge = rng.randrange(edges)
        inner = (edge % setup.caches, document)
        if now < edge_until.get((edge, document), 0.0):
            continue
        if now >= inner_until.setdefault(inner, rng.random() * setup.ttl_s):
            inner_until[inner] = now + setup.ttl_s
            requests += now >= warm_up_s
        edge_until[edge, document] = inner_until[inner] if honour_age else now + setup.ttl_s
    return requests / duration_s


def busiest_second(times: Iterable[float]) -> int:
    """Return the largest number of requests in any second of the clock."""
    counts: dict[int, int] = {}
    for time in times:
        counts[int(time // 1)] = counts.get(int(time // 1), 0) + 1
    return max(counts.values(), default=0)


def environments(times: Iterable[float], *, warm_s: float, cold_s: float) -> int:
    """Return the largest number of environments that are busy at once.

    A request that finds no idle environment starts one, which takes `cold_s`.

    Args:
        times: the times of the requests, in order.
        warm_s: the time that a running environment takes for a request.
        cold_s: the time that a new environment takes for its first request.
    """
    idle: list[float] = []  # when each was last used
    busy: list[float] = []  # when each will be free
    most = 0
    for now in times:
        while busy and busy[0] <= now:
            idle.append(heapq.heappop(busy))
        while idle and idle[0] < now - IDLE_S:
            idle.pop(0)
        heapq.heappush(busy, now + (warm_s if idle else cold_s))
        if idle:
            idle.pop()
        most = max(most, len(busy))
    return most
