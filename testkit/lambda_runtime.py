"""Lambda's own runtime without a container: the Runtime Interface Emulator of the SAM CLI, and the runtime client."""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-runtime" / "bin" / "python"
START_S = 5.0


class Invoke:
    """Invokes a running function.

    Args:
        port: the emulator's port.
        emulator: its process.
    """

    PATH = "/2015-03-31/functions/function/invocations"

    def __init__(self, port: int, emulator: int) -> None:
        self.url = f"http://127.0.0.1:{port}{self.PATH}"
        self._port = port
        self._emulator = emulator

    def __call__(self, event: Mapping[str, Any]) -> Any:
        """Return the function's answer to `event`."""
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            connection.request("POST", self.PATH, json.dumps(event))
            return json.loads(connection.getresponse().read())

    def process(self) -> Path:
        """Return the folder below `/proc` of the function's process. The function must have been invoked before."""
        tasks = Path(f"/proc/{self._emulator}/task").iterdir()
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
        return Path(f"/proc/{children[0]}")


@contextmanager
def lambda_runtime(
    handler: str, path: Sequence[Path], settings: Mapping[str, str], log: Path | None = None
) -> Iterator[Invoke]:
    """Run a function as Lambda would, and yield a function that invokes it. It initialises at the first invocation.

    Args:
        handler: as in the template, `module.function`.
        path: the folders of the function and of its layers, in the order of Python's search.
        settings: the function's environment.
        log: gets the output of the function, and the emulator's report of each invocation.
    """
    emulator = next((ROOT / ".venv-sam").glob("lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64"))
    port, api_port = free_port(), free_port()
    command: list[str | Path] = [emulator, "--log-level", "info" if log else "error"]
    command += ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    command += ["--runtime-api-address", f"127.0.0.1:{api_port}", PYTHON, "-m", "awslambdaric", handler]
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
        yield Invoke(port, process.pid)
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
