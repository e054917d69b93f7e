"""The types of fields that all documents use. They are strict, have limits, and appear in the JSON Schemas.

The models check texts and never change them.
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
SIZE_MAX_BYTES = 2**53 - 1  # the largest integer that every JSON reader represents exactly
# No later than 2099: this finds typing errors such as 2206, and no offset or rollout can lead beyond the year 9999.
_RFC3339 = re.compile(
    r"(?:19[7-9][0-9]|20[0-9]{2})-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)


HOST = r"[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9_])?"
"""The pattern of a host in a URL, in lower case."""


def _rfc3339(value: object) -> object:
    if isinstance(value, str) and _RFC3339.fullmatch(value):
        with suppress(ValueError):  # such as February 30
            return datetime.fromisoformat(value)
    raise ValueError("must be a date and time with an offset from 1970 to 2099, as in 2026-11-20T12:00:00Z")


# Names in other scripts are in their xn-- form. Names of old S3 buckets may contain underscores.
_HOST = re.compile(HOST)


def _https(url: str) -> str:
    try:
        parts = urlsplit(url)  # silently strips spaces around the URL
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
    """Return a discriminator that chooses the branch of a union by whether the value is an object.

    An error then describes only that branch.
    """
    return Discriminator(lambda value: composed if isinstance(value, (dict, BaseModel)) else simple)


# One line of text, without control characters and characters that change the direction of text.
ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+$"

Schema = Annotated[int, Field(alias="schema", ge=1, le=1), WithJsonSchema({"const": 1})]
"""The version of the document's schema."""


def _grammar(
    pattern: str, what: str, forbidden: Callable[[str], str | None] = lambda _: None
) -> tuple[AfterValidator, WithJsonSchema]:
    """Return the validator and the JSON Schema for a text that matches a pattern of `object_keys`.

    pydantic's own patterns do not support look-ahead.

    Args:
        pattern: the pattern, for the validator and for the JSON Schema.
        what: the description of a valid text, for the error.
        forbidden: returns why a text that matches the pattern is refused, or None.
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
    # URLs in real feeds contain spaces and letters of all scripts. Clients encode them.
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
    """A JSON object. Unknown fields are refused, types are never converted, and the object cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Uploaded(StrictDocument):
    """A document that a pipeline uploads. It keeps the JSON object that it was read from."""

    _wire: dict[str, Any] = PrivateAttr(default_factory=dict)
    _body_sha256: str = PrivateAttr(default="")

    @property
    def wire(self) -> dict[str, Any]:
        """The JSON object that this was read from, for documents that contain it."""
        return self._wire

    @property
    def body_sha256(self) -> str:
        """The SHA-256 of the bytes that this was read from, in hexadecimal."""
        return self._body_sha256

    def remember(self, wire: dict[str, Any], body_sha256: str) -> None:
        """Keep the JSON object that this was read from, and the hash of its bytes. Only the parser calls this."""
        self._wire = wire
        self._body_sha256 = body_sha256
