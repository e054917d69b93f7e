"""A feed that somebody published elsewhere, as releases of ours; what the parsers of all formats have in common.

A parser is `parse(body, feed)`: it adds releases to `feed`, and says there what it could not carry. It raises
`ForeignFeedError` for a document that is not of its format.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, urljoin, urlsplit

from comet_updates import object_keys
from comet_updates.errors import ForeignFeedError

Wire = dict[str, Any]
"""A JSON object, as it is to be uploaded."""

NO_LANGUAGE = "und"  # BCP 47: undetermined
RELEASE_BEFORE = "the release before"
"""What a delta starts from, where its feed does not say."""

_ARCHES = (
    (re.compile(r"(?<![a-z0-9])(arm64|aarch64)(?![a-z0-9])"), "aarch64"),
    (re.compile(r"(?<![a-z0-9])(x64|x86_64|amd64)(?![a-z0-9])"), "x86_64"),
    (re.compile(r"(?<![a-z0-9])(ia32|i686|i386|x86)(?![a-z0-9_])"), "i686"),
    (re.compile(r"(?<![a-z0-9])(armv7l?|armhf)(?![a-z0-9])"), "armv7"),
    (re.compile(r"(?<![a-z0-9])universal(?![a-z0-9])"), "universal"),
)
_NAMED = (
    (re.compile(r"(?<![a-z0-9])(win|win32|win64|windows)(?![a-z])"), "windows"),
    (re.compile(r"(?<![a-z0-9])(mac|macos|osx|darwin)(?![a-z])"), "macos"),
    (re.compile(r"(?<![a-z0-9])linux(?![a-z])"), "linux"),
)
_PLATFORMS = {
    "windows": (".exe", ".msi", ".nupkg"),
    "macos": (".zip", ".dmg", ".pkg", ".app.tar.gz"),
    "linux": (".appimage", ".deb", ".rpm", ".pacman", ".snap"),
}
_INSTALLERS = (".exe", ".msi", ".pkg", ".dmg", ".deb", ".rpm", ".pacman")


@dataclass
class Feed:
    """What is read from a feed.

    Attributes:
        product: to whom the releases will belong.
        channel: where they will be, unless the feed names a channel.
        base_url: what relative URLs are relative to; empty if that is not known.
        releases: in the order of the feed.
        scheme: how the feed's own client orders versions.
        remarks: what could not be carried, or was changed on the way.
    """

    product: str
    channel: str
    base_url: str = ""
    releases: list[Wire] = field(default_factory=list)
    scheme: Literal["semver", "dotted", "build"] = "semver"
    remarks: list[str] = field(default_factory=list)

    def add(self, version: str, artifacts: list[Wire], channel: str = "", **fields: object) -> None:
        """Add a release; fields without a value are left out."""
        fixed = {"schema": 1, "product": self.product, "channel": channel or self.channel, "version": version}
        self.releases.append({**fixed, **given(**fields), "artifacts": artifacts})

    def remark(self, where: str, what: str) -> None:
        """Say what is not carried over as it was."""
        self.remarks.append(f"{where}: {what}")

    def decision(self, where: str, channel: str, **decided: object) -> None:
        """Say what the feed decided about a channel, as the policy that decides the same here."""
        policy = {"schema": 1, "product": self.product, "channel": channel, **decided}
        key = object_keys.channel_key(self.product, channel)
        self.remark(where, f"to decide the same here, upload as {key}: {json.dumps(policy)}")

    def url(self, where: str, written: str | None) -> str | None:
        """An absolute HTTPS URL. Raises `ForeignFeedError` for a relative one without anything to be relative to."""
        if not written or not written.strip():
            return None
        url = written.strip()
        if not urlsplit(url).scheme:
            if not self.base_url:
                raise ForeignFeedError(
                    f"{where} is the relative URL {url!r}. Say with --base-url where the feed stands"
                )
            url = urljoin(self.base_url, quote(url, safe="/:%?=&"))
        if url.startswith("http://"):
            self.remark(where, f"http:// became https:// in {url!r}; make sure that it answers there")
            url = f"https://{url.removeprefix('http://')}"
        return url

    def unknown(self, where: str, found: set[str], known: set[str]) -> None:
        """Remark on what nobody here knows a place for."""
        for name in sorted(found - known):
            self.remark(where, f"`{name}` has no place in a release and is left out")


def together(found: Sequence[Feed]) -> Feed:
    """What several feeds of one product tell, as one; of a release in several, the first that says a thing counts.

    Raises `ForeignFeedError` if they order versions differently.
    """
    first = found[0]
    if any(feed.scheme != first.scheme for feed in found):
        raise ForeignFeedError(
            "the feeds order versions differently: import them into channels of products of their own"
        )
    releases: dict[tuple[str, str], Wire] = {}
    for wire in (wire for feed in found for wire in feed.releases):
        known = releases.setdefault((wire["channel"], wire["version"]), wire)
        if known is not wire:
            urls = [artifact.get("url") for artifact in known["artifacts"]]
            more = [artifact for artifact in wire["artifacts"] if artifact.get("url") not in urls]
            known |= {**wire, **known, "artifacts": known["artifacts"] + more}
    remarks = [remark for feed in found for remark in feed.remarks]
    return Feed(first.product, first.channel, "", list(releases.values()), first.scheme, remarks)


def given(**fields: object) -> Wire:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value not in (None, "", {}, [])}


def arch(name: str) -> str:
    """The architecture that a file's name tells of; `any` if it does not."""
    return next((found for pattern, found in _ARCHES if pattern.search(name.lower())), "any")


def platform(name: str) -> str | None:
    """The system that a file with this name is for; `None` if the name does not tell."""
    ended = next((found for found, endings in _PLATFORMS.items() if name.lower().endswith(endings)), None)
    if ended and not name.lower().endswith(".zip"):
        return ended
    # The ending of an archive tells little: what its name says comes first.
    return next((found for pattern, found in _NAMED if pattern.search(name.lower())), ended)


def kind(name: str) -> str:
    """Whether a file with this name installs, or is unpacked."""
    return "installer" if name.lower().endswith(_INSTALLERS) else "archive"


def size(where: str, written: str | None) -> int | None:
    """A number of bytes; `None` if there is none, or zero. Raises `ForeignFeedError` for anything else."""
    if written is None or not written.strip() or written.strip("0 ") == "":
        return None
    if not re.fullmatch(r"[0-9]{1,18}", written.strip()):
        raise ForeignFeedError(f"{where} is {written!r}, which is no number of bytes")
    return int(written)
