"""Test the rules for updaters that send their version in the URL, without S3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comet_updates.answer import drop_in, respond
from comet_updates.answer.errors import StoreUnavailableError
from comet_updates.answer.log import Cache, Outcome
from comet_updates.answer.respond import Answer
from comet_updates.answer.store import Document

TAURI = "/drop-in/comet-cursor/stable/linux/x86_64"
MAC = "/drop-in/comet-cursor/stable/update/darwin_arm64"
LIST = "/drop-in/comet-cursor/stable/update/win32/4.2.0/RELEASES"
BODY = '{"version":"4.2.1","url":"https://downloads.example.com/größer.zip"}\n'


def document(name: str, body: str = BODY) -> Document:
    return Document(f"public/v1/comet-cursor/stable/{name}", body, len(body.encode()), '"etag"', '"s3"')


DOCUMENTS = {
    found.key: found
    for found in (
        document("drop-in-tauri-linux-x86_64.json"),
        document("drop-in-darwin-arm64.json"),
        document("drop-in-RELEASES", f"{'ef' * 20} https://downloads.example.com/App-4.2.1-full.nupkg 1000\n"),
    )
}


def ask(path: str, method: str = "GET") -> Answer:
    return drop_in.respond(method, path, '"etag"', lambda key: (DOCUMENTS.get(key), Cache.MEMORY))


@pytest.mark.parametrize("base", [TAURI, MAC])
@pytest.mark.parametrize("version", ["4.2.0", "0.0.1", "4.2.1-beta.1", "v4.2.0", "4.2.0+build", "4.2.0%2Bbuild"])
def test_a_client_with_an_older_version_gets_the_document(base: str, version: str) -> None:
    answer = ask(f"{base}/{version}")
    assert (answer.status, answer.body) == (200, BODY)
    assert answer.headers["content-length"] == str(len(BODY.encode()))
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("base", [TAURI, MAC])
@pytest.mark.parametrize("version", ["4.2.1", "4.2.1+build", "4.2.2-alpha", "4.10.0", "v5.0.0", f"{10**60}.0.0"])
def test_a_client_with_this_version_or_a_newer_one_gets_nothing(base: str, version: str) -> None:
    """Squirrel.Mac installs every release that it receives, so an older one would be a downgrade."""
    answer = ask(f"{base}/{version}")
    assert (answer.status, answer.body) == (204, "")
    assert "content-length" not in answer.headers


def test_the_list_for_windows_is_whole_whatever_the_client_runs() -> None:
    """Squirrel.Windows looks for its own version in the list, and treats an empty list as an error."""
    answer = ask(LIST)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert ask(LIST.replace("4.2.0", "99.0.0")) == answer


@pytest.mark.parametrize("version", ["4.2.0", "4.2.1"])
def test_head_gives_the_headers_of_get_and_no_body(version: str) -> None:
    assert ask(f"{TAURI}/{version}", "HEAD") == ask(f"{TAURI}/{version}")._replace(body="")


@pytest.mark.parametrize("path", [f"{TAURI}/4.2.0", f"{TAURI}/4.2.1", LIST, f"{TAURI}/4.2", "/drop-in/x/y/z/4.2.0"])
def test_no_cache_on_the_way_may_keep_a_url_with_a_version_in_it(path: str) -> None:
    answer = ask(path)
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


def test_what_may_be_recorded_does_not_tell_the_version() -> None:
    recorded = {ask(f"{TAURI}/{version}")[3:] for version in ("1.0.0", "4.2.0", "4.2.1", "99.0.0")}
    key = "public/v1/comet-cursor/stable/drop-in-tauri-linux-x86_64.json"
    assert recorded == {(Outcome.ANSWERED, key, Cache.MEMORY)}


@pytest.mark.parametrize(
    "path",
    [
        "/drop-in/",
        "/drop-in/comet-cursor/stable",
        f"{TAURI}/",
        f"{TAURI}/latest",
        f"{TAURI}/4.2",
        f"{TAURI}/4.02.0",
        f"{TAURI}/4.2.0-01",
        f"{TAURI}/4.2.0/RELEASES",
        f"{TAURI}/{'9' * 5_000}.0.0",
        "/drop-in/comet-cursor/stable/linux/4.2.0",
        "/drop-in/comet-cursor/stable/update/win32/4.2.0",
        "/drop-in/comet-cursor/stable/update/win32/4.2.0/releases",
        "/drop-in/comet-cursor/other/linux/x86_64/4.2.0",
        "/drop-in/Comet/stable/linux/x86_64/4.2.0",
        "/drop-in/a..b/stable/linux/x86_64/4.2.0",
        "/drop-in/comet-cursor/stable/../x/linux/x86_64/4.2.0",
        "/drop-in/comet-cursor/stable/linux/x86_64/4.2.0\n",
    ],
    ids=lambda path: repr(path[:80]),
)
def test_anything_else_is_not_found(path: str) -> None:
    assert ask(path) is drop_in.UNKNOWN


@pytest.mark.parametrize("method", ["POST", "DELETE", "get"])
def test_only_get_and_head_are_allowed(method: str) -> None:
    assert ask(f"{TAURI}/4.2.0", method) is respond.NOT_ALLOWED


def test_trouble_with_s3_is_said_as_trouble() -> None:
    def fails(_key: str) -> tuple[Document | None, Cache]:
        raise StoreUnavailableError

    assert drop_in.respond("GET", f"{TAURI}/4.2.0", None, fails) is respond.UNAVAILABLE


@given(st.text() | st.from_regex(r"/drop-in/p/s/(linux/x86_64|darwin|win32)/[-+.0-9A-Za-z%]{0,30}(/RELEASES)?"))
def test_whatever_is_asked_is_answered_and_only_keys_of_our_own_are_read(path: str) -> None:
    read: list[str] = []

    def reads(key: str) -> tuple[Document | None, Cache]:
        read.append(key)
        return document("drop-in-darwin.json"), Cache.FETCHED

    assert drop_in.respond("GET", path, None, reads).status in (200, 204, 404)
    assert all(key.startswith("public/v1/p/s/drop-in-") for key in read)
