"""Fixtures: one published release, and execution environments that ask for it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings
from moto.moto_api._internal.models import moto_api_backend

from comet_updates.publish.bucket import open_bucket
from comet_updates.publish.publisher import Publisher
from testkit.documents import release
from testkit.observe import Lambda, environ
from testkit.s3 import ON_THIS_MACHINE, S3

if TYPE_CHECKING:
    from testkit.s3 import Wire

QUICK, FULL = 1, 12
THOROUGH = FULL if os.environ.get("COMET_PRIVACY") == "full" else QUICK
"""The factor for the number of examples: `make test` has the quick form, `make privacy` the full one."""

EVERY_SO_MANY_CALLS = 1 if THOROUGH == FULL else 3
"""Which calls of the answering function get a fault: each one, or every third."""

TALLY = os.environ.get("COMET_TALLY")


def tried(examples: int, times: int = THOROUGH) -> settings:
    """Return hypothesis settings for `examples`, with `times` as many in the thorough form.

    They are always the same ones.
    """
    return settings(
        max_examples=examples * times,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate),  # to shrink an example takes minutes, and the difference is short
    )


def tally(**figures: int | list[str]) -> None:
    """Add a test's counts, or the names of what it observed, to the evidence report."""
    if TALLY:
        with Path(TALLY).open("a") as file:
            file.write(json.dumps(figures) + "\n")


@pytest.fixture(scope="session")
def aws_lambda(wire: Wire) -> Iterator[Lambda]:
    """Yield an object that makes execution environments."""
    made = Lambda(wire)
    yield made
    made.close()


@pytest.fixture(scope="module")
def bucket(s3_endpoint: str) -> Iterator[S3]:
    """Yield a bucket with one published release, alone in its S3."""
    moto_api_backend.reset()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ON_THIS_MACHINE.items():
            patch.setenv(name, value)
        s3 = S3(s3_endpoint)
        s3.put("releases/comet-cursor/stable/4.2.1.json", release())
        publisher = Publisher(open_bucket(s3.bucket, s3.endpoint), lambda: datetime.now(UTC))
        publisher.publish("comet-cursor")
        publisher.publish_site()
        yield s3


@pytest.fixture
def published(bucket: S3, aws: str) -> dict[str, str]:
    """Return the environment of the functions in front of one published release."""
    return settings_for(bucket)


def settings_for(s3: S3, **more: str) -> dict[str, str]:
    """Return the environment of a function that logs everything and remembers nothing.

    Debug flags are set by mistake.
    """
    return environ(
        POWERTOOLS_LOGGER_LOG_EVENT="true",
        POWERTOOLS_DEV="true",
        POWERTOOLS_DEBUG="true",
        DEBUG="1",
        BUCKET=s3.bucket,
        S3_ENDPOINT=s3.endpoint,
        **{
            "MEMORY_TTL_S": "0",
            "LOG_LEVEL": "INFO",
            "LOG_SUCCESSES": "true",
            "ONLINE_KEY": "none",
            "SERVICE_URL": "none",
        }
        | more,
    )
