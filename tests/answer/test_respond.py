"""Test the rules of answering, without S3: the answer to each request."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comet_updates.answer import respond
from comet_updates.answer.errors import StoreUnavailableError
from comet_updates.answer.log import Cache
from comet_updates.answer.respond import Answer
from comet_updates.answer.store import Document

URL = "/v1/comet-cursor/stable"
KEY = "public/v1/comet-cursor/stable/manifest.json"
DOCUMENT = Document(KEY, '{"version":"4.2.1","title":"Größer"}\n', 39, '"0123456789abcdef"', '"s3"')
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


def read(key: str) -> tuple[Document | None, Cache]:
    return (DOCUMENT if key == KEY else None), Cache.MEMORY


def ask(path: str = URL, method: str = "GET", if_none_match: str | None = None) -> Answer:
    return respond.respond(method, path, if_none_match, read)


def test_a_known_channel_gives_its_manifest() -> None:
    answer = ask()
    assert (answer.status, answer.body) == (200, DOCUMENT.text)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["etag"] == DOCUMENT.etag
    assert answer.headers["cache-control"].startswith("public, max-age=300, ")


def test_the_content_length_counts_bytes_not_characters() -> None:
    assert ask().headers["content-length"] == str(len(DOCUMENT.text.encode())) == "39"


def test_head_gives_the_headers_of_get_and_no_body() -> None:
    assert ask(method="HEAD") == ask()._replace(body="")


@pytest.mark.parametrize(
    "if_none_match",
    ['"0123456789abcdef"', 'W/"0123456789abcdef"', '"other", "0123456789abcdef"', "*", ' "0123456789abcdef" '],
)
def test_a_client_that_has_the_document_is_told_so(if_none_match: str) -> None:
    answer = ask(if_none_match=if_none_match)
    assert (answer.status, answer.body, answer.headers["etag"]) == (304, "", DOCUMENT.etag)


@pytest.mark.parametrize("if_none_match", ["", '"other"', "0123456789abcdef", '"0123456789ABCDEF"', ",,,"])
def test_any_other_validator_changes_nothing(if_none_match: str) -> None:
    assert ask(if_none_match=if_none_match) == ask()


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/comet-cursor/other", "/v1/../..", "/v1/", "/v1/comet-cursor/stable/", "/drop-in/", "/drop-in/x"),
        *("/tuf/metadata/9.root.json", "/schemas/", "/schemas/x.json"),
    ],
)
def test_an_unknown_url_of_programs_gives_the_problem(path: str) -> None:
    assert ask(path) is respond.NOT_FOUND


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "//", "/v1", "/V1/x/y", "/tuf", "/nothing-here", "/nothing-here/de", "/privacy/x", "/page/9"),
        *("/cursor/feed.atom", "/favicon.ico", "/robots.txt", "/x/v1/y", "/%761/x", "/12345678"),
    ],
)
def test_an_unknown_url_of_people_gives_the_page(path: str) -> None:
    assert ask(path) is respond.NO_PAGE


def test_page_for_unknown_urls_is_allowed_its_style_and_is_short() -> None:
    """Check the hash of the page's own stylesheet, which is not that of the other pages."""
    answer = respond.NO_PAGE
    (style,) = re.findall("<style>(.*?)</style>", answer.body, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"style-src 'sha256-{digest}';" in policy
    page = respond.respond("GET", "/", None, lambda key: (DOCUMENT._replace(key=key), Cache.MEMORY))
    others = page.headers["content-security-policy"]
    assert policy != others
    assert policy.split("sha256-")[0] == others.split("sha256-")[0]
    assert policy.partition("; img-src")[2] == others.partition("; img-src")[2]
    assert (answer.status, answer.outcome) == (404, respond.NOT_FOUND.outcome)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == respond.NOT_FOUND.headers["cache-control"]
    assert int(answer.headers["content-length"]) == len(answer.body) < 2_000  # copies of long ago may ask for it often


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get", "", "TRACE"])
@pytest.mark.parametrize("path", [URL, "/nowhere"])
def test_only_get_and_head_are_allowed(method: str, path: str) -> None:
    answer = ask(path, method)
    assert answer is respond.NOT_ALLOWED
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_an_unreachable_store_is_unavailable_for_now() -> None:
    def fail(_: str) -> tuple[Document | None, Cache]:
        raise StoreUnavailableError

    answer = respond.respond("GET", URL, None, fail)
    assert (answer.status, answer.headers["retry-after"], answer.headers["cache-control"]) == (503, "30", "no-store")


@pytest.mark.parametrize("answer", [respond.NOT_FOUND, respond.NOT_ALLOWED, respond.FAILED, respond.UNAVAILABLE])
def test_an_error_is_a_constant_problem_document(answer: Answer) -> None:
    problem = json.loads(answer.body)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["status"], problem["type"]) == (answer.status, "about:blank")
    assert int(answer.headers["content-length"]) == len(answer.body)


@given(st.text(max_size=40), st.sampled_from(["GET", "HEAD", "POST"]), st.none() | st.text(max_size=40))
def test_the_headers_are_a_closed_list_whatever_is_asked(path: str, method: str, if_none_match: str | None) -> None:
    for url in (path, URL, f"{URL}/{path}"):
        answer = ask(url, method, if_none_match)
        assert set(answer.headers) <= HEADERS
        assert answer.status in (200, 304, 404, 405)


@given(st.uuids(), st.integers(0, 10**20 - 1))
def test_url_with_an_added_number_gets_the_same_answer(guid: object, number: int) -> None:
    """Accept a legacy copy's GUID or download number, in each form, at the end of the path."""
    for suffix in (
        f"{guid}",
        f"{{{guid}}}",
        f"%7B{guid}%7D".upper(),
        str(guid).replace("-", ""),
        number,
        f"DN{number}",
    ):
        assert ask(f"{URL}/{suffix}") == ask()
        assert ask(f"{URL}/manifest.json/{suffix}") == ask()


@given(st.uuids(), st.integers(0, 10**20 - 1))
def test_no_cache_on_the_way_may_keep_a_url_that_nobody_knows(guid: object, number: int) -> None:
    """Old copies may have put an identifier into the URL."""
    for unknown in (f"/{guid}", f"/download/{number}", f"{URL}/x/{guid}"):
        assert ask(unknown).headers["cache-control"] == "private, max-age=60"


@pytest.mark.parametrize(
    "path", [URL, f"{URL}/manifest.json", "/schemas/release.json", "/", "/cursor", "/cursor/feed.atom"]
)
def test_caches_on_the_way_may_keep_what_is_the_same_for_everyone(path: str) -> None:
    """Positive control of the test above. Shared caches also keep the load from growing with the number of clients."""
    answer = respond.respond("GET", path, None, lambda key: (DOCUMENT._replace(key=key), Cache.MEMORY))
    assert answer.headers["cache-control"] == (
        "public, max-age=300, s-maxage=60, stale-while-revalidate=60, stale-if-error=604800"
    )
