"""Test that the identity, place and time of an uploader change nothing except what is published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from moto.moto_api._internal import mock_random
from moto.moto_api._internal.models import moto_api_backend

from testkit.documents import release
from testkit.events import SWEEP
from testkit.observe import PUBLISH, Lambda, Observation, differences
from testkit.people import UPLOADER, Person, marked, notification_of, people
from testkit.s3 import S3
from tests.privacy.conftest import QUICK, THOROUGH, settings_for, tally, tried

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY_SO_MANY = 1301 if THOROUGH == QUICK else 17  # of the calls of publishing; coprime to its loops
NOBODY: Person = {}


@pytest.fixture
def upload(aws_lambda: Lambda, s3: S3) -> Callable[..., Observation]:
    """Return a function that uploads two releases (one is refused), publishes for `person`, and returns all traces."""
    name = s3.bucket

    def uploaded(person: Person, fault: str = "", **options: Any) -> Observation:
        moto_api_backend.reset()
        mock_random.seed(7)  # the same ids for both uploads
        s3.client.create_bucket(Bucket=name)
        s3.client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        keys = [f"releases/comet-cursor/stable/{version}.json" for version in ("4.2.1", "4.2.2")]
        s3.put(keys[0], release())
        s3.put(keys[1], b"{}")
        wire = aws_lambda.wire
        wire.fault, wire.fault_after = fault, 6
        try:
            settings = settings_for(s3)
            return aws_lambda.observe(PUBLISH, settings, [notification_of(person, *keys), SWEEP], **options)
        finally:
            wire.fault = ""

    return uploaded


def test_who_uploads_makes_no_difference(upload: Callable[..., Observation]) -> None:
    nobody = upload(NOBODY)
    assert '"outcome":"refused"' in nobody.seen["stdout"], "something is published, or this test proves nothing"
    assert nobody.state_before != nobody.state_after

    @tried(1 if THOROUGH == QUICK else 3)
    @given(people(UPLOADER), people(UPLOADER))
    @example(marked(1, UPLOADER), marked(2, UPLOADER))  # the first that hypothesis draws has no field
    def compared(one: Person, other: Person) -> None:
        first, second = upload(one), upload(other)
        assert differences(first, second) == differences(first, nobody) == {}
        tally(pairs=1)

    compared()


def test_who_uploads_makes_no_difference_while_s3_fails(upload: Callable[..., Observation]) -> None:
    nobody = upload(NOBODY, "500")
    assert '"outcome":"failed"' in nobody.seen["stdout"], "S3 fails, or this test proves nothing"
    assert differences(upload(marked(1, UPLOADER), "500"), nobody) == {}
    tally(pairs=1)


def test_a_fault_of_any_call_reveals_nothing_of_the_uploader(
    upload: Callable[..., Observation],
) -> None:
    """Raise an error that quotes the event, at the calls of our publishing code."""
    one, other = (upload(marked(number, UPLOADER), faults=EVERY_SO_MANY) for number in (1, 2))
    assert differences(one, other) == {}
    assert one.seen["calls"] > 100
    tally(pairs=len(one.seen["posted"]), faults=len(one.seen["posted"]))


def test_a_leak_makes_a_difference(upload: Callable[..., Observation]) -> None:
    """Positive control of the tests above."""
    one, other = (upload(marked(n, UPLOADER), leak="prints_who_uploaded") for n in (1, 2))
    assert differences(one, other)
