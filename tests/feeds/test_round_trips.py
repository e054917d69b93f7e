"""Test real feeds, uploaded as our releases and rendered again: their clients read the same as before."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import pytest
import yaml

from comet_updates import object_keys
from comet_updates.formats import electron_updater, sparkle, squirrel, tauri, velopack
from comet_updates.model.offer import Offer
from comet_updates.model.release import Release
from comet_updates.publish.uploads import parse
from tests.feeds.convert import BASE, LANGUAGE, SPARKLE, convert
from tests.feeds.test_real_feeds import FOLDER, READABLE, in_the_clients_order, names_of, pytestmark  # noqa: F401 (skips where there are no feeds)
from tests.formats import sparkle_rules

ELECTRON = [file for file in READABLE if file.parent.name == "electron"]
TAURI = [file for file in READABLE if file.parent.name == "tauri"]
APPCASTS = [file for file in READABLE if file.parent.name == "sparkle"]
VELOPACK = sorted((FOLDER / "velopack").glob("*"))
SQUIRREL = sorted((FOLDER / "squirrel").glob("*"))

NOT_INSTALLABLE = {
    "Almenon__AREPL-electron__latest-mac.yml": "names no file that can be installed",
    "Almenon__AREPL-electron__latest.yml": "names no file that can be installed",
    "extrastu__app-release__latest-mac.yml": "has no .zip, which the client needs on macOS",
    "MrSibe__Mira__latest.json": "has empty signatures, and a page in place of a file",
    "wizardquack__mallard-updates__latest@0d6e798e.json": "has no platform",
}
"""Feeds with a release that their own client could not install, and why. We render no such release."""


def installable(files: list[Path]) -> list[Path]:
    return [file for file in files if file.name not in NOT_INSTALLABLE]


def offered(file: Path) -> Offer:
    """Return the offer of a channel that has only the feed's release."""
    (wire,) = convert(file).releases
    release = accepted(wire | {"channel": "c"})
    return Offer("p", "c", release, None, ((release, None),))


def accepted(wire: dict[str, Any]) -> Release:
    key = object_keys.release_key("p", wire["channel"], wire["version"])
    return parse.parse(Release, key, json.dumps(wire | {"product": "p"}).encode())


def files_of(document: Any) -> set[tuple[str, str, str]]:
    """Return URL, hash and size of each file, from the list or from the older fields, as the client does."""
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


def item(element: ET.Element) -> dict[str, Any]:
    """Return the parts of an item that Sparkle reads, from any of their places."""
    files = element.findall("enclosure")
    enclosure = files[0] if files else ET.Element("none")

    def said(name: str) -> str | None:
        return enclosure.get(f"{SPARKLE}{name}") or (element.findtext(f"{SPARKLE}{name}") or "").strip() or None

    critical = element.find(f"{SPARKLE}criticalUpdate")
    critical = critical if critical is not None else element.find(f"{SPARKLE}tags/{SPARKLE}criticalUpdate")
    told = element.find(f"{SPARKLE}informationalUpdate")
    links = [*element.findall(f"{SPARKLE}releaseNotesLink"), *element.findall("releaseNotesLink")]
    return {
        "version": said("version"),
        "shown": said("shortVersionString") or said("version"),
        "channel": (said("channel") or "stable").lower(),
        "title": " ".join((element.findtext("title") or "").split()),
        "link": https(element.findtext("link")),
        "published": moment(element.findtext("pubDate")),
        "min_os": said("minimumSystemVersion"),
        "file": file_of(enclosure),
        "deltas": [file_of(delta) for delta in element.findall(f"{SPARKLE}deltas/enclosure")],
        "notes": {(note.get(LANGUAGE), note.text) for note in element.findall("description") if note.text},
        "links": {(link.get(LANGUAGE), https(link.text)) for link in links if link.text},
        "critical": critical is not None and (critical.get(f"{SPARKLE}version") or True),
        "informational": told is not None and sorted((child.tag, child.text) for child in told),
    }


def file_of(enclosure: ET.Element) -> dict[str, Any]:
    ours = {
        name: enclosure.get(f"{SPARKLE}{name}") for name in ("edSignature", "dsaSignature", "signature", "deltaFrom")
    }
    size = int(enclosure.get("length") or 0) or None
    return ours | {"url": https(enclosure.get("url")), "size": size}


def https(url: str | None) -> str | None:
    """Return a URL as we import it. Sparkle itself encodes a space (`SUAppcastItem.m`)."""
    return "%20".join(url.split()).replace("http://", "https://", 1) if url else None


def moment(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return None


def appcast(file: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the items that a client reads in the feed, and those in our appcast of the channel `all`."""
    releases = tuple((accepted(wire), None) for wire in in_the_clients_order(file, convert(file).releases))
    rendered = sparkle.render(Offer("p", "all", releases[0][0], None, releases))["appcast-channels.xml"]
    before, after = (
        # A client ignores an item that has only a delta.
        [item(element) for element in root.iter("item") if element.find(f"enclosure[@{SPARKLE}deltaFrom]") is None]
        for root in (ET.parse(file).getroot(), ET.fromstring(rendered.decode()))
    )
    return before, after


@pytest.mark.parametrize("file", APPCASTS, ids=names_of)
def test_an_appcast_comes_back_with_all_that_its_client_reads(file: Path) -> None:
    before, after = appcast(file)
    for wanted in before:
        found = [i for i in after if (i["version"], i["channel"]) == (wanted["version"], wanted["channel"])]
        assert found, wanted["version"]
        # We add a title that the feed lacks. A client ignores a date that it cannot read.
        optional = [name for name in ("title", "published") if not wanted[name]]
        differing = {k: (wanted[k], found[0][k]) for k in wanted if wanted[k] != found[0][k] and k not in optional}
        assert not differing, differing


@pytest.mark.parametrize("file", APPCASTS, ids=names_of)
def test_an_appcast_is_rendered_by_the_rules_of_its_clients(file: Path) -> None:
    releases = tuple((accepted(wire), None) for wire in in_the_clients_order(file, convert(file).releases))
    given = Offer("p", "all", releases[0][0], None, releases)
    found = {problem for appcast in sparkle.render(given).values() for problem in sparkle_rules.problems(appcast)}
    # We pass on a publisher's signature unchanged, valid or not.
    assert {problem for problem in found if "signature" not in problem} == set()


@pytest.mark.parametrize("file", VELOPACK, ids=names_of)
def test_velopacks_releases_come_back_with_all_that_their_client_reads(file: Path) -> None:
    before = json.loads(file.read_text(encoding="utf-8-sig"))["Assets"]
    releases = tuple((accepted(wire), None) for wire in convert(file).releases)
    after = json.loads(velopack.render(Offer("p", "c", releases[0][0], None, releases))["releases.win.json"])["Assets"]
    assert [asset | {"FileName": urljoin(BASE, asset["FileName"])} for asset in before] == after


@pytest.mark.parametrize("file", SQUIRREL, ids=names_of)
def test_squirrels_list_comes_back_with_all_that_its_client_reads(file: Path) -> None:
    lines = [line.split() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    before = {(sha1.lower(), urljoin(BASE, name), size) for sha1, name, size, *_ in lines}
    feed = convert(file)
    releases = tuple((accepted(wire), None) for wire in feed.releases)
    after = squirrel.render(Offer("p", "c", releases[0][0], None, releases))["RELEASES"].decode()
    found = {(sha1.lower(), url, size) for sha1, url, size, *_ in (line.split() for line in after.splitlines())}
    # A client cannot use a delta without its full package.
    full = {_version(name) for _, name, _ in before if "-delta" not in name.lower()}
    assert found == {line for line in before if _version(line[1]) in full}


def _version(name: str) -> str:
    return re.sub(r"(-full|-delta)?\.nupkg$", "", name.rpartition("/")[2].lower())
