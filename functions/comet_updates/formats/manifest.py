"""Our own documents: `manifest.json`, the latest release of a channel, and `releases.json`, its history.

A release's fields are passed on exactly as they were uploaded; what the channel decided is added beside them.
Schemas: /schemas/manifest.json and /schemas/history.json.
"""

from __future__ import annotations

from typing import Any

from comet_updates.formats import encode
from comet_updates.model.channel import Rollout
from comet_updates.model.offer import Offer

NEEDS = "nothing"
HISTORY_MAX_BYTES = 4_000_000  # Lambda hands out 6 MB at most, and JSON within JSON grows


def render(offer: Offer) -> dict[str, bytes]:
    """`releases.json`, then `manifest.json` if there is a release to offer; nothing for a channel without releases."""
    if not offer.history:
        return {}
    documents = {"releases.json": _history(offer)}
    if offer.latest is not None:
        rollout = {"rollout": _rollout(offer.rollout)} if offer.rollout else {}
        documents["manifest.json"] = encode.as_json({**offer.latest.wire, **rollout})
    return documents


def _history(offer: Offer) -> bytes:
    """The history, cut at its oldest end to what can be served."""
    entries = ({**release.wire, **({"yanked": reason} if reason else {})} for release, reason in offer.history)
    releases = list(encode.newest(entries, lambda entry: len(encode.as_json(entry)), HISTORY_MAX_BYTES))
    return encode.as_json({"schema": 1, "product": offer.product, "channel": offer.channel, "releases": releases})


def _rollout(rollout: Rollout) -> dict[str, Any]:
    return rollout.model_dump(mode="json", exclude_none=True)
