"""The list of products, made of the entries that are stored beside the products' pages.

A cache beside the list contains all entries, each with its ETag, so that only changed entries are read. If the cache
is missing, outdated or broken, this costs more requests and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.formats import encode
from comet_updates.object_keys import has_page
from comet_updates.pages import index
from comet_updates.pages.site import Site
from comet_updates.publish.bucket import MAX_CONNECTIONS, Bucket
from comet_updates.publish.bucket_state import product_of_public

_GATHERED = object_keys.entry_key("index")


def own(listed: Mapping[str, str]) -> dict[str, str]:
    """Return the objects of the list itself. `listed` are the ETags of all pages and entries, by key."""
    return {key: etag for key, etag in listed.items() if object_keys.is_of_index(key)}


def source(listed: Mapping[str, str]) -> dict[str, str | None]:
    """Return each product that has a page, with the ETag of its entry, or None without an entry."""
    products = sorted(product for key in listed if key.endswith(".html") and (product := product_of_public(key)))
    return {product: listed.get(object_keys.entry_key(product)) for product in products if has_page(product)}


def render(bucket: Bucket, listed: Mapping[str, str], site: Site) -> dict[str, bytes]:
    """Return the pages of the list and its cache, by key. All pages show `site`.

    Raises:
        StoreUnavailableError: S3 fails.
    """
    wanted = source(listed)
    gathered = _gathered(bucket) if _GATHERED in listed else {}
    missing = [product for product, etag in wanted.items() if etag and gathered.get(product, ("",))[0] != etag]
    with ThreadPoolExecutor(MAX_CONNECTIONS) as pool:
        found = pool.map(lambda product: bucket.current(object_keys.entry_key(product)), missing)
        read = {
            product: (entry.etag, entry.body.decode()) for product, entry in zip(missing, found, strict=True) if entry
        }
    known = {product: told for product, told in (gathered | read).items() if wanted.get(product)}
    entries = (index.read(product, known[product][1] if product in known else b"") for product in wanted)
    sheets = enumerate(index.render(entries, site), 1)
    written = {
        urls.page_key("page" if number > 1 else "index", str(number) if number > 1 else ""): sheet
        for number, sheet in sheets
    }
    return {**written, _GATHERED: encode.as_json(dict(sorted(known.items())))}


def _gathered(bucket: Bucket) -> dict[str, tuple[str, str]]:
    """Return the cache: the ETag and the text of each product's entry. Empty if it is missing or broken."""
    found = bucket.current(_GATHERED)
    try:
        return {
            product: (str(etag), str(text))
            for product, (etag, text) in json.loads(found.body if found else b"").items()
        }
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {}
