"""The keys of the bucket that no URL leads to by itself: uploads, packs, rejections, and what TUF signs."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from comet_updates.answer import urls
from comet_updates.answer.urls import (
    LANGUAGE,
    MANIFEST,
    METADATA,
    METADATA_PATTERN,
    NAME,
    NUMBER,
    NUMBERED,
    PAGES,
    TARGET_PATTERN,
    TARGETS,
)

RESERVED = ("v1", "drop-in", "tuf", "schemas", "privacy", "page", "log", "downloads", "apt", "rpm", "index")
"""What is or may become the first part of a URL, and so cannot be the name of a product."""

PRODUCT = rf"(?!(?:{'|'.join(RESERVED)})(?:/|(?:\.json)?$)){NAME}"
"""The name of a product, where one is uploaded: before `/`, or before `.json` and the end, or alone."""

VERSION = r"(?![^/]*\.\.)[0-9A-Za-z](?:[0-9A-Za-z.+_-]{0,126}[0-9A-Za-z])?"
"""A version, as it may stand in a key. Whether it is one is for the product's version scheme to say."""
_PAGE_OF = re.compile(rf"{PAGES}(?P<product>{NAME})\.(?:(?:!{LANGUAGE}\.)?html|atom|json)")
_INDEX = re.compile(rf"{PAGES}(?:index\.(?:html|json)|page\.![0-9]+\.html)")
_S3_KEY_MAX_BYTES = 1024

DOCUMENTS = "public/v1/"
"""The folder of the public documents of all channels."""


class Upload(NamedTuple):
    """What the key of an upload says.

    `channel` is empty for a product, `version` for a product and a channel. Of what is trusted `channel` is the role.
    """

    kind: str
    product: str
    channel: str
    version: str


def is_product(text: str) -> bool:
    """Return whether `text` can be the name of a product."""
    return re.fullmatch(PRODUCT, text) is not None


def forbidden(text: str, *, product: bool) -> str | None:
    """Return why a publisher must not give this name to a product, or to a channel; None if its form decides."""
    if re.match(NUMBERED, text):
        return "looks like a GUID or a download number"
    return "is a reserved name" if product and text.removesuffix(".json") in RESERVED else None


def entry_key(name: str) -> str:
    """The key of what the list of products says of a product; of `index`, what it says of all. No URL leads there."""
    return f"{PAGES}{name}.json"


def page_product(key: str) -> str | None:
    """Whose page, news or entry is at `key`, going by its form; `None` for any other."""
    found = _PAGE_OF.fullmatch(key)
    return found["product"] if found else None


def is_of_index(key: str) -> bool:
    """Whether the list of products is at `key`, or a page of it, or what it was made from."""
    return _INDEX.fullmatch(key) is not None


def product_role(product: str) -> str:
    """The TUF role that speaks for a product, and for nothing else."""
    return f"product.{product}"


def metadata_key(role: str, version: int) -> str:
    """The key of one version of public TUF metadata. The timestamp alone has none: see `TIMESTAMP`."""
    return f"{METADATA}{version}.{role}.json"


class Metadata(NamedTuple):
    """What the key of TUF metadata says; `product` is `None` for the roles that are not of one."""

    role: str
    version: int
    product: str | None


def metadata(key: str) -> Metadata | None:
    """The inverse of `metadata_key`; `None` for any other key."""
    found = METADATA_PATTERN.fullmatch(key)
    return Metadata(found["role"], int(found["version"]), found["product"]) if found else None


def target_path(product: str, channel: str, name: str = MANIFEST) -> str:
    """What TUF calls the manifest of a channel, or another file of it that is on the publisher's host."""
    return f"{product}/{channel}/{name}"


def target_channel(path: str) -> str:
    """Return the channel in a `target_path`."""
    return path.split("/")[1]


def target_key(path: str, sha256: str) -> str:
    """The key of one state of a target, by its `target_path` and its SHA-256 in hexadecimal."""
    folder, _, name = path.rpartition("/")
    return f"{TARGETS}{folder}/{sha256}.{name}"


def target_product(key: str) -> str | None:
    """Whose target is at `key`; `None` for any other key."""
    found = TARGET_PATTERN.fullmatch(key)
    return found["product"] if found else None


def document_product(key: str) -> str | None:
    """Return the product in the key of a channel's public document, valid or not; `None` for any other key."""
    return names[0] if (names := _names_of_document(key)) else None


def document_channel(key: str) -> str | None:
    """Return the channel in the key of a channel's public document, valid or not; `None` for any other key."""
    return names[1] if (names := _names_of_document(key)) else None


def _names_of_document(key: str) -> list[str]:
    names = key.removeprefix(DOCUMENTS).split("/", 2)
    return names if key.startswith(DOCUMENTS) and len(names) > 1 else []


def product_key(product: str) -> str:
    """The key of what a pipeline says of a product."""
    return f"products/{product}.json"


def channel_key(product: str, channel: str) -> str:
    """The key of what a pipeline says of a channel."""
    return f"channels/{product}/{channel}.json"


def release_key(product: str, channel: str, version: str) -> str:
    """The key of one release."""
    return f"releases/{product}/{channel}/{version}.json"


def approval_key(product: str, channel: str, version: str) -> str:
    """The key of the approval of one release."""
    return f"approvals/{product}/{channel}/{version}.json"


def pack_key(product: str) -> str:
    """The key of what was uploaded for a product, gathered in one object for publishers that start anew."""
    return f"packs/{product}.json.gz"


def signed_key(product: str, version: int) -> str:
    """The key of what a pipeline signed: the TUF metadata of a product, in one of its versions."""
    return f"signed/{product}/{version}.json"


def trust_key(role: str, version: int) -> str:
    """The key of what the owners of the offline keys signed: a version of `root` or `targets`."""
    return f"trust/{role}/{version}.json"


TRUST = "trust/"
UPLOAD_PREFIXES = ("products/", "channels/", "releases/", "approvals/", "signed/", TRUST)
_VERSIONED = rf"(?P<product>{PRODUCT})/(?P<channel>{NAME})/(?P<version>{VERSION})\.json"
_UPLOADS = (
    ("product", re.compile(rf"products/(?P<product>{PRODUCT})\.json")),
    ("channel", re.compile(rf"channels/(?P<product>{PRODUCT})/(?P<channel>{NAME})\.json")),
    ("release", re.compile(rf"releases/{_VERSIONED}")),
    ("approval", re.compile(rf"approvals/{_VERSIONED}")),
    ("signed", re.compile(rf"signed/(?P<product>{PRODUCT})/(?P<version>{NUMBER})\.json")),
    ("trust", re.compile(rf"trust/(?P<channel>root|targets)/(?P<version>{NUMBER})\.json")),
)


def parse_upload(key: str) -> Upload | None:
    """What the key of an upload says; `None` for a key that no upload has."""
    for kind, pattern in _UPLOADS:
        if found := pattern.fullmatch(key):
            said = found.groupdict()
            return Upload(kind, said.get("product") or "", said.get("channel") or "", said.get("version") or "")
    return None


_PLACES = {
    "products": ("product",),
    "channels": ("product", "channel"),
    "releases": ("product", "channel", ""),
    "approvals": ("product", "channel", ""),
    "signed": ("product", ""),
}


def parts_of_upload(key: str) -> dict[str, str]:
    """Return the names in the key of an upload, sound or not, by `product` and `channel`; empty for another key."""
    folder, *parts = key.removesuffix(".json").split("/")
    places = _PLACES.get(folder, ())
    if len(parts) != len(places):
        return {}
    return {place: part for place, part in zip(places, parts, strict=True) if place}


PRODUCT_FOLDERS = ("channels", "releases", "approvals", "signed")
"""Where a product has a folder of uploads of its own."""


def product_of(key: str) -> str | None:
    """What stands in the place of the product in the key of an upload, sound or not; `None` if nothing does."""
    folder, _, rest = key.partition("/")
    if folder == "products" and "/" not in rest and rest.endswith(".json"):
        return rest.removesuffix(".json")
    product, slash, _ = rest.partition("/")
    return product if folder in PRODUCT_FOLDERS and slash else None


REJECTED_LONG_KEYS = "rejected/long-keys/"


def rejected_key(key: str) -> str:
    """The key that says why the upload at `key` was refused."""
    rejected = f"rejected/{key}.json"
    if len(rejected.encode()) <= _S3_KEY_MAX_BYTES:
        return rejected
    return f"{REJECTED_LONG_KEYS}{hashlib.sha256(key.encode()).hexdigest()}.json"  # the document names the key in full


OWN_PAGES = ("index", "privacy")
"""The pages that belong to no product. No product can have these names: see `object_keys.RESERVED`."""


def has_page(product: str) -> bool:
    """Return whether a URL leads to a page of `product`: a name of digits alone has no page."""
    return urls.public_key(urls.page_path(product)) is not None
