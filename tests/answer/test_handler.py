"""The Lambda entry of the answering function, as API Gateway calls it, in front of a real S3 over HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from testkit.documents import release
from testkit.events import request
from testkit.fresh import fresh_import
from tests.conftest import published_bucket

if TYPE_CHECKING:
    from testkit.fresh import Handler
    from testkit.s3 import S3, Wire

URL = "/v1/comet-cursor/stable"


@pytest.fixture(scope="module")
def published(s3_endpoint: str) -> S3:
    """Return a bucket with one published release."""
    with published_bucket(s3_endpoint, {"releases/comet-cursor/stable/4.2.1.json": release()}) as made:
        return made


@pytest.fixture
def s3(published: S3, aws: str) -> S3:
    """Return the bucket that all tests of this file share. None of them writes to it."""
    return published


def test_a_published_release_is_answered(published: S3, answer: Handler) -> None:
    response = answer(request(URL), None)
    assert (response["statusCode"], json.loads(response["body"])) == (200, release())


def test_start_reads_one_document_in_advance(published: S3, environment: None, open_sinks: None, wire: Wire) -> None:
    """Open the connection to S3 before the first client comes."""
    del wire[:]
    fresh_import("comet_updates.answer.handler")
    assert [request[:2] for request in wire] == [("GET", f"/{published.bucket}/public/schemas/manifest.json")]


def test_a_start_without_s3_is_a_start_all_the_same(
    environment: None, open_sinks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_ENDPOINT", "http://127.0.0.1:9")
    handler = fresh_import("comet_updates.answer.handler").handler
    assert handler(request(URL), None)["statusCode"] == 503
    assert handler(request("/no/where"), None)["statusCode"] == 404


def test_what_is_remembered_is_answered_without_asking_s3(
    published: S3, environment: None, open_sinks: None, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMORY_TTL_S", "60")
    handler = fresh_import("comet_updates.answer.handler").handler
    first = handler(request(URL), None)
    del wire[:]
    assert handler(request(URL), None) == first
    assert wire == []


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        {},
        "text",
        {"rawPath": URL},
        {"requestContext": {"http": {"method": "GET"}}},
        {"rawPath": None, "requestContext": {"http": {"method": "GET"}}},
        {"rawPath": [URL], "requestContext": {"http": {"method": "GET"}}},
        request(URL) | {"headers": []},
        request(URL) | {"headers": {"if-none-match": 7}},
    ],
)
def test_no_event_can_make_the_handler_raise(published: S3, answer: Handler, event: dict[str, object]) -> None:
    assert answer(event, None)["statusCode"] in (200, 500)


def test_an_event_without_headers_is_answered(published: S3, answer: Handler) -> None:
    event = request(URL)
    del event["headers"]
    assert answer(event, None)["statusCode"] == 200


@pytest.mark.parametrize("missing", ["BUCKET", "S3_ENDPOINT", "MEMORY_TTL_S", "LOG_LEVEL", "LOG_SUCCESSES"])
def test_a_missing_setting_stops_the_start_and_names_it(
    environment: None, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(Exception, match=missing):
        fresh_import("comet_updates.answer.handler")
