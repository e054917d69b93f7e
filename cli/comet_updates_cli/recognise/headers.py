"""Reads system and architecture from the content of a file: from a program, or from the programs in an archive.

Sources: Microsoft "PE Format" (machine types); System V ABI and `elf.h` (`e_machine`); Apple `mach-o/loader.h`,
`mach-o/fat.h` and `mach/machine.h`; Debian `deb(5)`; RPM "Package format" (tags 1022 and 1021); AppImage specification
(the runtime is an ELF program for the computer of the app).
"""

from __future__ import annotations

import io
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from comet_updates_cli import files
from comet_updates_cli.recognise.evidence import Evidence

_PE = {0x8664: "x86_64", 0xAA64: "aarch64", 0x14C: "i686", 0x1C4: "armv7", 0x5064: "riscv64"}
_ELF = {62: "x86_64", 183: "aarch64", 3: "i686", 40: "armv7", 243: "riscv64"}
_ELF_64_BIT = 2
_ELF_FREEBSD, _ELF_OPENBSD = 9, 12
_MACHO = {0x01000007: "x86_64", 0x0100000C: "aarch64"}
_DEBIAN = {"amd64": "x86_64", "arm64": "aarch64", "i386": "i686", "armhf": "armv7", "riscv64": "riscv64", "all": "any"}
_RPM = {"x86_64": "x86_64", "aarch64": "aarch64", "i386": "i686", "i486": "i686", "i586": "i686", "i686": "i686"} | {
    "armv7hl": "armv7",
    "riscv64": "riscv64",
    "noarch": "any",
}
_RPM_ARCH = 1022

HEAD_BYTES = 4096
_STUB_BYTES = 1 << 20
_STUBS = (b"Nullsoft", b"Inno Setup", b"Squirrel", b".wixburn", b"Velopack", b"InstallShield", b"Advanced Installer")
"""Installers whose own program is 32-bit, also if they install a program for 64 bits."""

_MEMBERS_MAX = 5_000
_UNPACKED_MAX_BYTES = 1 << 30
_MAC_PROGRAM = re.compile(r"(?:^|/)[^/]+\.app/Contents/MacOS/[^/]+$")
_PROGRAM_DEPTH = 4
"""How many folders deep a program is. Velopack's package has it in `lib/app/`."""


def read(file: Path) -> Evidence | None:
    """Return what the content of a file says, or None if it says nothing.

    Raises:
        UnreadableFileError: the file cannot be read.
    """
    with files.opened(file) as opened:
        head = opened.read(HEAD_BYTES)
        try:
            return _program(opened, head) or _package(opened, head) or _archive(file, opened, head)
        except (struct.error, tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError):
            return None  # the content is not complete, or is not what it seems to be
        except (ValueError, NotImplementedError, RuntimeError, UnicodeDecodeError):
            return None  # as above; `zipfile` raises these for encrypted or unknown forms


def _program(opened: IO[bytes], head: bytes) -> Evidence | None:
    found = _program_of(head)
    if found is None:
        return None
    platform, arch = found
    if (platform, arch) == ("windows", "i686"):
        opened.seek(0)
        start = opened.read(_STUB_BYTES)
        if any(stub in start for stub in _STUBS):
            arch = None
    return _evidence("its header", platform, arch)


def _evidence(source: str, platform: str, arch: str | None, kind: str | None = None) -> Evidence:
    """Return the evidence; an empty `arch` is one that releases cannot name."""
    bundle = kind if kind in ("deb", "rpm") else None
    doubt = "" if arch != "" else f"the architecture in {source}"
    return Evidence(source, platform, arch or None, "installer" if bundle else None, bundle, doubt=doubt)


def _program_of(head: bytes) -> tuple[str, str | None] | None:
    """Return the system and architecture of a program, from its first bytes; None if it is not a program."""
    if head.startswith(b"MZ") and len(head) > 64:  # noqa: PLR2004 (the size of the old header)
        at = struct.unpack_from("<I", head, 0x3C)[0]
        if head[at : at + 4] == b"PE\0\0":
            return "windows", _PE.get(struct.unpack_from("<H", head, at + 4)[0], "")
        return None
    if head.startswith(b"\x7fELF") and head[4:6] in (b"\x01\x01", b"\x02\x01", b"\x01\x02", b"\x02\x02"):
        order = "<" if head[5] == 1 else ">"
        machine = struct.unpack_from(f"{order}H", head, 18)[0]
        system = {_ELF_FREEBSD: "freebsd", _ELF_OPENBSD: "openbsd"}.get(head[7], "linux")
        is_known = order == "<" and (machine in (3, 40)) == (head[4] != _ELF_64_BIT)
        return system, _ELF.get(machine, "") if is_known else ""
    return _mac_program(head)


def _mac_program(head: bytes) -> tuple[str, str | None] | None:
    magic = head[:4]
    if magic in (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe"):
        return "macos", _MACHO.get(struct.unpack_from("<I", head, 4)[0], "")
    if step := {b"\xca\xfe\xba\xbe": 20, b"\xca\xfe\xba\xbf": 32}.get(magic):
        count = struct.unpack_from(">I", head, 4)[0]
        if not 0 < count < 20:  # noqa: PLR2004 (a Java class has its version here, which is higher)
            return None
        found = {_MACHO.get(struct.unpack_from(">I", head, 8 + step * index)[0], "") for index in range(count)} - {""}
        return "macos", "universal" if len(found) > 1 else next(iter(found), "")
    return None


def _package(opened: IO[bytes], head: bytes) -> Evidence | None:
    if head.startswith(b"!<arch>\ndebian-binary"):
        found = re.search(r"^Architecture: *(\S+)", _control(opened), re.MULTILINE)
        return _evidence("its control file", "linux", _DEBIAN.get(found[1], ""), "deb") if found else None
    if head.startswith(b"\xed\xab\xee\xdb"):
        arch = _rpm_arch(opened)
        return _evidence("its header", "linux", _RPM.get(arch, ""), "rpm") if arch else None
    return None


def _control(opened: IO[bytes]) -> str:
    """Return the control file of a Debian package; empty if it cannot be read."""
    opened.seek(8)
    while len(header := opened.read(60)) == 60:  # noqa: PLR2004 (the size of a header of `ar`)
        name, size = header[:16].decode("latin-1").strip(), int(header[48:58])
        body = opened.read(size + size % 2)
        if name.startswith("control.tar"):
            with tarfile.open(fileobj=io.BytesIO(body)) as archive:
                for member in archive:
                    if member.name.removeprefix("./") == "control" and (control := archive.extractfile(member)):
                        return control.read(1 << 20).decode("utf-8", "replace")
            return ""
    return ""


def _rpm_arch(opened: IO[bytes]) -> str:
    opened.seek(96)  # the lead
    _rpm_section(opened)  # the signatures
    opened.seek(-(-opened.tell() // 8) * 8)
    entries, data = _rpm_section(opened)
    for tag, _, offset, _ in struct.iter_unpack(">IIII", entries):
        if tag == _RPM_ARCH:
            return data[offset : data.index(b"\0", offset)].decode("ascii")
    return ""


def _rpm_section(opened: IO[bytes]) -> tuple[bytes, bytes]:
    magic, count, size = struct.unpack(">8sII", opened.read(16))
    if not magic.startswith(b"\x8e\xad\xe8") or count > 1 << 16 or size > 1 << 28:
        raise ValueError("not a header of RPM")
    return opened.read(16 * count), opened.read(size)


def _archive(file: Path, opened: IO[bytes], head: bytes) -> Evidence | None:
    if head.startswith(b"PK\x03\x04"):
        members = _in_zip(file)
    elif head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")) or head[257:262] == b"ustar":
        opened.seek(0)
        members = _in_tar(opened)
    else:
        return None
    return _inside(members)


def _inside(members: Iterable[tuple[str, bytes]]) -> Evidence | None:
    """Return what the programs in an archive say. Programs of several systems or architectures say nothing."""
    found: set[tuple[str, str | None]] = set()
    for name, head in members:
        if program := _program_of(head):
            if _MAC_PROGRAM.search(name):
                return _evidence(f"{name.rpartition('/')[2]} in it", *program)
            found.add(program)
    if len(found) == 1:
        return _evidence("the programs in it", *found.pop())
    systems = {platform for platform, _ in found}
    return Evidence("the programs in it", systems.pop()) if len(systems) == 1 else None


_HELPERS = re.compile(r"(?:^|/)(?:update|squirrel|elevate|createdump|uninst[a-z]*|[^/]*_executionstub)\.exe$")
"""Programs that installers and updaters add. Their architecture may differ from that of the app."""


def _may_be_program(name: str) -> bool:
    is_library = _HELPERS.search(name.lower()) or re.search(
        r"\.(?:dll|so(?:\.[0-9.]+)?|dylib|node|o|a|py|txt|json|pak|dat|png)$", name.lower()
    )
    return bool(_MAC_PROGRAM.search(name)) or (name.count("/") < _PROGRAM_DEPTH and not is_library)


def _in_zip(file: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(file) as archive:
        names = [info for info in archive.infolist()[:_MEMBERS_MAX] if not info.is_dir()]
        # A program of macOS comes first: it decides alone.
        for info in sorted(names, key=lambda info: not _MAC_PROGRAM.search(info.filename)):
            if _may_be_program(info.filename):
                with archive.open(info) as member:
                    yield info.filename, member.read(HEAD_BYTES)


def _in_tar(opened: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    unpacked = 0
    with tarfile.open(fileobj=opened, mode="r|*") as archive:
        for number, member in enumerate(archive):
            unpacked += member.size
            if number > _MEMBERS_MAX or unpacked > _UNPACKED_MAX_BYTES:
                return
            if member.isfile() and _may_be_program(member.name) and (inner := archive.extractfile(member)):
                yield member.name, inner.read(HEAD_BYTES)
