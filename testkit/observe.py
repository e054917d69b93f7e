"""Everything that events may have left behind, as one value that can be compared and searched."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from moto.core.base_backend import BackendDict
from moto.s3.models import FakeKey

from testkit.execution import ANSWER, CLIENT, PUBLISH, Command, Seen
from testkit.memory import UnknownStateError
from testkit.project import ROOT

if TYPE_CHECKING:
    from testkit.s3 import Wire

__all__ = ["ANSWER", "CLIENT", "PUBLISH", "Lambda", "Observation", "differences", "environ", "moto_state"]

# Times and counters of moto's own: they show that something happened, but not what.
UNSTABLE = {"_tick", "last_modified", "_last_modified", "_expiry"}
# The time of a request's signing decides some headers; boto3 draws the others at random for each request.
SIGNING = {"HTTP_X_AMZ_DATE", "HTTP_AUTHORIZATION", "HTTP_AMZ_SDK_INVOCATION_ID", "HTTP_AMZ_SDK_REQUEST"}


class Observation(NamedTuple):
    """The observations of one execution environment and of the S3 that it used.

    Attributes:
        seen: what the environment itself shows.
        wire: every HTTP request that reached the S3.
        connections: the far ends of all connections that the environment had open while such a request was waiting,
            also those of obstore, which do not pass through Python. Empty unless a test asks for them, since there
            are many.
        state_before: the deep state of the S3 before the first event.
        state_after: and after the last.
    """

    seen: Seen
    wire: tuple[Any, ...]
    connections: tuple[str, ...]
    state_before: str
    state_after: str

    @property
    def answers(self) -> list[Any]:
        return [json.loads(posted) for posted in self.seen["posted"]]

    def sinks(self) -> dict[str, bytes]:
        """Return everything that an event leaves behind, by sink. The answers are a sink, since caches keep them."""
        own = {
            "answers": self.seen["posted"],
            "errors posted to Lambda": self.seen["errors"],
            "standard output": self.seen["stdout"],
            "standard error": self.seen["stderr"],
            "records of all loggers": self.seen["records"],
            "state of our modules": self.seen["state"],
            "environment variables": self.seen["environ"],
            "files and processes": self.seen["system"],
            "temporary files": self.seen["files"],
            "functions for signals and for the end": self.seen["hooks"],
            "memory of the process": self.seen["memory"],
        }
        return {name: _bytes(content) for name, content in own.items()} | {
            "requests to S3": repr(self.wire).encode(),
            "state of S3": self.state_after.encode(),
        }


def differences(one: Observation, other: Observation) -> dict[str, tuple[bytes, bytes]]:
    """Return the differences between two observations, by sink, each from the first byte that differs."""
    sinks = one.sinks(), other.sinks()
    found = {sink: (content, sinks[1][sink]) for sink, content in sinks[0].items() if content != sinks[1][sink]}
    return {sink: _from_difference(*contents) for sink, contents in found.items()}


def _from_difference(one: bytes, other: bytes) -> tuple[bytes, bytes]:
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[start : start + 80], other[start : start + 80]


class Lambda:
    """Makes execution environments, which are all equal and new; see `execution`."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._processes: dict[str, subprocess.Popen[str]] = {}

    def _process(self, module: str) -> subprocess.Popen[str]:
        """Return the process that forks for the handler of `module`, and start it the first time."""
        if module not in self._processes:
            self._processes[module] = subprocess.Popen(
                [sys.executable, "-m", "testkit.execution", module],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        return self._processes[module]

    def observe(
        self,
        module: str,
        environ: dict[str, str],
        events: Iterable[dict[str, Any]],
        *,
        leak: str = "",
        faults: int = 0,
        memory: bool = False,
        reads: bool = False,
        hosts: Iterable[tuple[str, int]] = (),
        watch: Iterable[str] = (),
        connections: bool = False,
    ) -> Observation:
        """Give `events` to the handler of `module` in a new environment, and return the observations. See `Command`.

        Args:
            connections: whether to record the connections, too.
        """
        with tempfile.TemporaryDirectory() as folder:
            command = Command(
                module=module,
                environ=environ | {"TMPDIR": folder},
                events=[_encoded(json.dumps(event)) for event in events],
                leak=leak,
                faults=faults,
                memory=memory,
                reads=reads,
                hosts=[*hosts, *_hosts(environ)],
                watch=[_encoded(text) for text in watch],
                is_patient=module == ANSWER and not self.wire.fault,
            )
            before = moto_state()
            del self.wire[:]
            process = self._process(module)
            assert process.stdin
            assert process.stdout
            process.stdin.write(json.dumps(command) + "\n")
            process.stdin.flush()
            far_ends: set[str] = set()
            child = int(process.stdout.readline())
            if connections:
                self.wire.watch = lambda: far_ends.update(_connections(child))
            seen = json.loads(process.stdout.readline().replace(folder, "TMPDIR"))
            self.wire.watch = lambda: None
        if (failed := seen.get("failed", "")).startswith(UnknownStateError.__name__):
            raise UnknownStateError(failed)
        assert not failed, failed
        requests = tuple(map(_unsigned, self.wire))
        if module == PUBLISH:  # several threads read, in any order
            requests = tuple(sorted(requests))
            seen["system"] = sorted(set(seen["system"]))
            seen["state"] = _texts(seen["state"])
        return Observation(seen, requests, tuple(sorted(far_ends)), before, moto_state())

    def close(self) -> None:
        for process in self._processes.values():
            assert process.stdin
            assert process.stdout
            process.stdin.close()
            process.wait()
            process.stdout.close()


def _hosts(environ: dict[str, str]) -> Iterator[tuple[str, int]]:
    """Yield the host and port of the S3 that the settings name."""
    if endpoint := environ.get("S3_ENDPOINT"):
        place = urlsplit(endpoint)
        yield str(place.hostname), place.port or 80


def _connections(process: int) -> Iterator[str]:
    """Yield the far ends of the TCP connections of `process`, from Linux's `/proc`."""
    try:
        targets = [str(link.readlink()) for link in Path(f"/proc/{process}/fd").iterdir()]
        rows = [
            row.split()
            for table in ("tcp", "tcp6")
            for row in Path(f"/proc/{process}/net/{table}").read_text().splitlines()
        ]
    except FileNotFoundError:  # a descriptor was closed during the search; another request will do
        return
    sockets = {target[8:-1] for target in targets if target.startswith("socket:")}
    for row in rows:
        if row[9] in sockets and not row[2].endswith(":0000"):
            address, port = row[2].split(":")
            host = ".".join(str(byte) for byte in reversed(bytes.fromhex(address))) if len(address) == 8 else address
            yield f"{host}:{int(port, 16)}"


def environ(**settings: str) -> dict[str, str]:
    """Return the environment of a function: this process's `AWS_*` and `PATH`, and `settings`."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("AWS_") or name == "PATH"}
    return kept | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")} | settings


def moto_state() -> str:
    """Return the whole state of moto, object by object. Moto's own dump omits values that JSON cannot express."""
    seen: dict[int, object] = {}  # keeps the objects, since the id of a freed one may be used again

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

    instances = BackendDict._instances  # type: ignore[misc]  # mypy: the class is generic
    return json.dumps([[instance.service_name, walk(dict(instance))] for instance in instances])


def _texts(state: str) -> list[str]:
    """Return the texts in a state, without their order and without times: S3 gives each upload another."""
    found, left = set[str](), [json.loads(state)]
    while left:
        one = left.pop()
        if isinstance(one, list):
            left.extend(one)
        elif not str(one).startswith("datetime."):
            found.add(str(one))
    return sorted(found)


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _bytes(content: object) -> bytes:
    return content.encode() if isinstance(content, str) else "\n".join(map(str, content)).encode()  # type: ignore[call-overload]


def _unsigned(request: tuple[Any, ...]) -> tuple[Any, ...]:
    *rest, headers, body = request
    return (*rest, tuple(header for header in headers if header[0] not in SIGNING), body)
