"""Test Tauri's static document, as its plugin reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from comet_updates.formats import tauri
from comet_updates.model.offer import Offer
from tests.formats.offers import HOST, artifact, complete, offer, percent, release


def read(given: Offer) -> Any:
    return json.loads(tauri.render(given)["tauri.json"])


def test_golden_document() -> None:
    document = read(offer(complete("1.0.0")))
    platforms = document.pop("platforms")
    assert document == {"version": "1.0.0", "notes": "Größer\n", "pub_date": "2026-11-20T12:00:00+00:00"}
    assert platforms["linux-x86_64"] == {
        "signature": "signature of App-1.0.0.AppImage",
        "url": f"{HOST}/App-1.0.0.AppImage",
    }
    assert set(platforms) == {
        "windows-x86_64",
        "windows-aarch64",
        "darwin-x86_64",
        "darwin-aarch64",
        "darwin-universal",
        "linux-x86_64",
        "linux-x86_64-appimage",
        "linux-x86_64-deb",
        "linux-aarch64",
        "linux-aarch64-appimage",
    }


def test_file_without_a_signature_is_left_out() -> None:
    """Leave it out, since the client would refuse the whole document because of it."""
    unsigned = artifact("windows", "x86_64", "a.exe", signatures={})
    signed = artifact("linux", "x86_64", "a.AppImage")
    assert set(read(offer(release("2.0.0", unsigned, signed)))["platforms"]) == {"linux-x86_64"}


def test_a_release_that_is_not_signed_leaves_the_one_before() -> None:
    unsigned = release("2.0.0", artifact("windows", "x86_64", "a.exe", signatures={}))
    assert read(offer(unsigned, complete("1.0.0")))["version"] == "1.0.0"


def test_a_release_without_a_date_has_none() -> None:
    assert "pub_date" not in read(offer(complete("1.0.0", released_at=None, notes={})))


def test_a_rollout_that_is_under_way_leaves_the_release_before() -> None:
    given = offer(complete("2.0.0"), complete("1.0.0"), rollout=percent(50), is_complete=False)
    assert read(given)["version"] == "1.0.0"


@pytest.mark.parametrize("version", ["2.0", "2.0.0.1"])
def test_a_version_that_the_client_cannot_read_is_passed_over(version: str) -> None:
    assert read(offer(complete(version), complete("1.0.0")))["version"] == "1.0.0"
