"""electron-updater's channel files, such as `latest.yml`, `latest-mac.yml` and `latest-linux-arm64.yml`.

Each file has two names: `latest`, which a client requests by default, and the name of the channel.

Source: electron-updater 6.8.10, `out/providers/Provider.js` (`parseUpdateInfo`, `resolveFiles`, `findFile`),
`MacUpdater.js` and `AppUpdater.js` (`isStagingMatch`, `checkIfUpdateSupported`). `version` must be semver. Each file
has a SHA-512 in base64. URLs may be absolute. The client treats 204 or an empty file as an error, so a client without
an update gets the current release. It compares `minimumSystemVersion` with the version of the kernel.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import semver
import yaml

from comet_updates.answer import urls
from comet_updates.errors import ForeignFeedError
from comet_updates.formats import darwin, file_names, imported, notes, selection
from comet_updates.formats.selection import Files, Rule, View
from comet_updates.model.offer import Offer
from comet_updates.model.release import Artifact, Release

NEEDS = "a semver version and `sha512`; `.exe` on Windows, `.zip` on macOS"
FILE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
NUMBER_MAX = 2**53 - 1
"""The largest number in a version (npm `semver` 7, `classes/semver.js`). Larger ones in pre-releases are rounded."""

VERSION_MAX_CHARS = 256  # npm `semver` 7, `internal/constants.js`


class Client(NamedTuple):
    """A build of Electron that requests its own file.

    Attributes:
        suffix: the text that the client adds to the channel's name.
        platform: the platform of the artifacts that the client can install.
        arches: the architectures of these artifacts. The default choice is first.
        endings: the endings of file names that the client can install. A file with the first ending is required.
        computer: what the computer is called in the reasons.
    """

    suffix: str
    platform: str
    arches: tuple[str, ...]
    endings: tuple[str, ...]
    computer: str


_PACKAGES = (".appimage", ".deb", ".rpm", ".pacman")
CLIENTS = (
    Client("", "windows", ("x86_64", "any", "universal", "i686", "aarch64"), (".exe",), "Windows"),
    Client("-mac", "macos", ("universal", "any", "x86_64", "aarch64"), (".zip", ".dmg"), "macOS"),
    Client("-linux", "linux", ("x86_64", "any"), _PACKAGES, "Linux on x86_64"),
    Client("-linux-arm64", "linux", ("aarch64", "any"), _PACKAGES, "Linux on aarch64"),
    Client("-linux-arm", "linux", ("armv7", "any"), _PACKAGES, "Linux on armv7"),
)
RUNS = {
    "windows": {
        "x64": ("x86_64", "i686", "any", "universal"),
        "arm64": ("aarch64", "x86_64", "i686", "any", "universal"),
        "ia32": ("i686", "any", "universal"),
    },
    "macos": {"x64": ("x86_64", "any", "universal"), "arm64": ("aarch64", "x86_64", "any", "universal")},
}
"""The architectures that a computer runs, by platform and by the name that the client has for the computer.

One file serves all computers of these platforms, and the client chooses among the files by their names.
"""


WINDOWS_32 = "32-bit Windows"


def views(offer: Offer) -> list[View]:
    """Return the channel files, and the part of `latest.yml` for 32-bit Windows if the app was made for it."""
    found = _views(offer)
    windows = CLIENTS[0]
    releases = selection.offered(offer)
    if any(file.arch == "i686" for release in releases for file in _files(windows, release).files):
        found.append(replace(found[0], files=_files_for_32_bits, system=WINDOWS_32))
    return found


def _files_for_32_bits(release: Release) -> Files:
    """Return the files for Windows, if a copy for 32 bits chooses one that it can run.

    The format has no field for the architecture, and the client takes the first file if no name contains its own. So a
    release without a file for 32 bits is offered to these copies, too. Some of them run on 64-bit Windows.
    """
    found = _files(CLIENTS[0], release)
    chosen = choice("windows", "ia32", found.files)
    if found.lack or (chosen and chosen.arch in RUNS["windows"]["ia32"]):
        return found
    what = f"the file for {chosen.arch}" if chosen else "another file"
    return Files(lack=f"{selection.NO_FILE}{WINDOWS_32}. Its copies are offered {what}, which does not run there")


def _views(offer: Offer) -> list[View]:
    named = [name for name in dict.fromkeys(("latest", offer.channel)) if FILE_NAME.fullmatch(name)]
    return [
        View(
            tuple(f"{name}{client.suffix}.yml" for name in named),
            "electron-updater",
            frozenset({Rule.PERCENT, Rule.MIN_OS} if client.platform in RUNS else {Rule.PERCENT}),
            functools.partial(_files, client),
        )
        for client in CLIENTS
    ]


def render(offer: Offer) -> dict[str, bytes]:
    """Return the channel files. A client's file is left out if the channel has no artifacts for it."""
    documents: dict[str, bytes] = {}
    for view in _views(offer):
        if shown := next(view.shown(offer), None):
            info = _info(shown.release, shown.files)
            if shown.release is offer.latest and offer.rollout and offer.rollout.percent is not None:
                info["stagingPercentage"] = offer.rollout.percent
            body = yaml.safe_dump(info, sort_keys=False, allow_unicode=True).encode()
            documents |= dict.fromkeys(view.documents, body)
    return documents


def _files(client: Client, release: Release) -> Files:
    """Return the files for a client, in the order in which no computer chooses a file that it cannot run."""
    needed = _PACKAGES if client.endings is _PACKAGES else client.endings[:1]
    names = "AppImage, .deb, .rpm or .pacman" if needed is _PACKAGES else needed[0]
    found = selection.narrowed(
        release.artifacts,
        selection.on(client.platform),
        (lambda file: file.arch in client.arches, f"{selection.NO_FILE}{client.computer}"),
        (
            lambda file: _ending(file) in client.endings and _is_installed_by(client, file),
            f"this release has no {names} file for {client.computer}, which electron-updater installs",
        ),
        (lambda file: file.sha512 is not None, "the file has no `sha512`, which electron-updater checks"),
    )
    if found.lack:
        return found
    if not any(_ending(file) in needed for file in found.files):
        return Files(lack=f"this release has no {names} file for {client.computer}, which electron-updater installs")
    files = _safe(client, sorted(found.files, key=lambda file: _preference(client, file)))
    if not any(_ending(file) in needed for file in files):
        return Files(lack=_would_not_run(client))
    lack = _version_lack(release.version) or _os_lack(files)
    return Files(lack=lack) if lack else Files(files)


def _is_installed_by(client: Client, file: Artifact) -> bool:
    """Return whether the client installs a file of this kind. On Windows it runs installers, not portable programs."""
    is_fitting = file.kind == "installer" if client.platform == "windows" else file.kind != "delta"
    return is_fitting and file.bundle != file_names.PORTABLE


def _preference(client: Client, artifact: Artifact) -> tuple[int, int]:
    return client.endings.index(_ending(artifact)), client.arches.index(artifact.arch)


def _safe(client: Client, files: list[Artifact]) -> list[Artifact]:
    """Return the files in an order in which each computer chooses one that it runs, without those that prevent it.

    A computer for which no file is made is left out of account, except that none gets a file for Arm by mistake.
    """
    if client.platform not in RUNS:
        return files
    left = files
    while left:
        orders = (left, sorted(left, key=lambda file: file.arch != "i686"))
        wrong = [list(_wrong_choices(client, order)) for order in orders]
        if [] in wrong:
            return orders[wrong.index([])]
        left = [file for file in left if file is not wrong[0][0]]
    return []


def _wrong_choices(client: Client, files: list[Artifact]) -> Iterator[Artifact]:
    """Yield the files that a computer would choose although it cannot run them."""
    for computer, arches in RUNS[client.platform].items():
        chosen = choice(client.platform, computer, files)
        is_served = any(file.arch in arches for file in files)
        if chosen and chosen.arch not in arches and (is_served or chosen.arch == "aarch64"):
            yield chosen


def choice(platform: str, computer: str, files: Sequence[Artifact]) -> Artifact | None:
    """Return the file that the client chooses on a computer, or None for an error.

    Source: `Provider.js` (`findFile`), `MacUpdater.js` (`filterFilesForArch`).
    """
    if platform == "macos":
        arm = [file for file in files if "arm64" in file.url]
        files = arm if arm and computer == "arm64" else [file for file in files if file not in arm]
    ending = ".exe" if platform == "windows" else ".zip"
    fitting = [file for file in files if _ending(file) == ending]
    return next((file for file in fitting if computer in file.url), next(iter(fitting), None))


def _would_not_run(client: Client) -> str:
    if client.platform == "macos":
        return "electron-updater would give an Intel Mac the file for Apple silicon: add `arm64` to the file's name"
    return "electron-updater would give the file for Arm to every computer: add a file for x86_64"


def _version_lack(version: str) -> str:
    lack = selection.unreadable(version, NUMBER_MAX, "electron-updater")
    numbers = " ".join(part for part in version.partition("+")[0].partition("-")[2].split(".") if part.isdecimal())
    lack = lack or selection.too_large(numbers, NUMBER_MAX, "electron-updater", version)
    if not lack and len(version) > VERSION_MAX_CHARS:
        return f"electron-updater cannot read a version with more than {VERSION_MAX_CHARS} characters"
    return lack


def _os_lack(files: Sequence[Artifact]) -> str:
    lack = selection.os_lack(files)
    for file in files:
        if not lack and file.min_os is not None and not _is_met(file) and _kernel(file) is None:
            lack = f"the kernel of {selection.SYSTEM_NAMES.get(file.platform)} {file.min_os} is not known"
    return lack


def _is_met(file: Artifact) -> bool:
    """Return whether every computer with the file's architecture has its `min_os`. The document has one for all files.

    The first macOS for Apple silicon is 11. Windows runs files for x86_64 on Arm since 10.0.22000: see `RUNS`.
    """
    numbers = selection.os_number(file, file.min_os) if file.min_os is not None else None
    first = {"macos": (11,), "windows": (10, 0, 22000)}.get(file.platform)
    return file.arch == "aarch64" and numbers is not None and first is not None and numbers <= first


def _kernel(file: Artifact) -> str | None:
    """Return the lowest kernel that the file needs, with three numbers, or None if it is not known or not needed."""
    numbers = selection.os_number(file, file.min_os) if file.min_os is not None else None
    if numbers is None:
        return None
    if file.platform == "macos":
        return darwin.kernel(numbers)
    if any(numbers[3:]):
        numbers = (*numbers[:2], numbers[2] + 1)  # the client compares three numbers: take the higher ones
    return ".".join(map(str, (*numbers, 0, 0)[:3]))


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


def _info(release: Release, files: Sequence[Artifact]) -> dict[str, Any]:
    kernels = [kernel for file in files if not _is_met(file) and (kernel := _kernel(file))]
    optional = {
        "releaseDate": release.released_at.isoformat() if release.released_at else None,
        "releaseName": release.title,
        "releaseNotes": notes.notes(release) or None,
        # It applies to all files of the document.
        "minimumSystemVersion": max(kernels, key=lambda kernel: tuple(map(int, kernel.split("."))), default=None),
    }
    # Clients before 2.16 read `path` and `sha512`.
    legacy = {"path": files[0].url, "sha512": _base64(files[0])}
    listed = {"version": release.version, "files": [_file(file) for file in files]}
    return listed | legacy | {k: v for k, v in optional.items() if v is not None}


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
    percent = _percent(share)
    if percent is not None:
        feed.decision("stagingPercentage", feed.channel, rollout={"version": version, "percent": percent})
    elif share not in _NULL:  # electron-updater offers it to everyone then
        feed.remark("stagingPercentage", f"{share[:20]!r} is not a number and is left out")
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


_NULL = ("", "~", "null")  # the values of YAML that js-yaml reads as nothing


def _percent(written: str) -> int | None:
    """Return the percentage that electron-updater reads, or None if it reads none.

    Source: `AppUpdater.ts`, `isStagingMatch`. It reads the whole number at the beginning, as in `12.5` or `10%`, with
    `parseInt`. It offers a release with more than 100 to everyone, and one with less than 0 to nobody.
    """
    found = re.match(r"[+-]?[0-9]{1,9}", written)
    return min(max(int(found[0]), 0), 100) if found else None


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
        min_os=_lowest_system(feed, place, platform, document.get("minimumSystemVersion")),
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


def _lowest_system(feed: imported.Feed, where: str, platform: str, kernel: str | None) -> str | None:
    """Return `min_os` for `minimumSystemVersion`. On macOS it is the number of the kernel, here that of the system."""
    if platform != "macos" or kernel is None:
        return kernel
    lowest = darwin.macos(kernel) if re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9}){2}", kernel) else None
    if lowest is None:  # the client compares three numbers, and offers the file to everyone otherwise
        feed.remark(where, f"minimumSystemVersion {kernel!r} is left out: it is not a known kernel of macOS")
    return ".".join(map(str, lowest)) if lowest else None


def _moment(written: str | None) -> str | None:
    """Return the date in JSON's form: `T`, not a space, before the time. None without a date."""
    return written.strip().replace(" ", "T", 1) if written and written.strip() else None
