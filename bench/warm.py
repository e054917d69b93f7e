"""Warm invocations through Lambda's own runtime: rate, processor time and memory, beside a hello-world handler.

All functions run at once, and are loaded in turns, one at a time.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

from bench.figures import Row, Section, ratio, spread
from bench.functions import EVENT, functions
from bench.load import WRK, load
from bench.object_store import object_store
from testkit.lambda_runtime import Invoke, lambda_runtime

COMMAND = "python -m bench warm"
SECONDS = 2.0
CASES = (
    "hello-world",
    "hello-world with our answer",
    "answer",
    "answer, every request logged",
    "answer, every request logged without Powertools",
)
_TICKS = os.sysconf("SC_CLK_TCK")


def measure(rounds: int) -> Section:
    """Load every function `rounds` times."""
    missing = {} if WRK else dict.fromkeys(CASES, "wrk is not on PATH")
    times = _times(rounds) if WRK else {}
    rows: dict[str, Row] = {
        name: {
            "requests a second": spread(own["rate"]),
            "x hello-world's rate": ratio(own["rate"], times["hello-world"]["rate"]),
            "x its rate with our answer": ratio(own["rate"], times["hello-world with our answer"]["rate"]),
            "processor, ms a request": spread(own["cpu"]),
            "x hello-world's processor": ratio(own["cpu"], times["hello-world"]["cpu"]),
            "x its processor with our answer": ratio(own["cpu"], times["hello-world with our answer"]["cpu"]),
            "peak memory, MB": spread(own["memory"]),
            "x hello-world's memory": ratio(own["memory"], times["hello-world"]["memory"]),
        }
        for name, own in times.items()
    }
    return Section(
        command=COMMAND,
        about=f"{rounds} rounds of {SECONDS:g} s each, one connection, in turns; the answer comes from memory. "
        "The emulator is most of the time; processor and memory are of the function's process alone.",
        rows=rows,
        missing=missing,
    )


def _times(rounds: int) -> dict[str, dict[str, list[float]]]:
    times: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in CASES}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cases = functions(folder, stack.enter_context(object_store(folder)))
        with lambda_runtime(*cases["answer"]) as invoke:
            (folder / "same.json").write_text(json.dumps(invoke(EVENT)))
        running = {name: stack.enter_context(lambda_runtime(*cases[name], log=folder / name[-9:])) for name in CASES}
        body = json.dumps(EVENT)
        for invoke in running.values():
            load(invoke.url, 1, 0.5, body)
        for number in range(rounds):
            for name in CASES[number % len(CASES) :] + CASES[: number % len(CASES)]:
                before = _processor_s(running[name])
                done = load(running[name].url, 1, SECONDS, body)
                times[name]["rate"].append(done.rate)
                times[name]["cpu"].append((_processor_s(running[name]) - before) * 1000 / done.requests)
        for name, invoke in running.items():
            times[name]["memory"] = [_peak_memory_mb(invoke)] * rounds
    return times


def _processor_s(invoke: Invoke) -> float:
    fields = (invoke.process() / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS  # utime and stime, see proc(5)


def _peak_memory_mb(invoke: Invoke) -> float:
    status = (invoke.process() / "status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
