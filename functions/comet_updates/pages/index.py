"""The list of products: an entry for each product, and the pages that are made of the entries.

Publishing a product also stores its entry, so that the list can be made without reading releases.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from markupsafe import Markup

from comet_updates.formats import encode
from comet_updates.model.offer import Offer
from comet_updates.model.product import Product
from comet_updates.pages import html, setup_snippets
from comet_updates.pages.site import Site

CHANNELS_MAX = 6
"""How many channels of a product the list shows. The product's page has all."""


_SPACE = Markup(" ")


class Latest(NamedTuple):
    """The version that a channel offers, and since when, if that is known."""

    channel: str
    version: str
    since: datetime | None


class Entry(NamedTuple):
    """A product in the list.

    Attributes:
        product: its name in URLs.
        name: its name for people.
        latest: the latest version of each channel that offers a release, in display order.
        more: how many channels are left out.
    """

    product: str
    name: str
    latest: tuple[Latest, ...] = ()
    more: int = 0


def entry(about: Product, offers: Sequence[Offer]) -> bytes:
    """Return the entry of a product as JSON, for `read`. `offers` are in display order."""
    told = [
        [offer.channel, offer.latest.display_version or offer.latest.version, _written(offer.latest.due_at)]
        for offer in offers
        if offer.latest
    ]
    more = max(0, len(told) - CHANNELS_MAX)
    return encode.as_json({"name": about.name or about.product, "latest": told[:CHANNELS_MAX], "more": more})


def read(product: str, body: bytes | str) -> Entry:
    """Return the entry that `entry` wrote. If `body` is not valid, the entry has only the name in the URL."""
    try:
        said = json.loads(body)
        latest = tuple(Latest(str(channel), str(version), _read(since)) for channel, version, since in said["latest"])
        return Entry(product, str(said["name"]), latest, int(said["more"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return Entry(product, product)


def render(entries: Iterable[Entry], site: Site) -> list[bytes]:
    """Return the pages of the list, sorted by name. Each is filled up to the size limit; without entries, one page.

    The page without entries shows publishers how to begin.
    """
    shown = sorted(entries, key=lambda told: (told.name.casefold(), told.product))
    room_bytes = html.MAX_BYTES - len(_page([_SPACE], 99, 99, site))
    sheets: list[list[Markup]] = [[]]
    left_bytes = room_bytes
    for told in shown:
        listed = html.part("entry", entry=told)
        size_bytes = len(listed.encode()) + 1  # the end of its line
        if size_bytes > left_bytes:
            sheets.append([])
            left_bytes = room_bytes
        sheets[-1].append(listed)
        left_bytes -= size_bytes
    return [_page(sheet, number, len(sheets), site) for number, sheet in enumerate(sheets, 1)]


def _page(listed: Sequence[Markup], number: int, last: int, site: Site) -> bytes:
    url = site.service_url or setup_snippets.UNKNOWN_URL
    return html.render("index", site, entries=listed, number=number, last=last, service_url=url)


def _written(since: datetime | None) -> str | None:
    return encode.moment(since) if since else None


def _read(since: str | None) -> datetime | None:
    return datetime.fromisoformat(since) if since is not None else None
