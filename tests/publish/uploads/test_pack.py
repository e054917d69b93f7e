"""Test that a pack is a cache: it is used only where it agrees with the bucket, and it decides nothing."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import pytest

from comet_updates.publish.stored import Stored, etag_of
from comet_updates.publish.uploads import pack


def stored(number: int, body: bytes) -> Stored:
    at = datetime(2026, 11, 20, 12, number, tzinfo=UTC)
    return Stored(f"releases/p/c/{number}.json", f"v{number}", etag_of(body), len(body), at)


BODIES = {stored(number, body): body for number, body in enumerate([b"{}", "„Größer“".encode(), b"[1]"])}


def test_what_was_packed_is_unpacked() -> None:
    assert pack.unpack(pack.pack(BODIES), BODIES) == BODIES


def test_the_same_uploads_give_the_same_bytes() -> None:
    assert pack.pack(BODIES) == pack.pack(dict(reversed(BODIES.items())))


def test_what_is_not_in_the_bucket_any_more_is_left_out() -> None:
    one, *_ = BODIES
    assert list(pack.unpack(pack.pack(BODIES), [one])) == [one]


def test_what_the_bucket_says_otherwise_is_not_believed() -> None:
    one, *others = BODIES
    changed = one._replace(etag=etag_of(b"other"))
    assert pack.unpack(pack.pack(BODIES), [changed, *others]) == {other: BODIES[other] for other in others}


def test_what_is_no_text_is_left_to_be_read_again() -> None:
    junk = stored(9, b"\xff")
    assert pack.unpack(pack.pack({**BODIES, junk: b"\xff"}), [*BODIES, junk]) == BODIES


def test_of_too_much_the_newest_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "PACK_MAX_BYTES", 3)
    *_, newest = BODIES
    assert list(pack.unpack(pack.pack(BODIES), BODIES)) == [newest]


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"no gzip",
        pack.pack(BODIES)[:-9],
        gzip.compress(b"no JSON"),
        gzip.compress(b"\xff"),
        gzip.compress(b"7"),
        gzip.compress(b"[7]"),
        gzip.compress(json.dumps([["key", "version"]]).encode()),
        gzip.compress(json.dumps([["key", "version", 7]]).encode()),
        gzip.compress(json.dumps([["key", [], "text"]]).encode()),
        gzip.compress(b"[" * 100_000),
    ],
    ids=range(11),
)
def test_a_broken_pack_holds_nothing(broken: bytes) -> None:
    assert pack.unpack(broken, BODIES) == {}
