"""Real feeds, uploaded as our releases and rendered again: their clients read what they read before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import pytest
import yaml

from comet_updates import names
from comet_updates.formats import electron_updater, tauri
from comet_updates.model import Offer, Release
from comet_updates.publish import uploads
from tests.feeds.convert import BASE, convert
from tests.feeds.test_real_feeds import READABLE, names_of, pytestmark  # noqa: F401 (skips where there are no feeds)

ELECTRON = [file for file in READABLE if file.parent.name == "electron"]
TAURI = [file for file in READABLE if file.parent.name == "tauri"]


NOT_INSTALLABLE = {
    "Almenon__AREPL-electron__latest-mac.yml": "names no file that can be installed",
    "Almenon__AREPL-electron__latest.yml": "names no file that can be installed",
    "cpomega__client__latest-mac.yml": "has no .zip, which the client needs on macOS",
    "extrastu__app-release__latest-mac.yml": "has no .zip, which the client needs on macOS",
    "ClavisPass__ClavisPass__updater.json": "is not signed: its client cannot read it at all",
    "MrSibe__Mira__latest.json": "has empty signatures, and a page in place of a file",
    "wizardquack__mallard-updates__latest@0d6e798e.json": "has no platform",
}
"""Feeds that tell of a release which their own client could not install, and why. We render none like it."""


def installable(files: list[Path]) -> list[Path]:
    return [file for file in files if file.name not in NOT_INSTALLABLE]


def offered(file: Path) -> Offer:
    """What a channel offers whose only release is the feed's."""
    (wire,) = convert(file).releases
    key = names.release_key("p", "c", wire["version"])
    release = uploads.parse(Release, key, json.dumps(wire | {"product": "p", "channel": "c"}).encode())
    return Offer("p", "c", release, None, ((release, None),))


def files_of(document: Any) -> set[tuple[str, str, str]]:
    """URL, hash and size of each file, as the client takes them: from the list, or from the older fields."""
    listed = document.get("files") or [{"url": document["path"], "sha512": document["sha512"]}]
    return {(urljoin(BASE, quote(f["url"], safe="/:%")), f["sha512"], str(f.get("size", ""))) for f in listed}


@pytest.mark.parametrize("file", installable(ELECTRON), ids=names_of)
def test_an_electron_feed_comes_back_with_all_that_its_client_reads(file: Path) -> None:
    before = yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)
    suffix = next((s for s in ("-mac", "-linux") if s in file.name), "")
    documents = electron_updater.render(offered(file))
    after = yaml.load(documents[f"latest{suffix}.yml"].decode(), yaml.BaseLoader)
    assert after["version"] == before["version"]
    assert files_of(after) == files_of(before)
    assert urljoin(BASE, quote(before["path"], safe="/:%")) in {url for url, *_ in files_of(after)}


@pytest.mark.parametrize("file", installable(TAURI), ids=names_of)
def test_a_tauri_feed_comes_back_with_all_that_its_client_reads(file: Path) -> None:
    before = json.loads(file.read_text(encoding="utf-8"))
    after = json.loads(tauri.render(offered(file))["tauri.json"])
    assert after["version"] == before["version"].removeprefix("v")
    assert after.get("notes") == (before.get("notes") or None)
    signed = {key: entry for key, entry in before["platforms"].items() if entry.get("signature")}
    for key, entry in signed.items():
        assert after["platforms"][key] == {"signature": entry["signature"], "url": entry["url"]}


@pytest.mark.parametrize("file", [f for f in ELECTRON + TAURI if f.name in NOT_INSTALLABLE], ids=names_of)
def test_a_feed_that_its_client_could_not_install_from_is_not_rendered(file: Path) -> None:
    assert electron_updater.render(offered(file)) | tauri.render(offered(file)) == {}
