"""Test the cases from the field: each feed of the shared folder does what its row in `feeds.tsv` says."""

from __future__ import annotations

import csv

import pytest

from tests.feeds.conftest import Move, policy_in
from tests.feeds.test_real_feeds import SHARED

FOLDER = SHARED / "cases" / "feeds"
TABLE = SHARED / "cases" / "feeds.tsv"

pytestmark = pytest.mark.skipif(
    not TABLE.exists(), reason="the cases from the field are not part of this repository, and not beside it"
)
HERE = {
    *("winsparkle-without-os.xml", "letter-versions.xml", "zone-with-colon.xml", "https-namespace.xml"),
    *("underscore-host.xml", "channels.xml", "netsparkle-os.xml", "informational-without-link.xml"),
    *("latest-hex-sha512.yml", "latest-linux.yml latest-linux-arm64.yml", "latest-staging.yml"),
    *("latest-alias-bomb.yml", "tauri-unknown-key.json", "tauri-darwin-universal.json"),
    *("releases.win-x64.json releases.win-arm64.json", "releases.beta.json"),
}


def paths(*names: str) -> list[str]:
    return [str(FOLDER / name) for name in names]


def test_every_row_of_the_table_has_a_test_here() -> None:
    with TABLE.open(encoding="utf-8") as opened:
        assert {row["file"] for row in csv.DictReader(opened, delimiter="\t")} <= HERE


def test_windows_files_without_an_os_are_for_windows(move: Move) -> None:
    said = move.succeed(*paths("winsparkle-without-os.xml"))
    assert "is taken for Windows" in said
    assert "use --os" in said
    assert [item["os"] for item in move.items()] == ["windows", "windows"]


def test_versions_with_letters_are_in_the_order_of_sparkle(move: Move) -> None:
    move.succeed(*paths("letter-versions.xml"))
    assert move.s3.json("products/nova.json")["version_scheme"] == "sparkle"
    assert [item["version"] for item in move.items()] == ["3.7.0beta11", "3.7.0beta9", "1.6.0a"]


def test_zone_with_a_colon_counts(move: Move) -> None:
    move.succeed(*paths("zone-with-colon.xml"))
    assert move.released("2.1.0")["released_at"] == "2026-11-02T11:56:55+09:00"  # 02:56:55 in UTC


def test_namespace_with_https_is_read_by_its_prefix(move: Move) -> None:
    assert "is read as Sparkle does, by its prefix" in move.succeed(*paths("https-namespace.xml"))
    assert [item["version"] for item in move.items()] == ["2.1.0"]


def test_host_with_an_underscore_is_accepted(move: Move) -> None:
    move.succeed(*paths("underscore-host.xml"))
    assert move.items()[0]["url"] == "https://my_bucket.s3.example.com/nova-2.1.0.zip"


def test_copies_of_both_channels_keep_what_they_had(move: Move) -> None:
    said = move.succeed(*paths("channels.xml"))
    assert "/v1/nova/beta/appcast-channels.xml" in said
    assert [item["version"] for item in move.items()] == ["210"]
    assert [item["version"] for item in move.items("beta")] == ["220", "210"]
    assert [(item["version"], item["channel"]) for item in move.items("beta", "appcast-channels.xml")] == [
        ("220", "beta"),
        ("210", None),
    ]


def test_systems_of_netsparkle_are_each_served(move: Move) -> None:
    move.succeed(*paths("netsparkle-os.xml"))
    assert move.systems("2.1.0") == {("linux", "x86_64"), ("macos", "x86_64"), ("macos", "aarch64")}
    assert {item["os"] for item in move.items()} == {"linux-x64", "macos-x64", "macos-arm64"}


def test_informational_item_without_a_link_is_installed(move: Move) -> None:
    assert "Sparkle ignores it without a <link>" in move.succeed(*paths("informational-without-link.xml"))
    assert move.items()[0]["url"] == "https://dl.example.com/nova-2.1.0.zip"
    assert b"informational" not in move.s3.get("public/v1/nova/stable/appcast.xml")


def test_hexadecimal_hash_and_the_v_of_a_version_are_read(move: Move) -> None:
    move.succeed(*paths("latest-hex-sha512.yml"))
    document = move.yaml("latest.yml")
    assert (document["version"], len(document["sha512"])) == ("1.1.0", 88)


def test_linux_computers_never_get_the_file_of_another(move: Move) -> None:
    move.succeed(*paths("latest-linux.yml", "latest-linux-arm64.yml"))
    assert move.yaml("latest-linux.yml")["files"][0]["url"].endswith("/Nova-1.2.1.AppImage")
    assert move.yaml("latest-linux.yml")["version"] == "1.2.1"
    assert [file["url"] for file in move.yaml("latest-linux-arm64.yml")["files"]] == [
        "https://dl.example.com/Nova-1.2.0-arm64.AppImage"
    ]


def test_policy_of_a_staged_rollout_is_accepted(move: Move) -> None:
    said = move.succeed(*paths("latest-staging.yml"))
    assert move.yaml("latest.yml")["stagingPercentage"] == 25
    assert policy_in(said) == move.s3.json("channels/nova/stable.json")


def test_yaml_aliases_are_refused_with_their_line(move: Move) -> None:
    assert "latest-alias-bomb.yml: line 2 has a YAML alias" in move.fail(*paths("latest-alias-bomb.yml"))


def test_platform_that_tauri_does_not_know_is_left_out(move: Move) -> None:
    assert "platforms.darwin-x64: left out" in move.succeed(*paths("tauri-unknown-key.json"))
    assert {"windows-x86_64", "linux-x86_64"} <= set(move.json("tauri.json")["platforms"])


def test_universal_file_of_tauri_has_its_own_name(move: Move) -> None:
    move.succeed(*paths("tauri-darwin-universal.json"))
    names = {"darwin-universal", "darwin-x86_64", "darwin-aarch64"}
    assert names <= set(move.json("tauri.json")["platforms"])


def package(version: str, arch: str, suffix: str) -> dict[str, object]:
    name = f"Nova-{version}-{suffix}-full.nupkg"
    place = {"platform": "windows", "arch": arch, "kind": "archive", "url": f"https://dl.example.com/{name}"}
    return place | {"size": 1000, "sha1": "ab" * 20, "sha256": "cd" * 32}


def test_architectures_of_velopack_keep_their_documents(move: Move) -> None:
    move.succeed(*paths("releases.win-x64.json", "releases.win-arm64.json"))
    for arch in ("x64", "arm64"):
        (asset,) = move.json(f"releases.win-{arch}.json")["Assets"]
        assert asset["FileName"] == f"https://dl.example.com/Nova-1.0.1-win-{arch}-full.nupkg"
    move.release("1.0.2", package("1.0.2", "x86_64", "win-x64"))
    assert move.json("releases.win-x64.json")["Assets"][0]["Version"] == "1.0.2"
    assert [asset["Version"] for asset in move.json("releases.win-arm64.json")["Assets"]] == ["1.0.1"]


def test_channel_of_velopack_keeps_its_document(move: Move) -> None:
    move.succeed(*paths("releases.beta.json"))
    (asset,) = move.json("releases.beta.json", "beta")["Assets"]
    assert asset["FileName"] == "https://dl.example.com/Nova-1.1.0-beta-full.nupkg"
