"""A feed from another tool, converted to releases of this service; functions that the parsers of all formats use.

A parser is `parse(body, feed)`. It adds the releases to `feed`, and a remark for everything that it could not convert.
It raises `ForeignFeedError` for a document in another format.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from comet_updates import object_keys
from comet_updates.errors import ForeignFeedError
from comet_updates.formats import file_names

Wire = dict[str, Any]
"""A JSON object in the form in which it will be uploaded."""

SchemeName = Literal["semver", "dotted", "build", "sparkle"]
NO_LANGUAGE = "und"  # BCP 47: undetermined
RELEASE_BEFORE = "the release before"
"""The `from_version` of a delta whose feed does not name one."""

SYSTEM_NAMES = {"windows": "Windows", "macos": "macOS", "linux": "Linux"}


class Entry(dict[str, Any]):
    """A JSON object to upload that knows its place in the feed.

    Attributes:
        place: the place in the feed, such as `item 3 (2.1.0)`.
        names: the feed's names of fields that have another name here.
    """

    def __init__(self, place: str, names: Mapping[str, str], fields: Wire) -> None:
        """Keep `fields`, which were read at `place`."""
        super().__init__(fields)
        self.place = place
        self.names = names

    def place_of(self, path: str) -> str:
        """Return the place in the feed of the field at a JSON `path` of this release or artifact."""
        inner = _ARTIFACT.match(path)
        if inner and int(inner[1]) < len(self.get("artifacts", ())):
            artifact = self["artifacts"][int(inner[1])]
            return str(artifact.place_of(f"${inner[2]}")) if isinstance(artifact, Entry) else self.place
        field = path.removeprefix("$").removeprefix(".").partition(".")[0].partition("[")[0]
        return f"{self.place}, {self.names.get(field, field)}" if field else self.place


_ARTIFACT = re.compile(r"\$\.artifacts\[([0-9]+)\](.*)")
_PLACES_MAX = 3  # of one remark


@dataclass
class Feed:
    """The result of reading a feed.

    Attributes:
        product: the product of the releases.
        channel: the channel of the releases that do not name a channel.
        base_url: the URL that relative URLs refer to; empty if it is not known.
        document: the name of the feed's file, such as `latest-linux.yml`; empty if it is not known.
        platform: the platform of files for which the feed names none; empty to look for other signs.
        releases: in the order of the feed.
        policies: what the feed decides for a channel, by channel, as fields of a channel policy.
        scheme: how the feed's own client orders versions.
        is_channel_named: whether `channel` is the user's choice, which the name of the document does not replace.
    """

    product: str
    channel: str
    base_url: str = ""
    document: str = ""
    platform: str = ""
    releases: list[Wire] = field(default_factory=list)
    policies: dict[str, Wire] = field(default_factory=dict)
    scheme: SchemeName = "semver"
    is_channel_named: bool = True
    _remarks: dict[str, list[str]] = field(default_factory=dict)

    @property
    def remarks(self) -> list[str]:
        """Return the remarks about what was changed or left out. The same remark about many places is one line."""
        return [f"{_some(places)}: {what}" for what, places in self._remarks.items()]

    def add(
        self,
        version: str,
        artifacts: Sequence[Wire],
        channel: str = "",
        *,
        place: str = "",
        names: Mapping[str, str] | None = None,
        **fields: object,
    ) -> None:
        """Add a release that was read at `place`. Fields without a value are left out."""
        fixed = {"schema": 1, "product": self.product, "channel": channel or self.channel, "version": version}
        release = {**fixed, **given(**fields), "artifacts": list(artifacts)}
        self.releases.append(Entry(place or f"version {version}", names or {}, release))

    def remark(self, where: str, what: str) -> None:
        """Add a remark about something that could not be converted, or was changed."""
        places = self._remarks.setdefault(what, [])
        if where not in places:
            places.append(where)

    def remark_again(self, feed: Feed, prefix: str) -> None:
        """Add the remarks of another feed, with its name as a prefix of the places."""
        for what, places in feed._remarks.items():
            for place in places:
                self.remark(f"{prefix}{place}", what)

    def decision(self, where: str, channel: str, **decided: object) -> None:
        """Add to the policy of a channel what has the same effect as a setting in the feed, and a remark about it."""
        policy = {**self.policies.get(channel, {}), **decided}
        self.policies[channel] = policy
        key = object_keys.channel_key(self.product, channel)
        wire = {"schema": 1, "product": self.product, "channel": channel, **policy}
        self.remark(where, f"the channel policy keeps this setting: {key}: {json.dumps(wire)}")

    def url(self, where: str, written: str | None) -> str | None:
        """Return an absolute HTTPS URL, or None if none is written.

        Raises:
            ForeignFeedError: the URL is relative and `base_url` is not known.
        """
        if not written or not written.strip():
            return None
        url = written.strip()
        if not _split(url).scheme:
            if not self.base_url:
                raise ForeignFeedError(f"{where} is the relative URL {url!r}. Give the URL of the feed with --base-url")
            url = urljoin(self.base_url, quote(url.replace("\\", "/"), safe="/:%?=&"))
        url = _encoded(url)
        if url.lower().startswith("http://"):
            self.remark(f"{where} {url!r}", "http:// became https://. Check that the server supports HTTPS")
            url = f"https://{url[len('http://') :]}"
        return url

    def unknown(self, where: str, found: set[str], known: AbstractSet[str]) -> None:
        """Add a remark for each field in `found` that is not in `known`."""
        for name in sorted(found - known):
            self.remark(where, f"left out: `{name}`. Releases have no such field")


def _encoded(url: str) -> str:
    """Return a URL as updaters request it, with `/` in place of a backslash, and a space and the like encoded.

    Source: https://url.spec.whatwg.org/#path-state. A list of Squirrel with a space in a URL cannot be read.
    """
    host = _HOST.match(url)
    start = host.end() if host else 0
    return url[:start] + quote(url[start:].replace("\\", "/"), safe=_OF_A_URL)


_HOST = re.compile(r"[a-z]+://[^/\\?#]*", re.IGNORECASE)
_OF_A_URL = ":/?#[]@!$&'()*+,;=%~"


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:  # such as an IPv6 address without its end
        raise ForeignFeedError(f"the URL {url!r} is not valid: {error}. Correct it in the feed") from error


def _some(places: Sequence[str]) -> str:
    more = f" and {len(places) - _PLACES_MAX} more places" if len(places) > _PLACES_MAX + 1 else ""
    return "; ".join(places[: _PLACES_MAX if more else None]) + more


def together(found: Sequence[Feed]) -> Feed:
    """Return several feeds of one product as one feed.

    If a release is in several feeds, the first feed with a value for a field wins, and the artifacts are combined.

    Raises:
        ForeignFeedError: the feeds order versions differently.
    """
    first = found[0]
    schemes = {feed.scheme for feed in found}
    if len(schemes) > 1:
        raise ForeignFeedError(
            f"the feeds order versions differently: {', '.join(sorted(schemes))}. Import each feed into its own product"
        )
    result = Feed(first.product, first.channel, scheme=first.scheme)
    releases: dict[tuple[str, str], Wire] = {}
    for feed in found:
        for wire in feed.releases:
            known = releases.setdefault((wire["channel"], wire["version"]), wire)
            if known is not wire:
                for name in sorted(_SHOWN & known.keys() & wire.keys()):
                    if known[name] != wire[name]:
                        result.remark(f"{wire['version']}, {name}", "the feeds differ. The value of the first is kept")
                same = [_identity(artifact) for artifact in known["artifacts"]]
                more = [artifact for artifact in wire["artifacts"] if _identity(artifact) not in same]
                known |= {**wire, **known, "artifacts": known["artifacts"] + more}
        for channel, policy in feed.policies.items():
            result.policies[channel] = policy | result.policies.get(channel, {})
            if any(other.policies.get(channel, {}).get("rollout") != policy.get("rollout") for other in found):
                result.remark(channel, "only some of the feeds have this rollout. Here it holds for all systems")
        result.remark_again(feed, f"{feed.document}: " if len(found) > 1 else "")
    result.releases = list(releases.values())
    return result


_SHOWN = {"title", "notes", "notes_url", "critical"}


def _identity(artifact: Wire) -> tuple[object, ...]:
    return tuple(artifact.get(name) for name in ("url", "platform", "arch"))


def given(**fields: object) -> Wire:
    """Return the fields that have a value."""
    return {name: value for name, value in fields.items() if value not in (None, "", {}, [])}


def entry(place: str, names: Mapping[str, str], **fields: object) -> Entry:
    """Return an artifact that was read at `place`, with the fields that have a value."""
    return Entry(place, names, given(**fields))


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
