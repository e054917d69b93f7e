"""Reads evidence from the builders' own feeds, with the readers in `formats` that `import` uses, too.

Sources: electron-builder `packages/app-builder-lib/src/publish/updateInfoBuilder.ts` (`getUpdateInfoFileName`);
Velopack `src/vpk/Velopack.Packaging/BuildAssets.cs` and `ReleaseEntryHelper.cs`; Tauri's `latest.json` of tauri-action;
Sparkle's `generate_appcast`; Squirrel `RELEASES`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from comet_updates.errors import ArtifactError, ForeignFeedError
from comet_updates.formats import electron_updater, file_names, imported, sparkle, squirrel, tauri, velopack
from comet_updates_cli import files
from comet_updates_cli.recognise.evidence import Evidence

FEED_MAX_BYTES = 50_000_000
_BASE = "https://folder.invalid/"
_ELECTRON = re.compile(r"^(?:latest|alpha|beta)(?:-mac|-linux(?:-[a-z0-9]+)?)?\.ya?ml$")
"""The names that electron-builder gives its channel files. Such a file must be one."""

_ELECTRON_SYSTEM = re.compile(r"-(?:(mac)|linux(?:-([a-z0-9]+))?)(?:(\.ya?ml)$|[-.])")
"""The system in the name, also if a pipeline renamed the file to keep one for each job, as in `latest-mac.x64.yml`."""

_ELECTRON_ARCHES = {"arm64": "aarch64", "arm": "armv7", "ia32": "i686", "riscv64": "riscv64"}
_VELOPACK = re.compile(r"^(?:releases|assets)\.(.+)\.json$")
_HASHES = ("sha1", "sha256", "sha512")
_FIELDS = (
    "from_version",
    "package_id",
    "block_map_size",
    "from_executable_size",
    "from_locales",
    "installer_arguments",
)
_SPARKLE_FIELDS = ("min_os", "max_os", "installation_type", "installer_arguments")
"""What an appcast says about a file, in the numbers of the file's own system. electron-updater has other numbers."""

_PORTABLE, _INSTALLER = "Portable", ("Installer", "Msi", "MsiDeploymentTool")


def is_feed(name: str) -> bool:
    """Return whether a file's name is that of a feed, which may say something about other files."""
    lower = name.lower()
    return lower.endswith((".yml", ".yaml", ".json", ".xml")) or re.match(r"^RELEASES(?:[-.][^/]*)?$", name) is not None


def read(file: Path) -> list[tuple[str, Evidence]] | None:
    """Return what a feed says, as pairs of a file name and the evidence. None if the file is not a feed.

    Raises:
        ArtifactError: the file has the name of a feed, and is not a valid one.
        UnreadableFileError: the file cannot be read.
    """
    try:
        body = files.read(file, FEED_MAX_BYTES)
        feed = imported.Feed("feed", "stable", base_url=_BASE)
        kind = _parse(file.name, body, feed)
    except ForeignFeedError as error:
        what = "channel file of electron-builder" if file.suffix in (".yml", ".yaml") else "feed of its builder"
        raise ArtifactError(str(file), f"not a {what}: {error}", "Build it again, or leave it out") from error
    except UnicodeDecodeError as error:
        raise ArtifactError(str(file), "is not UTF-8 text", "Save it as UTF-8 text, or leave it out") from error
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ArtifactError(str(file), f"not a feed of its builder: {error!r}", "Build it again") from error
    if kind is None:
        return None
    if kind == "assets":
        return [*_velopack_assets(file.name, json.loads(body))]
    return [
        (name, replace(_evidence(file.name, kind, name, wire, release), version=version))
        for release in feed.releases
        for version in [str(release["version"])]
        for wire in release["artifacts"]
        if (name := unquote(urlsplit(str(wire.get("url", ""))).path.rpartition("/")[2]))
    ]


def _parse(name: str, body: bytes, feed: imported.Feed) -> str | None:
    """Read a feed, and return its kind; None if the file is not a feed."""
    lower = name.lower()
    if lower.endswith((".yml", ".yaml")):
        return _parse_yaml(lower, body, feed)
    if lower.endswith(".json"):
        return _parse_json(name, body, feed)
    if lower.endswith(".xml"):
        if b"<rss" not in body[:4096] or b"<enclosure" not in body:
            return None
        sparkle.parse(body, feed)
        return "sparkle"
    squirrel.parse(body.decode("utf-8-sig"), feed)
    return "squirrel"


def _parse_yaml(name: str, body: bytes, feed: imported.Feed) -> str | None:
    if not _ELECTRON.match(name):
        try:
            document = electron_updater.load(body)
        except ForeignFeedError:
            return None
        if not isinstance(document, dict) or not {"version", "files"} <= document.keys():
            return None
    electron_updater.parse(body, feed)
    return "electron"


def _parse_json(name: str, body: bytes, feed: imported.Feed) -> str | None:
    try:
        document = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        if name == "latest.json" or _VELOPACK.match(name):
            raise ForeignFeedError("not JSON") from error
        return None
    if _VELOPACK.match(name) and name.startswith("assets."):
        return "assets"
    return _parse_object(document, feed) if isinstance(document, dict) else None


def _parse_object(document: dict[str, Any], feed: imported.Feed) -> str | None:
    if "Assets" in document:
        velopack.parse(document, feed)
        return "velopack"
    if "platforms" in document and ("version" in document or "name" in document):
        tauri.parse(document, feed)
        return "tauri"
    if "currentRelease" in document:
        squirrel.parse_mac(document, feed)
        return "squirrel-mac"
    return None


def _evidence(source: str, kind: str, name: str, wire: imported.Wire, release: imported.Wire) -> Evidence:
    platform, arch = _computer(source, kind, wire)
    is_delta = wire.get("kind") == "delta"
    fields = (*_FIELDS, *_SPARKLE_FIELDS) if kind == "sparkle" else _FIELDS
    return Evidence(
        source,
        platform,
        arch,
        "delta" if is_delta else _kind(kind, name),
        wire.get("bundle"),
        size_bytes=wire.get("size"),
        hashes={one: str(wire[one]).lower() for one in _HASHES if wire.get(one)},
        signatures=dict(wire.get("signatures", {})),
        fields=imported.given(**{one: wire.get(one) for one in fields}, build=release.get("build")),
    )


def _kind(kind: str, name: str) -> str | None:
    """Return the kind of a full file. electron-builder names the installer of Windows, never a portable program."""
    return "installer" if kind == "electron" and name.lower().endswith(".exe") else None


def _computer(source: str, kind: str, wire: imported.Wire) -> tuple[str | None, str | None]:
    """Return the system and architecture that a feed states, each None if the feed does not."""
    platform = wire.get("platform") if wire.get("platform") in tauri.SYSTEMS else None
    arch = wire.get("arch") if wire.get("arch") in file_names.ARCHES else None
    if kind == "electron":
        return _of_electron(source)
    if kind == "tauri":
        return platform, arch
    if kind == "sparkle":  # an item without an architecture says nothing about it
        return platform, arch if arch != "any" else None
    if kind == "velopack":
        return of_channel(source)
    if kind == "squirrel":
        return ("windows" if source == "RELEASES" else None), None
    return ("macos" if kind == "squirrel-mac" else None), None


def _of_electron(source: str) -> tuple[str, str | None]:
    found = _ELECTRON_SYSTEM.search(source.lower())
    if not found:
        return "windows", None
    if found[1]:
        return "macos", None
    if found[2]:
        return "linux", _ELECTRON_ARCHES.get(found[2])
    return "linux", "x86_64" if found[3] else None


def of_channel(source: str) -> tuple[str | None, str | None]:
    """Return the system and architecture in the name of a Velopack channel, such as `win-arm64`."""
    found = _VELOPACK.match(source)
    channel = f"app-{found[1]}.zip" if found else ""
    return file_names.platform(channel), file_names.arch(channel).arch


def _velopack_assets(source: str, document: object) -> Iterator[tuple[str, Evidence]]:
    """Yield the files of one build of `vpk`, with their types. Older versions wrote only their paths."""
    entries = document.get("Files") if isinstance(document, dict) else document
    platform, arch = of_channel(source)
    for entry in entries if isinstance(entries, list) else ():
        path = entry.get("RelativeFileName") or entry.get("FileName") if isinstance(entry, dict) else entry
        if not isinstance(path, str):
            raise ArtifactError(source, "not a list of Velopack's files", "Build it again, or leave it out")
        name = path.replace("\\", "/").rpartition("/")[2]
        kind = entry.get("Type") if isinstance(entry, dict) else None
        portable = kind == _PORTABLE and not name.lower().endswith((".zip", ".appimage"))
        yield (
            name,
            Evidence(
                source,
                platform,
                arch,
                {"Full": "archive", "Delta": "delta", _PORTABLE: "archive"}.get(str(kind))
                or ("installer" if kind in _INSTALLER else None),
                file_names.PORTABLE if portable else None,
            ),
        )
