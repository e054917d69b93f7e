"""The mapping from URLs to keys of the bucket. It is defined only here.

This uses only the standard library, because the answering function loads it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_GUID = r"[0-9A-Fa-f]{8}-?(?:[0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}"

# An old copy may send its number in the place of a name (promise P7). A name must not have the form of such a number,
# or the number would reach S3 as part of a key. `(?:|x)` in place of `(?:x)?`, and the length check, keep this fast.
NUMBERED = (
    r"(?:|[^/]*\.)(?:[Dd][Nn]-?[0-9]+|[0-9]{7,})(?![^/.])"  # a download number between dots, or the name's ends
    rf"|(?=[^/]{{32}})(?:|[^/]*[^/0-9A-Fa-f]){_GUID}(?![0-9A-Fa-f])"  # a GUID anywhere; with more digits it is a hash
)

NAME = rf"(?![^/]*\.\.|{NUMBERED})[a-z0-9](?:[a-z0-9._-]{{0,62}}[a-z0-9])?"
"""A product or a channel: 1 to 64 characters, without `..`, a GUID, or a download number between its dots."""

SCHEMAS = ("approval", "channel", "history", "manifest", "product", "publisher", "rejection", "release")
"""The names of the JSON Schemas of the documents that are uploaded and served."""

DESCRIPTIONS = (*SCHEMAS, "openapi")
"""The schemas, and the OpenAPI description of all URLs."""

CONTENT_TYPES = {
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
    ".yml": "application/yaml",
    ".xml": "application/xml",
    ".atom": "application/atom+xml",
    ".minisig": "text/plain; charset=utf-8",
    "": "text/plain; charset=utf-8",
}
"""The content type of every served document, by the ending of its name."""

PAGES = "public/pages/"
"""The pages for people, the feed of each product, and each product's entry in the list."""
METADATA = "public/tuf/metadata/"

TARGETS = "public/tuf/targets/"
"""The targets of TUF: the files that the metadata lists."""
MANIFEST = "manifest.json"
TIMESTAMP = f"{METADATA}timestamp.json"

LANGUAGE = r"(?!(?:|[^/]*-)[Dd][Nn]-?[0-9]|[^/]*[0-9]{7})[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}"
"""A BCP 47 tag. The pattern matches all real tags, and none that contains a download number."""

# An old copy may still add its GUID or download number to the path (promise P7). The pattern matches only its form, and
# it is dropped here, before other code can read it. Braces may be plain or percent-encoded.
_LEGACY_NUMBER = (
    rf"(?:\{{|%7[Bb])?{_GUID}(?:\}}|%7[Dd])?"
    r"|(?:[Dd][Nn]-?)?[0-9]{1,20}"  # a download number
)

# Squirrel requests `RELEASES` and `RELEASES.json`.
DOCUMENT = rf"RELEASES(?:\.json)?|(?!{NUMBERED})[a-z0-9](?:[a-z0-9-]{{0,80}}\.){{1,2}}(?:atom|json|minisig|xml|yml)"
_CHANNEL_URL = re.compile(
    rf"/v1/(?P<product>{NAME})/(?P<channel>{NAME})"
    rf"(?:/(?P<document>{DOCUMENT}))?(?:/(?:{_LEGACY_NUMBER}))?"
)

DROP_IN = "/drop-in/"
"""The URLs for updaters that cannot change the form of their URL. Only these URLs contain the client's version."""

FOR_PROGRAMS = ("/v1/", DROP_IN, "/tuf/", "/schemas/")
"""The beginnings of the URLs that only programs use. People may use all others."""

# The rest of the URL, by the name of the document. A version may contain `+`, plain or percent-encoded.
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

# The names of TUF's metadata and targets: docs/security.md. The role of a product contains the product's name.
NUMBER = "[1-9][0-9]{0,8}"
METADATA_PATTERN = re.compile(
    rf"{METADATA}(?P<version>{NUMBER})\.(?P<role>root|targets|snapshot|product\.(?P<product>{NAME}))\.json"
)
TARGET_PATTERN = re.compile(rf"{TARGETS}(?P<product>{NAME})/{NAME}/[0-9a-f]{{64}}\.{MANIFEST}")
_SERVED_AS_THEY_ARE_CALLED = (_SCHEMA, METADATA_PATTERN, TARGET_PATTERN, re.compile(re.escape(TIMESTAMP)))
_NEWS_URL = re.compile(rf"/(?P<product>{NAME})/feed\.atom")
_URL_MAX_CHARS = 512  # the longest URL of the grammar has 207


class DocumentId(NamedTuple):
    """The product and channel of a document. A schema and a page have neither."""

    product: str
    channel: str
    document: str


NO_DOCUMENT = DocumentId("", "", "")


class DropIn(NamedTuple):
    """The content of a drop-in URL: the key of a document, and the client's version. Older documents are not sent."""

    key: str
    version: str


def is_name(text: str) -> bool:
    """Return whether `text` can be the name of a channel."""
    return re.fullmatch(NAME, text) is not None


def public_key(path: str) -> str | None:
    """Return the key of the document at `path`, or None. `path` may be any text; it is a URL path without the query."""
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
    """Return the content of the drop-in URL with this `path`, or None for any other. See `public_key` for `path`."""
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
    """Return the URL path of a channel's document, or of a file that a publisher's CDN adds to the channel."""
    return f"/v1/{product}/{channel}/{document}"


def document_key(product: str, channel: str, document: str) -> str:
    """Return the key of a channel's document."""
    return f"public{document_path(product, channel, document)}"


def drop_in_document(form: str, computer: str = "") -> str:
    """Return the name of a channel's document for a form of drop-in URL, for one kind of computer or for all."""
    return f"drop-in-{form}{'-' if computer else ''}{computer}{'' if form == 'RELEASES' else '.json'}"


def schema_key(name: str) -> str:
    """Return the key of a public JSON Schema."""
    return f"public/schemas/{name}.json"


def page_path(name: str, part: str = "") -> str:
    """Return the URL path of a page. The arguments are those of `page_key`."""
    return f"/{name}/{part}" if part else f"/{name}"


def page_key(name: str, part: str = "") -> str:
    """Return the key of a page: `index`, `privacy`, or the page of a product.

    Args:
        name: the name of the page; `page` for pages of the index after the first.
        part: a language of a product's page, or the number of a page of the index. Empty for the first.
    """
    return f"{PAGES}{name}.{f'!{part}.' if part else ''}html"  # names do not contain `!`, so this key is unique


def news_key(product: str) -> str:
    """Return the key of a product's feed, which covers all its channels."""
    return f"{PAGES}{product}.atom"


def document_id(key: str) -> DocumentId:
    """Return the product, channel and name of the document at `key`, a result of `public_key`."""
    parts = key.split("/")
    return (
        DocumentId(parts[2], parts[3], parts[4]) if parts[1] == "v1" else DocumentId("", "", f"{parts[1]}/{parts[2]}")
    )


def content_type(key: str) -> str:
    """Return the content type of the public document at `key`."""
    _, dot, ending = key.rpartition("/")[2].rpartition(".")
    return CONTENT_TYPES[dot + ending if dot else ""]
