"""Lambda entry of the answering function: gateway event → respond → gateway answer. It never raises."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from comet_updates.answer import drop_in, respond, urls
from comet_updates.answer.errors import StoreUnavailableError
from comet_updates.answer.log import Log, Record
from comet_updates.answer.settings import settings
from comet_updates.answer.store import PROBE_KEY, CachedStore, s3_get

Handler = Callable[[dict[str, Any], object], dict[str, Any]]


class Settings(NamedTuple):
    """The settings of the deployment."""

    bucket: str
    endpoint_url: str | None  # `None` for AWS's own S3
    memory_ttl_s: float
    log_level: str
    log_successes: bool

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings.

        Raises:
            SettingsError: a setting is missing or not valid.
        """
        variables = ("BUCKET", "S3_ENDPOINT", "MEMORY_TTL_S", "LOG_LEVEL", "LOG_SUCCESSES")
        bucket, endpoint, ttl_s, level, successes = settings(environment, *variables)
        return cls(bucket, None if endpoint == "aws" else endpoint, float(ttl_s), level, successes == "true")


def build(settings: Settings) -> Handler:
    """Return the handler for these settings. One GET is done in advance, so that the first client does not wait."""
    log = Log(successes=settings.log_successes, level=settings.log_level)
    reader = CachedStore(s3_get(settings.bucket, settings.endpoint_url), ttl_s=settings.memory_ttl_s)
    with suppress(StoreUnavailableError):  # S3 may work again at the first request
        reader.read(PROBE_KEY)

    def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
        """Answer one API Gateway event (payload 2.0). Only its method, path and If-None-Match are read."""
        answer, started = respond.FAILED, 0.0
        try:
            started = time.monotonic()
            http, headers = event["requestContext"]["http"], event.get("headers") or {}
            rules = drop_in if event["rawPath"].startswith(urls.DROP_IN) else respond
            answer = rules.respond(http["method"], event["rawPath"], headers.get("if-none-match"), reader.read)
        except BaseException:  # noqa: BLE001, S110 (the text of any error may quote the request: drop it)
            pass
        try:
            place = urls.document_id(answer.key) if answer.key else urls.NO_DOCUMENT
            log.write(Record(answer.outcome, place, answer.cache, time.monotonic() - started))
        except BaseException:  # noqa: BLE001, S110 (answer even if the record cannot be written)
            pass
        return {"statusCode": answer.status, "headers": answer.headers, "body": answer.body, "isBase64Encoded": False}

    return handle


handler = build(Settings.from_environment(os.environ))
