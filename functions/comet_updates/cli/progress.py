"""How far long work is: a bar on standard error where somebody looks at a terminal, and nothing anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

Thing = TypeVar("Thing")


@contextmanager
def in_bytes(what: str, total_bytes: int | None, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show how many bytes are done. Gives what is told of more of them, from any thread."""
    with _bar(DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(), quiet=quiet) as progress:
        task = progress.add_task(what, total=total_bytes)
        yield lambda more: progress.advance(task, more)


def each(what: str, things: Sequence[Thing], *, quiet: bool) -> Iterator[Thing]:
    """Hand on `things`, one by one, and show how many are done."""
    with _bar(MofNCompleteColumn(), quiet=quiet) as progress:
        yield from progress.track(things, description=what)


def _bar(*columns: ProgressColumn, quiet: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *columns,
        console=Console(stderr=True),
        disable=quiet or not sys.stderr.isatty(),
        transient=True,
    )
