"""Appcasts for Sparkle, WinSparkle and NetSparkle: `appcast.xml` and `appcast-channels.xml`.

Sources: Sparkle 2 `SUAppcast.m`, `SUAppcastItem.m`, `SUAppcastDriver.m` and its guide to publishing; WinSparkle
`src/appcast.cpp`; NetSparkle `AppCastItem.cs`. These clients behave as follows:

- One item that a client cannot read fails the whole feed, so an item is complete or left out.
- An item has one file, with `sparkle:os`. Without `sparkle:os`, Sparkle assumes macOS and the others assume Windows.
- Of two equal items the first wins.
- NetSparkle ignores architectures: it takes the first item whose system contains `win` or `linux`.
- The client itself finds the highest release.

WinSparkle does not support channels, so `appcast.xml` contains what its channel offers, without channel names. A
channel that includes others also has `appcast-channels.xml`, for Sparkle apps that use `allowedChannels`.
"""

from __future__ import annotations

import functools
import math
import xml.etree.ElementTree as ET
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from email.utils import format_datetime
from typing import NamedTuple

from comet_updates.formats import appcast, encode, file_names, imported, selection, xml_writer
from comet_updates.formats.appcast import DEFAULT_CHANNEL, GROUPS, NAMESPACE, SIGNATURES, SYSTEMS
from comet_updates.formats.notes import FALLBACK, title
from comet_updates.formats.selection import SYSTEM_NAMES, Files, Rule, Shown, View
from comet_updates.model.channel import Rollout
from comet_updates.model.offer import Offer
from comet_updates.model.release import Artifact, Critical, Informational, Release
from comet_updates.versions import compare_for_sparkle

NEEDS = "a file for macOS, Windows or Linux; a signature, once one release has one"
NOTES_MAX_BYTES = 200_000  # so that a release with an item for each system is never cut

parse = appcast.parse
_S = f"{{{NAMESPACE}}}"
_NOTES_FORMATS = {"markdown": "markdown", "text": "plain-text"}
_NOT_FOR_THESE = (".nupkg", ".blockmap", ".appx", ".msix")
ET.register_namespace("sparkle", NAMESPACE)


_MAC_RULES = frozenset({Rule.GROUPS, Rule.MINIMUM_VERSION, Rule.MAJOR, Rule.INFORMATIONAL, Rule.MIN_OS, Rule.MAX_OS})
# WinSparkle reads `minimumSystemVersion`, and NetSparkle does not (see `_windows_files`). Both ask before they install,
# so a major update is not installed by itself.
_WINDOWS_RULES = frozenset({Rule.MAJOR, Rule.MIN_OS})
_LINUX_RULES = frozenset({Rule.MAJOR})
_FOR_SPARKLE = "for Sparkle, "
_NUMBER_MAX = 2**63 - 1
"""The largest number in a version (`SUStandardVersionComparator.m`: `long long`)."""


class _Item(NamedTuple):
    """One item of the appcast: a release and its file for one system, or no file if the item links to a page."""

    release: Release
    file: Artifact | None
    os: str = ""


def views(offer: Offer) -> list[View]:
    """Return the appcasts, with a part for each system."""
    has_others = any(release.channel != offer.channel for release in selection.offered(offer))
    documents = ("appcast.xml", "appcast-channels.xml") if has_others else ("appcast.xml",)
    return [
        View(
            documents,
            client,
            follows,
            functools.partial(files, _os_names(offer)),
            functools.partial(_left_out, platform),
            SYSTEM_NAMES[platform],
        )
        for platform, client, follows, files in (
            ("macos", "Sparkle", _MAC_RULES, _mac_files),
            ("windows", "WinSparkle and NetSparkle", _WINDOWS_RULES, _windows_files),
            ("linux", "NetSparkle", _LINUX_RULES, _linux_files),
        )
    ]


def render(offer: Offer) -> dict[str, bytes]:
    """Return the appcasts of the channel.

    There is none if no release has a file for these clients or a page to link to.
    """
    items = list(_items(offer))
    if not items:
        return {}
    documents = {"appcast.xml": _appcast(offer, items, with_channels=False)}
    if any(item.release.channel != offer.channel for item in items):
        documents["appcast-channels.xml"] = _appcast(offer, items, with_channels=True)
    return documents


def contradiction(offer: Offer, release: Release) -> str:
    """Return why clients would order an offered release differently from the releases before it; empty if they agree.

    The appcast leaves out such a release.
    """
    for view in views(offer):
        if (lack := view.lack(offer, release)).startswith(_FOR_SPARKLE):
            return lack
    return ""


def signed(appcast: bytes, signature: str) -> bytes:
    """Return the appcast with its signature appended, for apps with `SURequireSignedFeed` (Sparkle 2.9 and newer).

    Source: Sparkle `SPUExtractSignedFeed.m`: the client removes the last comment and verifies the bytes before it.

    Args:
        appcast: the signed bytes.
        signature: the Ed25519 signature of exactly these bytes, in base64.
    """
    return appcast + f"<!-- sparkle-signatures:\nedSignature: {signature}\nlength: {len(appcast)}\n-->\n".encode()


def _items(offer: Offer) -> Iterator[_Item]:
    """Yield the items: for each release, one for each system, or one that links to a page."""
    files: dict[int, list[Artifact]] = {}
    for view in views(offer):
        for one in view.shown(offer):
            files.setdefault(id(one.release), []).extend(one.files)
    for release in selection.offered(offer):
        found = files.get(id(release))
        if found is not None:
            os_names = SYSTEMS | _os_names(offer)
            of_files = (_Item(release, file, os_names[file.platform, file.arch]) for file in found)
            yield from of_files if found else (_Item(release, None),)


def _os_names(offer: Offer) -> dict[tuple[str, str], str]:
    """Return the names of systems that copies of this product look for, in place of those in `SYSTEMS`.

    A release that does not state them gets those of the releases before it: its copies are the same.
    """
    return {
        (artifact.platform, artifact.arch): artifact.os_name
        for release, _ in reversed(offer.history)
        for artifact in release.artifacts
        if artifact.os_name
    }


Names = Mapping[tuple[str, str], str]


def _mac_files(names: Names, release: Release) -> Files:
    """Return the file for Macs: one that runs on all of them, or else the one for Intel, or for Apple silicon.

    NetSparkle alone reads other names for macOS, so files with these have items of their own.
    """
    return _files(names, release, "macos")


def _windows_files(names: Names, release: Release) -> Files:
    """Return a file for each architecture. NetSparkle ignores the architecture and takes the first.

    It ignores the system's version, too (`AppCastItem.cs`). A release with its own kind of signature is for NetSparkle.
    """
    found = _files(names, release, "windows")
    if not found.lack and found.files and found.files[0].arch == "aarch64":
        return Files(lack="NetSparkle would give the file for Arm to every computer: add a file for x86_64")
    if any(file.min_os and "netsparkle" in file.signatures for file in found.files):
        return Files(lack="NetSparkle does not support `min_os`")
    return found


def _linux_files(names: Names, release: Release) -> Files:
    return _files(names, release, "linux")


def _files(names: Names, release: Release, platform: str) -> Files:
    """Return one file for each system of a platform, in the order of `SYSTEMS`. Macs have one, unless in `names`."""
    if release.informational and not _page(release):
        return Files(lack="`informational` needs a `link` or a `notes_url`")
    numbers = _compared(release).partition("-")[0]
    lack = selection.too_large(numbers, _NUMBER_MAX, "Sparkle", _compared(release))
    if lack or (not release.artifacts and release.link):
        return Files(lack=lack)
    computer = SYSTEM_NAMES[platform]
    found = selection.narrowed(
        release.artifacts,
        selection.on(platform),
        (lambda file: (file.platform, file.arch) in {*SYSTEMS, *names}, f"{selection.NO_FILE}{computer}"),
        (_is_whole, f"the files for {computer} are deltas or packages that Sparkle does not install"),
    )
    if found.lack:
        return found
    systems = [one for one in {**SYSTEMS, **names} if any((file.platform, file.arch) == one for file in found.files)]
    same = [] if platform == "windows" else [one for one in systems if one not in names][1:]
    chosen = [one for one in systems if one not in same]
    files = [_preferred(file for file in found.files if (file.platform, file.arch) == one) for one in chosen]
    # An app that contains a public key refuses unsigned items.
    signed = [file for file in files if _is_signed(file)]
    lack = selection.os_lack(files)
    return Files(lack=lack) if lack else Files(signed or files)


def _preferred(files: Iterable[Artifact]) -> Artifact:
    """Return the file to offer of those for one system: a signed one, and on Windows one that can be run."""
    return min(
        files, key=lambda a: (not _is_signed(a), a.kind != ("installer" if a.platform == "windows" else "archive"))
    )


def _is_signed(file: Artifact) -> bool:
    return not SIGNATURES.keys().isdisjoint(file.signatures)


def _is_whole(artifact: Artifact) -> bool:
    is_installed = artifact.kind != "delta" and artifact.bundle != file_names.PORTABLE
    return is_installed and not artifact.url.lower().endswith(_NOT_FOR_THESE)


def _left_out(platform: str, offer: Offer, every: Sequence[Shown]) -> dict[int, str]:
    """Return why a client would refuse a release or misread it because of the others, by the release's `id`."""
    found: dict[int, str] = _of_other_arches(offer, every) if platform == "linux" else {}
    is_signed = False
    runs_on_intel = any(file.arch != "aarch64" for one in every for file in one.files)
    for one in reversed(every):
        if id(one.release) in found:
            continue
        if lack := _version_lack(offer, one.release):
            found[id(one.release)] = lack
        elif one.files and is_signed and not _is_signed(one.files[0]):
            found[id(one.release)] = "an earlier release is signed, so apps refuse this one, which is not"
        elif one.files and runs_on_intel and platform == "macos" and one.files[0].arch == "aarch64":
            found[id(one.release)] = (
                "the file is for Apple silicon, and Sparkle before 2.9 would give it to the Intel Macs that have "
                "another release: add a universal file, or release on another channel"
            )
        else:
            is_signed = is_signed or any(map(_is_signed, one.files))
    return found | _disordered([one.release for one in every if id(one.release) not in found])


def _of_other_arches(offer: Offer, every: Sequence[Shown]) -> dict[int, str]:
    """Return why the items for Linux leave out releases, by `id`: a copy of another architecture would take them.

    NetSparkle takes each item whose system contains `linux` (`AppCastItem.cs`). Apps that choose by other names, such
    as `linux-arm64`, have items of their own.
    """
    names = _os_names(offer)

    def is_plain(file: Artifact) -> bool:
        return (file.platform, file.arch) not in names

    upwards = (
        (
            one.release,
            {
                file.arch
                for file in one.release.artifacts
                if file.platform == "linux" and _is_whole(file) and is_plain(file)
            },
            {file.arch for file in one.files if is_plain(file)},
        )
        for one in reversed(every)
    )
    why = (
        "NetSparkle ignores the architecture, and {} would take the file for {}: add a file for `any`, or release each"
        " architecture on a channel of its own"
    )
    return {id(release): why.format(copies, arch) for release, copies, arch in selection.taken_by_others(upwards)}


def _disordered(releases: Sequence[Release]) -> dict[int, str]:
    """Return why a release contradicts the ones that were offered before it: the client orders them differently.

    Args:
        releases: the highest first.
    """
    found: dict[int, str] = {}
    kept: list[int] = []
    for number in sorted(range(len(releases)), key=lambda number: (_due_at(releases[number]), number)):
        release, at = releases[number], bisect_left(kept, number)
        above, below = ([releases[one] for one in part] for part in (kept[:at][-1:], kept[at:][:1]))
        if any(_order(release, higher) > 0 for higher in above):
            what = f"is higher than {_said_version(above[0])}, so copies of {above[0].version} would go back to this"
        elif any(_order(release, lower) < 0 for lower in below):
            what = f"is lower than {_said_version(below[0])}, so no copy of {below[0].version} would get this release"
        elif same := next((one for one in (*above, *below) if release.build and one.build == release.build), None):
            what = f"is also that of {same.version}, so no copy of one would get the other"
        else:
            kept.insert(at, number)
            continue
        found[id(release)] = f"{_FOR_SPARKLE}{_said_version(release)} {what}"
    return found


def _due_at(release: Release) -> float:
    return release.due_at.timestamp() if release.due_at else -math.inf


def _order(one: Release, other: Release) -> int:
    return compare_for_sparkle(_compared(one), _compared(other))


def _compared(release: Release) -> str:
    """Return the version of a release that the client compares."""
    return release.build or release.version


def _said_version(release: Release) -> str:
    return f"build {release.build} of {release.version}" if release.build else f"{release.version} without a build"


def _version_lack(offer: Offer, release: Release) -> str:
    """Return which rule of a release names a version whose build is not known; empty if there is none."""
    informational = release.informational if isinstance(release.informational, Informational) else Informational()
    named = {
        "minimum_version": [release.minimum_version],
        "major_below_version": [release.major_below_version],
        "informational": [*informational.versions, informational.below_version],
    }
    for field, versions in named.items():
        for version in versions:
            if version is not None and _as_compared(offer, release, version) is None:
                return f"`{field}` names {version}, which has no `build` here, and Sparkle compares builds"
    return ""


def _as_compared(offer: Offer, release: Release, version: str | None) -> str | None:
    """Return a version that a release names as the client compares it: its build, if the release has one.

    None if there is none. In the scheme `build`, releases name builds already.
    """
    if version is None or release.build is None or offer.orders_by_build:
        return version
    return next((past.build for past, _ in offer.history if past.version == version and past.build), None)


def _appcast(offer: Offer, items: list[_Item], *, with_channels: bool) -> bytes:
    """Return the appcast. The oldest items are left out if it would be too large to serve."""
    root = ET.Element("rss", version="2.0")
    channel = xml_writer.add(root, "channel")
    xml_writer.add_text(channel, "title", f"{offer.product} {offer.channel}")
    elements = (_element(offer, item, with_channel=with_channels) for item in items)
    channel.extend(encode.newest(elements, xml_writer.size_bytes))
    return xml_writer.write(root)


def _element(offer: Offer, item: _Item, *, with_channel: bool) -> ET.Element:
    release, file, _ = item
    interval_s = _interval_s(offer.rollout) if _is_pending(offer, release) else None
    element = ET.Element("item")
    xml_writer.add_text(element, "title", title(release))
    since = offer.rollout.start if interval_s and offer.rollout else release.released_at
    xml_writer.add_text(element, "pubDate", format_datetime(since) if since else None)
    xml_writer.add_text(element, f"{_S}version", _compared(release))
    xml_writer.add_text(element, f"{_S}shortVersionString", release.display_version or release.version)
    if with_channel and release.channel != DEFAULT_CHANNEL:
        xml_writer.add_text(element, f"{_S}channel", release.channel)
    xml_writer.add_text(element, "link", _page(release) if release.informational else release.link)
    for name, named in (
        ("minimumUpdateVersion", release.minimum_version),
        ("minimumAutoupdateVersion", release.major_below_version),
        ("ignoreSkippedUpgradesBelowVersion", release.announce_below_version),
    ):
        xml_writer.add_text(element, f"{_S}{name}", _as_compared(offer, release, named))
    xml_writer.add_text(element, f"{_S}fullReleaseNotesLink", release.history_url)
    _add_notes(element, release)
    _add_critical(element, offer, release)
    _add_informational(element, offer, release)
    if interval_s:
        xml_writer.add_text(element, f"{_S}phasedRolloutInterval", str(interval_s))
    if file:
        _add_file(element, release, file, item.os)
    return element


def _add_notes(element: ET.Element, release: Release) -> None:
    links = release.notes_url if isinstance(release.notes_url, dict) else {imported.NO_LANGUAGE: release.notes_url}
    for language, url in links.items():
        xml_writer.add_text(element, f"{_S}releaseNotesLink", url, _language(language))
    form = _NOTES_FORMATS.get(release.notes_format)
    for language, notes in _notes(release).items():
        # If a description begins like a URL, a client takes it for the address of the notes.
        written = f"\n{notes}" if notes.startswith(("http://", "https://")) else notes
        xml_writer.add_text(element, "description", written, {f"{_S}format": form} | _language(language))


def _notes(release: Release) -> dict[str, str]:
    """Return the notes by language. If all are too large for an item, return only English, or nothing."""
    one = {} if FALLBACK not in release.notes else {FALLBACK: release.notes[FALLBACK]}
    fitting = (
        found for found in (release.notes, one) if sum(len(n.encode()) for n in found.values()) <= NOTES_MAX_BYTES
    )
    return next(fitting, {})


def _language(language: str) -> dict[str, str | None]:
    return {} if language == imported.NO_LANGUAGE else {xml_writer.LANGUAGE: language}


def _add_critical(element: ET.Element, offer: Offer, release: Release) -> None:
    if release.critical:
        below = release.critical.below_version if isinstance(release.critical, Critical) else None
        version = _as_compared(offer, release, below)  # without a version, it is critical for all copies
        xml_writer.add(element, f"{_S}criticalUpdate", attributes={f"{_S}version": version})


def _add_informational(element: ET.Element, offer: Offer, release: Release) -> None:
    if release.informational:
        told = xml_writer.add(element, f"{_S}informationalUpdate")
        if isinstance(release.informational, Informational):
            for version in release.informational.versions:
                xml_writer.add_text(told, f"{_S}version", _as_compared(offer, release, version))
            below = _as_compared(offer, release, release.informational.below_version)
            xml_writer.add_text(told, f"{_S}belowVersion", below)


def _add_file(element: ET.Element, release: Release, file: Artifact, os: str) -> None:
    xml_writer.add_text(element, f"{_S}minimumSystemVersion", file.min_os)
    xml_writer.add_text(element, f"{_S}maximumSystemVersion", file.max_os)
    if (file.platform, file.arch) == ("macos", "aarch64"):
        xml_writer.add_text(element, f"{_S}hardwareRequirements", "arm64")
    _add_enclosure(element, file, {f"{_S}os": os})
    deltas = [a for a in release.artifacts if (a.platform, a.arch, a.kind) == (file.platform, file.arch, "delta")]
    if deltas and file.platform == "macos":
        below = xml_writer.add(element, f"{_S}deltas")
        for delta in deltas:
            size = str(delta.from_executable_size) if delta.from_executable_size else None
            known_by = {"deltaFromSparkleExecutableSize": size, "deltaFromSparkleLocales": delta.from_locales}
            said = {"deltaFrom": delta.from_version, "os": "macos", **known_by}
            _add_enclosure(below, delta, {f"{_S}{name}": value for name, value in said.items()})


def _add_enclosure(element: ET.Element, file: Artifact, more: dict[str, str | None]) -> None:
    given = {
        "url": file.url,
        "length": str(file.size) if file.size is not None else None,
        "type": file.media_type or "application/octet-stream",
        f"{_S}installerArguments": file.installer_arguments,
        f"{_S}installationType": file.installation_type,
        **{f"{_S}{name}": file.signatures.get(kind) for kind, name in SIGNATURES.items()},
        **more,
    }
    xml_writer.add(element, "enclosure", attributes=given)


def _page(release: Release) -> str | None:
    """Return the URL of a page about the release, or None."""
    urls = release.notes_url.values() if isinstance(release.notes_url, dict) else [release.notes_url]
    return release.link or next(iter(urls), None)


def _is_pending(offer: Offer, release: Release) -> bool:
    """Return whether the release is still in its rollout."""
    return release is offer.latest and not offer.is_complete


def _interval_s(rollout: Rollout | None) -> int | None:
    """Return the seconds between two of Sparkle's groups, or None if the rollout has no groups.

    Sparkle's last group then gets the release at the same time as ours.
    """
    if rollout is None or rollout.start is None or rollout.interval is None or rollout.groups is None:
        return None
    return math.ceil(rollout.interval * (rollout.groups - 1) / (GROUPS - 1)) or None
