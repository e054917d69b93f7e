"""A Lambda execution environment of its own for each observation, and everything that can be observed of it.

`python -m testkit.execution HANDLER` imports the libraries of this handler's module, then waits. Each command is one
line of JSON (see `Command`). For each command the process forks and prints the id of the child. The child imports the
handler, and passes the events to it through the real Lambda runtime client. It reports what it did in one line of JSON
(see `Seen`). So two observations start from the same process, down to the last byte. The clock stands still, and
nothing is random.
"""

from __future__ import annotations

import base64
import gc
import getpass
import importlib
import io
import itertools
import json
import logging
import os
import platform
import random
import socket
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO, TypedDict

if __name__ == "__main__":  # not in the process of the tests, whose clock must go on
    time.monotonic = lambda: 0.0  # before any of our code can keep it
    random.random = lambda: 0.0  # each child would repeat the same numbers from the start

from awslambdaric import bootstrap
from awslambdaric.lambda_runtime_log_utils import LogFormat
from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller

from testkit.memory import PACKAGE, Memory, hooks, state
from testkit.recorder import Allowed, Recorder
from testkit.reviewed import Reading

ANSWER = "comet_updates.answer.handler"
PUBLISH = "comet_updates.publish.handler"
CLIENT = "comet_updates_cli.commands.ask"
# What a child would import anyway. For the answering function, no module of ours: it must load them by itself.
PRELOADED = {
    ANSWER: ("obstore.store", "aws_lambda_powertools.logging.formatter", "semver"),
    PUBLISH: (
        *("aws_lambda_powertools.logging.formatter", "comet_updates.formats", "boto3", "urllib3"),
        *("jinja2", "tuf.api.metadata", "securesystemslib.signer"),
    ),
    CLIENT: ("typer.main", "rich.prompt", "http.client", "pydantic.root_model", "semver", "packaging.version"),
}
STORE = "comet_updates.answer.store"
PATIENCE_S = 60
Handler = Callable[[Any, object], Any]


class Command(TypedDict):
    """A run of a handler, and what to observe of it.

    Attributes:
        module: the module whose `handler` Lambda calls.
        environ: the whole environment of the process.
        events: JSON texts in base64, so that the child holds a text of an event only where it handles the event.
        leak: the name of a planted leak (`leaks.ALL`), or nothing.
        faults: whether each event comes again and again, with a fault at its first call, its second, and so on; a
            number above one takes every so-many-th call.
        memory: whether to compare the whole memory of the process with that before the handler was imported. Objects of
            an unknown kind are then an error, except in the publishing function, whose libraries have many.
        reads: whether to record which parts of an event the handler reads.
        hosts: the hosts, with their ports, to which the publishing function or the client may connect.
        watch: texts to look for in the arguments of each of our functions, base64.
        is_patient: whether the answering function waits longer for S3 than it does on Lambda. This machine may pause
            for a second, which must not count as a fault of S3.
    """

    module: str
    environ: dict[str, str]
    events: list[str]
    leak: str
    faults: int
    memory: bool
    reads: bool
    hosts: list[tuple[str, int]]
    watch: list[str]
    is_patient: bool


class Seen(TypedDict):
    """All observations by sink, in the order in which they happened."""

    posted: list[str]
    errors: list[str]
    stdout: str
    stderr: str
    records: list[str]
    state: str
    hooks: str
    environ: list[str]
    system: list[str]
    files: list[str]
    memory: list[str]
    read: list[str]
    calls: int
    receivers: list[str]


class RuntimeApi:
    """Lambda's side of the runtime API. It records what the runtime client posts and logs."""

    def __init__(self) -> None:
        self.marshaller = LambdaMarshaller()
        self.results: list[str] = []
        self.errors: list[str] = []

    def post_invocation_result(self, _id: str, result: str, *_: object) -> None:
        self.results.append(result)

    def post_invocation_error(self, *error: object) -> None:
        self.errors.append(repr(error))

    def log(self, message: object, *_: object) -> None:
        self.errors.append(repr(message))

    log_error = log


def allowed(module: str, environ: dict[str, str], hosts: list[tuple[str, int]]) -> Allowed:
    """Return what a program may do while it handles events; see `recorder`."""
    if module == ANSWER:
        return Allowed(readers=frozenset({"logging"}))
    folders = (str(Path(environ["STATE"]).parent),) if module == CLIENT else ()
    return Allowed(loads=True, hosts=frozenset((host, port) for host, port in hosts), folders=folders)


def run(command: Command, earlier: Memory | None = None) -> Seen:
    """Run `command` in this process, and return everything that can be observed."""
    os.environ.clear()
    os.environ.update(command["environ"])
    tempfile.tempdir = os.environ["TMPDIR"]
    recorder = Recorder(allowed(command["module"], command["environ"], command["hosts"]))
    api, records, receivers = RuntimeApi(), list[str](), set[str]()
    harness: list[Any] = [command, records, recorder.events, api.results, api.errors, gc.get_referents(sys.stdin)]
    if command["leak"]:
        from testkit import leaks  # noqa: PLC0415 (no part of an environment without a leak)

        earlier = Memory(harness) if command["memory"] else None

    def noted(*args: Any, **more: Any) -> logging.LogRecord:
        record = logging.LogRecord(*args, **more)
        records.append(f"{record.name} {record.levelname} {record.msg!r} {record.args!r} {record.exc_info!r}")
        return record

    logging.setLogRecordFactory(noted)
    out, err = _captured(1), _captured(2)
    # As in the template: libraries' lines go to the log from level INFO on, with a request id, until our code stops it.
    bootstrap._setup_logging(LogFormat.JSON, "INFO", bootstrap.create_log_sink())
    if command["is_patient"]:
        store: Any = importlib.import_module(STORE)
        store.TRY_TIMEOUT_S = PATIENCE_S
    handler = _client() if command["module"] == CLIENT else importlib.import_module(command["module"]).handler
    if command["leak"]:
        handler = leaks.leaky(handler, leaks.find(command["leak"]))
    read: set[str] = set()
    if command["reads"]:
        handler = _reading(handler, read)
    _forget(out, err)
    before = dict(os.environ)
    hooked = hooks()
    recorder.is_open = True
    calls = 0
    for event in command["events"]:
        if command["faults"]:
            calls += _with_faults(api, handler, event, command["faults"])
        elif command["watch"]:
            receivers |= _watched(api, handler, event, [_text(text) for text in command["watch"]])
        else:
            _invoke(api, handler, event)
    recorder.is_open = False
    memory = [*Memory(harness, earlier).since(earlier, strict=command["module"] == ANSWER)] if earlier else []
    after = {k: v for k, v in os.environ.items() if before.get(k) != v} | dict.fromkeys(before.keys() - os.environ, "")
    return Seen(
        posted=api.results,
        errors=api.errors,
        stdout=_written(out),
        stderr=_written(err),
        records=records,
        state=json.dumps([state(each, threads="boto3" in sys.modules) for each in (*_ours(), handler)]),
        hooks=json.dumps([hooked, hooks()]),
        environ=sorted(f"{name}={value}" for name, value in after.items()),
        system=recorder.events,
        files=sorted(_files(Path(tempfile.gettempdir()))),
        memory=memory,
        read=sorted(read),
        calls=calls,
        receivers=sorted(receivers),
    )


def _reading(handler: Handler, read: set[str]) -> Handler:
    return lambda event, context: handler(Reading(event, read), context)


def _client() -> Handler:
    """Return the command of the reference client as a handler: an event has its arguments, the result is its exit code.

    The event also names the machine and its user.
    """
    from typer.main import get_command  # noqa: PLC0415 (no part of a function)

    program = get_command(importlib.import_module("comet_updates_cli").app)

    def handle(event: dict[str, Any], _context: object) -> int:
        name = event["machine"]
        platform.node = socket.gethostname = lambda: name
        getpass.getuser = lambda: name
        platform.system, platform.release, platform.machine = (lambda: event["system"]), (lambda: name), (lambda: name)
        return int(program.main(event["arguments"], standalone_mode=False) or 0)

    return handle


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode()


def _invoke(api: RuntimeApi, handler: Handler, event: str) -> None:
    """Invoke the handler once, through the code that runs on Lambda, with a fixed id of the invocation."""
    bootstrap.handle_event_request(
        api, handler, "invocation", _text(event), "application/json", None, None, "arn", 0, None, api
    )


def _with_faults(api: RuntimeApi, handler: Handler, event: str, step: int) -> int:
    """Invoke with a fault at the first call, then at the second, until no call is left. Return the number of calls.

    The fault quotes the event, as a library's error may. For the answering function every call counts, including calls
    inside libraries. For the publishing function, whose libraries make many thousands, only the calls of our code
    count.
    """
    for nth in itertools.count(step=step):
        fault = _Fault(nth, _text(event), everywhere=handler.__module__ != PUBLISH)

        def faulty(event_: Any, context: object, fault: _Fault = fault) -> Any:
            sys.setprofile(fault)
            try:
                return handler(event_, context)
            finally:
                sys.setprofile(None)

        _invoke(api, faulty, event)
        if not fault.fired:
            return nth
    raise AssertionError


class _Fault:
    """A profiler that raises at one call: Python raises the error in the caller."""

    def __init__(self, nth: int, quoted: str, *, everywhere: bool) -> None:
        self._left = nth
        self._quoted = quoted
        self._everywhere = everywhere
        self.fired = False

    def __call__(self, frame: types.FrameType, what: str, callee: object) -> None:
        if what not in ("call", "c_call") or self.fired or callee is sys.setprofile:
            return
        caller = frame if what == "c_call" else frame.f_back
        if caller is None or caller.f_code.co_name == "faulty":
            return  # the handler itself, which the runtime client calls
        if not self._everywhere and not caller.f_globals.get("__name__", "").startswith(PACKAGE):
            return
        if self._left == 0:
            self.fired = True
            raise KeyError(self._quoted)
        self._left -= 1


def _watched(api: RuntimeApi, handler: Handler, event: str, texts: list[str]) -> set[str]:
    """Return the names `module.function` of our functions that received any of `texts`."""
    receivers: set[str] = set()

    def watch(frame: types.FrameType, what: str, _: object) -> None:
        module = frame.f_globals.get("__name__", "")
        if what == "call" and module.startswith(PACKAGE):
            code = frame.f_code
            given = repr([frame.f_locals.get(name) for name in code.co_varnames[: code.co_argcount]])
            if any(text in given for text in texts):
                receivers.add(f"{module}.{code.co_qualname}")

    def watched(event_: Any, context: object) -> Any:
        sys.setprofile(watch)
        try:
            return handler(event_, context)
        finally:
            sys.setprofile(None)

    _invoke(api, watched, event)
    return receivers


# ------------------------------------------------------------------ sinks


def _captured(descriptor: int) -> int:
    """Redirect a file descriptor of this process to a file in memory, and return that file's descriptor."""
    memory = os.memfd_create("captured")
    os.dup2(memory, descriptor)
    stream = io.TextIOWrapper(io.FileIO(descriptor, "w", closefd=False), write_through=True)
    setattr(sys, {1: "stdout", 2: "stderr"}[descriptor], stream)
    return memory


def _forget(*captured: int) -> None:
    for descriptor in captured:
        os.ftruncate(descriptor, 0)


def _written(captured: int) -> str:
    return os.pread(captured, os.fstat(captured).st_size, 0).lstrip(b"\0").decode(errors="backslashreplace")


def _files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        yield f"{path.relative_to(folder)} {path.read_bytes()!r}" if path.is_file() else str(path.relative_to(folder))


def _ours() -> list[types.ModuleType]:
    return [module for name, module in sorted(sys.modules.items()) if name.split(".")[0] == PACKAGE]


# ------------------------------------------------------------------ the waiting process


def main(handler: str) -> None:
    """Fork for each command that comes in, until the input ends."""
    for module in PRELOADED[handler]:
        importlib.import_module(module)
    answers = os.fdopen(os.dup(1), "w")
    earlier: Memory | None = None
    for line in sys.stdin:
        if json.loads(line)["memory"]:
            earlier = earlier or Memory()  # once, since each child begins as a copy of this process
        _answer(json.loads(line), earlier, answers)


def _answer(command: Command, earlier: Memory | None, answers: TextIO) -> None:
    """Run `command` in a child, and write the id of the child and what it saw to `answers`. Keep nothing of it here."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        try:
            report: object = run(command, earlier if command["memory"] else None)
        except BaseException as error:  # noqa: BLE001 (a child must not go on as a second parent)
            report = {"failed": repr(error)}
        with os.fdopen(writer, "w") as posted:
            json.dump(report, posted)
        os._exit(0)
    os.close(writer)
    answers.write(f"{child}\n")
    answers.flush()
    with os.fdopen(reader) as posted:
        answers.write(posted.read() + "\n")
    answers.flush()
    os.waitpid(child, 0)


if __name__ == "__main__":
    main(sys.argv[1])
