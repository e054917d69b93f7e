"""Test the decision: which source decides, and when nothing is decided."""

from __future__ import annotations

import pytest

from comet_updates_cli.recognise import decide
from comet_updates_cli.recognise.decide import Decision, Question
from comet_updates_cli.recognise.evidence import Evidence, Kind


def decided(name: str, *feeds: Evidence, told: Evidence | None = None, header: Evidence | None = None) -> Decision:
    found = decide.decide(name, told, feeds, header)
    assert isinstance(found, Decision), found
    return found


def question(name: str, *feeds: Evidence, header: Evidence | None = None) -> Question:
    found = decide.decide(name, None, feeds, header)
    assert isinstance(found, Question), found
    return found


LATEST = Evidence("latest-linux-arm64.yml", "linux", "aarch64")
HEADER = Evidence("its header", "linux", "riscv64")
TOLD = Evidence("--as", "windows", "x86_64", "installer")


def test_each_source_comes_before_the_next() -> None:
    """Positive control of the order: without the first source, the second one decides."""
    assert decided("App.AppImage", LATEST, told=TOLD, header=HEADER).kind == Kind("windows", "x86_64", "installer")
    assert decided("App.AppImage", LATEST).kind == Kind("linux", "aarch64", "archive")
    assert decided("App.AppImage", header=HEADER).kind == Kind("linux", "riscv64", "archive")
    assert decided("App-i386.AppImage").kind == Kind("linux", "i686", "archive")
    assert decided("App.AppImage").kind == Kind("linux", "x86_64", "archive")


def test_source_that_decided_is_named() -> None:
    assert decided("App.AppImage", LATEST).how == "latest-linux-arm64.yml"
    assert decided("App.AppImage", header=HEADER).how == "its header"
    assert decided("App-i386.AppImage").how == "its name"
    assert decided("App.AppImage").how == "its name, which has no architecture"
    assert decided("Nova.app.tar.gz").how == "its name, for all Macs"


@pytest.mark.parametrize("name", ["App-Windows-ARM.exe", "App_linux_armv6.tar.gz", "app_loong64.deb"])
def test_header_settles_a_name_that_is_not_clear(name: str) -> None:
    platform = "windows" if name.endswith(".exe") else "linux"
    assert question(name).remedy(name).startswith(f"Add --as {name}={platform}/")
    assert decided(name, header=Evidence("its header", platform, "aarch64")).kind.arch == "aarch64"


@pytest.mark.parametrize("name", ["App-x64.AppImage", "App-win32-x64.zip"])
def test_sources_that_contradict_each_other_are_a_question(name: str) -> None:
    assert "says" in question(name, header=HEADER).problem


def test_example_in_a_contradiction_follows_the_content() -> None:
    feed = Evidence("latest.yml", "windows", None, "installer")
    asked = question("App-1.0.0.zip", feed, header=Evidence("its header", "macos", "aarch64"))
    assert "latest.yml says windows, but its header says macos" in asked.problem
    assert "=macos/aarch64/" in asked.remedy("App-1.0.0.zip")


def test_thirty_two_bit_installer_is_for_the_computer_in_its_name() -> None:
    stub = Evidence("its header", "windows", "i686")
    assert decided("App-x64.exe", header=stub).kind.arch == "x86_64"
    assert decided("App.exe", header=stub).kind.arch == "i686"


@pytest.mark.parametrize("name", ["app-linux.tar.gz", "app-windows.zip", "app_1.0.0.deb", "app.bin", "App.zip"])
def test_archive_that_shows_no_architecture_is_a_question(name: str) -> None:
    question(name)


def test_name_with_spaces_is_quoted_for_the_shell() -> None:
    assert "--as 'My App=linux/x86_64/archive'" in question("My App").remedy("My App")


def test_feed_with_two_entries_for_a_file_makes_it_universal() -> None:
    feeds = [Evidence("latest.json", "macos", arch) for arch in ("x86_64", "aarch64")]
    assert decided("Nova.app.tar.gz", *feeds).kind.arch == "universal"


def test_mac_file_beside_one_for_apple_silicon_is_for_intel() -> None:
    found = {name: decided(name) for name in ("App-mac.zip", "App-arm64-mac.zip", "App.dmg")}
    arches = {name: one.kind.arch for name, one in decide.with_siblings(found, set()).items()}
    assert arches == {"App-mac.zip": "x86_64", "App-arm64-mac.zip": "aarch64", "App.dmg": "any"}


def test_program_beside_the_named_installer_is_portable() -> None:
    found = {name: decided(name) for name in ("App Setup.exe", "App.exe", "App.msi")}
    both = decide.with_siblings(found, {"App Setup.exe"})
    assert [(one.kind.kind, one.bundle) for one in both.values()] == [
        ("installer", None),
        ("archive", "portable"),
        ("installer", "msi"),
    ]
    assert decide.with_siblings(found, set()) == found


def test_installer_beside_one_for_each_architecture_is_for_all() -> None:
    names = ("App Setup.exe", "App Setup-x64.exe", "App Setup-arm64.exe")
    both = decide.with_siblings({name: decided(name) for name in names}, set(names))
    assert [one.kind.arch for one in both.values()] == ["any", "x86_64", "aarch64"]


def test_delta_says_which_version_it_updates() -> None:
    assert decided("App-1.1.0-delta.nupkg").fields == {"from_version": "the release before"}
    assert "not known" in question("App2.0-1.0.delta", Evidence("x", "macos", "universal")).problem
    sparkle = Evidence("appcast.xml", "macos", None, "delta", fields={"from_version": "1.0"})
    assert decided("App2.0-1.0.delta", sparkle).fields == {"from_version": "1.0"}
