"""Runs checks in a copy of the project: as it is, or with a leak built in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from comet_updates.promises import OLD_VERSION_SEEN, PROMISES, SEEN_BY, Check
from proof.mutants import Mutant

NO_TEST_FAILED, TESTS_FAILED = 0, 1
"""Exit codes of pytest; any other means that the checks did not run."""


class BrokenMutantError(Exception):
    """A mutant cannot be applied, or the checks cannot run with it: it proves nothing."""


class Run(NamedTuple):
    """How the checks ended.

    Attributes:
        outcomes: pytest's id of each test that ran → `passed`, `failed` or `skipped`.
        figures: what the tests counted and saw; see `tally` in tests/privacy/conftest.py.
    """

    outcomes: dict[str, str]
    figures: list[dict[str, int | list[str]]]

    def of(self, check: Check) -> list[str]:
        """The outcomes of all cases of `check`."""
        return [
            outcome
            for test, outcome in self.outcomes.items()
            if test == check.test or test.startswith(f"{check.test}[")
        ]

    def failed(self) -> list[str]:
        """The tests that failed."""
        return [test for test, outcome in self.outcomes.items() if outcome == "failed"]


class Caught(NamedTuple):
    """What became of a mutant; `by` is the test that failed first, and nothing if it survived."""

    mutant: Mutant
    by: str | None


def copy_of(root: Path, folder: Path) -> Path:
    """The files of the project at `root` that Git knows or would know, copied to `folder`."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (root / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / name)
    return folder


def run(root: Path, checks: Iterable[Check], *options: str, full: bool = False) -> Run:
    """Run `checks` of the project at `root`.

    Raises:
        BrokenMutantError: pytest could not run them.
    """
    with tempfile.TemporaryDirectory() as folder:
        outcomes, figures = Path(folder) / "outcomes", Path(folder) / "figures"
        environment = {
            **os.environ,
            "PYTHONPATH": f"{root / 'functions'}{os.pathsep}{root}",
            "PYTHONDONTWRITEBYTECODE": "1",  # a changed file may be as old and as long as before
            "COMET_PRIVACY": "full" if full else "quick",
            "COMET_OUTCOMES": str(outcomes),
            "COMET_TALLY": str(figures),
        }
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "proof.recorder", *options]
        command += [check.test for check in checks]
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
        if done.returncode not in (NO_TEST_FAILED, TESTS_FAILED):
            raise BrokenMutantError(done.stdout[-2000:] + done.stderr[-2000:])
        return Run(dict(_lines(outcomes)), list(_lines(figures)))


def checks_of(mutant: Mutant) -> list[Check]:
    """The checks of the promises that `mutant` breaks, those that are likely to see it first."""
    broken = [check for promise in PROMISES if promise.id in mutant.breaks.split() for check in promise.checks]
    return sorted(dict.fromkeys(broken), key=lambda check: _distance(mutant, check))


def _distance(mutant: Mutant, check: Check) -> tuple[bool, bool, bool]:
    elsewhere = check.file.startswith("template/") != (mutant.file == "template.yaml")
    # The budget of one screen sees every line that is added; what the line does is the better reason.
    return (
        elsewhere,
        check in (SEEN_BY, OLD_VERSION_SEEN),
        check.file.startswith("privacy/test_non"),
    )  # those take the longest


def apply(mutant: Mutant, root: Path) -> str:
    """Build `mutant` into the project at `root`; gives what stood in its file before.

    Raises:
        BrokenMutantError: what is to be replaced does not stand there, or not once.
    """
    file = root / mutant.file
    before = file.read_text()
    if before.count(mutant.old) != 1:
        raise BrokenMutantError(f"{mutant.name}: {mutant.file} has {mutant.old!r} {before.count(mutant.old)} times")
    file.write_text(before.replace(mutant.old, mutant.new))
    return before


def try_one(mutant: Mutant, root: Path) -> Caught:
    """Build `mutant` into the project at `root`, run its checks until one fails, and take it out again."""
    before = apply(mutant, root)
    try:
        failed = run(root, checks_of(mutant), "-x").failed()
    except BrokenMutantError as error:
        raise BrokenMutantError(f"{mutant.name}: {error}") from error
    finally:
        (root / mutant.file).write_text(before)
    return Caught(mutant, failed[0] if failed else None)


def hunt(root: Path, mutants: Iterable[Mutant], workers: int) -> Iterator[Caught]:
    """What becomes of each mutant of the project at `root`, as it becomes known; `root` itself stays as it is."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(workers):
            copies.put(copy_of(root, Path(folder) / str(number)))

        def work(mutant: Mutant) -> Caught:
            copy = copies.get()
            try:
                return try_one(mutant, copy)
            finally:
                copies.put(copy)

        tried = [pool.submit(work, mutant) for mutant in mutants]
        try:
            for done in as_completed(tried):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)  # after an error, or Ctrl-C, the rest would only take time


def _lines(file: Path) -> list:  # type: ignore[type-arg]
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
