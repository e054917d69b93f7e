"""Takes over the releases of a feed that somebody published elsewhere, as documents to be uploaded."""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

from comet_updates import names
from comet_updates.cli import files
from comet_updates.errors import FileInTheWayError, ForeignFeedError, Problem, RefusedUploadError
from comet_updates.formats import electron_updater, feeds, sparkle, squirrel, tauri, velopack
from comet_updates.model import Product, Release
from comet_updates.publish import rules, uploads

FEED_MAX_BYTES = 50_000_000
FETCH_TIMEOUT_S = 30
_SQUIRREL = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:\s|#.*\n)*[0-9a-fA-F]{40}\s")
_VELOPACK_SYSTEMS = {theirs: ours for ours, theirs in velopack.SYSTEMS.items()}


class Imported(NamedTuple):
    """What a feed becomes.

    Attributes:
        documents: what to upload, by key.
        remarks: what could not be carried, or was changed on the way.
        releases: how many there are.
    """

    documents: dict[str, bytes]
    remarks: list[str]
    releases: int


def load(source: str) -> bytes:
    """The feed at a path or an https:// URL. Raises `ForeignFeedError`, which names it, if there is none."""
    try:
        if source.startswith("https://"):
            with urlopen(source, timeout=FETCH_TIMEOUT_S) as answer:  # noqa: S310 (https, as was just looked at)
                body: bytes = answer.read(FEED_MAX_BYTES + 1)
        else:
            with Path(source).open("rb") as file:
                body = file.read(FEED_MAX_BYTES + 1)
    except (OSError, URLError) as error:
        # Not the errno and the path again: those who asked know what they asked for.
        raise ForeignFeedError(f"{source}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(body) > FEED_MAX_BYTES:
        raise ForeignFeedError(f"{source}: is longer than {FEED_MAX_BYTES} bytes, which no feed is")
    return body


def read(
    bodies: Mapping[str, bytes],
    make_feed: Callable[[str], feeds.Feed],
    progress: Callable[[list[feeds.Wire]], Iterable[feeds.Wire]] = lambda releases: releases,
) -> Imported:
    """The releases of feeds in any format that is known here, each checked as an upload would be.

    What several feeds tell of one release becomes one: updaters have a feed for each system.

    Args:
        bodies: the feeds, by where they are from.
        make_feed: an empty feed for what is read from there.
        progress: hands on what it is given, one by one.

    Raises:
        ForeignFeedError: one is no such feed, or it is broken, or they do not belong together; the text names it.
        RefusedUploadError: a release in it would be refused; the text names all that is wrong, release by release.
    """
    found = []
    for source, body in bodies.items():
        feed = make_feed(source)
        try:
            _parse(body, feed, source.rpartition("/")[2])
        except ForeignFeedError as error:
            raise ForeignFeedError(f"{source}: {error}") from error
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            # A list where a text should be, and the like: what the updater itself could not read.
            raise ForeignFeedError(f"{source}: a part of it has a form that no such feed has: {error!r}") from error
        if not feed.releases:
            raise ForeignFeedError(f"{source}: holds no release")
        found.append(feed)
    feed = feeds.together(found)
    product = Product(product=feed.product, version_scheme=feed.scheme)
    documents: dict[str, bytes] = {}
    problems: list[Problem] = []
    for wire in progress(feed.releases):
        try:
            key = names.release_key(feed.product, wire["channel"], wire["version"])
            documents[key] = uploads.as_json(wire)
            rules.check_release(key, uploads.parse(Release, key, documents[key]), product)
        except RefusedUploadError as refusal:
            problems += [
                Problem(f"{wire['version']}: {found.path}", found.problem, found.remedy) for found in refusal.problems
            ]
    if problems:
        raise RefusedUploadError(", ".join(bodies), tuple(problems))
    if feed.scheme != "semver":
        documents[names.product_key(feed.product)] = uploads.as_json(
            {"schema": 1, "product": feed.product, "version_scheme": feed.scheme}
        )
    return Imported(documents, feed.remarks, len(feed.releases))


def write(documents: dict[str, bytes], folder: Path) -> list[str]:
    """Write what is not there yet; returns the keys written.

    Raises:
        FileInTheWayError: a file is there that says something else; nothing is written.
        FileNotWrittenError: a file cannot be written; no part of it is left.
    """
    existing = {key: folder / key for key in documents if (folder / key).exists()}
    for key, path in existing.items():
        if path.read_bytes() != documents[key]:
            raise FileInTheWayError(str(path))
    for key in documents.keys() - existing.keys():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_new(path, documents[key], "--to")
    return sorted(documents.keys() - existing.keys())


def _parse(body: bytes, feed: feeds.Feed, name: str) -> None:
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


def _parse_json(body: bytes, feed: feeds.Feed, name: str) -> None:
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
        raise ForeignFeedError("no feed of a known updater: it names one `url`, as an update server answers one client")
    else:
        raise ForeignFeedError(
            "no feed of a known updater: neither Tauri's `platforms`, Velopack's `Assets` nor Squirrel's `releases`"
        )


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ForeignFeedError("not UTF-8 text") from error
