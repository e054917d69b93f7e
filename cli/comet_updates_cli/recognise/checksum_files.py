"""Checksum files beside built files, such as `SHA256SUMS`, `checksums.txt` and `App.exe.sha256`.

Sources: GNU coreutils `sha256sum` (text, binary and `--tag` forms); `shasum` of Perl; GoReleaser `checksums.txt`.
"""

from __future__ import annotations

import re
from pathlib import Path

from comet_updates_cli import files
from comet_updates_cli.recognise.evidence import Evidence

_MAX_BYTES = 10_000_000
_BY_LENGTH = {40: "sha1", 64: "sha256", 128: "sha512"}
_LISTS = re.compile(
    r"sha-?(?:1|256|512)sums?(?:\.[^/]*)?|[^/]*checksums?(?:[-_.][^/]*)?\.(?:txt|sha256|sha512)|checksums?", re.I
)
_OF_ONE = re.compile(r"(.+)\.(sha1|sha256|sha512|sha256sum|sha512sum|sha1sum)", re.IGNORECASE)
_LINE = re.compile(r"\\?([0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128})(?:\s+[ *]?(.+?))?\s*")
_TAGGED = re.compile(r"SHA(?:1|256|512) \((.+)\) = ([0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128})\s*")


def is_checksum_file(name: str) -> bool:
    """Return whether a file's name is that of a checksum file."""
    return bool(_LISTS.fullmatch(name) or _OF_ONE.fullmatch(name)) and not name.lower().endswith((".sig", ".asc"))


def read(file: Path) -> list[tuple[str, Evidence]]:
    """Return the hashes in a checksum file, by the name of the file that they belong to. Other lines are left out.

    Raises:
        UnreadableFileError: the file cannot be read.
    """
    text = files.read(file, _MAX_BYTES).decode("utf-8-sig", "replace")
    one = _OF_ONE.fullmatch(file.name)
    found = []
    for line in text.splitlines():
        tagged, plain = _TAGGED.fullmatch(line), _LINE.fullmatch(line)
        name, digest = (tagged[1], tagged[2]) if tagged else (plain[2], plain[1]) if plain else (None, "")
        name = name or (one[1] if one else None)
        if name and digest:
            name = name.replace("\\", "/").rpartition("/")[2]
            found.append((name, Evidence(file.name, hashes={_BY_LENGTH[len(digest)]: digest.lower()})))
    return found
