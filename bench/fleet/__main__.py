"""Recompute the figures in docs/cost.md, and print the charts' numbers to standard output for `bench.fleet.charts`."""

from __future__ import annotations

import json
from pathlib import Path

from bench.fleet.curves import curves, digest
from bench.fleet.tables import figures, fill

PAGE = Path(__file__).parents[2] / "docs" / "cost.md"

if __name__ == "__main__":
    PAGE.write_text(fill(PAGE.read_text(), figures()))
    numbers = curves()
    print(json.dumps(numbers | {"digest": digest(numbers)}))
