"""Test electron-updater's channel files, as its parser reads them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml

from comet_updates.errors import ForeignFeedError
from comet_updates.formats import electron_updater
from comet_updates.formats.imported import Feed
from comet_updates.model.offer import Offer
from tests.formats.offers import HOST, PHASED, artifact, complete, offer, percent, release


def read(given: Offer, name: str = "latest.yml") -> Any:
    return yaml.safe_load(electron_updater.render(given)[name])


def test_golden_bytes() -> None:
    sha512 = base64.b64encode(bytes.fromhex("cd" * 64)).decode()
    assert electron_updater.render(offer(complete("1.0.0")))["latest-mac.yml"].decode() == (
        "version: 1.0.0\n"
        "files:\n"
        f"- url: {HOST}/App-1.0.0-universal.zip\n"
        f"  sha512: {sha512}\n"
        "  size: 1000\n"
        f"- url: {HOST}/App-1.0.0.dmg\n"
        f"  sha512: {sha512}\n"
        "  size: 1000\n"
        f"path: {HOST}/App-1.0.0-universal.zip\n"
        f"sha512: {sha512}\n"
        "releaseDate: '2026-11-20T12:00:00+00:00'\n"
        "releaseName: Version 1.0.0\n"
        "releaseNotes: 'Größer\n\n  '\n"
    )


def test_each_client_finds_a_file_under_the_name_of_the_channel_too() -> None:
    documents = electron_updater.render(offer(complete("1.0.0"), channel="beta"))
    suffixes = ("", "-mac", "-linux", "-linux-arm64")
    assert set(documents) == {f"{name}{suffix}.yml" for name in ("latest", "beta") for suffix in suffixes}
    assert documents["beta-mac.yml"] == documents["latest-mac.yml"]


def test_the_common_architecture_comes_first_for_whom_no_name_fits_better() -> None:
    assert [file["url"].rpartition("-")[2] for file in read(offer(complete("1.0.0")))["files"]] == [
        "x64.exe",
        "arm64.exe",
    ]
    assert read(offer(complete("1.0.0")))["files"][0]["blockMapSize"] == 77


def test_linux_gets_a_file_for_each_architecture() -> None:
    assert {f["url"].rpartition(".")[2] for f in read(offer(complete("1.0.0")), "latest-linux.yml")["files"]} == {
        "AppImage",
        "deb",
    }
    (file,) = read(offer(complete("1.0.0")), "latest-linux-arm64.yml")["files"]
    assert file["url"].endswith("arm64.AppImage")


def test_a_share_is_said_and_decided_by_the_client() -> None:
    given = offer(complete("2.0.0"), complete("1.0.0"), rollout=percent(25), is_complete=False)
    assert (read(given)["version"], read(given)["stagingPercentage"]) == ("2.0.0", 25)


def test_share_of_a_release_without_windows_files_is_not_in_latest_yml() -> None:
    """Offer the older release there, which everyone gets."""
    mac_only = release("2.0.0", artifact("macos", "universal", "a.zip", "archive"))
    given = offer(mac_only, complete("1.0.0"), rollout=percent(25), is_complete=False)
    assert (read(given)["version"], read(given).get("stagingPercentage")) == ("1.0.0", None)
    assert read(given, "latest-mac.yml")["stagingPercentage"] == 25


def test_groups_cannot_be_said_so_that_the_release_before_is_offered() -> None:
    given = offer(complete("2.0.0"), complete("1.0.0"), rollout=PHASED, is_complete=False)
    assert read(given)["version"] == "1.0.0"


@pytest.mark.parametrize("version", ["2.0.0.1", "2.0", "v2.0.0", "2024-01"])
def test_a_version_that_the_client_cannot_read_is_passed_over(version: str) -> None:
    assert read(offer(complete(version), complete("1.0.0")))["version"] == "1.0.0"


def test_a_mac_without_a_zip_gets_the_last_release_that_has_one() -> None:
    only_dmg = release("2.0.0", artifact("macos", "universal", "a.dmg"))
    assert read(offer(only_dmg, complete("1.0.0")), "latest-mac.yml")["version"] == "1.0.0"


def test_a_channel_whose_name_is_no_file_name_has_only_the_usual_ones() -> None:
    documents = electron_updater.render(offer(complete("1.0.0"), channel="1.x"))
    assert set(documents) == {f"latest{suffix}.yml" for suffix in ("", "-mac", "-linux", "-linux-arm64")}


def bomb(levels: int) -> bytes:
    """Return a channel file in which each level has the one before ten times."""
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels))]
    return "\n".join([*lines, f"version: 1.0.0\nfiles: *a{levels - 1}\n"]).encode()


@pytest.mark.parametrize(
    "body",
    [bomb(30), b"a: &a x\nversion: *a\nfiles: []", b"a: &a {url: x}\nversion: 1.0.0\nfiles:\n- <<: *a", b"a: &a [*a]"],
    ids=["bomb", "version", "merge key", "itself"],
)
def test_channel_file_with_an_alias_is_refused(body: bytes) -> None:
    with pytest.raises(ForeignFeedError, match=r"line [0-9]+ has a YAML alias. Write the value itself"):
        electron_updater.load(body)


def test_channel_file_with_an_asterisk_in_a_text_is_read() -> None:
    """Positive control."""
    assert electron_updater.load(b"version: '*a'\nnotes: &a |\n  * one\n  *two\n") == {
        "version": "*a",
        "notes": "* one\n*two\n",
    }


@pytest.mark.parametrize(
    ("kernel", "min_os"), [("23.4.0", "14.4"), ("20.0.0", "11"), ("25.0.0", "26"), ("99.0.0", None), ("14.4", None)]
)
def test_kernel_in_a_feed_becomes_the_version_of_macos(kernel: str, min_os: str | None) -> None:
    file = f"files:\n- url: {HOST}/App.zip\n  sha512: {'A' * 86}==\nminimumSystemVersion: {kernel}\n"
    feed = Feed("p", "stable")
    electron_updater.parse(f"version: 1.0.0\n{file}".encode(), feed)
    (found,) = feed.releases[0]["artifacts"]
    assert found.get("min_os") == min_os
    assert (feed.remarks == []) is (min_os is not None)
