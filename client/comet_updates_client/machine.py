"""The platform and architecture of this computer, in a manifest's terms. They are never sent."""

from __future__ import annotations

import platform
import re
from typing import NamedTuple

SYSTEMS = {"Darwin": "macos", "Windows": "windows", "Linux": "linux"}
ARCHES = {
    **dict.fromkeys(("amd64", "x86_64", "x64"), "x86_64"),
    **dict.fromkeys(("arm64", "aarch64"), "aarch64"),
    **dict.fromkeys(("x86", "i386", "i486", "i586", "i686"), "i686"),
    **dict.fromkeys(("armv7", "armv7l"), "armv7"),
}


class Computer(NamedTuple):
    """The computer that a file must fit.

    Attributes:
        platform: as in an artifact.
        arch: as in an artifact.
        os_version: dotted numbers: the version of macOS or of Windows (`10.0.26100`), or else of the kernel. Empty if
            not known.
    """

    platform: str
    arch: str
    os_version: str


def this() -> Computer:
    """Return this computer."""
    system, machine = platform.system(), platform.machine().lower()
    version = {"Darwin": platform.mac_ver()[0], "Windows": platform.version()}.get(system, platform.release())
    numbers = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    return Computer(SYSTEMS.get(system, system.lower()), ARCHES.get(machine, machine), numbers[0] if numbers else "")
