"""Time of the answering function itself for a request, by the source of the answer. This S3 answers at once."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

from bench.figures import Row, Section, spread
from bench.functions import functions
from testkit.lambda_runtime import PYTHON, ROOT

COMMAND = "python -m bench handler"
CALLS = 2000
PROGRAM = ROOT / "bench" / "handler_calls.py"


def measure(rounds: int) -> Section:
    """Time `CALLS` calls of each kind, `rounds` times, in the runtime's Python."""
    with tempfile.TemporaryDirectory() as folder:
        case = functions(Path(folder), {"BUCKET": "bucket", "S3_ENDPOINT": "http://127.0.0.1:9"})["answer"]
    credentials = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    environment = case.settings | credentials | {"PYTHONPATH": os.pathsep.join(map(str, case.path))}
    run = subprocess.run(
        [PYTHON, PROGRAM, str(rounds), str(CALLS)], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    rows: dict[str, Row] = {name: {"us a call": spread(times)} for name, times in json.loads(run.stdout).items()}
    return Section(
        command=COMMAND,
        about=f"{rounds} rounds of {CALLS} calls of the built function in one process; no runtime, no network.",
        rows=rows,
        missing={},
    )
