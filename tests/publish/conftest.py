"""A publisher on a bucket. A test can watch, stop or overtake each of its S3 operations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from comet_updates.publish.publisher import Publisher
from testkit.memory_bucket import s3
from testkit.watched_bucket import Watching, watched
from tests.signing.conftest import begun, client, house, newcomer, web

if TYPE_CHECKING:
    from testkit.s3 import S3

__all__ = ["begun", "client", "house", "newcomer", "s3", "web"]
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class PublisherFixture:
    """A publisher, its bucket and its clock."""

    def __init__(self, s3: S3 | Watching) -> None:
        self.now = NOW
        self.bucket = s3 if isinstance(s3, Watching) else watched(s3)
        self.publisher = Publisher(self.bucket, lambda: self.now)

    def sweep(self) -> None:
        self.publisher.refuse_strays()
        for product, seen in sorted(self.publisher.list_all_products().items()):
            self.publisher.publish(product, seen)
        self.publisher.publish_site()


@pytest.fixture
def rig(s3: S3) -> PublisherFixture:
    return PublisherFixture(s3)
