"""Test what names of built files say."""

from __future__ import annotations

import pytest

from comet_updates.formats import file_names

NAMES = {
    "App-1.0.0.dmg": ("macos", None, "installer"),
    "App-1.0.0-universal.pkg": ("macos", "universal", "installer"),
    "app_1.0.0_amd64.deb": ("linux", "x86_64", "installer"),
    "App-1.0.0-arm64.AppImage": ("linux", "aarch64", "archive"),
    "App-1.0-riscv64.AppImage": ("linux", "riscv64", "archive"),
    "App_1.0.0_x64-setup.exe": ("windows", "x86_64", "installer"),
    "App-1.0-x86-64.exe": ("windows", "x86_64", "installer"),
    "App-1.0.0-x86.exe": ("windows", "i686", "installer"),
    "App-1.0.0-ia32.msi": ("windows", "i686", "installer"),
    "APP-1.0.0-I386.DEB": ("linux", "i686", "installer"),
    "app-windows-x64.zip": ("windows", "x86_64", "archive"),
    "app-win32-x64.zip": ("windows", "x86_64", "archive"),
    "app-win64.zip": ("windows", "x86_64", "archive"),
    "app-linux-arm64.tar.gz": ("linux", "aarch64", "archive"),
    "app-linux-armv7l.tar.xz": ("linux", "armv7", "archive"),
    "app-x86_64-pc-windows-msvc.zip": ("windows", "x86_64", "archive"),
    "app-aarch64-apple-darwin.tar.gz": ("macos", "aarch64", "archive"),
    "app-armv7-unknown-linux-gnueabihf.tar.gz": ("linux", "armv7", "archive"),
    "AppARM64Setup.exe": ("windows", "aarch64", "installer"),
    "App-Intel.dmg": ("macos", "x86_64", "installer"),
    "App-x64-arm64.dmg": ("macos", "universal", "installer"),
    "Nova.app.tar.gz": ("macos", None, "archive"),
    "Nova_x64_en-US.msi.zip": ("windows", "x86_64", "archive"),
    "Darwinia-1.0.0.exe": ("windows", None, "installer"),
    "Charming-1.0.0.exe": ("windows", None, "installer"),
    "App-portable.exe": ("windows", None, "archive"),
    "Größe 1.0.0 中文.exe": ("windows", None, "installer"),
    "Lumo-1.1.0-full.nupkg": ("windows", None, "archive"),
    "Lumo-1.1.0-delta.nupkg": ("windows", None, "delta"),
    "App-1.0.0-linux-arm64-full.nupkg": ("linux", "aarch64", "archive"),
    "App-1.0.0-osx-x64-full.nupkg": ("macos", "x86_64", "archive"),
    "app_1.0.0_all.deb": ("linux", "any", "installer"),
    "app-1.0.0.noarch.rpm": ("linux", "any", "installer"),
    "app-freebsd-amd64.tar.gz": ("freebsd", "x86_64", "archive"),
    "App2.0-1.0.delta": ("macos", None, "delta"),
    "app.tar.gz": (None, None, "archive"),
    "README": (None, None, "archive"),
}


@pytest.mark.parametrize(("name", "said"), NAMES.items(), ids=NAMES)
def test_name_shows_system_architecture_and_kind(name: str, said: tuple[str | None, str | None, str]) -> None:
    found = file_names.arch(name)
    assert (file_names.platform(name), found.arch, file_names.kind(name)) == said
    assert found.doubt == ""


@pytest.mark.parametrize(
    "name",
    [
        "App_linux_armv6.tar.gz",
        "App-Windows-ARM.exe",
        "app-linux-arm.AppImage",
        "app_1.0.0_armel.deb",
        "App-1.0.0-arm64e.dmg",
        "App-arm64ec.exe",
        "app_1.0.0_loong64.deb",
        "app-1.0.0.loongarch64.rpm",
        "app-1.0.0.s390x.rpm",
        "app_1.0.0_ppc64el.deb",
        "app-linux-mips64le.tar.gz",
        "app-riscv32.AppImage",
        "app-win32.zip",
        "App-x64-arm64.exe",
    ],
)
def test_architecture_that_is_not_clear_is_in_doubt(name: str) -> None:
    found = file_names.arch(name)
    assert (found.arch, bool(found.doubt)) == (None, True)


@pytest.mark.parametrize(
    ("name", "version", "other"),
    [
        ("Glow Setup 1.9.0.exe", "2.0.0", "1.9.0"),
        ("App1.9.0.exe", "2.0.0", "1.9.0"),
        ("App-2.0.0-beta.1.exe", "2.0.0", "2.0.0-beta.1"),
        ("App-2.0.0.exe", "2.0.0-beta.1", "2.0.0"),
        ("App-2.0.0-beta.11.exe", "2.0.0-beta.1", "2.0.0-beta.11"),
        ("App-12.0.0.exe", "2.0.0", "12.0.0"),
        ("App-2.0.0.1.exe", "2.0.0", "2.0.0.1"),
        ("Glow Setup 2.0.0.exe", "2.0.0", None),
        ("App-v2.0.0.exe", "2.0.0", None),
        ("App-2.0.dmg", "2.0.0", None),
        ("app_2.0.0~beta.1_amd64.deb", "2.0.0-beta.1", None),
        ("App-2.0.0-beta1-full.nupkg", "2.0.0-beta.1", None),
        ("app-2.0.0+1-linux.deb", "2.0.0", None),
        ("app-2.0.0-1.x86_64.rpm", "2.0.0", None),
        ("App-2.0.0-arm64-mac.zip", "2.0.0", None),
        ("App-macos-14.0-arm64.zip", "2.0.0", None),
        ("app-glibc2.31-net8.0.tar.gz", "2.0.0", None),
        ("App.exe", "2.0.0", None),
        ("App-1.0.20261128103000123456.exe", "1.0.20261128103000123456", None),
    ],
)
def test_name_with_another_version_is_found(name: str, version: str, other: str | None) -> None:
    assert file_names.other_version(name, version) == other
