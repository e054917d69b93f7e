"""Test the search itself: it finds markers in every spelling, and finds nothing where nothing was planted."""

from __future__ import annotations

import base64
import gzip
import hashlib
import ipaddress
import json
import urllib.parse
import zlib
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testkit.people import FIELDS, UPLOADER, Ask, marked, notification_of, request_of
from testkit.search import HASHES, found
from tests.privacy.conftest import tried

MARKER = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
ADDRESS = "203.0.113.77"


def hash_in_hex(name: str, text: str) -> bytes:
    return hashlib.new(name, text.encode()).hexdigest().encode()


def hash_in_bytes(name: str, text: str) -> bytes:
    return hashlib.new(name, text.encode()).digest()


SPELLED: dict[str, Callable[[str], bytes]] = {
    "raw": str.encode,
    "upper case": lambda text: text.upper().encode(),
    "without dashes": lambda text: text.replace("-", "").encode(),
    "reversed": lambda text: text[::-1].encode(),
    "percent": lambda text: "".join(f"%{ord(c):02X}" for c in text).encode(),
    "hex": lambda text: text.encode().hex().encode(),
    "JSON escapes": lambda text: "".join(f"\\u{ord(c):04x}" for c in text).encode(),
    "escaped twice": lambda text: "".join(f"\\\\x{ord(c):02x}" for c in text).encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 shifted by one": lambda text: base64.b64encode(b"x" + text.encode() + b"y"),
    "base64 shifted by two": lambda text: base64.b64encode(b"xx" + text.encode() + b"y"),
    "base64url": lambda text: base64.urlsafe_b64encode(b"??>" + text.encode()),
    "gzip": lambda text: gzip.compress(text.encode() * 2),
    "zlib in base64": lambda text: base64.b64encode(zlib.compress(text.encode() * 2)),
    "gzip as Python writes it": lambda text: repr(gzip.compress(text.encode() * 2)).encode(),
    **{f"{name} in hex": partial(hash_in_hex, name) for name in HASHES},
    **{f"{name} in bytes": partial(hash_in_bytes, name) for name in HASHES},
    "a truncated hash": lambda text: hashlib.sha256(text.encode()).hexdigest()[:12].encode(),
}


@pytest.mark.parametrize("spell", SPELLED)
def test_a_planted_marker_is_found(spell: str) -> None:
    assert found({"guid": MARKER}, {"log": b"before " + SPELLED[spell](MARKER) + b" after"}) == ["guid in log"]


@pytest.mark.parametrize(
    "kept",
    [
        b"203.0.113.77",
        b"3405803853",
        b"203.0.113.",
        base64.b64encode(b"from 203.0.113.77"),
        ipaddress.ip_address(ADDRESS).packed,
    ],
)
def test_an_address_is_found_in_its_other_forms(kept: bytes) -> None:
    assert found({"address": ADDRESS}, {"log": b"{" + kept + b"}"}) == ["address in log"]


@pytest.mark.parametrize("kept", ["2001:0db8:0001:0002:0003:0004:0005:0006", "2001:db8:1:2::", "2001:db8:1::"])
def test_an_ipv6_address_and_its_network_are_found(kept: str) -> None:
    assert found({"address": "2001:db8:1:2:3:4:5:6"}, {"log": kept.encode()}) == ["address in log"]


@tried(100, times=1)
@given(st.binary(max_size=80), st.binary(max_size=80), st.sampled_from(["raw", "hex", "percent", "sha256 in hex"]))
def test_a_marker_is_found_whatever_stands_around_it(before: bytes, after: bytes, spell: str) -> None:
    around = (before + b" ", b" " + after)
    assert found({"guid": MARKER}, {"log": SPELLED[spell](MARKER).join(around)}) == ["guid in log"]


def test_nothing_is_found_where_nothing_was_planted() -> None:
    event = request_of(marked(2), Ask("/v1/comet-cursor/stable"))
    assert found(marked(1), {"log": json.dumps(event).encode()}) == []


@pytest.mark.parametrize("payload", ["2.0", "1.0"])
def test_every_marker_of_a_person_stands_in_their_request(payload: str) -> None:
    person = marked(1)
    event = request_of(person, Ask("/v1/comet-cursor/stable", payload=payload))
    shown = urllib.parse.unquote(json.dumps(event)) + base64.b64decode(event["body"]).decode()
    one_body = {"body"}  # an event has one of the two bodies
    assert [field for field in FIELDS if person[field] not in shown and field not in one_body] == []


def test_every_marker_of_an_uploader_stands_in_their_notification() -> None:
    shown = json.dumps(notification_of(marked(1, UPLOADER), "key"))
    assert [field for field, marker in marked(1, UPLOADER).items() if marker not in shown] == []
