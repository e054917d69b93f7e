"""Test real feeds of real apps: everything in them is accepted, published and answered, in their own clients' order."""

from __future__ import annotations

import functools
import json
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from semver import Version

from comet_updates.errors import ForeignFeedError, RefusedUploadError
from comet_updates.formats.imported import Feed
from testkit.events import SWEEP, request
from testkit.fresh import fresh_import
from testkit.project import ROOT
from testkit.s3 import S3
from tests.feeds.convert import LANGUAGE, SPARKLE, convert, product_of

if TYPE_CHECKING:
    from testkit.fresh import Handler

SHARED = Path(os.environ.get("COMET_SHARED") or ROOT.parent / "shared")
"""The folder with real feeds and cases from the field, which is not part of this repository."""

FOLDER = SHARED / "feeds"
FILES = sorted(path for kind in ("sparkle", "electron", "tauri") for path in (FOLDER / kind).glob("*"))
BROKEN = {
    "TheBoredTeam__boring.notch__appcast@24ca99c6.xml",
    "1devstudio__clawdeck-updates__appcast@4b0c97a0.xml",
    "gnachman__iterm2-website__nightly_modern@3cf85b94.xml",
    "Sanjeevsnair__Lumino_window_Autoupdater__appcast@20b11cfa.xml",
    "MFE-Innovation__dmv-auto-update__beta@22ec379c.yml",
}
CONTRADICTORY = {"cpomega__client__latest-mac.yml"}  # two sizes and hashes for one URL
REJECTED_BY_ITS_CLIENT = {"ClavisPass__ClavisPass__updater.json"}  # no signature: the client needs the field
WITHOUT_RELEASES = {"hewigovens__PackageUninstaller__appcast.xml"}
REFUSED = BROKEN | CONTRADICTORY | REJECTED_BY_ITS_CLIENT | WITHOUT_RELEASES
READABLE = [file for file in FILES if file.name not in REFUSED]

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(not FILES, reason="the real feeds are not part of this repository, and not beside it"),
]


def names_of(file: Path) -> str:
    return f"{file.parent.name}/{file.name}"


class SparkleVersion:
    """Sparkle's own order, from its SUStandardVersionComparator: runs of digits, letters and separators.

    Everything after the first `-` is ignored. A missing part counts as zero. A number is above letters (1.5b3 < 1.5).
    """

    def __init__(self, text: str) -> None:
        self.parts = re.findall(r"[0-9]+|[A-Za-z]+", text.split("-", maxsplit=1)[0])

    def __lt__(self, other: SparkleVersion) -> bool:
        for mine, its in zip_longest(self.parts, other.parts, fillvalue="0"):
            if mine.isdigit() != its.isdigit():
                return its.isdigit()
            if mine != its and (not mine.isdigit() or int(mine) != int(its)):
                return int(mine) < int(its) if mine.isdigit() else mine < its
        return False


@functools.cache
def feed(file: Path) -> Feed:
    return convert(file)


def in_the_clients_order(file: Path, releases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the releases as the feed's own client ranks them, the latest first."""
    if file.parent.name == "sparkle":
        return sorted(releases, key=lambda r: SparkleVersion(r.get("build", r["version"])), reverse=True)
    return sorted(releases, key=lambda r: Version.parse(r["version"]), reverse=True)


class Published:
    """All readable feeds, uploaded to one bucket and published by one sweep."""

    def __init__(self, endpoint: str) -> None:
        self.s3 = S3(endpoint)
        for file in READABLE:
            product = {"schema": 1, "product": product_of(file), "version_scheme": feed(file).scheme}
            self.s3.put(f"products/{product_of(file)}.json", product)
            for release in feed(file).releases:
                key = "releases/{product}/{channel}/{version}.json".format_map(release)
                self.s3.put(key, release)

    def start(self, module: str) -> Handler:
        handler: Handler = fresh_import(module).handler
        return handler


@pytest.fixture(scope="module")
def published(s3_endpoint: str) -> Iterator[tuple[S3, Handler]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("S3_ENDPOINT", s3_endpoint)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            patch.setenv(name, "us-east-1")
        world = Published(s3_endpoint)
        patch.setenv("BUCKET", world.s3.bucket)
        patch.setenv("MEMORY_TTL_S", "60")
        patch.setenv("LOG_LEVEL", "INFO")
        patch.setenv("LOG_SUCCESSES", "false")
        patch.setenv("ONLINE_KEY", "none")
        patch.setenv("SERVICE_URL", "none")
        world.start("comet_updates.publish.handler")(SWEEP, None)
        yield world.s3, world.start("comet_updates.answer.handler")


def get(answer: Handler, path: str) -> Any:
    response = answer(request(path), None)
    assert response["statusCode"] == 200
    return json.loads(response["body"])


def test_no_real_release_is_refused(published: tuple[S3, Handler]) -> None:
    s3, _ = published
    assert [s3.json(key) for key in s3.keys("rejected/")] == []


@pytest.mark.parametrize("file", READABLE, ids=names_of)
def test_every_release_is_answered_in_the_order_of_its_own_client(file: Path, published: tuple[S3, Handler]) -> None:
    _, answer = published
    releases = feed(file).releases
    assert releases
    for channel in {release["channel"] for release in releases}:
        url = f"/v1/{product_of(file)}/{channel}"
        expected = in_the_clients_order(file, [release for release in releases if release["channel"] == channel])
        assert get(answer, url) == expected[0]
        assert get(answer, f"{url}/releases.json")["releases"] == expected


@pytest.mark.parametrize("file", [file for file in FILES if file.name in BROKEN], ids=names_of)
def test_what_was_published_broken_is_not_taken_for_a_feed(file: Path) -> None:
    with pytest.raises(ForeignFeedError, match=r": not (XML|YAML): "):
        convert(file)


@pytest.mark.parametrize("file", [file for file in FILES if file.name in CONTRADICTORY], ids=names_of)
def test_feed_with_two_hashes_for_one_file_is_refused(file: Path) -> None:
    with pytest.raises(RefusedUploadError, match=r"differs from .* for the same file"):
        convert(file)


@pytest.mark.parametrize("file", [file for file in FILES if file.name in REJECTED_BY_ITS_CLIENT], ids=names_of)
def test_feed_that_its_client_rejects_is_refused_with_the_rule(file: Path) -> None:
    with pytest.raises(ForeignFeedError, match=r"has no `signature`. Tauri's updater rejects .* \(updater.rs\)"):
        convert(file)


@pytest.mark.parametrize("file", [file for file in FILES if file.name in WITHOUT_RELEASES], ids=names_of)
def test_a_feed_without_releases_is_said_to_have_none(file: Path) -> None:
    with pytest.raises(ForeignFeedError, match="contains no release"):
        convert(file)


FOREIGN = [path for kind in ("other", "gupdate", "mozilla") for path in sorted((FOLDER / kind).glob("*"))]


@pytest.mark.parametrize("file", FOREIGN, ids=names_of)
def test_what_is_no_feed_of_these_updaters_is_refused_as_such(file: Path) -> None:
    with pytest.raises(ForeignFeedError, match=r"not (an appcast|a feed of a known updater)"):
        convert(file)


CARRIED = {
    "item": "release",
    "item/title": "title",
    "item/link": "link",
    "item/pubDate": "released_at",
    "item/description": "notes",
    "item/releaseNotesLink": "notes_url",
    "item/sparkle:releaseNotesLink": "notes_url",
    "item/sparkle:releaseNotesLink@lang": "the language in notes_url",
    "item/sparkle:version": "build, or version",
    "item/sparkle:shortVersionString": "version, display_version",
    "item/sparkle:minimumSystemVersion": "min_os of its artifacts",
    "item/sparkle:channel": "channel",
    "item/sparkle:criticalUpdate": "critical",
    "item/sparkle:criticalUpdate@sparkle:version": "critical.below_version",
    "item/sparkle:tags": "critical",
    "item/sparkle:tags/sparkle:criticalUpdate": "critical",
    "item/sparkle:informationalUpdate": "informational",
    "item/sparkle:informationalUpdate/sparkle:version": "informational.versions",
    "item/sparkle:informationalUpdate/sparkle:belowVersion": "informational.below_version",
    "item/sparkle:deltas": "artifacts",
    **{
        f"{parent}enclosure{attribute}": field
        for parent in ("item/", "item/sparkle:deltas/")
        for attribute, field in {
            "": "artifacts",
            "@url": "url",
            "@length": "size",
            "@type": "media_type",
            "@sparkle:version": "build, or version",
            "@sparkle:shortVersionString": "version, display_version",
            "@sparkle:os": "platform",
            "@sparkle:channel": "channel",
            "@sparkle:deltaFrom": "from_version",
            "@sparkle:edSignature": "signatures.ed25519",
            "@sparkle:dsaSignature": "signatures.dsa",
            "@sparkle:signature": "signatures.netsparkle",
        }.items()
    },
    "version": "version",
    "notes": "notes",
    "pub_date": "released_at",
    "releaseDate": "released_at",
    "path": "artifacts",
    "sha512": "sha512",
    "sha2": "sha256",
    "githubArtifactName": "file_name",
    **{f"files.{key}": key for key in ("url", "size", "sha512", "blockMapSize")},
    "platforms": "artifacts: platform, arch, bundle",
    **{f"platforms.{key}": key for key in ("url", "signature")},
}
"""Field of a feed → the place to which `convert` writes it."""


def fields(file: Path) -> Iterator[str]:
    """Yield the name of every field in a feed."""
    if file.parent.name == "sparkle":
        for item in ET.parse(file).getroot().iter("item"):
            yield from _elements(item, "item")
        return
    document = yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)  # JSON is a part of YAML
    for key, value in document.items():
        if key == "files":
            yield from (f"files.{inner}" for entry in value for inner in entry)
        else:
            yield key
        if key == "platforms":
            yield from (f"platforms.{inner}" for entry in value.values() for inner in entry)


def _elements(element: ET.Element, path: str) -> Iterator[str]:
    yield path
    yield from (f"{path}@{_short(name)}" for name in element.attrib)
    for child in element:
        yield from _elements(child, f"{path}/{_short(child.tag)}")


def _short(name: str) -> str:
    return "lang" if name == LANGUAGE else name.replace(SPARKLE, "sparkle:")


@pytest.mark.parametrize("file", READABLE, ids=names_of)
def test_every_field_of_a_real_feed_has_its_place(file: Path) -> None:
    assert set(fields(file)) - set(CARRIED) == set()
