"""Test the documents for updaters that send their version in the URL."""

from __future__ import annotations

import json

import pytest

from comet_updates.answer import urls
from comet_updates.formats import drop_in, squirrel, tauri
from comet_updates.formats.drop_in import render
from comet_updates.model.offer import Offer
from tests.formats.offers import artifact, complete, offer, percent, release

BOTH = ("electron", "tauri")
PER_ARCH = release(
    "1.0.0",
    artifact("macos", "universal", "App.zip", "archive"),
    artifact("macos", "aarch64", "App-arm64.zip", "archive"),
    artifact("macos", "x86_64", "App-x64.zip", "archive"),
    artifact("windows", "x86_64", "App-1.0.0-full.nupkg"),
    artifact("windows", "i686", "App-ia32-1.0.0-full.nupkg"),
)


def url(given: Offer, name: str) -> str:
    return str(json.loads(render(given, ["electron"])[name])["url"]).rpartition("/")[2]


def test_it_is_off_unless_the_product_turns_it_on() -> None:
    assert render(offer(complete("1.0.0")), ()) == {}
    assert all("tauri" in name for name in render(offer(complete("1.0.0")), ["tauri"]))
    assert all("tauri" not in name for name in render(offer(complete("1.0.0")), ["electron"]))


def test_every_document_is_one_that_a_url_leads_to() -> None:
    asked = {
        urls.drop_in(f"/drop-in/p/stable/{rest}")
        for computer in ("", "-x64", "-arm64", "-universal", "-ia32")
        for rest in (f"darwin{computer}/1.0.0", f"win32{computer}/1.0.0/RELEASES")
    } | {urls.drop_in(f"/drop-in/p/stable/{platform}/1.0.0") for platform in tauri.PLATFORMS}
    reached = {found.key for found in asked if found}
    everything = release("1.0.0", *(artifact("windows", arch, "A-1.0.0-full.nupkg") for arch in ("any", "aarch64")))
    given = offer(complete("2.0.0"), PER_ARCH, everything)
    assert {urls.document_key("p", "stable", name) for name in render(given, BOTH)} <= reached


def test_each_mac_gets_its_own_archive_or_the_one_for_all() -> None:
    given = offer(PER_ARCH)
    assert url(given, "drop-in-darwin-arm64.json") == "App-arm64.zip"
    assert url(given, "drop-in-darwin-x64.json") == "App-x64.zip"
    assert url(given, "drop-in-darwin-universal.json") == "App.zip"
    assert url(given, "drop-in-darwin.json") == "App.zip"
    assert url(offer(complete("1.0.0")), "drop-in-darwin-arm64.json") == "App-1.0.0-universal.zip"


def test_a_mac_of_unknown_architecture_gets_what_every_mac_runs() -> None:
    archives = (artifact("macos", arch, f"{arch}.zip", "archive") for arch in ("aarch64", "x86_64"))
    assert url(offer(release("1.0.0", *archives)), "drop-in-darwin.json") == "x86_64.zip"


def test_golden_document_for_squirrel_mac() -> None:
    assert json.loads(render(offer(complete("1.0.0")), ["electron"])["drop-in-darwin.json"]) == {
        "version": "1.0.0",
        "url": "https://downloads.example.com/App-1.0.0-universal.zip",
        "name": "Version 1.0.0",
        "notes": "Größer\n",
        "pub_date": "2026-11-20T12:00:00+00:00",
    }


def test_the_list_for_windows_holds_the_packages_of_one_architecture() -> None:
    documents = render(offer(PER_ARCH), ["electron"])
    assert b"App-1.0.0" in documents["drop-in-RELEASES-x64"]
    assert b"ia32" not in documents["drop-in-RELEASES-x64"]
    assert b"App-ia32-1.0.0" in documents["drop-in-RELEASES-ia32"]
    assert documents["drop-in-RELEASES"] == squirrel.render(offer(PER_ARCH))["RELEASES"]
    assert "drop-in-RELEASES-arm64" not in documents


def test_tauri_document_offers_the_last_release_signed_for_its_platform() -> None:
    windows_only = release("2.0.0", artifact("windows", "x86_64", "Setup.exe", bundle="nsis"))
    documents = render(offer(windows_only, complete("1.0.0")), ["tauri"])
    windows, linux = (
        json.loads(documents[f"drop-in-tauri-{name}.json"]) for name in ("windows-x86_64", "linux-x86_64")
    )
    assert (windows["version"], set(windows["platforms"])) == ("2.0.0", {"windows-x86_64", "windows-x86_64-nsis"})
    assert linux["version"] == "1.0.0"
    assert set(linux["platforms"]) == {"linux-x86_64", "linux-x86_64-appimage", "linux-x86_64-deb"}


@pytest.mark.parametrize("name", ["drop-in-darwin.json", "drop-in-tauri-linux-x86_64.json"])
def test_unfinished_rollout_offers_the_previous_release(name: str) -> None:
    """These formats cannot express a rollout."""
    given = offer(complete("2.0.0"), complete("1.0.0"), rollout=percent(25), is_complete=False)
    assert json.loads(drop_in.render(given, BOTH)[name])["version"] == "1.0.0"


def test_a_yanked_release_is_offered_to_nobody() -> None:
    given = offer(complete("2.0.0"), complete("1.0.0"), yanked=("2.0.0",))
    assert [name for name, body in render(given, BOTH).items() if b"2.0.0" in body] == []
