"""Test that no test is lost: each has the id that it had, or `replaced.txt` names the test that replaced it."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.baseline import ids
from tests.baseline.ids import Row


def lost(baseline: Counter[str], source: set[str], rows: list[Row]) -> list[str]:
    """Return the tests of the baseline that are not in the source, by their ids of today."""
    names = (ids.today(name, rows)[0] for name in baseline)
    return sorted({name for name in names if name not in source})


def unused(baseline: Counter[str], source: set[str], rows: list[Row]) -> list[str]:
    """Return the rows that replace no test of the baseline, or that name no test of today."""
    return [
        f"{row.old} -> {row.new}"
        for row in rows
        if not any(ids.is_below(name, row.old) for name in baseline)
        or not any(ids.is_below(name, row.new) for name in source)
    ]


def smaller(baseline: Counter[str], collected: Counter[str], rows: list[Row]) -> list[str]:
    """Return the collected tests that have fewer cases than in the baseline, except those with a row of their own."""
    found = []
    for old, cases in baseline.items():
        name, row = ids.today(old, rows)
        if 0 < collected[name] < cases and not (row and row.old == old):
            found.append(f"{name}: {collected[name]} cases, had {cases}")
    return found


def test_baseline_ids_are_all_in_the_source() -> None:
    assert len(ids.baseline()) > 1_000
    assert lost(ids.baseline(), ids.in_source(), ids.rows()) == []


def test_replaced_ids_are_old_and_name_tests_of_today() -> None:
    assert unused(ids.baseline(), ids.in_source(), ids.rows()) == []


def test_collected_tests_have_no_fewer_cases(collected: Counter[str]) -> None:
    assert smaller(ids.baseline(), collected, ids.rows()) == []


def test_source_names_what_pytest_collects(collected: Counter[str]) -> None:
    files = {name.partition("::")[0] for name in collected}
    assert {name for name in ids.in_source() if name.partition("::")[0] in files} == set(collected)


OLD, NEW = "tests/a/test_x.py::test_one", "tests/b/test_x.py::test_one"
FOLDER = Row("tests/a/", "tests/b/", "moved")
OWN = Row(OLD, NEW, "has fewer cases")


@pytest.mark.parametrize(
    ("source", "rows", "is_lost", "is_unused"),
    [
        ({OLD}, [], False, False),
        ({NEW}, [], True, False),
        ({NEW}, [FOLDER], False, False),
        ({NEW}, [Row("tests/a/test_x.py", "tests/b/test_x.py", "moved")], False, False),
        ({NEW}, [Row("tests/a", "tests/b", "no folder without a slash")], True, True),
        ({"tests/b/test_x.py::test_two"}, [FOLDER], True, False),
        ({"tests/b/test_x.py::test_two"}, [FOLDER, Row(OLD, "tests/b/test_x.py::test_two", "renamed")], False, False),
        ({OLD}, [Row("tests/c/", "tests/a/", "no such folder")], False, True),
        ({OLD}, [Row(OLD, "tests/a/test_x.py::test_none", "no such test")], True, True),
    ],
)
def test_lost_test_and_unused_row_are_found(
    source: set[str], rows: list[Row], *, is_lost: bool, is_unused: bool
) -> None:
    """Positive control of the tests above."""
    assert bool(lost(Counter([OLD]), source, rows)) == is_lost
    assert bool(unused(Counter([OLD]), source, rows)) == is_unused


@pytest.mark.parametrize(
    ("cases", "rows", "is_found"),
    [(2, [FOLDER], False), (3, [FOLDER], False), (1, [FOLDER], True), (1, [OWN], False), (0, [FOLDER], False)],
)
def test_test_with_fewer_cases_is_found(cases: int, rows: list[Row], *, is_found: bool) -> None:
    """Positive control of the test above; a test that was not collected in this run has no cases."""
    assert bool(smaller(Counter({OLD: 2}), Counter({NEW: cases}), rows)) == is_found
