"""The words that pages use for systems, processors, packages, languages and rollouts."""

from __future__ import annotations

import re
from datetime import timedelta

from comet_updates.model.channel import Rollout
from comet_updates.model.release import Artifact

SYSTEMS = {"windows": "Windows", "macos": "macOS", "linux": "Linux", "android": "Android", "freebsd": "FreeBSD"}
_PROCESSORS = {
    "x86_64": "64-bit Intel or AMD",
    "aarch64": "64-bit ARM",
    "i686": "32-bit Intel or AMD",
    "armv7": "32-bit ARM",
    "riscv64": "64-bit RISC-V",
    "universal": "all processors",
    "any": "all processors",
}
_MAC_PROCESSORS = {"x86_64": "Intel", "aarch64": "Apple silicon", "universal": "Intel and Apple silicon"}
_PACKAGES = {
    "appimage": "AppImage",
    "deb": "Debian package (.deb)",
    "dmg": "disk image (.dmg)",
    "flatpak": "Flatpak",
    "rpm": "RPM package (.rpm)",
    "snap": "Snap package",
}
"""The names of packages that people know, by the ending of the file or its `bundle`."""
_ENDING = re.compile(r"\.((?:tar\.)?[a-z][a-z0-9]{0,9})\Z")

LANGUAGES = {
    "ar": "العربية",
    "bg": "Български",
    "ca": "Català",
    "cs": "Čeština",
    "da": "Dansk",
    "de": "Deutsch",
    "el": "Ελληνικά",
    "en": "English",
    "es": "Español",
    "et": "Eesti",
    "fa": "فارسی",
    "fi": "Suomi",
    "fr": "Français",
    "he": "עברית",
    "hi": "हिन्दी",
    "hr": "Hrvatski",
    "hu": "Magyar",
    "id": "Indonesia",
    "it": "Italiano",
    "ja": "日本語",
    "ko": "한국어",
    "lt": "Lietuvių",
    "lv": "Latviešu",
    "nb": "Norsk bokmål",
    "nl": "Nederlands",
    "pl": "Polski",
    "pt": "Português",
    "ro": "Română",
    "ru": "Русский",
    "sk": "Slovenčina",
    "sl": "Slovenščina",
    "sr": "Српски",
    "sv": "Svenska",
    "th": "ไทย",
    "tr": "Türkçe",
    "uk": "Українська",
    "vi": "Tiếng Việt",
    "zh": "中文",
}
"""The names of languages in the language itself, by tag."""


def system(artifact: Artifact) -> str:
    """Return the name of the system that the file is for."""
    return SYSTEMS.get(artifact.platform, artifact.platform)


def processor(artifact: Artifact) -> str:
    """Return the processors that the file is for, in the words of its system's users."""
    own = _MAC_PROCESSORS if artifact.platform == "macos" else _PROCESSORS
    return own.get(artifact.arch, _PROCESSORS[artifact.arch])


def package(artifact: Artifact, *, is_first_word: bool = False) -> str:
    """Return the type of the file, such as `AppImage` or `installer (.exe)`."""
    found = _ENDING.search((artifact.file_name or artifact.url_name).lower())
    ending = found[1] if found else ""
    name = _PACKAGES.get(ending or (artifact.bundle or ""))
    name = name or (f"{artifact.kind} (.{ending})" if ending else artifact.kind)
    return name[0].upper() + name[1:] if is_first_word else name


def language(tag: str) -> str:
    """Return the language's own name, with the rest of its tag; the tag if the name is not known."""
    primary, dash, rest = tag.partition("-")
    name = LANGUAGES.get(primary.lower())
    return tag if name is None else f"{name} ({rest})" if dash else name


def rollout(decided: Rollout | None) -> str:
    """Return a sentence about how many copies the latest release reaches."""
    if decided is None:
        return "It is offered to everyone."
    if decided.percent is not None:
        return (
            f"It is rolling out to {decided.percent} percent of the copies. "
            "Each copy decides itself whether it is among them, and tells nobody."
        )
    interval_s, groups = decided.interval or 0, decided.groups or 1
    said = f"It is rolling out in {groups} groups, one every {_interval(interval_s)}"
    if decided.start:
        end = decided.start + timedelta(seconds=interval_s) * (groups - 1)
        said += f" from {_day(decided)} on; by {end.day} {end:%B %Y} it has reached everyone"
    return f"{said}. Each copy drew its group itself, and tells nobody."


def _day(decided: Rollout) -> str:
    return f"{decided.start.day} {decided.start:%B %Y}" if decided.start else ""


def _interval(seconds: int) -> str:
    units = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
    unit, unit_s = next(found for found in units if seconds % found[1] == 0)
    return unit if seconds == unit_s else f"{seconds // unit_s} {unit}s"
