"""The options that describe a rollout, of every command that can begin one."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

Percent = Annotated[int | None, typer.Option(min=0, max=100, help="Percentage of users to reach.")]
Every = Annotated[str | None, typer.Option(help="Time between two groups of users, such as 12h or 1d.")]
Groups = Annotated[int, typer.Option(min=1, max=100, help="With --every: number of groups.")]
Start = Annotated[str | None, typer.Option(help="With --every: start time, such as 2026-11-20T12:00:00Z.")]
GROUPS = 7

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
How = dict[str, Any]
"""A rollout as in a channel policy. In groups, it lacks `start` unless an option gives it."""


def rollout(percent: int | None, every: str | None, groups: int, start: str | None) -> How | None:
    """Return the rollout that the options describe, or None if they describe none.

    Raises:
        typer.BadParameter: both forms are given, or the interval is not valid; the exit code is 2.
    """
    if percent is not None and every is not None:
        raise typer.BadParameter("Give either --percent or --every.")
    if percent is not None:
        return {"percent": percent}
    if every is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,7})([smhd])", every)
    if not found:
        raise typer.BadParameter(f"{every!r} is not a valid interval. Write it as 30m, 12h or 1d.")
    phased: How = {"interval": int(found[1]) * _SECONDS[found[2]], "groups": groups}
    return {"start": start, **phased} if start else phased
