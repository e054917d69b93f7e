"""Real feeds as our release documents: every field that stands in them, under our name for it.

What our model refuses on purpose is set right here, as their makers would have to: http becomes https, a Tauri version
loses its `v` (its client drops it, too), an empty signature is left out, relative URLs get a host.
"""

from __future__ import annotations

import base64
import json
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urljoin

import yaml

from comet_updates import names

SPARKLE = "{http://www.andymatuschak.org/xml-namespaces/sparkle}"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
NO_LANGUAGE = "und"  # BCP 47: undetermined
BASE = "https://downloads.example.com/"
ELECTRON_PLATFORMS = {"latest-mac": "macos", "latest-linux": "linux"}
TAURI_SYSTEMS = {"darwin": "macos"}

Release = dict[str, Any]


class Feed(NamedTuple):
    """A converted feed.

    Attributes:
        scheme: how the feed's own client orders its versions.
        releases: in the feed's order.
    """

    scheme: str
    releases: list[Release]


def product_of(file: Path) -> str:
    """A product name for a feed file."""
    return re.sub(r"[^a-z0-9]+", "-", file.name.lower()).strip("-")[-60:].strip("-")


def convert(file: Path) -> Feed:
    """The feed in `file`. Raises what the parsers raise for a feed that is broken."""
    return {"sparkle": _sparkle, "electron": _electron, "tauri": _tauri, "velopack": _velopack}[file.parent.name](file)


def _release(file: Path, channel: str, version: str, artifacts: list[Release], **fields: Any) -> Release:
    given = {name: value for name, value in fields.items() if value not in (None, "", {})}
    fixed = {"schema": 1, "product": product_of(file), "channel": channel, "version": version}
    return {**fixed, **given, "artifacts": artifacts}


def _sparkle(file: Path) -> Feed:
    items = list(ET.parse(file).getroot().iter("item"))
    versions = [_sparkle_version(item) for item in items]
    is_dotted = all(re.fullmatch(r"[0-9.]+", version) for version in versions)
    releases: dict[tuple[str, str], Release] = {}
    for item, version in zip(items, versions, strict=True):
        release = _sparkle_item(file, item, version, is_dotted=is_dotted)
        key = (release["channel"], release["version"])
        if key in releases and releases[key].get("build") != release.get("build"):
            release["version"] += f"+{version}"  # shown alike, ordered by their build numbers
            key = (release["channel"], release["version"])
        releases.setdefault(key, release)  # Sparkle takes the first of equals
    return Feed("build" if is_dotted else "semver", list(releases.values()))


def _sparkle_item(file: Path, item: ET.Element, version: str, *, is_dotted: bool) -> Release:
    enclosure = item.find("enclosure")
    shown = _attribute(enclosure, "shortVersionString") or _text(item, f"{SPARKLE}shortVersionString") or version
    usable = re.match(names.VERSION, shown if is_dotted else version)
    assert usable
    critical = item.find(f"{SPARKLE}criticalUpdate")
    tagged = item.find(f"{SPARKLE}tags/{SPARKLE}criticalUpdate")
    links = item.findall(f"{SPARKLE}releaseNotesLink") + item.findall("releaseNotesLink")
    notes = item.findall("description")
    min_os = _text(item, f"{SPARKLE}minimumSystemVersion")
    enclosures = [*item.findall("enclosure"), *item.findall(f"{SPARKLE}deltas/enclosure")]
    date = _text(item, "pubDate")
    return _release(
        file,
        (_text(item, f"{SPARKLE}channel") or _attribute(enclosure, "channel") or "stable").lower(),
        usable.group(),
        [_sparkle_enclosure(enclosure, min_os) for enclosure in enclosures],
        build=version if is_dotted else None,
        display_version=shown if shown != usable.group() else None,
        released_at=_date(date),
        title=_text(item, "title"),
        link=_https(_text(item, "link")),
        notes={element.get(LANGUAGE, NO_LANGUAGE): element.text for element in notes if element.text},
        notes_format="html" if any(element.text for element in notes) else None,
        notes_url={
            element.get(LANGUAGE, NO_LANGUAGE): _https(element.text.strip()) for element in links if element.text
        },
        critical=_critical(critical if critical is not None else tagged),
        informational=_informational(item.find(f"{SPARKLE}informationalUpdate")),
    )


def _date(text: str | None) -> str | None:
    if text is None:
        return None
    # The form of RFC 822; one feed has a plain day, which its client takes for no date at all.
    date = datetime.fromisoformat(text) if re.fullmatch(r"[0-9-]+", text) else parsedate_to_datetime(text)
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).isoformat()


def _sparkle_version(item: ET.Element) -> str:
    enclosure = item.find("enclosure")
    version = _attribute(enclosure, "version") or _text(item, f"{SPARKLE}version")
    assert version
    return version


def _sparkle_enclosure(enclosure: ET.Element, min_os: str | None) -> Release:
    url = _https(enclosure.get("url"))
    assert url
    delta = _attribute(enclosure, "deltaFrom")
    kinds = {"ed25519": "edSignature", "dsa": "dsaSignature", "netsparkle": "signature"}
    signatures = {kind: found for kind, name in kinds.items() if (found := _attribute(enclosure, name))}
    length = int(enclosure.get("length") or 0)
    return _some(
        platform=(_attribute(enclosure, "os") or "macos").lower(),
        arch="any",
        kind="delta" if delta else "installer" if url.endswith((".exe", ".msi", ".pkg")) else "archive",
        url=url,
        size=length or None,
        signatures=signatures,
        min_os=min_os,
        from_version=delta,
        media_type=enclosure.get("type"),
    )


def _critical(element: ET.Element | None) -> bool | dict[str, str] | None:
    if element is None:
        return None
    below = _attribute(element, "version")
    return {"below_version": below} if below else True


def _informational(element: ET.Element | None) -> bool | dict[str, Any] | None:
    if element is None:
        return None
    versions = [child.text for child in element.findall(f"{SPARKLE}version")]
    return _some(versions=versions, below_version=_text(element, f"{SPARKLE}belowVersion")) or True


def _electron(file: Path) -> Feed:
    # The base loader leaves all as text: YAML would make a number of some versions and a date of others.
    document = yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)
    name = re.sub(r"^.*__|@.*$|\.yml$", "", file.name)
    platform = ELECTRON_PLATFORMS.get(name, "windows")
    legacy = {"url": document["path"], **{key: document[key] for key in ("sha512", "sha2") if key in document}}
    files = document.get("files", [])
    if not any(legacy.items() <= entry.items() for entry in files):
        files = [*files, legacy]
    artifacts = [
        _some(
            platform=platform,
            arch="any",
            kind="archive" if entry["url"].endswith((".zip", ".AppImage")) else "installer",
            url=urljoin(BASE, quote(entry["url"], safe="/:%")),
            size=int(entry["size"]) if "size" in entry else None,
            sha512=base64.b64decode(entry["sha512"]).hex(),
            sha256=entry.get("sha2"),
            block_map_size=int(entry["blockMapSize"]) if "blockMapSize" in entry else None,
            file_name=document.get("githubArtifactName"),
        )
        for entry in files
    ]
    channel = name.split("-")[0]
    release = _release(file, channel, document["version"], artifacts, released_at=document["releaseDate"].strip())
    return Feed("semver", [release])


def _tauri(file: Path) -> Feed:
    document = json.loads(file.read_text(encoding="utf-8"))
    artifacts = []
    for key, entry in document["platforms"].items():
        system, arch, *bundle = key.split("-")
        artifacts.append(
            _some(
                platform=TAURI_SYSTEMS.get(system, system),
                arch=arch,
                kind="installer" if entry["url"].endswith((".exe", ".msi", ".dmg")) else "archive",
                url=entry["url"],
                signatures={"minisign": entry["signature"]} if entry.get("signature") else None,
                bundle=bundle[0] if bundle else None,
            )
        )
    notes = {NO_LANGUAGE: document["notes"]} if "notes" in document else None
    version = document["version"].removeprefix("v")
    release = _release(file, "stable", version, artifacts, released_at=document["pub_date"], notes=notes)
    return Feed("semver", [release])


def _velopack(file: Path) -> Feed:
    assets = json.loads(file.read_text(encoding="utf-8-sig"))["Assets"]
    by_version: dict[str, list[Release]] = {}
    for asset in assets:
        by_version.setdefault(asset["Version"], []).append(
            _some(
                platform="windows",
                arch="any",
                kind="delta" if asset["Type"] == "Delta" else "archive",
                url=urljoin(BASE, asset["FileName"]),
                size=asset["Size"],
                sha1=asset.get("SHA1"),
                sha256=asset.get("SHA256"),
                from_version="the release before" if asset["Type"] == "Delta" else None,
                package_id=asset["PackageId"],
            )
        )
    return Feed("semver", [_release(file, "stable", version, files) for version, files in by_version.items()])


def _some(**fields: Any) -> Release:
    return {name: value for name, value in fields.items() if value not in (None, {}, [])}


def _text(element: ET.Element, path: str) -> str | None:
    text = element.findtext(path)
    return " ".join(text.split()) or None if text else None


def _attribute(element: ET.Element | None, name: str) -> str | None:
    return element.get(f"{SPARKLE}{name}") if element is not None else None


def _https(url: str | None) -> str | None:
    return re.sub(r"^http://", "https://", url) if url else None
