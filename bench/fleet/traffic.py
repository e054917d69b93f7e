"""The arrival of polls: how many are expected by each time, at rest, after an outage and at the full hour."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple

from bench.fleet.model import HOUR_S, Fleet

SAMPLE = 100_000  # clients whose way back from an outage is drawn, each standing for its part of the fleet
BIN_S = 1.0


class Traffic(NamedTuple):
    """Polls as a Poisson process whose rate changes at `times_s`.

    `expected[n]` is the number of polls before `times_s[n]`. The polls of many independent clients are such a process.
    """

    times_s: Sequence[float]
    expected: Sequence[float]

    def next_poll(self, after_s: float, share: float, rng: random.Random) -> float:
        """Return the time of the next poll of `share` of the clients; infinity after the end.

        Drawn exactly, in one step.
        """
        reached = _between(self.times_s, self.expected, after_s) + rng.expovariate(share)
        return _between(self.expected, self.times_s, reached) if reached < self.expected[-1] else float("inf")


def _between(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    left = min(max(bisect_right(xs, x) - 1, 0), len(xs) - 2)
    return ys[left] + (ys[left + 1] - ys[left]) * (x - xs[left]) / (xs[left + 1] - xs[left])


def _traffic(start_s: float, step_s: float, rates: Sequence[float]) -> Traffic:
    times = [start_s + step_s * number for number in range(len(rates) + 1)]
    return Traffic(times, [0.0, *accumulate(rate * step_s for rate in rates)])


def steady(fleet: Fleet, *, start_s: float, end_s: float) -> Traffic:
    """Polls at times that each client chose for itself, once."""
    return _traffic(start_s, end_s - start_s, [fleet.polls_per_s])


def at_full_hour(fleet: Fleet, within_s: int, *, hours: int) -> Traffic:
    """Polls in the first `within_s` seconds of every hour, as `cron` makes them, of different clients each hour."""
    rate = fleet.clients / fleet.poll_hours / within_s
    one_hour = [rate] * within_s + [0.0] * (HOUR_S - within_s)
    return _traffic(0.0, BIN_S, one_hour * hours)


def _at_once(_missed_s: float, rng: random.Random) -> float:
    return rng.uniform(0, 10)


def _every_minute(_missed_s: float, rng: random.Random) -> float:
    return rng.uniform(0, 60)


def _backing_off(missed_s: float, rng: random.Random) -> float:
    pause_s, now = 60.0, missed_s
    while now < 0:
        now += rng.uniform(0, pause_s)
        pause_s = min(2 * pause_s, HOUR_S)
    return now


def _within_an_hour(_missed_s: float, rng: random.Random) -> float:
    return rng.uniform(0, HOUR_S)


RETURNS: dict[str, Callable[[float, random.Random], float]] = {
    "at once, all within 10 s": _at_once,
    "retries every minute": _every_minute,
    "back-off with jitter, from 1 min to 1 h": _backing_off,
    "at a random time of the next hour": _within_an_hour,
}
"""A client's missed poll: when it failed (seconds; the outage ends at 0) → when it is answered."""


def after_outage(
    fleet: Fleet, returns: str, rng: random.Random, *, outage_s: int = HOUR_S, before_s: int, end_s: int
) -> Traffic:
    """Return the traffic around an outage that ends at 0.

    The usual polls come for `before_s`, and none during the outage. From 0 on, the usual and the missed polls come.
    """
    missed = fleet.polls_per_s * outage_s
    back = [0.0] * end_s
    for _ in range(SAMPLE):
        at_s = int(RETURNS[returns](rng.uniform(-outage_s, 0), rng))
        if at_s < end_s:
            back[at_s] += missed / SAMPLE
    usual = fleet.polls_per_s
    rates = [usual] * before_s + [0.0] * outage_s + [usual + count for count in back]
    return _traffic(-float(before_s + outage_s), BIN_S, rates)
