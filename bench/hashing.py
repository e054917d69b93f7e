"""Speed and memory of hashing a large file for a release, against `sha256sum` and `sha512sum`.

Our code computes SHA-256 and SHA-512 in one pass; each other tool computes one of them. The file is written before the
rounds, so all tools read it from the page cache: the bench measures the hashes, not the disk.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.figures import Row, Section, ratio, spread

FILE_BYTES = 2_000_000_000
OURS = (
    "import sys; from pathlib import Path; from comet_updates_cli.hash_files import sums; "
    "print(sums(Path(sys.argv[1])))"
)
START = "from comet_updates_cli.hash_files import sums"
# Measured in a new program, since getrusage reports at least the memory of the process that started it.
PEAK = "import re, pathlib; print(re.search(r'VmHWM:\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text())[1])"
TOOLS = ("sha256sum", "sha512sum")
MINE = "comet-updates release, both hashes in one pass"


def measure(rounds: int) -> Section:
    """Measure the seconds of each in turns, our ratio to each, and our peak memory with and without a file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "artifact.bin"
        _write(file)
        commands = {MINE: [sys.executable, "-c", OURS]} | {tool: [tool] for tool in TOOLS if shutil.which(tool)}
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                started = time.perf_counter()
                subprocess.run([*command, str(file)], check=True, stdout=subprocess.DEVNULL)
                seconds[name].append(time.perf_counter() - started)
        rows: dict[str, Row] = {name: {"s": spread(taken)} for name, taken in seconds.items()}
        for tool in TOOLS:
            if tool in seconds:
                rows[MINE][f"x {tool}"] = ratio(seconds[MINE], seconds[tool])
        rows[MINE]["peak memory, MB"] = _peak_mb(f"{OURS}; {PEAK}", file)
        rows[MINE]["without a file, MB"] = _peak_mb(f"{START}; {PEAK}", file)
    return Section(
        command="python -m bench hashing",
        about=f"{rounds} rounds over one file of {FILE_BYTES / 1e9:g} GB of noise, in the page cache, in turns.",
        rows=rows,
        missing={tool: "this machine does not have the command" for tool in TOOLS if tool not in seconds},
    )


def _write(file: Path) -> None:
    with file.open("wb") as opened:
        for start in range(0, FILE_BYTES, 1 << 20):
            opened.write(os.urandom(min(1 << 20, FILE_BYTES - start)))


def _peak_mb(code: str, file: Path) -> float:
    done = subprocess.run([sys.executable, "-c", code, str(file)], check=True, capture_output=True, text=True)
    return round(int(done.stdout.split()[-1]) / 1000, 1)
