"""What the evidence report lists besides the checks: taken from the code and the template, never typed in."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from comet_updates import names
from comet_updates.record import DURATIONS, Cache, Outcome, Record

ROOT = Path(__file__).parents[1]
FUNCTIONS = ROOT / "functions"
SCREEN_LINES = 60
"""What fits on one screen."""


def log_lines(place: names.Place) -> Iterator[str]:
    """Every line that can be logged about `place`."""
    seconds = [0.0, *(limit for limit, _ in DURATIONS)]  # each bucket's lower end
    for outcome, cache, duration in itertools.product(Outcome, Cache, seconds):
        yield Record(outcome, place, cache, duration).line()


def source_lines(function: str) -> int:
    """How many lines the function at the dotted path `package.module.qualified_name` has."""
    *_, (file, name) = (
        (file, function.removeprefix(module).removeprefix("."))
        for file in sorted(FUNCTIONS.rglob("*.py"))
        if function.startswith(f"{(module := _module(file))}.")
    )
    node: Any = ast.parse(file.read_text())
    for part in name.replace(".<locals>", "").split("."):
        node = next(child for child in node.body if getattr(child, "name", None) == part)
    return int(node.end_lineno) - int(node.lineno) + 1


def _module(file: Path) -> str:
    return ".".join(file.relative_to(FUNCTIONS).with_suffix("").parts).removesuffix(".__init__")
