"""Velopack's releases: `releases.win.json`, `releases.osx.json` and `releases.linux.json`, and those per architecture.

Source: Velopack, `src/lib-csharp/Sources/SimpleWebSource.cs`, `VelopackAsset.cs`, `UpdateManager.cs` and
`src/lib-rust/src/{manager,sources/http}.rs`. A client requests the channel that it was built with; the default is the
name of its system. A text may be missing but not null, versions are semver, and the newest release needs a full
package. A client adds parameters to the query, a permanent id among them; this service ignores the query. Clients do
not support rollouts.

Clients that use the C# library accept absolute URLs. Clients that use the Rust library (C++, Node, Python) accept only
file names, and download packages from the folder of this document. A package in that folder is therefore listed by its
file name.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import semver

from comet_updates.answer import urls
from comet_updates.errors import ForeignFeedError
from comet_updates.formats import encode, imported, notes, selection
from comet_updates.formats.selection import Files, Shown, View
from comet_updates.model.offer import Offer
from comet_updates.model.release import Artifact, Release

NEEDS = "a semver version and `-full.nupkg` files with `size` and `sha256` or `sha1`"
SYSTEMS = {"windows": "win", "macos": "osx", "linux": "linux"}
ARCHES = {"x86_64": "x64", "aarch64": "arm64", "i686": "x86"}
PACKAGE = re.compile(r"(?P<id>[^\s/]+?)-\d+\.\d+\.\d+[^\s/]*?-(?:full|delta)\.nupkg", re.IGNORECASE)
_PLAIN_LINUX = "releases.linux.json"
_FILE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
NUMBER_MAX = 2**31 - 1
"""The largest number in a version (`src/lib-csharp/SemanticVersion.cs`: `int`)."""


def views(offer: Offer) -> list[View]:
    """Return the documents: for each system, and for each of its architectures that a release has packages for."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for platform, system in SYSTEMS.items():
        own = [arch for arch in ARCHES if _has_packages(offer, platform, (arch,))]
        # The name without an architecture is for packages that run on every computer, or for the first architecture.
        found |= {f"releases.{system}-{ARCHES[arch]}.json": (platform, (arch, *selection.ANY)) for arch in own}
        plain = [arch for arch in own if platform == "linux" and _reads_plain_name(offer, arch)] or own
        found[f"releases.{system}.json"] = platform, (*plain[:1], *selection.ANY)
    systems = [name for system in SYSTEMS.values() if _has_packages(offer, *found[name := f"releases.{system}.json"])]
    return [
        View(
            _names(offer.channel, name, is_only=systems == [name]),
            "Velopack",
            frozenset(),
            functools.partial(_files, *computer),
            _left_out if name == _PLAIN_LINUX else None,
        )
        for name, computer in found.items()
    ]


def _reads_plain_name(offer: Offer, arch: str) -> bool:
    """Return whether a copy on Linux with this architecture may ask for `releases.linux.json`."""
    return any(arch in _plain_arches(release) for release in selection.offered(offer))


def _plain_arches(release: Release) -> set[str]:
    """Return the architectures of the packages for Linux whose copies may ask for `releases.linux.json`.

    vpk's default channel has no architecture (`DefaultName.cs`: `GetDefaultChannel`). If a package has another channel,
    its name contains it, as in `App-1.0.0-linux-arm64-full.nupkg`, and its copies ask for that channel.
    """
    packages = (file for file in release.artifacts if file.platform == "linux" and _is_full(file))
    named = ((file.arch, _IN_PACKAGE.search(file.url_name)) for file in packages if file.arch not in selection.ANY)
    return {arch for arch, name in named if not (name and name["arch"])}


def _left_out(offer: Offer, every: Sequence[Shown]) -> dict[int, str]:
    """Return why `releases.linux.json` leaves out releases, by `id`: a copy of another architecture would take them.

    The client ignores the architecture.
    """
    shown = {id(one.release): {file.arch for file in one.files} for one in every}
    upwards = (
        (release, _plain_arches(release), shown.get(id(release), set()))
        for release in reversed([*selection.offered(offer)])
    )
    why = (
        "Velopack ignores the architecture, and {} ask for the same document: pack each architecture with a --channel"
        " of its own, such as linux-arm64"
    )
    return {id(release): why.format(copies) for release, copies, _ in selection.taken_by_others(upwards)}


def _names(channel: str, name: str, *, is_only: bool) -> tuple[str, ...]:
    """Return the names of a document: its own, and those that copies built with vpk's `--channel` request.

    Such a channel is the name of ours, alone or after the system: `beta`, `win-beta`, `win-x64-beta`. The name alone is
    for products with one system, since all their copies would read the same document.
    """
    if not _FILE_NAME.fullmatch(channel):
        return (name,)
    alone = (f"releases.{channel}.json",) if is_only else ()
    return (name.replace(".json", f"-{channel}.json"), *alone, name)


def _has_packages(offer: Offer, platform: str, arches: tuple[str, ...]) -> bool:
    return any(not _files(platform, arches, release).lack for release in selection.offered(offer))


def render(offer: Offer) -> dict[str, bytes]:
    """Return the documents. A system's documents are left out if the channel has no packages for it."""
    documents: dict[str, bytes] = {}
    for view in views(offer):
        if assets := _assets(offer, view.shown(offer)):
            documents |= dict.fromkeys(view.documents, _json(assets))
    return documents


def _assets(offer: Offer, shown: Iterator[Shown]) -> list[dict[str, Any]]:
    releases = (
        [_asset(one.release, file, _file_name(offer, file)) for file in one.files]
        for one in selection.with_base(offer, shown)
    )
    kept = encode.newest(releases, lambda assets: len(_json(assets)))
    return [asset for assets in kept for asset in assets]


def _files(platform: str, arches: Sequence[str], release: Release) -> Files:
    """Return the packages of a release for the first of the architectures that it has, full packages first."""
    system = selection.SYSTEM_NAMES[platform]
    of_system = [file for file in release.artifacts if file.platform == platform]
    arch = next((arch for arch in arches if any(_is_full(file) for file in of_system if file.arch == arch)), None)
    found = selection.narrowed(
        release.artifacts,
        selection.on(platform),
        (_is_named, f"this release has no -full.nupkg file for {system}, which Velopack installs"),
        (lambda file: file.arch in arches, f"this release has no .nupkg file for {system} on {arches[0]}"),
        (_is_package, "the .nupkg file has no `size`, or neither `sha256` nor `sha1`, which Velopack checks"),
        (lambda file: file.kind != "delta", f"this release has no -full.nupkg file for {system}, only deltas"),
    )
    lack = found.lack or selection.unreadable(release.version, NUMBER_MAX, "Velopack")
    packages = [file for file in of_system if file.arch == arch and _is_package(file)]
    return Files(lack=lack) if lack else Files(sorted(packages, key=lambda file: file.kind == "delta"))


def _is_named(file: Artifact) -> bool:
    return PACKAGE.fullmatch(file.url_name) is not None


def _is_full(file: Artifact) -> bool:
    return file.kind != "delta" and _is_package(file)


def _file_name(offer: Offer, artifact: Artifact) -> str:
    """Return the package's file name if it is in the same folder as this document, and its URL otherwise."""
    name = artifact.url_name
    beside = urlsplit(artifact.url).path == urls.document_path(offer.product, offer.channel, name)
    return name if beside else artifact.url


def _is_package(artifact: Artifact) -> bool:
    return (
        PACKAGE.fullmatch(artifact.url_name) is not None
        and artifact.size is not None
        and (artifact.sha256 or artifact.sha1) is not None
    )


def _asset(release: Release, artifact: Artifact, file_name: str) -> dict[str, Any]:
    named = PACKAGE.fullmatch(artifact.url_name)
    # Write hashes in capitals, as Velopack's own tool does: one of its clients compares them letter by letter.
    given = {
        "PackageId": artifact.package_id or (named["id"] if named else None),
        "Version": release.version,
        "Type": "Delta" if artifact.kind == "delta" else "Full",
        "FileName": file_name,
        "SHA1": artifact.sha1.upper() if artifact.sha1 else None,
        "SHA256": artifact.sha256.upper() if artifact.sha256 else None,
        "Size": artifact.size,
        "NotesMarkdown": notes.notes(release) if release.notes_format == "markdown" else None,
        "NotesHTML": notes.notes(release) if release.notes_format == "html" else None,
    }
    return {name: value for name, value in given.items() if value}


def _json(assets: list[dict[str, Any]]) -> bytes:
    return encode.as_json({"Assets": assets})


READ = {"PackageId", "Version", "Type", "FileName", "SHA1", "SHA256", "Size", "NotesMarkdown", "NotesHTML"}
_NAMES = {"notes": "NotesMarkdown"}
_NAMES_OF_A_FILE = {"url": "FileName", "size": "Size", "sha1": "SHA1", "sha256": "SHA256", "package_id": "PackageId"}
_TYPES = ("full", "delta", "portable", "installer", "msi")

# vpk 0.0.1298, `CoreUtil.GetVeloReleaseIndexName`: the channel is the rest of the name. By default it is the system.
_DOCUMENT = re.compile(
    r"releases\.(?:(?P<system>win|osx|linux)(?:-(?P<arch>x64|arm64|x86))?(?:-(?P<rest>.+))?|(?P<channel>.+))\.json"
)
_IN_PACKAGE = re.compile(r"-(?P<system>win|osx|linux)(?:-(?P<arch>x64|arm64|x86))?(?=-)")


class _Computer(NamedTuple):
    """The computers that packages are for."""

    platform: str
    arch: str


def parse(document: object, feed: imported.Feed, platform: str = "") -> None:
    """Read `releases.{channel}.json`, given as JSON, with packages for `platform`. See `imported`.

    The name of the document tells the system, the architecture and the channel, as with vpk's `--channel`.

    Raises:
        ForeignFeedError: the document is not valid, or Velopack would reject it.
    """
    found = _lower(document) if isinstance(document, dict) else {}
    if not isinstance(found.get("assets"), list):
        raise ForeignFeedError("not a document of Velopack: `Assets` is missing")
    feed.unknown("the document", {name for name in document if name.lower() != "assets"}, set())  # type: ignore[attr-defined]
    computer = _computer(feed, platform)
    by_version: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for index, written in enumerate(found["assets"]):
        place = f"Assets[{index}]"
        if not isinstance(written, dict):
            raise ForeignFeedError(f"{place} is not an object")
        known = {name.lower(): name for name in READ}
        asset: dict[str, Any] = {known.get(name.lower()) or name: value for name, value in written.items()}
        missing = {"Version", "Type", "FileName"} - {name for name, value in asset.items() if value}
        if missing:
            raise ForeignFeedError(f"{place} has no `{min(missing)}`")
        if str(asset["Type"]).lower() not in _TYPES:
            raise ForeignFeedError(
                f"{place} has the unknown Type {asset['Type']!r}. Velopack rejects such a document (VelopackAsset.cs)"
            )
        if str(asset["Type"]).lower() not in _TYPES[:2]:
            feed.remark(place, f"left out: {asset['FileName']} is not an update package. Velopack ignores it, too")
            continue
        feed.unknown(place, set(asset), READ)
        by_version.setdefault(asset["Version"], []).append((place, asset))
    for version, assets in by_version.items():
        if not semver.Version.is_valid(version):
            raise ForeignFeedError(
                f"{assets[0][0]} has the Version {version!r}, which is not semantic. Velopack rejects such a document"
            )
        _add(feed, version, assets, computer)


def _lower(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with names in lower case: Velopack's C# library ignores the case of names."""
    return {name.lower(): value for name, value in document.items()}


def _computer(feed: imported.Feed, platform: str) -> _Computer:
    """Return the computers of the packages, and take the channel from the document's name if the user chose none.

    Raises:
        ForeignFeedError: the channel's name is not possible here.
    """
    named = _DOCUMENT.search(feed.document)
    systems = {theirs: ours for ours, theirs in SYSTEMS.items()}
    arches = {theirs: ours for ours, theirs in ARCHES.items()}
    channel = (named["rest"] or named["channel"] or "") if named else ""
    if channel and not feed.is_channel_named:
        if not urls.is_name(channel) or not _FILE_NAME.fullmatch(channel):
            raise ForeignFeedError(
                f"the channel {channel!r} in the name of the file is not possible here. Import it with --channel: then"
                " copies need the URL of another document"
            )
        feed.channel = channel
        feed.remark(feed.document, f"is the file of the channel {channel}. Use --channel to import it to another one")
    if named and named["system"]:
        return _Computer(systems[named["system"]], arches.get(named["arch"] or "", "any"))
    return _Computer(platform or feed.platform, "any")


def _add(feed: imported.Feed, version: str, assets: list[tuple[str, dict[str, Any]]], computer: _Computer) -> None:
    first = assets[0][1]
    notes = {"markdown": first.get("NotesMarkdown"), "html": first.get("NotesHTML")}
    form = next((form for form, text in notes.items() if text), None)
    if all(notes.values()):
        feed.remark(assets[0][0], "left out: NotesHTML, because NotesMarkdown has the same notes")
    feed.add(
        version,
        [_artifact(feed, place, asset, computer) for place, asset in assets],
        place=assets[0][0],
        names=_NAMES,
        notes={imported.NO_LANGUAGE: notes[form]} if form else None,
        notes_format="html" if form == "html" else None,
    )


def _artifact(feed: imported.Feed, place: str, asset: dict[str, Any], computer: _Computer) -> imported.Entry:
    is_delta = str(asset["Type"]).lower() == "delta"
    return imported.entry(
        place,
        _NAMES_OF_A_FILE,
        platform=_platform(feed, asset["FileName"], computer),
        arch=computer.arch,
        kind="delta" if is_delta else "archive",
        url=feed.url(f"{place}, FileName", asset["FileName"]),
        size=asset.get("Size"),
        sha1=asset.get("SHA1"),
        sha256=asset.get("SHA256"),
        from_version=imported.RELEASE_BEFORE if is_delta else None,
        package_id=asset.get("PackageId"),
    )


def _platform(feed: imported.Feed, file_name: str, computer: _Computer) -> str:
    if computer.platform:
        return computer.platform
    named = _IN_PACKAGE.search(file_name)
    if named:
        return next(ours for ours, theirs in SYSTEMS.items() if theirs == named["system"])
    feed.remark(feed.document or "the document", "names no system. Its packages are taken for Windows. Or use --os")
    return "windows"
