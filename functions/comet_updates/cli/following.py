"""Where an uploaded release stands, and what each client sees of it: from the bucket, and from the service itself."""

from __future__ import annotations

import json
from datetime import datetime
from typing import NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from comet_updates import formats, names
from comet_updates.cli.status import in_words
from comet_updates.errors import DecisionError
from comet_updates.model import Offer, Release
from comet_updates.publish.bucket import Bucket, etag_of
from comet_updates.publish.decide import decide, due_at
from comet_updates.publish.inputs import Inputs
from comet_updates.publish.loader import Loader, list_inputs

TIMEOUT_S = 30
OFFERED, SCHEDULED, HELD, REFUSED = "offered", "scheduled", "held", "refused"


class Standing(NamedTuple):
    """Where a release stands.

    Attributes:
        state: `OFFERED`, `SCHEDULED`, `HELD` or `REFUSED`.
        says: in words why, unless it is offered: a sentence for each problem.
        offer: of its channel; `None` if it is refused.
    """

    state: str
    says: list[str]
    offer: Offer | None


class Sight(NamedTuple):
    """What one document tells of.

    Attributes:
        document: its name.
        version: of the release that it tells of.
        why: what keeps it at that; empty for the latest release.
        is_live: whether the service answers with what is published.
    """

    document: str
    version: str
    why: str
    is_live: bool


def standing(bucket: Bucket, release: names.Upload, now: datetime) -> Standing:
    """Where the uploaded `release` stands at `now`, by the rules of publishing.

    Raises:
        DecisionError: it is not there.
        StoreUnavailableError: S3 fails.
    """
    inputs = Loader(bucket).load(release.product, list_inputs(bucket, release.product))
    key = names.release_key(release.product, release.channel, release.version)
    for refused in (key, names.product_key(release.product)):
        if refused in inputs.refusals and (refused == key or inputs.product is None):
            return Standing(REFUSED, [str(problem) for problem in inputs.refusals[refused].problems], None)
    found = next((r for r in inputs.releases if (r.channel, r.version) == (release.channel, release.version)), None)
    if found is None or inputs.product is None:
        raise DecisionError(f"{key} is gone. Release it again")
    offer = decide(inputs.product, release.channel, inputs.policies, inputs.releases_for(release.channel), now)
    if any(past is found for past, _ in offer.history):
        return Standing(OFFERED, [], offer)
    due = due_at(found, inputs.policies)
    if due and due > now:
        return Standing(SCHEDULED, [f"is scheduled, and offered from {due.isoformat()} on"], offer)
    return Standing(HELD, [_held(inputs, found)], offer)


def _held(inputs: Inputs, release: Release) -> str:
    if inputs.waits_on(release.channel, release):
        approve = f"comet-updates approve {release.product} {release.channel} {release.version}"
        return f"waits for the approval of a second person: {approve}"
    policy = inputs.policies.get(release.channel)
    if policy and policy.pin is not None:
        return f"waits, as {release.channel} is pinned to {policy.pin}: see comet-updates unpin"
    if policy and policy.paused_at:
        return f"waits, as {release.channel} is paused since {policy.paused_at.isoformat()}: see comet-updates resume"
    return "waits: see comet-updates status"


def sights(bucket: Bucket, offer: Offer, service_url: str) -> list[Sight]:
    """What each published document of the offer's channel tells of. Raises `StoreUnavailableError`."""
    behind = {lag.document: lag for lag in formats.lags(offer)}
    latest = offer.latest.version if offer.latest else "nothing"
    prefix = names.document_key(offer.product, offer.channel, "")
    found = []
    for key, etag in sorted(bucket.etags(prefix).items()):
        name = key.removeprefix(prefix)
        body = _get(service_url.rstrip("/") + names.document_path(offer.product, offer.channel, name))
        lag = behind.get(name)
        is_live = body is not None and etag_of(body) == etag
        found.append(Sight(name, lag.version if lag else latest, lag.why if lag else "", is_live))
    return found


def rollout(offer: Offer) -> str:
    """Whom the latest release reaches by now, in words; empty for everyone."""
    return in_words(offer.rollout) if offer.rollout and not offer.is_complete else ""


def versions_live(service_url: str, product: str, channel: str) -> set[str]:
    """The versions in the channel's history, as the service tells it; none while it does not answer."""
    body = _get(service_url.rstrip("/") + names.document_path(product, channel, "releases.json"))
    try:
        return {release["version"] for release in json.loads(body or b"")["releases"]}
    except (ValueError, KeyError, TypeError):
        return set()


def _get(url: str) -> bytes | None:
    try:
        with urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 (what the person named)
            body: bytes = answer.read()
            return body
    except HTTPError as error:
        error.close()
    except (URLError, OSError, ValueError):
        pass
    return None
