"""What pipelines upload and what we serve, as pydantic models: strict, bounded, and the source of the JSON Schemas.

The names of the fields are public. Texts stay as they were written: the models check, they never rewrite.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    StringConstraints,
    Tag,
    WithJsonSchema,
    model_validator,
)

from comet_updates import names
from comet_updates.answer import urls
from comet_updates.versions import Precedence, Scheme, precedence

NOTES_MAX_CHARS = 100_000
ARTIFACTS_MAX = 500
LANGUAGES_MAX = 100
YANKED_MAX = 2_000
ROLLOUTS_MAX = 100
SIZE_MAX_BYTES = 2**53 - 1  # what every JSON reader holds exactly

_RFC3339 = re.compile(
    r"(?:19[7-9][0-9]|[2-9][0-9]{3})-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)


def _rfc3339(value: object) -> object:
    if isinstance(value, str) and _RFC3339.fullmatch(value):
        with suppress(ValueError):  # such as the 30th of February
            return datetime.fromisoformat(value)
    raise ValueError("must be a date and time with an offset, as in 2026-11-20T12:00:00Z")


_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")  # a name from elsewhere stands in its xn-- form


def _https(url: str) -> str:
    try:
        parts = urlsplit(url)  # strips spaces around the URL without a word
        usable = (
            parts.scheme == "https"
            and bool(_HOST.fullmatch(parts.hostname or ""))
            and parts.port != 0
            and url == url.strip()
        )
    except ValueError:
        usable = False
    if not usable or parts.username is not None or parts.password is not None:
        raise ValueError("must be an https:// URL with a host and without a user name or spaces around it")
    return url


def _either(simple: str, composed: str) -> Discriminator:
    """Choose the branch of a union by whether the value is an object, so that an error speaks of that branch alone."""
    return Discriminator(lambda value: composed if isinstance(value, (dict, BaseModel)) else simple)


# One line of text: no control characters, and none that turn the direction of the text around them.
_ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+$"

Schema = Annotated[int, Field(alias="schema", ge=1, le=1), WithJsonSchema({"const": 1})]
"""The version of the document's own form."""


def _grammar(
    pattern: str, what: str, forbidden: Callable[[str], str | None] = lambda _: None
) -> tuple[AfterValidator, WithJsonSchema]:
    """Return what checks a text by a pattern of `names`, which pydantic's own cannot (they do not look ahead).

    Args:
        pattern: for the check and for the JSON Schema.
        what: describes a text of that form, for the error.
        forbidden: gives the reason why a text is refused that is more than its form.
    """

    def check(value: str) -> str:
        if reason := forbidden(value):
            raise ValueError(f"{reason}: choose another name")
        if not re.fullmatch(pattern, value):
            raise ValueError(f"must be {what}, of letters, digits, dots, dashes and underscores, without `..`")
        return value

    return AfterValidator(check), WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


_PRODUCT = _grammar(
    names.PRODUCT, "a name in lower case such as `comet-cursor`", partial(names.forbidden, product=True)
)
_CHANNEL = _grammar(urls.NAME, "a name in lower case such as `stable`", partial(names.forbidden, product=False))
_VERSION = _grammar(names.VERSION, "a version such as `4.2.1`")

ProductName = Annotated[str, _PRODUCT[0], _PRODUCT[1]]
ChannelName = Annotated[str, _CHANNEL[0], _CHANNEL[1]]
Version = Annotated[str, _VERSION[0], _VERSION[1]]
Label = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_ONE_LINE)]
Notes = Annotated[str, StringConstraints(max_length=NOTES_MAX_CHARS, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$")]
Token = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9._-]{0,30}[a-z0-9])?$")]
Url = Annotated[
    str,
    # Spaces and letters of all scripts stand in the URLs of real feeds, and clients encode them.
    StringConstraints(max_length=2_000, pattern=_ONE_LINE),
    AfterValidator(_https),
    WithJsonSchema({"type": "string", "pattern": "^https://[^\\s/]+", "maxLength": 2_000}),
]
Timestamp = Annotated[
    AwareDatetime, BeforeValidator(_rfc3339), WithJsonSchema({"type": "string", "format": "date-time"})
]
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}$")]
"""A BCP 47 tag, as in `en` or `pt-BR`."""

Sha1 = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{40}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$")]
Sha512 = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{128}$")]


class _Document(BaseModel):
    """One JSON object: unknown fields are refused, types are never converted, and nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Uploaded(_Document):
    """A document that a pipeline uploads. It remembers how it was written."""

    _wire: dict[str, Any] = PrivateAttr(default_factory=dict)
    _body_sha256: str = PrivateAttr(default="")

    @property
    def wire(self) -> dict[str, Any]:
        """The JSON object that this was read from, for documents that pass it on."""
        return self._wire

    @property
    def body_sha256(self) -> str:
        """The SHA-256 of the bytes that this was read from, in hexadecimal."""
        return self._body_sha256

    def remember(self, wire: dict[str, Any], body_sha256: str) -> None:
        """Keep the JSON object that this was read from, and the hash of its bytes; for whoever reads uploads."""
        self._wire = wire
        self._body_sha256 = body_sha256


class Critical(_Document):
    """An update that is critical for those who run something older than `below_version`."""

    below_version: Label


class Informational(_Document):
    """An update that only points to a page, for these versions."""

    versions: Annotated[list[Label], Field(max_length=1_000)] = []
    below_version: Label | None = None


class HostVersions(_Document):
    """The versions of a host application that an add-on runs in."""

    min_version: Label | None = None
    max_version: Label | None = None


class Artifact(_Document):
    """One downloadable file of a release."""

    platform: Annotated[Token, Field(description="`windows`, `macos`, `linux`, or another of the same form.")]
    arch: Literal["x86_64", "aarch64", "i686", "armv7", "riscv64", "universal", "any"]
    kind: Literal["installer", "archive", "delta"]
    url: Annotated[Url, Field(description="Where the file is. HTTPS only.")]
    size: Annotated[int, Field(ge=1, le=SIZE_MAX_BYTES, description="In bytes.")] | None = None
    sha256: Sha256 | None = None
    sha512: Sha512 | None = None
    sha1: Annotated[
        Sha1 | None, Field(description="Only for Squirrel and Velopack, which ask for it. Trust the others.")
    ] = None
    signatures: Annotated[
        dict[Token, Annotated[str, StringConstraints(min_length=1, max_length=10_000)]],
        Field(
            max_length=20, description="By kind: `ed25519` (Sparkle), `dsa`, `minisign` (Tauri), … Passed on untouched."
        ),
    ] = {}
    min_os: Label | None = None
    max_os: Label | None = None
    from_version: Annotated[
        Label | None, Field(description="What a delta starts from, as the client knows itself.")
    ] = None
    file_name: Annotated[Label | None, Field(description="The file's name, where the URL does not end in it.")] = None
    media_type: Label | None = None
    bundle: Annotated[Token | None, Field(description="`appimage`, `deb`, `rpm`, `app`, `nsis`, `msi`, …")] = None
    package_id: Annotated[Label | None, Field(description="What the client calls the package or add-on.")] = None
    from_executable_size: Annotated[
        int | None,
        Field(ge=1, le=SIZE_MAX_BYTES, description="By which Sparkle knows what a delta starts from, in bytes."),
    ] = None
    from_locales: Annotated[Label | None, Field(description="The same, with commas.")] = None
    installation_type: Annotated[
        Literal["application", "package", "interactive-package"] | None, Field(description="As Sparkle names it.")
    ] = None
    block_map_size: Annotated[int, Field(ge=1, le=SIZE_MAX_BYTES, description="In bytes.")] | None = None
    installer_arguments: Annotated[str, StringConstraints(max_length=1_000, pattern=_ONE_LINE)] | None = None
    hosts: Annotated[dict[Label, HostVersions], Field(max_length=20, description="For add-ons: who can load it.")] = {}

    @property
    def url_name(self) -> str:
        """What the URL's path ends in, which clients that know packages by name look at."""
        return urlsplit(self.url).path.rpartition("/")[2]

    @model_validator(mode="after")
    def _delta_starts_somewhere(self) -> Self:
        if (self.kind == "delta") != (self.from_version is not None):
            raise ValueError("a delta, and only a delta, has a `from_version`")
        return self


class Release(Uploaded):
    """One version of a product on a channel: written once, never changed."""

    schema_: Schema
    product: ProductName
    channel: ChannelName
    version: Version
    artifacts: Annotated[list[Artifact], Field(max_length=ARTIFACTS_MAX)]
    build: Annotated[Label | None, Field(description="The build number, where clients compare that.")] = None
    display_version: Annotated[Label | None, Field(description="What people see, if it is not `version`.")] = None
    released_at: Timestamp | None = None
    available_at: Annotated[Timestamp | None, Field(description="Nobody is offered the release before.")] = None
    title: Label | None = None
    notes: Annotated[dict[Language, Notes], Field(max_length=LANGUAGES_MAX, description="By language.")] = {}
    notes_format: Literal["markdown", "html", "text"] = "markdown"
    notes_url: (
        Annotated[
            Annotated[Url, Tag("one")]
            | Annotated[dict[Language, Url], Field(max_length=LANGUAGES_MAX), Tag("by language")],
            _either("one", "by language"),
        ]
        | None
    ) = None
    history_url: Annotated[Url | None, Field(description="A page about this release and all before.")] = None
    link: Annotated[Url | None, Field(description="A page about the release, for people.")] = None
    critical: Annotated[
        Annotated[bool, Tag("for all")] | Annotated[Critical, Tag("for some")], _either("for all", "for some")
    ] = False
    informational: Annotated[
        Annotated[bool, Tag("for all")] | Annotated[Informational, Tag("for some")], _either("for all", "for some")
    ] = False
    minimum_version: Annotated[Label | None, Field(description="The lowest version that may upgrade directly.")] = None
    major_below_version: Annotated[
        Label | None, Field(description="To what is older this is a major upgrade, and never installed unasked.")
    ] = None
    announce_below_version: Annotated[
        Label | None, Field(description="Who skipped this major upgrade with an older version is told again.")
    ] = None

    @property
    def due_at(self) -> datetime | None:
        """From when it may be offered; `None` for always."""
        return self.available_at or self.released_at


class Product(Uploaded):
    """What is true of all releases of a product. A product without this document has these defaults."""

    schema_: Schema = 1
    product: ProductName
    name: Label | None = None
    homepage: Url | None = None
    version_scheme: Annotated[
        Literal["semver", "dotted", "pep440", "build"], Field(description="How versions are ordered.")
    ] = "semver"
    release_hosts: Annotated[
        list[Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$")]],
        Field(max_length=100, description="The only hosts that artifacts may be on; any, if empty."),
    ] = []
    signing_keys: Annotated[
        dict[Token, Annotated[str, StringConstraints(min_length=1, max_length=5_000)]],
        Field(max_length=20, description="Public keys, by kind of signature."),
    ] = {}
    languages: Annotated[list[Language], Field(max_length=LANGUAGES_MAX)] = []
    approved_on: Annotated[
        list[ChannelName],
        Field(max_length=100, description="Channels that offer a release only once a second person approved it."),
    ] = []
    only_higher_on: Annotated[
        list[ChannelName],
        Field(max_length=100, description="Channels on which a release is higher than all before it but yanked ones."),
    ] = []
    signed_with: Annotated[
        dict[ChannelName, Annotated[list[Token], Field(min_length=1, max_length=20)]],
        Field(max_length=100, description="By channel: every artifact has a signature of one of these kinds."),
    ] = {}
    max_size: Annotated[int, Field(ge=1, le=SIZE_MAX_BYTES, description="Of an artifact, in bytes.")] | None = None
    requires_signature: Annotated[
        bool, Field(description="Nobody is offered what is not signed with the product's key, as TUF metadata.")
    ] = False
    drop_in: Annotated[
        list[Literal["electron", "tauri"]],
        Field(
            max_length=2,
            description="For installed copies that cannot change their URL, the form that it has. They say their "
            "version in it; leave this out if you can.",
        ),
    ] = []

    @model_validator(mode="after")
    def _drop_in_clients_compare_by_semver(self) -> Self:
        if self.drop_in and self.version_scheme != "semver":
            raise ValueError("`drop_in` needs the version scheme `semver`, by which these clients compare")
        return self

    def precedence(self, release: Release) -> Precedence:
        """Where `release` stands among the releases of this product. Raises `VersionSyntaxError`."""
        return precedence(Scheme(self.version_scheme), release.version, release.build)


class Yank(_Document):
    """A release that is offered no longer."""

    version: Version
    reason: Label


class Rollout(_Document):
    """How a release reaches its users: a share of them now, or one group after another.

    The client draws its own number or group once, keeps it, and never sends it.
    """

    percent: Annotated[int, Field(ge=0, le=100)] | None = None
    start: Timestamp | None = None
    interval: Annotated[int, Field(ge=1, le=31_536_000, description="Seconds between two groups.")] | None = None
    groups: Annotated[int, Field(ge=1, le=100)] | None = None

    @model_validator(mode="after")
    def _is_one_of_two_forms(self) -> Self:
        phased = (self.start, self.interval, self.groups)
        if (self.percent is None) != (None not in phased) or (self.percent is not None and phased != (None,) * 3):
            raise ValueError("give either `percent`, or all of `start`, `interval` and `groups`")
        try:
            self.last_group_at()
        except OverflowError:
            raise ValueError("the last group would be reached after the year 9999") from None
        return self

    def last_group_at(self) -> datetime | None:
        """When the last of the groups is reached, the first being reached at the start; `None` without groups."""
        if self.start is None or self.interval is None or self.groups is None:
            return None
        return self.start + timedelta(seconds=self.interval) * (self.groups - 1)


class ReleaseRollout(Rollout):
    """A rollout and the release that it is of: a later release does not inherit it."""

    version: Version


class ChannelPolicy(Uploaded):
    """What people decided for a channel. A channel without this document has these defaults."""

    schema_: Schema = 1
    product: ProductName
    channel: ChannelName
    includes: Annotated[
        list[ChannelName], Field(max_length=50, description="Channels whose releases count here, too.")
    ] = []
    pin: Annotated[Version | None, Field(description="Offer this version and none that is higher.")] = None
    paused_at: Annotated[Timestamp | None, Field(description="Releases that are due later are not offered.")] = None
    yanked: Annotated[
        list[Yank], Field(max_length=YANKED_MAX, description="Withdrawn here and wherever this channel is included.")
    ] = []
    available_at: Annotated[
        dict[Version, Timestamp],
        Field(
            max_length=YANKED_MAX,
            description="From when a release of this channel is offered, in place of what it says itself; by version.",
        ),
    ] = {}
    rollout: (
        Annotated[
            Annotated[ReleaseRollout, Tag("one")]
            | Annotated[list[ReleaseRollout], Field(max_length=ROLLOUTS_MAX), Tag("several")],
            _either("several", "one"),
        ]
        | None
    ) = None

    @property
    def rollouts(self) -> list[ReleaseRollout]:
        """The rollouts, however they are written."""
        if self.rollout is None or isinstance(self.rollout, list):
            return self.rollout or []
        return [self.rollout]


class Approval(Uploaded):
    """A second person's word that a release may be offered; it holds for just these bytes."""

    schema_: Schema
    product: ProductName
    channel: ChannelName
    version: Version
    sha256: Annotated[Sha256, Field(description="Of the release's document, as it lies in the bucket.")]


class Manifest(Release):
    """What a channel offers: the latest release, as it was uploaded, and what the channel decided about it."""

    rollout: Rollout | None = None


class PastRelease(Release):
    """A release in the history of a channel."""

    yanked: Annotated[Label | None, Field(description="Why it was withdrawn.")] = None


class History(_Document):
    """Every release that a channel has offered, the latest first, cut at the oldest end if it is very long."""

    schema_: Schema
    product: ProductName
    channel: ChannelName
    releases: list[PastRelease]


class RejectionProblem(_Document):
    """One thing that is wrong with an upload."""

    path: Annotated[str, Field(description="JSON path of the field; `$` is the whole document.")]
    problem: str
    remedy: str


class Rejection(_Document):
    """Why an upload was refused. It goes away once the upload is mended."""

    schema_: Schema
    key: str
    problems: list[RejectionProblem]


SCHEMAS: dict[str, type[_Document]] = {
    "approval": Approval,
    "channel": ChannelPolicy,
    "history": History,
    "manifest": Manifest,
    "product": Product,
    "rejection": Rejection,
    "release": Release,
}


@dataclass(frozen=True)
class Offer:
    """What a channel says now.

    Attributes:
        product: its name.
        channel: its name.
        latest: the release to offer; `None` if nothing may be offered.
        rollout: how `latest` reaches its users; `None` for all at once.
        history: all that was offered, the highest first, with the reason of those that were withdrawn.
        is_complete: whether the rollout has reached everyone, or there is none.
        is_pinned: whether nothing higher than a version is offered for now. Which one is not said: it may be none that
            anybody knows of yet.
        paused_at: since when nothing new is offered; `None` if that is not so, or if a pin decides.
    """

    product: str
    channel: str
    latest: Release | None
    rollout: Rollout | None
    history: tuple[tuple[Release, str | None], ...]
    is_complete: bool = True
    is_pinned: bool = False
    paused_at: datetime | None = None

    def candidates(self, *, rollouts: bool = False) -> tuple[Release, ...]:
        """What may be offered, the best first: a format takes the first that it can carry.

        Args:
            rollouts: whether the format can say how far the latest release is rolled out. One that cannot offers what
                came before, until the rollout is complete.
        """
        offered = tuple(release for release, withdrawn in self.history if withdrawn is None)
        return offered if rollouts or self.is_complete else offered[1:]
