"""electron-updater's channel files, such as `latest.yml`, `latest-mac.yml` and `latest-linux-arm64.yml`.

Each file has two names: `latest`, which a client requests by default, and the name of the channel.

Source: electron-updater 6.8.10, `out/providers/Provider.js` (`parseUpdateInfo`, `resolveFiles`, `findFile`),
`MacUpdater.js` and `AppUpdater.js` (`isStagingMatch`). `version` must be semver. Each file has a SHA-512 in base64.
URLs may be absolute. The client treats 204 or an empty file as an error, so a client without an update gets the
current release.
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

from comet_updates.answer import urls
from comet_updates.errors import ForeignFeedError
from comet_updates.formats import file_names, imported, notes
from comet_updates.model.offer import Offer
from comet_updates.model.release import Artifact, Release

NEEDS = "a semver version and `sha512`; `.exe` on Windows, `.zip` on macOS"
FILE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


class Client(NamedTuple):
    """A build of Electron that requests its own file.

    Attributes:
        suffix: the text that the client adds to the channel's name.
        platform: the platform of the artifacts that the client can install.
        arches: the architectures of these artifacts. The default choice is first.
        endings: the endings of file names that the client can install. A file with the first ending is required.
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
    """Return the channel files. A client's file is left out if the channel has no artifacts for it."""
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
    """Yield the content of `client`'s file for each release that it can install."""
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
        and artifact.bundle != file_names.PORTABLE
        and artifact.sha512 is not None
        and _ending(artifact) in client.endings
    )


def _preference(client: Client, artifact: Artifact) -> tuple[int, int]:
    return client.endings.index(_ending(artifact)), client.arches.index(artifact.arch)


def _ending(artifact: Artifact) -> str:
    """Return the ending of the URL's path. The client chooses files by this ending."""
    return "." + urlsplit(artifact.url).path.rpartition(".")[2].lower()


def _file(artifact: Artifact) -> dict[str, Any]:
    given = {
        "size": artifact.size,
        "blockMapSize": artifact.block_map_size,
        "isAdminRightsRequired": artifact.requires_admin or None,
    }
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
    # Clients before 2.16 read `path` and `sha512`.
    legacy = {"path": first.url, "sha512": _base64(first)}
    return {"version": release.version, "files": files} | legacy | {k: v for k, v in optional.items() if v is not None}


READ = {"version", "files", "path", "sha512", "sha2", "releaseDate", "releaseName", "releaseNotes"} | {
    *("minimumSystemVersion", "githubArtifactName", "stagingPercentage", "isAdminRightsRequired")
}
READ_OF_A_FILE = {"url", "sha512", "sha2", "size", "blockMapSize", "isAdminRightsRequired"}
_NAMES = {"released_at": "releaseDate", "title": "releaseName", "notes": "releaseNotes"}
_NAMES_OF_A_FILE = {"sha256": "sha2", "block_map_size": "blockMapSize", "min_os": "minimumSystemVersion"} | {
    "file_name": "githubArtifactName"
}
_HEX = re.compile(r"[0-9a-fA-F]{128}")
_SHA512_BYTES = 64

# electron-builder at 8e95ad0e, `updateInfoBuilder.ts`: only Linux has a file for each architecture.
_DOCUMENT = re.compile(r"(?P<channel>.*?)(?P<system>-mac|-linux(?:-(?P<arch>arm64|arm|armv7l|ia32|x64))?)?\.ya?ml")
_ARCHES = {"x64": "x86_64", "arm64": "aarch64", "arm": "armv7", "armv7l": "armv7", "ia32": "i686"}


FILE_MAX_BYTES = 512_000  # as a release; of YAML, this takes some seconds


class _TextLoader(yaml.BaseLoader):
    """Reads all values as text: YAML would turn some versions into numbers and others into dates.

    It refuses aliases, which electron-builder never writes. A few hundred bytes of them become gigabytes of values.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            at = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise ForeignFeedError(f"line {at.line + 1} has a YAML alias. Write the value itself in its place")
        return super().compose_node(parent, index)


def load(body: bytes) -> object:
    """Return the strings, lists and dictionaries in a channel file.

    Raises:
        ForeignFeedError: the file is too large, is not YAML, or has an alias.
    """
    if len(body) > FILE_MAX_BYTES:
        raise ForeignFeedError(f"is longer than {FILE_MAX_BYTES} bytes. Check that it is a channel file")
    try:
        return yaml.load(body, _TextLoader)  # noqa: S506 (it creates only strings, lists and dicts)
    except RecursionError as error:
        raise ForeignFeedError("is nested too deeply") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a character that does not exist
        raise ForeignFeedError(f"not YAML: {' '.join(str(error).split())}") from error


class _Computer(NamedTuple):
    """The computers that request a channel file, from its name; empty if the name does not tell."""

    platform: str
    arch: str


def parse(body: bytes, feed: imported.Feed) -> None:
    """Read a channel file, also one from electron-builder before 2.16. See `imported`.

    Raises:
        ForeignFeedError: the file is not a channel file, or electron-updater would reject it.
    """
    document = load(body)
    if not isinstance(document, dict) or "version" not in document or not {"files", "path"} & document.keys():
        raise ForeignFeedError("not a channel file of electron-updater: `version` or `files` is missing")
    version = re.sub(r"\A[v=\s]+", "", str(document["version"])).strip()
    if not semver.Version.is_valid(version):
        raise ForeignFeedError(
            f"version {document['version']!r} is not a semantic version. electron-updater rejects such a file"
            " (AppUpdater.js). Write MAJOR.MINOR.PATCH"
        )
    computer = _computer(feed)
    if packages := document.get("packages"):
        feed.remark(
            "packages",
            f"left out: the packages of nsis-web ({', '.join(packages)}). Its installer downloads the package itself",
        )
    feed.unknown("the file", set(document), READ | {"packages"})
    share = str(document.get("stagingPercentage", "")).strip()
    if re.fullmatch(r"[0-9]{1,2}|100", share):
        feed.decision("stagingPercentage", feed.channel, rollout={"version": version, "percent": int(share)})
    elif share:  # electron-updater offers it to everyone then
        feed.remark("stagingPercentage", f"{share[:20]!r} is not a whole number from 0 to 100 and is left out")
    notes = document.get("releaseNotes")
    if isinstance(notes, list):  # the notes of several versions
        notes = "\n\n".join(f"## {entry.get('version')}\n\n{entry.get('note') or ''}" for entry in notes)
    feed.add(
        version,
        [
            found
            for place, entry in _entries(feed, document)
            if (found := _artifact(feed, document, place, entry, computer))
        ],
        place=f"version {version}",
        names=_NAMES,
        released_at=_moment(document.get("releaseDate")),
        title=document.get("releaseName"),
        notes={imported.NO_LANGUAGE: notes} if notes else None,
    )


def _computer(feed: imported.Feed) -> _Computer:
    """Return the computers that request the document, and take the channel from its name if the user chose none."""
    named = _DOCUMENT.fullmatch(feed.document)
    if named is None:
        return _Computer(feed.platform, "")
    channel = named["channel"]
    is_channel = FILE_NAME.fullmatch(channel) and urls.is_name(channel) and not channel.startswith("latest")
    if is_channel and not feed.is_channel_named:
        feed.channel = channel
        feed.remark(feed.document, f"is the file of the channel {channel}. Use --channel to import it to another one")
    if (named["system"] or "").startswith("-linux"):
        return _Computer("linux", _ARCHES.get(named["arch"] or "x64", ""))
    return _Computer(feed.platform or ("macos" if named["system"] else ""), "")


def _entries(feed: imported.Feed, document: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the entries of all files with their places.

    Raises:
        ForeignFeedError: electron-updater would reject the file.
    """
    files = document.get("files") or []
    for index, entry in enumerate(files):
        if not entry.get("url"):
            raise ForeignFeedError(f"files[{index}] has no `url`. electron-updater rejects such a file (Provider.js)")
    legacy = {"url": document.get("path"), **{key: document[key] for key in ("sha512", "sha2") if document.get(key)}}
    same = [entry for entry in files if {**legacy, **entry} == {**entry, **legacy}]  # they agree in all that both say
    entries = [
        (f"files[{index}]", {**legacy, **entry} if entry in same else entry) for index, entry in enumerate(files)
    ]
    if document.get("path") and not same:
        entries.append(("path", {key: value for key, value in legacy.items() if value}))
    for place, entry in entries:
        if not entry.get("sha512") and not entry.get("sha2"):
            if place == "path" and files:
                feed.remark(place, "left out: it has no `sha512`. electron-updater reads `files`")
                continue
            raise ForeignFeedError(f"{place} has no `sha512`. electron-updater rejects such a file (Provider.js)")
        yield place, entry


def _artifact(
    feed: imported.Feed, document: dict[str, Any], place: str, entry: dict[str, str], computer: _Computer
) -> imported.Entry | None:
    url = feed.url(f"{place}, url", entry["url"]) or ""
    feed.unknown(place, set(entry), READ_OF_A_FILE)
    name = urlsplit(url).path
    by_name = imported.platform(name)
    platform = (computer.platform or by_name) if name.lower().endswith((".zip", ".7z", ".gz")) else by_name
    if platform is None:
        feed.remark(place, f"{url!r} is left out: its ending is not one of a file that can be installed")
        return None
    arch = imported.arch(name)
    if computer.arch and platform == computer.platform:
        if arch not in ("any", computer.arch):
            feed.remark(place, f"its name says {arch}, but {feed.document} is for {computer.arch}. The name counts")
        arch = computer.arch if arch == "any" else arch
    return imported.entry(
        place,
        _NAMES_OF_A_FILE,
        platform=platform,
        arch=arch,
        kind=imported.kind(name),
        url=url,
        size=imported.size(f"{place}.size", entry.get("size")),
        sha512=_sha512(place, entry.get("sha512")),
        sha256=entry.get("sha2"),
        block_map_size=imported.size(f"{place}.blockMapSize", entry.get("blockMapSize")),
        file_name=document.get("githubArtifactName"),
        min_os=document.get("minimumSystemVersion"),
        requires_admin=_is_true(entry) or _is_true(document) or None,
    )


def _is_true(values: dict[str, Any]) -> bool:
    return str(values.get("isAdminRightsRequired", "")).lower() == "true"


def _sha512(place: str, written: str | None) -> str | None:
    """Return a SHA-512 in hexadecimal. electron-updater reads base64, and 128 hexadecimal digits.

    Raises:
        ForeignFeedError: `written` is neither.
    """
    text = (written or "").strip()
    if not text or _HEX.fullmatch(text):
        return text.lower() or None
    try:
        digest = base64.b64decode(text, validate=False)
    except binascii.Error as error:
        raise ForeignFeedError(f"{place}.sha512 is not base64. Build the file again") from error
    if len(digest) != _SHA512_BYTES:
        raise ForeignFeedError(f"{place}.sha512 has {len(digest)} bytes in place of {_SHA512_BYTES}. Build it again")
    return digest.hex()


def _moment(written: str | None) -> str | None:
    """Return the date in JSON's form: `T`, not a space, before the time. None without a date."""
    return written.strip().replace(" ", "T", 1) if written and written.strip() else None
