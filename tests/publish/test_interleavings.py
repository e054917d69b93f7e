"""Test publishers that overtake, repeat, miss and end, in any order: a reader never goes back, and nothing is lost."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testkit.counts import IS_FULL
from testkit.memory_bucket import MemoryBucket, Objects
from testkit.watched_bucket import WatchedMemory
from tests.publish import interleavings
from tests.publish.conftest import PublisherFixture
from tests.publish.interleavings import Stepped, World

if TYPE_CHECKING:
    from collections.abc import Callable

QUICK, FULL = 20, 1_000 if IS_FULL else 200
"""The number of worlds in `make test`, and in `make test-all` and `make torture`."""


@pytest.mark.parametrize(
    "worlds", [pytest.param(QUICK, id="quick"), pytest.param(FULL, id="full", marks=pytest.mark.full)]
)
def test_any_interleaving_moves_readers_forward_to_the_last_decision(worlds: int) -> None:
    """Readers never see an older decision, and the last sweep publishes the last one."""

    @settings(deadline=None, max_examples=worlds)
    @given(st.integers(0, 2**32))
    def played(seed: int) -> None:
        world = World(random.Random(seed))
        counts = world.play().told()
        assert world.reader.faults == []
        assert (counts.wrong, counts.lost) == (0, 0)

    played()


def test_a_run_is_the_sum_of_its_worlds() -> None:
    counts = interleavings.run(seed=1, budget=3)
    assert (counts.interleavings, counts.wrong, counts.lost) == (3, 0, 0)
    assert min(counts.inputs, counts.crashes, counts.answers) > 3


class Blind(WatchedMemory):
    """A bucket that writes without its condition."""

    def _only_if(self, key: str, replaces: str | None) -> None:
        pass


class Torn(WatchedMemory):
    """A bucket that keeps showing its first listing of uploads."""

    def __init__(self, objects: Objects) -> None:
        super().__init__(objects)
        self._listed: dict[str, Any] = {}

    def versions(self, prefix: str, *, deletions: bool = False) -> Any:
        return self._listed.setdefault(prefix, super().versions(prefix, deletions=deletions))


class Forgetful(WatchedMemory):
    """A bucket that omits the last write."""

    def put(self, key: str, body: bytes, content_type: str, *, replaces: str | None) -> None:
        if not key.endswith("manifest.json"):
            super().put(key, body, content_type, replaces=replaces)


@pytest.mark.parametrize(
    ("broken", "fault", "seed"),
    [(Blind, "older than before", 156), (Torn, "older than before", 3012), (Forgetful, "lost", 0)],
    ids=["blind", "torn", "forgetful"],
)
def test_publishers_that_do_without_one_of_the_rules_are_noticed(
    broken: Callable[[Objects], WatchedMemory], fault: str, seed: int
) -> None:
    """Positive control. Each seed is one that soon leads to the fault."""
    found: set[str] = set()
    for number in range(seed, seed + 300):
        world = World(random.Random(number), lambda objects: PublisherFixture(broken(objects)))
        counts = world.play()
        found |= {told.rpartition(" is ")[2] for told in world.reader.faults} | ({"lost"} if counts.lost else set())
        if fault in found:
            return
    pytest.fail(f"the fault is not noticed: {fault}")


def test_a_publisher_is_killed_between_two_requests() -> None:
    objects = Objects()
    objects.put(
        "releases/comet-cursor/stable/4.2.0.json", interleavings.as_json(interleavings.quiet_release("4.2.0", "stable"))
    )
    rig = PublisherFixture(WatchedMemory(objects))
    publisher = Stepped(rig, lambda rig: rig.publisher.publish("comet-cursor"))
    while not MemoryBucket(objects).etags("public/"):
        publisher.step()
    publisher.kill()
    assert not publisher.is_acknowledged
    assert len(MemoryBucket(objects).etags("public/")) == 1
