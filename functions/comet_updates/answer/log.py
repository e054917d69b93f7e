"""Log records, the only thing that is ever logged. Every field of a record comes from a finite set.

A field is a member of an enumeration, or the name of a document that *we* publish. Text from a client can never become
a field. `Log` also silences every other output: the root logger, libraries' loggers, warnings and hooks.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import warnings
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from comet_updates.answer import urls

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger


class Outcome(Enum):
    """The outcome of a request or of a publication."""

    ANSWERED = "answered"
    NOT_MODIFIED = "not_modified"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    UNAVAILABLE = "unavailable"
    PUBLISHED = "published"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    FAILED = "failed"


class Cache(Enum):
    """The source of the bytes of an answer."""

    NONE = "none"
    MEMORY = "memory"
    REVALIDATED = "revalidated"
    FETCHED = "fetched"
    STALE = "stale"


SUCCESSES = frozenset(
    {
        Outcome.ANSWERED,
        Outcome.NOT_MODIFIED,
        Outcome.NOT_FOUND,
        Outcome.METHOD_NOT_ALLOWED,
        Outcome.PUBLISHED,
        Outcome.UNCHANGED,
    }
)
"""Outcomes that nobody has to act on, unless the answer was stale. Only logged if the deployment asks for it."""

DURATIONS = ((0.001, "<1ms"), (0.01, "<10ms"), (0.1, "<100ms"), (1.0, "<1s"))
DURATION_ABOVE = ">=1s"
NOT_A_RECORD = '{"level":"WARNING","outcome":"not_a_record"}'
"""The line that replaces anything that is not a `Record`."""


class Record(NamedTuple):
    """One line of the log. `document` is empty unless it names a document that we publish."""

    outcome: Outcome
    document: urls.DocumentId = urls.NO_DOCUMENT
    cache: Cache = Cache.NONE
    seconds: float = 0.0

    @property
    def level(self) -> int:
        """The severity: `logging.INFO`, `WARNING` (S3 fails, and memory helps) or `ERROR` (somebody has to act)."""
        if self.outcome not in SUCCESSES:
            return logging.ERROR
        return logging.WARNING if self.cache is Cache.STALE else logging.INFO

    def line(self) -> str:
        """Return the record as one line of JSON, with the duration as a range."""
        duration = next((name for limit, name in DURATIONS if self.seconds < limit), DURATION_ABOVE)
        return json.dumps(
            {
                "level": logging.getLevelName(self.level),
                "outcome": self.outcome.value,
                **self.document._asdict(),
                "cache": self.cache.value,
                "duration": duration,
            },
            separators=(",", ":"),
        )


class Log:
    """Writes records to standard output and silences every other output.

    Args:
        successes: whether records that need no action are written, too.
        level: the name of the least severe level that is written: INFO, WARNING or ERROR.
    """

    def __init__(self, *, successes: bool, level: str) -> None:
        _close_other_sinks()
        self._successes = successes
        self._level = logging.getLevelNamesMapping()[level]
        self._handler = _ClosedHandler()
        # The logger takes a third of a cold start. Create it with the first line, unless every request has a line.
        self._logger = _powertools(self._handler) if successes else None

    def write(self, record: Record) -> None:
        """Write `record`. Anything that is not exactly a `Record` is written as a constant."""
        if record.level >= self._level and (record.level > logging.INFO or self._successes):
            logger = self._logger = self._logger or _powertools(self._handler)
            write = {logging.INFO: logger.info, logging.WARNING: logger.warning, logging.ERROR: logger.error}
            write[record.level](record)


def _powertools(handler: logging.Handler) -> Logger:
    """Return the logger of Powertools. Calling this again after a failure is safe."""
    from aws_lambda_powertools import Logger  # noqa: PLC0415 (see `Log`)

    logging.getLogger("aws_lambda_powertools").handlers = [logging.NullHandler()]  # POWERTOOLS_DEBUG adds one
    # Explicit values override POWERTOOLS_LOGGER_LOG_EVENT and similar variables, which may be set by mistake.
    return Logger(service="comet-updates", logger_handler=handler, sampling_rate=0)


class _ClosedHandler(logging.StreamHandler[TextIO]):
    """Writes records and nothing else: no message, no extra key, no exception, no request id, no time.

    It ignores the formatter that it is given. It writes to the current `sys.stdout`, as `logging.lastResort` does with
    `sys.stderr`.
    """

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    def format(self, record: logging.LogRecord) -> str:
        return record.msg.line() if type(record.msg) is Record else NOT_A_RECORD

    @property
    def stream(self) -> TextIO:
        return sys.stdout

    @stream.setter
    def stream(self, _: TextIO) -> None: ...


def _close_other_sinks() -> None:
    """Silence libraries, warnings and hooks: their texts may quote a request."""
    root = logging.getLogger()
    root.handlers = [logging.NullHandler()]
    logging.lastResort = None
    logging.raiseExceptions = False
    warnings.simplefilter("ignore")
    sys.unraisablehook = _say_nothing
    threading.excepthook = _say_nothing


def _say_nothing(_: Any) -> None:  # noqa: ANN401 (two hooks, two private types)
    """Drop the argument. This replaces hooks."""
