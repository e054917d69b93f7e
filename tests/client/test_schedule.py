"""Test the times of checks. They are drawn with seeds, so these tests give the same result every time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from random import Random

import pytest

from comet_updates_client import schedule
from tests.client.conftest import NOW

DAY_S = 86_400
COPIES = 5_000
CRITICAL = 1.95 / COPIES**0.5
"""The Kolmogorov-Smirnov bound: a uniform sample of this size stays below it in 999 of 1000 cases."""

Next = Callable[[Random], datetime]


def distance_from_uniform(draw: Next, low_s: float, high_s: float) -> float:
    """Return the Kolmogorov-Smirnov distance between the drawn times and a uniform distribution."""
    rng = Random(20_261_127)
    shares = sorted(((draw(rng) - NOW).total_seconds() - low_s) / (high_s - low_s) for _ in range(COPIES))
    return max(max(abs(share - i / COPIES), abs(share - (i + 1) / COPIES)) for i, share in enumerate(shares))


UNIFORM: dict[str, tuple[Next, float, float]] = {
    "first": (lambda rng: schedule.first(NOW, DAY_S, rng), 0, DAY_S),
    "after an answer": (lambda rng: schedule.after_answer(NOW, DAY_S, 300, rng), DAY_S / 2, DAY_S * 1.5),
    "after a failure": (lambda rng: schedule.after_failure(NOW, 1, 0, rng), 0, 60),
    "after three": (lambda rng: schedule.after_failure(NOW, 3, 0, rng), 0, 240),
    "after many": (lambda rng: schedule.after_failure(NOW, 1_000, 0, rng), 0, 3_600),
    "after one that says when": (lambda rng: schedule.after_failure(NOW, 1, 30, rng), 30, 90),
}
HERDS: dict[str, Next] = {
    "all at once": lambda _: NOW + timedelta(seconds=DAY_S),
    "jitter of an hour": lambda rng: NOW + timedelta(seconds=rng.uniform(0, 3_600)),
    "one of the full hours": lambda rng: NOW + timedelta(hours=rng.randrange(24)),
    "most of the interval": lambda rng: NOW + timedelta(seconds=rng.uniform(0, 0.95 * DAY_S)),
}


@pytest.mark.parametrize("what", UNIFORM)
def test_copies_are_spread_evenly_over_the_whole_time(what: str) -> None:
    draw, low_s, high_s = UNIFORM[what]
    assert distance_from_uniform(draw, low_s, high_s) < CRITICAL


@pytest.mark.parametrize("herd", HERDS)
def test_a_schedule_without_full_jitter_is_not_even(herd: str) -> None:
    """Positive control of the test above."""
    assert distance_from_uniform(HERDS[herd], 0, DAY_S) > CRITICAL


def busiest_minute(times: list[datetime]) -> int:
    minutes = [int((time - NOW).total_seconds() // 60) for time in times]
    return max(minutes.count(minute) for minute in set(minutes))


def test_a_herd_is_apart_again_after_one_interval() -> None:
    rng = Random(1)
    together = [NOW] * COPIES
    apart = [schedule.after_answer(at, DAY_S, 300, rng) for at in together]
    assert busiest_minute(together) == COPIES
    assert busiest_minute(apart) < 20  # 3.5 on average


def test_an_answer_is_never_asked_for_again_while_it_is_good() -> None:
    rng = Random(1)
    waits = [schedule.after_answer(NOW, 60, 300, rng) - NOW for _ in range(100)]
    assert min(waits) >= timedelta(seconds=300)


def test_an_hour_is_the_longest_that_failures_alone_can_add() -> None:
    rng = Random(1)
    waits = [(schedule.after_failure(NOW, failures, 0, rng) - NOW).total_seconds() for failures in range(1, 1_000)]
    assert 3_000 < max(waits) <= 3_600


@pytest.mark.parametrize(
    ("cache_control", "retry_after", "wait_s"),
    [
        ("public, max-age=300, stale-while-revalidate=600", "", 300),
        ("Max-Age=7", "", 7),
        ("no-store", "30", 30),
        ("max-age=60", "30", 60),
        ("s-maxage=60", "", 0),
        ("max-age=-1", "-1", 0),
        ("max-age=9999999999", "", schedule.WAIT_MAX_S),
        ("max-age=99999999999999999999", "99999999999999999999", 0),
        ("", format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        ("", format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0),
        ("", "Fri, 31 Dec 9999 23:59:59 GMT", schedule.WAIT_MAX_S),
        ("", "Fri, 27 Nov 2026 12:00:00", 0),
        ("", "soon \u00e9", 0),
        ("", "", 0),
    ],
)
def test_what_an_answer_asks_for_is_bounded(cache_control: str, retry_after: str, wait_s: float) -> None:
    assert schedule.wait_s(cache_control, retry_after, NOW) == wait_s
