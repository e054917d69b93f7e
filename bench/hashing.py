"""How fast a large file is hashed for a release, against `sha256sum` and `sha512sum`, and in how much memory.

Rounds are interleaved, so that what else the machine does is in all of them. Ours computes SHA-256 and SHA-512 in one
pass; the others one of them. The file is written before the rounds, so that they read it from the page cache: what is
measured are the hashes, not the disk.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

FILE_BYTES = 2_000_000_000
OURS = (
    "import sys; from pathlib import Path; from comet_updates.cli.hashing import sums; print(sums(Path(sys.argv[1])))"
)
START = "from comet_updates.cli.hashing import sums"
PEAK = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"


def measure(rounds: int) -> dict[str, Any]:
    """Median seconds of each, ratios of medians, and the peak resident memory of ours with and without a file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "artifact.bin"
        _write(file)
        commands = {"ours": [sys.executable, "-c", OURS]}
        commands |= {tool: [tool] for tool in ("sha256sum", "sha512sum") if shutil.which(tool)}
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                started = time.perf_counter()
                subprocess.run([*command, str(file)], check=True, stdout=subprocess.DEVNULL)
                seconds[name].append(time.perf_counter() - started)
        medians = {name: median(taken) for name, taken in seconds.items()}
        return {
            "file_bytes": FILE_BYTES,
            "rounds": rounds,
            "cpus": os.cpu_count(),
            "median_s": medians,
            "ours_to": {name: medians["ours"] / taken for name, taken in medians.items() if name != "ours"},
            "peak_kib": _peak_kib(f"{OURS}; {PEAK}", file),
            "peak_without_a_file_kib": _peak_kib(f"{START}; {PEAK}", file),
        }


def _write(file: Path) -> None:
    with file.open("wb") as opened:
        for start in range(0, FILE_BYTES, 1 << 20):
            opened.write(os.urandom(min(1 << 20, FILE_BYTES - start)))


def _peak_kib(code: str, file: Path) -> int:
    done = subprocess.run([sys.executable, "-c", code, str(file)], check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1])


if __name__ == "__main__":
    print(json.dumps(measure(5), indent=2))
