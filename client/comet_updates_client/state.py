"""What a copy remembers, in one small file of its own. None of it is ever sent.

A file that is missing or broken is one that says nothing: the copy starts anew.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

from comet_updates.errors import StateError
from comet_updates_client.schedule import WAIT_MAX_S

GROUPS = 100
"""A copy's group is one of so few that it could not tell copies apart, even if it were sent."""

FILE_MAX_BYTES = 10_000
FAILURES_MAX = 1_000
_SKIPPED_MAX_CHARS = 200


class State(NamedTuple):
    """What a copy remembers.

    Attributes:
        group: from 0 to 99, drawn once: when a rollout reaches this copy.
        skipped: the version (or build number) that its user does not want to hear of, nor of a lower one.
        is_off: whether its user never wants to hear of an update again.
        next_check: when it is time to ask; `None` before the first time.
        failures: how often asking failed since the last answer.
    """

    group: int
    skipped: str | None = None
    is_off: bool = False
    next_check: datetime | None = None
    failures: int = 0

    def is_due(self, now: datetime) -> bool:
        """Whether it is time to ask. A time that is too far away was written under another clock."""
        return self.next_check is None or not now < self.next_check <= now + timedelta(seconds=2 * WAIT_MAX_S)


def read(file: Path, rng: Random) -> State:
    """What the copy remembers; if that is nothing, a new state, with a group that `chance` draws."""
    with suppress(OSError, ValueError, RecursionError, LookupError, TypeError, OverflowError):
        if file.stat().st_size <= FILE_MAX_BYTES:
            return _parse(json.loads(file.read_bytes()))
    return State(rng.randrange(GROUPS))


def write(file: Path, state: State) -> None:
    """Remember `state`: the whole of it, or what was there before. Raises `StateError`."""
    next_check = state.next_check.astimezone(UTC).isoformat() if state.next_check else None
    said = {"group": state.group, "skipped": state.skipped, "never": state.is_off}
    text = json.dumps(said | {"next_check": next_check, "failures": state.failures}) + "\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.") as folder:
            written = Path(folder) / file.name
            written.write_text(text, encoding="utf-8")
            written.replace(file)
    except OSError as error:
        raise StateError(str(file), error.strerror or type(error).__name__) from error


def _parse(said: dict[str, object]) -> State:
    """Raises `ValueError`, `KeyError` or `TypeError` for what `write` did not write."""
    group, skipped, is_off, failures = said["group"], said["skipped"], said["never"], said["failures"]
    if type(group) is not int or not 0 <= group < GROUPS or type(is_off) is not bool:
        raise ValueError("group")
    if type(failures) is not int or not 0 <= failures <= FAILURES_MAX:
        raise ValueError("failures")
    if skipped is not None and not (isinstance(skipped, str) and len(skipped) <= _SKIPPED_MAX_CHARS):
        raise ValueError("skipped")
    next_check = said["next_check"]
    at = None if next_check is None else datetime.fromisoformat(str(next_check))
    if at is not None and at.tzinfo is None:
        raise ValueError("next_check")
    return State(group, skipped, is_off, at.astimezone(UTC) if at else None, failures)
