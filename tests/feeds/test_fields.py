"""Test that no field of a feed is dropped in silence.

Each field is either read, which changes the result, or is in a table with the reason why it means nothing to an
updater, or has a remark.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from comet_updates.errors import ForeignFeedError, RefusedUploadError
from comet_updates.formats import appcast, electron_updater, imported, squirrel, tauri, velopack
from comet_updates_cli import import_feeds
from tests.feeds.test_import import SHA512
from tests.feeds.test_real_feeds import FOLDER, READABLE, SHARED, fields

NOW = datetime(2026, 11, 29, tzinfo=UTC)
URL = "https://dl.example.com/a.zip"
VALUES = {
    "pubDate": "Mon, 02 Nov 2026 10:00:00 +0000",
    "length": "9",
    "xml:lang": "de",
    "sparkle:format": "markdown",
    "sparkle:os": "windows",
    "sparkle:installationType": "package",
    "sparkle:criticalUpdate": "true",
    "sparkle:hardwareRequirements": "arm64",
    "sparkle:phasedRolloutInterval": "60",
    "sparkle:deltaFromSparkleExecutableSize": "7",
    **dict.fromkeys(("link", "url", "releaseNotesLink", "sparkle:releaseNotesLink"), f"{URL}?link"),
    "sparkle:fullReleaseNotesLink": f"{URL}?all",
}
CONTAINERS = {"enclosure", "sparkle:tags", "sparkle:deltas", "sparkle:deltas/enclosure"}


def result(name: str, body: str) -> tuple[object, ...]:
    """Return everything that an import makes of a feed."""
    found = imported.Feed("nova", "stable", "https://dl.example.com/", is_channel_named=False)
    try:
        read = import_feeds.read({name: body.encode()}, lambda _: found, now=NOW)
    except (ForeignFeedError, RefusedUploadError) as error:
        return (str(error),)
    return read.documents, read.remarks


def feed_with(path: str, *, attribute: str = "", value: str = "") -> str:
    """Return an appcast whose item has the element at `path`, and perhaps an attribute of it."""
    full = {
        name: name.replace("sparkle:", f"{{{appcast.NAMESPACE}}}") for name in (*path.split("/"), attribute) if name
    }
    rss = ET.Element("rss", version="2.0")
    channel = ET.SubElement(rss, "channel")
    element = ET.SubElement(channel, "item")
    if path != "sparkle:version":
        ET.SubElement(element, f"{{{appcast.NAMESPACE}}}version").text = "1.0"
    if path != "enclosure":
        ET.SubElement(element, "enclosure", url=URL)
    if path != "pubDate":
        ET.SubElement(element, "pubDate").text = VALUES["pubDate"]
    for name in path.split("/"):
        element = ET.SubElement(element, full[name])
    if path.endswith("enclosure"):
        element.set("url", URL)
        if "deltas" in path and attribute != "sparkle:deltaFrom":
            element.set(f"{{{appcast.NAMESPACE}}}deltaFrom", "0.9")
    else:
        element.text = VALUES.get(path.rpartition("/")[2], "2.0")
    if attribute:
        name = "{http://www.w3.org/XML/1998/namespace}lang" if attribute == "xml:lang" else full[attribute]
        element.set(name, value or VALUES.get(attribute, "2.0"))
    return ET.tostring(rss, encoding="unicode")


def without(path: str) -> str:
    """Return the same appcast without the element."""
    feed = ET.fromstring(feed_with(path))
    name = path.split("/", maxsplit=1)[0].replace("sparkle:", f"{{{appcast.NAMESPACE}}}")
    for parent in feed.iter():
        for child in parent.findall(name):
            parent.remove(child)
    return ET.tostring(feed, encoding="unicode")


@pytest.mark.parametrize("field", sorted(appcast.READ - CONTAINERS))
def test_each_field_of_an_appcast_changes_the_result(field: str) -> None:
    path, _, attribute = field.partition(" ")
    before = feed_with(path) if attribute else without(path)
    assert result("a.xml", feed_with(path, attribute=attribute)) != result("a.xml", before)


@pytest.mark.parametrize(
    "field", ["sparkle:colour", "media", "enclosure sparkle:colour", "sparkle:tags/sparkle:colour"]
)
def test_unknown_field_of_an_appcast_has_a_remark(field: str) -> None:
    path, _, attribute = field.partition(" ")
    _, remarks = result("a.xml", feed_with(path, attribute=attribute))
    assert any(f"left out: `{field}`" in remark for remark in remarks)  # type: ignore[attr-defined]


@pytest.mark.parametrize("field", sorted(appcast.WITHOUT_MEANING))
def test_field_without_meaning_has_a_reason_and_no_remark(field: str) -> None:
    path, _, attribute = field.partition(" ")
    remarks = result("a.xml", feed_with(path, attribute=attribute))[1]
    assert not any(field in remark for remark in remarks)  # type: ignore[attr-defined]
    assert len(appcast.WITHOUT_MEANING[field]) > len("a reason")


YAML: dict[str, Any] = {
    "version": "2.0.0",
    "path": "b.exe",
    "releaseDate": "2026-11-02T10:00:00.000Z",
    "stagingPercentage": "5",
    "isAdminRightsRequired": "true",
    "size": "9",
    "blockMapSize": "9",
    "sha2": "ab" * 32,
    "sha512": "cd" * 64,
    "url": "c.exe",
}


def yml(**more: Any) -> str:
    """Return a channel file with one file; `file` has more fields of the file."""
    file = {"url": "a.exe", "sha512": SHA512} | more.pop("file", {})
    document = {"version": "1.0.0", "files": [file]} | more
    return "\n".join(f"{name}: {json.dumps(value)}" for name, value in document.items())


@pytest.mark.parametrize("field", sorted(electron_updater.READ - {"files", "sha512", "sha2"}))
def test_each_field_of_a_channel_file_changes_the_result(field: str) -> None:
    assert result("latest.yml", yml(**{field: YAML.get(field, "10.0")})) != result("latest.yml", yml())


@pytest.mark.parametrize("field", ["sha512", "sha2"])
def test_hash_of_the_older_form_changes_the_result(field: str) -> None:
    before = yml(path="b.exe", sha512="ab" * 64)
    assert result("latest.yml", yml(**{"path": "b.exe", "sha512": "ab" * 64, field: YAML[field]})) != result(
        "latest.yml", before
    )


@pytest.mark.parametrize("field", sorted(electron_updater.READ_OF_A_FILE))
def test_each_field_of_a_file_changes_the_result(field: str) -> None:
    assert result("latest.yml", yml(file={field: YAML[field]})) != result("latest.yml", yml())


def tauri_json(entry: dict[str, str] | None = None, **more: str) -> str:
    signed = {"url": "https://e.example/a.exe", "signature": "c2ln"} | (entry or {})
    return json.dumps({"version": "1.0.0", "platforms": {"windows-x86_64": signed}} | more)


@pytest.mark.parametrize("field", sorted(tauri.READ - {"platforms"}))
def test_each_field_of_tauri_changes_the_result(field: str) -> None:
    values = {"version": "2.0.0", "pub_date": "2026-11-02T10:00:00Z"}
    assert result("latest.json", tauri_json(None, **{field: values.get(field, "x")})) != result(
        "latest.json", tauri_json()
    )


@pytest.mark.parametrize("field", sorted(tauri.READ_OF_A_PLATFORM))
def test_each_field_of_a_platform_of_tauri_changes_the_result(field: str) -> None:
    values = {"url": "https://e.example/b.exe", "signature": "b3RoZXI="}
    assert result("latest.json", tauri_json(values)) != result(
        "latest.json", tauri_json({**values, field: "https://x"})
    )


@pytest.mark.parametrize("field", sorted(velopack.READ))
def test_each_field_of_velopack_changes_the_result(field: str) -> None:
    values = {"Version": "2.0.0", "Type": "Delta", "SHA1": "ab" * 20, "SHA256": "cd" * 32, "Size": 9}
    asset: dict[str, Any] = {"Version": "1.0.0", "Type": "Full", "FileName": "A-1.0.0-full.nupkg"}
    before, after = (json.dumps({"Assets": [one]}) for one in (asset, asset | {field: values.get(field, "x")}))
    assert result("releases.win.json", after) != result("releases.win.json", before)


@pytest.mark.parametrize("field", sorted(squirrel.READ_OF_AN_UPDATE))
def test_each_field_of_squirrel_for_macs_changes_the_result(field: str) -> None:
    values = {"url": "https://e.example/b.zip", "pub_date": "2026-11-02T10:00:00Z"}

    def document(**update: str) -> str:
        entry = {"version": "1.0.0", "updateTo": {"url": "https://e.example/a.zip"} | update}
        return json.dumps({"currentRelease": "1.0.0", "releases": [entry]})

    after = result("RELEASES.json", document(**{field: values.get(field, "x")}))
    assert after != result("RELEASES.json", document())


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("latest.yml", yml(colour="red")),
        ("latest.yml", yml(file={"colour": "red"})),
        ("latest.json", tauri_json(colour="red")),
        ("latest.json", tauri_json({"colour": "red"})),
        ("releases.win.json", json.dumps({"Assets": [{
            "Version": "1.0.0", "Type": "Full", "FileName": "A-1.0.0-full.nupkg", "colour": "red"}]})),
    ],
)  # fmt: skip
def test_unknown_field_has_a_remark(name: str, body: str) -> None:
    _, remarks = result(name, body)
    assert any("`colour`" in remark for remark in remarks)  # type: ignore[attr-defined]


def _known() -> Iterator[str]:
    yield from (
        name.replace(" ", "@").replace("xml:lang", "lang") for name in appcast.READ | appcast.WITHOUT_MEANING.keys()
    )


@pytest.mark.skipif(not FOLDER.exists(), reason="the real feeds are not part of this repository, and not beside it")
def test_every_field_of_the_real_feeds_is_read_or_has_a_reason_or_a_remark() -> None:
    known = {f"item/{name}" for name in _known()} | {"item"}
    for file in READABLE:
        if file.parent.name == "sparkle":
            unknown = set(fields(file)) - known
            _, remarks = result(file.name, file.read_text(encoding="utf-8-sig"))
            for name in unknown:
                short = name.removeprefix("item/").replace("@lang", "@xml:lang").replace("@", " ")
                assert any(f"`{short}`" in remark for remark in remarks), (file.name, name)  # type: ignore[attr-defined]
    assert SHARED.exists()
