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
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from email.utils import format_datetime
from typing import NamedTuple

from comet_updates.formats import appcast, encode, file_names, imported, xml_writer
from comet_updates.formats.appcast import DEFAULT_CHANNEL, GROUPS, NAMESPACE, SIGNATURES, SYSTEMS
from comet_updates.formats.notes import FALLBACK, title
from comet_updates.model.channel import Rollout
from comet_updates.model.offer import Offer
from comet_updates.model.release import Artifact, Critical, Informational, Release

NEEDS = "a file for macOS, Windows or Linux; a signature, once one release has one"
NOTES_MAX_BYTES = 200_000  # so that a release with an item for each system is never cut

parse = appcast.parse
_S = f"{{{NAMESPACE}}}"
_NOTES_FORMATS = {"markdown": "markdown", "text": "plain-text"}
_NOT_FOR_THESE = (".nupkg", ".blockmap", ".appx", ".msix")
ET.register_namespace("sparkle", NAMESPACE)


class _Item(NamedTuple):
    """One item of the appcast: a release and its file for one system, or no file if the item links to a page."""

    release: Release
    file: Artifact | None
    os: str = ""

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
    names = _os_names(offer)
    items = _trusted([item for release in offer.candidates(rollouts=True) for item in _items(offer, release, names)])
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


def _items(offer: Offer, release: Release, names: dict[tuple[str, str], str]) -> Iterator[_Item]:
    """Yield the items of a release. During a rollout only systems whose client supports rollouts have an item."""
    is_pending = _is_pending(offer, release)
    if release.informational and not _page(release):
        return  # the item may not have a file, and a link is missing
    if not release.artifacts and release.link and not is_pending:
        yield _Item(release, None)
    for os, file in _files(release, names):
        if not is_pending or (file.platform == "macos" and _interval_s(offer.rollout)):
            yield _Item(release, file, os)


def _files(release: Release, names: dict[tuple[str, str], str]) -> list[tuple[str, Artifact]]:
    """Return one file per system with its `sparkle:os`, in the order of `SYSTEMS`.

    For macOS, one file that runs on all Macs is preferred. NetSparkle alone reads other names for macOS.
    """
    chosen: dict[tuple[str, str], Artifact] = {}
    for system in SYSTEMS | names:
        usable = [a for a in release.artifacts if (a.platform, a.arch) == system and _is_whole(a)]
        if usable:
            chosen[system] = min(
                usable, key=lambda a: (SIGNATURES.keys().isdisjoint(a.signatures), a.kind != "archive")
            )
    # An Apple-silicon Mac runs Intel files. A client before 2.9 would offer an Apple-silicon file to every Mac.
    macs = [system for system in chosen if system[0] == "macos" and system not in names]
    found = SYSTEMS | names
    return [(found[system], file) for system, file in chosen.items() if system not in macs[1:]]


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
    release, file, _ = item
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
