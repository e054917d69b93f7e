"""The tables of `docs/performance.md`, made of `bench/results.json`. Each table is between two markers."""

from __future__ import annotations

import json
import re
from typing import Any

from bench import goals
from bench.figures import Figure, Row, Section
from testkit.lambda_runtime import ROOT

PAGE = ROOT / "docs" / "performance.md"
RESULTS = ROOT / "bench" / "results.json"
_PART = re.compile(r"(<!-- bench: (?P<name>\w+) -->\n).*?(<!-- /bench -->\n)", re.DOTALL)


def load() -> dict[str, Any]:
    """Return the latest results: `machine`, and each section by its name."""
    results: dict[str, Any] = json.loads(RESULTS.read_text())
    return results


def filled(page: str, results: dict[str, Any]) -> str:
    """Return `page` with the table of each section between its markers."""
    return _PART.sub(lambda found: f"{found[1]}{_part(found['name'], results)}{found[3]}", page)


def _part(name: str, results: dict[str, Any]) -> str:
    if name == "machine":
        return f"\n{results['machine']}\n\n"
    if name == "goals":
        return f"\n{table(goals.rows(results))}\n"
    section: Section | None = results.get(name)
    if section is None:
        return "\nNot measured.\n\n"
    left_out = "".join(f"Left out: {case}: {why}.\n" for case, why in section["missing"].items())
    shown = f"{table(section['rows'])}\n" if section["rows"] else ""
    return f"\n{section['about']}\nMade by `.venv/bin/{section['command']}`.\n\n{shown}{left_out}"


def table(rows: dict[str, Row]) -> str:
    """Return the rows as a Markdown table; each figure is its median, with the 10th and the 90th percentile."""
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    lines = [["", *columns], ["---"] * (len(columns) + 1)]
    lines += [[name, *(_cell(row.get(column, "")) for column in columns)] for name, row in rows.items()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(value: float | str | Figure) -> str:
    if isinstance(value, dict):
        return f"{value['median']:g} ({value['p10']:g} to {value['p90']:g})" if value["p90"] else f"{value['median']:g}"
    return value if isinstance(value, str) else f"{value:g}"
