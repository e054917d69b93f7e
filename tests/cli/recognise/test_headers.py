"""Test what the content of files says, with files that have real headers."""

from __future__ import annotations

from pathlib import Path

import pytest

from comet_updates_cli.recognise import headers
from tests.cli.recognise.builds import compressed, deb, elf, mac_app, macho, pe, rpm, tarred, zipped


def read(tmp_path: Path, body: bytes, name: str = "App") -> tuple[str | None, str | None] | None:
    file = tmp_path / name
    file.write_bytes(body)
    found = headers.read(file)
    return (found.platform, found.arch) if found else None


@pytest.mark.parametrize(
    ("body", "computer"),
    [
        (pe("x86_64"), ("windows", "x86_64")),
        (pe("aarch64"), ("windows", "aarch64")),
        (pe("i686"), ("windows", "i686")),
        (pe("i686", b"NullsoftInst"), ("windows", None)),
        (pe("i686", b"Inno Setup Setup Data"), ("windows", None)),
        (elf("x86_64"), ("linux", "x86_64")),
        (elf("aarch64"), ("linux", "aarch64")),
        (elf("armv7"), ("linux", "armv7")),
        (elf("riscv64"), ("linux", "riscv64")),
        (elf("i686"), ("linux", "i686")),
        (elf("x86_64", system=9), ("freebsd", "x86_64")),
        (macho("x86_64"), ("macos", "x86_64")),
        (macho("aarch64"), ("macos", "aarch64")),
        (macho("x86_64", "aarch64"), ("macos", "universal")),
        (deb("arm64"), ("linux", "aarch64")),
        (deb("all"), ("linux", "any")),
        (rpm("x86_64"), ("linux", "x86_64")),
        (rpm("noarch"), ("linux", "any")),
        (zipped(mac_app("aarch64")), ("macos", "aarch64")),
        (zipped(mac_app("x86_64", "aarch64")), ("macos", "universal")),
        (tarred(mac_app("x86_64")), ("macos", "x86_64")),
        (tarred({"app/bin/app": elf("aarch64")}, "w:xz"), ("linux", "aarch64")),
        (zipped({"App.exe": pe("x86_64"), "resources/elevate.exe": pe("i686")}), ("windows", "x86_64")),
        (zipped({"lib/app/App.exe": pe("aarch64"), "lib/app/Squirrel.exe": pe("i686")}), ("windows", "aarch64")),
        (zipped({"a.exe": pe("x86_64"), "b.exe": pe("i686")}), ("windows", None)),
    ],
)
def test_content_shows_system_and_architecture(
    tmp_path: Path, body: bytes, computer: tuple[str | None, str | None]
) -> None:
    assert read(tmp_path, body) == computer


@pytest.mark.parametrize("body", [elf("s390x"), elf("loong64"), deb("ppc64el"), rpm("s390x")])
def test_architecture_that_releases_cannot_name_is_in_doubt(tmp_path: Path, body: bytes) -> None:
    file = tmp_path / "app"
    file.write_bytes(body)
    found = headers.read(file)
    assert found is not None
    assert (found.arch, bool(found.doubt)) == (None, True)


@pytest.mark.parametrize(
    "body",
    [
        b"MZ" + b"windows" * 1000,
        b"\x7fELF" + b"linux" * 1000,
        b"PK" + b"mac" * 1000,
        b"PK\x03\x04" + b"cut off",
        compressed(b"no archive"),
        b"\x1f\x8b" + b"x" * 100,
        b"!<arch>\ndebian-binary",
        b"\xed\xab\xee\xdb" + b"x" * 200,
        b"\xca\xfe\xba\xbe\0\0\0\x3d" + b"class" * 9,
        b"\xd0\xcf\x11\xe0" + b"msi" * 99,
        zipped({"README": b"text"}),
        b"MZ",
        b"x",
    ],
)
def test_content_that_is_broken_or_unknown_says_nothing(tmp_path: Path, body: bytes) -> None:
    assert read(tmp_path, body) is None
