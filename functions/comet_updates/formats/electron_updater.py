"""electron-updater's channel files, such as `latest.yml`, `latest-mac.yml` and `latest-linux-arm64.yml`.

Each is there under two names: `latest`, which a client asks for that was told nothing else, and the name of the
channel. Source: electron-updater 6.8.10, `out/providers/Provider.js` (`parseUpdateInfo`, `resolveFiles`, `findFile`),
`MacUpdater.js` and `AppUpdater.js` (`isStagingMatch`): `version` has to be semver, each file has a SHA-512 in base64,
URLs may be absolute, and 204 or an empty file is an error, so that "no update" is the current release.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import semver
import yaml

from comet_updates.errors import ForeignFeedError
from comet_updates.formats import imported, notes
from comet_updates.model.offer import Offer
from comet_updates.model.release import Artifact, Release

NEEDS = "a semver version and `sha512`; `.exe` on Windows, `.zip` on macOS"
FILE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


class Client(NamedTuple):
    """A build of Electron that asks for a file of its own.

    Attributes:
        suffix: what it adds to the channel's name.
        platform: of the artifacts that it may be given.
        arches: of these, the one that it takes without a better match first.
        endings: of file names that it can install; the first has to be there.
    """

    suffix: str
    platform: str
    arches: tuple[str, ...]
    endings: tuple[str, ...]


_PACKAGES = (".appimage", ".deb", ".rpm", ".pacman")
CLIENTS = (
    Client("", "windows", ("x86_64", "any", "universal", "i686", "aarch64"), (".exe",)),
    Client("-mac", "macos", ("universal", "any", "x86_64", "aarch64"), (".zip", ".dmg")),
    Client("-linux", "linux", ("x86_64", "any"), _PACKAGES),
    Client("-linux-arm64", "linux", ("aarch64", "any"), _PACKAGES),
    Client("-linux-arm", "linux", ("armv7", "any"), _PACKAGES),
)


def render(offer: Offer) -> dict[str, bytes]:
    """The files for the clients that the channel has something for."""
    named = dict.fromkeys(name for name in ("latest", offer.channel) if FILE_NAME.fullmatch(name))
    percent = offer.rollout.percent if offer.rollout else None
    documents: dict[str, bytes] = {}
    for client in CLIENTS:
        if info := next(_infos(client, offer.candidates(rollouts=percent is not None)), None):
            if percent is not None and offer.latest and info["version"] == offer.latest.version:
                info["stagingPercentage"] = percent
            body = yaml.safe_dump(info, sort_keys=False, allow_unicode=True).encode()
            documents |= {f"{name}{client.suffix}.yml": body for name in named}
    return documents


def _infos(client: Client, releases: tuple[Release, ...]) -> Iterator[dict[str, Any]]:
    """What `client` reads of each release that it could install."""
    for release in releases:
        files = sorted((a for a in release.artifacts if _fits(client, a)), key=lambda a: _preference(client, a))
        needed = _PACKAGES if client.endings is _PACKAGES else client.endings[:1]
        if semver.Version.is_valid(release.version) and any(_ending(file) in needed for file in files):
            yield _info(release, [_file(file) for file in files], files[0])


def _fits(client: Client, artifact: Artifact) -> bool:
    return (
        artifact.platform == client.platform
        and artifact.arch in client.arches
        and artifact.kind != "delta"
        and artifact.sha512 is not None
        and _ending(artifact) in client.endings
    )


def _preference(client: Client, artifact: Artifact) -> tuple[int, int]:
    return client.endings.index(_ending(artifact)), client.arches.index(artifact.arch)


def _ending(artifact: Artifact) -> str:
    """Of the URL's path, which is what the client looks at."""
    return "." + urlsplit(artifact.url).path.rpartition(".")[2].lower()


def _file(artifact: Artifact) -> dict[str, Any]:
    given = {"size": artifact.size, "blockMapSize": artifact.block_map_size}
    return {"url": artifact.url, "sha512": _base64(artifact)} | {k: v for k, v in given.items() if v is not None}


def _base64(artifact: Artifact) -> str:
    return base64.b64encode(bytes.fromhex(artifact.sha512 or "")).decode()


def _info(release: Release, files: list[dict[str, Any]], first: Artifact) -> dict[str, Any]:
    optional = {
        "releaseDate": release.released_at.isoformat() if release.released_at else None,
        "releaseName": release.title,
        "releaseNotes": notes.notes(release) or None,
        "minimumSystemVersion": first.min_os,
    }
    # `path` and `sha512` are what clients before 2.16 read.
    legacy = {"path": first.url, "sha512": _base64(first)}
    return {"version": release.version, "files": files} | legacy | {k: v for k, v in optional.items() if v is not None}


_READ = {"version", "files", "path", "sha512", "sha2", "releaseDate", "releaseName", "releaseNotes"} | {
    *("minimumSystemVersion", "githubArtifactName", "stagingPercentage")
}


def parse(body: bytes, feed: imported.Feed) -> None:
    """Read a channel file, also of electron-builder before 2.16. See `imported`."""
    try:
        # All stays text: YAML would make a number of some versions and a date of others.
        document = yaml.load(body, yaml.BaseLoader)  # noqa: S506 (it makes nothing but texts, lists and maps)
    except yaml.YAMLError as error:
        raise ForeignFeedError(f"not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or "version" not in document or not {"files", "path"} & document.keys():
        raise ForeignFeedError("no channel file of electron-updater: `version` and `files` are missing")
    feed.unknown("the file", set(document), _READ)
    share = str(document.get("stagingPercentage", "")).strip()
    if re.fullmatch(r"[0-9]{1,2}|100", share):
        rollout = {"version": str(document["version"]), "percent": int(share)}
        feed.decision("stagingPercentage", feed.channel, rollout=rollout)
    elif share:  # electron-updater offers it to everyone then
        feed.remark("stagingPercentage", f"{share[:20]!r} is not a whole number from 0 to 100 and is left out")
    files = document.get("files") or []
    legacy = {"url": document.get("path"), **{key: document[key] for key in ("sha512", "sha2") if key in document}}
    if document.get("path") and not any(legacy.items() <= entry.items() for entry in files):
        files = [*files, legacy]
    notes = document.get("releaseNotes")
    if isinstance(notes, list):  # of the versions that were skipped, too
        notes = "\n\n".join(f"## {entry.get('version')}\n\n{entry.get('note') or ''}" for entry in notes)
    feed.add(
        document["version"],
        [found for index, entry in enumerate(files) if (found := _artifact(feed, document, f"files[{index}]", entry))],
        released_at=_moment(document.get("releaseDate")),
        title=document.get("releaseName"),
        notes={imported.NO_LANGUAGE: notes} if notes else None,
    )


def _artifact(feed: imported.Feed, document: dict[str, Any], where: str, entry: dict[str, str]) -> imported.Wire | None:
    url = feed.url(where, entry["url"]) or ""
    try:
        sha512 = base64.b64decode(entry["sha512"], validate=False).hex() if entry.get("sha512") else None
    except binascii.Error as error:
        raise ForeignFeedError(f"{where}.sha512 is no base64") from error
    feed.unknown(where, set(entry), {"url", "sha512", "sha2", "size", "blockMapSize"})
    name = urlsplit(url).path
    platform = imported.platform(name)
    if platform is None:
        feed.remark(where, f"{url!r} does not end as anything that can be installed, and is left out")
        return None
    return imported.given(
        platform=platform,
        arch=imported.arch(name),
        kind=imported.kind(name),
        url=url,
        size=imported.size(f"{where}.size", entry.get("size")),
        sha512=sha512,
        sha256=entry.get("sha2"),
        block_map_size=imported.size(f"{where}.blockMapSize", entry.get("blockMapSize")),
        file_name=document.get("githubArtifactName"),
        min_os=document.get("minimumSystemVersion"),
    )


def _moment(written: str | None) -> str | None:
    """As JSON has it: the form that it has already, but for a space in place of the `T`."""
    return written.strip().replace(" ", "T", 1) if written and written.strip() else None
