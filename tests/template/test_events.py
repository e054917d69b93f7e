"""Test every payload in `events/` with the handler that the template names for it, as `sam local invoke` does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from testkit.fresh import fresh_import
from testkit.project import ROOT
from tests.conftest import published_bucket
from tests.template.expand import source

if TYPE_CHECKING:
    from testkit.fresh import Handler
    from testkit.s3 import S3

EVENTS = sorted(path.stem for path in (ROOT / "events").glob("*.json") if path.stem != "env")
UPLOAD = "releases/comet-cursor/stable/4.2.1.json"
REQUESTS = {"get": 200, "head": 200, "not-modified": 304, "legacy-guid": 200, "unknown": 404, "post": 405}
PUBLICATIONS: dict[str, dict[str, Any]] = {
    "s3-upload": {"batchItemFailures": []},
    "s3-test-event": {"batchItemFailures": []},
    "sweep": {},
}


def event(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return loaded


def handler(function: str) -> Handler:
    """Return the handler of a function, by the name that the template gives to Lambda."""
    module, _, name = source()["Resources"][function]["Properties"]["Handler"].rpartition(".")
    found: Handler = getattr(fresh_import(module), name)
    return found


@pytest.fixture(scope="module")
def bucket(s3_endpoint: str) -> S3:
    """Return a bucket with the example published."""
    with published_bucket(s3_endpoint, {UPLOAD: json.loads((ROOT / "examples" / UPLOAD).read_bytes())}) as made:
        return made


@pytest.fixture
def published(bucket: S3, environment: None, open_sinks: None, monkeypatch: pytest.MonkeyPatch) -> S3:
    """Return the bucket that all tests without uploads share."""
    monkeypatch.setenv("BUCKET", bucket.bucket)
    return bucket


def test_every_payload_is_tried_here() -> None:
    assert set(EVENTS) == {*REQUESTS, *PUBLICATIONS}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_answered(published: S3, name: str) -> None:
    assert handler("AnswerFunction")(event(name), None)["statusCode"] == REQUESTS[name]


def test_a_legacy_copy_gets_what_everyone_gets(published: S3) -> None:
    answer = handler("AnswerFunction")
    assert answer(event("legacy-guid"), None) == answer(event("get"), None)


@pytest.mark.parametrize("name", PUBLICATIONS)
def test_a_publication_is_done(s3: S3, environment: None, open_sinks: None, name: str) -> None:
    s3.put(UPLOAD, (ROOT / "examples" / UPLOAD).read_bytes())
    assert handler("PublishFunction")(event(name), None) == PUBLICATIONS[name]
    assert s3.json("public/v1/comet-cursor/stable/manifest.json"), "the test event starts a sweep"


def test_the_settings_for_sam_local_are_those_of_the_template() -> None:
    for function, variables in event("env").items():
        settings = source()["Resources"][function]["Properties"]["Environment"]["Variables"]
        assert set(settings) <= set(variables)
