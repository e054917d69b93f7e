"""Cost of a log line beside the compute that it records, from the length of real lines and measured time.

Prices are AWS's public ones for us-east-1.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

from bench import warm
from bench.figures import Row, Section, median
from bench.functions import EVENT, functions
from bench.object_store import object_store
from testkit.lambda_runtime import lambda_runtime

COMMAND = "python -m bench warm logs"
PRICES_OF = "November 2026"
DOLLARS_PER_GB_LOGGED = 0.50
DOLLARS_PER_GB_S = 0.0000166667  # x86-64
EVENT_BYTES = 26  # CloudWatch counts these for each line, besides its text
MEMORY_MB = 256  # of the answering function, as in template.yaml
CPU_MB = 1769  # so much memory comes with one whole processor


def measure(warm_rows: dict[str, Row]) -> Section:
    """Return the dollars for a million requests answered from memory, computed from the results of `warm`."""
    rows: dict[str, Row] = {}
    for case in warm.CASES:
        cpu_ms = median(warm_rows, case, "processor, ms a request")
        if cpu_ms is None or not case.startswith("answer"):
            continue
        billed_ms = math.ceil(cpu_ms * CPU_MB / MEMORY_MB)
        line_bytes = _line_bytes(case)
        compute = billed_ms / 1000 * MEMORY_MB / 1024 * DOLLARS_PER_GB_S * 1e6
        logs = (line_bytes + EVENT_BYTES) / 1e9 * DOLLARS_PER_GB_LOGGED * 1e6 if line_bytes else 0.0
        rows[case] = {
            "bytes logged a request": line_bytes,
            "logs, $ a million": round(logs, 4),
            "compute, $ a million": round(compute, 4),
            "logs x compute": round(logs / compute, 2),
        }
    return Section(
        command=COMMAND,
        about=f"From the processor time above at {MEMORY_MB} MB, in whole milliseconds as they are billed, and prices "
        f"of {PRICES_OF}: ${DOLLARS_PER_GB_LOGGED:.2f} for a GB of logs, ${DOLLARS_PER_GB_S} for a GB-second.",
        rows=rows,
        missing={} if rows else {"all": "nothing was measured warm"},
    )


def _line_bytes(case: str) -> int:
    """Return how many bytes `case` logs for a request that memory answers."""
    with tempfile.TemporaryDirectory() as scratch, object_store(Path(scratch)) as store:
        log = Path(scratch) / "log"
        function = functions(Path(scratch), store)[case]
        sizes = []
        for requests in (1, 2):
            with lambda_runtime(*function, log=log) as invoke:
                for _ in range(requests):
                    invoke(EVENT)
                lines = [line for line in log.read_bytes().splitlines(keepends=True) if line.startswith(b'{"level"')]
            sizes.append(sum(map(len, lines)))
        return sizes[1] - sizes[0]
