"""News for people and feed readers: `feed.atom` of a channel and of a product, an entry per release, the latest first.

Source: RFC 4287. A release without a date has no entry: the element `updated` is required, and we must not invent a
date. Ids depend on names and versions only. The notes are HTML without scripts or images.
"""

from __future__ import annotations

import html
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from comet_updates.formats import encode, notes, xml_writer
from comet_updates.formats.selection import ROLLOUTS, Files, Rule, View
from comet_updates.model.offer import Offer
from comet_updates.model.release import Release

NEEDS = "`released_at` or `available_at`"
NAMESPACE = "http://www.w3.org/2005/Atom"
ENTRIES_MAX = 50  # a feed reader keeps older entries itself
_IDS = uuid.uuid5(uuid.NAMESPACE_URL, "urn:comet-updates")


def views(offer: Offer) -> list[View]:
    """Return the feed. People read it, so only a rollout holds a release back."""
    del offer
    return [View(("feed.atom",), "a feed", frozenset(Rule) - ROLLOUTS, _files)]


def _files(release: Release) -> Files:
    if release.due_at is None:
        return Files(lack="this release has no date: `released_at` or `available_at`")
    return Files() if release.artifacts or release.link else Files(lack="this release has no files and no link")


def render(offer: Offer) -> dict[str, bytes]:
    """Return `feed.atom`, or no document if no release has a date."""
    found = _feed((offer.product, offer.channel), _dated(offer))
    return {"feed.atom": found} if found else {}


def product(offers: Sequence[Offer]) -> bytes | None:
    """Return the feed of all channels of one product, the latest release first, or None if no release has a date."""
    dated = sorted((one for offer in offers for one in _dated(offer)), key=lambda dated: dated[1], reverse=True)
    # A version that was promoted is news once: where it was first released, so that its entry stays the same.
    once = {release.version: (release, at) for release, at in dated}
    return _feed((offers[0].product,), sorted(once.values(), key=lambda dated: dated[1], reverse=True))


def _dated(offer: Offer) -> list[tuple[Release, datetime]]:
    (view,) = views(offer)
    shown = islice(view.shown(offer), ENTRIES_MAX)
    return [(one.release, one.release.due_at) for one in shown if one.release.due_at is not None]


def _feed(of: tuple[str, ...], dated: Sequence[tuple[Release, datetime]]) -> bytes | None:
    """Return the feed, or None without releases. `of` names the product, or the product and the channel."""
    if not dated:
        return None
    root = ET.Element("feed", xmlns=NAMESPACE)
    xml_writer.add_text(root, "id", _id(*of))
    xml_writer.add_text(root, "title", " ".join(of))
    xml_writer.add_text(root, "updated", encode.moment(max(at for _, at in dated)))
    xml_writer.add(root, "link", attributes={"rel": "self", "href": "feed.atom"})
    xml_writer.add_text(xml_writer.add(root, "author"), "name", of[0])
    entries = (_entry(release, at) for release, at in dated[:ENTRIES_MAX])
    root.extend(encode.newest(entries, xml_writer.size_bytes))
    return xml_writer.write(root)


def _entry(release: Release, at: datetime) -> ET.Element:
    entry = ET.Element("entry")
    title = notes.title(release)
    xml_writer.add_text(entry, "id", _id(release.product, release.channel, release.version))
    xml_writer.add_text(entry, "title", title)
    xml_writer.add_text(entry, "updated", encode.moment(at))
    if release.link:
        xml_writer.add(entry, "link", attributes={"rel": "alternate", "href": release.link})
    for file in release.artifacts:
        if file.kind != "delta":
            size = str(file.size) if file.size is not None else None
            given = {"rel": "enclosure", "href": file.url, "length": size, "type": file.media_type}
            xml_writer.add(entry, "link", attributes=given)
    xml_writer.add_text(entry, "content", notes.notes_html(release) or html.escape(title), {"type": "html"})
    return entry


def _id(*parts: str) -> str:
    return uuid.uuid5(_IDS, "/".join(parts)).urn
