"""A release and its artifacts, as pipelines upload them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, Tag, model_validator

from comet_updates.model.fields import (
    ARTIFACTS_MAX,
    LANGUAGES_MAX,
    ONE_LINE,
    SIZE_MAX_BYTES,
    ChannelName,
    Label,
    Language,
    Notes,
    ProductName,
    Schema,
    Sha1,
    Sha256,
    Sha512,
    StrictDocument,
    Timestamp,
    Token,
    Uploaded,
    Url,
    Version,
    either,
)

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class Critical(StrictDocument):
    """An update that is critical for users of a version older than `below_version`."""

    below_version: Label


class Informational(StrictDocument):
    """An update that is only a link to a page, for users of these versions."""

    versions: Annotated[list[Label], Field(max_length=1_000)] = []
    below_version: Label | None = None


class HostVersions(StrictDocument):
    """The versions of a host application that an add-on works with."""

    min_version: Label | None = None
    max_version: Label | None = None


class Artifact(StrictDocument):
    """One downloadable file of a release."""

    platform: Annotated[Token, Field(description="`windows`, `macos`, `linux`, or another name of the same form.")]
    arch: Literal["x86_64", "aarch64", "i686", "armv7", "riscv64", "universal", "any"]
    kind: Literal["installer", "archive", "delta"]
    url: Annotated[Url, Field(description="The URL of the file. HTTPS only.")]
    size: Annotated[int, Field(ge=1, le=SIZE_MAX_BYTES, description="The size of the file, in bytes.")] | None = None
    sha256: Sha256 | None = None
    sha512: Sha512 | None = None
    sha1: Annotated[
        Sha1 | None, Field(description="Only for Squirrel and Velopack, which require it. Verify files by the others.")
    ] = None
    signatures: Annotated[
        dict[Token, Annotated[str, StringConstraints(min_length=1, max_length=10_000)]],
        Field(
            max_length=20, description="By kind: `ed25519` (Sparkle), `dsa`, `minisign` (Tauri), … Published unchanged."
        ),
    ] = {}
    min_os: Label | None = None
    max_os: Label | None = None
    from_version: Annotated[
        Label | None, Field(description="The version that a delta updates, as the client writes it.")
    ] = None
    file_name: Annotated[Label | None, Field(description="The file's name, if the URL does not end with it.")] = None
    media_type: Label | None = None
    bundle: Annotated[Token | None, Field(description="`appimage`, `deb`, `rpm`, `app`, `nsis`, `msi`, …")] = None
    package_id: Annotated[Label | None, Field(description="The client's name for the package or add-on.")] = None
    from_executable_size: Annotated[
        int | None,
        Field(ge=1, le=SIZE_MAX_BYTES, description="`sparkle:deltaFromSparkleExecutableSize` of a delta, in bytes."),
    ] = None
    from_locales: Annotated[
        Label | None, Field(description="`sparkle:deltaFromSparkleLocales` of a delta, with commas.")
    ] = None
    installation_type: Annotated[
        Literal["application", "package", "interactive-package"] | None, Field(description="Sparkle's name for it.")
    ] = None
    block_map_size: (
        Annotated[int, Field(ge=1, le=SIZE_MAX_BYTES, description="`blockMapSize` of electron-updater, in bytes.")]
        | None
    ) = None
    installer_arguments: Annotated[str, StringConstraints(max_length=1_000, pattern=ONE_LINE)] | None = None
    os_name: Annotated[
        Label | None,
        Field(description="`sparkle:os` in the appcast, if the product's copies look for a different name."),
    ] = None
    requires_admin: Annotated[
        bool, Field(description="`isAdminRightsRequired` of electron-updater: the installer is for all users.")
    ] = False
    hosts: Annotated[
        dict[Label, HostVersions], Field(max_length=20, description="For add-ons: the applications that can load it.")
    ] = {}

    @property
    def url_name(self) -> str:
        """The last part of the URL's path. Some clients identify packages by it."""
        return urlsplit(self.url).path.rpartition("/")[2]

    @model_validator(mode="after")
    def _delta_starts_somewhere(self) -> Self:
        if (self.kind == "delta") != (self.from_version is not None):
            raise ValueError("a delta, and only a delta, has a `from_version`")
        return self


class Release(Uploaded):
    """One version of a product on a channel. It is written once and never changed."""

    schema_: Schema
    product: ProductName
    channel: ChannelName
    version: Version
    artifacts: Annotated[list[Artifact], Field(max_length=ARTIFACTS_MAX)]
    build: Annotated[Label | None, Field(description="The build number, if clients compare build numbers.")] = None
    display_version: Annotated[
        Label | None, Field(description="The version to show to people, if it differs from `version`.")
    ] = None
    released_at: Timestamp | None = None
    available_at: Annotated[Timestamp | None, Field(description="The release is not offered before this time.")] = None
    title: Label | None = None
    notes: Annotated[dict[Language, Notes], Field(max_length=LANGUAGES_MAX, description="By language.")] = {}
    notes_format: Literal["markdown", "html", "text"] = "markdown"
    notes_url: (
        Annotated[
            Annotated[Url, Tag("one")]
            | Annotated[dict[Language, Url], Field(max_length=LANGUAGES_MAX), Tag("by language")],
            either("one", "by language"),
        ]
        | None
    ) = None
    history_url: Annotated[Url | None, Field(description="A page about this release and all earlier ones.")] = None
    link: Annotated[Url | None, Field(description="A page about the release, for people.")] = None
    critical: Annotated[
        Annotated[bool, Tag("for all")] | Annotated[Critical, Tag("for some")], either("for all", "for some")
    ] = False
    informational: Annotated[
        Annotated[bool, Tag("for all")] | Annotated[Informational, Tag("for some")], either("for all", "for some")
    ] = False
    minimum_version: Annotated[Label | None, Field(description="The lowest version that may upgrade directly.")] = None
    major_below_version: Annotated[
        Label | None,
        Field(description="For older versions this is a major upgrade, which is never installed automatically."),
    ] = None
    announce_below_version: Annotated[
        Label | None,
        Field(description="Users who skipped this major upgrade with an older version are asked again."),
    ] = None

    def other_versions(self) -> Iterator[tuple[str, str]]:
        """Yield the JSON path and the value of each field that clients compare with a version of the product."""
        if isinstance(self.critical, Critical):
            yield "$.critical.below_version", self.critical.below_version
        if isinstance(self.informational, Informational):
            for index, version in enumerate(self.informational.versions):
                yield f"$.informational.versions[{index}]", version
            if self.informational.below_version is not None:
                yield "$.informational.below_version", self.informational.below_version
        for field in ("minimum_version", "major_below_version", "announce_below_version"):
            if (version := getattr(self, field)) is not None:
                yield f"$.{field}", version

    @cached_property
    def control_characters(self) -> tuple[tuple[str, str], ...]:
        """The JSON path of each text with a control character, and that character. Tabs and ends of lines are none."""
        found = ((path, _CONTROL.search(text)) for path, text in _texts("$", self.wire))
        return tuple((path, match[0]) for path, match in found if match)

    @property
    def due_at(self) -> datetime | None:
        """The time from which the release may be offered, or None for always."""
        return self.available_at or self.released_at


def _texts(path: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield each text in a JSON value with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _texts(f"{path}.{name}", each)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _texts(f"{path}[{index}]", each)


class Approval(Uploaded):
    """A second person's approval to offer a release. It is valid only for these exact bytes."""

    schema_: Schema
    product: ProductName
    channel: ChannelName
    version: Version
    sha256: Annotated[Sha256, Field(description="The hash of the release's document in the bucket.")]
