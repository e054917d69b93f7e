"""Test which documents stay behind the latest release, and the reason that `status` shows."""

from __future__ import annotations

from typing import Any

import pytest

from comet_updates import formats
from comet_updates.model.release import Release
from tests.formats.offers import HOST, artifact, complete, offer, percent, release

DATE = {"released_at": "2026-11-20T12:00:00Z"}
PACKAGES = [
    artifact(platform, arch, f"App-2.0.0-{platform}-{arch}-full.nupkg", "archive")
    for platform, arch in (("macos", "universal"), ("linux", "x86_64"))
]


def lags(*args: Any, **fields: Any) -> dict[str, tuple[str | None, str]]:
    return {lag.document: (lag.version, lag.why) for lag in formats.lags(offer(*args, **fields))}


def behind(*args: Any, **fields: Any) -> dict[str, tuple[str | None, str]]:
    return {name: lag for name, lag in lags(*args, **fields).items() if lag[0] is not None}


def test_release_that_has_what_every_client_needs_leaves_none_behind() -> None:
    assert behind(complete("2.0.0"), complete("1.0.0")) == {}


def windows(version: str, *arches: str) -> Release:
    files = (artifact("windows", arch, f"App-{version}-{arch}.exe") for arch in arches)
    return release(version, *files, **DATE)


def test_lag_of_32_bit_windows_names_the_file_that_its_copies_are_offered() -> None:
    """electron-updater takes the first file if no name contains `ia32`."""
    found = behind(windows("3.0.0", "x86_64"), windows("2.0.0", "x86_64", "i686"))
    why = (
        "this release has no file for 32-bit Windows. Its copies are offered the file for x86_64, which does not run"
        " there"
    )
    lag = ("2.0.0", why)
    assert {name: lag for name, lag in found.items() if name.startswith(("latest.yml", "stable.yml"))} == {
        "latest.yml (32-bit Windows)": lag,
        "stable.yml (32-bit Windows)": lag,
    }


@pytest.mark.parametrize(
    ("latest", "before"), [(["x86_64", "i686"], ["i686"]), (["any"], ["i686"]), (["x86_64"], ["x86_64"])]
)
def test_32_bit_windows_is_not_behind_with_a_file_or_without_copies(latest: list[str], before: list[str]) -> None:
    """Positive control: the app has no copies for 32 bits, or the release has a file that they run."""
    found = behind(windows("3.0.0", *latest), windows("2.0.0", *before))
    assert not [name for name in found if "32-bit" in name]


def test_lag_names_what_the_release_lacks_and_the_release_that_has_it() -> None:
    file = artifact("linux", "x86_64", "App.AppImage", signatures={})
    found = behind(release("3.0.0", file, **DATE), release("2.0.0", file, **DATE), complete("1.0.0"))
    assert found["tauri.json"] == (
        "1.0.0",
        "the files have no `minisign` signature, without which Tauri's updater installs nothing",
    )
    assert found["latest-mac.yml"] == ("1.0.0", "this release has no file for macOS")
    assert "latest-linux.yml" not in found
    assert "manifest.json" not in found


@pytest.mark.parametrize(
    ("file", "document", "why"),
    [
        (("windows", "x86_64", "a.exe"), "latest-linux.yml", "this release has no file for Linux"),
        (("linux", "x86_64", "a.AppImage"), "latest-linux-arm64.yml", "this release has no file for Linux on aarch64"),
        (
            ("macos", "universal", "a.dmg"),
            "latest-mac.yml",
            "this release has no .zip file for macOS, which electron-updater installs",
        ),
        (("windows", "x86_64", "a.exe"), "releases.linux.json", "this release has no file for Linux"),
        (("macos", "aarch64", "a.zip", "archive"), "RELEASES", "this release has no file for Windows"),
        (
            ("macos", "aarch64", "a-arm64.zip", "archive"),
            "RELEASES.json",
            "this release has no .zip file for all Macs (`universal` or `any`)",
        ),
        (
            ("windows", "x86_64", "a.exe"),
            "RELEASES",
            "this release has no .nupkg file for Windows, which Squirrel.Windows installs",
        ),
    ],
)
def test_lag_has_the_true_reason(file: tuple[str, ...], document: str, why: str) -> None:
    """Test documents that stay behind, and those that do not exist yet."""
    newer = release("2.0.0", artifact(*file), **DATE)
    assert lags(newer)[document] == (None, why)
    older = release("1.0.0", *complete_files())
    assert behind(newer, older)[document] == ("1.0.0", why)


def complete_files() -> list[dict[str, Any]]:
    every = complete("1.0.0").wire["artifacts"]
    return [*every, *(file | {"url": file["url"].replace("2.0.0", "1.0.0")} for file in PACKAGES)]


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"minimum_version": "0.9.0"}, "`minimum_version`"),
        ({"informational": True, "link": f"{HOST}/new"}, "`informational`"),
        ({"major_below_version": "1.0.0"}, "`major_below_version`"),
    ],
)
def test_rule_that_a_client_does_not_follow_leaves_its_documents_behind(fields: dict[str, Any], rule: str) -> None:
    newer = complete("2.0.0", **fields)
    found = behind(newer, complete("1.0.0"))
    for document, client in {
        "latest.yml": "electron-updater",
        "latest-mac.yml": "electron-updater",
        "latest-linux.yml": "electron-updater",
        "tauri.json": "Tauri's updater",
        "RELEASES": "Squirrel.Windows",
        "RELEASES.json": "Squirrel.Mac",
        "releases.win.json": "Velopack",
    }.items():
        assert found[document] == ("1.0.0", f"{client} does not support {rule}")
    asks_anyway = rule == "`major_below_version`"  # WinSparkle and NetSparkle do not install by themselves
    assert ("appcast.xml (Windows)" not in found) is asks_anyway
    assert "feed.atom" not in found


@pytest.mark.parametrize("floor", [{"max_os": "26.1"}, {"hosts": {"other-app": {}}}], ids=str)
def test_condition_of_a_file_leaves_documents_behind(floor: dict[str, Any]) -> None:
    files = [file | floor for file in complete("2.0.0").wire["artifacts"] if file["platform"] == "macos"]
    found = behind(release("2.0.0", *files, **DATE), complete("1.0.0"))
    (rule,) = floor
    assert found["latest-mac.yml"] == ("1.0.0", f"electron-updater does not support `{rule}`")
    assert found["RELEASES.json"] == ("1.0.0", f"Squirrel.Mac does not support `{rule}`")
    assert found["tauri.json"] == ("1.0.0", f"Tauri's updater does not support `{rule}`")
    assert found.get("appcast.xml", ("1.0.0", "")) == (
        "1.0.0",
        "Sparkle does not support `hosts`" if rule == "hosts" else "",
    )


def test_lowest_system_is_a_rule_for_clients_that_cannot_express_it() -> None:
    files = [file | {"min_os": "14.4"} for file in complete("2.0.0").wire["artifacts"] if file["platform"] == "macos"]
    found = behind(release("2.0.0", *files, **DATE), complete("1.0.0"))
    assert found["tauri.json"] == ("1.0.0", "Tauri's updater does not support `min_os`")
    assert not {"latest-mac.yml", "appcast.xml"} & found.keys()


def test_release_is_found_however_far_behind_it_is() -> None:
    bare = [release(f"2.{minor}.0", **DATE) for minor in range(40, 0, -1)]
    found = behind(*bare, complete("1.1.0"), complete("1.0.0"))
    assert {version for version, _ in found.values()} == {"1.1.0"}
    assert {"tauri.json", "latest.yml", "appcast.xml", "RELEASES"} <= set(found)


def test_rollout_that_a_client_cannot_follow_is_the_reason_while_it_lasts() -> None:
    found = behind(complete("2.0.0"), complete("1.0.0"), rollout=percent(10), is_complete=False)
    assert found["tauri.json"] == ("1.0.0", "Tauri's updater does not support a rollout by percent")
    assert "latest.yml" not in found


def test_part_of_an_appcast_that_is_behind_is_named() -> None:
    only_mac = release("2.0.0", artifact("macos", "universal", "a.zip", "archive"), **DATE)
    assert behind(only_mac, complete("1.0.0"))["appcast.xml (Windows)"] == (
        "1.0.0",
        "this release has no file for Windows",
    )
    assert "appcast.xml" not in behind(only_mac, complete("1.0.0"))


def test_channel_that_includes_others_leaves_none_behind() -> None:
    assert behind(complete("2.0.0", channel="beta"), complete("1.0.0"), channel="beta") == {}


def test_nothing_is_behind_where_nothing_is_offered() -> None:
    assert lags(complete("1.0.0"), yanked=("1.0.0",)) == {}


def test_lag_is_what_the_document_shows() -> None:
    """Test that the reasons and the documents agree: both come from the same place."""
    given = offer(release("2.0.0", artifact("windows", "x86_64", "a.exe"), **DATE), complete("1.0.0"))
    for lag in (lag for lag in formats.lags(given) if "(" not in lag.document):
        body = formats.render(given).get(lag.document, b"")
        assert (lag.version is None) == (body == b"")
        assert b"2.0.0" not in body
