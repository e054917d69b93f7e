"""Search for markers in every spelling in which something may have kept them. Sinks are decoded first."""

from __future__ import annotations

import base64
import binascii
import bz2
import gzip
import hashlib
import ipaddress
import lzma
import re
import sys
import urllib.parse
import zlib
from collections.abc import Callable, Iterator, Mapping

HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b", "blake2s", "sha3_256")
SPELLINGS = (
    "raw",
    "upper case",
    "without dashes",
    "reversed",
    "percent-encoded",
    "hexadecimal",
    "base64 at three alignments",
    "base64url at three alignments",
    "the other forms of an IP address: full, decimal, bytes",
    "the network of an IP address: /24, /48, /64",
    *HASHES,
)
"""The spellings in words; `spellings` makes them."""


def spellings(marker: str) -> Iterator[bytes]:
    """Yield the forms in which `marker` may have been kept; see `SPELLINGS`."""
    raw = marker.encode()
    for text in {marker, marker.upper(), marker.replace("-", ""), marker[::-1], urllib.parse.quote(marker, safe="")}:
        yield text.encode()
    yield "".join(f"%{byte:02X}" for byte in raw).encode()
    yield raw.hex().encode()
    for alignment in range(3):
        encoded = base64.b64encode(b"\0" * alignment + raw)
        yield encoded[(0, 2, 3)[alignment] : len(encoded) - 4]  # the part that does not depend on the neighbours
        yield base64.urlsafe_b64encode(b"\0" * alignment + raw)[(0, 2, 3)[alignment] : len(encoded) - 4]
    yield from _addresses(marker)
    for name in HASHES:
        digest = hashlib.new(name, raw, usedforsecurity=False)
        yield digest.hexdigest().encode()[:12]  # a truncated one, too
        yield digest.digest()[:8]
        yield base64.b64encode(digest.digest())[:12]


def _addresses(marker: str) -> Iterator[bytes]:
    try:
        address = ipaddress.ip_address(marker)
    except ValueError:
        return
    yield address.exploded.encode()
    yield str(int(address)).encode()
    yield address.packed
    for bits in (24,) if address.version == 4 else (48, 64):
        network = ipaddress.ip_network((address, bits), strict=False)
        yield str(network.network_address).encode().rstrip(b"0")


_ESCAPE = re.compile(rb"""\\(?:(?:u00|x)([0-9a-fA-F]{2})|([nrt\\'"/]))""")  # a byte as JSON and `repr` write it
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t"} | {bytes([char]): bytes([char]) for char in b"\\'\"/"}
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")
_COMPRESSED: tuple[tuple[bytes, Callable[[bytes], bytes]], ...] = (
    (b"\x1f\x8b", lambda data: zlib.decompressobj(31).decompress(data)),
    (b"x\x9c", lambda data: zlib.decompressobj().decompress(data)),
    (b"x\xda", lambda data: zlib.decompressobj().decompress(data)),
    (b"BZh", lambda data: bz2.BZ2Decompressor().decompress(data)),
    (b"\xfd7zXZ", lambda data: lzma.LZMADecompressor().decompress(data)),
)
_BROKEN = (zlib.error, OSError, lzma.LZMAError, EOFError, gzip.BadGzipFile, binascii.Error, ValueError)
DEPTH = 3


def decoded(content: bytes, depth: int = DEPTH) -> Iterator[bytes]:
    """Yield `content`, and what it contains: unescaped, decompressed and decoded from base64, `depth` times."""
    yield content
    if not depth:
        return
    for layer in _layers(content):
        if layer != content:
            yield from decoded(layer, depth - 1)


def _layers(content: bytes) -> Iterator[bytes]:
    yield _ESCAPE.sub(lambda escape: bytes([int(escape[1], 16)]) if escape[1] else _LETTERS[escape[2]], content)
    if b"%" in content:
        yield urllib.parse.unquote_to_bytes(content)
    for magic, decompress in _COMPRESSED:
        for start in (found.start() for found in re.finditer(re.escape(magic), content)):
            try:
                yield decompress(content[start:])
            except _BROKEN:
                continue
    for run in _BASE64.findall(content):
        try:
            yield base64.b64decode(run.replace(b"-", b"+").replace(b"_", b"/") + b"==")
        except _BROKEN:
            continue


WINDOW = 8
"""The number of bytes that are compared at once, as one number. Most spellings are ruled out at once in this way."""


def found(markers: Mapping[str, str], sinks: Mapping[str, bytes]) -> list[str]:
    """Return `field in sink` for every marker that is in a sink in any spelling."""
    layers = {sink: b"\n".join(dict.fromkeys(decoded(content))) for sink, content in sinks.items()}
    forms = {field: [*spellings(marker)] for field, marker in markers.items()}
    begun = _found({form[:WINDOW] for each in forms.values() for form in each}, b"\n".join(layers.values()))
    suspects = {field: [form for form in each if form[:WINDOW] in begun] for field, each in forms.items()}
    return [
        f"{field} in {sink}"
        for field, each in suspects.items()
        for sink, content in layers.items()
        if any(form in content for form in each)
    ]


def _found(beginnings: set[bytes], content: bytes) -> set[bytes]:
    """Return those `beginnings` that are in `content`. All that are shorter than a window are returned."""
    wanted = {int.from_bytes(each, sys.byteorder): each for each in beginnings if len(each) == WINDOW}
    there = set[int]()
    for start in range(WINDOW):
        windows = memoryview(content)[start : start + (len(content) - start) // WINDOW * WINDOW]
        there |= wanted.keys() & windows.cast("Q")
    return {each for each in beginnings if len(each) < WINDOW} | {wanted[number] for number in there}
