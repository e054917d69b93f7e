"""Squirrel: `RELEASES` for Windows, and `RELEASES.json` for macOS (Electron's `serverType: json`).

Source for Windows: Squirrel.Windows, `src/Squirrel/ReleaseEntry.cs`. A line is `SHA-1 URL size` and LF. During a
rollout it ends with `# 25%`. The list may not be empty, the client reads the version from the file name, and the newest
entry needs a full package. The format requires SHA-1; our security does not depend on it. The client ignores
architectures, so a list contains one architecture per release.

Source for macOS: Squirrel.Mac, `SQRLUpdater.m`. The client compares `currentRelease` with the running version, and
finds the URL of the .zip in the entry for `currentRelease`. It does not support rollouts.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

from comet_updates.errors import ForeignFeedError
from comet_updates.formats import encode, imported, notes, selection
from comet_updates.formats.selection import Files, Rule, View
from comet_updates.model.offer import Offer
from comet_updates.model.release import Artifact, Release
from comet_updates.versions import Scheme, is_version, precedence

NEEDS = "`.nupkg` files with `sha1` and `size`, a full one for each version; on macOS a `.zip` for `universal` or `any`"
PACKAGE = re.compile(r"[^\s/]+-\d+(?:\.\d+){1,3}[^\s/]*?(?:-full|-delta)?\.nupkg", re.IGNORECASE)
ON_EVERY_WINDOWS = (*selection.ANY, "i686", "x86_64")
"""The architectures for a list for all computers, in order of preference. Few computers run a file for Arm."""

NUMBER_MAX = 2**31 - 1
"""The largest number in a version (NuGet `SemanticVersion`, which uses .NET's `System.Version`)."""


def views(offer: Offer) -> list[View]:
    """Return the documents."""
    del offer
    return [windows_view(), mac_view()]


def windows_view(arches: Sequence[str] = ON_EVERY_WINDOWS, document: str = "RELEASES") -> View:
    """Return the list for Windows. A release appears with the first of `arches` that it has."""
    return View((document,), "Squirrel.Windows", frozenset({Rule.PERCENT}), functools.partial(_packages, tuple(arches)))


def mac_view(arches: Sequence[str] = selection.ANY, document: str = "RELEASES.json") -> View:
    """Return the document for macOS, with the first of `arches` that the release has."""
    return View((document,), "Squirrel.Mac", frozenset(), functools.partial(_archive, tuple(arches)))


def render(offer: Offer) -> dict[str, bytes]:
    """Return the documents. A document is left out if the channel has no packages for it."""
    found = {"RELEASES": windows_list(offer), "RELEASES.json": _mac(offer)}
    return {name: document for name, document in found.items() if document is not None}


def windows_list(offer: Offer, arches: Sequence[str] = ON_EVERY_WINDOWS) -> bytes | None:
    """Return `RELEASES`, or None without packages. A release appears with the first of `arches` that it has."""
    percent = offer.rollout.percent if offer.rollout else None
    releases: list[str] = []
    for release, packages in selection.with_base(offer, windows_view(arches).shown(offer)):
        staged = f" # {percent}%" if percent is not None and release is offer.latest else ""
        releases.append("".join(f"{package.sha1} {package.url} {package.size}{staged}\n" for package in packages))
    kept = encode.newest(releases, lambda lines: len(lines.encode()))
    return "".join(reversed(list(kept))).encode() or None


def _packages(arches: Sequence[str], release: Release) -> Files:
    """Return the packages for the first architecture for which the release has a full one."""
    found = selection.narrowed(
        release.artifacts,
        selection.on("windows"),
        (lambda file: file.arch in arches, f"{selection.NO_FILE}{_computer(arches)}"),
        (_is_named, "this release has no .nupkg file for Windows, which Squirrel.Windows installs"),
        (lambda file: None not in (file.sha1, file.size), "the .nupkg file has no `sha1` or no `size`"),
        (lambda file: _has_version(file, release), "the version in the name of the .nupkg file is another one"),
    )
    for arch in () if found.lack else arches:
        packages = [file for file in found.files if file.arch == arch]
        # The client checks the result of a delta against the full package of the same version.
        if any(file.kind != "delta" for file in packages):
            numbers = " ".join(_version_in(file.url_name) for file in packages)
            lack = selection.too_large(numbers, NUMBER_MAX, "Squirrel.Windows", release.version)
            return Files(lack=lack) if lack else Files(packages)
    return Files(lack=found.lack or "this release has no full .nupkg file, only deltas")


def _computer(arches: Sequence[str]) -> str:
    return "Windows on x86_64 or i686" if arches == ON_EVERY_WINDOWS else f"Windows on {arches[0]}"


def _is_named(file: Artifact) -> bool:
    return PACKAGE.fullmatch(file.url_name) is not None and re.search(r"[\s#]", file.url) is None


def _has_version(file: Artifact, release: Release) -> bool:
    """Return whether the client, which reads the version in the file's name, finds the release's numbers there."""
    numbers = re.match(r"[0-9]+(?:\.[0-9]+)*", release.version)
    return numbers is None or _padded(_version_in(file.url_name)) == _padded(numbers.group())


def _version_in(name: str) -> str:
    """Return the numbers of the version in a file's name."""
    found = _VERSION.search(name)
    return found["version"].partition("-")[0] if found else ""


def _padded(numbers: str) -> list[int]:
    return [*map(int, filter(None, numbers.split("."))), 0, 0, 0, 0][:4]


def _archive(arches: Sequence[str], release: Release) -> Files:
    """Return the archive for the first of the architectures that the release has."""
    computer = "all Macs" if arches == selection.ANY else f"macOS on {arches[0]}"
    found = selection.narrowed(
        release.artifacts,
        selection.on("macos"),
        (_is_mac_archive, "this release has no .zip file for macOS, which Squirrel.Mac installs"),
        (lambda file: file.arch in arches, f"this release has no .zip file for {computer} (`universal` or `any`)"),
    )
    return Files(sorted(found.files, key=lambda file: arches.index(file.arch))[:1], found.lack)


def mac_update(offer: Offer, arches: Sequence[str]) -> dict[str, str] | None:
    """Return the update for Squirrel.Mac: the best release with an archive for one of `arches`, or None.

    The first of `arches` is preferred.
    """
    shown = next(mac_view(arches).shown(offer), None)
    if shown is None:
        return None
    release = shown.release
    optional = {
        "name": release.title,
        "notes": notes.notes(release),
        "pub_date": release.released_at.isoformat(timespec="seconds") if release.released_at else None,
    }
    given = {name: value for name, value in optional.items() if value}
    return {"version": release.version, "url": shown.files[0].url, **given}


def _is_mac_archive(artifact: Artifact) -> bool:
    return artifact.platform == "macos" and artifact.kind != "delta" and artifact.url_name.lower().endswith(".zip")


def _mac(offer: Offer) -> bytes | None:
    update = mac_update(offer, selection.ANY)  # one document serves all Macs, so its archive must run on all of them
    if update is None:
        return None
    version = update["version"]
    return encode.as_json({"currentRelease": version, "releases": [{"version": version, "updateTo": update}]})


_LINE = re.compile(r"(?P<sha1>[0-9a-fA-F]{40})\s+(?P<file>\S+)\s+(?P<size>\d+)\s*(?:#\s*(?P<staging>\d+)%\s*)?")
_VERSION = re.compile(r"-(?P<version>\d+(?:\.\d+){1,3}(?:-(?!full|delta)[a-z0-9.]+)*)", re.IGNORECASE)


def parse(text: str, feed: imported.Feed) -> None:
    """Read `RELEASES` of Squirrel.Windows. See `imported`.

    Raises:
        ForeignFeedError: a line is not valid, or there is none.
    """
    by_version: dict[str, list[imported.Entry]] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line.strip())
        version = _VERSION.search(found["file"].rpartition("/")[2]) if found else None
        if not found or not version:
            raise ForeignFeedError(
                f"line {number} is not `SHA-1 file size`, with a version in the file's name. Squirrel rejects a list"
                " with such a line (ReleaseEntry.cs). Correct or remove it"
            )
        if found["staging"]:
            rollout = {"version": version["version"], "percent": int(found["staging"])}
            feed.decision(f"line {number}", feed.channel, rollout=rollout)
        is_delta = "-delta" in found["file"].lower()
        file = imported.entry(
            f"line {number}",
            {},
            platform="windows",
            arch="any",
            kind="delta" if is_delta else "installer",
            url=feed.url(f"line {number}", found["file"]),
            size=int(found["size"]),
            sha1=found["sha1"],
            from_version=imported.RELEASE_BEFORE if is_delta else None,
        )
        by_version.setdefault(version["version"], []).append(file)
    if not by_version:
        raise ForeignFeedError("no line names a package")
    if not all(is_version(Scheme.SEMVER, version) for version in by_version):
        feed.scheme = "dotted"
    for name, files in by_version.items():
        feed.add(name, files, place=files[0].place)


READ_OF_THE_MAC = {"currentRelease", "releases"}
READ_OF_AN_UPDATE = {"version", "url", "name", "notes", "pub_date"}


def parse_mac(document: dict[str, Any], feed: imported.Feed) -> None:
    """Read `RELEASES.json` of Squirrel.Mac, given as JSON. See `imported`.

    Raises:
        ForeignFeedError: the document is not valid.
    """
    releases = document["releases"]
    if not isinstance(releases, list):
        raise ForeignFeedError("`releases` is not a list")
    feed.unknown("the document", set(document), READ_OF_THE_MAC)
    for number, release in enumerate(releases):
        where = f"releases[{number}]"
        update = release.get("updateTo") or {}
        if not release.get("version") or not update.get("url"):
            raise ForeignFeedError(f"{where} has no `version`, or no `updateTo` with a `url`")
        feed.unknown(where, set(release), {"version", "updateTo"})
        if update.get("version", release["version"]) != release["version"]:
            feed.remark(where, f"left out: updateTo.version {update['version']!r}. The client reads the one beside it")
        feed.unknown(f"{where}.updateTo", set(update), READ_OF_AN_UPDATE)
        url = feed.url(f"{where}.updateTo.url", update["url"])
        archive = imported.entry(f"{where}.updateTo", {}, platform="macos", arch="any", kind="archive", url=url)
        notes = {imported.NO_LANGUAGE: update["notes"]} if update.get("notes") else None
        feed.add(
            release["version"],
            [archive],
            place=where,
            names={"title": "name", "released_at": "pub_date"},
            title=update.get("name"),
            notes=notes,
            released_at=update.get("pub_date"),
        )
    if document.get("currentRelease") not in [release["version"] for release in feed.releases]:
        raise ForeignFeedError("`currentRelease` is not in `releases`")
    if not all(is_version(Scheme.SEMVER, release["version"]) for release in feed.releases):
        feed.scheme = "dotted"
    scheme = Scheme(feed.scheme)
    versions = [release["version"] for release in feed.releases if is_version(scheme, release["version"])]
    current = document["currentRelease"]
    if current in versions and any(precedence(scheme, current) < precedence(scheme, version) for version in versions):
        feed.decision("currentRelease", feed.channel, pin=current)
