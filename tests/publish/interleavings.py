"""Publishers, uploads, events and crashes in any order, compared with the decision for each state of the bucket.

One thing happens at a time, chosen at random: an upload; an event that arrives late, twice or never; one more request
of a running publisher; the end of one of them between two requests. After every write a reader looks.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.errors import ConcurrentPublishError
from comet_updates.publish.render import rejections, render
from comet_updates.publish.uploads.load import Loader, list_inputs
from testkit.documents import release
from testkit.memory_bucket import MemoryBucket, Objects
from testkit.watched_bucket import WatchedMemory
from tests.hostile.counts import Counts
from tests.publish.conftest import NOW, PublisherFixture

PRODUCT = "comet-cursor"
CHANNELS = ("stable", "beta", "nightly")
OWN_PAGES = (urls.page_key(PRODUCT), urls.news_key(PRODUCT))
PUBLISHERS = 3
UPLOADS = 6
RECEIVED_MAX = 5
"""How often an event is delivered before it becomes a dead letter, as in the template."""

Tree = dict[str, bytes]


class KilledError(SystemExit):
    """The error by which Lambda's end of a publisher is shown. None of our code may catch it."""


class Stepped:
    """A publisher that makes one request at each call of `step`. Reads of uploads change nothing, so they do not count.

    Args:
        rig: the publisher.
        work: its task.
    """

    def __init__(self, rig: PublisherFixture, work: Callable[[PublisherFixture], object]) -> None:
        self._rig = rig
        self._work = work
        self._rig.bucket.before = self._pause
        self._go, self._paused = threading.Semaphore(0), threading.Semaphore(0)
        self._is_free = self._is_done = self._is_killed = False
        self.is_acknowledged = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._paused.acquire()

    def _pause(self, name: str, _: object) -> None:
        if name != "get" and not self._is_free:
            self._paused.release()
            self._go.acquire()
            if self._is_killed:
                raise KilledError

    def _run(self) -> None:
        with suppress(KilledError, ConcurrentPublishError):
            self._work(self._rig)
            self.is_acknowledged = True
        self._is_done = True
        self._paused.release()

    def step(self) -> bool:
        """Make one request. Return `False` if none is left."""
        self._go.release()
        self._paused.acquire()
        if self._is_done:
            self._thread.join()
        return not self._is_done

    def kill(self) -> None:
        """End the publisher before its next request."""
        self._is_killed = True
        self.step()

    def finish(self) -> None:
        """Let the publisher finish."""
        self._is_free = True
        self._go.release()
        self._thread.join()


@dataclass
class Reader:
    """A reader who reads every public document after every write, and remembers the oldest decision that fits."""

    states: list[Tree] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def look(self, key: str, body: bytes | None) -> None:
        """Record the document at `key`. It must fit a state of the bucket, and none older than the last one seen."""
        at = self.seen.get(key, 0)
        found = next((n for n in range(at, len(self.states)) if self.states[n].get(key) == body), None)
        if found is None:
            is_old = any(state.get(key) == body for state in self.states[:at])
            self.faults.append(f"{key} is {'older than before' if is_old else 'what nobody ever decided'}")
        else:
            self.seen[key] = found


class World:
    """A bucket with its publishers and its queue."""

    def __init__(self, rng: random.Random, make_rig: Callable[[Objects], PublisherFixture] | None = None) -> None:
        self.rng = rng
        self.objects = Objects()
        self.reader = Reader()
        self.counts = Counts(interleavings=1)
        self.running: list[tuple[Stepped, tuple[str, int]]] = []
        self.events: list[tuple[str, int]] = []  # product to publish, and number of earlier deliveries
        self._make_rig = make_rig or (lambda objects: PublisherFixture(WatchedMemory(objects)))
        self._serial = 0
        for key, document in BEGINNING.items():
            self.objects.put(key, as_json(document))
        self._rig().publisher.publish(PRODUCT)
        self.reader.states.append(self.decided())
        self.objects.changed = self._changed

    def _rig(self) -> PublisherFixture:
        return self._make_rig(self.objects)

    def _changed(self, key: str) -> None:
        if key.startswith("public/v1/") or key in OWN_PAGES:
            self.reader.look(key, self.objects.body(key))

    def decided(self) -> Tree:
        """Return the public documents and refusals of the product, computed from scratch: render(decide(bucket))."""
        bucket = MemoryBucket(self.objects)
        inputs = Loader(bucket).load(PRODUCT, list_inputs(bucket, PRODUCT))
        rendered = render(inputs, NOW)
        assert not rendered.undecided
        return rendered.documents | rejections((inputs.refusals | rendered.refusals).values())

    def published(self) -> Tree:
        """Return the product's present public documents and refusals."""
        own = self.objects.tree("public/v1/") | self.objects.tree("rejected/")
        pages = self.objects.tree(urls.PAGES)
        return own | {key: body for key, body in pages.items() if object_keys.page_product(key) == PRODUCT}

    def upload(self) -> None:
        """Upload one change. Its event is sent, doubled, or lost."""
        if self.rng.random() < 0.7:
            self.objects.tick(self.rng.randint(0, 2))  # S3 shows times in whole seconds
        self._serial += 1
        self.counts.inputs += 1
        key, body = self._change()
        self.objects.put(key, body)
        self.reader.states.append(self.decided())
        self.events += [(PRODUCT, 0)] * self.rng.choice([0, 1, 1, 1, 2])

    def _change(self) -> tuple[str, bytes | None]:
        channel = self.rng.choice(CHANNELS)
        released = list(self.objects.tree("releases/"))
        match self.rng.randrange(10 if released else 4):
            case 0 | 1 | 2 | 3:
                version = f"{self.rng.choice([1, 4, 5])}.{self._serial}.0"
                return object_keys.release_key(PRODUCT, channel, version), as_json(quiet_release(version, channel))
            case 4:
                return self.rng.choice(released), None
            case 5:  # overwrite a release
                return self.rng.choice(released), as_json(quiet_release(f"9.{self._serial}.0", channel))
            case 6:
                key = object_keys.channel_key(PRODUCT, channel)
                # Junk alone would leave the channel at any of its states, so the expected state would be unknown.
                return key, (b"{" if self.objects.body(key) and self.rng.random() < 0.5 else None)
            case _:
                decided = self.rng.choice(DECISIONS)
                return object_keys.channel_key(PRODUCT, channel), as_json(policy(channel, **decided))

    def deliver(self) -> None:
        """Deliver one of the events, or begin a sweep."""
        event = self.events.pop(self.rng.randrange(len(self.events))) if self.events else ("", 0)
        self.running.append((Stepped(self._rig(), work(event[0])), event))

    def step(self) -> None:
        """Let one of the publishers make some requests, or end it."""
        at = self.rng.randrange(len(self.running))
        publisher, event = self.running[at]
        if self.rng.random() < 0.1:
            self.counts.crashes += 1
            publisher.kill()
        elif all(publisher.step() for _ in range(self.rng.choice([1, 1, 1, 2, 5, 9]))):
            return
        del self.running[at]
        if not publisher.is_acknowledged and event[0] and event[1] + 1 < RECEIVED_MAX:
            self.events.append((event[0], event[1] + 1))

    def play(self) -> Counts:
        """Run until everything is uploaded and no publisher works; then sweep once."""
        left = UPLOADS
        try:
            while left or self.running or self.events:
                chosen = self.rng.random()
                if left and chosen < 0.2:
                    for _ in range(min(left, self.rng.choice([1, 1, 2, 3]))):  # at times several in a row
                        left -= 1
                        self.upload()
                elif len(self.running) < PUBLISHERS and (chosen < 0.35 or not self.running):
                    self.deliver()
                elif self.running:
                    self.step()
        finally:
            for publisher, _ in self.running:
                publisher.finish()
        self._rig().sweep()
        expected, published = self.decided(), self.published()
        self.counts.answers += len(self.reader.seen)
        self.counts.wrong += len(self.reader.faults) + len([key for key in published if key not in expected])
        self.counts.lost += len([key for key in expected if published.get(key) != expected[key]])
        return self.counts


def work(product: str) -> Callable[[PublisherFixture], object]:
    """Return the task of an event: a sweep, if it names no product."""
    return (lambda rig: rig.publisher.publish(product)) if product else PublisherFixture.sweep


def as_json(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def quiet_release(version: str, channel: str) -> dict[str, Any]:
    """Return a release that only our own documents show. It needs few writes, so the tests are quick."""
    document = release(version, channel)
    del document["released_at"]
    document["artifacts"][0]["platform"] = "haiku"
    return document


def policy(channel: str, **fields: Any) -> dict[str, Any]:
    return {"schema": 1, "product": PRODUCT, "channel": channel, **fields}


DECISIONS: tuple[dict[str, Any], ...] = (
    {},
    {"includes": ["stable"]},
    {"includes": ["stable", "beta"]},
    {"pin": "4.2.0"},
    {"paused_at": "2026-11-20T00:00:00Z"},
    {"yanked": [{"version": "4.2.0", "reason": "broken"}]},
    {"rollout": {"version": "4.2.0", "percent": 10}},
)
BEGINNING = {
    object_keys.release_key(PRODUCT, "stable", "4.2.0"): quiet_release("4.2.0", "stable"),
    object_keys.release_key(PRODUCT, "beta", "4.1.0"): quiet_release("4.1.0", "beta"),
    object_keys.channel_key(PRODUCT, "beta"): policy("beta", includes=["stable"]),
}
"""The uploads that are published before anything else happens."""


def run(*, seed: int, budget: int) -> Counts:
    """Play `budget` worlds. Return their counts."""
    counts = Counts()
    for number in range(budget):
        counts += World(random.Random(f"{seed} {number}")).play()
    return counts
