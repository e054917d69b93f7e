"""The registry of the document formats that clients read.

A format is a module with `render(offer) -> {document name: bytes}`, `views(offer)`, which describes its documents (see
`selection`), and `NEEDS`, a text for the guide. The formats of other updaters also have `parse`, which reads a feed
that another tool published: see `imported`. `comet_updates_cli.import_feeds` recognises the format of a feed.
"""

from __future__ import annotations

from collections.abc import Iterable

from comet_updates.formats import (
    atom,
    drop_in,
    electron_updater,
    manifest,
    selection,
    sparkle,
    squirrel,
    tauri,
    velopack,
)
from comet_updates.formats.selection import Lag
from comet_updates.model.offer import Offer

ALL = (
    sparkle,
    electron_updater,
    tauri,
    squirrel,
    velopack,
    atom,
    manifest,
)  # The manifest is last, so that the documents of the other updaters are written before it.


def render(offer: Offer) -> dict[str, bytes]:
    """Return all documents of the offer's channel by name, in the order in which to write them."""
    return {name: body for module in ALL for name, body in module.render(offer).items()}


def lags(offer: Offer, drop_in_forms: Iterable[str] = ()) -> list[Lag]:
    """Return the documents that do not show the latest release, and those that do not exist, with the reasons.

    Args:
        offer: the offer of a channel.
        drop_in_forms: the product's `drop_in`.
    """
    views = [view for module in ALL for view in module.views(offer)]
    return selection.lags(views + drop_in.views(drop_in_forms), offer)
