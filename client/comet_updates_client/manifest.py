"""Parse `manifest.json`. Any bytes give either a release or an `UnreadableOfferError`.

Later versions of the service may add fields, so unknown fields are ignored. Known fields must be valid.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, NamedTuple

from comet_updates import object_keys
from comet_updates.errors import AddressError, UnreadableOfferError
from comet_updates_client import request

MANIFEST_MAX_BYTES = 1_000_000  # a release has at most 512 000, and the channel adds its rollout
SIZE_MAX_BYTES = 2**53 - 1  # the largest integer that every JSON reader represents exactly
ARTIFACTS_MAX = 500
INTERVAL_MAX_S = 31_536_000
ALL_PERCENT = 100
GROUPS_MAX = 100

_LABEL_MAX_CHARS = 200
_TEXT_MAX_CHARS = 100_000
_SIGNATURE_MAX_CHARS = 10_000
_RFC3339 = re.compile(r"[0-9]{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


class Artifact(NamedTuple):
    """A file for one kind of computer. Hashes are in lower-case hexadecimal."""

    platform: str
    arch: str
    kind: str
    url: str
    size_bytes: int | None
    sha256: str | None
    sha512: str | None
    signatures: dict[str, str]
    min_os: str | None
    max_os: str | None
    file_name: str | None


class Rollout(NamedTuple):
    """The rollout of a release: to a percentage of all copies or, without `percent`, to one group after another."""

    percent: int | None
    start: datetime | None
    interval_s: int
    groups: int


class Below(NamedTuple):
    """The installed versions that a flag applies to: listed versions, versions below one, or all."""

    versions: tuple[str, ...] = ()
    below: str | None = None
    is_all: bool = False


NOBODY = Below()


class Release(NamedTuple):
    """The release that a channel offers. Texts are not sanitised: do that before they are shown."""

    version: str
    build: str | None
    display_version: str
    title: str | None
    notes: dict[str, str]
    link: str | None
    critical: Below
    informational: Below
    minimum_version: str | None
    rollout: Rollout | None
    artifacts: tuple[Artifact, ...]


def parse(body: bytes, product: str) -> Release:
    """Return the release in `body`.

    Raises:
        UnreadableOfferError: `body` is not a valid manifest of `product`.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableOfferError("$", "is not JSON") from error
    told = _Object(document, "$")
    if told.number("schema", 1) != 1:
        raise UnreadableOfferError("$.schema", "is a version that this client does not support")
    if told.text("product") != product:
        raise UnreadableOfferError("$.product", "is not the product of this app")
    version = told.needed("version")
    if not re.fullmatch(object_keys.VERSION, version):
        raise UnreadableOfferError("$.version", "is not a version")
    artifacts = told.objects("artifacts")
    rollout = told.below("rollout")
    return Release(
        version=version,
        build=told.text("build"),
        display_version=told.text("display_version") or version,
        title=told.text("title"),
        notes=told.texts("notes", _TEXT_MAX_CHARS),
        link=told.text("link", request.URL_MAX_CHARS),
        critical=told.versions("critical"),
        informational=told.versions("informational"),
        minimum_version=told.text("minimum_version"),
        rollout=_rollout(rollout) if rollout else None,
        artifacts=tuple(_artifact(artifact) for artifact in artifacts),
    )


class _Object:
    """A JSON object that is read field by field. Every method raises `UnreadableOfferError` for an invalid value."""

    def __init__(self, said: object, path: str) -> None:
        if not isinstance(said, dict):
            raise UnreadableOfferError(path, "is not an object")
        self._said: dict[str, Any] = said
        self._path = path

    def __contains__(self, field: str) -> bool:
        return self._said.get(field) is not None

    def wrong(self, field: str, problem: str) -> UnreadableOfferError:
        return UnreadableOfferError(f"{self._path}.{field}", problem)

    def text(self, field: str, max_chars: int = _LABEL_MAX_CHARS) -> str | None:
        value = self._said.get(field)
        if value is not None and not (isinstance(value, str) and 0 < len(value) <= max_chars):
            raise self.wrong(field, "is not a text, or is too long")
        return value

    def needed(self, field: str, max_chars: int = _LABEL_MAX_CHARS) -> str:
        value = self.text(field, max_chars)
        if value is None:
            raise self.wrong(field, "is missing")
        return value

    def number(self, field: str, most: int) -> int | None:
        value = self._said.get(field)
        if value is not None and not (type(value) is int and 0 <= value <= most):  # `true` is an int, too
            raise self.wrong(field, f"is not an integer from 0 to {most}")
        return value

    def digest(self, field: str, hex_digits: int) -> str | None:
        value = self.text(field)
        if value is not None and not re.fullmatch(rf"[0-9a-fA-F]{{{hex_digits}}}", value):
            raise self.wrong(field, f"does not have {hex_digits} hexadecimal digits")
        return value.lower() if value else None

    def moment(self, field: str) -> datetime | None:
        value = self.text(field)
        if value is None:
            return None
        try:
            if _RFC3339.fullmatch(value):
                return datetime.fromisoformat(value)
        except ValueError:  # such as February 30
            pass
        raise self.wrong(field, "is not a date and time with an offset")

    def texts(self, field: str, max_chars: int) -> dict[str, str]:
        inner = self.below(field)
        return {name: inner.needed(name, max_chars) for name in self._said[field]} if inner else {}

    def below(self, field: str) -> _Object | None:
        return _Object(self._said[field], f"{self._path}.{field}") if field in self else None

    def objects(self, field: str) -> list[_Object]:
        value = self._said.get(field)
        if not isinstance(value, list) or len(value) > ARTIFACTS_MAX:
            raise self.wrong(field, "is not a list, or is too long")
        return [_Object(item, f"{self._path}.{field}[{index}]") for index, item in enumerate(value)]

    def versions(self, field: str) -> Below:
        """Return the versions that a field applies to. The field is a boolean, or an object with versions."""
        value = self._said.get(field)
        if value is None or isinstance(value, bool):
            return Below(is_all=bool(value))
        inner = _Object(value, f"{self._path}.{field}")  # raises if it is not an object
        listed = value.get("versions") or []
        if not isinstance(listed, list) or not all(isinstance(version, str) for version in listed):
            raise inner.wrong("versions", "is not a list of versions")
        return Below(tuple(listed), inner.text("below_version"))


def _rollout(told: _Object) -> Rollout:
    """Return the rollout. An unknown form is an error, so such a release is offered to nobody."""
    percent = told.number("percent", ALL_PERCENT)
    start = told.moment("start")
    interval_s, groups = told.number("interval", INTERVAL_MAX_S), told.number("groups", GROUPS_MAX)
    if percent is None and not (start and interval_s and groups):
        raise told.wrong("percent", "is missing, and so is `start`, `interval` or `groups`")
    return Rollout(percent, start, interval_s or 0, groups or 0)


def _artifact(told: _Object) -> Artifact:
    url = told.needed("url", request.URL_MAX_CHARS)
    try:
        request.file(url)
    except AddressError as error:
        raise told.wrong("url", "is not an https:// URL of a file") from error
    return Artifact(
        platform=told.needed("platform"),
        arch=told.needed("arch"),
        kind=told.needed("kind"),
        url=url,
        size_bytes=told.number("size", SIZE_MAX_BYTES),
        sha256=told.digest("sha256", 64),
        sha512=told.digest("sha512", 128),
        signatures=told.texts("signatures", _SIGNATURE_MAX_CHARS),
        min_os=told.text("min_os"),
        max_os=told.text("max_os"),
        file_name=told.text("file_name"),
    )
