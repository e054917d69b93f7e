"""The one definition of which URL is which key of the bucket.

Standard library only: the answering function loads this.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_GUID = r"[0-9A-Fa-f]{8}-?(?:[0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}"

# An old copy may send its number in the place of a name (promise P7). A name must not have that form, or the number
# would reach S3 as part of a key. `(?:|x)` in place of `(?:x)?`, and the look at the length, keep this fast.
NUMBERED = (
    r"(?:|[^/]*\.)(?:[Dd][Nn]-?[0-9]+|[0-9]{7,})(?![^/.])"  # a download number between dots, or the name's ends
    rf"|(?=[^/]{{32}})(?:|[^/]*[^/0-9A-Fa-f]){_GUID}(?![0-9A-Fa-f])"  # a GUID anywhere; more digits are a hash
)

NAME = rf"(?![^/]*\.\.|{NUMBERED})[a-z0-9](?:[a-z0-9._-]{{0,62}}[a-z0-9])?"
"""A product or a channel: 1 to 64 characters, without `..`, a GUID, or a download number between its dots."""

SCHEMAS = ("approval", "channel", "history", "manifest", "product", "rejection", "release")
"""The JSON Schemas of what is uploaded and served, by name."""

DESCRIPTIONS = (*SCHEMAS, "openapi")
"""These, and the description of all URLs, which is served beside them."""

CONTENT_TYPES = {
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
    ".yml": "application/yaml",
    ".xml": "application/xml",
    ".atom": "application/atom+xml",
    ".minisig": "text/plain; charset=utf-8",
    "": "text/plain; charset=utf-8",
}
"""Every kind of document that is served, by the end of its name."""

PAGES = "public/pages/"
"""Where the pages for people are, the news of a product, and what the list of products says of it."""
METADATA = "public/tuf/metadata/"

TARGETS = "public/tuf/targets/"
"""Where clients of TUF find what is signed, and what that speaks of."""
MANIFEST = "manifest.json"
TIMESTAMP = f"{METADATA}timestamp.json"

LANGUAGE = r"(?!(?:|[^/]*-)[Dd][Nn]-?[0-9]|[^/]*[0-9]{7})[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}"
"""A BCP 47 tag, of the form that all real ones have; none has a download number in it."""

# A copy in the field may still add its GUID or download number to the path (promise P7). It is dropped here, before
# anything else can see it: only its shape is looked at. Braces may come as they are or percent-encoded.
_LEGACY_NUMBER = (
    rf"(?:\{{|%7[Bb])?{_GUID}(?:\}}|%7[Dd])?"
    r"|(?:[Dd][Nn]-?)?[0-9]{1,20}"  # a download number
)

# `RELEASES` and `RELEASES.json` are what Squirrel asks for.
DOCUMENT = rf"RELEASES(?:\.json)?|(?!{NUMBERED})[a-z0-9](?:[a-z0-9-]{{0,80}}\.){{1,2}}(?:atom|json|minisig|xml|yml)"
_CHANNEL_URL = re.compile(
    rf"/v1/(?P<product>{NAME})/(?P<channel>{NAME})"
    rf"(?:/(?P<document>{DOCUMENT}))?(?:/(?:{_LEGACY_NUMBER}))?"
)

DROP_IN = "/drop-in/"
"""Where updaters ask that cannot change the form of their URL: the only ones that say their version."""

# By what the document is called, the rest of the URL. Escaped or not, a `+` may stand in a version.
_TOLD = r"/v?(?P<version>[0-9]+\.[0-9]+\.[0-9]+(?:[-+.0-9A-Za-z]|%2[Bb]){0,100})"
_DROP_IN_FORMS = {
    "tauri": re.compile(rf"(?P<computer>(?:linux|windows|darwin)[/-](?:x86_64|aarch64|i686|armv7|riscv64)){_TOLD}"),
    "darwin": re.compile(rf"(?:update/)?darwin(?:[_-](?P<computer>x64|arm64|universal))?{_TOLD}"),
    "RELEASES": re.compile(rf"(?:update/)?win32(?:[_-](?P<computer>x64|ia32|arm64))?{_TOLD}/RELEASES"),
}
_DROP_IN_URL = re.compile(rf"{DROP_IN}(?P<product>{NAME})/(?P<channel>{NAME})/(?P<rest>.+)")
_SCHEMA = re.compile(rf"public/schemas/(?:{'|'.join(DESCRIPTIONS)})\.json")
_PAGE_URL = re.compile(
    rf"/(?!(?:{_LEGACY_NUMBER})$)(?:(?P<page>{NAME})"
    rf"(?:/(?P<part>{LANGUAGE}|(?<=/page/)(?:[2-9]|[1-9][0-9]{{1,3}})))?)?"
)

# What TUF's metadata and what that speaks of are called: docs/security.md. A product's role bears its name.
NUMBER = "[1-9][0-9]{0,8}"
METADATA_PATTERN = re.compile(
    rf"{METADATA}(?P<version>{NUMBER})\.(?P<role>root|targets|snapshot|product\.(?P<product>{NAME}))\.json"
)
TARGET_PATTERN = re.compile(rf"{TARGETS}(?P<product>{NAME})/{NAME}/[0-9a-f]{{64}}\.{MANIFEST}")
_SERVED_AS_THEY_ARE_CALLED = (_SCHEMA, METADATA_PATTERN, TARGET_PATTERN, re.compile(re.escape(TIMESTAMP)))
_NEWS_URL = re.compile(rf"/(?P<product>{NAME})/feed\.atom")
_URL_MAX_CHARS = 512  # the longest URL of the grammar has 207


class DocumentId(NamedTuple):
    """Where a document belongs; a schema and a page have neither product nor channel."""

    product: str
    channel: str
    document: str


NO_DOCUMENT = DocumentId("", "", "")


class DropIn(NamedTuple):
    """What a drop-in URL asks for: a document, if it is of a newer version than the one that the client says."""

    key: str
    version: str


def is_name(text: str) -> bool:
    """Return whether `text` can be the name of a channel."""
    return re.fullmatch(NAME, text) is not None


def public_key(path: str) -> str | None:
    """The key of the answer to `path`: anything, as the client wrote it, without the query. `None` if there is none."""
    if len(path) > _URL_MAX_CHARS:
        return None
    if found := _CHANNEL_URL.fullmatch(path):
        return document_key(found["product"], found["channel"], found["document"] or MANIFEST)
    if any(pattern.fullmatch(f"public{path}") for pattern in _SERVED_AS_THEY_ARE_CALLED):
        return f"public{path}"
    if found := _NEWS_URL.fullmatch(path):
        return news_key(found["product"])
    return page_key(found["page"] or "index", found["part"] or "") if (found := _PAGE_URL.fullmatch(path)) else None


def drop_in(path: str) -> DropIn | None:
    """What a drop-in URL asks for, by its `path` as in `public_key`; `None` if it is none."""
    found = _DROP_IN_URL.fullmatch(path) if len(path) <= _URL_MAX_CHARS else None
    if found is None:
        return None
    for form, pattern in _DROP_IN_FORMS.items():
        if said := pattern.fullmatch(found["rest"]):
            document = drop_in_document(form, (said["computer"] or "").replace("/", "-"))
            key = document_key(found["product"], found["channel"], document)
            return DropIn(key, re.sub("%2[Bb]", "+", said["version"]))
    return None


def document_path(product: str, channel: str, document: str) -> str:
    """The path in the URL of one public document of a channel, or of what a publisher's CDN puts beside it."""
    return f"/v1/{product}/{channel}/{document}"


def document_key(product: str, channel: str, document: str) -> str:
    """The key of one public document of a channel."""
    return f"public{document_path(product, channel, document)}"


def drop_in_document(form: str, computer: str = "") -> str:
    """What the document of a channel for a form of drop-in URL is called, for one kind of computer or for all."""
    return f"drop-in-{form}{'-' if computer else ''}{computer}{'' if form == 'RELEASES' else '.json'}"


def schema_key(name: str) -> str:
    """The key of a public JSON Schema."""
    return f"public/schemas/{name}.json"


def page_path(name: str, part: str = "") -> str:
    """The path in the URL of a page, by what `page_key` takes."""
    return f"/{name}/{part}" if part else f"/{name}"


def page_key(name: str, part: str = "") -> str:
    """The key of a page: `index`, `privacy`, or that of a product.

    Args:
        name: of the page; `page` for those of the index after the first.
        part: a language of a product's page; the number of a page of the index; empty for the first.
    """
    return f"{PAGES}{name}.{f'!{part}.' if part else ''}html"  # no name has a `!`, so no other page is called so


def news_key(product: str) -> str:
    """The key of the news of a product, of all its channels."""
    return f"{PAGES}{product}.atom"


def document_id(key: str) -> DocumentId:
    """Where the document at `key` belongs, for a key that `public_key` gave."""
    parts = key.split("/")
    return (
        DocumentId(parts[2], parts[3], parts[4]) if parts[1] == "v1" else DocumentId("", "", f"{parts[1]}/{parts[2]}")
    )


def content_type(key: str) -> str:
    """The media type of the public document at `key`."""
    _, dot, ending = key.rpartition("/")[2].rpartition(".")
    return CONTENT_TYPES[dot + ending if dot else ""]
