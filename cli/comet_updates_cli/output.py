"""Progress bars on standard error; nothing is shown if that is not a terminal."""

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
    """Show the number of bytes that are done. Yield a function, for any thread, that adds bytes."""
    with _bar(DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(), quiet=quiet) as progress:
        task = progress.add_task(what, total=total_bytes)
        yield lambda more: progress.advance(task, more)


def each(what: str, things: Sequence[Thing], *, quiet: bool) -> Iterator[Thing]:
    """Yield `things` one by one, and show how many are done."""
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
