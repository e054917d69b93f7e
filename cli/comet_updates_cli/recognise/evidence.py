"""The evidence of one source about a built file. `decide` combines the evidence of all sources."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Kind(NamedTuple):
    """System, architecture and kind of a file."""

    platform: str
    arch: str
    kind: str


@dataclass(frozen=True)
class Evidence:
    """The evidence of one source about a file. A field that the source does not state is None or empty.

    Attributes:
        source: where it comes from, as people read it: `latest.yml`, `its header`, `its name`.
        platform: the system.
        arch: the architecture.
        kind: `installer`, `archive` or `delta`.
        bundle: the type of package, as in `Artifact.bundle`.
        version: the version that the file belongs to.
        size_bytes: its size.
        hashes: by name (`sha1`, `sha256`, `sha512`), in lower-case hexadecimal.
        signatures: by kind of signature.
        fields: further fields of the artifact: `from_version`, `package_id`, `block_map_size` and others.
        doubt: a text in the name that is not clear, such as `arm`.
    """

    source: str
    platform: str | None = None
    arch: str | None = None
    kind: str | None = None
    bundle: str | None = None
    version: str | None = None
    size_bytes: int | None = None
    hashes: dict[str, str] = field(default_factory=dict)
    signatures: dict[str, str] = field(default_factory=dict)
    fields: dict[str, object] = field(default_factory=dict)
    doubt: str = ""
