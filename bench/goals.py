"""The goals of the bench, beside the results: each goal is a bound for the median of one figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from bench.figures import Row, Section

DEFAULT, LOGGED, LEAN = (
    "answer",
    "answer, every request logged",
    "answer, every request logged without Powertools",
)


class Goal(NamedTuple):
    """A bound: `at_most` or `at_least`."""

    section: str
    figure: str
    at_most: float | None = None
    at_least: float | None = None

    def text(self) -> str:
        """Return the goal in words, such as `at most 2.5`."""
        return f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}"

    def is_met(self, value: float) -> bool:
        """Return whether `value` keeps the bound."""
        return value <= self.at_most if self.at_most is not None else value >= (self.at_least or 0)


OF_THE_FUNCTION = (
    Goal("cold_start", "x hello-world", at_most=2.5),
    Goal("cold_start", "x boto3 client", at_most=0.35),
    Goal("cold_start", "x a warm one that asks S3", at_most=2),
    Goal("cold_start", "x a warm one", at_most=2),
    Goal("warm", "x hello-world's rate", at_least=0.9),
    Goal("warm", "x its rate with our answer", at_least=0.9),
    Goal("warm", "x hello-world's processor", at_most=1.1),
    Goal("warm", "x its processor with our answer", at_most=1.1),
    Goal("warm", "x hello-world's memory", at_most=1.7),
    Goal("logs", "logs x compute", at_most=1),
)
OF_THE_PACKAGE = (
    Goal("cold_start", "x byte code written just now", at_most=1.05),
    Goal("cold_start", "package, MB zipped", at_most=6),
)
OF_THE_SERVICE = (
    Goal("service", "x hazel, 16 connections", at_least=1.3),
    Goal("service", "x nginx, 16 connections", at_least=0.5),
)


def rows(results: Mapping[str, Section]) -> dict[str, Row]:
    """Return the table of goals: each bound, its results, and a sign at each result that misses it."""
    table: dict[str, Row] = {}
    for goal in OF_THE_FUNCTION:
        table[_name(goal)] = {
            "wanted": goal.text(),
            "by default": _measured(results, goal, DEFAULT),
            "every request logged": _measured(results, goal, LOGGED),
            "the same without Powertools": _measured(results, goal, LEAN),
        }
    for goal in OF_THE_PACKAGE:
        table[_name(goal)] = {"wanted": goal.text(), "by default": _measured(results, goal, DEFAULT)}
    for goal in OF_THE_SERVICE:
        table[_name(goal)] = {"wanted": goal.text(), "by default": _measured(results, goal, "comet-updates serve")}
    return table


def _name(goal: Goal) -> str:
    return f"{goal.section.replace('_', ' ')}: {goal.figure}"


def _measured(results: Mapping[str, Section], goal: Goal, case: str) -> str:
    section = results.get(goal.section)
    value = section["rows"].get(case, {}).get(goal.figure) if section else None
    if value is None or isinstance(value, str):
        return "not measured"
    median = value["median"] if isinstance(value, dict) else float(value)
    shown = f"{median:g} ({value['p10']:g} to {value['p90']:g})" if isinstance(value, dict) else f"{median:g}"
    return shown if goal.is_met(median) else f"**{shown}**"
