"""Converts the releases of a feed that was published elsewhere into documents to upload."""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from comet_updates import object_keys
from comet_updates.errors import FetchError, ForeignFeedError, Problem, RefusedUploadError
from comet_updates.formats import electron_updater, imported, sparkle, squirrel, tauri, velopack
from comet_updates.model.product import Product
from comet_updates.model.release import Release
from comet_updates.publish.uploads import parse, rules
from comet_updates_cli import files
from comet_updates_cli.fetch import fetch

FEED_MAX_BYTES = 50_000_000
FETCH_LONGEST_S = 300.0
_SQUIRREL = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:\s|#.*\n)*[0-9a-fA-F]{40}\s")
_VELOPACK_SYSTEMS = {theirs: ours for ours, theirs in velopack.SYSTEMS.items()}


class Imported(NamedTuple):
    """The result of an import.

    Attributes:
        documents: the documents to upload, by key.
        remarks: notes on what could not be converted, or was changed.
        releases: the number of releases.
    """

    documents: dict[str, bytes]
    remarks: list[str]
    releases: int


def load(source: str) -> bytes:
    """Return the feed at a path or an https:// URL.

    Raises:
        ForeignFeedError: the URL cannot be read, or the feed is too long.
        UnreadableFileError: the file cannot be read, or is not a regular file.
    """
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
) -> Imported:
    """Return the releases of feeds in any known format, each checked like an upload.

    Entries of several feeds for the same release are merged: updaters have a feed for each system.

    Args:
        bodies: the feeds, by source.
        make_feed: returns an empty feed for a source.
        progress: yields the releases that it gets, one by one.

    Raises:
        ForeignFeedError: a feed has an unknown format or is broken, or the feeds do not belong together.
        RefusedUploadError: a release would be refused; the text lists all problems, release by release.
    """
    found = []
    for source, body in bodies.items():
        feed = make_feed(source)
        try:
            _parse(body, feed, source.rpartition("/")[2])
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
    problems: list[Problem] = []
    for wire in progress(feed.releases):
        try:
            key = object_keys.release_key(feed.product, wire["channel"], wire["version"])
            documents[key] = parse.as_json(wire)
            rules.check_release(key, parse.parse(Release, key, documents[key]), product)
        except RefusedUploadError as refusal:
            problems += [
                Problem(f"{wire['version']}: {found.path}", found.problem, found.remedy) for found in refusal.problems
            ]
    if problems:
        raise RefusedUploadError(", ".join(bodies), tuple(problems))
    if feed.scheme != "semver":
        documents[object_keys.product_key(feed.product)] = parse.as_json(
            {"schema": 1, "product": feed.product, "version_scheme": feed.scheme}
        )
    return Imported(documents, feed.remarks, len(feed.releases))


def write(documents: dict[str, bytes], folder: Path) -> list[str]:
    """Write the documents that do not exist yet. Return their keys.

    Raises:
        FileInTheWayError: a file already exists with different content; nothing is written.
        UnwritableFileError: a file cannot be written. The next run continues.
    """
    missing = sorted(key for key, body in documents.items() if files.check_free(folder / key, body))
    for key in missing:
        files.create(folder / key, documents[key])
    return missing


def _parse(body: bytes, feed: imported.Feed, name: str) -> None:
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if _SQUIRREL.match(body):
        squirrel.parse(_text(body), feed)
    elif start == b"<" or body.startswith((BOM_UTF16_BE, BOM_UTF16_LE)):
        sparkle.parse(body, feed)
    elif start == b"{":
        _parse_json(body, feed, name)
    elif start:
        electron_updater.parse(body, feed)
    else:
        raise ForeignFeedError("is empty")


def _parse_json(body: bytes, feed: imported.Feed, name: str) -> None:
    try:
        document = json.loads(_text(body))
    except (ValueError, RecursionError) as error:
        raise ForeignFeedError(f"not JSON: {error}") from error
    if "Assets" in document:
        system = re.search(r"releases\.([a-z]+)", name)
        velopack.parse(document, feed, _VELOPACK_SYSTEMS.get(system[1] if system else "", "windows"))
    elif "platforms" in document:
        tauri.parse(document, feed)
    elif "currentRelease" in document and "releases" in document:
        squirrel.parse_mac(document, feed)
    elif "url" in document:
        raise ForeignFeedError(
            "not a feed of a known updater: it has one `url`, like an update server's answer to one client"
        )
    else:
        raise ForeignFeedError(
            "not a feed of a known updater: it has no `platforms` (Tauri), `Assets` (Velopack) or `releases` (Squirrel)"
        )


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ForeignFeedError("not UTF-8 text") from error
