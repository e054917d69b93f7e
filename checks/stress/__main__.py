"""`make torture`: the thorough tests of faults, hostile input and load. The last line has the figures."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import typer

from checks.stress import parts
from checks.stress.checks import Part
from testkit.counts import Counts

PROCESSES = 3
"""The number of parts that run at once: one waits for a silent S3 while two others compute."""


def main(*, only: Annotated[str, typer.Option(help="Run only the parts whose name contains this.")] = "") -> None:
    """Run the stress tests. Exit code 1: something was wrong or lost."""
    chosen = {name: part for name, part in parts.ALL.items() if only in name}
    raise typer.Exit(0 if run(chosen) else 1)


def run(chosen: Mapping[str, Part]) -> bool:
    """Run the parts, and print a line for each and for all. Return whether nothing failed, was wrong or was lost."""
    counts = Counts()
    with ThreadPoolExecutor(PROCESSES) as pool:
        failed = _failed(
            pool.map(
                lambda name: _run(name, chosen[name], counts), [name for name in chosen if name not in parts.ALONE]
            )
        )
    failed += _failed(_run(name, chosen[name], counts) for name in chosen if name in parts.ALONE)
    for name in sorted(failed):
        print(f"FAILED: {name}")
    print(counts, flush=True)
    return not failed and counts.is_clean


def _failed(done: Iterable[tuple[str, bool]]) -> list[str]:
    return [name for name, is_well in done if not is_well]


def _run(name: str, part: Part, counts: Counts) -> tuple[str, bool]:
    started, own = time.monotonic(), Counts()
    try:
        is_well = part(own)
    except Exception:  # noqa: BLE001 (the others, and the line, come all the same)
        traceback.print_exc()
        is_well = False
    counts.add(**own.nonzero())
    figures = "".join(f" {figure}={number}" for figure, number in own.nonzero().items())
    print(f"== {name}: {time.monotonic() - started:.0f} s, {'well' if is_well else 'FAILED'}{figures}", flush=True)
    return name, is_well


if __name__ == "__main__":
    typer.run(main)
