"""`make privacy`: run every check of every promise, build every leak into a copy, and write the evidence report."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from comet_updates.promises import checks
from proof import mutants, report
from proof.hunt import BrokenMutantError, Caught, Run, hunt, run

ROOT = Path(__file__).parents[1]


def main(
    *,
    only: Annotated[str, typer.Option(help="Build in only the leaks whose name contains this; writes no report.")] = "",
    jobs: Annotated[int, typer.Option(min=1, help="How many leaks are tried at once.")] = os.cpu_count() or 1,
) -> None:
    """Prove the promises, or say which does not hold. Exit code 0: all hold; 1: one does not."""
    console = Console()
    chosen = [mutant for mutant in mutants.ALL if only in mutant.name]
    try:
        # Beside each other: the checks of S3's failures mostly wait.
        with _progress(console) as progress, ThreadPoolExecutor(1) as beside:
            checking = None if only else beside.submit(_checked, progress)
            caught = _caught(progress, chosen, jobs)
            checked = checking.result() if checking else None
    except BrokenMutantError as error:
        console.print(f"The checks could not run: {escape(str(error))}", style="red")
        raise typer.Exit(1) from error
    console.print(_table(caught))
    survivors = [found.mutant.name for found in caught if found.by is None]
    for name in survivors:
        console.print(f"No check noticed this leak: {escape(name)}", style="red")
    if checked is None:
        raise typer.Exit(1 if survivors else 0)
    _report(console, checked, caught)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


def _checked(progress: Progress) -> Run:
    task = progress.add_task("Running the checks", total=1)
    checked = run(ROOT, checks(), full=True)
    progress.advance(task)
    return checked


def _caught(progress: Progress, chosen: list[mutants.Mutant], jobs: int) -> list[Caught]:
    task = progress.add_task("Building in leaks", total=len(chosen))
    caught = []
    for found in hunt(ROOT, chosen, jobs):
        caught.append(found)
        progress.advance(task)
    return sorted(caught)


def _table(caught: list[Caught]) -> Table:
    table = Table("what it does with the leak built in", "breaks", "caught by", box=None)
    for found in caught:
        by = found.by.partition("::")[2].removeprefix("test_").replace("_", " ") if found.by else "NOBODY"
        table.add_row(escape(found.mutant.name), found.mutant.breaks, escape(by))
    return table


def _report(console: Console, checked: Run, caught: list[Caught]) -> None:
    commit, changed = report.commit_of(ROOT)
    made = report.make(checked, caught, commit, changed=changed)
    for test in checked.failed():
        console.print(f"Failed: {escape(test)}", style="red")
    for promise in made["promises"]:
        console.print(f"{promise['id']:4} {'holds' if promise['holds'] else 'DOES NOT HOLD'}: {promise['heading']}")
    killed, total = made["mutants"]["killed"], made["mutants"]["total"]
    console.print(
        f"{made['pairs']} pairs compared, {made['canaries']} canaries in {len(made['sinks'])} sinks, "
        f"{made['faults']} faults, {killed} of {total} leaks caught."
    )
    for path in report.write(made, ROOT):
        console.print(f"Written: {path.relative_to(ROOT)}")
    raise typer.Exit(0 if made["holds"] else 1)


if __name__ == "__main__":
    typer.run(main)
