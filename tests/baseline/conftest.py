"""Record what pytest collects, before options leave out a part of it."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.baseline import ids

COLLECTED = pytest.StashKey[Counter[str]]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.stash[COLLECTED] = Counter(item.nodeid.partition("[")[0] for item in items)
    if ids.REWRITE in os.environ:
        ids.write(config.stash[COLLECTED])


@pytest.fixture
def collected(request: pytest.FixtureRequest) -> Counter[str]:
    """Return the number of collected cases of each test function, or nothing if options chose single tests."""
    is_part = request.config.getoption("lf") or any("::" in argument for argument in request.config.args)
    return Counter() if is_part else request.config.stash[COLLECTED]
