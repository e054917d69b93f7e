"""Calls the built handler and prints, as JSON, how long each kind took: `handler_calls.py ROUNDS CALLS`.

Runs in the runtime's Python, with the function and its layer on the path; see `handler.py`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from comet_updates.answer import handler as module
from comet_updates.answer.errors import StoreUnavailableError
from comet_updates.answer.store import PROBE_KEY, DeniedError, Document, Get, Unchanged

ROOT = Path(__file__).parents[1]
EVENT = json.loads((ROOT / "events" / "get.json").read_text())
TEXT = (ROOT / "examples" / "releases" / "comet-cursor" / "stable" / "4.2.1.json").read_text()
ETAG = '"0123456789abcdef0123456789abcdef"'

Kind = tuple[float, list[Any], dict[str, Any], int]
"""Seconds in memory, the answers of S3 in turn (the last is repeated), the event, and the expected status."""


def document(key: str, _validator: str | None) -> Document:
    """Answer as an S3 with the document."""
    return Document(key, TEXT, len(TEXT.encode()), ETAG, "1")


def nothing(key: str, validator: str | None) -> Document:
    """Answer as an S3 that has no document but the probe object."""
    if key == PROBE_KEY:
        return document(key, validator)
    raise DeniedError


def unchanged(_key: str, _validator: str | None) -> Unchanged:
    """Answer as an S3 whose document has not changed."""
    return Unchanged()


def fails(_key: str, _validator: str | None) -> Document:
    """Fail, as an S3 that does not answer."""
    raise StoreUnavailableError


KINDS: dict[str, Kind] = {
    "hit: from memory": (3600, [document], EVENT, 200),
    "304: the client has it": (3600, [document], EVENT | {"headers": {"if-none-match": ETAG}}, 304),
    "no such address": (3600, [document], EVENT | {"rawPath": "/no/such/address"}, 404),
    "miss: read from S3": (0, [document], EVENT, 200),
    "miss: S3 has no such document": (0, [document, nothing], EVENT, 404),
    "revalidated by S3": (0, [document, document, unchanged], EVENT, 200),
    "stale: S3 fails, from memory": (0, [document, document, fails], EVENT, 200),
}


def in_turn(answers: list[Get]) -> Get:
    """Return an S3 that gives these answers in order, and then repeats the last."""
    turns = chain(answers, repeat(answers[-1]))

    def get(key: str, validator: str | None) -> Document | Unchanged:
        return next(turns)(key, validator)

    return get


def times(kind: Kind, rounds: int, calls: int) -> list[float]:
    """Return the microseconds of a call, for each round."""
    ttl_s, answers, event, status = kind
    vars(module)["s3_get"] = lambda _bucket, _endpoint: in_turn(answers)
    handle: Callable[[dict[str, Any], object], dict[str, Any]]
    handle = module.build(module.Settings("bucket", None, ttl_s, "ERROR", log_successes=False))
    handle(event, None)
    found = []
    for _ in range(rounds):
        started = time.perf_counter()
        for _ in range(calls):
            answer = handle(event, None)
        found.append((time.perf_counter() - started) / calls * 1e6)
    if answer["statusCode"] != status:
        raise RuntimeError(f"answered {answer}")
    return found


if __name__ == "__main__":
    rounds, calls = map(int, sys.argv[1:])
    print(json.dumps({name: times(kind, rounds, calls) for name, kind in KINDS.items()}))
