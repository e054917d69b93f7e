"""The search itself: it finds what is planted, in every spelling, and nothing where nothing is."""

from __future__ import annotations

import base64
import hashlib
import json
import urllib.parse
from collections.abc import Callable

import pytest

from tests.privacy.identify import FIELDS, found, identified, person

MARKER = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"


@pytest.mark.parametrize(
    "spell",
    [
        pytest.param(str.encode, id="raw"),
        pytest.param(lambda text: text.upper().encode(), id="upper case"),
        pytest.param(lambda text: text.replace("-", "").encode(), id="without dashes"),
        pytest.param(lambda text: "".join(f"%{ord(c):02X}" for c in text).encode(), id="percent"),
        pytest.param(lambda text: text.encode().hex().encode(), id="hex"),
        pytest.param(lambda text: base64.b64encode(text.encode()), id="base64"),
        pytest.param(lambda text: base64.b64encode(b"x" + text.encode() + b"y"), id="base64 shifted by one"),
        pytest.param(lambda text: base64.b64encode(b"xx" + text.encode() + b"y"), id="base64 shifted by two"),
        pytest.param(lambda text: hashlib.sha256(text.encode()).hexdigest().encode(), id="sha256"),
        pytest.param(lambda text: hashlib.md5(text.encode()).digest(), id="md5 bytes"),
    ],
)
def test_a_planted_marker_is_found(spell: Callable[[str], bytes]) -> None:
    assert found({"guid": MARKER}, {"log": b"before " + spell(MARKER) + b" after"}) == ["guid in log"]


def test_nothing_is_found_where_nothing_was_planted() -> None:
    assert found(person(1), {"log": json.dumps(identified("/", person(2))).encode()}) == []


def test_every_marker_of_a_person_stands_in_their_request() -> None:
    event = urllib.parse.unquote(json.dumps(identified("/v1/comet-cursor/stable", person(1))))
    timed = {"base64_body"}  # encoded there
    missing = [field for field in FIELDS if field not in timed and person(1)[field] not in event]
    assert missing == []
