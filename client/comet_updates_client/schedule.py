"""When to ask next: spread over the whole interval, and further apart after failures. Pure; chance is an argument.

Copies that start, or fail, at the same moment have to come at different ones: docs/cost.md shows what a herd does.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from random import Random

INTERVAL_S = 86_400
"""Once a day is often enough."""
BACK_OFF_S = 60
"""How long a copy waits at most after a first failure; twice as long after each more."""
BACK_OFF_MAX_S = 3_600
WAIT_MAX_S = 7 * 86_400
"""No answer can make a copy wait longer."""

_DOUBLINGS_MAX = 30


def first(now: datetime, interval_s: float, rng: Random) -> datetime:
    """When a copy that was just installed asks: at any moment of the interval, each as likely."""
    return now + timedelta(seconds=rng.uniform(0, interval_s))


def after_answer(now: datetime, interval_s: float, wait_s: float, rng: Random) -> datetime:
    """When to ask after an answer: an interval later on average, half of it earlier or later.

    A herd that was brought together by an outage is apart again after one interval.

    Args:
        now: the moment of the answer.
        interval_s: how often to ask, on average.
        wait_s: for how long the answer is good; never earlier than that.
        rng: what draws.
    """
    return now + timedelta(seconds=max(wait_s, rng.uniform(0.5 * interval_s, 1.5 * interval_s)))


def after_failure(now: datetime, failures: int, wait_s: float, rng: Random) -> datetime:
    """When to ask after so many `failures` in a row, one or more: at any moment of a time that doubles ("full jitter").

    Where the answer said when to come back (`wait_s`), that is when the time begins.
    """
    longest_s = min(BACK_OFF_MAX_S, BACK_OFF_S * 2 ** min(failures - 1, _DOUBLINGS_MAX))
    return now + timedelta(seconds=wait_s + rng.uniform(0, longest_s))


def wait_s(cache_control: str, retry_after: str, now: datetime) -> float:
    """For how many seconds an answer asks not to be asked for again; its headers may hold anything."""
    found = re.search(r"(?:^|[\s,])max-age=([0-9]{1,10})(?:$|[\s,])", cache_control, re.IGNORECASE)
    max_age_s = float(found[1]) if found else 0.0
    return min(WAIT_MAX_S, max(max_age_s, _retry_after_s(retry_after.strip(), now)))


def _retry_after_s(told: str, now: datetime) -> float:
    """Seconds, or what is left until a date (RFC 9110, section 10.2.3)."""
    if re.fullmatch(r"[0-9]{1,10}", told):
        return float(told)
    try:
        at = parsedate_to_datetime(told)
        return max(0.0, (at - now).total_seconds())
    except (ValueError, TypeError, OverflowError):  # no date, or one without an offset
        return 0.0
