"""The state of a copy, in one small file. It is never sent.

If the file is missing or broken, the copy begins with a new state.
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
"""The number of groups. It is so small that a group could not identify a copy, even if it were sent."""

FILE_MAX_BYTES = 10_000
FAILURES_MAX = 1_000
_SKIPPED_MAX_CHARS = 200


class State(NamedTuple):
    """The state of a copy.

    Attributes:
        group: from 0 to 99, drawn once. It decides when a rollout reaches this copy.
        skipped: the version (or build number) that its user skipped, or None. Lower ones are skipped, too.
        is_off: whether its user switched updates off.
        next_check: when to send the next request, or None before the first.
        failures: the number of failed requests since the last answer.
    """

    group: int
    skipped: str | None = None
    is_off: bool = False
    next_check: datetime | None = None
    failures: int = 0

    def is_due(self, now: datetime) -> bool:
        """Return whether it is time for a request. A time too far in the future comes from a wrong clock."""
        return self.next_check is None or not now < self.next_check <= now + timedelta(seconds=2 * WAIT_MAX_S)


def read(file: Path, rng: Random) -> State:
    """Return the stored state or, without a valid file, a new state with a group that `rng` draws."""
    with suppress(OSError, ValueError, RecursionError, LookupError, TypeError, OverflowError):
        if file.is_file() and file.stat().st_size <= FILE_MAX_BYTES:
            return _parse(json.loads(file.read_bytes()))
    return State(rng.randrange(GROUPS))


def write(file: Path, state: State) -> None:
    """Store `state`. If this fails, the file keeps its old content.

    Raises:
        StateError: the file cannot be written, or is another file of the user, such as a key.
    """
    next_check = state.next_check.astimezone(UTC).isoformat() if state.next_check else None
    said = {"group": state.group, "skipped": state.skipped, "never": state.is_off}
    text = json.dumps(said | {"next_check": next_check, "failures": state.failures}) + "\n"
    try:
        if file.exists() and not _may_be_replaced(file):
            raise StateError(str(file), "another file has this name")
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.") as folder:
            written = Path(folder) / file.name
            written.write_text(text, encoding="utf-8")
            written.replace(file)
    except OSError as error:
        raise StateError(str(file), error.strerror or type(error).__name__) from error


def _may_be_replaced(file: Path) -> bool:
    """Return whether a file is a state, even a broken one, or has no content."""
    if not file.is_file() or file.stat().st_size > FILE_MAX_BYTES:
        return False
    content = file.read_bytes().strip(b"\0 \r\n")
    return not content or (content.startswith(b"{") and b'"group"' in content)


def _parse(said: dict[str, object]) -> State:
    """Return the state in the file's JSON.

    Raises:
        ValueError, KeyError, TypeError: the JSON is not as `write` writes it.
    """
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
