"""Compute the time of the next request: spread over the interval, and later after failures. Pure.

Copies that start or fail at the same moment must not send their next requests at the same moment: docs/cost.md shows
the load that this causes. The random generator is an argument.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from random import Random

INTERVAL_S = 86_400
"""One request a day is enough."""
BACK_OFF_S = 60
"""The longest wait after a first failure. It doubles after each further failure."""
BACK_OFF_MAX_S = 3_600
WAIT_MAX_S = 7 * 86_400
"""The longest wait that an answer can ask for."""

_DOUBLINGS_MAX = 30


def first(now: datetime, interval_s: float, rng: Random) -> datetime:
    """Return the time of the first request after the installation: uniformly random in the interval."""
    return now + timedelta(seconds=rng.uniform(0, interval_s))


def after_answer(now: datetime, interval_s: float, wait_s: float, rng: Random) -> datetime:
    """Return the time of the next request after an answer: 0.5 to 1.5 intervals later.

    After an outage many copies send requests at the same time. One interval later their requests are spread again.

    Args:
        now: the time of the answer.
        interval_s: the average time between two requests.
        wait_s: how long the answer is valid. The next request is never sent earlier.
        rng: draws the time.
    """
    return now + timedelta(seconds=max(wait_s, rng.uniform(0.5 * interval_s, 1.5 * interval_s)))


def after_failure(now: datetime, failures: int, wait_s: float, rng: Random) -> datetime:
    """Return the time of the next request after one or more `failures` in a row.

    It is uniformly random in a span that doubles with each failure ("full jitter"). The span begins `wait_s` after
    `now`: an answer can contain the time to wait.
    """
    longest_s = min(BACK_OFF_MAX_S, BACK_OFF_S * 2 ** min(failures - 1, _DOUBLINGS_MAX))
    return now + timedelta(seconds=wait_s + rng.uniform(0, longest_s))


def wait_s(cache_control: str, retry_after: str, now: datetime) -> float:
    """Return for how many seconds an answer's headers ask a client to wait. The headers may have any content."""
    found = re.search(r"(?:^|[\s,])max-age=([0-9]{1,10})(?:$|[\s,])", cache_control, re.IGNORECASE)
    max_age_s = float(found[1]) if found else 0.0
    return min(WAIT_MAX_S, max(max_age_s, _retry_after_s(retry_after.strip(), now)))


def _retry_after_s(told: str, now: datetime) -> float:
    """Return the seconds in `Retry-After`, which contains seconds or a date (RFC 9110, section 10.2.3)."""
    if re.fullmatch(r"[0-9]{1,10}", told):
        return float(told)
    try:
        at = parsedate_to_datetime(told)
        return max(0.0, (at - now).total_seconds())
    except (ValueError, TypeError, OverflowError):  # not a date, or a date without an offset
        return 0.0
