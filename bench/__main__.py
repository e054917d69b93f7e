"""`python -m bench [PART ...]`: measure all or some parts, write `bench/results.json`, and fill in the page."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

from bench import cold_start, handler, hashing, logs, page, publishing, service, trust, warm
from bench.figures import Section

PARTS: dict[str, Callable[[int], Section]] = {
    "cold_start": cold_start.measure,
    "warm": warm.measure,
    "handler": handler.measure,
    "service": service.measure,
    "publishing": publishing.measure,
    "hashing": hashing.measure,
    "trust": trust.measure,
}
ROUNDS = {"cold_start": 25, "warm": 7, "handler": 15, "service": 9, "publishing": 3, "hashing": 5, "trust": 5}


def main() -> None:
    """Measure, then write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"any of {', '.join(PARTS)}, logs; all of them if none is named")
    parser.add_argument("--rounds", type=int, help="instead of each part's own number")
    arguments = parser.parse_args()
    chosen = arguments.parts or [*PARTS, "logs"]
    results = page.load() if page.RESULTS.exists() else {}
    others = os.getloadavg()[0]
    started = time.monotonic()
    for name in chosen:
        print(name, flush=True)
        if name == "logs":
            results[name] = logs.measure(results["warm"]["rows"])
        else:
            results[name] = PARTS[name](arguments.rounds or ROUNDS[name])
    results["machine"] = _machine(others, time.monotonic() - started)
    page.RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    page.PAGE.write_text(page.filled(page.PAGE.read_text(), results))


def _machine(others: float, seconds: float) -> str:
    models = [
        line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return (
        f"{len(models)} x {models[0]}, {platform.system()} {platform.release().partition('-')[0]}; "
        f"{time.strftime('%d %B %Y', time.gmtime())}. The last run took {seconds / 60:.0f} minutes; "
        f"when it began, {others:.1f} other processes were running or waiting to."
    )


if __name__ == "__main__":
    main()
