"""Splits long lists of test cases between `make test` and `make test-all`."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from _pytest.mark import ParameterSet


def quick_every(n: int, cases: Iterable[str]) -> list[ParameterSet]:
    """Return the cases as parameters. Each `n`th one runs in `make test`, and all of them in `make test-all`."""
    return [pytest.param(case, marks=() if i % n == 0 else pytest.mark.full) for i, case in enumerate(cases)]
