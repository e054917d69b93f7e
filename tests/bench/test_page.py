"""Test that `docs/performance.md` shows the figures of `bench/results.json`: no table has a figure typed by hand."""

from __future__ import annotations

import json

from bench import goals, page
from bench.figures import Section, ratio, spread


def test_the_tables_of_the_page_are_those_of_what_was_measured_last() -> None:
    text = page.PAGE.read_text()
    assert text.count("<!-- bench: ") == text.count("<!-- /bench -->") >= 8
    assert page.filled(text, page.load()) == text


def test_a_figure_that_was_typed_in_is_found() -> None:
    """Positive control of the test above."""
    results = page.load()
    hit = results["handler"]["rows"]["hit: from memory"]["us a call"]
    text = page.PAGE.read_text()
    typed = text.replace(f"{hit['median']:g} ({hit['p10']:g}", f"0.1 ({hit['p10']:g}")
    assert typed != text
    assert page.filled(typed, results) != typed


def test_a_section_that_was_not_measured_says_so() -> None:
    assert "\nNot measured.\n" in page.filled("<!-- bench: nowhere -->\n<!-- /bench -->\n", {})


def test_each_goal_is_of_a_figure_that_is_measured() -> None:
    assert "not measured" not in json.dumps(goals.rows(page.load()))


def test_a_missed_goal_is_bold_and_a_met_one_is_not() -> None:
    section = Section(command="", about="", rows={"answer": {"x hello-world": spread([2.0])}}, missing={})
    assert goals.rows({"cold_start": section})["cold start: x hello-world"]["by default"] == "2 (2 to 2)"
    section["rows"]["answer"]["x hello-world"] = spread([3.0])
    assert goals.rows({"cold_start": section})["cold start: x hello-world"]["by default"] == "**3 (3 to 3)**"


def test_what_was_left_out_is_said() -> None:
    left_out = Section(command="-", about="-", rows={}, missing={"nginx": "nginx is not on PATH"})
    text = page.filled("<!-- bench: service -->\n<!-- /bench -->\n", {"service": left_out})
    assert "Left out: nginx: nginx is not on PATH.\n" in text


def test_a_spread_is_median_and_deciles() -> None:
    assert spread([float(value) for value in range(11)]) == {"median": 5.0, "p10": 1.0, "p90": 9.0}


def test_a_ratio_is_taken_within_each_round() -> None:
    """Compare within a round: in a round where everything was slow, both times grow."""
    assert ratio([2.0, 20.0, 4.0], [1.0, 10.0, 2.0]) == {"median": 2.0, "p10": 2.0, "p90": 2.0}
