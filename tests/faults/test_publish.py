"""The real publishing function in front of an S3 over HTTP that fails, in every way, at every request that it makes.

What must never happen is not in the table: an event that is done with while its release is not public.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from comet_updates import names
from comet_updates.publish.bucket import Bucket
from tests.conftest import SWEEP, notification, release
from torture import proxy
from torture.counts import IS_FULL, tally
from torture.proxy import Proxy, proxied

if TYPE_CHECKING:
    from tests.conftest import S3, Handler

DELIVERIES = 5
IMPATIENT = Config(connect_timeout=0.5, read_timeout=0.5, retries={"mode": "standard", "total_max_attempts": 2})
"""As `open_bucket` has it, but sooner."""

TABLE = """
"""
"""What becomes of an event whose function meets a fault once, and from then on always; one word is for both.

`done`: its release is public. `again`: the queue delivers it again, five times, and then keeps it as a dead letter.
"""

SITES = ("list", "versions", "read", "write")
FAULTS = tuple(fault for fault in proxy.ALL if fault != "trickling")
"""boto3 goes on for as long as a byte comes now and then; then Lambda ends it: see publish/test_concurrency.py."""

TRIED = FAULTS if IS_FULL else ("refused", "503", "corrupted", "empty", "answer lost")


@pytest.fixture
def between(s3: S3) -> Iterator[Proxy]:
    """A proxy in front of the S3."""
    with proxied(urlsplit(s3.endpoint).port or 0) as between:
        yield between


@pytest.fixture
def publish(between: Proxy, publish: Handler, s3: S3, monkeypatch: pytest.MonkeyPatch) -> Handler:
    """The publishing function, behind the proxy."""

    def impatient(name: str, _: object) -> Bucket:
        return Bucket(boto3.client("s3", endpoint_url=between.url, config=IMPATIENT), name)

    monkeypatch.setattr(random, "random", lambda: 0.0)  # boto3 waits by chance before it tries again
    monkeypatch.setitem(publish.__globals__, "open_bucket", impatient)  # type: ignore[attr-defined]
    return publish


def site_of(method: str, target: str) -> str:
    """Which of `SITES` a request is."""
    query = urlsplit(target).query
    if method == "PUT":
        return "write"
    return "list" if "list-type" in query else "versions" if query.startswith("versions") else "read"


def upload(s3: S3, product: str) -> dict[str, Any]:
    """Upload a release; gives its event."""
    key = names.release_key(product, "stable", "1.0.0")
    s3.put(key, release("1.0.0", product=product))
    return notification(key)


def is_public(s3: S3, product: str) -> bool:
    """Whether the release is, with all that belongs to it; raises if anything there is of another form."""
    manifest = names.document_key(product, "stable", "manifest.json")
    kept = set(s3.keys(f"public/v1/{product}/"))
    if manifest in kept:
        assert s3.json(manifest) == release("1.0.0", product=product)
    index = s3.get(names.page_key("index")).decode() if s3.keys(names.page_key("index")) else ""
    return manifest in kept and f'"/{product}"' in index


def cell(s3: S3, publish: Handler, between: Proxy, product: str, fault: str, after: int, *, lasting: bool) -> str:
    event = upload(s3, product)
    publish.__globals__["_run"].cache_clear()  # type: ignore[attr-defined]  # boto3 tries again only so often
    between.misbehave(fault, after=after, times=1_000_000 if lasting else 1)
    before = between.faults
    is_done = not publish(event, None)["batchItemFailures"]
    between.heal()
    tally(faults=between.faults - before, lost=is_done and not is_public(s3, product))
    assert between.faults > before or fault in proxy.BEFORE_ANY_CONNECTION
    assert not is_done or is_public(s3, product)
    left = 0 if is_done else DELIVERIES - 1
    while left and publish(event, None)["batchItemFailures"]:  # this machine may be slower than we are patient
        left -= 1
    tally(lost=not is_public(s3, product))
    assert is_public(s3, product)
    return "done" if is_done else "again"


def test_whatever_s3_does_at_whichever_request_no_event_is_done_with_before_its_release_is_public(
    s3: S3, publish: Handler, between: Proxy
) -> None:
    publish(SWEEP, None)
    publish(upload(s3, "first"), None)
    del between.requests[:]
    publish(upload(s3, "second"), None)
    sites = [site_of(*request) for request in between.requests]
    got: dict[tuple[str, str], set[str]] = {}
    for number, fault in enumerate(TRIED):
        for after, site in enumerate(sites):
            if not IS_FULL and (fault, site) in got and (fault, site) != ("answer lost", "write"):
                continue
            words = [
                cell(s3, publish, between, f"p-{number}-{after}-{lasting:d}", fault, after, lasting=lasting)
                for lasting in (False, True)
            ]
            got.setdefault((fault, site), set()).add(", ".join(dict.fromkeys(words)))
    lines = [
        ["S3", *SITES],
        *([fault, *(" / ".join(sorted(got[fault, site])) for site in SITES)] for fault in proxy.ALL),
    ]
    table = "\n".join(" | ".join(f"{text:12}" for text in line).rstrip() for line in lines)
    shown = [line for line in TABLE.strip().splitlines() if line.partition(" |")[0].strip() in ("S3", *TRIED)]
    assert table.splitlines() == shown, table
