"""Test the model of cost and scale: the formula against a simulation, and the simulation against every client.

The figures on the page are compared with both.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.fleet import cost, tables
from bench.fleet.__main__ import PAGE
from bench.fleet.cost import Options, bill
from bench.fleet.curves import Curves, curves, digest
from bench.fleet.model import (
    CDN,
    DOCUMENTS,
    HOUR_S,
    MONTH_S,
    NO_CDN,
    REGIONS,
    SETUPS,
    VERSIONED,
    Fleet,
    Setup,
    growth,
    origin_rps,
)
from bench.fleet.prices import PRICES
from bench.fleet.simulate import busiest_second, environments, origin_requests, simulated_rps, simulated_rps_by_client
from bench.fleet.traffic import RETURNS, Traffic, after_outage, at_full_hour
from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.answer.log import Cache, Outcome, Record
from comet_updates.answer.respond import SHARED_MAX_AGE_S
from testkit.documents import release
from testkit.fresh import Handler
from testkit.s3 import S3, Wire
from tests.template.expand import source

pytestmark = pytest.mark.full

Formula = Callable[[float, Setup], float]

COUNTED = 10_000  # requests, so that chance is 1 % (one standard deviation) at most
TOLERANCE = 0.03
CASES = [
    (polls_per_s, Setup(caches, documents, ttl_s))
    for polls_per_s in (0.1, 10.0, 1000.0)
    for caches in (1, 13, 100)
    for documents in (1, 15)
    for ttl_s in (60.0, 300.0)
]


def fleet_of(polls_per_s: float) -> Fleet:
    return Fleet(round(polls_per_s * 24 * HOUR_S))


def difference(formula: Formula, polls_per_s: float, setup: Setup, seed: int = 1) -> float:
    """Return the difference between formula and simulation, as a share of the simulated rate."""
    fleet = fleet_of(polls_per_s)
    duration_s = max(HOUR_S, COUNTED / origin_rps(fleet.polls_per_s, setup))
    counted = simulated_rps(fleet, setup, random.Random(seed), duration_s=duration_s)
    return abs(formula(fleet.polls_per_s, setup) / counted - 1)


@pytest.mark.parametrize(("polls_per_s", "setup"), CASES)
def test_the_formula_is_what_the_simulation_counts(polls_per_s: float, setup: Setup) -> None:
    assert difference(origin_rps, polls_per_s, setup) < TOLERANCE


@given(
    polls_per_s=st.floats(0.01, 10_000),
    setup=st.builds(
        Setup,
        caches=st.integers(1, 20),
        documents=st.integers(1, 10),
        ttl_s=st.floats(30, 3600),
        zipf=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
        collapsing=st.sampled_from([True]),  # named, since `builds` would invent a value
        origin_s=st.sampled_from([0.1]),
    ),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_the_formula_holds_for_any_parameters(polls_per_s: float, setup: Setup, seed: int) -> None:
    assert difference(origin_rps, polls_per_s, setup, seed) < 0.05  # five standard deviations


@pytest.mark.parametrize("polls_per_s", [1.0, 100.0, 10_000.0])
def test_without_request_collapsing_every_poll_of_a_moment_counts(polls_per_s: float) -> None:
    assert difference(origin_rps, polls_per_s, CDN._replace(collapsing=False, origin_s=1.0)) < TOLERANCE


WRONG: dict[str, Formula] = {
    "the bound for its value": lambda a, s: min(a, s.caches * s.documents / s.ttl_s),
    "no wait for the next poll": lambda _, s: s.caches * s.documents / s.ttl_s,
    "each cell gets all polls": lambda a, s: s.caches * s.documents / (s.ttl_s + 1 / a),
    "caches forgotten": lambda a, s: s.documents / (s.ttl_s + s.documents / a),
    "half the wait": lambda a, s: s.caches * s.documents / (s.ttl_s + s.caches * s.documents / (2 * a)),
}


@pytest.mark.parametrize("formula", WRONG.values(), ids=WRONG)
def test_a_wrong_formula_is_noticed(formula: Formula) -> None:
    assert max(difference(formula, *case) for case in CASES) > 5 * TOLERANCE


@pytest.mark.parametrize("clients", [10**4, 10**5, 10**6])
def test_simulation_of_each_client_agrees_with_the_formula(clients: int) -> None:
    """Put 600 edges in front of the caches, which the formula leaves out."""
    duration_s = (5 if clients > 10**4 else 20) * HOUR_S
    counted = simulated_rps_by_client(
        Fleet(clients), CDN, random.Random(1), edges=600, honour_age=True, duration_s=duration_s
    )
    assert counted == pytest.approx(origin_rps(Fleet(clients).polls_per_s, CDN), rel=TOLERANCE)


def test_edges_that_start_the_age_anew_ask_the_origin_less() -> None:
    by_age, anew = (
        simulated_rps_by_client(
            Fleet(10**6), CDN, random.Random(1), edges=600, honour_age=honour_age, duration_s=5 * HOUR_S
        )
        for honour_age in (True, False)
    )
    assert anew < by_age


def test_origin_load_of_100_times_the_clients_grows_by_a_third_at_most() -> None:
    """Grow the fleet from a million to a hundred million clients."""
    assert Setup(caches=13, documents=15, ttl_s=SHARED_MAX_AGE_S) == CDN
    simulated = [
        simulated_rps(Fleet(clients), CDN, random.Random(1), duration_s=5 * HOUR_S) for clients in (10**6, 10**8)
    ]
    assert growth(CDN) <= 1.35
    assert simulated[1] / simulated[0] <= 1.35


def test_with_version_and_platform_in_the_url_it_would_notice() -> None:
    simulated = [simulated_rps(Fleet(clients), VERSIONED, random.Random(1)) for clients in (10**6, 10**8)]
    assert growth(VERSIONED) > 10
    assert simulated[1] / simulated[0] > 10


@given(
    polls_per_s=st.floats(0.001, 1e6), caches=st.integers(1, 600), documents=st.integers(1, 100), zipf=st.floats(0.1, 3)
)
def test_origin_load_stays_below_polls_and_expiries(
    polls_per_s: float, caches: int, documents: int, zipf: float
) -> None:
    """Compare with uneven polls, too, which cause less load."""
    even = Setup(caches, documents)
    load = origin_rps(polls_per_s, even)
    assert load <= polls_per_s
    assert load <= caches * documents / SHARED_MAX_AGE_S
    assert origin_rps(polls_per_s, even._replace(zipf=zipf)) <= load * (1 + 1e-9)


class TestHerd:
    fleet = Fleet(10**8)

    def outage(self, returns: str) -> Traffic:
        return after_outage(self.fleet, returns, random.Random(1), before_s=HOUR_S, end_s=HOUR_S)

    @pytest.mark.parametrize("returns", RETURNS)
    def test_all_that_was_missed_comes_back_within_the_hour(self, returns: str) -> None:
        traffic = self.outage(returns)
        came = traffic.expected[-1] - traffic.expected[2 * HOUR_S]
        assert traffic.expected[2 * HOUR_S] == traffic.expected[HOUR_S], "no request passes during an outage"
        assert came == pytest.approx(2 * HOUR_S * self.fleet.polls_per_s, rel=0.01)

    @pytest.mark.parametrize("returns", RETURNS)
    def test_however_they_come_back_each_cell_asks_once_in_a_time_to_live(self, returns: str) -> None:
        times = [time for time in origin_requests(self.outage(returns), CDN, random.Random(1)) if time >= 0]
        assert sum(time < SHARED_MAX_AGE_S for time in times) == REGIONS * DOCUMENTS

    def test_without_collapsing_they_would_not(self) -> None:
        setup = CDN._replace(collapsing=False)
        times = origin_requests(self.outage("at once, all within 10 s"), setup, random.Random(1))
        assert busiest_second(time for time in times if time >= 0) > 100 * REGIONS * DOCUMENTS

    def test_polls_at_the_full_hour_are_calm_with_jitter(self) -> None:
        def busiest(within_s: int) -> int:
            times = origin_requests(at_full_hour(self.fleet, within_s, hours=3), CDN, random.Random(1))
            return busiest_second(time for time in times if time >= HOUR_S)

        assert busiest(5) > 100
        assert busiest(HOUR_S) < 20

    def test_polls_of_a_full_hour_are_all_polls_of_the_hour(self) -> None:
        traffic = at_full_hour(self.fleet, 5, hours=24)
        assert traffic.expected[-1] == pytest.approx(self.fleet.clients)

    @pytest.mark.parametrize(
        ("times", "most"),
        [([], 0), ([0.0, 1.0, 2.0], 1), ([0.0, 0.4, 0.45], 3), ([0.0, 0.4, 1.0, 1.001], 2), ([0.0, 1000.0, 1000.4], 2)],
        ids=["none", "one after the other", "while others start", "two that stand already", "long after"],
    )
    def test_a_function_answers_one_request_at_a_time(self, times: list[float], most: int) -> None:
        assert environments(times, warm_s=0.003, cold_s=0.5) == most


class TestDollars:
    def test_what_is_free_comes_off_first_and_tiers_are_for_what_is_above_them(self) -> None:
        price = PRICES["cdn_byte"]
        assert price.usd(1e12, free_tier=True) == 0
        assert price.usd(12e12, free_tier=True) == pytest.approx(10_000 * 0.085 + 1_000 * 0.08)
        assert price.usd(60e12, free_tier=False) == pytest.approx(10_000 * 0.085 + 40_000 * 0.08 + 10_000 * 0.06)

    def test_a_fleet_without_a_cdn_costs_what_one_can_work_out_by_hand(self) -> None:
        fleet = Fleet(10**7)
        polls = 10**7 * 730 / 24
        usd = bill(fleet, NO_CDN, Options(free_tier=False))
        assert fleet.polls_per_s * MONTH_S == pytest.approx(polls)
        assert usd["api_request"] == pytest.approx(300 + (polls / 1e6 - 300) * 0.9)
        assert usd["lambda_request"] == pytest.approx((polls + 8760) / 1e6 * 0.2)
        assert usd["region_byte"] == pytest.approx(polls * 2300 / 1e9 * 0.09)
        assert "cdn_request" not in usd

    def test_options_change_their_item_alone(self) -> None:
        fleet = Fleet(10**6)
        usual = bill(fleet, CDN)
        assert bill(fleet, CDN, Options(log_successes=True)).keys() - usual.keys() == {"log_byte"}
        assert bill(fleet, SETUPS["origin shield"]).keys() - usual.keys() == {"shield_request"}

    def test_the_settings_are_those_of_the_template(self) -> None:
        template = source()
        resources, parameters = template["Resources"], template["Parameters"]
        assert resources["AnswerFunction"]["Properties"]["MemorySize"] == cost.ANSWER_GB * 1024
        assert resources["PublishFunction"]["Properties"]["MemorySize"] == cost.PUBLISH_GB * 1024
        assert parameters["MemoryTtlSeconds"]["Default"] == cost.MEMORY_TTL_S
        assert parameters["SweepRate"]["Default"] == f"rate({cost.SWEEP_S // 60} minutes)"
        assert parameters["LogSuccesses"]["Default"] == str(Options().log_successes).lower()
        assert f"lets through {parameters['RequestsPerSecond']['Default']} requests" in PAGE.read_text()

    @pytest.mark.parametrize("products", [1, 3])
    def test_a_sweep_that_finds_nothing_to_do_lists_as_often_as_is_said(
        self, products: int, publish: Handler, s3: S3, wire: Wire
    ) -> None:
        for product in (f"comet-{number}" for number in range(products)):
            s3.put(f"products/{product}.json", {"schema": 1, "product": product, "name": "Comet"})
            for channel in ("stable", "beta", "nightly"):
                document = release() | {"product": product, "channel": channel}
                s3.put(object_keys.release_key(product, channel, document["version"]), document)
        for _ in range(2):
            publish({"sweep": True}, None)
        before = len(wire)
        publish({"sweep": True}, None)
        lists = [query for _, _, query, *_ in wire[before:] if "list-type" in query or "versions" in query]
        others = [(method, path.rpartition("/")[2]) for method, path, query, *_ in wire[before:] if query not in lists]
        assert others == [("GET", "index.json")], "the source of the list of products is read, and nothing is written"
        assert len(lists) == cost.SWEEP_LISTS

    def test_a_log_line_is_as_long_as_is_said(self) -> None:
        place = urls.document_id("public/v1/comet-cursor/stable/manifest.json")
        line = Record(Outcome.ANSWERED, place, Cache.MEMORY, 0.0005).line()
        assert math.isclose(len(line) + 26, cost.LOG_LINE_BYTES, rel_tol=0.1)  # 26 bytes: CloudWatch's own


@pytest.fixture(scope="module")
def figures() -> dict[str, str]:
    return tables.figures()


@pytest.fixture(scope="module")
def numbers() -> Curves:
    return curves()


class TestPage:
    page = PAGE.read_text()

    def test_every_figure_comes_from_the_model(self, figures: dict[str, str]) -> None:
        assert tables.fill(self.page, figures) == self.page

    def test_lambda_allows_ten_requests_a_second_for_each_unit_of_concurrency(self) -> None:
        """AWS's rule for short requests. Long ones need as many units as run at the same time."""
        assert cost.concurrency(1000, busy=3) == 100
        assert cost.concurrency(1000, busy=500) == 500
        assert cost.concurrency(1, busy=0.1) == 1

    def test_a_figure_that_does_not_is_noticed(self, figures: dict[str, str]) -> None:
        old = self.page.replace("| 1 million | 20.42 |", "| 1 million | 20.43 |")
        assert old != self.page
        assert tables.fill(old, figures) == self.page

    def test_every_figure_is_in_the_page_and_the_page_has_no_other(self) -> None:
        assert set(re.findall(r"<!-- (\w+) -->", self.page)) == set(tables.FIGURES)

    def test_every_price_is_there_with_its_date(self) -> None:
        assert all(f"[{price.what}]({price.page})" in self.page for price in PRICES.values())
        assert re.search(r"As of <!-- prices_as_of -->20\d\d-\d\d-\d\d<", self.page)

    @pytest.mark.parametrize("chart", ["origin", "dollars", "herd"])
    def test_the_charts_are_drawn_from_the_models_numbers(self, chart: str, numbers: Curves) -> None:
        drawn = PAGE.with_name(f"cost-{chart}.svg").read_text()
        assert digest(numbers) in drawn
        assert digest(numbers | {"dollars": {}}) not in drawn
        assert f"(cost-{chart}.svg)" in self.page

    def test_what_the_text_says_of_the_choices_is_so(self) -> None:
        def usd(clients: int, setup: Setup, options: Options = Options()) -> float:  # noqa: B008
            return sum(bill(Fleet(clients), setup, options).values())

        for clients in (10**5, 10**6, 10**7, 10**8, 10**9):
            assert usd(clients, CDN) < usd(clients, NO_CDN)
        assert usd(10**9, CDN, Options(log_successes=True)) < usd(10**9, CDN) + 1
        assert VERSIONED.documents == 240 * CDN.documents
