"""The list of products, from what each product leaves beside its page; of those, only what changed is read.

What was read is gathered beside the list, each entry with the ETag under which it was found. That is a cache and
nothing more: one that is missing, old or broken costs requests.
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
from comet_updates.publish.bucket import MAX_CONNECTIONS, Bucket
from comet_updates.publish.bucket_state import product_of_public

_GATHERED = object_keys.entry_key("index")


def own(listed: Mapping[str, str]) -> dict[str, str]:
    """What of `listed`, ETags of what is among the pages by their keys, belongs to the list itself."""
    return {key: etag for key, etag in listed.items() if object_keys.is_of_index(key)}


def source(listed: Mapping[str, str]) -> dict[str, str | None]:
    """What the list is made from: each product that has a page, with the ETag of its entry, if there is one."""
    products = sorted(product for key in listed if key.endswith(".html") and (product := product_of_public(key)))
    return {product: listed.get(object_keys.entry_key(product)) for product in products if has_page(product)}


def render(bucket: Bucket, listed: Mapping[str, str]) -> dict[str, bytes]:
    """The pages of the list, and what was gathered for it, by key. Raises `StoreUnavailableError`."""
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
    sheets = enumerate(index.render(entries), 1)
    written = {
        urls.page_key("page" if number > 1 else "index", str(number) if number > 1 else ""): sheet
        for number, sheet in sheets
    }
    return {**written, _GATHERED: encode.as_json(dict(sorted(known.items())))}


def _gathered(bucket: Bucket) -> dict[str, tuple[str, str]]:
    """By product, the ETag and the text of its entry."""
    found = bucket.current(_GATHERED)
    try:
        return {
            product: (str(etag), str(text))
            for product, (etag, text) in json.loads(found.body if found else b"").items()
        }
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {}
