"""Time and requests to publish one more release, by the number of releases and of the product's channels.

The S3 is moto's, in this process: its own work is most of the seconds. The requests are those that S3 would count.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from moto import mock_aws

from bench.figures import Row, Section, spread
from bench.object_store import DOCUMENT
from comet_updates import object_keys
from comet_updates.publish.bucket import Bucket
from comet_updates.publish.publisher import Publisher

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

COMMAND = "python -m bench publishing"
PRODUCT = "comet-cursor"
BUCKET = "bucket"
RELEASE = json.loads(DOCUMENT)
SIZES = [(releases, 1) for releases in (10, 100, 1000, 10_000)] + [(channels, channels) for channels in (10, 100, 1000)]
"""The number of releases, and the number of channels that have them."""


class Cost(NamedTuple):
    """The seconds and requests of one run of the publisher."""

    seconds: float
    requests: Counter[str]

    def of(self, *kinds: str) -> int:
        """Return the number of requests of these kinds."""
        return sum(self.requests[kind] for kind in kinds)


def measure(rounds: int) -> Section:
    """Publish `rounds` times one more release, for each size: with a new publisher, and with one that ran before."""
    rows: dict[str, Row] = {}
    for releases, channels in SIZES:
        print(f"publishing: {releases} releases on {channels} channels", flush=True)
        name = f"{releases} releases, {channels} channel{'s' if channels > 1 else ''}"
        rows[name] = _row(releases, channels, rounds)
    return Section(
        command=COMMAND,
        about=f"{rounds} more releases on one channel (of 10 000 one), one after the other, on top of what is "
        "published. A new publisher is that of a new Lambda environment, with nothing in memory. S3 is moto's: "
        "requests carry over, seconds do not.",
        rows=rows,
        missing={},
    )


def _row(releases: int, channels: int, rounds: int) -> Row:
    with _s3() as (s3, requests):
        versions = count()
        for number in range(releases):
            _upload(s3, f"channel-{number % channels}", next(versions))
        warm = _publisher(s3)
        _cost(warm, requests)
        costs: dict[str, list[Cost]] = {"warm": [], "new": []}
        for kind, found in costs.items():
            for _ in range(rounds if releases < 10_000 else 1):  # noqa: PLR2004 (that one takes a minute)
                _upload(s3, "channel-0", next(versions))
                found.append(_cost(warm if kind == "warm" else _publisher(s3), requests))
    row: Row = {}
    for kind, title in (("new", "new publisher"), ("warm", "the same again")):
        row[f"{title}: s"] = spread([cost.seconds for cost in costs[kind]])
        row[f"{title}: lists"] = _most([cost.of("ListObjectsV2", "ListObjectVersions") for cost in costs[kind]])
        row[f"{title}: reads"] = _most([cost.of("GetObject", "HeadObject") for cost in costs[kind]])
        row[f"{title}: writes"] = _most([cost.of("PutObject", "DeleteObject") for cost in costs[kind]])
    return row


def _most(counts: list[int]) -> float:
    """Return the largest count of any run. Counts do not spread as times do."""
    return max(counts)


@contextmanager
def _s3() -> Iterator[tuple[S3Client, Counter[str]]]:
    """Yield a client of an S3 with an empty bucket, and the count of requests by their kind."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}
    requests: Counter[str] = Counter()

    def note(model: Any, **_: object) -> None:
        requests[model.name] += 1

    with mock_aws():
        s3: S3Client = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        s3.meta.events.register("before-call.s3", note)
        yield s3, requests


def _publisher(s3: S3Client) -> Publisher:
    return Publisher(Bucket(s3, BUCKET), lambda: datetime.now(UTC))


def _upload(s3: S3Client, channel: str, number: int) -> None:
    version = f"1.{number}.0"
    document = RELEASE | {"channel": channel, "version": version}
    s3.put_object(
        Bucket=BUCKET, Key=object_keys.release_key(PRODUCT, channel, version), Body=json.dumps(document).encode()
    )


def _cost(publisher: Publisher, requests: Counter[str]) -> Cost:
    requests.clear()
    started = time.perf_counter()
    publisher.publish(PRODUCT)
    return Cost(time.perf_counter() - started, Counter(requests))
