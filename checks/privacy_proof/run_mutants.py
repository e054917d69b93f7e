"""Run checks in the project, and in copies of it that each have a leak."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple, Self

from checks.privacy_proof import build_steps, elsewhere, gate, imports, session
from checks.privacy_proof.mutant import BrokenMutantError, Built, Mutant, build
from checks.privacy_proof.source import FOLDERS
from checks.privacy_proof.worker import Command
from comet_updates import promises
from comet_updates.promises import PROMISES, Check
from testkit.reviewed import ANSWER_MODULES

LIKELY_MAX = 3
"""The number of checks that run before the others are collected. Collecting takes as long as running some of them."""

PATIENCE_S = 7200
"""How long one check may take in its thorough form before it is ended. The longest has some minutes of work, and a busy
machine may do a tenth of it in the same time."""

NO_TEST_FAILED, TESTS_FAILED = 0, 1
"""Exit codes of pytest; any other means that the checks did not run."""


class Run(NamedTuple):
    """The results of the checks.

    Attributes:
        outcomes: pytest's id of each test that ran → `passed`, `failed` or `skipped`.
        figures: the counts and observations of the tests; see `tally` in tests/privacy/conftest.py.
        why: what pytest printed about tests that failed.
    """

    outcomes: dict[str, str]
    figures: list[dict[str, int | list[str]]]
    why: str = ""

    def of(self, check: Check) -> list[str]:
        """Return the outcomes of all cases of `check`."""
        return [
            outcome
            for test, outcome in self.outcomes.items()
            if test == check.test or test.startswith(f"{check.test}[")
        ]

    def failed(self) -> list[str]:
        """Return the tests that failed."""
        return [test for test, outcome in self.outcomes.items() if outcome == "failed"]


def together(runs: Iterable[Run]) -> Run:
    """Return several runs of different checks as one."""
    outcomes: dict[str, str] = {}
    figures: list[dict[str, int | list[str]]] = []
    why = ""
    for run in runs:
        outcomes |= run.outcomes
        figures += run.figures
        why += run.why
    return Run(outcomes, figures, why)


class MutantResult(NamedTuple):
    """The result of a mutant.

    Attributes:
        mutant: the mutant.
        by: the test that failed first, or `None` if the mutant survived.
        without: the test that failed first without the checks of the source code, or `None`. For a leak that is not
            there each time, at most one quick check is tried.
    """

    mutant: Mutant
    by: str | None
    without: str | None


def copy_of(root: Path, folder: Path) -> Path:
    """Copy the files of the project at `root` that Git knows or would know to `folder`, and return that."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (root / name).is_file():  # not a link to a folder, nor a file that was deleted
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / name)
    return folder


class Worker:
    """Runs checks, each time in a fork of a process that has imported the libraries.

    Use it as a context manager, which ends that process.
    """

    def __init__(self) -> None:
        """Start the process that imports the libraries."""
        command = [sys.executable, "-P", str(Path(__file__).with_name("worker.py"))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        """Return the worker itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, after what it is running."""
        self._process.communicate()

    def session(self, root: Path, check: Check, leaks: list[Built]) -> list[bool]:
        """Return for each of `leaks` whether `check` fails with it, or nothing if a leak spoils the session."""
        with tempfile.TemporaryDirectory() as folder:
            tasks, failed = Path(folder) / "leaks", Path(folder) / "failed"
            tasks.write_text(json.dumps([session.written(leak) for leak in leaks]))
            environment = {
                "PYTHONDONTWRITEBYTECODE": "1",
                "COMET_PRIVACY": "quick",
                "COMET_LEAKS": str(tasks),
                "COMET_FAILED": str(failed),
            }
            self._answer(root, environment, ["-p", "checks.privacy_proof.session", check.test])
            return json.loads(failed.read_text()) if failed.exists() else []

    def run(self, root: Path, checks: Iterable[Check], *options: str, full: bool = False) -> Run:
        """Run `checks` of the project at `root`, with `options` of pytest.

        Args:
            root: the project. Its files may change from run to run.
            checks: the checks to run, in this order.
            options: for pytest.
            full: whether the checks run in their thorough form.

        Raises:
            BrokenMutantError: pytest could not run them.
        """
        with tempfile.TemporaryDirectory() as folder:
            outcomes, figures = Path(folder) / "outcomes", Path(folder) / "figures"
            environment = {
                "PYTHONDONTWRITEBYTECODE": "1",  # byte code of a leak must not stay
                "COMET_PRIVACY": "full" if full else "quick",
                "COMET_OUTCOMES": str(outcomes),
                "COMET_TALLY": str(figures),
            }
            tests = [check.test for check in checks]
            plugin = ["-p", "checks.privacy_proof.recorder", "-o", f"faulthandler_timeout={PATIENCE_S}"]
            code, printed = self._answer(root, environment, [*plugin, *options, *tests])
            ran = Run(dict(_lines(outcomes)), list(_lines(figures)), printed if code == TESTS_FAILED else "")
        if code not in (NO_TEST_FAILED, TESTS_FAILED) or not ran.outcomes:
            raise BrokenMutantError(printed[-4000:])
        return ran

    def compile(self, root: Path, checks: Iterable[Check]) -> None:
        """Write the byte code of all modules that `checks` import from the project at `root`, for later runs.

        Raises:
            BrokenMutantError: the checks cannot be imported.
        """
        environment = {"PYTHONDONTWRITEBYTECODE": ""}
        code, printed = self._answer(root, environment, ["--collect-only", *(check.test for check in checks)])
        if code != NO_TEST_FAILED:
            raise BrokenMutantError(printed[-4000:])

    def _answer(self, root: Path, environment: dict[str, str], arguments: list[str]) -> tuple[int, str]:
        """Run pytest, and return its exit code and what it printed."""
        if not self._process.stdin or not self._process.stdout:
            raise RuntimeError("the process has no input or no output")
        path = os.pathsep.join([*(str(root / name) for name in FOLDERS), str(root)])
        command = Command(root=str(root), environment=environment | {"PYTHONPATH": path}, arguments=arguments)
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        if not (answer := self._process.stdout.readline()):
            raise BrokenMutantError(f"the process that runs the checks ended, with exit code {self._process.wait()}")
        code, printed = json.loads(answer)
        return code, printed


def checks_of(mutant: Mutant) -> list[Check]:
    """Return the checks of the promises that `mutant` breaks, those that are likely to see it soon first.

    The checks of the source code are not among them; see `by_source`.
    """
    broken = [check for check in _broken(mutant) if check not in OF_SOURCE]
    likely = [check for check in dict.fromkeys(_likely(mutant.place)) if check in broken]
    others = set(broken) - set(likely)
    return [*likely, *sorted(others, key=lambda check: (check in COSTLY, *check))]


def _broken(mutant: Mutant) -> list[Check]:
    return [check for promise in PROMISES if promise.id in mutant.breaks.split() for check in promise.checks]


OF_ANSWERING = {promises.GATE: gate.violations, promises.USES: imports.violations}
OF_ELSEWHERE = {
    promises.UPLOADS: gate.violations_of_uploads,
    promises.CLIENT_SENDS: gate.violations_of_client,
    promises.USES_ELSEWHERE: elsewhere.violations,
}
OF_PYTHON = OF_ANSWERING | OF_ELSEWHERE
OF_SOURCE = {*OF_PYTHON, promises.BUILD_STEPS, promises.SCREEN, promises.OLD_VERSION_SCREEN}
"""The checks that read the source code. They run nothing, so the rules run here. The two that count lines are left out
here: they would catch any leak that adds a line, and say little about it."""


def by_source(mutant: Mutant, built: Built) -> Check | None:
    """Return the first check of the source code that sees `built`, if it is one of the promises of `mutant`."""
    if built.file.as_posix() in build_steps.STEPS:
        seen = promises.BUILD_STEPS in _broken(mutant) and build_steps.violations(built.file.as_posix(), built.after)
        return promises.BUILD_STEPS if seen else None
    if built.file.suffix != ".py":
        return None
    module = ".".join(built.file.with_suffix("").parts[1:])
    broken = [check for check in _broken(mutant) if module in ANSWER_MODULES or check not in OF_ANSWERING]
    return next((check for check, rules in OF_PYTHON.items() if check in broken and rules(module, built.after)), None)


def quick_check(mutant: Mutant) -> Check | None:
    """Return the check that sees most leaks in the place of `mutant` and can be tried again and again, or `None`."""
    broken = _broken(mutant)
    quick = [(mutant.place, promises.MEMORY)] if mutant.family == "state" else QUICK
    return next((check for start, check in quick if mutant.place.startswith(start) and check in broken), None)


QUICK = (
    ("template.yaml", promises.TEMPLATE),
    ("layers/answer", promises.TEMPLATE),
    ("layers/publish", promises.TEMPLATE),
    ("comet_updates.answer", promises.TRACES),
    ("comet_updates.publish.run", promises.PUBLISHING_ALONE),
    ("comet_updates_client", promises.CLIENT_ALONE),
)
"""Beginning of a place → the check that is tried first, for many leaks in one session."""
IN_A_SESSION = 12
"""The number of leaks that one session tries."""
COSTLY = {
    *(promises.WHO_UPLOADS, promises.EVERY_FAULT_OF_PUBLISHING),
    *(promises.SANDBOX, promises.SANDBOX_PUBLISHING, promises.BUILT),
}
"""These run last, since they take the longest."""
_LIKELY = (
    (
        "template.yaml",
        (
            promises.TEMPLATE,
            promises.RETENTION,
            promises.QUIET,
            promises.EDGE,
            promises.EDGE_VERSION,
            promises.LEGACY_EDGE,
        ),
    ),
    ("layers/answer", (promises.FEW_LIBRARIES, promises.TEMPLATE)),
    ("comet_updates_cli.audit", promises.AUDIT),
    ("functions/Makefile", (promises.BUILT,)),
    ("layers/Makefile", (promises.BUILT,)),
    ("functions/", (promises.PAGE, promises.PAGE_ALONE)),
    ("comet_updates.formats.manifest", (promises.TO_ASK,)),
    ("comet_updates.formats", (promises.PAGE, promises.PAGE_ALONE)),
    ("comet_updates.publish.publisher", (promises.PAGE,)),
    ("comet_updates.publish", (promises.NO_UPLOADER, promises.EVERY_FAULT_OF_PUBLISHING)),
    ("comet_updates.model", (promises.NO_FIELD,)),
    ("comet_updates.answer.log", (promises.ONLY_RECORDS, promises.SILENCE, promises.FINITE_LOG)),
    ("comet_updates.answer.urls.drop_in", (promises.OLD_VERSION, promises.OLD_VERSION_ALONE)),
    ("comet_updates.answer.urls", (promises.LEGACY_PATH, promises.ONLY_GETS)),
    ("comet_updates_client.schedule", (promises.CLIENT_SPREAD,)),
    ("comet_updates_client.request.download", (promises.CLIENT_DOWNLOAD,)),
    ("comet_updates_client.source_tuf", (promises.CLIENT_SAW,)),
    (
        "comet_updates_client",
        (
            promises.CLIENT_OFF,
            promises.CLIENT_BARE,
            promises.CLIENT_TRUST,
            promises.CLIENT_STAYS,
            promises.CLIENT_SILENT,
            promises.CLIENT_SAME,
        ),
    ),
    ("comet_updates_cli", (promises.CLIENT_UNASKED, promises.CLIENT_SILENT)),
    (
        "comet_updates.answer.drop_in",
        (promises.OLD_VERSION_CACHED, promises.NOT_BACK, promises.OLD_VERSION_ALONE, promises.OLD_VERSION),
    ),
    ("comet_updates.answer.store", (promises.ONLY_GETS, promises.FROM_MEMORY, promises.FINITE_LOG)),
    (
        "comet_updates.answer.respond",
        (promises.NO_REDIRECT, promises.LEGACY_CACHED, promises.HOW_OFTEN, promises.PAGE_POLICY, promises.PARTNERS),
    ),
    (
        "comet_updates.answer",
        (promises.MEMORY, promises.ONE_CORRESPONDENT, promises.NO_REDIRECT, promises.SEEN_BY, promises.FEW_MODULES),
    ),
    ("comet_updates.answer", (promises.FINITE_LOG, promises.NO_CANARY, promises.EVERY_FAULT)),
)
"""Beginning of a place → the checks that see most leaks there. It decides how soon a leak is caught, not whether."""


def _likely(place: str) -> list[Check]:
    return [check for start, checks in _LIKELY for check in checks if place.startswith(start)]


class Session(NamedTuple):
    """Mutants that one check tries, one after the other; see `session.py`."""

    check: Check
    mutants: list[Mutant]


def try_one(mutant: Mutant, root: Path, worker: Worker) -> str | None:
    """Build `mutant` into the project at `root`, run its checks there until one fails, and take it out again."""
    built = build(mutant, root)
    built.write(root)
    checks = checks_of(mutant)
    try:
        for some in filter(None, (checks[:LIKELY_MAX], checks[LIKELY_MAX:])):
            if failed := worker.run(root, some, "-x").failed():
                return failed[0]
    except BrokenMutantError as error:
        raise BrokenMutantError(f"{mutant.name}: {error}") from error
    finally:
        built.undo(root)
    return None


def sessions(mutants: Iterable[Mutant]) -> list[Session]:
    """Return sessions of mutants that have the same quick check."""
    by_check: dict[Check, list[Mutant]] = {}
    for mutant in mutants:
        if check := quick_check(mutant):
            by_check.setdefault(check, []).append(mutant)
    return [
        Session(check, some[start : start + IN_A_SESSION])
        for check, some in by_check.items()
        for start in range(0, len(some), IN_A_SESSION)
    ]


def groups(checks: Iterable[Check]) -> list[list[Check]]:
    """Return `checks` by file: those of one file share what they set up."""
    files: dict[str, list[Check]] = {}
    for check in checks:
        files.setdefault(check.file, []).append(check)
    return list(files.values())


def hunt(
    root: Path, mutants: Iterable[Mutant], workers: int, groups: Iterable[list[Check]] = ()
) -> Iterator[MutantResult | Run]:
    """Yield the result of each mutant of the project at `root`, when it is known. `root` itself does not change.

    Args:
        root: the project.
        mutants: the mutants to try, each in a copy.
        workers: the number of processes that work at once.
        groups: checks to run thoroughly on the project without a mutant; each group gives a `Run`.

    Raises:
        BrokenMutantError: a mutant cannot be built in, or checks cannot run.
    """
    built = {mutant: build(mutant, root) for mutant in mutants}  # find broken mutants before the long work
    source = {mutant: by_source(mutant, leak) for mutant, leak in built.items()}
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        free: SimpleQueue[tuple[Path, Worker]] = SimpleQueue()
        first, *others = [(folder / str(number), opened.enter_context(Worker())) for number in range(workers)]
        copy_of(root, first[0])
        first[1].compile(first[0], (check for promise in PROMISES for check in promise.checks))
        for copy, _ in others:
            shutil.copytree(first[0], copy)
        for pair in (first, *others):
            free.put(pair)

        def work(task: Task) -> Iterable[Mutant | MutantResult | Run]:
            """Do a task. Return results, and the mutants that are not caught yet."""
            copy, worker = free.get()
            try:
                match task:
                    case Mutant():
                        is_known = source[task] and task.when != "always"
                        return [_result(task, source[task], None if is_known else try_one(task, copy, worker))]
                    case Session(check, some):
                        leaks = [built[mutant] for mutant in some]
                        # A busy machine can spoil a session. To repeat it costs less than to try each leak on its own.
                        failed = worker.session(copy, check, leaks) or worker.session(copy, check, leaks)
                        return list(_after_session(check, some, failed, source))
                return [worker.run(copy, task, full=True)]
            finally:
                free.put((copy, worker))

        pool = opened.enter_context(ThreadPoolExecutor(workers))
        begun = sessions(built)
        in_session = {mutant for begun_one in begun for mutant in begun_one.mutants}
        tasks: list[Task] = [*groups, *begun, *(mutant for mutant in built if mutant not in in_session)]
        waiting = {pool.submit(work, task) for task in tasks}
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for result in (each for one in done for each in one.result()):
                    if isinstance(result, Mutant):
                        waiting.add(pool.submit(work, result))
                    else:
                        yield result
        finally:
            pool.shutdown(cancel_futures=True)  # after an error, or Ctrl-C, do not run the rest


Task = Mutant | Session | list[Check]
"""A mutant to try by all its checks, many to try by one check, or checks to run without a mutant."""


def _result(mutant: Mutant, source: Check | None, without: str | None) -> MutantResult:
    return MutantResult(mutant, source.test if source else without, without)


def _after_session(
    check: Check, some: list[Mutant], failed: list[bool], source: dict[Mutant, Check | None]
) -> Iterator[Mutant | MutantResult]:
    # A spoiled session has no results.
    for mutant, has_failed in zip(some, failed or [False] * len(some), strict=True):
        if has_failed:
            yield _result(mutant, source[mutant], check.test)
        elif mutant.when != "always" and source[mutant]:
            yield _result(mutant, source[mutant], None)
        else:
            yield mutant


def _lines(file: Path) -> list:  # type: ignore[type-arg]
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
