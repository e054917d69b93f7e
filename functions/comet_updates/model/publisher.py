"""The document about the publisher, who is responsible for a deployment. Only the pages for people show it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from comet_updates.model.fields import ONE_LINE, Schema, StrictDocument, Uploaded, Url


def _trimmed(text: str) -> str:
    if text != text.strip():
        raise ValueError("must not begin or end with a space")
    return text


def _line(max_chars: int) -> tuple[StringConstraints, AfterValidator]:
    """Return the rules for one line of text, without control characters or spaces around it."""
    return StringConstraints(min_length=1, max_length=max_chars, pattern=ONE_LINE), AfterValidator(_trimmed)


_NAME, _CONTACT, _QUOTE = _line(80), _line(200), _line(1_000)
Quote = Annotated[str, _QUOTE[0], _QUOTE[1]]
PROMISE_ID = r"^P(?:[1-9]|1[01])$"
PromiseId = Annotated[str, StringConstraints(pattern=PROMISE_ID)]
Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]


class Colours(StrictDocument):
    """The background of the head of every page. Its text is black or white, whichever can be read better."""

    light: Annotated[Colour, Field(description="The colour, such as #4038b4.")]
    dark: Annotated[Colour | None, Field(description="The colour in dark mode. By default the same colour.")] = None


class PublisherDocument(Uploaded):
    """The publisher of the products. Without this document, the pages name no publisher and quote nobody."""

    schema_: Schema = 1
    name: Annotated[str, _NAME[0], _NAME[1], Field(description="The name that people know.")]
    contact: Annotated[
        str,
        _CONTACT[0],
        _CONTACT[1],
        Field(description="Whom to ask about privacy: a mail address or a URL."),
    ]
    homepage: Url | None = None
    policy_url: Annotated[Url | None, Field(description="The whole privacy policy of the publisher.")] = None
    quotes: Annotated[
        dict[PromiseId, Quote],
        Field(description="By promise, such as P1: the sentence of the publisher's own policy, which the page quotes."),
    ] = {}
    colours: Colours | None = None
