"""Reads system, architecture, kind and version from the name of a built file. Each has one table.

Sources: electron-builder `packages/builder-util/src/arch.ts` (`getArtifactArchName`), Velopack
`src/vpk/Velopack.Core/DefaultName.cs`, Tauri `crates/tauri-bundler/src/bundle/`, Rust's target triples, and the
architecture names of Debian, RPM, Go and Node.js.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Ending(NamedTuple):
    """The meaning of an ending of a file's name.

    Attributes:
        text: the ending, in lower case.
        platform: the system, or None if files of several systems have this ending.
        kind: `installer`, `archive` or `delta`.
        bundle: the type of package, or None.
    """

    text: str
    platform: str | None
    kind: str
    bundle: str | None = None


ENDINGS = (
    Ending(".app.tar.gz", "macos", "archive", "app"),
    Ending(".app.zip", "macos", "archive"),
    Ending(".appimage.tar.gz", "linux", "archive", "appimage"),
    Ending(".nsis.zip", "windows", "archive", "nsis"),
    Ending(".msi.zip", "windows", "archive", "msi"),
    Ending(".pkg.tar.zst", "linux", "installer", "pacman"),
    Ending(".pkg.tar.xz", "linux", "installer", "pacman"),
    Ending("-setup.exe", "windows", "installer", "nsis"),
    Ending(".exe", "windows", "installer"),
    Ending(".msi", "windows", "installer", "msi"),
    Ending(".msix", "windows", "installer"),
    Ending(".msixbundle", "windows", "installer"),
    Ending(".appx", "windows", "installer"),
    Ending(".appxbundle", "windows", "installer"),
    Ending(".dmg", "macos", "installer"),
    Ending(".pkg", "macos", "installer"),
    Ending(".aar", "macos", "archive"),
    Ending(".appimage", "linux", "archive", "appimage"),
    Ending(".deb", "linux", "installer", "deb"),
    Ending(".rpm", "linux", "installer", "rpm"),
    Ending(".pacman", "linux", "installer"),
    Ending(".snap", "linux", "installer"),
    Ending(".flatpak", "linux", "installer"),
    Ending("-delta.nupkg", None, "delta"),
    Ending(".nupkg", None, "archive"),
    Ending(".delta", "macos", "delta"),
    *(Ending(text, None, "archive") for text in (".zip", ".7z", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz")),
    *(Ending(text, None, "archive") for text in (".tar.bz2", ".tbz2", ".tar.zst")),
)
"""The endings of files that people install or updaters read. The first match counts."""

PACKAGE = ".nupkg"
PORTABLE = "portable"
"""The `bundle` of a program that runs without being installed. No updater can replace an installed app by it."""

WINDOWS = r"win|win32|win64|windows"

_PLATFORMS = (
    (re.compile(rf"(?<![a-z0-9])({WINDOWS}|mswin|mingw(?:32|64)?)(?![a-z])"), "windows"),
    (re.compile(r"(?<![a-z0-9])(mac|macos|macosx|osx|darwin)(?![a-z])"), "macos"),
    (re.compile(r"(?<![a-z0-9])(linux|linux32|linux64|ubuntu|debian|fedora)(?![a-z])"), "linux"),
    *((re.compile(rf"(?<![a-z0-9]){name}(?![a-z])"), name) for name in ("freebsd", "openbsd", "netbsd", "android")),
)

# Where a name writes two words together, as in `AppARM64Setup.exe`, the long names are found inside, too.
_ARCHES = (
    (r"x86[-_. ]?64|amd64|(?<![a-z0-9])(?:x64|win64|linux64|lin64|64[-_ ]?bit)(?![a-z0-9])", "x86_64"),
    (r"(?:arm64|aarch64)(?:v8)?(?![a-z0-9]|_be|_32)|(?:arm64|aarch64)(?=setup|installer|portable)", "aarch64"),
    (r"apple[-_. ]?silicon|(?<![a-z0-9])armv8l?(?![a-z0-9])", "aarch64"),
    (r"ia32|i[3-6]86|(?<![a-z0-9])(?:x86(?![-_. ]?64)|x32|linux32|32[-_ ]?bit)(?![a-z0-9])", "i686"),
    (r"armhf|armv7(?:l|hf|a|-a)?(?![a-z0-9])|arm32v7|armeabi-v7a", "armv7"),
    (r"riscv64(?:gc)?(?![a-z0-9])", "riscv64"),
    (r"(?<![a-z0-9])universal2?(?![a-z0-9])", "universal"),
)
_DOUBTFUL = (
    r"arm64e|arm64ec|arm64x|arm64_32|aarch64_be|armv[0-9][a-z0-9]*|armel|armeb|arm32|(?<![a-z0-9])arm(?![a-z0-9])"
    r"|loong(?:arch)?(?:64|32)|s390x?|ppc(?:64)?(?:le|el)?(?![a-z0-9])|powerpc(?:64)?(?:le)?"
    r"|(?<![a-z0-9])(?:mips|sparc)[a-z0-9]*|riscv(?:32)?(?![a-z0-9])"
    r"|(?<![a-z0-9])(?:ia64|itanium|m68k|hppa|sh4|wasm|wasm32|win32)(?![a-z0-9])"
)
"""Architectures that releases cannot name, and names that stand for several architectures."""

ARCHES = ("x86_64", "aarch64", "i686", "armv7", "riscv64", "universal", "any")
"""The architectures that a release can name."""

ASSUMED_X86_64 = (".exe", ".msi", ".appimage", ".nupkg", "-win.zip", ".pacman", ".snap")
"""Endings of the files that electron-builder, Squirrel and Velopack name without an architecture if it is x86_64.

Source: electron-builder `packages/builder-util/src/arch.ts` (`getArchSuffix`: none for x64), Velopack `DefaultName.cs`.
"""


def ending(name: str) -> Ending | None:
    """Return what the ending of a file's name says, or None if the ending is not known."""
    return next((known for known in ENDINGS if name.lower().endswith(known.text)), None)


def platform(name: str) -> str | None:
    """Return the system of a file: by its ending, else by a word in its name; None if neither shows it."""
    known = ending(name)
    if known and known.platform:
        return known.platform
    named = next((found for pattern, found in _PLATFORMS if pattern.search(name.lower())), None)
    return named or ("windows" if name.lower().endswith(PACKAGE) else None)


class Arch(NamedTuple):
    """The architecture in a name.

    Attributes:
        arch: the architecture, or None if the name has none or it is not clear.
        doubt: the text that is not clear; empty if there is none.
    """

    arch: str | None
    doubt: str


def arch(name: str) -> Arch:
    """Return the architecture in a file's name.

    A name with several architectures is not clear, except on macOS, where one file can be for Intel and Apple silicon.
    """
    text = name.lower()
    known = {found: hit[0] for pattern, found in _ARCHES if (hit := re.search(pattern, text))}
    doubtful = re.search(_DOUBTFUL, text)
    if doubtful and not (doubtful[0] == "win32" and known) and not _is_part_of_known(doubtful[0], known):
        return Arch(None, doubtful[0])
    if not known and platform(name) == "macos" and re.search(r"(?<![a-z0-9])intel(?![a-z0-9])", text):
        return Arch("x86_64", "")
    if not known and re.search(r"(?:_all\.deb|\.noarch\.rpm|-any\.pkg\.tar\.(?:zst|xz))$", text):
        return Arch("any", "")
    if len(known) > 1 and platform(name) == "macos" and known.keys() <= {"x86_64", "aarch64", "universal"}:
        return Arch("universal", "")
    if len(known) > 1:
        return Arch(None, " and ".join(known.values()))
    return Arch(next(iter(known), None), "")


def _is_part_of_known(doubtful: str, known: dict[str, str]) -> bool:
    return any(doubtful in text or text in doubtful for text in known.values()) and not re.match(
        r"arm64e|arm64x|arm64_|aarch64_", doubtful
    )


def kind(name: str) -> str:
    """Return the kind of a file with this name: `installer`, `archive` or `delta`."""
    known = ending(name)
    return "archive" if known is None or is_portable(name) else known.kind


def is_portable(name: str) -> bool:
    """Return whether the name says that the program runs without being installed."""
    return re.search(r"(?<![a-z0-9])portable(?![a-z0-9])", name.lower()) is not None and name.lower().endswith(".exe")


_BEFORE_OTHER_NUMBERS = (
    r"macos|macosx|osx|darwin|mac|windows|win|ubuntu|debian|fedora|glibc|gnu|musl|linux|manylinux|el|fc"
)
"""Words whose numbers are of a system or a library, not of the app."""

_LIKE_A_VERSION = re.compile(
    rf"(?<![0-9.+])(?P<before>(?:(?:{_BEFORE_OTHER_NUMBERS})[-_ ]?)?)v?(?P<core>[0-9]+(?:\.[0-9]+){{1,3}})"
    r"(?P<pre>[-._~ ]?(?:alpha|beta|rc|pre|preview|dev|nightly|canary|next|snapshot|insiders)(?:[-._]?[0-9]+)*)?"
    r"(?![0-9])",
    re.IGNORECASE,
)


def other_version(name: str, version: str) -> str | None:
    """Return the version in a file's name if it differs from `version`, or None.

    A name without a version is not of another version. Zeros at the end make no difference: 2.0 is 2.0.0.
    """
    ours = _LIKE_A_VERSION.match(version.removeprefix("v"))
    if ours is None or _contains(name, version):
        return None
    found = [hit for hit in _LIKE_A_VERSION.finditer(name) if not hit["before"] and not _is_of_a_word(name, hit)]
    same = [hit for hit in found if _numbers(hit["core"]) == _numbers(ours["core"])]
    if not found or any(_plain(hit["pre"] or "") == _plain(ours["pre"] or "") for hit in same):
        return None
    other = (same or found)[0]
    return other["core"] + (other["pre"] or "")


def _is_of_a_word(name: str, hit: re.Match[str]) -> bool:
    """Return whether two numbers follow a word directly, as in `net8.0` and `python3.11`."""
    return hit.start() > 0 and name[hit.start() - 1].isalpha() and hit["core"].count(".") == 1


def _contains(name: str, version: str) -> bool:
    """Return whether a name contains the whole version, with any separators, and no pre-release after it."""
    whole = version.removeprefix("v")
    for text in {whole, whole.partition("+")[0]}:
        parts = [re.escape(part) for part in re.split(r"[^0-9A-Za-z]+", text)]
        hit = re.search(rf"(?<![0-9])(?<![0-9]\.){'[-._~+ ]*'.join(parts)}(?![0-9]|\.[0-9])", name, re.IGNORECASE)
        if hit:
            after = _LIKE_A_VERSION.match(f"0.0{name[hit.end() :]}")
            return after is None or not after["pre"]
    return False


def _numbers(core: str) -> tuple[int, ...]:
    numbers = [int(part) for part in core.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _plain(text: str) -> str:
    return re.sub(r"[^0-9a-z]", "", text.lower())
