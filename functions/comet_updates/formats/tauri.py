"""Tauri's updater, static document: `tauri.json`.

Source: tauri-plugin-updater 2, `plugins/updater/src/updater.rs` (`RemoteRelease`, `ReleaseManifestPlatform`):
`version` is semver, `pub_date` is RFC 3339 or missing, and one platform without a URL and a signature fails the whole
document. A client looks for `{os}-{arch}-{bundle}` first, then for `{os}-{arch}`. It does not support rollouts.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import semver

from comet_updates.errors import ForeignFeedError
from comet_updates.formats import encode, imported, notes, selection
from comet_updates.formats.selection import Files, View
from comet_updates.model.offer import Offer
from comet_updates.model.release import Artifact, Release

NEEDS = "a semver version and a `minisign` signature"
NUMBER_MAX = 2**64 - 1
"""The largest number in a version (Rust crate `semver` 1, `struct Version`)."""

SYSTEMS = {"windows": "windows", "macos": "darwin", "linux": "linux"}
_EVERY = ("x86_64", "aarch64", "i686", "armv7", "riscv64")
ARCHES = (*_EVERY, "universal")
_OF_SYSTEM = {"windows": ("x86_64", "aarch64", "i686"), "macos": ("x86_64", "aarch64"), "linux": _EVERY}
"""The architectures of a file for `any` computer, by platform."""

PLATFORMS = tuple(f"{system}-{arch}" for system in SYSTEMS.values() for arch in _EVERY)
"""The names of all systems with their architectures, as the client writes them."""

SIGNATURE = "minisign"


def views(offer: Offer) -> list[View]:
    """Return the document."""
    del offer
    return [view()]


def view(platform: str = "", document: str = "tauri.json") -> View:
    """Return a document for `platform` (such as `linux-x86_64`), or for all platforms."""
    return View((document,), "Tauri's updater", frozenset(), functools.partial(_files, platform))


def render(offer: Offer) -> dict[str, bytes]:
    """Return `tauri.json` with the best release that is signed for Tauri, or no document if none is."""
    found = document(offer)
    return {"tauri.json": found} if found else {}


def document(offer: Offer, platform: str = "") -> bytes | None:
    """Return the document for the best release that has signed files for `platform`, or None.

    It contains only the files for `platform` (such as `linux-x86_64`). An empty `platform` means all platforms.
    """
    shown = next(view(platform).shown(offer), None)
    return _json(shown.release, _platforms(shown.files, platform)) if shown else None


def _json(release: Release, platforms: dict[str, dict[str, str]]) -> bytes:
    optional = {
        "notes": notes.notes(release) or None,
        "pub_date": release.released_at.isoformat() if release.released_at else None,
    }
    document: dict[str, Any] = {"version": release.version} | {k: v for k, v in optional.items() if v is not None}
    return encode.as_json(document | {"platforms": platforms})


def _files(platform: str, release: Release) -> Files:
    """Return the signed files with a name in the document."""
    system, _, arch = platform.partition("-")
    ours = next((ours for ours, theirs in SYSTEMS.items() if theirs == system), "")
    wanted = f"{selection.SYSTEM_NAMES[ours]} on {arch}" if ours else "Windows, macOS or Linux"
    found = selection.narrowed(
        release.artifacts,
        (lambda file: bool(_platforms([file], platform)), f"{selection.NO_FILE}{wanted}"),
        (
            lambda file: SIGNATURE in file.signatures,
            "the files have no `minisign` signature, without which Tauri's updater installs nothing",
        ),
    )
    lack = found.lack or selection.unreadable(release.version, NUMBER_MAX, "Tauri's updater")
    return Files(lack=lack) if lack else found


def _platforms(files: Iterable[Artifact], prefix: str = "") -> dict[str, dict[str, str]]:
    """Return the entries of the document by their names, without those that do not begin with `prefix`."""
    chosen: dict[str, Artifact] = {}
    for file in files:
        for key in _keys(file):
            is_wanted = f"{key}-".startswith(prefix and f"{prefix}-")  # a name may end with the kind of bundle
            if is_wanted and (key not in chosen or _preference(file) < _preference(chosen[key])):
                chosen[key] = file
    return {key: {"signature": file.signatures.get(SIGNATURE, ""), "url": file.url} for key, file in chosen.items()}


def _preference(file: Artifact) -> tuple[bool, bool]:
    """Return a sort key for the files of one name. The lowest wins; of equal ones, the first in the release wins.

    A file for known architectures comes before one for any. Clients before 2.10 know only the name without a bundle.
    On Linux, that is the AppImage in Tauri's own documents.
    """
    return file.arch == "any", file.platform == "linux" and file.bundle not in (None, "appimage")


def _keys(file: Artifact) -> list[str]:
    if file.kind == "delta" or file.platform not in SYSTEMS:
        return []
    plain = [f"{SYSTEMS[file.platform]}-{arch}" for arch in _arches(file)]
    if (file.platform, file.arch) == ("macos", "universal"):
        plain.append("darwin-universal")  # of apps that set this target themselves, and of tauri-action
    return [f"{key}-{file.bundle}" for key in plain if file.bundle] + plain


def _arches(file: Artifact) -> tuple[str, ...]:
    """Return the architectures of a file, as the client writes them."""
    if file.arch == "universal":
        return ("x86_64", "aarch64")
    return _OF_SYSTEM.get(file.platform, ()) if file.arch == "any" else (file.arch,)


READ = {"version", "name", "notes", "pub_date", "platforms"}
READ_OF_A_PLATFORM = {"url", "signature"}
_NAMES = {"released_at": "pub_date"}
_BUNDLES = ("appimage", "deb", "rpm", "app", "msi", "nsis")


def parse(document: object, feed: imported.Feed) -> None:
    """Read a static document of Tauri's updater, given as JSON. See `imported`.

    Raises:
        ForeignFeedError: the document is not valid, or the client would reject it.
    """
    if not isinstance(document, dict) or not isinstance(document.get("platforms"), dict):
        raise ForeignFeedError("not a document of Tauri's updater: `platforms` is missing")
    written = document.get("version") or document.get("name")
    if not isinstance(written, str):
        raise ForeignFeedError("not a document of Tauri's updater: `version` is missing")
    version = written.strip().removeprefix("v")
    if not semver.Version.is_valid(version):
        raise ForeignFeedError(f"version {written!r} is not a semantic version. {_REJECTS}")
    _check_date(document.get("pub_date"))
    feed.unknown("the document", set(document), READ - {"name"} if "version" in document else READ)
    for key, entry in document["platforms"].items():
        _check(f"platforms.{key}", entry)
    found = (_artifact(feed, key, entry) for key, entry in document["platforms"].items())
    notes = {imported.NO_LANGUAGE: document["notes"]} if document.get("notes") else None
    feed.add(
        version,
        [artifact for artifact in found if artifact],
        place=f"version {version}",
        names=_NAMES,
        released_at=document.get("pub_date"),
        notes=notes,
    )


_REJECTS = "Tauri's updater rejects the whole document then (updater.rs). Correct it"


def _check_date(written: object) -> None:
    """Check the date as the client does: it is missing, or RFC 3339 with an offset.

    Raises:
        ForeignFeedError: it is not.
    """
    if written is None:
        return
    try:
        is_date = isinstance(written, str) and datetime.fromisoformat(written.strip()).tzinfo is not None
    except ValueError:
        is_date = False
    if not is_date:
        raise ForeignFeedError(f"pub_date {written!r} is not a date with an offset. {_REJECTS}")


def _is_signature(text: str) -> bool:
    """Return whether a text may be a signature: a file of minisign in base64."""
    try:
        return base64.b64decode(text.strip(), validate=True).startswith(b"untrusted comment:")
    except ValueError:
        return False


def _check(place: str, entry: object) -> None:
    """Check one entry of `platforms` as the client does: it needs all entries, also those of other systems.

    Raises:
        ForeignFeedError: the client would reject the document.
    """
    if not isinstance(entry, dict):
        raise ForeignFeedError(f"{place} is not an object. {_REJECTS}")
    for name in sorted(READ_OF_A_PLATFORM):
        if not isinstance(entry.get(name), str):
            raise ForeignFeedError(f"{place} has no `{name}`. {_REJECTS}")
    if not entry["url"].strip().lower().startswith(("https://", "http://")):
        raise ForeignFeedError(f"{place}.url is {entry['url']!r}, which is not an absolute https:// URL. {_REJECTS}")


def _artifact(feed: imported.Feed, key: str, entry: dict[str, Any]) -> imported.Entry | None:
    systems = {theirs: ours for ours, theirs in SYSTEMS.items()}
    system, _, rest = key.partition("-")
    arch, _, bundle = rest.partition("-")
    place = f"platforms.{key}"
    is_known = system in systems and arch in ARCHES and (not bundle or bundle in _BUNDLES)
    if not is_known or (arch == "universal" and system != "darwin"):
        feed.remark(place, "left out: this name is not one of Tauri's systems, so only your own code can ask for it")
        return None
    feed.unknown(place, set(entry), READ_OF_A_PLATFORM)
    if not entry["signature"]:
        feed.remark(place, "is not signed, so the client cannot install it")
    elif not _is_signature(entry["signature"]):
        feed.remark(place, "its `signature` is not the content of a .sig file, so the client cannot install it")
    url = feed.url(f"{place}.url", entry["url"])
    return imported.entry(
        place,
        {"signatures": "signature"},
        platform=systems[system],
        arch=arch,
        kind=imported.kind(urlsplit(url or "").path),
        url=url,
        signatures=imported.given(minisign=entry["signature"]),
        bundle=bundle or None,
    )
