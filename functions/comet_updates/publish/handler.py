"""Lambda entry of the publishing function: publish the products that an event names, each once.

Two events exist: a batch of S3 notifications from the queue, and `{"sweep": true}` from the schedule. A notification
also contains who uploaded, and from where; this is never read.
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
from comet_updates.pages import site
from comet_updates.publish.bucket import open_bucket
from comet_updates.publish.publisher import Publisher
from comet_updates.publish.run import Run, SweepFailedError


class NotHandledError(CometError):
    """An event could not be handled; it comes again. The text is constant, since the cause may quote the event."""


class Settings(NamedTuple):
    """The settings of the deployment."""

    bucket: str
    endpoint_url: str | None  # `None` for AWS's own S3
    log_level: str
    log_successes: bool
    online_key: str | None  # the URI of the key that signs TUF's snapshot and timestamp
    service_url: str | None  # the URL that clients ask, without a final slash, for the pages

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings.

        Raises:
            SettingsError: a setting is missing or not valid.
        """
        variables = ("BUCKET", "S3_ENDPOINT", "LOG_LEVEL", "LOG_SUCCESSES", "ONLINE_KEY", "SERVICE_URL")
        bucket, endpoint, level, successes, key, url = settings(environment, *variables)
        endpoint_url = None if endpoint == "aws" else endpoint
        online_key, service_url = (None if value == "none" else value for value in (key, url))
        return cls(bucket, endpoint_url, level, successes == "true", online_key, service_url)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Publish the products in an SQS batch of S3 notifications, or everything for a sweep.

    Returns:
        For a batch, `batchItemFailures` with the messages that have to come again.

    Raises:
        SettingsError: a setting is missing or not valid.
        SweepFailedError: a sweep could not publish everything.
        NotHandledError: anything else failed. Lambda logs every error that is raised here.
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
    # First, since it silences boto3, which would log a line with the id of the request when it makes its client.
    log = Log(successes=settings.log_successes, level=settings.log_level)
    publisher = Publisher(
        open_bucket(settings.bucket, settings.endpoint_url),
        lambda: datetime.now(UTC),
        settings.online_key,
        settings.service_url,
        site.commit(),
    )
    return Run(publisher, log)
