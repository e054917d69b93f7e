"""The monthly usage of a fleet, and its cost."""

from __future__ import annotations

import math
from typing import NamedTuple

from bench.fleet.model import MONTH_S, REGIONS, SHIELD, Fleet, Setup, origin_rps
from bench.fleet.prices import PRICES
from bench.fleet.simulate import IDLE_S

EDGE_ANSWER_BYTES = 1200  # a manifest of 1.8 kB, compressed to 0.45 kB, our headers of 0.3 kB and CloudFront's own
REGION_ANSWER_BYTES = 2300  # the same, not compressed
LOG_LINE_BYTES = 170  # a record of success, and what CloudWatch adds to a line
WARM_S = 0.003  # 0.3 ms of CPU, measured in Lambda's own runtime, stretched by the part of a core that 256 MB get
COLD_S = 0.5  # assumed: start, imports, the first GET
S3_S = 0.02  # assumed: one GET, within the region
ANSWER_GB = 0.25  # template.yaml
PUBLISH_GB = 0.5  # template.yaml
MEMORY_TTL_S = 60  # template.yaml: an environment asks S3 for a document once in so long
REQUESTS_PER_CONCURRENCY = 10  # Lambda: at most 10 requests a second for each, however short
PEAK = 3  # clients that come back at random times after an outage of an hour make about three times the usual rate
SWEEP_S = 300  # template.yaml
SWEEP_TAKES_S = 2.0  # assumed
SWEEP_LISTS = 25  # of a sweep that finds nothing to do in less than a thousand objects; counted in tests/bench
QUEUE_POLLS_PER_S = 5 / 20  # Lambda looks with five long polls of 20 s for uploads, all day


class Options(NamedTuple):
    """The options of a deployment that change its cost; `free_tier` subtracts AWS's free allowance per account."""

    log_successes: bool = False
    free_tier: bool = True


class Origin(NamedTuple):
    """The load of the answering function, averaged over a month."""

    rps: float
    s3_rps: float
    busy: float
    cold_share: float


def origin(fleet: Fleet, setup: Setup) -> Origin:
    """Return the load behind the caches.

    Environments cache, too. The formula applies to them, with `MEMORY_TTL_S`, and with one more cache than there are
    busy environments. A request is a cold start if no request came for `IDLE_S` before it.
    """
    rps = origin_rps(fleet.polls_per_s, setup)
    cold_share = math.exp(-rps * IDLE_S)
    standing = 1 + math.ceil(rps * WARM_S)
    s3_rps = origin_rps(rps, Setup(standing, setup.documents, MEMORY_TTL_S))
    return Origin(rps, s3_rps, rps * (WARM_S + cold_share * COLD_S) + s3_rps * S3_S, cold_share)


def concurrency(rps: float, busy: float) -> int:
    """Return the concurrency that `rps` requests a second take, of which `busy` run at the same time."""
    return math.ceil(max(busy, rps / REQUESTS_PER_CONCURRENCY))


def amounts(fleet: Fleet, setup: Setup, options: Options) -> dict[str, float]:
    """Return the usage of a month, by item of the price table."""
    load = origin(fleet, setup)
    polls, requests = fleet.polls_per_s * MONTH_S, load.rps * MONTH_S
    sweeps = MONTH_S / SWEEP_S
    used = {
        "lambda_request": requests + sweeps,
        "lambda_gb_s": load.busy * MONTH_S * ANSWER_GB + sweeps * SWEEP_TAKES_S * PUBLISH_GB,
        "s3_get": load.s3_rps * MONTH_S,
        "s3_list": sweeps * SWEEP_LISTS,
        "sqs_request": QUEUE_POLLS_PER_S * MONTH_S,
    }
    if options.log_successes:
        used["log_byte"] = requests * LOG_LINE_BYTES
    if not setup.caches:
        return used | {"api_request": requests, "region_byte": requests * REGION_ANSWER_BYTES}
    if setup.caches == SHIELD:
        used["shield_request"] = origin_rps(fleet.polls_per_s, setup._replace(caches=REGIONS)) * MONTH_S
    return used | {"cdn_request": polls, "cdn_byte": polls * EDGE_ANSWER_BYTES}


def bill(fleet: Fleet, setup: Setup, options: Options = Options()) -> dict[str, float]:  # noqa: B008 (it cannot change)
    """Return dollars a month, by item of the price table."""
    used = amounts(fleet, setup, options)
    return {item: PRICES[item].usd(amount, free_tier=options.free_tier) for item, amount in used.items()}
