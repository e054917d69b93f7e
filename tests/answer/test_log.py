"""Test that the log holds lines of a finite set, and nothing else."""

from __future__ import annotations

import itertools
import json
import logging
import os
import subprocess
import sys
import threading
import warnings
from contextlib import redirect_stdout
from io import StringIO

import pytest

from comet_updates.answer import urls
from comet_updates.answer.log import NOT_A_RECORD, SUCCESSES, Cache, Log, Outcome, Record
from testkit.project import ROOT

PLACE = urls.DocumentId("comet-cursor", "stable", "manifest.json")


@pytest.fixture
def log(open_sinks: None, monkeypatch: pytest.MonkeyPatch) -> Log:
    # A deployment may set these by mistake.
    monkeypatch.setenv("POWERTOOLS_LOGGER_LOG_EVENT", "true")
    monkeypatch.setenv("POWERTOOLS_DEV", "true")
    monkeypatch.setenv("POWERTOOLS_DEBUG", "true")
    at_the_root = logging._StderrHandler(logging.WARNING)  # type: ignore[attr-defined]  # the stubs leave it out
    logging.getLogger().addHandler(at_the_root)  # Lambda's runtime client has one there
    threading.excepthook = threading.__excepthook__  # Python's own, which prints, in place of the one of the tests
    return Log(successes=True, level="INFO")


def test_a_record_is_one_line_of_json(log: Log, capfd: pytest.CaptureFixture[str]) -> None:
    log.write(Record(Outcome.ANSWERED, PLACE, Cache.MEMORY, 0.0004))
    out, err = capfd.readouterr()
    assert (out.count("\n"), err) == (1, "")
    assert json.loads(out) == {
        "level": "INFO",
        "outcome": "answered",
        "product": "comet-cursor",
        "channel": "stable",
        "document": "manifest.json",
        "cache": "memory",
        "duration": "<1ms",
    }


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [
        (0.0, "<1ms"),
        (0.000_999, "<1ms"),
        (0.001, "<10ms"),
        (0.05, "<100ms"),
        (0.5, "<1s"),
        (1.0, ">=1s"),
        (9e9, ">=1s"),
    ],
)
def test_a_duration_is_only_told_as_one_of_five_buckets(seconds: float, bucket: str) -> None:
    assert json.loads(Record(Outcome.ANSWERED, seconds=seconds).line())["duration"] == bucket


def test_all_lines_for_one_place_can_be_listed() -> None:
    durations = (0.0, 0.005, 0.05, 0.5, 5.0)
    lines = {Record(*fields).line() for fields in itertools.product(Outcome, [PLACE], Cache, durations)}
    assert len(lines) == len(Outcome) * len(Cache) * len(durations)


def test_successes_are_written_only_if_asked_for(open_sinks: None, capfd: pytest.CaptureFixture[str]) -> None:
    quiet = Log(successes=False, level="INFO")
    for outcome in Outcome:
        quiet.write(Record(outcome))
    written = [json.loads(line)["outcome"] for line in capfd.readouterr().out.splitlines()]
    assert written == ["unavailable", "refused", "failed"]


def test_a_stale_answer_is_a_warning_and_always_written(open_sinks: None, capfd: pytest.CaptureFixture[str]) -> None:
    Log(successes=False, level="INFO").write(Record(Outcome.ANSWERED, PLACE, Cache.STALE))
    assert json.loads(capfd.readouterr().out)["level"] == "WARNING"


@pytest.mark.parametrize(("level", "lines"), [("INFO", 3), ("WARNING", 2), ("ERROR", 1)])
def test_the_level_of_the_deployment_decides_what_is_written(
    open_sinks: None, capfd: pytest.CaptureFixture[str], level: str, lines: int
) -> None:
    log = Log(successes=True, level=level)
    for record_ in (Record(Outcome.ANSWERED), Record(Outcome.ANSWERED, cache=Cache.STALE), Record(Outcome.FAILED)):
        log.write(record_)
    assert len(capfd.readouterr().out.splitlines()) == lines


def test_anything_but_a_record_is_logged_as_a_constant(log: Log, capfd: pytest.CaptureFixture[str]) -> None:
    logger = log._logger
    assert logger
    logger.error("203.0.113.77")
    logger.error("client %s", "203.0.113.77")
    logger.error({"sourceIp": "203.0.113.77"})
    logger.append_keys(client="203.0.113.77")
    logger.exception(ValueError("203.0.113.77"))
    assert capfd.readouterr().out.splitlines() == [NOT_A_RECORD] * 4


def test_no_other_logger_and_no_warning_or_hook_writes_anything(log: Log, capfd: pytest.CaptureFixture[str]) -> None:
    logging.getLogger().error("203.0.113.77")
    logging.getLogger("botocore").critical("203.0.113.77")
    logging.getLogger("any.library").exception("203.0.113.77")
    warnings.warn("203.0.113.77", stacklevel=1)
    sys.unraisablehook(None)  # type: ignore[arg-type]
    thread = threading.Thread(target=lambda: dict[str, str]()["203.0.113.77"])
    thread.start()
    thread.join()
    logging.getLogger("comet-updates").handlers[0].handleError(logging.makeLogRecord({"msg": "203.0.113.77"}))
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("open_sinks")
class TestPowertoolsThatWaitsForTheFirstLine:
    """Only failures are logged by default, so Powertools is loaded in the middle of a request."""

    LINE = Record(Outcome.FAILED).line()

    @pytest.mark.parametrize(("successes", "waits"), [(False, True), (True, False)])
    def test_it_waits_unless_every_request_is_written(self, *, successes: bool, waits: bool) -> None:
        log = Log(successes=successes, level="INFO")
        log.write(Record(Outcome.UNAVAILABLE if successes else Outcome.ANSWERED))
        assert (log._logger is None) == waits

    def test_a_fault_at_any_moment_of_its_start_costs_no_later_line(self) -> None:
        """Run in a new process.

        A fault inside `logging` leaves a lock held, which would stop other threads of this process.
        """
        code = "from tests.answer.test_log import fail_at_every_moment\nassert fail_at_every_moment() > 50"
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)

    def test_a_library_that_cannot_be_loaded_is_tried_again(
        self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        log = Log(successes=False, level="INFO")
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "aws_lambda_powertools", None)
            with pytest.raises(ImportError):
                log.write(Record(Outcome.FAILED))
        log.write(Record(Outcome.FAILED))
        assert capfd.readouterr() == (f"{self.LINE}\n", "")

    @pytest.mark.parametrize("successes", [True, False])
    def test_its_own_debug_log_stays_shut_and_nothing_is_opened_again(self, *, successes: bool) -> None:
        """Run in a new process, which has not loaded Powertools yet."""
        code = (
            "import logging, sys, threading, warnings\n"
            "from comet_updates.answer.log import Log, Outcome, Record\n"
            f"log = Log(successes={successes}, level='INFO')\n"
            "log.write(Record(Outcome.FAILED))\n"
            "logging.getLogger().error('203.0.113.77')\n"
            "logging.getLogger('aws_lambda_powertools').error('203.0.113.77')\n"
            "logging.getLogger('any.library').error('203.0.113.77')\n"
            "warnings.warn('203.0.113.77')\n"
            "thread = threading.Thread(target=lambda: {}['203.0.113.77'])\n"
            "thread.start(), thread.join()\n"
        )
        flags = dict.fromkeys(("POWERTOOLS_DEBUG", "POWERTOOLS_DEV", "POWERTOOLS_LOGGER_LOG_EVENT"), "true")
        run = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | flags, capture_output=True, text=True, check=True
        )
        assert (run.stdout, run.stderr) == (f"{self.LINE}\n", "")


def fail_at_every_moment() -> int:
    """Write the first line once for each call that it makes, with a fault at that call. Return the number of calls."""
    line = f"{Record(Outcome.FAILED).line()}\n"
    for nth in itertools.count():
        logging.Logger.manager.loggerDict.pop("comet-updates", None)
        log, fault = Log(successes=False, level="INFO"), Fault(nth)
        with redirect_stdout(StringIO()) as out:
            try:  # not `suppress`, whose own calls would count
                sys.setprofile(fault)
                log.write(Record(Outcome.FAILED))
            except OSError:
                pass
            finally:
                sys.setprofile(None)
        assert set(out.getvalue().splitlines(keepends=True)) <= {line}
        with redirect_stdout(StringIO()) as out:
            log.write(Record(Outcome.FAILED))
        assert out.getvalue() == line, nth
        if not fault.fired:
            return nth
    raise AssertionError


class Fault:
    """A profiler that raises an error at one call, as a lack of memory or files may at any call."""

    def __init__(self, nth: int) -> None:
        self._left = nth
        self.fired = False

    def __call__(self, _frame: object, what: str, callee: object) -> None:
        if what not in ("call", "c_call") or self.fired or callee is sys.setprofile:
            return
        if self._left == 0:
            self.fired = True
            raise OSError
        self._left -= 1


def test_before_the_log_is_opened_they_could_have(capfd: pytest.CaptureFixture[str]) -> None:
    """Positive control of the test above: without the protection, the same words reach the output."""
    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger("any.library").addHandler(handler)
    logging.getLogger("any.library").error("203.0.113.77")
    logging.getLogger("any.library").removeHandler(handler)
    assert "203.0.113.77" in capfd.readouterr().err


def test_a_closed_standard_output_is_no_error(
    log: Log, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Broken:
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Broken())
    log.write(Record(Outcome.FAILED))
    assert capfd.readouterr() == ("", "")


def test_every_outcome_is_either_a_success_or_asks_for_action() -> None:
    assert {outcome.value for outcome in Outcome} - {outcome.value for outcome in SUCCESSES} == {
        "unavailable",
        "refused",
        "failed",
    }
