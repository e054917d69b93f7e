"""The parts of `make torture`, the longest first. The module or the tests of each part describe it."""

from __future__ import annotations

from checks.stress import load
from checks.stress.checks import Part, checks

ALL: dict[str, Part] = {
    "hostile uploads and requests": checks("tests/hostile"),
    "interleavings and crashes": checks("tests/publish/test_interleavings.py"),
    "faults of S3": checks("tests/faults"),
    "faults of S3 for what is signed": checks("tests/signing/test_faults.py"),
    "pipelines that are killed": checks("tests/cli/test_interrupted.py"),
    "full rate": load.run,
}

ALONE = {"full rate"}
"""Runs alone, after all others, because it measures."""
