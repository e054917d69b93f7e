"""The counts of `make torture`, and the line that it prints last.

A part calls `counts.add(...)` in the process of `torture`, and a test calls `tally(...)`.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

FIGURES = ("faults", "inputs", "crashes", "interleavings", "answers", "wrong", "lost")
"""The counts, in the order of the line.

`faults`: times that an S3 misbehaved; `inputs`: hostile uploads and requests; `crashes`: publishers killed;
`interleavings`: orders of events and requests; `answers`: answers that were checked; `wrong`: wrong answers or
documents; `lost`: accepted uploads that are not public after the last sweep.
"""

IS_FULL = os.environ.get("TORTURE") == "full"
"""Whether tests run in their thorough form, as for `make torture`."""

_TALLY = "TORTURE_TALLY"


class Counts:
    """Sums by figure; threads may add."""

    def __init__(self) -> None:
        self._sums = dict.fromkeys(FIGURES, 0)
        self._lock = threading.Lock()

    def add(self, **figures: int) -> None:
        """Add to the sums.

        Raises:
            KeyError: a name is not among `FIGURES`.
        """
        with self._lock:
            for name, number in figures.items():
                self._sums[name] += number

    def __getitem__(self, figure: str) -> int:
        """Return the sum of one figure."""
        return self._sums[figure]

    def nonzero(self) -> dict[str, int]:
        """Return the sums that are not 0, by figure."""
        return {figure: number for figure, number in self._sums.items() if number}

    @property
    def is_clean(self) -> bool:
        """True if no answer was wrong and nothing was lost."""
        return not self["wrong"] and not self["lost"]

    def __str__(self) -> str:
        """Return the line that `make torture` prints last."""
        return "torture: " + " ".join(f"{name}={number}" for name, number in self._sums.items())


def tally(**figures: int) -> None:
    """Add a test's counts, before it asserts. Without `make torture`, this does nothing."""
    unknown = figures.keys() - set(FIGURES)
    if unknown:
        raise KeyError(*sorted(unknown))
    if file := os.environ.get(_TALLY):
        with Path(file).open("a") as lines:
            lines.write(json.dumps(figures) + "\n")


def environment(tally_file: Path) -> dict[str, str]:
    """Return the environment variables that make tests thorough, and have them write their figures to `tally_file`."""
    return {"TORTURE": "full", _TALLY: str(tally_file)}


def add_tally(counts: Counts, tally_file: Path) -> None:
    """Add what tests counted."""
    for line in tally_file.read_text().splitlines() if tally_file.exists() else ():
        counts.add(**json.loads(line))
