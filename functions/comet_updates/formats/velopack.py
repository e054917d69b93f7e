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
from typing import Any
from urllib.parse import urlsplit

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
ANY = ("any", "universal")
NUMBER_MAX = 2**31 - 1
"""The largest number in a version (`src/lib-csharp/SemanticVersion.cs`: `int`)."""


def views(offer: Offer) -> list[View]:
    """Return the documents: for each system, and for each of its architectures that a release has packages for."""
    found = []
    for platform, system in SYSTEMS.items():
        own = [arch for arch in ARCHES if _has_packages(offer, platform, arch)]
        # The name without an architecture is for packages that run on every computer, or for the first architecture.
        found.append(_view(f"releases.{system}.json", platform, (*own[:1], *ANY)))
        found += [_view(f"releases.{system}-{ARCHES[arch]}.json", platform, (arch, *ANY)) for arch in own]
    return found


def _view(document: str, platform: str, arches: tuple[str, ...]) -> View:
    return View((document,), "Velopack", frozenset(), functools.partial(_files, platform, arches))


def _has_packages(offer: Offer, platform: str, arch: str) -> bool:
    return any(not _files(platform, (arch,), release).lack for release in selection.offered(offer))


def render(offer: Offer) -> dict[str, bytes]:
    """Return the documents. A system's documents are left out if the channel has no packages for it."""
    documents: dict[str, bytes] = {}
    for view in views(offer):
        if assets := _assets(offer, view.shown(offer)):
            documents |= dict.fromkeys(view.documents, _json(assets))
    return documents


def _assets(offer: Offer, shown: Iterator[Shown]) -> list[dict[str, Any]]:
    releases = (
        [_asset(one.release, file, _file_name(offer, file)) for file in one.files] for one in selection.with_base(shown)
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


_READ = {"PackageId", "Version", "Type", "FileName", "SHA1", "SHA256", "Size", "NotesMarkdown", "NotesHTML"}


def parse(document: object, feed: imported.Feed, platform: str = "windows") -> None:
    """Read `releases.{channel}.json`, given as JSON, with packages for `platform`. See `imported`.

    Raises:
        ForeignFeedError: the document is not valid.
    """
    if not isinstance(document, dict) or not isinstance(document.get("Assets"), list):
        raise ForeignFeedError("not a document of Velopack: `Assets` is missing")
    by_version: dict[str, list[dict[str, Any]]] = {}
    for index, asset in enumerate(document["Assets"]):
        where = f"Assets[{index}]"
        missing = {"Version", "Type", "FileName"} - set(asset)
        if missing:
            raise ForeignFeedError(f"{where} has no `{min(missing)}`")
        feed.unknown(where, set(asset), _READ)
        by_version.setdefault(asset["Version"], []).append(asset)
    for version, assets in by_version.items():
        notes = {"markdown": assets[0].get("NotesMarkdown"), "html": assets[0].get("NotesHTML")}
        form = next((form for form, text in notes.items() if text), None)
        feed.add(
            version,
            [_artifact(feed, asset, platform) for asset in assets],
            notes={imported.NO_LANGUAGE: notes[form]} if form else None,
            notes_format="html" if form == "html" else None,
        )


def _artifact(feed: imported.Feed, asset: dict[str, Any], platform: str) -> imported.Wire:
    is_delta = asset["Type"] == "Delta"
    return imported.given(
        platform=platform,
        arch="any",
        kind="delta" if is_delta else "archive",
        url=feed.url(f"FileName {asset['FileName']}", asset["FileName"]),
        size=asset.get("Size"),
        sha1=asset.get("SHA1"),
        sha256=asset.get("SHA256"),
        from_version=imported.RELEASE_BEFORE if is_delta else None,
        package_id=asset.get("PackageId"),
    )
