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

import re
from typing import Any
from urllib.parse import urlsplit

import semver

from comet_updates.answer import urls
from comet_updates.errors import ForeignFeedError
from comet_updates.formats import encode, imported, notes
from comet_updates.model.offer import Offer
from comet_updates.model.release import Artifact, Release

NEEDS = "a semver version and `-full.nupkg` files with `size` and `sha256` or `sha1`"
SYSTEMS = {"windows": "win", "macos": "osx", "linux": "linux"}
ARCHES = {"x86_64": "x64", "aarch64": "arm64", "i686": "x86"}
PACKAGE = re.compile(r"(?P<id>[^\s/]+?)-\d+\.\d+\.\d+[^\s/]*?-(?:full|delta)\.nupkg", re.IGNORECASE)
ANY = ("any", "universal")


def render(offer: Offer) -> dict[str, bytes]:
    """Return the documents. A system's documents are left out if the channel has no packages for it."""
    documents: dict[str, bytes] = {}
    for platform, system in SYSTEMS.items():
        own = {arch: assets for arch in ARCHES if (assets := _assets(offer, platform, (arch,)))}
        for arch in own:
            documents[f"releases.{system}-{ARCHES[arch]}.json"] = _json(_assets(offer, platform, (arch, *ANY)))
        # The name without an architecture is for packages that run on every computer, or for the first architecture.
        if assets := _assets(offer, platform, ANY) or next(iter(own.values()), []):
            documents[f"releases.{system}.json"] = _json(assets)
    return documents


def _assets(offer: Offer, platform: str, arches: tuple[str, ...]) -> list[dict[str, Any]]:
    releases = (
        [_asset(release, artifact, _file_name(offer, artifact)) for artifact in packages]
        for release in offer.candidates()
        if (packages := _packages(release, platform, arches))
    )
    kept = encode.newest(releases, lambda assets: len(_json(assets)))
    return [asset for assets in kept for asset in assets]


def _packages(release: Release, platform: str, arches: tuple[str, ...]) -> list[Artifact]:
    """Return the packages of a release, full packages first; none if the release has no full package."""
    packages = [a for a in release.artifacts if a.platform == platform and a.arch in arches and _is_package(a)]
    if not semver.Version.is_valid(release.version) or all(a.kind == "delta" for a in packages):
        return []
    return sorted(packages, key=lambda a: a.kind == "delta")


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
