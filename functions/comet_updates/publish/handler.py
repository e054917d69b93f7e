"""Lambda entry of the publishing function: event → which products to look at again → publish each once.

Two events exist: S3's notifications, batched through the queue, and the schedule's `{"sweep": true}`. What a
notification says of who uploaded, and from where, is not read.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from comet_updates.answer.errors import CometError, SettingsError
from comet_updates.answer.log import Log
from comet_updates.answer.settings import settings
from comet_updates.publish.bucket import open_bucket
from comet_updates.publish.publisher import Publisher
from comet_updates.publish.run import Run, SweepFailedError


class NotHandledError(CometError):
    """An event could not be handled; it comes again. What went wrong may quote it, so the text is constant."""


class Settings(NamedTuple):
    """What the deployment decides."""

    bucket: str
    endpoint_url: str | None  # `None` for AWS's own S3
    log_level: str
    log_successes: bool
    online_key: str | None  # the URI of the key that signs how fresh TUF's metadata is

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings. Raises `SettingsError` for one that is missing or makes no sense."""
        variables = ("BUCKET", "S3_ENDPOINT", "LOG_LEVEL", "LOG_SUCCESSES", "ONLINE_KEY")
        bucket, endpoint, level, successes, key = settings(environment, *variables)
        endpoint_url = None if endpoint == "aws" else endpoint
        return cls(bucket, endpoint_url, level, successes == "true", None if key == "none" else key)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Publish what an SQS batch of S3 notifications names, or everything for a sweep.

    Returns:
        For a batch, `batchItemFailures` with the messages that have to come again.

    Raises:
        SettingsError: a setting is missing or makes no sense.
        SweepFailedError: a sweep could not publish everything.
        NotHandledError: anything else. Lambda logs what is raised here.
    """
    try:
        return _handle(event)
    except (SettingsError, SweepFailedError):
        raise
    except BaseException:  # noqa: BLE001
        raise NotHandledError("the event comes again") from None


def _handle(event: dict[str, Any]) -> dict[str, Any]:
    run = _run()
    if event.get("sweep") is True:
        run.sweep()
        return {}
    failed = run.batch({message["messageId"]: message["body"] for message in event["Records"]})
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


@functools.cache
def _run() -> Run:
    settings = Settings.from_environment(os.environ)
    publisher = Publisher(
        open_bucket(settings.bucket, settings.endpoint_url), lambda: datetime.now(UTC), settings.online_key
    )
    return Run(publisher, Log(successes=settings.log_successes, level=settings.log_level))
