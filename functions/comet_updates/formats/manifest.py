"""Our own documents: `manifest.json`, the latest release of a channel, and `releases.json`, its history.

They contain each release's fields exactly as uploaded, and the channel's decisions: `rollout` and `yanked`.
Schemas: /schemas/manifest.json and /schemas/history.json.
"""

from __future__ import annotations

from typing import Any

from comet_updates.formats import encode
from comet_updates.formats.selection import View
from comet_updates.model.channel import Rollout
from comet_updates.model.offer import Offer

NEEDS = "nothing"
HISTORY_MAX_BYTES = 4_000_000  # Lambda returns 6 MB at most, and JSON inside JSON grows


def views(offer: Offer) -> list[View]:
    """Return no document: both always show what the channel offers."""
    del offer
    return []


def render(offer: Offer) -> dict[str, bytes]:
    """Return `releases.json`, then `manifest.json` if the channel offers a release.

    A channel without releases has neither document.
    """
    if not offer.history:
        return {}
    documents = {"releases.json": _history(offer)}
    if offer.latest is not None:
        rollout = {"rollout": _rollout(offer.rollout)} if offer.rollout else {}
        documents["manifest.json"] = encode.as_json({**offer.latest.wire, **rollout})
    return documents


def _history(offer: Offer) -> bytes:
    """Return `releases.json`. The oldest releases are left out if it would be too large to serve."""
    entries = ({**release.wire, **({"yanked": reason} if reason else {})} for release, reason in offer.history)
    releases = list(encode.newest(entries, lambda entry: len(encode.as_json(entry)), HISTORY_MAX_BYTES))
    return encode.as_json({"schema": 1, "product": offer.product, "channel": offer.channel, "releases": releases})


def _rollout(rollout: Rollout) -> dict[str, Any]:
    return rollout.model_dump(mode="json", exclude_none=True)
