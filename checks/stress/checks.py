"""A part of `make torture` that consists of tests.

`make test` runs their short form; here they are thorough and counted.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from testkit import counts
from testkit.counts import Counts

ROOT = Path(__file__).parents[2]

TEST_LONGEST_S = 7_200
"""The longest time for one test. The thorough form of a test takes minutes, and on a busy machine ten times as long."""

Part = Callable[[Counts], bool]
"""A part adds its figures, prints its other results, and returns whether it succeeded."""


def checks(*paths: str, root: Path = ROOT) -> Part:
    """Return the part that runs the tests at `paths`, relative to `root`.

    A test reads `counts.IS_FULL` to learn how much to do, and records the amount by `counts.tally`.
    """

    def run(sums: Counts) -> bool:
        with tempfile.TemporaryDirectory() as folder:
            figures = Path(folder) / "figures"
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *paths]
            command += ["-o", f"faulthandler_timeout={TEST_LONGEST_S}"]
            environment = os.environ | counts.environment(figures)
            said = Path(folder) / "said"  # other parts print at the same time, so this output is printed in one piece
            with said.open("w") as output:
                done = subprocess.run(command, cwd=root, env=environment, stdout=output, check=False)
            print(said.read_text(), end="", flush=True)
            if done.returncode < 0:
                print(f"\nended by signal {-done.returncode}, which none of our tests sends to itself", flush=True)
            counts.add_tally(sums, figures)
        return done.returncode == 0

    return run
