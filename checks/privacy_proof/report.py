"""The evidence report, as JSON and as a page: the checks, their results, and what nobody can check from here.

For one commit it is the same, byte for byte: it has no times and no paths, and its order is fixed.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from checks.privacy_proof import report_data
from checks.privacy_proof.mutant import FAMILIES, KINDS
from checks.privacy_proof.run_mutants import MutantResult, Run
from checks.privacy_proof.source import code_lines
from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.promises import NOT_PROVABLE, PROMISES, Check, Promise
from comet_updates_cli.audit import allowed
from testkit.people import FIELDS, UPLOADER
from testkit.project import ROOT
from testkit.reviewed import ANSWER_MODULES, SEES
from testkit.search import SPELLINGS

Report = dict[str, Any]

QUOTES: dict[str, str] = json.loads((ROOT / "samples" / object_keys.PUBLISHER).read_bytes())["quotes"]
"""The sentences of the privacy policy that this project keeps, by promise. The samples have them."""

PLACE = urls.DocumentId("<product>", "<channel>", "<document>")
PLACES = (urls.NO_DOCUMENT, urls.DocumentId("<product>", "", ""), PLACE)


def make(checked: Run, caught: Iterable[MutantResult], commit: str, *, changed: bool) -> Report:
    """Return the report on a run of all checks and on the mutants.

    Args:
        checked: the results of the checks, without a mutant.
        caught: the result of each mutant.
        commit: the id of the commit.
        changed: whether files differed from the commit.
    """
    mutants = sorted(caught, key=lambda found: found.mutant.name)
    promises = [_promise(promise, checked, mutants) for promise in PROMISES]
    return {
        "schema": 3,
        "commit": commit,
        "changed": changed,
        "holds": all(promise["holds"] for promise in promises),
        "pairs": _sum(checked, "pairs"),
        "faults": _sum(checked, "faults"),
        "canaries": _sum(checked, "canaries"),
        "sinks": _union(checked, "sinks"),
        "spellings": list(SPELLINGS),
        "fields": {"of a request": list(FIELDS), "of a notification of an upload": list(UPLOADER)},
        "mutants": {
            **_figures(mutants),
            "kinds": {kind: _figures(found for found in mutants if found.mutant.when == kind) for kind in KINDS},
            "without_structure": {
                kind: _figures((found for found in mutants if found.mutant.when == kind), without=True)
                for kind in KINDS
            },
            "families": {
                family: {"words": words, **_figures(found for found in mutants if found.mutant.family == family)}
                for family, words in FAMILIES.items()
            },
            "list": [
                {
                    "name": found.mutant.name,
                    "when": found.mutant.when,
                    "family": found.mutant.family,
                    "breaks": found.mutant.breaks.split(),
                    "place": found.mutant.place,
                    "changes": [change.shown._asdict() for change in found.mutant.changes],
                    "killed_by": found.by,
                    "without_structure_killed_by": found.without,
                }
                for found in mutants
            ],
        },
        "promises": promises,
        "log": {
            "fields": {
                "level": ["INFO", "WARNING", "ERROR"],
                "product, channel, document": ["names that a publisher chose, of what is published", "empty"],
                **report_data.log_fields(),
            },
            "lines": [line for place in PLACES for line in report_data.log_lines(place)],
        },
        "answers": {str(status): headers for status, headers in report_data.answers().items()},
        "outbound": _union(checked, "outbound"),
        "actions": report_data.actions(),
        "resources": {type_: reason for type_, (_, reason) in allowed.RESOURCE_TYPES.items()},
        "environment": allowed.ENVIRONMENT,
        "dependencies": report_data.dependencies("answer"),
        "modules": sorted(ANSWER_MODULES),
        "sees_a_request": {function: code_lines(function) for function in sorted(SEES)},
        "not_provable": list(NOT_PROVABLE),
    }


def write(report: Report, folder: Path) -> Iterator[Path]:
    """Write `privacy-report.json` and `privacy-report.html` to `folder`, and yield their paths."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("report.html.jinja").render(report)
    for name, text in {"privacy-report.json": json.dumps(report, indent=1) + "\n", "privacy-report.html": page}.items():
        (folder / name).write_text(text, encoding="utf-8")
        yield folder / name


def commit_of(root: Path) -> tuple[str, bool]:
    """Return the commit that is checked out at `root`, and whether files differ from it."""
    commit, status = (
        subprocess.run(["git", "-C", str(root), *command], capture_output=True, text=True, check=True).stdout
        for command in (["rev-parse", "HEAD"], ["status", "--porcelain"])
    )
    return commit.strip(), bool(status)


def _promise(promise: Promise, checked: Run, caught: list[MutantResult]) -> Report:
    checks = [_check(check, checked) for check in promise.checks]
    mine = [found for found in caught if promise.id in found.mutant.breaks.split()]
    killed = [found for found in mine if found.by is not None]
    blind = [found for found in mine if found.mutant.when == "always" and found.without is None]
    return {
        **promise._asdict(),
        "quote": QUOTES[promise.id],
        # If no mutant made a check of a promise fail, nothing guards that promise. The checks that run the code have to
        # see each leak that is always there, too.
        "holds": all(check["holds"] for check in checks) and len(killed) == len(mine) > 0 and not blind,
        "checks": checks,
        "mutants": _figures(mine),
    }


def _check(check: Check, checked: Run) -> Report:
    outcomes = checked.of(check)
    holds = bool(outcomes) and set(outcomes) == {"passed"}
    return {"sentence": check.sentence, "test": check.test, "cases": len(outcomes), "holds": holds}


def _figures(caught: Iterable[MutantResult], *, without: bool = False) -> dict[str, int]:
    by = [found.without if without else found.by for found in caught]
    return {"total": len(by), "killed": sum(test is not None for test in by)}


def _sum(checked: Run, figure: str) -> int:
    return sum(value for figures in checked.figures if isinstance(value := figures.get(figure, 0), int))


def _union(checked: Run, figure: str) -> list[str]:
    return sorted(
        {name for figures in checked.figures if isinstance(seen := figures.get(figure), list) for name in seen}
    )
