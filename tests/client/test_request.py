from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comet_updates.errors import AddressError
from comet_updates_client import request

CHANNEL = "https://updates.example.com/v1/comet-cursor/stable"


def test_asking_is_three_lines() -> None:
    asked = request.ask(request.channel(CHANNEL).address)
    assert asked == b"GET /v1/comet-cursor/stable HTTP/1.1\r\nHost: updates.example.com\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://UPDATES.example.com:443/v1/a/b", b"updates.example.com"),
        ("https://updates.example.com:8443/v1/a/b", b"updates.example.com:8443"),
        ("http://127.0.0.1:8080/v1/a/b", b"127.0.0.1:8080"),
        ("http://localhost/v1/a/b", b"localhost"),
    ],
)
def test_the_host_is_named_in_one_way(url: str, host: bytes) -> None:
    assert request.ask(request.channel(url).address).split(b"\r\n")[1] == b"Host: " + host


@pytest.mark.parametrize(
    "url",
    {
        "without TLS": "http://updates.example.com/v1/a/b",
        "with a name": "https://me@updates.example.com/v1/a/b",
        "with a password": "https://:secret@updates.example.com/v1/a/b",
        "with a query": f"{CHANNEL}?id=1",
        "another document": f"{CHANNEL}/releases.json",
        "a drop-in URL": "https://updates.example.com/drop-in/a/b/darwin/1.0.0",
        "no name": "https://updates.example.com/v1/A/b",
        "a GUID": "https://updates.example.com/v1/a/3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "a download number": "https://updates.example.com/v1/1234567/b",
        "a way up": "https://updates.example.com/v1/a/..",
        "no host": "https:///v1/a/b",
        "a port out of range": "https://updates.example.com:99999/v1/a/b",
        "a line break": "https://updates.example.com/v1/a/b\r\nX: y",
        "another scheme": "file:///v1/a/b",
    }.items(),
    ids=lambda case: case[0],
)
def test_what_is_no_channel_is_not_asked(url: tuple[str, str]) -> None:
    with pytest.raises(AddressError):
        request.channel(url[1])


def test_a_download_says_only_where_to_go_on() -> None:
    address = request.file("https://downloads.example.com/a b/ü.zip?token=a b#part")
    assert request.download(address, 0) == (
        b"GET /a%20b/%C3%BC.zip?token=a%20b HTTP/1.1\r\nHost: downloads.example.com\r\nConnection: close\r\n\r\n"
    )
    assert b"\r\nRange: bytes=7-\r\n" in request.download(address, 7)


@given(st.text(max_size=60))
def test_no_url_can_add_a_line_to_a_request(text: str) -> None:
    try:
        asked = request.download(request.file(f"https://downloads.example.com/{text}"), 0)
    except AddressError:
        return
    assert asked.count(b"\n") == asked.count(b"\r") == 4
    assert asked.split(b"\r\n")[0].count(b" ") == 2
