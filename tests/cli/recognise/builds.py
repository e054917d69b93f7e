"""Small files with real headers, for tests of what files are."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Mapping

PE = {"x86_64": 0x8664, "aarch64": 0xAA64, "i686": 0x14C}
ELF = {"x86_64": 62, "aarch64": 183, "i686": 3, "armv7": 40, "riscv64": 243, "s390x": 22, "loong64": 258}
MACHO = {"x86_64": 0x01000007, "aarch64": 0x0100000C}


def pe(arch: str, more: bytes = b"") -> bytes:
    """Return the header of a program for Windows."""
    return (
        b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40) + b"PE\0\0" + struct.pack("<H", PE[arch]) + bytes(64) + more
    )


def elf(arch: str, system: int = 0) -> bytes:
    """Return the header of a program for Linux, or for another system by its number."""
    bits = 1 if arch in ("i686", "armv7") else 2
    order = 2 if arch == "s390x" else 1
    head = b"\x7fELF" + bytes([bits, order, 1, system]) + bytes(8)
    return head + struct.pack("<HH" if order == 1 else ">HH", 2, ELF[arch]) + bytes(64)


def macho(*arches: str) -> bytes:
    """Return the header of a program for macOS; with several architectures a universal one."""
    if len(arches) == 1:
        return b"\xcf\xfa\xed\xfe" + struct.pack("<I", MACHO[arches[0]]) + bytes(64)
    entries = b"".join(struct.pack(">IIIII", MACHO[arch], 0, 0, 0, 0) for arch in arches)
    return b"\xca\xfe\xba\xbe" + struct.pack(">I", len(arches)) + entries + bytes(64)


def zipped(members: Mapping[str, bytes]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return body.getvalue()


def tarred(members: Mapping[str, bytes], mode: str = "w:gz") -> bytes:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return body.getvalue()


def mac_app(*arches: str) -> dict[str, bytes]:
    """Return the files of an unpacked app for macOS."""
    return {"Nova.app/Contents/Info.plist": b"<plist/>", "Nova.app/Contents/MacOS/Nova": macho(*arches)}


def deb(arch: str) -> bytes:
    control = tarred({"./control": f"Package: app\nArchitecture: {arch}\n".encode()})
    found = b"!<arch>\n"
    for name, body in (("debian-binary", b"2.0\n"), ("control.tar.gz", control), ("data.tar.xz", b"")):
        found += (
            f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(body):<10}`\n".encode() + body + b"\n" * (len(body) % 2)
        )
    return found


def rpm(arch: str) -> bytes:
    def section(entries: list[tuple[int, bytes]]) -> bytes:
        data, index = b"", b""
        for tag, value in entries:
            index += struct.pack(">IIII", tag, 6, len(data), 1)
            data += value + b"\0"
        return b"\x8e\xad\xe8\x01" + bytes(4) + struct.pack(">II", len(entries), len(data)) + index + data

    lead = b"\xed\xab\xee\xdb".ljust(96, b"\0")
    signature = section([(1000, b"x")])
    padding = bytes(-(len(lead) + len(signature)) % 8)
    return lead + signature + padding + section([(1000, b"app"), (1021, b"linux"), (1022, arch.encode())])


def compressed(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)
