"""Lambda's own runtime without a container: the Runtime Interface Emulator of the SAM CLI, and the runtime client."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_HAS_RUNTIME = (ROOT / ".venv-runtime").exists()
TOOLS = ROOT if _HAS_RUNTIME else Path(sys.prefix).parent
"""The folder with the environments. `make privacy` runs the tests in copies of the project, which have none."""
PYTHON = TOOLS / ".venv-runtime" / "bin" / "python"
START_S = 5.0


class Invoke:
    """Invokes a running function.

    Args:
        port: the emulator's port.
        emulator: its process.
        is_wrapped: whether another program runs the function.
    """

    PATH = "/2015-03-31/functions/function/invocations"

    def __init__(self, port: int, emulator: int, *, is_wrapped: bool = False) -> None:
        self.url = f"http://127.0.0.1:{port}{self.PATH}"
        self._port = port
        self._emulator = emulator
        self._is_wrapped = is_wrapped

    def __call__(self, event: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Any:
        """Return the function's answer to `event`. The `headers` of the invocation decide the context."""
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            connection.request("POST", self.PATH, json.dumps(event), dict(headers or {}))
            return json.loads(connection.getresponse().read())

    def process(self) -> Path:
        """Return the folder below `/proc` of the function's process. The function must have been invoked before."""
        process = next(_children(self._emulator))
        return Path(f"/proc/{next(_children(process)) if self._is_wrapped else process}")

    def stop(self) -> None:
        """Kill the function's process, and wait until the program that runs it has ended, too."""
        child = next(_children(self._emulator))
        os.kill(int(self.process().name), signal.SIGKILL)
        deadline = time.monotonic() + START_S
        while child in _children(self._emulator):
            if time.monotonic() > deadline:
                raise TimeoutError("the function's process did not end")
            time.sleep(0.01)


def _children(process: int) -> Iterator[int]:
    """Yield the ids of the processes that any thread of `process` started."""
    for task in Path(f"/proc/{process}/task").iterdir():
        yield from map(int, (task / "children").read_text().split())


@contextmanager
def lambda_runtime(
    handler: str,
    path: Sequence[Path],
    settings: Mapping[str, str],
    log: Path | None = None,
    wrapper: Sequence[str | Path] = (),
    api_port: int = 0,
) -> Iterator[Invoke]:
    """Run a function as Lambda would, and yield a function that invokes it. It initialises at the first invocation.

    Args:
        handler: as in the template, `module.function`.
        path: the folders of the function and of its layers, in the order of Python's search.
        settings: the function's environment.
        log: gets the output of the function, and the emulator's report of each invocation.
        wrapper: a command that starts the runtime client, which is appended to it.
        api_port: the port of the runtime API, or 0 for any.
    """
    emulator = next((TOOLS / ".venv-sam").glob("lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64"))
    port, api_port = free_port(), api_port or free_port()
    command: list[str | Path] = [emulator, "--log-level", "info" if log else "error"]
    command += ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    command += ["--runtime-api-address", f"127.0.0.1:{api_port}", *wrapper]
    command += [PYTHON, "-m", "awslambdaric", handler]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "AWS_LAMBDA_FUNCTION_NAME": "function",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "30",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
        **settings,
    }
    with (log or Path(os.devnull)).open("wb") as output:
        process = subprocess.Popen(command, cwd=path[0], env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_for(port)
        yield Invoke(port, process.pid, is_wrapped=bool(wrapper))
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a free port of loopback.

    The system does not give this port to clients (it gives 32768 and higher on Linux). Otherwise one of the many
    connections of other tests could take it before the server does.
    """
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise TimeoutError("the runtime emulator did not start")
