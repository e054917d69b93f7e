"""Tauri's updater, static document: `tauri.json`.

Source: tauri-plugin-updater 2, `plugins/updater/src/updater.rs` (`RemoteRelease`, `ReleaseManifestPlatform`):
`version` is semver, `pub_date` is RFC 3339 or missing, and one platform without a URL and a signature fails the whole
document. A client looks for `{os}-{arch}-{bundle}` first, then for `{os}-{arch}`. It does not support rollouts.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import semver

from comet_updates.errors import ForeignFeedError
from comet_updates.formats import encode, imported, notes
from comet_updates.model.offer import Offer
from comet_updates.model.release import Artifact, Release

NEEDS = "a semver version and a `minisign` signature"
SYSTEMS = {"windows": "windows", "macos": "darwin", "linux": "linux"}
ARCHES = {
    "x86_64": ("x86_64",),
    "aarch64": ("aarch64",),
    "i686": ("i686",),
    "armv7": ("armv7",),
    "riscv64": ("riscv64",),
    "universal": ("x86_64", "aarch64"),
}
PLATFORMS = tuple(f"{system}-{arch}" for system in SYSTEMS.values() for arch in ARCHES if arch != "universal")
"""The names of all systems with their architectures, as the client writes them."""

SIGNATURE = "minisign"


def render(offer: Offer) -> dict[str, bytes]:
    """Return `tauri.json` with the best release that is signed for Tauri, or no document if none is."""
    found = document(offer)
    return {"tauri.json": found} if found else {}


def document(offer: Offer, platform: str = "") -> bytes | None:
    """Return the document for the best release that has signed files for `platform`, or None.

    It contains only the files for `platform` (such as `linux-x86_64`). An empty `platform` means all platforms.
    """
    prefix = platform and f"{platform}-"  # a key may end with the kind of bundle
    for release in offer.candidates():
        found = _platforms(release)
        platforms = {key: entry for key, entry in found.items() if f"{key}-".startswith(prefix)}
        if platforms and semver.Version.is_valid(release.version):
            return _json(release, platforms)
    return None


def _json(release: Release, platforms: dict[str, dict[str, str]]) -> bytes:
    optional = {
        "notes": notes.notes(release) or None,
        "pub_date": release.released_at.isoformat() if release.released_at else None,
    }
    document: dict[str, Any] = {"version": release.version} | {k: v for k, v in optional.items() if v is not None}
    return encode.as_json(document | {"platforms": platforms})


def _platforms(release: Release) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for artifact in release.artifacts:
        if artifact.kind == "delta" or SIGNATURE not in artifact.signatures or artifact.platform not in SYSTEMS:
            continue
        entry = {"signature": artifact.signatures[SIGNATURE], "url": artifact.url}
        for key in _keys(artifact):
            found.setdefault(key, entry)  # the first artifact in the release wins
    return found


def _keys(artifact: Artifact) -> list[str]:
    plain = [f"{SYSTEMS[artifact.platform]}-{arch}" for arch in ARCHES.get(artifact.arch, ())]
    return [f"{key}-{artifact.bundle}" for key in plain if artifact.bundle] + plain


def parse(document: object, feed: imported.Feed) -> None:
    """Read a static document of Tauri's updater, given as JSON. See `imported`.

    Raises:
        ForeignFeedError: the document is not valid.
    """
    if not isinstance(document, dict) or not isinstance(document.get("platforms"), dict):
        raise ForeignFeedError("not a document of Tauri's updater: `platforms` is missing")
    version = document.get("version") or document.get("name")
    if not isinstance(version, str):
        raise ForeignFeedError("not a document of Tauri's updater: `version` is missing")
    feed.unknown("the document", set(document), {"version", "name", "notes", "pub_date", "platforms"})
    systems = {theirs: ours for ours, theirs in SYSTEMS.items()}
    artifacts = []
    for key, entry in document["platforms"].items():
        system, arch, *bundle = key.split("-")
        where = f"platforms.{key}"
        if not isinstance(entry, dict):
            raise ForeignFeedError(f"{where} is not an object")
        feed.unknown(where, set(entry), {"url", "signature"})
        if not entry.get("signature"):
            feed.remark(where, "is not signed, so the client cannot install it")
        url = feed.url(f"{where}.url", entry.get("url"))
        artifacts.append(
            imported.given(
                platform=systems.get(system, system),
                arch=arch,
                kind=imported.kind(urlsplit(url or "").path),
                url=url,
                signatures=imported.given(minisign=entry.get("signature")),
                bundle=bundle[0] if bundle else None,
            )
        )
    notes = {imported.NO_LANGUAGE: document["notes"]} if document.get("notes") else None
    feed.add(version.removeprefix("v"), artifacts, released_at=document.get("pub_date"), notes=notes)
