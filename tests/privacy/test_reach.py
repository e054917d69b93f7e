"""Test how far a request reaches: the code that gets it, the parts that are read, and the hosts that are called."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given

from checks.privacy_proof.report_data import SCREEN_LINES, dependencies
from checks.privacy_proof.source import code_lines
from comet_updates.answer import urls
from testkit.observe import ANSWER, Lambda
from testkit.people import PLACES, Ask, marked, old_numbers, request_of
from testkit.reviewed import READ, SEES, Reading
from tests.privacy.conftest import tally, tried

if TYPE_CHECKING:
    from testkit.s3 import S3, Wire

CHANNEL = "/v1/comet-cursor/stable"


@pytest.fixture
def asked(aws_lambda: Lambda, published: dict[str, str]) -> Any:
    person = marked(1)
    asks = [Ask(CHANNEL), Ask(CHANNEL, "HEAD"), Ask(CHANNEL, "POST"), Ask(f"/{person['guid']}"), Ask("/v1/a/b")]
    events = [request_of(person, ask) for ask in asks]
    return lambda **options: aws_lambda.observe(ANSWER, published, events, **options)


def test_only_four_functions_get_a_part_of_a_request(asked: Any) -> None:
    receivers = set(asked(watch=marked(1).values()).seen["receivers"])
    assert receivers == SEES
    assert len(SEES) == 4


def test_the_code_that_sees_a_request_fits_on_one_screen() -> None:
    assert sum(map(code_lines, SEES)) <= SCREEN_LINES


def test_what_else_is_given_the_request_would_be_seen(asked: Any) -> None:
    receivers = set(asked(watch=["comet-cursor"]).seen["receivers"])
    assert receivers - SEES >= {"comet_updates.answer.store.CachedStore.read", "comet_updates.answer.urls.document_id"}


def test_three_things_of_a_request_are_read(answer: Any) -> None:
    read: set[str] = set()
    assert answer(Reading(request_of(marked(1), Ask(CHANNEL)), read), None)["statusCode"] in (200, 503)
    assert read == READ


def test_answering_depends_on_few_libraries() -> None:
    assert set(dependencies("answer")) == {
        *("aws-lambda-powertools", "jmespath", "obstore", "semver", "typing-extensions")
    }


def test_answering_talks_to_its_own_bucket_and_to_nobody_else(asked: Any, bucket: S3) -> None:
    observed = asked(connections=True)
    assert observed.connections == (urlsplit(bucket.endpoint).netloc,)
    assert observed.seen["system"] == []


@pytest.mark.parametrize(
    ("leak", "event"),
    [
        ("calls_somebody_else", "socket.connect "),
        ("sends_by_udp", "socket.sendmsg "),
        ("looks_a_name_up", "socket.gethostbyname "),
    ],
)
def test_a_call_to_somebody_else_would_be_seen(asked: Any, leak: str, event: str) -> None:
    assert any(line.startswith(event) for line in asked(leak=leak).seen["system"])


def test_answering_only_reads_what_is_public(asked: Any, bucket: S3) -> None:
    observed = asked()
    assert observed.state_before == observed.state_after
    assert {(method, query, body) for method, _, query, _, body in observed.wire} == {("GET", "", b"")}
    prefix = re.escape(f"/{bucket.bucket}/public/")
    assert [path for _, path, *_ in observed.wire if not re.match(prefix, path)] == []
    assert len(observed.wire) > 3
    tally(
        outbound=sorted({f"{method} {path.replace(bucket.bucket, '<bucket>')}" for method, path, *_ in observed.wire})
    )


def test_number_in_the_place_of_a_name_never_reaches_the_bucket(answer: Any, wire: Wire, bucket: S3) -> None:
    bucket.put(urls.schema_key("manifest"), b"{}")  # while it can be read, a missing document is not an outage
    for place in PLACES:
        wire.clear()
        answer(request_of({}, Ask(place.replace("{}", "en"))), None)
        assert wire, f"{place}: the bucket is read for a valid name, or this test proves nothing"
    wire.clear()
    unknown = {start: answer(request_of({}, Ask(f"{start}/")), None) for start in (*urls.FOR_PROGRAMS, "/")}
    assert {answered["statusCode"] for answered in unknown.values()} == {404}

    @tried(50)
    @given(old_numbers())
    def compared(number: str) -> None:
        for path in (place.replace("{}", number) for place in PLACES):
            constant = next(answered for start, answered in unknown.items() if path.startswith(start))
            assert answer(request_of({}, Ask(path)), None) == constant, path
        assert wire == []

    compared()


def test_anything_but_reading_would_be_seen(asked: Any) -> None:
    written = asked(leak="stores_the_cookie")
    assert "PUT" in {method for method, *_ in written.wire}
    assert written.state_before != written.state_after
