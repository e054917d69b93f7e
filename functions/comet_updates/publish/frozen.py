"""The last decision about channels that cannot be decided now, because an upload without a valid version stops them.

The public documents of such a channel stay as they are. If they are lost, they are rendered again, from the uploads
before the one that stops the channel, at its time. Pure, except that `load` reads uploads.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from comet_updates import object_keys
from comet_updates.pages.site import NEUTRAL, Site
from comet_updates.publish.render import Rendered, render
from comet_updates.publish.uploads.accept import AcceptedUploads, Listing

Load = Callable[[Listing], AcceptedUploads]


def complete(
    product: str, listing: Listing, load: Load, now: datetime, site: Site = NEUTRAL
) -> tuple[AcceptedUploads, Rendered]:
    """Return the accepted uploads of a product, and its documents at `now`.

    The documents of channels in `undecided` are those that were decided last. Pages cover all channels: they are as
    they were when the first channel stopped.

    Args:
        product: the product's name.
        listing: the versions of its uploads.
        load: returns the accepted uploads of a listing.
        now: aware.
        site: what all pages share.
    """
    accepted = load(listing)
    rendered = render(accepted, now, site)
    since = _frozen_since(product, listing, accepted, rendered.undecided)
    documents: dict[str, bytes] = {}
    for moment in sorted(set(since.values())):
        earlier = render(load(before(listing, moment)), moment, site)
        is_first = moment == min(since.values())
        for key, body in earlier.documents.items():
            channel = object_keys.document_channel(key)
            if is_first if channel is None else since.get(channel, since.get(None)) == moment:
                documents[key] = body
        if accepted.product is None:
            rendered = rendered._replace(requires_signature=earlier.requires_signature)
    return accepted, rendered._replace(documents=documents | rendered.documents)


def before(listing: Listing, moment: datetime) -> Listing:
    """Return the versions that were uploaded before `moment`."""
    earlier = {
        key: tuple(stored for stored in versions if stored.written_at < moment) for key, versions in listing.items()
    }
    return {key: versions for key, versions in earlier.items() if versions}


def _frozen_since(
    product: str, listing: Listing, accepted: AcceptedUploads, undecided: set[str] | None
) -> dict[str | None, datetime]:
    """Return since when each channel cannot be decided, by channel; None stands for all channels."""
    if undecided is None:
        versions = listing.get(object_keys.product_key(product), ())
        return {None: versions[-1].written_at} if versions else {}
    found: dict[str | None, datetime] = {}
    for channel in undecided:
        versions = listing.get(object_keys.channel_key(product, channel), ())
        if versions:  # the newest policy, if it is valid and cannot be applied; the first one, if none is valid
            found[channel] = versions[0 if channel in accepted.policies else -1].written_at
    return found
