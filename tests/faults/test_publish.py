"""Test the real publishing function in front of an S3 over HTTP that fails, in every way, at each of its requests.

The table does not list what must never happen: an event that counts as done while its release is not public.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.publish.bucket import Bucket
from testkit import proxy
from testkit.counts import IS_FULL, tally
from testkit.documents import release
from testkit.events import SWEEP, notification
from testkit.proxy import Proxy, proxied
from testkit.s3 import S3

if TYPE_CHECKING:
    from testkit.fresh import Handler

DELIVERIES = 5
IMPATIENT = Config(connect_timeout=3, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
"""As in `open_bucket`, but with shorter time-outs, which are still long enough for a busy machine."""

TABLE = """
S3           | list         | versions     | read         | write
refused      | again        | again        | again        | again
black hole   | again        | again        | again        | again
reset        | done, again  | done, again  | done, again  | done, again
closed       | done, again  | done, again  | done, again  | done, again
silent       | done, again  | done, again  | done, again  | done, again
slow         | done         | done         | done         | done
500          | done, again  | done, again  | done, again  | done, again
503          | done, again  | done, again  | done, again  | done, again
403          | again        | again        | again        | again
clock skew   | again        | again        | again        | again
no bucket    | again        | again        | again        | again
not S3       | again        | again        | again        | again
400          | again        | again        | again        | again
sent on      | done, again  | done, again  | done, again  | done, again
wrong region | done, again  | done, again  | done, again  | done, again
cut short    | done, again  | done, again  | again        | done, again
in part      | again        | again        | again        | done, again
as if packed | done         | done         | done         | done
far too long | done, again  | done, again  | again        | done, again
error in 200 | done, again  | done, again  | again        | done, again
corrupted    | done, again  | done, again  | again        | done, again
wrong etag   | done, again  | done, again  | done, again  | again
empty        | again        | again        | again        | again
not HTTP     | done, again  | done, again  | done, again  | done, again
answer lost  | done, again  | done, again  | done, again  | done, again
"""
"""What happens to an event if the function meets a fault once, and if it always does. One word stands for both.

`done`: its release is public. `again`: the queue delivers it again, five times, and then keeps it as a dead letter.
"""

SITES = ("list", "versions", "read", "write")
FAULTS = tuple(fault for fault in proxy.ALL if fault != "trickling")
"""boto3 waits while bytes come slowly, and Lambda ends the function: see publish/test_concurrency.py."""

QUICK = ("answer lost",)
TRIED = FAULTS if IS_FULL else ("refused", "503", "no bucket", "corrupted", "empty", "answer lost")
"""The faults in `make test`, and in `make test-all` and `make torture`."""
AT_EVERY_WRITE = ("reset", "answer lost")


@pytest.fixture
def between(s3: S3) -> Iterator[Proxy]:
    """Yield a proxy in front of the S3."""
    with proxied(urlsplit(s3.endpoint).port or 0) as between:
        yield between


@pytest.fixture
def publish(between: Proxy, publish: Handler, s3: S3, no_backoff: None, monkeypatch: pytest.MonkeyPatch) -> Handler:
    """Return the handler of the publishing function, which reaches S3 through the proxy."""

    bucket: type[Bucket] = publish.__globals__["open_bucket"].__globals__["Bucket"]  # as the handler imported it

    def impatient(_: str, __: object) -> Bucket:
        return bucket(boto3.client("s3", endpoint_url=between.url, config=IMPATIENT), s3.bucket)

    monkeypatch.setitem(publish.__globals__, "open_bucket", impatient)
    return publish


def site_of(method: str, target: str) -> str:
    """Return which of `SITES` a request is."""
    query = urlsplit(target).query
    if method == "PUT":
        return "write"
    return "list" if "list-type" in query else "versions" if query.startswith("versions") else "read"


def upload(s3: S3, product: str) -> dict[str, Any]:
    """Upload a release, and return its event."""
    key = object_keys.release_key(product, "stable", "1.0.0")
    s3.put(key, release("1.0.0", product=product))
    return notification(key)


def is_public(s3: S3, product: str) -> bool:
    """Return whether the release and all that belongs to it is public. Fail if a document there is wrong."""
    manifest = urls.document_key(product, "stable", "manifest.json")
    kept = set(s3.keys(f"public/v1/{product}/"))
    if manifest in kept:
        assert s3.json(manifest) == release("1.0.0", product=product)
    index = s3.get(urls.page_key("index")).decode() if s3.keys(urls.page_key("index")) else ""
    return manifest in kept and f'"/{product}"' in index


def cell(s3: S3, publish: Handler, between: Proxy, product: str, fault: str, after: int, *, lasting: bool) -> str:
    event = upload(s3, product)
    publish.__globals__["_run"].cache_clear()  # a client of boto3 has a limited budget of retries
    between.misbehave(fault, after=after, times=1_000_000 if lasting else 1)
    before = between.faults
    is_done = not publish(event, None)["batchItemFailures"]
    between.heal()
    tally(faults=between.faults - before, lost=is_done and not is_public(s3, product))
    assert between.faults > before or fault in proxy.BEFORE_ANY_CONNECTION
    assert not is_done or is_public(s3, product)
    left = 0 if is_done else DELIVERIES - 1
    while left and publish(event, None)["batchItemFailures"]:  # on a slow machine, more deliveries may be needed
        left -= 1
    tally(lost=not is_public(s3, product))
    assert is_public(s3, product)
    return "done" if is_done else "again"


@pytest.mark.parametrize(
    "faults", [pytest.param(QUICK, id="quick"), pytest.param(TRIED, id="all", marks=pytest.mark.full)]
)
def test_event_is_not_done_before_its_release_is_public(
    s3: S3, publish: Handler, between: Proxy, faults: tuple[str, ...]
) -> None:
    """Cause each fault at each request to S3, once and lastingly."""
    publish(SWEEP, None)
    publish(upload(s3, "first"), None)
    del between.requests[:]
    publish(upload(s3, "second"), None)
    sites = [site_of(*request) for request in between.requests]
    got: dict[tuple[str, str], set[str]] = {}
    for fault in faults:
        s3.bucket = S3(s3.endpoint).bucket  # listing what exists already takes time
        for after, site in enumerate(sites):
            if (fault, site) in got and not (IS_FULL and site == "write" and fault in AT_EVERY_WRITE):
                continue
            words = [
                cell(s3, publish, between, f"p-{after}-{lasting:d}", fault, after, lasting=lasting)
                for lasting in (False, True)
            ]
            got.setdefault((fault, site), set()).add(", ".join(dict.fromkeys(words)))
    cells = {where: " / ".join(sorted(words)) for where, words in got.items()}
    lines = [["S3", *SITES], *([fault, *(cells[fault, site] for site in SITES)] for fault in faults)]
    table = "\n".join(" | ".join(f"{text:12}" for text in line).rstrip() for line in lines)
    shown = [line for line in TABLE.strip().splitlines() if line.partition(" |")[0].strip() in ("S3", *faults)]
    assert table.splitlines() == shown, table


def test_dead_letter_after_five_failures_is_published_by_the_sweep(s3: S3, publish: Handler, between: Proxy) -> None:
    """Use the template's queue, with S3's own notifications in it, while S3 fails for the publisher."""
    sqs = boto3.client("sqs", endpoint_url=s3.endpoint)
    dead = sqs.create_queue(QueueName=f"dead-{s3.bucket}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": DELIVERIES})
    uploads = sqs.create_queue(
        QueueName=f"uploads-{s3.bucket}", Attributes={"VisibilityTimeout": "0", "RedrivePolicy": redrive}
    )["QueueUrl"]
    products = ("one", "two", "three")
    for product in products:
        sqs.send_message(QueueUrl=uploads, MessageBody=upload(s3, product)["Records"][0]["body"])
    between.misbehave("refused")
    delivered = 0
    while messages := sqs.receive_message(QueueUrl=uploads, MaxNumberOfMessages=10).get("Messages", []):
        batch = [{"messageId": message["MessageId"], "body": message["Body"]} for message in messages]
        failed = {failure["itemIdentifier"] for failure in publish({"Records": batch}, None)["batchItemFailures"]}
        assert failed == {message["MessageId"] for message in messages}, "no event is done"
        delivered += len(messages)
    assert delivered == DELIVERIES * len(products)
    letters = sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10)["Messages"]
    assert len(letters) == len(products)
    assert not any(is_public(s3, product) for product in products)
    between.heal()
    publish(SWEEP, None)
    lost = [product for product in products if not is_public(s3, product)]
    tally(faults=delivered, lost=len(lost))
    assert lost == []


def test_a_sweep_that_fails_says_so_and_the_next_one_mends_it(s3: S3, publish: Handler, between: Proxy) -> None:
    upload(s3, "one")
    between.misbehave("503", after=12)
    with pytest.raises(Exception, match=r"^(the bucket could not be listed|not everything could be published)$"):
        publish(SWEEP, None)
    between.heal()
    publish(SWEEP, None)
    assert is_public(s3, "one")


@pytest.mark.parametrize(
    "requests", [pytest.param(range(0, 25, 6), id="quick"), pytest.param(range(25), id="all", marks=pytest.mark.full)]
)
def test_a_listing_that_is_none_does_not_unpublish_anything(
    s3: S3, publish: Handler, between: Proxy, requests: range
) -> None:
    """boto3 reads an empty answer as an empty list. An empty list of uploads would mean that the product is gone."""
    publish(upload(s3, "one"), None)
    before = s3.tree("public/")
    for after in requests:
        between.misbehave("empty", after=after)
        publish(upload(s3, "one"), None)
        between.heal()
        assert {key: s3.get(key) for key in before} == before
