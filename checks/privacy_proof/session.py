"""A plugin of pytest: tries one check again and again, each time with another leak built into the project.

The check must run the code in a new process, or read it from its file. What takes long is set up once.
Afterwards the check has to pass without a leak. Otherwise a leak has left something behind, and no result counts.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

from checks.privacy_proof.mutant import Built


def pytest_runtestloop(session: pytest.Session) -> bool:
    """Called by pytest in place of its own loop. Write whether the check failed, for each leak."""
    root = Path.cwd()
    (item,) = session.items
    leaks = [_read(leak) for leak in json.loads(Path(os.environ["COMET_LEAKS"]).read_text())]
    failed = []
    for leak in leaks if _passes(item) else ():
        leak.write(root)
        try:
            failed.append(not _passes(item))
        finally:
            leak.undo(root)
    if failed and _passes(item):
        Path(os.environ["COMET_FAILED"]).write_text(json.dumps(failed))
    return True


def written(leak: Built) -> list[object]:
    """Return `leak` as JSON."""
    return [str(leak.file), leak.before, leak.after, [[str(file), text] for file, text in leak.more]]


def _read(leak: list[object]) -> Built:
    match leak:
        case [str(file), str(before), str(after), list(more)]:
            return Built(Path(file), before, after, tuple((Path(name), text) for name, text in more))
    raise ValueError(leak)


def _passes(item: pytest.Item) -> bool:
    # The next item decides what stays set up: another one of the same module keeps everything but the test's own.
    sibling = pytest.Function.from_parent(item.parent, name="sibling", callobj=lambda: None)
    return all(report.passed for report in runtestprotocol(item, log=False, nextitem=sibling))
