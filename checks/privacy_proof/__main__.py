"""`make privacy`: run every check of every promise, build every leak into a copy, and write the evidence report."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from checks.privacy_proof import mutants, report
from checks.privacy_proof.mutant import BrokenMutantError
from checks.privacy_proof.run_mutants import MutantResult, Run, groups, hunt, together
from comet_updates.promises import checks

ROOT = Path(__file__).parents[2]
JOBS = 1 + (os.cpu_count() or 1)
"""One more than the cores, since some checks wait for a slow S3."""
LINE_EVERY_S = 15.0
"""Seconds between two lines that report the progress, if the output is not a terminal."""


def main(
    *,
    only: Annotated[
        str, typer.Option(help="Build in only the leaks with this in their name, or of this class; write no report.")
    ] = "",
    jobs: Annotated[int, typer.Option(min=1, help="How many processes run checks at once.")] = JOBS,
) -> None:
    """Prove the promises. Exit code 0: all hold; 1: one does not."""
    console = Console()
    chosen = [mutant for mutant in mutants.ALL if only in mutant.name or only == mutant.family]
    first = () if only else groups(checks())
    try:
        found = list(_shown(hunt(ROOT, chosen, jobs, first), len(chosen) + len(first), console))
    except BrokenMutantError as error:
        console.print(f"The checks could not run: {escape(str(error))}", style="red")
        raise typer.Exit(1) from error
    caught = sorted((each for each in found if isinstance(each, MutantResult)), key=lambda each: each.mutant.name)
    console.print(_table(caught))
    survivors = [result.mutant.name for result in caught if result.by is None]
    for name in survivors:
        console.print(f"No check noticed this leak: {escape(name)}", style="red")
    unseen = [each.mutant.name for each in caught if each.by and not each.without and each.mutant.when == "always"]
    for name in unseen:
        console.print(f"Only a check of the source code noticed this leak: {escape(name)}", style="red")
    if only:
        raise typer.Exit(1 if survivors or unseen else 0)
    _report(console, together(result for result in found if isinstance(result, Run)), caught)


def _shown(results: Iterable[MutantResult | Run], total: int, console: Console) -> Iterator[MutantResult | Run]:
    """Yield `results`, and show how many of the `total` are done."""
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as progress:
            yield from progress.track(results, total, description="Checks and leaks")
        return
    started = shown = time.monotonic()
    for done, result in enumerate(results, start=1):
        now = time.monotonic()
        if now - shown >= LINE_EVERY_S or done == total:
            console.print(f"{done} of {total} checks and leaks done after {now - started:.0f} s")
            shown = now
        yield result


def _table(caught: list[MutantResult]) -> Table:
    table = Table("what it does with the leak built in", "breaks", "caught by", "without the source code", box=None)
    for found in caught:
        by, without = (_words(test) for test in (found.by, found.without))
        table.add_row(escape(found.mutant.name), found.mutant.breaks, by, "the same" if by == without else without)
    return table


def _words(test: str | None) -> str:
    return escape(test.partition("::")[2].removeprefix("test_").replace("_", " ")) if test else "NOBODY"


def _report(console: Console, checked: Run, caught: list[MutantResult]) -> None:
    commit, changed = report.commit_of(ROOT)
    made = report.make(checked, caught, commit, changed=changed)
    for test in checked.failed():
        console.print(f"Failed: {escape(test)}", style="red")
    for check in (check for check in checks() if not checked.of(check)):
        console.print(f"Ended without a result: {escape(check.test)}", style="red", soft_wrap=True)
    console.print(escape(checked.why), soft_wrap=True, end="")
    for test in (test for test, outcome in checked.outcomes.items() if outcome == "skipped"):
        why = f"`.venv/bin/python -m pytest -n 0 -rs {test}` says which tool is missing"
        console.print(f"Skipped: {escape(test)}. {escape(why)}.", style="red", soft_wrap=True)
    for promise in made["promises"]:
        console.print(f"{promise['id']:4} {'holds' if promise['holds'] else 'DOES NOT HOLD'}: {promise['heading']}")
    killed, total = made["mutants"]["killed"], made["mutants"]["total"]
    for kind, figures in made["mutants"]["kinds"].items():
        seen = made["mutants"]["without_structure"][kind]["killed"]
        console.print(
            f"{kind}: {figures['killed']} of {figures['total']} leaks caught; "
            f"{seen} without the checks of the source code."
        )
    console.print(
        f"{made['pairs']} pairs compared, {made['canaries']} canaries in {len(made['sinks'])} sinks, "
        f"{made['faults']} faults, {killed} of {total} leaks caught."
    )
    for path in report.write(made, ROOT):
        console.print(f"Written: {path.relative_to(ROOT)}")
    raise typer.Exit(0 if made["holds"] else 1)


if __name__ == "__main__":
    typer.run(main)
