"""Load over HTTP with wrk: one thread, some connections."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

WRK = shutil.which("wrk")

_POST = """
wrk.method = "POST"
wrk.body = io.open(BODY):read("a")
"""


class Done(NamedTuple):
    """The result of a load."""

    requests: int
    rate: float  # a second


def load(url: str, connections: int, seconds: float, body: str = "") -> Done:
    """Send requests to `url` for some seconds, by POST if there is a `body`.

    Raises:
        RuntimeError: an answer was not a success.
    """
    with tempfile.TemporaryDirectory() as scratch:
        script = Path(scratch) / "post.lua"
        (Path(scratch) / "body").write_text(body)
        script.write_text(_POST.replace("BODY", f'"{scratch}/body"'))
        command = [str(WRK), "-t1", f"-c{connections}", f"-d{max(round(seconds), 1)}s", url]
        command += ["-s", str(script)] if body else []
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"{url}: {said}")
    requests = int(re.findall(r"([0-9]+) requests in", said)[0])
    return Done(requests, float(re.findall(r"Requests/sec: +([0-9.]+)", said)[0]))
