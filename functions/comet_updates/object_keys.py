"""The keys of the bucket for uploads, packs, rejections, TUF metadata and targets. `answer.urls` has the others."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Set as AbstractSet
from itertools import islice
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
"""Names that are, or may become, the first part of a URL. A product cannot have such a name."""

PRODUCT = rf"(?!(?:{'|'.join(RESERVED)})(?:/|(?:\.json)?$)){NAME}"
"""The pattern of a product name in the key of an upload (before `/`, or before `.json` and the end), or alone."""

VERSION = r"(?![^/]*\.\.)[0-9A-Za-z](?:[0-9A-Za-z.+_-]{0,126}[0-9A-Za-z])?"
"""The pattern of a version in a key. The product's version scheme decides whether the version is valid."""
_PAGE_OF = re.compile(rf"{PAGES}(?P<product>{NAME})\.(?:(?:!{LANGUAGE}\.)?html|atom|json)")
_INDEX = re.compile(rf"{PAGES}(?:index\.(?:html|json)|page\.![0-9]+\.html)")
_S3_KEY_MAX_BYTES = 1024

DOCUMENTS = "public/v1/"
"""The folder of the public documents of all channels."""


class Upload(NamedTuple):
    """The parts of an upload's key.

    `channel` is empty for a product; `version` is empty for a product and for a channel. For root and targets metadata
    (`trust/`), `channel` is the role. All three are empty for the document about the publisher.
    """

    kind: str
    product: str
    channel: str
    version: str


def is_product(text: str) -> bool:
    """Return whether `text` can be the name of a product."""
    return re.fullmatch(PRODUCT, text) is not None


def forbidden(text: str, *, product: bool) -> str | None:
    """Return why a product or a channel must not have this name, or None. Other rules for names are not checked."""
    if re.match(NUMBERED, text):
        return "looks like a GUID or a download number"
    return "is a reserved name" if product and text.removesuffix(".json") in RESERVED else None


def entry_key(name: str) -> str:
    """Return the key of a product's entry in the list of products. `index` gives the key of the list's cache.

    These keys have no URL.
    """
    return f"{PAGES}{name}.json"


def page_product(key: str) -> str | None:
    """Return the product whose page, feed or entry has this key, or None for any other key."""
    found = _PAGE_OF.fullmatch(key)
    return found["product"] if found else None


def is_of_index(key: str) -> bool:
    """Return whether `key` belongs to the list of products: one of its pages, or its cache."""
    return _INDEX.fullmatch(key) is not None


def product_role(product: str) -> str:
    """Return the name of the TUF role that signs for this product only."""
    return f"product.{product}"


def metadata_key(role: str, version: int) -> str:
    """Return the key of one version of public TUF metadata. The timestamp has a key without a version: `TIMESTAMP`."""
    return f"{METADATA}{version}.{role}.json"


class Metadata(NamedTuple):
    """The parts of the key of TUF metadata. `product` is None for roles that do not belong to a product."""

    role: str
    version: int
    product: str | None


def metadata(key: str) -> Metadata | None:
    """Return the parts of a key from `metadata_key`, or None for any other key."""
    found = METADATA_PATTERN.fullmatch(key)
    return Metadata(found["role"], int(found["version"]), found["product"]) if found else None


def target_path(product: str, channel: str, name: str = MANIFEST) -> str:
    """Return TUF's target path for the manifest of a channel, or for another file on the publisher's host."""
    return f"{product}/{channel}/{name}"


def target_channel(path: str) -> str:
    """Return the channel in a `target_path`."""
    return path.split("/")[1]


def target_key(path: str, sha256: str) -> str:
    """Return the key of one state of a target, from its `target_path` and its SHA-256 in hexadecimal."""
    folder, _, name = path.rpartition("/")
    return f"{TARGETS}{folder}/{sha256}.{name}"


def target_product(key: str) -> str | None:
    """Return the product of the target at `key`, or None for any other key."""
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
    """Return the key of a product's document."""
    return f"products/{product}.json"


def channel_key(product: str, channel: str) -> str:
    """Return the key of a channel's policy."""
    return f"channels/{product}/{channel}.json"


def release_key(product: str, channel: str, version: str) -> str:
    """Return the key of a release."""
    return f"releases/{product}/{channel}/{version}.json"


def approval_key(product: str, channel: str, version: str) -> str:
    """Return the key of a release's approval."""
    return f"approvals/{product}/{channel}/{version}.json"


def pack_key(product: str) -> str:
    """Return the key of a product's pack: one object with its uploads, for new publisher processes."""
    return f"packs/{product}.json.gz"


def part_key(product: str, channel: str, version: str, name: str) -> str:
    """Return the key of a part of a release. Pipelines join parts to a release, and publishing does not read them."""
    return f"parts/{product}/{channel}/{version}/{name}.json"


NUMBER_MAX = 999_999_999
"""The highest number in the key of metadata: see `urls.NUMBER`."""


def signed_key(product: str, version: int) -> str:
    """Return the key of the TUF metadata of a product that a pipeline signed and uploaded, in one version."""
    return f"signed/{product}/{version}.json"


def free_numbers(taken: AbstractSet[int], signed: int, public: int, count: int) -> list[int]:
    """Return `count` rising numbers for new metadata of a role. There are fewer if too few are left above `signed`.

    Clients refuse a number that is not above each one that they know, so the result is above all of the arguments.
    Anyone who may upload can take the highest number without a key. Then the result is the lowest free numbers above
    `signed` and `public`. If TUF clients know the highest number, the result is at least above `signed`.

    Args:
        taken: all numbers in use, of valid and of other uploads.
        signed: the highest number that the role's keys signed.
        public: the number in the snapshot, which TUF clients know.
        count: how many numbers are needed.
    """
    first = max(signed, public, *taken, 0) + 1
    if first + count - 1 <= NUMBER_MAX:
        return list(range(first, first + count))
    for above in (max(signed, public), signed):
        free = (number for number in range(above + 1, NUMBER_MAX + 1) if number not in taken)
        if len(found := list(islice(free, count))) == count:
            return found
    return []


def trust_key(role: str, version: int) -> str:
    """Return the key of root or targets metadata that the owners of the offline keys uploaded, in one version."""
    return f"trust/{role}/{version}.json"


TRUST = "trust/"
SITE = "site/"
"""The folder of the uploads that belong to the pages of all products."""
PUBLISHER = f"{SITE}publisher.json"
"""The key of the document about the publisher."""
UPLOAD_PREFIXES = ("products/", "channels/", "releases/", "approvals/", "signed/", TRUST, SITE)
_VERSIONED = rf"(?P<product>{PRODUCT})/(?P<channel>{NAME})/(?P<version>{VERSION})\.json"
_UPLOADS = (
    ("product", re.compile(rf"products/(?P<product>{PRODUCT})\.json")),
    ("channel", re.compile(rf"channels/(?P<product>{PRODUCT})/(?P<channel>{NAME})\.json")),
    ("release", re.compile(rf"releases/{_VERSIONED}")),
    ("approval", re.compile(rf"approvals/{_VERSIONED}")),
    ("signed", re.compile(rf"signed/(?P<product>{PRODUCT})/(?P<version>{NUMBER})\.json")),
    ("trust", re.compile(rf"trust/(?P<channel>root|targets)/(?P<version>{NUMBER})\.json")),
    ("publisher", re.compile(re.escape(PUBLISHER))),
)


def parse_upload(key: str) -> Upload | None:
    """Return the parts of an upload's key, or None if the key is not valid for an upload."""
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
    """Return the names in an upload's key, valid or not, by `product` and `channel`; empty for any other key."""
    folder, *parts = key.removesuffix(".json").split("/")
    places = _PLACES.get(folder, ())
    if len(parts) != len(places):
        return {}
    return {place: part for place, part in zip(places, parts, strict=True) if place}


PRODUCT_FOLDERS = ("channels", "releases", "approvals", "signed")
"""The folders that contain a folder for each product."""


def product_of(key: str) -> str | None:
    """Return the name in the product's place in an upload's key, valid or not, or None if the key has no such place."""
    folder, _, rest = key.partition("/")
    if folder == "products" and "/" not in rest and rest.endswith(".json"):
        return rest.removesuffix(".json")
    product, slash, _ = rest.partition("/")
    return product if folder in PRODUCT_FOLDERS and slash else None


REJECTED_LONG_KEYS = "rejected/long-keys/"


def rejected_key(key: str) -> str:
    """Return the key of the document with the reasons why the upload at `key` was refused."""
    rejected = f"rejected/{key}.json"
    if len(rejected.encode()) <= _S3_KEY_MAX_BYTES:
        return rejected
    return f"{REJECTED_LONG_KEYS}{hashlib.sha256(key.encode()).hexdigest()}.json"  # the document contains the whole key


OWN_PAGES = ("index", "privacy")
"""The pages that belong to no product. No product can have these names: see `object_keys.RESERVED`."""


def has_page(product: str) -> bool:
    """Return whether `product` can have a page. A name of digits alone has no URL for a page."""
    return urls.public_key(urls.page_path(product)) is not None
