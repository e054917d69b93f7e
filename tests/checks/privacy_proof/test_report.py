"""Test the report of evidence: it shows what was observed, is the same for the same commit, and lists each failure."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from checks.privacy_proof import mutants, report
from checks.privacy_proof.run_mutants import MutantResult, Run
from comet_updates.promises import PROMISES, checks

PASSED = Run(
    {check.test: "passed" for check in checks()}, [{"pairs": 3, "sinks": ["log"]}, {"pairs": 4, "canaries": 2}]
)
CAUGHT = [MutantResult(mutant, "tests/a.py::test_b", "tests/a.py::test_b") for mutant in mutants.ALL]


def made(checked: Run = PASSED, caught: list[MutantResult] = CAUGHT) -> report.Report:
    return report.make(checked, caught, "0" * 40, changed=False)


def test_a_report_says_that_all_promises_hold_and_on_what_figures() -> None:
    figures = made()
    assert figures["holds"]
    assert [(promise["id"], promise["holds"]) for promise in figures["promises"]] == [(p.id, True) for p in PROMISES]
    assert (figures["pairs"], figures["canaries"], figures["sinks"]) == (7, 2, ["log"])
    assert figures["mutants"]["total"] == figures["mutants"]["killed"] == len(mutants.ALL)
    kinds = figures["mutants"]["kinds"]
    assert sum(kind["killed"] for kind in kinds.values()) == len(mutants.ALL)
    assert min(kind["total"] for kind in kinds.values()) >= 8, "each kind has its leaks"
    assert min(family["total"] for family in figures["mutants"]["families"].values()) >= 8, "and each class"


@pytest.mark.parametrize("outcome", ["failed", "skipped", None])
def test_a_promise_with_a_check_that_did_not_pass_does_not_hold(outcome: str | None) -> None:
    broken = PROMISES[6].checks[0].test
    outcomes = {test: passed for test, passed in PASSED.outcomes.items() if test != broken}
    figures = made(Run(outcomes | ({broken: outcome} if outcome else {}), []))
    assert not figures["holds"]
    assert not figures["promises"][6]["holds"]


def test_a_promise_with_a_leak_that_nobody_caught_does_not_hold() -> None:
    first = CAUGHT[0]
    figures = made(caught=[first._replace(by=None), *CAUGHT[1:]])
    assert {p["id"] for p in figures["promises"] if not p["holds"]} == set(first.mutant.breaks.split())
    assert figures["mutants"]["killed"] == figures["mutants"]["total"] - 1


def test_unconditional_leak_that_only_the_source_shows_breaks_a_promise() -> None:
    always, later = (
        next(number for number, found in enumerate(CAUGHT) if (found.mutant.when == "always") is is_always)
        for is_always in (True, False)
    )
    for number, holds in ((always, False), (later, True)):
        caught = [found._replace(without=None) if at == number else found for at, found in enumerate(CAUGHT)]
        figures = made(caught=caught)
        assert figures["holds"] is holds
        assert figures["mutants"]["killed"] == figures["mutants"]["total"]
        figure = figures["mutants"]["without_structure"][CAUGHT[number].mutant.when]
        assert figure["killed"] == figure["total"] - 1


def test_a_promise_without_a_leak_that_breaks_it_does_not_hold() -> None:
    assert not made(caught=[found for found in CAUGHT if "P10" not in found.mutant.breaks])["promises"][9]["holds"]


def test_the_order_of_arrival_does_not_matter(tmp_path: Path) -> None:
    once, again = (
        [path.read_text() for path in report.write(made(caught=caught), tmp_path)] for caught in (CAUGHT, CAUGHT[::-1])
    )
    assert once == again


class _Page(HTMLParser):
    """The text of a page, and the URLs that it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.loads: list[str] = []

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [
            str(value) for name, value in attrs if name in ("src", "href") and not str(value).startswith("#")
        ]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_says_the_same_as_the_json_and_loads_nothing(tmp_path: Path) -> None:
    json_file, html_file = report.write(made(), tmp_path)
    assert json.loads(json_file.read_text()) == json.loads(json.dumps(made()))
    page = _Page()
    page.feed(html_file.read_text())
    assert page.loads == ["data:,"]
    for promise in made()["promises"]:
        assert promise["heading"] in page.text
    for limit in made()["not_provable"]:
        assert limit in page.text
    assert all(mutant.name in page.text for mutant in mutants.ALL)


def test_what_is_built_in_is_shown_as_text(tmp_path: Path) -> None:
    figures = made()
    figures["mutants"]["list"][0]["changes"][0]["new"] = "<script>alert(1)</script>"
    _, html_file = report.write(figures, tmp_path)
    assert "<script" not in html_file.read_text()
