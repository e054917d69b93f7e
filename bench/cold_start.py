"""Cold start of the built answering function through Lambda's own runtime, from the first request to its answer.

Each round starts every function, in a random order. What is called first holds the initialisation, with its GET from
S3 over TLS. Compare ratios, not milliseconds.
"""

from __future__ import annotations

import random
import re
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from bench.figures import Figure, Row, Section, ratio, spread
from bench.functions import EVENT, compiled_afresh, functions, zipped_mb
from bench.object_store import object_store
from testkit.lambda_runtime import lambda_runtime

COMMAND = "python -m bench cold_start"
OTHER = EVENT | {"rawPath": "/v1/comet-skies/stable"}
WARM = 20
_DURATION = re.compile(rb"INVOKE RTDONE\(.*duration: ([0-9.]+)ms")

Times = dict[str, list[float]]


def measure(rounds: int) -> Section:
    """Measure cold starts of every function, `rounds` times."""
    with tempfile.TemporaryDirectory() as scratch, object_store(Path(scratch)) as store:
        folder = Path(scratch)
        cases = functions(folder, store)
        afresh = cases["answer"]._replace(path=compiled_afresh(folder))
        cases["answer, byte code written by this Python just now"] = afresh
        del cases["hello-world with our answer"]  # there is none yet
        times: dict[str, Times] = {name: defaultdict(list) for name in cases}
        for number in range(-1, rounds):  # the first round is not counted: nothing was in memory
            for name, case in random.sample(sorted(cases.items()), len(cases)):
                with lambda_runtime(*case, log=folder / "log") as invoke:
                    started = time.perf_counter()
                    answers = [invoke(EVENT)]
                    first_ms = (time.perf_counter() - started) * 1000
                    answers += [invoke(EVENT) for _ in range(WARM)] + [invoke(OTHER)]
                if any(answer["statusCode"] != 200 for answer in answers):  # noqa: PLR2004
                    raise RuntimeError(f"{name} answered {answers}")
                durations = [float(ms) for ms in _DURATION.findall((folder / "log").read_bytes())]
                if number >= 0:
                    _note(times[name], first_ms, durations)
    rows = {name: _row(name, times) for name in cases}
    rows["answer"]["package, MB zipped"] = zipped_mb("AnswerFunction", "AnswerLayer")
    return Section(
        command=COMMAND,
        about=f"{rounds} rounds through the Runtime Interface Emulator and awslambdaric, the built package; "
        "initialisation and first GET over TLS are part of the first request.",
        rows=rows,
        missing={},
    )


def _note(times: Times, first_ms: float, durations: list[float]) -> None:
    """Record the time of one start: the total, and the runtime's own time for the invocations."""
    first, *warm, other = durations
    times["first request"].append(first_ms)
    times["first invocation"].append(first)
    times["warm"].append(sorted(warm)[len(warm) // 2])
    times["other document"].append(other)


def _row(name: str, times: dict[str, Times]) -> Row:
    own, hello, client = times[name], times["hello-world"], times["hello-world with a boto3 client"]

    def against(other: Times) -> Figure:
        return ratio(own["first request"], other["first request"])

    row: Row = {
        "first request, ms": spread(own["first request"]),
        "x hello-world": against(hello),
        "x boto3 client": against(client),
        "first invocation, ms": spread(own["first invocation"]),
        "x a warm one that asks S3": ratio(own["first invocation"], own["other document"]),
        "x a warm one": ratio(own["first invocation"], own["warm"]),
    }
    if name == "answer":
        row["x byte code written just now"] = against(times["answer, byte code written by this Python just now"])
    return row
