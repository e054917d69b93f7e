"""A plugin of pytest: writes how each test ended to the file that COMET_OUTCOMES names, as JSON lines."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def pytest_runtest_logreport(report: Any) -> None:  # noqa: ANN401 (pytest's own, which has no public type)
    """Called by pytest for each phase of each test."""
    if report.when == "call" or report.outcome != "passed":
        with Path(os.environ["COMET_OUTCOMES"]).open("a") as file:
            file.write(json.dumps([report.nodeid, report.outcome]) + "\n")
