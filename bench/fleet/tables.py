"""The tables and figures of docs/cost.md: computed from the model, and inserted into the page."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise, starmap

from bench.fleet import cost, prices
from bench.fleet.cost import Options, bill, origin
from bench.fleet.curves import DOTS, EDGE_ITEMS, HERD
from bench.fleet.model import (
    CDN,
    DOCUMENTS,
    EDGES,
    HOUR_S,
    NO_CDN,
    REGIONS,
    SETUPS,
    VERSIONED,
    VERSIONED_DOCUMENTS,
    Fleet,
    Setup,
    growth,
    origin_rps,
)
from bench.fleet.prices import PRICES
from bench.fleet.simulate import busiest_second, environments, origin_requests, simulated_rps
from bench.fleet.traffic import RETURNS, Traffic, after_outage, at_full_hour

ENOUGH = 10_000  # requests to count, so that chance is about one in a hundred
SPREADS = {
    5: "their clocks' error alone, 5 s",
    60: "a random second of the minute",
    HOUR_S: "a random second of the hour",
}


def figures() -> dict[str, str]:
    """Compute every figure, and return them by name. Takes some seconds."""
    return {name: make() for name, make in FIGURES.items()}


def fill(page: str, made: Mapping[str, str]) -> str:
    """Return the page with each figure between `<!-- name -->` and `<!-- /name -->`.

    Raises:
        KeyError: no figure has such a name.
    """
    return re.sub(
        r"(<!-- (\w+) -->).*?(<!-- /\2 -->)", lambda found: found[1] + made[found[2]] + found[3], page, flags=re.DOTALL
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], align: str = "---:") -> str:
    lines = [head, ["---", *[align] * (len(head) - 1)], *rows]
    return "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 (three digits)


def _usd(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"  # noqa: PLR2004


def _price(usd: float) -> str:
    return max(f"{usd:.2f}", f"{usd:g}", key=len)


def _about(value: float) -> str:
    return f"{float(f'{value:.2g}'):,.0f}"


def _clients(count: int) -> str:
    if count >= 10**9:
        return f"{count // 10**9} billion"
    return f"{count // 10**6} million" if count >= 10**6 else f"{count:,}"


def _origin_table() -> str:
    rows = (
        [_clients(size), *(_number(origin_rps(Fleet(size).polls_per_s, setup)) for setup in SETUPS.values())]
        for size in DOTS
    )
    return _table(["clients", *SETUPS], rows)


def _bill_table() -> str:
    def row(size: int) -> list[str]:
        usd = bill(Fleet(size), CDN)
        parts = [
            usd["cdn_request"],
            usd["cdn_byte"],
            usd["lambda_request"] + usd["lambda_gb_s"],
            usd["s3_get"],
            usd["s3_list"] + usd["sqs_request"],
            sum(usd.values()),
            sum(bill(Fleet(size), CDN, Options(free_tier=False)).values()),
        ]
        return [_clients(size), *map(_usd, parts)]

    head = ["clients", "CDN requests", "CDN bytes", "Lambda", "S3 GET", "publishing"]
    return _table([*head, "**together**", "with no free tier"], map(row, DOTS))


def _choices_table() -> str:
    choices: dict[str, tuple[Setup, Options]] = {
        "CDN": (CDN, Options()),
        "origin shield": (SETUPS["origin shield"], Options()),
        "successes logged": (CDN, Options(log_successes=True)),
        "version in the URL": (VERSIONED, Options()),
        "no CDN": (NO_CDN, Options()),
        "no CDN, successes logged": (NO_CDN, Options(log_successes=True)),
    }
    rows = (
        [_clients(size), *(_usd(sum(bill(Fleet(size), *choice).values())) for choice in choices.values())]
        for size in DOTS
    )
    return _table(["clients", *choices], rows)


def _interval_table() -> str:
    intervals = {1: "an hour", 6: "6 hours", 24: "a day", 168: "a week"}
    rows = (
        [name, *(_usd(sum(bill(Fleet(size, hours), CDN).values())) for size in DOTS)]
        for hours, name in intervals.items()
    )
    return _table(["each client asks once in", *map(_clients, DOTS)], rows)


def _peaks(name: str, traffic: Traffic, since_s: float, takes_s: float) -> list[str]:
    """Return the table row of a herd's peaks. Without a CDN, each poll occupies a function for `takes_s`."""
    times = [time for time in origin_requests(traffic, CDN, random.Random(name)) if time >= since_s]
    polls = max(after - before for before, after in pairwise(traffic.expected))
    behind = environments(times, warm_s=cost.WARM_S, cold_s=cost.COLD_S)
    return [
        name,
        _about(polls),
        str(busiest_second(times)),
        str(behind),
        _about(cost.concurrency(polls, polls * takes_s)),
    ]


def _quotas_table() -> str:
    rows = []
    for size in DOTS:
        average = Fleet(size).polls_per_s
        peak = average * cost.PEAK
        rows.append(
            [_clients(size), _number(average), _number(peak), str(cost.concurrency(peak, peak * cost.WARM_S + 1))]
        )
    head = ["clients", "requests a second, on average", "after an outage of an hour", "concurrency for it"]
    return _table(head, rows)


_PEAK_HEAD = ["polls, busiest second", "at the origin", "functions at once", "concurrency, no CDN"]


def _herd_table() -> str:
    herds = {name: after_outage(HERD, name, random.Random(name), before_s=HOUR_S, end_s=HOUR_S) for name in RETURNS}
    rows = (_peaks(name, traffic, 0, cost.COLD_S) for name, traffic in herds.items())
    return _table(["clients that missed their poll ask again", *_PEAK_HEAD], rows)


def _hour_table() -> str:
    def row(within_s: int, name: str) -> list[str]:
        takes_s = (
            cost.COLD_S if within_s < HOUR_S else cost.WARM_S
        )  # over a whole hour, running functions exist already
        return _peaks(name, at_full_hour(HERD, within_s, hours=3), HOUR_S, takes_s)

    return _table(["clients ask at the full hour, give or take", *_PEAK_HEAD], starmap(row, SPREADS.items()))


def _checks_table() -> str:
    def row(name: str, setup: Setup) -> list[str]:
        cells = []
        for size in DOTS:
            expected = origin_rps(Fleet(size).polls_per_s, setup)
            duration_s = max(HOUR_S, ENOUGH / expected)
            counted = simulated_rps(Fleet(size), setup, random.Random(f"{name} {size}"), duration_s=duration_s)
            cells.append(f"{counted / expected - 1:+.1%}")
        return [name, *cells]

    others = {
        "15 documents, Zipf": Setup(REGIONS, zipf=1),
        "no collapsing, 1 s": Setup(REGIONS, collapsing=False, origin_s=1),
        "T = 60 s": Setup(REGIONS, ttl_s=60),
    }
    with_caches = {name: setup for name, setup in SETUPS.items() if setup.caches} | others
    return _table(["", *map(_clients, DOTS)], (row(name, setup) for name, setup in with_caches.items()))


def _price_table() -> str:
    def row(price: prices.Price) -> list[str]:
        *lower, (_, last) = price.tiers
        steps = [f"{_price(usd)} to {up_to / price.per:,.0f}" for up_to, usd in lower if up_to] + [_price(last)]
        free = f"{price.free / price.per:,g} {price.unit}" if price.free else ""
        return [f"[{price.what}]({price.page})", price.unit, ", ".join(steps), free]

    return _table(["what", "for each", "dollars", "free every month"], map(row, PRICES.values()), "---")


def _assumptions_table() -> str:
    rows = [
        ("interval between a client's polls", f"{Fleet(1).poll_hours:g} h", "the clients' choice"),
        ("documents, K", f"{DOCUMENTS}", "5 products of 3 channels, equally popular: the worst case"),
        ("the same with version and platform in the URL", f"{VERSIONED_DOCUMENTS:,}", "40 versions, 6 platforms"),
        ("regional caches, P", f"{REGIONS}", "AWS's number"),
        ("edges, where they ask the origin themselves", f"{EDGES}", "about AWS's number"),
        ("time to live, T", f"{CDN.ttl_s:g} s", "`SHARED_MAX_AGE_S` in `answer/respond.py`"),
        ("bytes of an answer, from the edge", f"{cost.EDGE_ANSWER_BYTES:,}", "compressed, with headers; estimated"),
        ("the same, from the region", f"{cost.REGION_ANSWER_BYTES:,}", "not compressed; estimated"),
        (
            "an invocation",
            f"{cost.WARM_S * 1000:g} ms",
            "0.3 ms of CPU measured in Lambda's runtime, at the share of 256 MB",
        ),
        ("what S3 adds to it, where it is asked", f"{cost.S3_S * 1000:g} ms", "assumed"),
        ("a cold start, with its first answer", f"{cost.COLD_S * 1000:g} ms", "assumed; it is billed"),
        ("LIST requests of a sweep", f"{cost.SWEEP_LISTS}", "counted; one more for each thousand objects"),
        ("a log line, where successes are logged", f"{cost.LOG_LINE_BYTES} B", "counted; the default is none"),
    ]
    return _table(["", "", "from"], rows, "---")


FIGURES: dict[str, Callable[[], str]] = {
    "quotas": _quotas_table,
    "origin": _origin_table,
    "bill": _bill_table,
    "choices": _choices_table,
    "interval": _interval_table,
    "herd": _herd_table,
    "hour": _hour_table,
    "checks": _checks_table,
    "prices": _price_table,
    "assumptions": _assumptions_table,
    "prices_as_of": lambda: prices.AS_OF,
    "prices_region": lambda: prices.REGION,
    "prices_source": lambda: prices.SOURCE,
    "growth": lambda: f"{growth(CDN):.2f}",
    "growth_versioned": lambda: f"{growth(VERSIONED):.0f}",
    "cells": lambda: f"{CDN.caches * CDN.documents}",
    "publishing": lambda: _usd(bill(Fleet(10**4), CDN)["s3_list"]),
    "origin_part": lambda: _usd(sum(usd for item, usd in bill(HERD, CDN).items() if item not in EDGE_ITEMS)),
    "busy": lambda: f"{origin(HERD, CDN).busy:.1g}",
}
"""Name that the page may use → function that computes the figure."""
