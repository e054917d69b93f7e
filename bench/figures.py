"""Figures with their spread, and ratios of figures of the same round."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TypedDict

Figure = dict[str, float]
"""`median`, `p10` and `p90` of several rounds."""

Row = dict[str, float | str | Figure]
"""The figures of one case, by name and unit."""


class Section(TypedDict):
    """The results of one part of the bench.

    Attributes:
        command: the command that measures it again.
        about: the method, in a sentence or two.
        rows: by the name of the case.
        missing: why a case was left out, by its name.
    """

    command: str
    about: str
    rows: dict[str, Row]
    missing: dict[str, str]


def spread(values: Sequence[float]) -> Figure:
    """Return median, 10th and 90th percentile, to four digits."""
    deciles = statistics.quantiles(values, n=10, method="inclusive") if len(values) > 1 else [values[0]] * 9
    shown = {"median": statistics.median(values), "p10": deciles[0], "p90": deciles[-1]}
    return {name: float(f"{value:.4g}") for name, value in shown.items()}


def ratio(values: Sequence[float], yardstick: Sequence[float]) -> Figure:
    """Return the spread of `values` divided by `yardstick`, round by round."""
    return spread([value / other for value, other in zip(values, yardstick, strict=True)])


def median(rows: Mapping[str, Row], case: str, figure: str) -> float | None:
    """Return the median of `figure` for `case` in the rows of a section, or `None` if it was not measured."""
    value = rows.get(case, {}).get(figure)
    if isinstance(value, dict):
        return value["median"]
    return float(value) if value is not None else None
