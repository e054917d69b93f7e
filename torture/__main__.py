"""`make torture`: what the service has to survive, thoroughly. Prints one line of figures last."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated

import typer

from torture import parts
from torture.checks import Part
from torture.counts import Counts


def main(*, only: Annotated[str, typer.Option(help="Run only the parts whose name contains this.")] = "") -> None:
    """Hold the service against faults, hostile input and load. Exit code 1: something was wrong or lost."""
    chosen = {name: part for name, part in parts.ALL.items() if only in name}
    raise typer.Exit(0 if run(chosen) else 1)


def run(chosen: Mapping[str, Part]) -> bool:
    """Run the parts and print the line; gives whether all went well, with nothing wrong and nothing lost."""
    counts, failed = Counts(), []
    for name, part in chosen.items():
        started = time.monotonic()
        print(f"== {name}", flush=True)
        if not part(counts):
            failed.append(name)
        print(f"== {name}: {time.monotonic() - started:.0f} s", flush=True)
    for name in failed:
        print(f"FAILED: {name}")
    print(counts, flush=True)
    return not failed and counts.is_clean


if __name__ == "__main__":
    typer.run(main)
