"""A feed from another tool, converted to releases of this service; functions that the parsers of all formats use.

A parser is `parse(body, feed)`. It adds the releases to `feed`, and a remark for everything that it could not convert.
It raises `ForeignFeedError` for a document in another format.
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
from comet_updates.formats import file_names

Wire = dict[str, Any]
"""A JSON object in the form in which it will be uploaded."""

NO_LANGUAGE = "und"  # BCP 47: undetermined
RELEASE_BEFORE = "the release before"
"""The `from_version` of a delta whose feed does not name one."""


@dataclass
class Feed:
    """The result of reading a feed.

    Attributes:
        product: the product of the releases.
        channel: the channel of the releases that do not name a channel.
        base_url: the URL that relative URLs refer to; empty if it is not known.
        releases: in the order of the feed.
        scheme: how the feed's own client orders versions.
        remarks: what could not be converted, or was changed.
    """

    product: str
    channel: str
    base_url: str = ""
    releases: list[Wire] = field(default_factory=list)
    scheme: Literal["semver", "dotted", "build"] = "semver"
    remarks: list[str] = field(default_factory=list)

    def add(self, version: str, artifacts: list[Wire], channel: str = "", **fields: object) -> None:
        """Add a release. Fields without a value are left out."""
        fixed = {"schema": 1, "product": self.product, "channel": channel or self.channel, "version": version}
        self.releases.append({**fixed, **given(**fields), "artifacts": artifacts})

    def remark(self, where: str, what: str) -> None:
        """Add a remark about something that could not be converted, or was changed."""
        self.remarks.append(f"{where}: {what}")

    def decision(self, where: str, channel: str, **decided: object) -> None:
        """Add a remark with the channel policy that has the same effect as a setting in the feed."""
        policy = {"schema": 1, "product": self.product, "channel": channel, **decided}
        key = object_keys.channel_key(self.product, channel)
        self.remark(where, f"to keep this setting, upload this as {key}: {json.dumps(policy)}")

    def url(self, where: str, written: str | None) -> str | None:
        """Return an absolute HTTPS URL, or None if none is written.

        Raises:
            ForeignFeedError: the URL is relative and `base_url` is not known.
        """
        if not written or not written.strip():
            return None
        url = written.strip()
        if not urlsplit(url).scheme:
            if not self.base_url:
                raise ForeignFeedError(f"{where} is the relative URL {url!r}. Give the URL of the feed with --base-url")
            url = urljoin(self.base_url, quote(url, safe="/:%?=&"))
        if url.startswith("http://"):
            self.remark(where, f"http:// became https:// in {url!r}. Check that the server supports HTTPS")
            url = f"https://{url.removeprefix('http://')}"
        return url

    def unknown(self, where: str, found: set[str], known: set[str]) -> None:
        """Add a remark for each field in `found` that is not in `known`."""
        for name in sorted(found - known):
            self.remark(where, f"`{name}` is left out: releases have no such field")


def together(found: Sequence[Feed]) -> Feed:
    """Return several feeds of one product as one feed.

    If a release is in several feeds, the first feed with a value for a field wins, and the artifacts are combined.

    Raises:
        ForeignFeedError: the feeds order versions differently.
    """
    first = found[0]
    if any(feed.scheme != first.scheme for feed in found):
        raise ForeignFeedError("the feeds order versions differently. Import each feed into its own product")
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
    """Return the fields that have a value."""
    return {name: value for name, value in fields.items() if value not in (None, "", {}, [])}


def arch(name: str) -> str:
    """Return the architecture in a file's name, or `any` if the name contains none."""
    return file_names.arch(name).arch or "any"


def platform(name: str) -> str | None:
    """Return the platform that a file with this name is for, or None if the name does not show it.

    A .zip without a platform in its name is for macOS, where updaters install from it.
    """
    return file_names.platform(name) or ("macos" if name.lower().endswith(".zip") else None)


def kind(name: str) -> str:
    """Return the kind of a file with this name: `installer` or `archive`."""
    return "installer" if file_names.kind(name) == "installer" else "archive"


def size(where: str, written: str | None) -> int | None:
    """Return a number of bytes, or None if it is missing or zero.

    Raises:
        ForeignFeedError: `written` is not a number.
    """
    if written is None or not written.strip() or written.strip("0 ") == "":
        return None
    if not re.fullmatch(r"[0-9]{1,18}", written.strip()):
        raise ForeignFeedError(f"{where} is {written!r}, which is not a number of bytes")
    return int(written)
