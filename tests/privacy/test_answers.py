"""Test all possible answers: a closed list of headers and statuses, and documents without a field for a person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.privacy_proof.report_data import answers
from comet_updates.answer import respond, urls
from comet_updates.model import schemas
from testkit.documents import release
from testkit.events import request
from testkit.people import Ask, people, request_of
from tests.privacy.conftest import tried

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.fresh import Handler

CHANNEL = "/v1/comet-cursor/stable"
HEADERS = {
    "content-type",
    "content-length",
    "cache-control",
    "etag",
    "x-content-type-options",
    "strict-transport-security",
    "access-control-allow-origin",
    "content-security-policy",
    "allow",
    "retry-after",
}
STATUSES = {200, 304, 404, 405, 500, 503}
PERSONAL = {
    "user",
    "email",
    "mail",
    "person",
    "client",
    "device",
    "install",
    "guid",
    "cookie",
    "address",
    "ip",
    "account",
}
FORCING = {"force", "forced", "mandatory", "required", "silent", "auto", "automatic", "immediate"}


@pytest.fixture(scope="module")
def ask(deploy: Callable[[dict[str, Any]], Handler]) -> Handler:
    """Return the answering function in front of two published channels."""
    channels = ("stable", "bundled")
    return deploy({f"releases/comet-cursor/{channel}/4.2.1.json": release(channel=channel) for channel in channels})


@pytest.mark.parametrize("path", [CHANNEL, f"{CHANNEL}/releases.json", "/schemas/release.json", "/nowhere"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_every_answer_is_one_of_a_closed_list_without_cookies_or_redirects(
    ask: Handler, path: str, method: str
) -> None:
    for validator in ("", "*", '"other"'):
        given_ = ask(request_of({"cookie": "id=1", "guid": "1"}, Ask(path, method, validator)), None)
        assert set(given_) == {"statusCode", "headers", "body", "isBase64Encoded"}  # `cookies` would set cookies
        assert given_["statusCode"] in STATUSES
        assert given_["headers"].keys() <= HEADERS


def test_what_can_be_answered_at_all_is_on_the_list() -> None:
    assert answers().keys() == STATUSES
    assert {name for headers in answers().values() for name in headers} <= HEADERS


def test_nothing_of_a_request_comes_back(ask: Handler) -> None:
    bodies = {ask(request(path), None)["body"] for path in (CHANNEL, "/nowhere", "/v1/nowhere")} | {respond.FAILED.body}

    @tried(30)
    @given(people(), st.text(min_size=4, max_size=40))
    def asked(person: dict[str, str], path: str) -> None:
        for url in (CHANNEL, f"/{path}"):
            assert ask(request_of(person, Ask(url)), None)["body"] in bodies

    asked()


def fields(schema: Any) -> Iterator[str]:
    """Yield the name of every field, at any depth."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for value in schema.values():
            yield from fields(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from fields(value)


def words(schema: Any) -> set[str]:
    return {word for field in fields(schema) for word in field.split("_")}


@pytest.mark.parametrize("name", urls.SCHEMAS)
def test_no_document_has_a_field_for_a_person_or_a_forced_installation(name: str) -> None:
    schema = json.loads(schemas.render()[name])
    assert words(schema) & (PERSONAL | FORCING) == set()
    assert schema["additionalProperties"] is False, "a field that is not in the schema is refused"


def test_a_field_for_a_person_would_be_found() -> None:
    assert words({"$defs": {"A": {"properties": {"user_id": {}, "forced": {}}}}}) & (PERSONAL | FORCING) == {
        "user",
        "forced",
    }


@pytest.mark.parametrize("path", [CHANNEL, f"{CHANNEL}/releases.json", "/schemas/release.json"])
def test_every_document_says_how_often_to_ask(ask: Handler, path: str) -> None:
    caching = ask(request(path), None)["headers"]["cache-control"].split(", ")
    assert caching[:2] == ["public", f"max-age={respond.MAX_AGE_S}"]
    assert any(directive.startswith("stale-if-error=") for directive in caching)
    assert respond.MAX_AGE_S >= 60


def test_a_client_never_has_to_say_which_version_it_runs(ask: Handler) -> None:
    bare = ask({"rawPath": CHANNEL, "requestContext": {"http": {"method": "GET"}}}, None)
    assert bare["statusCode"] == 200
    for version in ("4.2.0", "4.2.1", "99.0"):
        assert ask(request(CHANNEL) | {"rawQueryString": f"version={version}"}, None) == bare
        assert ask(request(f"{CHANNEL}/{version}"), None)["statusCode"] == 404


def test_a_manifest_says_what_a_client_needs_to_ask_its_user(ask: Handler) -> None:
    manifest = json.loads(ask(request(CHANNEL), None)["body"])
    assert {"version", "notes", "artifacts"} <= manifest.keys()
    assert {"size", "url", "sha256"} <= manifest["artifacts"][0].keys()
    assert "critical" in json.loads(schemas.render()["manifest"])["properties"]


def test_a_channel_of_a_partner_is_answered_like_any_other(ask: Handler) -> None:
    own, partners = (ask(request(f"/v1/comet-cursor/{channel}"), None) for channel in ("stable", "bundled"))
    assert json.loads(partners["body"]) == json.loads(own["body"]) | {"channel": "bundled"}
    varying = {"etag", "content-length"}
    same = [{k: v for k, v in answer["headers"].items() if k not in varying} for answer in (own, partners)]
    assert same[0] == same[1]
