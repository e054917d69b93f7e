"""The state of an uploaded release, from the bucket, and what each document shows of it, from the service."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from comet_updates import formats, object_keys
from comet_updates.answer import urls
from comet_updates.errors import DecisionError, FetchError, RefusedUploadError, VersionSyntaxError
from comet_updates.model.offer import Offer
from comet_updates.model.product import Product
from comet_updates.model.release import Release
from comet_updates.publish.bucket import Bucket
from comet_updates.publish.decide import decide, due_at
from comet_updates.publish.stored import etag_of
from comet_updates.publish.uploads.accept import AcceptedUploads
from comet_updates.publish.uploads.load import Loader, list_inputs
from comet_updates_cli.channel_status import in_words
from comet_updates_cli.fetch import fetch

LONGEST_S = 30.0
DOCUMENT_MAX_BYTES = 50_000_000  # far more than any document of ours
OFFERED, SCHEDULED, HELD, REFUSED = "offered", "scheduled", "held", "refused"


class ReleaseStatus(NamedTuple):
    """The state of a release.

    Attributes:
        state: `OFFERED`, `SCHEDULED`, `HELD` or `REFUSED`.
        says: the reasons, each with the key that it is about; empty if the release is offered.
        offer: the offer of its channel; `None` if the release is refused.
    """

    state: str
    says: list[str]
    offer: Offer | None


class DocumentStatus(NamedTuple):
    """The release in one published document.

    Attributes:
        document: its name.
        version: the version of the release in it.
        why: why it does not contain the latest release; empty if it does.
        is_live: whether the service already answers with the published document.
    """

    document: str
    version: str
    why: str
    is_live: bool


def standing(bucket: Bucket, release: object_keys.Upload, now: datetime) -> ReleaseStatus:
    """Return the state of the uploaded `release` at `now`, by the rules of publishing.

    Raises:
        DecisionError: the bucket does not have the release.
        StoreUnavailableError: S3 fails.
    """
    inputs = Loader(bucket).load(release.product, list_inputs(bucket, release.product))
    key = object_keys.release_key(release.product, release.channel, release.version)
    policy_key = object_keys.channel_key(release.product, release.channel)
    frozen = [
        *([object_keys.product_key(release.product)] if inputs.product is None else []),
        *([policy_key] if release.channel in inputs.undecided else []),
    ]
    if refused := [inputs.refusals[each] for each in (key, *frozen) if each in inputs.refusals]:
        return ReleaseStatus(REFUSED, says_of(refused), None)
    found = next((r for r in inputs.releases if (r.channel, r.version) == (release.channel, release.version)), None)
    if found is None or inputs.product is None:
        raise DecisionError(f"{key}: no longer in the bucket. Release it again.")
    try:
        offer = decide(inputs.product, release.channel, inputs.policies, inputs.releases_for(release.channel), now)
    except VersionSyntaxError as error:  # the pin cannot be compared
        return ReleaseStatus(REFUSED, [f"{policy_key}: refused: $.pin: {error}"], None)
    for past, withdrawn in offer.history:
        if past is found and withdrawn is None:
            lower = [f"{key} is not offered: {why}" for why in _lower(found, offer, inputs.product)]
            return ReleaseStatus(HELD if lower else OFFERED, lower, offer)
        if past is found:
            says = f"{key} is withdrawn: {withdrawn}. To offer it, run comet-updates unyank."
            return ReleaseStatus(HELD, [says], offer)
    due = due_at(found, inputs.policies)
    if due and due > now:
        return ReleaseStatus(SCHEDULED, [f"{key} is scheduled for {due.isoformat()}."], offer)
    return ReleaseStatus(HELD, [f"{key} {_held(inputs, found)}"], offer)


def says_of(refusals: Iterable[RefusedUploadError]) -> list[str]:
    """Return a line for each problem of refused uploads."""
    return [f"{refusal.key}: refused: {problem}" for refusal in refusals for problem in refusal.problems]


def _lower(release: Release, offer: Offer, product: Product) -> Iterator[str]:
    """Yield why the channel offers another release than this one, which is due and not withdrawn."""
    if offer.latest and offer.latest.version != release.version:
        higher = f"{offer.latest.version} on {offer.latest.channel} is higher by the version scheme"
        yield f"{higher} `{product.version_scheme}` and stays offered. Release a higher version."


def _held(inputs: AcceptedUploads, release: Release) -> str:
    if inputs.waits_on(release.channel, release):
        approve = f"comet-updates approve {release.product} {release.channel} {release.version}"
        return f"waits for the approval of a second person. Run: {approve}"
    policy = inputs.policies.get(release.channel)
    if policy and policy.pin is not None:
        return f"waits: {release.channel} is pinned to {policy.pin}. To offer it, run comet-updates unpin."
    if policy and policy.paused_at:
        since = policy.paused_at.isoformat()
        return f"waits: {release.channel} is paused since {since}. To offer it, run comet-updates resume."
    return "waits. For the reason, run comet-updates status."


def sights(bucket: Bucket, offer: Offer, service_url: str) -> list[DocumentStatus]:
    """Return the release in each published document of the offer's channel.

    Raises:
        StoreUnavailableError: S3 fails.
    """
    behind = {lag.document: lag for lag in formats.outdated_documents(offer)}
    latest = offer.latest.version if offer.latest else "nothing"
    prefix = urls.document_key(offer.product, offer.channel, "")
    found = []
    for key, etag in sorted(bucket.etags(prefix).items()):
        name = key.removeprefix(prefix)
        body = _get(service_url.rstrip("/") + urls.document_path(offer.product, offer.channel, name))
        lag = behind.get(name)
        is_live = body is not None and etag_of(body) == etag
        found.append(DocumentStatus(name, lag.version if lag else latest, lag.why if lag else "", is_live))
    return found


def changed(bucket: Bucket, product: str, keys: Iterable[str], service_url: str) -> list[DocumentStatus]:
    """Return whether the service answers with what the bucket has at each of `keys`. Versions are not known.

    Raises:
        StoreUnavailableError: S3 fails.
    """
    existing = bucket.etags(f"{object_keys.DOCUMENTS}{product}/")
    found = []
    for key in keys:
        path = key.removeprefix("public")
        body = _get(service_url.rstrip("/") + path)
        found.append(DocumentStatus(path, "", "", (etag_of(body) if body is not None else None) == existing.get(key)))
    return found


def rollout(offer: Offer) -> str:
    """Return how many users the latest release reaches, in words; empty for all users."""
    return in_words(offer.rollout) if offer.rollout and not offer.is_complete else ""


def versions_live(service_url: str, product: str, channel: str) -> set[str]:
    """Return the versions in the channel's `releases.json` on the service; none while it does not answer."""
    body = _get(service_url.rstrip("/") + urls.document_path(product, channel, "releases.json"))
    try:
        return {release["version"] for release in json.loads(body or b"")["releases"]}
    except (ValueError, KeyError, TypeError):
        return set()


def _get(url: str) -> bytes | None:
    try:
        body = fetch(url, DOCUMENT_MAX_BYTES, LONGEST_S).body
    except FetchError:
        return None
    return body if len(body) <= DOCUMENT_MAX_BYTES else None
