"""Appcasts for Sparkle, WinSparkle and NetSparkle: `appcast.xml` and `appcast-channels.xml`.

Sources: Sparkle 2 `SUAppcast.m`, `SUAppcastItem.m`, `SUAppcastDriver.m` and its guide to publishing; WinSparkle
`src/appcast.cpp`; NetSparkle `AppCastItem.cs`. These clients behave as follows:

- One item that a client cannot read fails the whole feed, so an item is complete or left out.
- An item has one file, with `sparkle:os`. Without `sparkle:os`, Sparkle assumes macOS and the others assume Windows.
- Of two equal items the first wins.
- The client itself finds the highest release.

WinSparkle does not support channels, so `appcast.xml` contains what its channel offers, without channel names. A
channel that includes others also has `appcast-channels.xml`, for Sparkle apps that use `allowedChannels`.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import UTC
from email.utils import format_datetime, parsedate_to_datetime
from typing import NamedTuple

from comet_updates import object_keys
from comet_updates.errors import ForeignFeedError
from comet_updates.formats import encode, file_names, imported, xml_writer
from comet_updates.formats.notes import FALLBACK, title
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


class _Item(NamedTuple):
    """One item of the appcast: a release and its file for one system, or no file if the item links to a page."""

    release: Release
    file: Artifact | None

    @property
    def system(self) -> str:
        return self.file.platform if self.file else ""

    @property
    def is_signed(self) -> bool:
        return self.file is not None and not SIGNATURES.keys().isdisjoint(self.file.signatures)


def render(offer: Offer) -> dict[str, bytes]:
    """Return the appcasts of the channel.

    There is none if no release has a file for these clients or a page to link to.
    """
    items = _trusted([item for release in offer.candidates(rollouts=True) for item in _items(offer, release)])
    if not items:
        return {}
    documents = {"appcast.xml": _appcast(offer, items, with_channels=False)}
    if any(item.release.channel != offer.channel for item in items):
        documents["appcast-channels.xml"] = _appcast(offer, items, with_channels=True)
    return documents


def signed(appcast: bytes, signature: str) -> bytes:
    """Return the appcast with its signature appended, for apps with `SURequireSignedFeed` (Sparkle 2.9 and newer).

    Source: Sparkle `SPUExtractSignedFeed.m`: the client removes the last comment and verifies the bytes before it.

    Args:
        appcast: the signed bytes.
        signature: the Ed25519 signature of exactly these bytes, in base64.
    """
    return appcast + f"<!-- sparkle-signatures:\nedSignature: {signature}\nlength: {len(appcast)}\n-->\n".encode()


def _items(offer: Offer, release: Release) -> Iterator[_Item]:
    """Yield the items of a release. During a rollout only systems whose client supports rollouts have an item."""
    is_pending = _is_pending(offer, release)
    if release.informational and not _page(release):
        return  # the item may not have a file, and a link is missing
    if not release.artifacts and release.link and not is_pending:
        yield _Item(release, None)
    for file in _files(release):
        if not is_pending or (file.platform == "macos" and _interval_s(offer.rollout)):
            yield _Item(release, file)


def _files(release: Release) -> list[Artifact]:
    """Return one file per system, in the order of `SYSTEMS`. For macOS, one file that runs on all Macs is preferred."""
    chosen: dict[tuple[str, str], Artifact] = {}
    for system in SYSTEMS:
        usable = [a for a in release.artifacts if (a.platform, a.arch) == system and _is_whole(a)]
        if usable:
            chosen[system] = min(
                usable, key=lambda a: (SIGNATURES.keys().isdisjoint(a.signatures), a.kind != "archive")
            )
    # An Apple-silicon Mac runs Intel files. A client before 2.9 would offer an Apple-silicon file to every Mac.
    macs = [system for system in chosen if system[0] == "macos"]
    return [file for system, file in chosen.items() if system not in macs[1:]]


def _is_whole(artifact: Artifact) -> bool:
    is_installed = artifact.kind != "delta" and artifact.bundle != file_names.PORTABLE
    return is_installed and not artifact.url.lower().endswith(_NOT_FOR_THESE)


def _trusted(items: list[_Item]) -> list[_Item]:
    """Return the items without unsigned ones that are newer than a signed one.

    An app that contains a public key refuses unsigned items.
    """
    kept: list[_Item] = []
    signed: set[str] = set()
    for item in reversed(items):
        if item.is_signed:
            signed.add(item.system)
        if item.is_signed or item.system not in signed:
            kept.append(item)
    return kept[::-1]


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
    xml_writer.add_text(element, f"{_S}version", release.build or release.version)
    xml_writer.add_text(element, f"{_S}shortVersionString", release.display_version or release.version)
    if with_channel and release.channel != DEFAULT_CHANNEL:
        xml_writer.add_text(element, f"{_S}channel", release.channel)
    xml_writer.add_text(element, "link", _page(release) if release.informational else release.link)
    xml_writer.add_text(element, f"{_S}minimumUpdateVersion", release.minimum_version)
    xml_writer.add_text(element, f"{_S}minimumAutoupdateVersion", release.major_below_version)
    xml_writer.add_text(element, f"{_S}ignoreSkippedUpgradesBelowVersion", release.announce_below_version)
    xml_writer.add_text(element, f"{_S}fullReleaseNotesLink", release.history_url)
    _add_notes(element, release)
    _add_critical(element, release)
    _add_informational(element, release)
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


def _add_critical(element: ET.Element, release: Release) -> None:
    if release.critical:
        below = release.critical.below_version if isinstance(release.critical, Critical) else None
        xml_writer.add(element, f"{_S}criticalUpdate", attributes={f"{_S}version": below})


def _add_informational(element: ET.Element, release: Release) -> None:
    if release.informational:
        told = xml_writer.add(element, f"{_S}informationalUpdate")
        if isinstance(release.informational, Informational):
            for version in release.informational.versions:
                xml_writer.add_text(told, f"{_S}version", version)
            xml_writer.add_text(told, f"{_S}belowVersion", release.informational.below_version)


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
