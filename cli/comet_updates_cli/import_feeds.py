"""Converts the releases of a feed that was published elsewhere into documents to upload."""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import NamedTuple
from urllib.parse import urlsplit

from comet_updates import formats, object_keys
from comet_updates.answer import urls
from comet_updates.errors import FetchError, ForeignFeedError, Problem, RefusedUploadError
from comet_updates.formats import atom, electron_updater, imported, manifest, sparkle, squirrel, tauri, velopack
from comet_updates.formats.selection import NO_FILE, Lag
from comet_updates.model.channel import ChannelPolicy
from comet_updates.model.offer import Offer
from comet_updates.model.product import Product
from comet_updates.model.release import Release
from comet_updates.publish.decide import decide
from comet_updates.publish.uploads import parse, rules
from comet_updates_cli import files
from comet_updates_cli.fetch import fetch

FEED_MAX_BYTES = 50_000_000
FETCH_LONGEST_S = 300.0
_SQUIRREL = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:\s|#.*\n)*[0-9a-fA-F]{40}\s")
_FAMILIES = {
    sparkle: "Sparkle, WinSparkle or NetSparkle",
    electron_updater: "electron-updater",
    tauri: "Tauri",
    squirrel: "Squirrel",
    velopack: "Velopack",
}
_FOR_PEOPLE = re.compile(
    r"\$\.(?:(?:released_at|title|display_version|link|history_url)|(?:notes|notes_url)(?:\..*)?"
    r"|artifacts\[[0-9]+\]\.(?:media_type|file_name|block_map_size))"
)
"""The JSON paths of the fields that do not change what a client installs."""


class ChannelSummary(NamedTuple):
    """The offer of a channel, for people.

    Attributes:
        releases: the number of releases.
        offered: the version that it offers, or None.
        documents: the version that each updater's document has, by the URL path of the document.
        problems: why a document has another version, or is missing.
    """

    releases: int
    offered: str | None
    documents: dict[str, str]
    problems: list[str]


class Imported(NamedTuple):
    """The result of an import.

    Attributes:
        product: the name of the product.
        documents: the documents to upload, by key.
        remarks: notes on what could not be converted, or was changed.
        releases: the number of releases.
        families: the formats of the feeds.
        channels: what each channel would offer if the bucket had nothing else, by channel.
    """

    product: str
    documents: dict[str, bytes]
    remarks: list[str]
    releases: int
    families: list[ModuleType]
    channels: dict[str, ChannelSummary]


def load(source: str) -> bytes:
    """Return the feed at a path or an https:// URL.

    Raises:
        ForeignFeedError: the URL cannot be read or begins differently, or the feed is too long.
        UnreadableFileError: the file cannot be read, or is not a regular file.
    """
    if "://" in source and not source.startswith("https://"):
        raise ForeignFeedError(f"{source}: does not begin with https://. Use an https:// URL, or download the feed.")
    body = _fetched(source) if source.startswith("https://") else files.read(Path(source), FEED_MAX_BYTES)
    if len(body) > FEED_MAX_BYTES:
        raise ForeignFeedError(f"{source}: longer than {FEED_MAX_BYTES} bytes. Check that it is a feed.")
    return body


def _fetched(source: str) -> bytes:
    try:
        return fetch(source, FEED_MAX_BYTES, FETCH_LONGEST_S).body
    except FetchError as error:
        raise ForeignFeedError(f"{source}: cannot be read: {error.reason}. Check the path or URL.") from error


def read(
    bodies: Mapping[str, bytes],
    make_feed: Callable[[str], imported.Feed],
    progress: Callable[[list[imported.Wire]], Iterable[imported.Wire]] = lambda releases: releases,
    *,
    now: datetime,
) -> Imported:
    """Return the releases of feeds in any known format, each checked like an upload.

    Entries of several feeds for the same release are merged: updaters have a feed for each system.

    Args:
        bodies: the feeds, by source.
        make_feed: returns an empty feed for a source.
        progress: yields the releases that it gets, one by one.
        now: aware. A date after it is left out: the old feed offers the release already.

    Raises:
        ForeignFeedError: a feed has an unknown format or is broken, or the feeds do not belong together.
        RefusedUploadError: a release would be refused; the text lists all problems with their places in the feed.
    """
    found: list[imported.Feed] = []
    families: list[ModuleType] = []
    for source, body in bodies.items():
        feed = make_feed(source)
        feed.document = feed.document or urlsplit(source).path.rpartition("/")[2]
        try:
            families.append(_parse(body, feed))
        except ForeignFeedError as error:
            raise ForeignFeedError(f"{source}: {error}") from error
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            # For example a list instead of a text: the updater itself could not read it.
            raise ForeignFeedError(f"{source}: a field has a wrong type: {error!r}. Fix the feed.") from error
        if not feed.releases:
            raise ForeignFeedError(f"{source}: contains no release. Check that it is the right feed.")
        found.append(feed)
    feed = imported.together(found)
    product = Product(product=feed.product, version_scheme=feed.scheme)
    documents: dict[str, bytes] = {}
    releases: list[Release] = []
    problems: list[Problem] = []
    for wire in progress(feed.releases):
        key = object_keys.release_key(feed.product, wire["channel"], wire["version"])
        _leave_out_future(feed, wire, now)
        try:
            release, documents[key] = _checked(feed, key, wire, product)
            releases.append(release)
        except RefusedUploadError as refusal:
            problems += [_in_feed(wire, problem) for problem in refusal.problems]
    if problems:
        raise RefusedUploadError(", ".join(bodies), tuple(problems))
    policies = {channel: _policy(feed, channel, product, documents) for channel in feed.policies}
    if feed.scheme != "semver":
        documents[object_keys.product_key(feed.product)] = parse.as_json(
            {"schema": 1, "product": feed.product, "version_scheme": feed.scheme}
        )
    channels = {
        channel: summary(decide(product, channel, policies, releases, now), families)
        for channel in sorted({*policies, *(release.channel for release in releases)})
    }
    return Imported(feed.product, documents, feed.remarks, len(releases), families, channels)


def _reason(family: ModuleType, offer: Offer, lags: Mapping[str, Lag]) -> str:
    """Return why a channel has no document of a format, of the reasons the one that is not about missing systems."""
    why = [lags[name].why for view in family.views(offer) for name in view.documents if name in lags]
    return next((one for one in why if not one.startswith(NO_FILE)), why[0] if why else "it has no release")


def summary(offer: Offer, families: Iterable[ModuleType]) -> ChannelSummary:
    """Return what a channel offers to updaters.

    Args:
        offer: the offer of the channel.
        families: the formats of the feeds. If one of them has no document, a problem says so.
    """
    updaters = {
        name: module for module in formats.ALL if module not in (atom, manifest) for name in module.render(offer)
    }
    lags = {lag.document: lag for lag in formats.lags(offer)}
    outdated = {name: lag for name, lag in lags.items() if lag.version is not None and name.split()[0] in updaters}
    offered = offer.latest.version if offer.latest else None

    def path(name: str) -> str:
        return urls.document_path(offer.product, offer.channel, name)

    documents = {path(name): (outdated[name].version if name in outdated else offered) or "" for name in updaters}
    problems = [f"{path(late.document)} stays at {late.version}, because {late.why}" for late in outdated.values()]
    problems += [
        f"{offer.channel}: no document for {_FAMILIES[family]}, because {_reason(family, offer, lags)}"
        for family in dict.fromkeys(families)
        if family not in updaters.values()
    ]
    return ChannelSummary(len(offer.history), offered, documents, problems)


def write(documents: Mapping[str, bytes], folder: Path) -> list[str]:
    """Write the documents that do not exist yet. Return their keys.

    Raises:
        FileInTheWayError: a file already exists with different content; nothing is written.
        UnwritableFileError: a file cannot be written. The next run continues.
    """
    missing = sorted(key for key, body in documents.items() if files.check_free(folder / key, body))
    for key in missing:
        files.create(folder / key, documents[key])
    return missing


def _leave_out_future(feed: imported.Feed, wire: imported.Wire, now: datetime) -> None:
    """Leave out a date in the future. The release would wait for it, but the old feed offers it now."""
    with suppress(ValueError, TypeError):
        if datetime.fromisoformat(wire.get("released_at", "")) > now:
            feed.remark(_place(wire, "$.released_at"), "left out: this date is in the future, but the feed offers it")
            del wire["released_at"]


def _checked(feed: imported.Feed, key: str, wire: imported.Wire, product: Product) -> tuple[Release, bytes]:
    """Return a release and its document. Invalid fields that are only for people are left out.

    Raises:
        RefusedUploadError: the release would be refused.
    """
    while True:
        body = parse.as_json(wire)
        try:
            release = parse.parse(Release, key, body)
            parse.check_size(key, len(body))
            rules.check_release(key, release, product)
        except RefusedUploadError as refusal:
            if not all(_is_for_people(wire, problem.path) for problem in refusal.problems):
                raise
            for problem in refusal.problems:
                feed.remark(_place(wire, problem.path), f"left out: {problem.problem}")
                _leave_out(wire, problem.path)
        else:
            return release, body


def _is_for_people(wire: imported.Wire, path: str) -> bool:
    # A release without files has nothing but its link.
    return _FOR_PEOPLE.fullmatch(path) is not None and (path != "$.link" or bool(wire["artifacts"]))


def _leave_out(wire: imported.Wire, path: str) -> None:
    """Remove the field at a JSON path of a release: its own, one of an artifact, or one language of its notes."""
    if inner := re.fullmatch(r"\$\.artifacts\[([0-9]+)\]\.(\w+)", path):
        wire["artifacts"][int(inner[1])].pop(inner[2], None)
        return
    name, _, language = path.removeprefix("$.").partition(".")
    value = wire.get(name)
    if language and isinstance(value, dict):
        value.pop(language, None)
    if not language or not value:
        wire.pop(name, None)


def _place(wire: imported.Wire, path: str) -> str:
    """Return the place in the feed of a field of a release."""
    return wire.place_of(path) if isinstance(wire, imported.Entry) else f"{wire['version']}: {path}"


def _in_feed(wire: imported.Wire, problem: Problem) -> Problem:
    """Return a problem of a release with its place in the feed, and without our own documentation."""
    remedy, _, _ = problem.remedy.partition("See /schemas/")
    text = re.sub(r"\$\.[\w.\[\]]+", lambda path: _place(wire, path[0]), problem.problem)
    return Problem(_place(wire, problem.path), text, remedy.rstrip(" .") or "Correct it in the feed")


def _policy(feed: imported.Feed, channel: str, product: Product, documents: dict[str, bytes]) -> ChannelPolicy:
    """Add the policy of a channel to the documents, and return it.

    Raises:
        RefusedUploadError: it would be refused.
    """
    key = object_keys.channel_key(feed.product, channel)
    wire = {"schema": 1, "product": feed.product, "channel": channel, **feed.policies[channel]}
    documents[key] = parse.as_json(wire)
    policy = parse.parse(ChannelPolicy, key, documents[key])
    rules.check_policy(key, policy, product)
    return policy


def _parse(body: bytes, feed: imported.Feed) -> ModuleType:
    """Read a feed, and return its format."""
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if _SQUIRREL.match(body):
        squirrel.parse(_text(body), feed)
        return squirrel
    is_utf16 = body.startswith((BOM_UTF16_BE, BOM_UTF16_LE))
    if is_utf16 and not body.decode("utf-16", "replace").lstrip().startswith("<"):
        raise ForeignFeedError("is UTF-16 text, which its updater does not read. Save it as UTF-8 text")
    if start == b"<" or is_utf16:
        sparkle.parse(body, feed)
        return sparkle
    if start == b"{":
        return _parse_json(body, feed)
    if not start:
        raise ForeignFeedError("is empty")
    electron_updater.parse(body, feed)
    return electron_updater


def _parse_json(body: bytes, feed: imported.Feed) -> ModuleType:
    try:
        document = json.loads(_text(body))
    except (ValueError, RecursionError) as error:
        raise ForeignFeedError(f"not JSON: {error}") from error
    if any(name.lower() == "assets" for name in document):
        velopack.parse(document, feed)
        return velopack
    if "platforms" in document:
        tauri.parse(document, feed)
        return tauri
    if "currentRelease" in document and "releases" in document:
        squirrel.parse_mac(document, feed)
        return squirrel
    if "url" in document:
        raise ForeignFeedError(
            "not a feed of a known updater: it has one `url`, like an update server's answer to one client"
        )
    if "items" in document:
        raise ForeignFeedError(
            "not a feed of a known updater: it is NetSparkle's JSON appcast. This service serves NetSparkle only XML,"
            " so your copies could not read it. First release a version with XMLAppCastGenerator at the old place, then"
            " import the appcast as XML"
        )
    raise ForeignFeedError(
        "not a feed of a known updater: it has no `platforms` (Tauri), `Assets` (Velopack) or `releases` (Squirrel)"
    )


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ForeignFeedError("not UTF-8 text") from error
