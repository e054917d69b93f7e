"""The choice of each updater: which file it takes from a document, by the rules in its own source.

Sources: electron-updater 6.8.10, `out/` (`tests/clients/electron/choose.js` runs it); Sparkle at fa4eaa97,
`Sparkle/SUAppcastDriver.m` and `SPUAppcastItemStateResolver.m`, and of 2.9 `SUAppcastDriver.m` for
`minimumUpdateVersion` and `hardwareRequirements`; WinSparkle at baf83b10, `src/appcast.cpp` and `updatechecker.cpp`;
NetSparkle at 70493547, `src/NetSparkle/AppCastItem.cs` and `AppCastHandlers/AppCastHelper.cs`; tauri-plugin-updater 2,
`plugins/updater/src/updater.rs`; Squirrel.Windows at 51f5e2cb, `src/Squirrel/ReleaseEntry.cs` and
`ReleaseExtensions.cs`; Squirrel.Mac at 8d808803, `Squirrel/SQRLUpdater.m`; Velopack at af838495,
`src/lib-csharp/UpdateManager.cs`.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import semver
import yaml

from comet_updates.formats.appcast import NAMESPACE
from comet_updates.versions import compare_for_sparkle

S = f"{{{NAMESPACE}}}"
RUNS = {
    ("windows", "x64"): {"x86_64", "i686", "any", "universal"},
    ("windows", "arm64"): {"aarch64", "x86_64", "i686", "any", "universal"},
    ("macos", "x64"): {"x86_64", "any", "universal"},
    ("macos", "arm64"): {"aarch64", "x86_64", "any", "universal"},
    ("linux", "x64"): {"x86_64", "any"},
    ("linux", "arm64"): {"aarch64", "any"},
}
"""The architectures that each kind of computer runs."""


class Computer(NamedTuple):
    """A computer with an installed copy of the app.

    Attributes:
        system: `windows`, `macos` or `linux`.
        arch: as Node.js calls it.
        os: the version of the system.
        kernel: what `uname -r` or Windows calls it.
        version: the installed version.
        build: the installed build; the version if the app has none.
    """

    system: str
    arch: str
    os: tuple[int, ...]
    kernel: str
    version: str
    build: str


Rule = Callable[[dict[str, bytes], Computer], str | None]
"""Returns the URL of the file that the client takes from the documents of a channel, or None for nothing."""


def electron_updater(documents: dict[str, bytes], computer: Computer) -> str | None:
    """AppUpdater.js, Provider.js (`findFile`), MacUpdater.js (`filterFilesForArch`), NsisUpdater.js."""
    arch = "" if computer.arch == "x64" else f"-{computer.arch}"
    suffix = {"windows": "", "macos": "-mac", "linux": f"-linux{arch}"}[computer.system]
    if f"latest{suffix}.yml" not in documents:
        return None
    info = yaml.safe_load(documents[f"latest{suffix}.yml"])
    version, installed = semver.Version.parse(info["version"]), semver.Version.parse(computer.version)
    if max(version.major, version.minor, version.patch) > 2**53 - 1 or version <= installed:
        return None
    least = info.get("minimumSystemVersion")
    if least and semver.Version.parse(computer.kernel) < semver.Version.parse(least):
        return None
    urls = [file["url"] for file in info["files"]]
    if computer.system == "macos":
        arm = [url for url in urls if "arm64" in url]
        urls = arm if arm and computer.arch == "arm64" else [url for url in urls if url not in arm]
    ending = {"windows": ".exe", "macos": ".zip", "linux": ".appimage"}[computer.system]
    fitting = [url for url in urls if url.lower().endswith(ending)]
    return next((url for url in fitting if computer.arch in url), next(iter(fitting), None))


def _items(documents: dict[str, bytes]) -> Iterator[tuple[ET.Element, ET.Element]]:
    if "appcast.xml" in documents:
        for item in ET.fromstring(documents["appcast.xml"].decode()).iter("item"):
            enclosure = item.find("enclosure")
            if enclosure is not None:
                yield item, enclosure


def _text(item: ET.Element, name: str) -> str:
    return item.findtext(f"{S}{name}") or ""


def _numbers(text: str) -> tuple[int, ...]:
    return (*map(int, text.split(".")), 0, 0, 0)[:4]


def sparkle(documents: dict[str, bytes], computer: Computer) -> str | None:
    """SUAppcastDriver.m: filter by system, architecture and version, then take the highest, and the first if equal."""
    if computer.system != "macos":
        return None
    best: tuple[str, str] | None = None
    for item, enclosure in _items(documents):
        version, os = _text(item, "version"), (*computer.os, 0, 0, 0)[:4]
        least, most = _text(item, "minimumSystemVersion"), _text(item, "maximumSystemVersion")
        passes = (
            enclosure.get(f"{S}os") == "macos"
            and (not least or _numbers(least) <= os)
            and (not most or _numbers(most) >= os)
            and (_text(item, "hardwareRequirements") != "arm64" or computer.arch == "arm64")
            and compare_for_sparkle(computer.build, _text(item, "minimumUpdateVersion") or computer.build) >= 0
        )
        if passes and (best is None or compare_for_sparkle(best[0], version) < 0):
            best = version, "" if item.find(f"{S}informationalUpdate") is not None else enclosure.get("url") or ""
    return best[1] or None if best and compare_for_sparkle(best[0], computer.build) > 0 else None


def old_sparkle(documents: dict[str, bytes], computer: Computer) -> str | None:
    """Sparkle before 2.9: it does not know `hardwareRequirements`."""
    return sparkle(documents, computer._replace(arch="arm64"))


def winsparkle(documents: dict[str, bytes], computer: Computer) -> str | None:
    """appcast.cpp (`is_compatible_with_os_arch`), updatechecker.cpp: a stable sort, then the first."""
    if computer.system != "windows":
        return None
    mine = {"windows", f"windows-{computer.arch}"}
    best: tuple[str, str] | None = None
    for item, enclosure in _items(documents):
        least, version = _text(item, "minimumSystemVersion"), _text(item, "version")
        if enclosure.get(f"{S}os") not in mine or (least and _numbers(least) > (*computer.os, 0, 0, 0)[:4]):
            continue
        if best is None or compare_for_sparkle(best[0], version) < 0:
            best = version, enclosure.get("url") or ""
    return best[1] if best and compare_for_sparkle(best[0], computer.build) > 0 else None


def netsparkle(documents: dict[str, bytes], computer: Computer) -> str | None:
    """AppCastItem.cs: the system contains `win` or `linux`. AppCastHelper.cs: the first that is newer, in the order of
    the feed. It knows neither architectures nor the system's version."""
    part = {"windows": "win", "linux": "linux"}.get(computer.system)
    for item, enclosure in _items(documents):
        if part and part in (enclosure.get(f"{S}os") or ""):
            newer = compare_for_sparkle(_text(item, "version"), computer.build) > 0
            return enclosure.get("url") if newer else None
    return None


def tauri(documents: dict[str, bytes], computer: Computer) -> str | None:
    """updater.rs (`check`, `get_urls`)."""
    if "tauri.json" not in documents:
        return None
    found = json.loads(documents["tauri.json"])
    if semver.Version.parse(found["version"]) <= semver.Version.parse(computer.version):
        return None
    system = {"windows": "windows", "macos": "darwin", "linux": "linux"}[computer.system]
    arch = {"x64": "x86_64", "arm64": "aarch64"}[computer.arch]
    entry: dict[str, Any] = found["platforms"].get(f"{system}-{arch}", {})
    return entry.get("url")


def squirrel_windows(documents: dict[str, bytes], computer: Computer) -> str | None:
    """ReleaseExtensions.cs: the version is in the file's name. The highest full package wins."""
    if computer.system != "windows":
        return None
    best: tuple[list[int], str] | None = None
    for line in documents.get("RELEASES", b"").decode().splitlines():
        url = line.split()[1]
        name = re.sub(r"(-full|-delta)?\.nupkg$", "", url.rpartition("/")[2])
        found = re.search(r"\d+(\.\d+){0,3}(-[A-Za-z][0-9A-Za-z-]*)?$", name)
        assert found, name
        numbers = [*map(int, found.group().partition("-")[0].split("."))]
        assert max(numbers) < 2**31, name
        if not url.endswith("-delta.nupkg") and (best is None or numbers > best[0]):
            best = numbers, url
    installed = [*map(int, computer.version.partition("-")[0].split("."))]
    return best[1] if best and best[0] > installed else None


def squirrel_mac(documents: dict[str, bytes], computer: Computer) -> str | None:
    """SQRLUpdater.m: the entry of `currentRelease`, unless that is the running version or a lower one."""
    if computer.system != "macos" or "RELEASES.json" not in documents:
        return None
    found = json.loads(documents["RELEASES.json"])
    if semver.Version.parse(found["currentRelease"]) <= semver.Version.parse(computer.version):
        return None
    (entry,) = (one for one in found["releases"] if one["version"] == found["currentRelease"])
    return str(entry["updateTo"]["url"])


def velopack(documents: dict[str, bytes], computer: Computer) -> str | None:
    """UpdateManager.cs: the highest full package of the channel, here the default one."""
    system = {"windows": "win", "macos": "osx", "linux": "linux"}[computer.system]
    assets = json.loads(documents.get(f"releases.{system}.json", b'{"Assets": []}'))["Assets"]
    full = [asset for asset in assets if asset["Type"] == "Full"]
    assert all(int(number) < 2**31 for one in full for number in re.findall(r"\d+", one["Version"].partition("-")[0]))
    best = max(full, key=lambda asset: semver.Version.parse(asset["Version"]), default=None)
    if best is None or semver.Version.parse(best["Version"]) <= semver.Version.parse(computer.version):
        return None
    return str(best["FileName"])


ALL: tuple[Rule, ...] = (
    *(electron_updater, sparkle, old_sparkle, winsparkle, netsparkle, tauri),
    *(squirrel_windows, squirrel_mac, velopack),
)
