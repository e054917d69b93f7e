"""The fields of all documents: strict, bounded, and told to the JSON Schemas.

Texts stay as they were written: the models check, they never rewrite.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Annotated, Any
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
    WithJsonSchema,
)

from comet_updates import object_keys
from comet_updates.answer import urls

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


def either(simple: str, composed: str) -> Discriminator:
    """Choose the branch of a union by whether the value is an object, so that an error speaks of that branch alone."""
    return Discriminator(lambda value: composed if isinstance(value, (dict, BaseModel)) else simple)


# One line of text: no control characters, and none that turn the direction of the text around them.
ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+$"

Schema = Annotated[int, Field(alias="schema", ge=1, le=1), WithJsonSchema({"const": 1})]
"""The version of the document's own form."""


def _grammar(
    pattern: str, what: str, forbidden: Callable[[str], str | None] = lambda _: None
) -> tuple[AfterValidator, WithJsonSchema]:
    """Return what checks a text by a pattern of `object_keys`, which pydantic's own cannot (they do not look ahead).

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
    object_keys.PRODUCT, "a name in lower case such as `comet-cursor`", partial(object_keys.forbidden, product=True)
)
_CHANNEL = _grammar(urls.NAME, "a name in lower case such as `stable`", partial(object_keys.forbidden, product=False))
_VERSION = _grammar(object_keys.VERSION, "a version such as `4.2.1`")
ProductName = Annotated[str, _PRODUCT[0], _PRODUCT[1]]
ChannelName = Annotated[str, _CHANNEL[0], _CHANNEL[1]]
Version = Annotated[str, _VERSION[0], _VERSION[1]]
Label = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=ONE_LINE)]
Notes = Annotated[str, StringConstraints(max_length=NOTES_MAX_CHARS, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$")]
Token = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9._-]{0,30}[a-z0-9])?$")]
Url = Annotated[
    str,
    # Spaces and letters of all scripts stand in the URLs of real feeds, and clients encode them.
    StringConstraints(max_length=2_000, pattern=ONE_LINE),
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


class StrictDocument(BaseModel):
    """One JSON object: unknown fields are refused, types are never converted, and nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Uploaded(StrictDocument):
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
