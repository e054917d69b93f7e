"""The state of an uploaded release, from the bucket, and what each document shows of it, from the service."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from comet_updates import formats, object_keys
from comet_updates.answer import urls
from comet_updates.errors import DecisionError, FetchError, RefusedUploadError, VersionSyntaxError
from comet_updates.formats.selection import Lag
from comet_updates.model.offer import Offer
from comet_updates.model.product import Product
from comet_updates.model.release import Release
from comet_updates.publish.bucket import Bucket
from comet_updates.publish.decide import decide, due_at
from comet_updates.publish.stored import etag_of
from comet_updates.publish.uploads.accept import AcceptedUploads
from comet_updates.publish.uploads.load import Loader, list_inputs
from comet_updates_cli.channel_status import in_words, missing_lines
from comet_updates_cli.fetch import fetch

LONGEST_S = 30.0
LATE_ANSWER_S = 5.0
"""How long a document that is asked for shortly before the end of the waiting may take."""
DOCUMENT_MAX_BYTES = 50_000_000  # far more than any document of ours
OFFERED, SCHEDULED, HELD, LOWER, REFUSED = "offered", "scheduled", "held", "lower", "refused"


class ReleaseStatus(NamedTuple):
    """The state of a release.

    Attributes:
        state: `OFFERED`, `SCHEDULED`, `HELD`, `LOWER` (the channel offers a higher release) or `REFUSED`.
        says: the reasons, each with the key that it is about; empty if the release is offered.
        offer: the offer of its channel; `None` if the release is refused.
    """

    state: str
    says: list[str]
    offer: Offer | None


class DocumentStatus(NamedTuple):
    """The release in one published document.

    Attributes:
        document: its name, with the system if the entry is about the part of the document for one system.
        version: the version of the release in it; empty if there is no such document.
        why: why it does not contain the latest release; empty if it does.
        is_live: whether the service already answers with the published document.
    """

    document: str
    version: str
    why: str
    is_live: bool


class Service:
    """Asks a service for documents while a command waits.

    Args:
        url: the URL of the service.
        deadline: the end of the waiting, by `time.monotonic`. Each document is asked for at least once, but a service
            that does not answer then is not asked again: it may have dozens of documents.
    """

    def __init__(self, url: str, deadline: float) -> None:
        self._url, self._deadline = url.rstrip("/"), deadline
        self._is_silent = False

    def get(self, path: str) -> bytes | None:
        """Return the document at `path`, or None if the service does not answer with success in time."""
        left_s = self._deadline - time.monotonic()
        if self._is_silent and left_s <= 0:
            return None
        try:
            body = fetch(self._url + path, DOCUMENT_MAX_BYTES, min(LONGEST_S, max(left_s, LATE_ANSWER_S))).body
        except FetchError as error:
            self._is_silent = error.status is None
            return None
        self._is_silent = False
        return body if len(body) <= DOCUMENT_MAX_BYTES else None


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
    state, says = _state(inputs, inputs.product, offer, found, now)
    return ReleaseStatus(state, [f"{key} {says}"] if says else [], offer)


def _state(inputs: AcceptedUploads, product: Product, offer: Offer, release: Release, now: datetime) -> tuple[str, str]:
    """Return the state of an accepted release, and the reason if it is not offered."""
    due = due_at(release, inputs.policies)
    withdrawn = {id(past): reason for past, reason in offer.history}
    if release is offer.latest:
        return OFFERED, ""
    if due and due > now:
        return SCHEDULED, f"is scheduled for {due.isoformat()}."
    if reason := withdrawn.get(id(release)):
        return HELD, f"is withdrawn: {reason}. To offer it, run comet-updates unyank."
    if id(release) in withdrawn and offer.latest:
        return LOWER, _lower(product, release, offer.latest)
    return HELD, _held(inputs, release)


def _lower(product: Product, release: Release, latest: Release) -> str:
    """Return why a release is not offered that is below the latest one, and what to do."""
    order = _ORDERS[product.version_scheme]
    says = f"is not live: {latest.version} is higher by {order}, and stays offered. Release a version above it."
    names = [each.version.partition("+")[0].partition("-")[2] for each in (release, latest)]
    if order == "SemVer" and all(re.search(r"[A-Za-z][0-9]", name) for name in names):
        says += " SemVer compares beta9 and beta11 as texts, and beta.9 and beta.11 as numbers."
    return says


_ORDERS = {"semver": "SemVer", "dotted": "its numbers", "pep440": "PEP 440", "build": "its build", "sparkle": "Sparkle"}


def says_of(refusals: Iterable[RefusedUploadError]) -> list[str]:
    """Return a line for each problem of refused uploads."""
    return [f"{refusal.key}: refused: {problem}" for refusal in refusals for problem in refusal.problems]


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


def sights(bucket: Bucket, offer: Offer, service: Service, drop_in_forms: Iterable[str] = ()) -> list[DocumentStatus]:
    """Return the release in each published document of the offer's channel.

    A part of a document that is behind, such as the one for Windows, has an entry of its own. So has a document that
    does not exist, with an empty version.

    Args:
        bucket: the bucket of the service.
        offer: the offer of the channel.
        service: the service to ask.
        drop_in_forms: the product's `drop_in`.

    Raises:
        StoreUnavailableError: S3 fails.
    """
    lags = formats.lags(offer, drop_in_forms)
    behind = {lag.document: lag for lag in lags}
    latest = offer.latest.version if offer.latest else "nothing"
    prefix = urls.document_key(offer.product, offer.channel, "")
    found = []
    for key, etag in sorted(bucket.etags(prefix).items()):
        name = key.removeprefix(prefix)
        body = service.get(urls.document_path(offer.product, offer.channel, name))
        lag = behind.pop(name, None)
        is_live = body is not None and etag_of(body) == etag
        found.append(DocumentStatus(name, (lag.version if lag else latest) or "", lag.why if lag else "", is_live))
    return found + [DocumentStatus(lag.document, lag.version or "", lag.why, is_live=True) for lag in behind.values()]


def lines(found: Sequence[DocumentStatus]) -> list[str]:
    """Return what people read about the documents: a line for each, and one for those missing for one reason."""
    existing = [one for one in found if one.version]
    width = max((len(one.document) for one in existing), default=0)
    said = [f"  {one.document:{width}}  {one.version}{f', because {one.why}' if one.why else ''}" for one in existing]
    missing = [Lag(one.document, None, one.why) for one in found if not one.version]
    return said + [f"  no {line}" for line in missing_lines(missing)]


def changed(bucket: Bucket, product: str, keys: Iterable[str], service: Service) -> list[DocumentStatus]:
    """Return whether the service answers with what the bucket has at each of `keys`. Versions are not known.

    Raises:
        StoreUnavailableError: S3 fails.
    """
    existing = bucket.etags(f"{object_keys.DOCUMENTS}{product}/")
    found = []
    for key in keys:
        path = key.removeprefix("public")
        body = service.get(path)
        found.append(DocumentStatus(path, "", "", (etag_of(body) if body is not None else None) == existing.get(key)))
    return found


def rollout(offer: Offer) -> str:
    """Return how many users the latest release reaches, in words; empty for all users."""
    return in_words(offer.rollout) if offer.rollout and not offer.is_complete else ""


def versions_live(service: Service, product: str, channel: str) -> set[str]:
    """Return the versions in the channel's `releases.json` on the service; none while it does not answer."""
    body = service.get(urls.document_path(product, channel, "releases.json"))
    try:
        return {release["version"] for release in json.loads(body or b"")["releases"]}
    except (ValueError, KeyError, TypeError):
        return set()
