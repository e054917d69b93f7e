"""Rewrite the stored files of the baseline: `python -m tests.baseline`. Arguments are passed on to pytest.

`test_ids.txt` is not among them. `python -m tests.baseline ids` rewrites that file and empties `replaced.txt`.
"""

from __future__ import annotations

import os
import sys

import pytest

from testkit.project import ROOT
from tests.baseline import ids, stored

TESTS = ("tests/baseline", "tests/template/test_build.py")

os.chdir(ROOT)
arguments = sys.argv[1:]
if arguments == ["ids"]:
    os.environ[ids.REWRITE] = "1"
    sys.exit(pytest.main(["--collect-only", "--quiet", "--quiet"]))
os.environ[stored.REWRITE] = "1"
sys.exit(pytest.main([*TESTS, "-k", "stored", *arguments]))
