"""The functions that are measured: hello-world, with a boto3 client or our answer, and the built answering function."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from testkit.lambda_runtime import PYTHON, ROOT

BUILD = ROOT / ".aws-sam" / "build"
EVENT = json.loads((ROOT / "events" / "get.json").read_text())
HANDLER = "comet_updates.answer.handler.handler"

HELLO = "def handler(event, context):\n    return {'statusCode': 200}\n"
# How long the runtime itself takes to return as many bytes as our function answers.
SAME = "import json, pathlib\nanswer = json.loads(pathlib.Path(__file__).with_suffix('.json').read_text())\n"
SAME += "def handler(event, context):\n    return answer\n"
CLIENT = f"import boto3\ns3 = boto3.client('s3')\n{HELLO}"
# Our own handler for lines without the logger that the user asked for: what Powertools costs is the difference.
LEAN = """
from comet_updates.answer import log

class Line:
    def __init__(self, handler):
        self.handler = handler

    def info(self, line):
        print(line.line(), flush=True)

    warning = error = info

log._powertools = Line
from comet_updates.answer.handler import handler
"""


class Function(NamedTuple):
    """A function to run: its handler, the folders that Python looks in, and its environment."""

    handler: str
    path: list[Path]
    settings: dict[str, str]


def functions(folder: Path, store: dict[str, str]) -> dict[str, Function]:
    """Return all functions, by name.

    Args:
        folder: receives the code of the functions that are not ours.
        store: the environment variables with the address of S3.
    """
    for name, source in (("hello", HELLO), ("same", SAME), ("client", CLIENT), ("lean", LEAN)):
        (folder / f"{name}.py").write_text(source)
    own = [BUILD / "AnswerFunction", BUILD / "AnswerLayer" / "python"]
    quiet = store | {"MEMORY_TTL_S": "60", "LOG_LEVEL": "INFO", "LOG_SUCCESSES": "false"}
    loud = quiet | {"LOG_SUCCESSES": "true"}
    return {
        "hello-world": Function("hello.handler", [folder], quiet),
        "hello-world with our answer": Function("same.handler", [folder], quiet),
        "hello-world with a boto3 client": Function(
            "client.handler", [folder, BUILD / "PublishLayer" / "python"], quiet
        ),
        "answer": Function(HANDLER, own, quiet),
        "answer, every request logged": Function(HANDLER, own, loud),
        "answer, every request logged without Powertools": Function("lean.handler", [folder, *own], loud),
    }


def compiled_afresh(folder: Path) -> list[Path]:
    """Copy the answering function and its layer, and compile both with the runtime's Python. Return the two folders."""
    for part in ("AnswerFunction", "AnswerLayer"):
        shutil.copytree(BUILD / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([PYTHON, "-m", "compileall", "-q", folder], check=True)
    return [folder / "AnswerFunction", folder / "AnswerLayer" / "python"]


def zipped_mb(*parts: str) -> float:
    """Return the size of the built `parts` as they are deployed, in millions of bytes."""
    scratch = BUILD.parent / "bench"
    scratch.mkdir(exist_ok=True)
    try:
        sizes = [Path(shutil.make_archive(str(scratch / part), "zip", BUILD / part)).stat().st_size for part in parts]
    finally:
        shutil.rmtree(scratch)
    return round(sum(sizes) / 1e6, 2)
