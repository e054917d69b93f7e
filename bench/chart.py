"""`python bench/chart.py` draws `docs/performance.svg` from `bench/results.json`. It runs where matplotlib is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

ROOT = Path(__file__).parents[1]
PANELS = (
    ("cold_start", "x hello-world", "Cold start, times hello-world"),
    ("warm", "processor, ms a request", "Processor, ms a warm request"),
    ("service", "requests a second, 16 connections", "This machine, 16 connections, requests a second"),
)
OWN, OTHER = "#1f6f8b", "#b8bfc6"


def main() -> None:
    """Draw medians as bars and the 10th to the 90th percentile as lines."""
    mpl.rcParams.update({"svg.hashsalt": "comet-updates", "svg.fonttype": "none", "font.size": 9})
    results: dict[str, Any] = json.loads((ROOT / "bench" / "results.json").read_text())
    panels = [panel for panel in PANELS if results.get(panel[0], {}).get("rows")]
    figure, axes = plt.subplots(len(panels), 1, figsize=(8, 2.1 * len(panels)), layout="constrained", squeeze=False)
    for axis, (section, name, title) in zip(axes[:, 0], panels, strict=True):
        rows = {case: row[name] for case, row in results[section]["rows"].items() if name in row}
        medians = [row["median"] for row in rows.values()]
        errors = [
            [row["median"] - row["p10"] for row in rows.values()],
            [row["p90"] - row["median"] for row in rows.values()],
        ]
        colours = [OWN if case.startswith(("answer", "comet")) else OTHER for case in rows]
        axis.barh(list(rows), medians, xerr=errors, color=colours, error_kw={"elinewidth": 1, "capsize": 2})
        axis.invert_yaxis()
        axis.set_title(title, loc="left", fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(ROOT / "docs" / "performance.svg", metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
