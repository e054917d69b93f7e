"""Draws the charts of docs/cost.md from the numbers on standard input: `make fleet`. Needs matplotlib alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

FOLDER = Path(__file__).parents[2] / "docs"
INK, FAINT = "#7d8590", "#7d859048"  # as readable on white as on black, and so are the colours
RED, ORANGE, GREEN, BLUE, VIOLET = "#e5534b", "#c9822b", "#2f9e6e", "#4a8fe7", "#a371f7"
STYLE = {
    "svg.hashsalt": "comet-updates",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica", "Arial", "DejaVu Sans"],
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titlepad": 12,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "lines.linewidth": 2,
    "legend.frameon": False,
    "legend.fontsize": 10,
}
CLIENTS = {
    10**4: "10,000",
    10**5: "100,000",
    10**6: "1 million",
    10**7: "10 million",
    10**8: "100 million",
    10**9: "1 billion",
}


def _plain(value: float, _position: int = 0) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _fleets(
    title: str, lines: dict[str, list[float]], clients: list[int], looks: Mapping[str, tuple[str, str, int]]
) -> tuple[Figure, Any]:
    """Return lines over the size of the fleet, both axes logarithmic, each with its name at its end.

    Args:
        title: the title of the chart.
        lines: the values, by name.
        clients: the sizes.
        looks: by name: the label, the colour, and how far the label is above the line's end, in points.
    """
    figure = Figure(figsize=(8.6, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for name, (label, colour, above) in looks.items():
        axes.plot(clients, lines[name], color=colour)
        axes.annotate(
            label,
            (clients[-1], lines[name][-1]),
            (10, above),
            textcoords="offset points",
            va="center",
            color=colour,
            annotation_clip=False,
        )
    axes.set_xticks(list(CLIENTS), CLIENTS.values())
    axes.set_xlabel("clients, each asking once a day")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(_plain))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.02)
    return figure, axes


def origin(numbers: dict[str, Any]) -> Figure:
    """Return the chart of requests a second at the origin against the size of the fleet."""
    looks = {
        "no CDN": ("no CDN", RED, 0),
        "version and platform in the URL": ("regional caches,\nversioned URL", ORANGE, 4),
        "edges alone": ("600 edges alone", VIOLET, -2),
        "regional caches": ("regional caches", GREEN, 0),
        "origin shield": ("origin shield", BLUE, 0),
    }
    title = "Requests a second at the origin  (lines: formula, dots: simulation)"
    figure, axes = _fleets(title, numbers["lines"], numbers["clients"], looks)
    for name, dots in numbers["dots"].items():
        axes.plot(numbers["dots_at"], dots, "o", color=looks[name][1], markersize=5.5)
    return figure


def dollars(numbers: dict[str, Any]) -> Figure:
    """Return the chart of dollars a month against the size of the fleet."""
    looks = {
        "no CDN": ("no CDN", RED, 8),
        "regional caches": ("with the CDN", GREEN, -8),
        "version and platform in the URL, without the CDN's part": (
            "versioned URL, without\nthe CDN's price",
            ORANGE,
            0,
        ),
        "regional caches, without the CDN's part": ("with the CDN, without\nits own price", BLUE, 0),
    }
    return _fleets("Dollars a month", numbers["lines"], numbers["clients"], looks)[0]


def herd(numbers: dict[str, Any]) -> Figure:
    """Return the chart of polls and origin requests a second before and after an outage."""
    looks = {
        "at once, all within 10 s": RED,
        "retries every minute": ORANGE,
        "back-off with jitter, from 1 min to 1 h": BLUE,
        "at a random time of the next hour": GREEN,
    }
    figure = Figure(figsize=(8.6, 5.8), layout="constrained")
    top, bottom = figure.subplots(2, sharex=True, height_ratios=[3, 2])
    minutes = numbers["minutes"]
    for name, colour in looks.items():
        top.step(minutes, [value or None for value in numbers["polls"][name]], where="post", color=colour, label=name)
    top.axhline(numbers["usual"], color=INK, linewidth=1, linestyle=(0, (1, 2.5)))
    top.annotate("usual", (minutes[0], numbers["usual"]), (6, 8), textcoords="offset points", va="center")
    top.set_title("Polls a second, 100 million clients")
    top.set_yscale("log")
    top.set_ylim(bottom=500)
    top.yaxis.set_major_formatter(FuncFormatter(_plain))
    top.yaxis.set_minor_locator(NullLocator())
    top.legend(title="clients that missed their poll come back", alignment="left")
    bottom.fill_between(minutes, numbers["requests"], step="post", color=VIOLET, linewidth=1)
    bottom.axhline(numbers["usual_requests"], color=INK, linewidth=1, linestyle=(0, (1, 2.5)))
    bottom.set_title("Requests a second at the origin (averages of 10 s), if all come back at once")
    bottom.set_xlabel("minutes after the end of an outage of one hour")
    bottom.set_ylim(bottom=0)
    for axes in (top, bottom):
        axes.axvspan(minutes[0], 0, color=INK, alpha=0.12, linewidth=0)
        axes.set_xlim(minutes[0], 60)
        axes.set_xticks(range(0, 61, 10))
    return figure


if __name__ == "__main__":
    given = json.load(sys.stdin)
    mpl.rcParams.update(STYLE)
    for chart in (origin, dollars, herd):
        about = {"Date": None, "Creator": None, "Description": f"made from numbers {given['digest']}"}
        drawn = chart(given[chart.__name__])
        drawn.savefig(FOLDER / f"cost-{chart.__name__}.svg", transparent=True, metadata=about)
