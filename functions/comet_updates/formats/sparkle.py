"""Appcasts for Sparkle, WinSparkle and NetSparkle: `appcast.xml` and `appcast-channels.xml`.

Sources: Sparkle 2 `SUAppcast.m`, `SUAppcastItem.m`, `SUAppcastDriver.m` and its guide to publishing; WinSparkle
`src/appcast.cpp`; NetSparkle `AppCastItem.cs`. These clients behave as follows:

- One item that a client cannot read fails the whole feed, so an item is complete or left out.
- An item has one file, with `sparkle:os`. Without `sparkle:os`, Sparkle assumes macOS and the others assume Windows.
- Of two equal items the first wins.
- NetSparkle ignores architectures: it takes the first item whose system contains `win`.
- The client itself finds the highest release.

WinSparkle does not support channels, so `appcast.xml` contains what its channel offers, without channel names. A
channel that includes others also has `appcast-channels.xml`, for Sparkle apps that use `allowedChannels`.
"""

from __future__ import annotations

import functools
import math
import re
import xml.etree.ElementTree as ET
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC
from email.utils import format_datetime, parsedate_to_datetime
from typing import NamedTuple

from comet_updates import object_keys
from comet_updates.errors import ForeignFeedError
from comet_updates.formats import encode, file_names, imported, selection, sparkle_order, xml_writer
from comet_updates.formats.notes import FALLBACK, title
from comet_updates.formats.selection import SYSTEM_NAMES, Files, Rule, Shown, View
from comet_updates.model.channel import Rollout
from comet_updates.model.offer import Offer
from comet_updates.model.release import Artifact, Critical, Informational, Release

NEEDS = "a file for macOS, Windows or Linux; a signature, once one release has one"
NAMESPACE = "http://www.andymatuschak.org/xml-namespaces/sparkle"
GROUPS = 7
"""Sparkle's own number of groups in a phased rollout."""

NOTES_MAX_BYTES = 200_000  # so that a release with an item for each system is never cut

DEFAULT_CHANNEL = "stable"
"""The channel of items without `sparkle:channel`. Every app sees these items."""

_S = f"{{{NAMESPACE}}}"
SIGNATURES = {"ed25519": "edSignature", "dsa": "dsaSignature", "netsparkle": "signature"}
_NOTES_FORMATS = {"markdown": "markdown", "text": "plain-text"}
_NOT_FOR_THESE = (".nupkg", ".blockmap", ".appx", ".msix")
# The names that all three clients understand, the most common computer first. NetSparkle takes any that contains `win`.
SYSTEMS = {
    ("macos", "universal"): "macos",
    ("macos", "any"): "macos",
    ("macos", "x86_64"): "macos",
    ("macos", "aarch64"): "macos",
    ("windows", "any"): "windows",
    ("windows", "universal"): "windows",
    ("windows", "x86_64"): "windows-x64",
    ("windows", "i686"): "windows-x86",
    ("windows", "aarch64"): "windows-arm64",
    ("linux", "x86_64"): "linux",
    ("linux", "any"): "linux",
}
ET.register_namespace("sparkle", NAMESPACE)


_MAC_RULES = frozenset({Rule.GROUPS, Rule.MINIMUM_VERSION, Rule.MAJOR, Rule.INFORMATIONAL, Rule.MIN_OS, Rule.MAX_OS})
# WinSparkle reads `minimumSystemVersion`. Both ask before they install, so a major update is not installed by itself.
_WINDOWS_RULES = frozenset({Rule.MAJOR, Rule.MIN_OS})
_LINUX_RULES = frozenset({Rule.MAJOR})
_FOR_SPARKLE = "for Sparkle, "
_NUMBER_MAX = 2**63 - 1
"""The largest number in a version (`SUStandardVersionComparator.m`: `long long`)."""


class _Item(NamedTuple):
    """One item of the appcast: a release and its file for one system, or no file if the item links to a page."""

    release: Release
    file: Artifact | None


def views(offer: Offer) -> list[View]:
    """Return the appcasts, with a part for each system."""
    has_others = any(release.channel != offer.channel for release in selection.offered(offer))
    documents = ("appcast.xml", "appcast-channels.xml") if has_others else ("appcast.xml",)
    return [
        View(documents, client, follows, files, functools.partial(_left_out, platform), SYSTEM_NAMES[platform])
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
            yield from (_Item(release, file) for file in found) if found else (_Item(release, None),)


def _mac_files(release: Release) -> Files:
    """Return the file for Macs: one that runs on all of them, or else the one for Intel, or for Apple silicon."""
    return _files(release, "macos", lambda found: found[:1])


def _windows_files(release: Release) -> Files:
    """Return a file for each architecture. NetSparkle ignores the architecture and takes the first."""
    found = _files(release, "windows", lambda found: found)
    if not found.lack and found.files and found.files[0].arch == "aarch64":
        return Files(lack="NetSparkle would give the file for Arm to every computer: add a file for x86_64")
    return found


def _linux_files(release: Release) -> Files:
    return _files(release, "linux", lambda found: found[:1])


def _files(release: Release, platform: str, choose: Callable[[list[Artifact]], list[Artifact]]) -> Files:
    """Return one file for each system of a platform, in the order of `SYSTEMS`, of which `choose` takes some."""
    if release.informational and not _page(release):
        return Files(lack="`informational` needs a `link` or a `notes_url`")
    numbers = _compared(release).partition("-")[0]
    lack = selection.too_large(numbers, _NUMBER_MAX, "Sparkle", _compared(release))
    if lack or (not release.artifacts and release.link):
        return Files(lack=lack)
    computer = SYSTEM_NAMES[platform] + (" on x86_64" if platform == "linux" else "")
    found = selection.narrowed(
        release.artifacts,
        selection.on(platform),
        (lambda file: (file.platform, file.arch) in SYSTEMS, f"{selection.NO_FILE}{computer}"),
        (_is_whole, f"the files for {computer} are deltas or packages that Sparkle does not install"),
    )
    if found.lack:
        return found
    systems = [system for system in SYSTEMS if any((file.platform, file.arch) == system for file in found.files)]
    files = choose([_preferred(file for file in found.files if (file.platform, file.arch) == one) for one in systems])
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
    found: dict[int, str] = {}
    is_signed = runs_on_intel = False
    for one in reversed(every):
        if lack := _version_lack(offer, one.release):
            found[id(one.release)] = lack
        elif one.files and is_signed and not _is_signed(one.files[0]):
            found[id(one.release)] = "an earlier release is signed, so apps refuse this one, which is not"
        elif one.files and runs_on_intel and platform == "macos" and one.files[0].arch == "aarch64":
            found[id(one.release)] = (
                "the file is for Apple silicon, and Sparkle before 2.9 would give it to the Intel Macs that have an "
                "earlier release: add a universal file, or release on another channel"
            )
        else:
            is_signed = is_signed or any(map(_is_signed, one.files))
            runs_on_intel = runs_on_intel or any(file.arch != "aarch64" for file in one.files)
    return found | _disordered([one.release for one in every if id(one.release) not in found])


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
    return sparkle_order.compare(_compared(one), _compared(other))


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
    release, file = item
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
        _add_file(element, release, file)
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


def _add_file(element: ET.Element, release: Release, file: Artifact) -> None:
    xml_writer.add_text(element, f"{_S}minimumSystemVersion", file.min_os)
    xml_writer.add_text(element, f"{_S}maximumSystemVersion", file.max_os)
    if (file.platform, file.arch) == ("macos", "aarch64"):
        xml_writer.add_text(element, f"{_S}hardwareRequirements", "arm64")
    _add_enclosure(element, file, {f"{_S}os": SYSTEMS[file.platform, file.arch]})
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


_READ = {"title", "pubDate", "link", "description", "enclosure", "releaseNotesLink", "guid"} | {
    f"sparkle:{name}"
    for name in (
        *("version", "shortVersionString", "channel", "minimumSystemVersion", "maximumSystemVersion"),
        *("releaseNotesLink", "criticalUpdate", "informationalUpdate", "deltas", "minimumUpdateVersion", "tags"),
        *("minimumAutoupdateVersion", "ignoreSkippedUpgradesBelowVersion", "fullReleaseNotesLink"),
        *("hardwareRequirements", "phasedRolloutInterval"),
    )
}
_READ_OF_A_FILE = {"url", "length", "type"} | {
    f"sparkle:{name}"
    for name in (
        *("version", "shortVersionString", "os", "channel", "deltaFrom", "installerArguments", "installationType"),
        *("deltaFromSparkleExecutableSize", "deltaFromSparkleLocales"),
        *SIGNATURES.values(),
    )
}


def parse(body: bytes, feed: imported.Feed) -> None:
    """Read an appcast of Sparkle, WinSparkle or NetSparkle. See `imported`.

    If all versions are dotted numbers, they become builds, and `shortVersionString` becomes the version.

    Raises:
        ForeignFeedError: the document is not an appcast, or an item in it is not valid.
    """
    try:
        root = ET.fromstring(body)  # noqa: S314 (expat fetches nothing and limits the growth of entities)
    except ET.ParseError as error:
        raise ForeignFeedError(f"not XML: {error}") from error
    if root.tag != "rss" or root.find("channel") is None:
        raise ForeignFeedError(f"not an appcast: it begins with <{_short(root.tag)}>, not with <rss> and <channel>")
    items = [item for item in root.iter("item") if not _is_delta(item)]
    versions = [_version(item) for item in items]
    is_dotted = all(re.fullmatch(r"[0-9.]+", version) for version in versions)
    feed.scheme = "build" if is_dotted else "semver"
    seen: dict[tuple[str, str], str] = {}
    for number, (item, version) in enumerate(zip(items, versions, strict=True), start=1):
        shown = _said(item, "shortVersionString") or version
        usable = re.match(object_keys.VERSION, shown if is_dotted else version)
        if usable is None:
            raise ForeignFeedError(f"item {number}: {shown!r} cannot be a version")
        name, channel = usable.group(), (_said(item, "channel") or feed.channel).lower()
        if seen.get((channel, name), version) != version:
            name += f"+{version}"  # two builds with the same visible version
        if (channel, name) in seen:
            _read_again(feed, f"item {number}", item, channel, name)
            continue
        seen[channel, name] = version
        build = version if is_dotted else None
        display_version = shown if shown != name else None
        _read(feed, f"item {number}", item, name, channel=channel, build=build, display_version=display_version)


def _read(
    feed: imported.Feed, where: str, item: ET.Element, version: str, *, channel: str, **versions: str | None
) -> None:
    feed.unknown(where, {_short(child.tag) for child in item}, _READ)
    critical = item.find(f"{_S}criticalUpdate")
    critical = item.find(f"{_S}tags/{_S}criticalUpdate") if critical is None else critical
    below = critical.get(f"{_S}version") if critical is not None else None
    notes = [note for note in item.findall("description") if note.text]
    form = notes[0].get(f"{_S}format", "html") if notes else None
    links = [link for link in (*item.findall(f"{_S}releaseNotesLink"), *item.findall("releaseNotesLink")) if link.text]
    enclosures = [*item.findall("enclosure"), *item.findall(f"{_S}deltas/enclosure")]
    feed.add(
        version,
        [_read_file(feed, where, item, enclosure) for enclosure in enclosures],
        channel,
        **versions,
        released_at=_read_date(feed, where, item.findtext("pubDate")),
        title=" ".join((item.findtext("title") or "").split()),
        link=feed.url(f"{where}, link", item.findtext("link")),
        notes={note.get(xml_writer.LANGUAGE, imported.NO_LANGUAGE): note.text for note in notes},
        notes_format={"html": "html", "plain-text": "text"}.get(form) if form else None,
        notes_url={
            link.get(xml_writer.LANGUAGE, imported.NO_LANGUAGE): feed.url(f"{where}, releaseNotesLink", link.text)
            for link in links
        },
        critical={"below_version": below} if below else critical is not None or None,
        informational=_read_informational(item.find(f"{_S}informationalUpdate")),
        minimum_version=_said(item, "minimumUpdateVersion"),
        major_below_version=_said(item, "minimumAutoupdateVersion"),
        announce_below_version=_said(item, "ignoreSkippedUpgradesBelowVersion"),
        history_url=feed.url(f"{where}, fullReleaseNotesLink", item.findtext(f"{_S}fullReleaseNotesLink")),
    )
    interval = imported.size(f"{where}, phasedRolloutInterval", _said(item, "phasedRolloutInterval"))
    if interval and feed.releases[-1].get("released_at"):
        rollout = {"start": feed.releases[-1]["released_at"], "interval": interval, "groups": GROUPS}
        feed.decision(where, channel, rollout={"version": version, **rollout})


def _read_again(feed: imported.Feed, where: str, item: ET.Element, channel: str, version: str) -> None:
    """Read another item of a release that was read before, and add its files for other systems."""
    release = next(r for r in feed.releases if (r["channel"], r["version"]) == (channel, version))
    systems = {(file["platform"], file["arch"]) for file in release["artifacts"]}
    files = [_read_file(feed, where, item, enclosure) for enclosure in item.findall("enclosure")]
    others = [file for file in files if (file["platform"], file["arch"]) not in systems]
    release["artifacts"] += others
    if len(others) < len(files) or not files:
        feed.remark(where, f"{version} is in the feed twice. The first one is imported; the client uses it, too")


def _read_file(feed: imported.Feed, where: str, item: ET.Element, enclosure: ET.Element) -> imported.Wire:
    feed.unknown(f"{where}, enclosure", {_short(name) for name in enclosure.keys()}, _READ_OF_A_FILE)  # noqa: SIM118
    system = (enclosure.get(f"{_S}os") or "macos").lower()
    platform, arch = next((pair for pair, name in SYSTEMS.items() if name == system), (system, "any"))
    needs = _said(item, "hardwareRequirements")
    if needs and needs != "arm64":
        feed.remark(where, f"sparkle:hardwareRequirements {needs!r} is left out: releases have no such field")
    url = feed.url(f"{where}, enclosure", enclosure.get("url")) or ""
    delta = enclosure.get(f"{_S}deltaFrom")
    return imported.given(
        platform=platform,
        arch="aarch64" if needs == "arm64" else "any" if system in ("macos", "linux") else arch,
        kind="delta" if delta else imported.kind(url) if not url.lower().endswith(".dmg") else "archive",
        url=url,
        size=imported.size(f"{where}, length", enclosure.get("length")),
        signatures={kind: found for kind, name in SIGNATURES.items() if (found := enclosure.get(f"{_S}{name}"))},
        min_os=_said(item, "minimumSystemVersion"),
        max_os=_said(item, "maximumSystemVersion"),
        from_version=delta,
        from_executable_size=imported.size(
            f"{where}, deltaFromSparkleExecutableSize", enclosure.get(f"{_S}deltaFromSparkleExecutableSize")
        ),
        from_locales=enclosure.get(f"{_S}deltaFromSparkleLocales"),
        installation_type=enclosure.get(f"{_S}installationType"),
        media_type=enclosure.get("type"),
        installer_arguments=enclosure.get(f"{_S}installerArguments"),
    )


def _read_date(feed: imported.Feed, where: str, written: str | None) -> str | None:
    if not written or not written.strip():
        return None
    try:
        date = parsedate_to_datetime(written)
    except ValueError:
        feed.remark(where, f"pubDate {written.strip()!r} is left out: it is not a valid date")
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).isoformat()


def _read_informational(element: ET.Element | None) -> bool | imported.Wire | None:
    if element is None:
        return None
    versions = [child.text for child in element.findall(f"{_S}version")]
    return imported.given(versions=versions, below_version=element.findtext(f"{_S}belowVersion")) or True


def _version(item: ET.Element) -> str:
    """Return the item's version.

    If the item has none, the text between the last `_` of the file name and its ending is the version, as in the
    client.

    Raises:
        ForeignFeedError: the item has no version.
    """
    enclosure = item.find("enclosure")
    _, found, end = (enclosure.get("url") or "").rpartition("_") if enclosure is not None else ("", "", "")
    version = _said(item, "version") or (end.rpartition(".")[0] if found else "")
    if not version:
        raise ForeignFeedError(f"the item {item.findtext('title')!r} has no sparkle:version")
    return version


def _is_delta(item: ET.Element) -> bool:
    """Return whether the item's own file is a delta. The client ignores such an item."""
    return item.find(f"enclosure[@{_S}deltaFrom]") is not None


def _said(item: ET.Element, name: str) -> str | None:
    """Return the attribute `name` of the file, or the text of the element `name`, or None."""
    enclosure = item.find("enclosure")
    said = enclosure.get(f"{_S}{name}") if enclosure is not None else None
    return said or (item.findtext(f"{_S}{name}") or "").strip() or None


def _short(tag: str) -> str:
    return tag.replace(_S, "sparkle:")
