"""The decisions that people make during the load, and the answers that are right after each decision."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.publish.bucket import Bucket
from comet_updates.publish.publisher import Publisher
from testkit.memory_bucket import MemoryBucket, Objects

PRODUCTS = ("ash", "birch", "cedar", "elm")
DOCUMENTS = ("releases.json", "appcast.xml", "feed.atom")


class Decision(NamedTuple):
    """An upload."""

    product: str
    key: str
    body: bytes


class Span(NamedTuple):
    """The numbers of the first and the last decision for which a body is right."""

    first: int
    last: int


Right = Mapping[str, Mapping[str, Sequence[Span]]]
"""Path → ETag of a body → the decisions for which it is right, in order."""


def decisions(number: int) -> Iterator[Decision]:
    """Yield a number of uploads: releases of each product in turn, sometimes a yank of its latest, if others remain."""
    live: dict[str, list[str]] = {product: [] for product in PRODUCTS}
    yanked: dict[str, list[dict[str, str]]] = {product: [] for product in PRODUCTS}
    for turn in range(number):
        product = PRODUCTS[turn % len(PRODUCTS)]
        if len(live[product]) > 1 and turn % 5 == 4:  # noqa: PLR2004
            yanked[product].append({"version": live[product].pop(), "reason": "broken"})
            policy = {"schema": 1, "product": product, "channel": "stable", "yanked": yanked[product]}
            yield Decision(product, object_keys.channel_key(product, "stable"), json.dumps(policy).encode())
            continue
        version = f"1.{len(live[product]) + len(yanked[product])}.0"
        live[product].append(version)
        key = object_keys.release_key(product, "stable", version)
        yield Decision(product, key, json.dumps(_release(product, version)).encode())


def paths(product: str) -> list[str]:
    """Return the paths that clients ask for."""
    return [f"/v1/{product}/stable", *(f"/v1/{product}/stable/{document}" for document in DOCUMENTS), f"/{product}"]


def etag(body: bytes) -> str:
    """Return the ETag that clients get."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def rehearse(made: Sequence[Decision]) -> tuple[Right, Bucket]:
    """Publish every decision without faults, and record the right answers after each.

    Return these, and the final bucket.
    """
    objects = Objects()
    objects.now = datetime.now(UTC)
    bucket = MemoryBucket(objects)
    publisher = Publisher(bucket, lambda: objects.now)
    right: dict[str, dict[str, list[Span]]] = {}
    for number, decision in enumerate(made):
        objects.tick()
        objects.put(decision.key, decision.body)
        publisher.publish(decision.product)
        for path in paths(decision.product):
            found = bucket.current(urls.public_key(path) or "")
            spans = right.setdefault(path, {})
            for was in spans.values():  # the body was right until now
                if was[-1].last == len(made):
                    was[-1] = Span(was[-1].first, number - 1)
            if found:
                spans.setdefault(etag(found.body), []).append(Span(number, len(made)))
    return right, bucket


def _release(product: str, version: str) -> dict[str, Any]:
    url = f"https://downloads.example.com/{product}/{version}/setup-x64.exe"
    artifact = {"platform": "windows", "arch": "x86_64", "kind": "installer", "url": url, "size": 1, "sha256": "0" * 64}
    return {
        "schema": 1,
        "product": product,
        "channel": "stable",
        "version": version,
        "released_at": "2026-11-20T12:00:00Z",
        "notes": {"en": f"Version {version} of {product}."},
        "artifacts": [artifact],
    }
