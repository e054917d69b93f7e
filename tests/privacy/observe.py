"""Everything that a request may have left behind, as one value that can be compared and searched."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from moto.core.base_backend import BackendDict
from moto.s3.models import FakeKey

if TYPE_CHECKING:
    from tests.conftest import Handler, Wire

# Counters of moto's own, which grow with every call.
UNSTABLE = {"_tick", "last_modified", "_last_modified", "_expiry"}


class Observation(NamedTuple):
    """What was seen while a handler ran."""

    answers: tuple[str, ...]
    stdout: str
    stderr: str
    wire: tuple[Any, ...]
    state: str
    temporary_files: frozenset[str]

    def sinks(self) -> dict[str, bytes]:
        """What stays behind, by the name of the place; the answers are among them, since caches keep those."""
        return {
            "answers": "\n".join(self.answers).encode(),
            "stdout": self.stdout.encode(),
            "stderr": self.stderr.encode(),
            "requests to S3": repr(self.wire).encode(),
            "state of S3": self.state.encode(),
            "temporary files": " ".join(self.temporary_files).encode(),
        }


def observe(
    handler: Handler, events: list[dict[str, Any]], wire: Wire, capfd: pytest.CaptureFixture[str]
) -> Observation:
    """Run `events` through `handler` and note all that can be seen afterwards."""
    del wire[:]
    capfd.readouterr()
    before = temporary_files()
    answers = tuple(json.dumps(handler(event, None)) for event in events)
    out, err = capfd.readouterr()
    return Observation(
        answers, out, err, tuple(map(_signed_by_the_clock, wire)), moto_state(), temporary_files() - before
    )


def moto_state() -> str:
    """The whole state of moto, walked object by object: its own dump leaves out what JSON cannot say."""
    seen: dict[int, object] = {}  # the objects, too: a freed one would give its id to another

    def walk(value: object) -> object:
        if isinstance(value, (str, int, float, bool, bytes, type(None))):
            return repr(value)
        if id(value) in seen:
            return "..."
        seen[id(value)] = value
        if isinstance(value, FakeKey):
            return ["key", repr(value.name), repr(value.value), walk(dict(value.metadata)), repr(value.etag)]
        if isinstance(value, dict):
            return [[repr(key), walk(item)] for key, item in list(value.items()) if key not in UNSTABLE]
        if isinstance(value, (list, tuple, set, frozenset)):
            return [walk(item) for item in list(value)]
        return [type(value).__name__, walk(getattr(value, "__dict__", {}))]

    return json.dumps([[instance.service_name, walk(dict(instance))] for instance in BackendDict._instances])


def temporary_files() -> frozenset[str]:
    folder = Path(tempfile.gettempdir())
    return frozenset(str(path.relative_to(folder)) for path in folder.iterdir())


def _signed_by_the_clock(request: tuple[Any, ...]) -> tuple[Any, ...]:
    """The request without what the second of its signing decides."""
    *rest, headers, body = request
    timed = {"HTTP_X_AMZ_DATE", "HTTP_AUTHORIZATION", "HTTP_AMZ_SDK_INVOCATION_ID"}
    return (*rest, tuple(header for header in headers if header[0] not in timed), body)
