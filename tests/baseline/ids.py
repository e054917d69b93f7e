"""Ids of tests: of the baseline, of the source, and which test replaced which."""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from testkit.project import ROOT
from tests.baseline.stored import FOLDER

REWRITE = "COMET_REWRITE_IDS"
"""The environment variable with which pytest writes the baseline's ids when it has collected the tests."""

IDS, REPLACED = FOLDER / "test_ids.txt", FOLDER / "replaced.txt"
OWN = FOLDER.relative_to(ROOT).as_posix() + "/"


class Row(NamedTuple):
    """One line of `replaced.txt`: `new` replaced `old`, and `why`."""

    old: str
    new: str
    why: str


def baseline() -> Counter[str]:
    """Return the number of cases of each test function when the baseline was made, by its id."""
    lines = (line.rpartition(" ") for line in IDS.read_text(encoding="utf-8").splitlines())
    return Counter({name: int(cases) for name, _, cases in lines})


def write(collected: Counter[str]) -> None:
    """Write the collected ids as the baseline, and remove the rows of `replaced.txt`."""
    lines = [f"{name} {cases}\n" for name, cases in sorted(collected.items()) if not name.startswith(OWN)]
    IDS.write_text("".join(lines), encoding="utf-8")
    comments = [line for line in REPLACED.read_text(encoding="utf-8").splitlines(keepends=True) if line.startswith("#")]
    REPLACED.write_text("".join(comments), encoding="utf-8")


def rows() -> list[Row]:
    """Return the rows of `replaced.txt`.

    Raises:
        ValueError: a line is not of the form `old -> new # why`.
    """
    found = []
    for line in REPLACED.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            names, _, why = line.partition(" # ")
            old, arrow, new = (part.strip() for part in names.partition("->"))
            if not (old and arrow and new and why.strip()):
                raise ValueError(f"{REPLACED.name}: a line is not `old -> new # why`: {line}")
            found.append(Row(old, new, why.strip()))
    return found


def is_below(name: str, place: str) -> bool:
    """Return whether the test `name` is `place`, or is in the folder, file or class `place`."""
    return name == place or name.startswith(place if place.endswith("/") else f"{place}::")


def today(name: str, rows: Iterable[Row]) -> tuple[str, Row | None]:
    """Return the id that the test `name` of the baseline has today, and the row that says so. The longest row wins."""
    row = max((row for row in rows if is_below(name, row.old)), key=lambda row: len(row.old), default=None)
    return (name, None) if row is None else (row.new + name.removeprefix(row.old), row)


@cache
def in_source() -> set[str]:
    """Return the id of every test function in the source, as pytest names it without the case."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    files = (
        file for path in settings["tool"]["pytest"]["ini_options"]["testpaths"] for file in (ROOT / path).rglob("*.py")
    )
    return {
        f"{file.relative_to(ROOT).as_posix()}::{name}"
        for file in files
        if file.name.startswith("test_") and "node_modules" not in file.parts
        for name in _names(ast.parse(file.read_bytes()))
    }


def _names(scope: ast.Module | ast.ClassDef) -> Iterator[str]:
    for node in scope.body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from (f"{node.name}::{name}" for name in _names(node))
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            yield node.name
