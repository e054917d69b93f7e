"""Test publishing of signed states while an S3 over HTTP fails: TUF clients keep working, and never go back."""

from __future__ import annotations

from contextlib import suppress
from itertools import cycle
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from comet_updates import object_keys
from comet_updates.publish.publisher import Publisher
from testkit.counts import IS_FULL, tally
from testkit.proxy import proxied
from testkit.watched_bucket import Watching
from tests.faults.test_publish import IMPATIENT
from tests.signing.conftest import PRODUCT
from tests.signing.thief import version_of

if TYPE_CHECKING:
    from tests.signing.conftest import Client, TufPublisher

QUICK = ("answer lost",)
TRIED: tuple[str, ...] = ("corrupted", "answer lost")
"""The faults in `make test`, and in `make test-all`; `make torture` tries more."""
if IS_FULL:  # one of each kind: those that end a request, and those that look like an answer
    TRIED += ("reset", "503", "not HTTP", "in part", "wrong etag", "empty")
UNCHECKED = IMPATIENT.merge(Config(response_checksum_validation="when_required"))
"""Without boto3's own check of objects that were written with a checksum."""

POLICY = object_keys.channel_key(PRODUCT, "stable")


@pytest.mark.http
@pytest.mark.usefixtures("no_backoff")
@pytest.mark.parametrize(
    ("faults", "step"),
    [pytest.param(QUICK, 8, id="quick"), pytest.param(TRIED, 1, id="all", marks=pytest.mark.full)],
)
def test_tuf_clients_recover_from_any_s3_fault(
    house: TufPublisher, client: Client, faults: tuple[str, ...], step: int
) -> None:
    """While S3 fails, clients get one of the two states; afterwards, the new one."""
    house.release("4.2.1")
    house.release("4.3.0")
    house.sweep()
    decided = cycle(["4.2.1", "4.3.0"])
    with proxied(urlsplit(house.s3.endpoint).port or 0) as between:
        s3 = boto3.client("s3", endpoint_url=between.url, config=UNCHECKED)

        def decide() -> str:
            """Pin the channel to the other version, and sign.

            Use a new publisher, as boto3 has a limited budget of retries.
            """
            version = next(decided)
            house.put(POLICY, channel="stable", pin=version)
            house.seal()
            house.publisher = Publisher(Watching(s3, house.s3.bucket), lambda: house.now, house.online)
            return version

        decide()
        house.sweep()  # the first sweep reads everything
        del between.requests[:]
        decide()
        house.sweep()
        signed = [at for at, (_, target) in enumerate(between.requests) if "tuf" in target]
        assert {between.requests[at][0] for at in signed} == {"GET", "PUT"}
        for fault in faults:
            for at in signed[::step]:
                before, version = version_of(client.check()), decide()
                met = between.faults
                between.misbehave(fault, after=at, times=1)
                with suppress(house.failed):
                    house.sweep()
                between.heal()
                meanwhile = version_of(client.check())
                house.sweep()
                then = version_of(client.check())
                met = between.faults - met
                tally(faults=met, answers=2, wrong=meanwhile not in (before, version), lost=then != version)
                assert met
                assert meanwhile in (before, version)
                assert then == version
