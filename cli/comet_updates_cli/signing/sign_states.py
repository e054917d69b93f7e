"""Signs a product's manifests, those of now and those after each scheduled change, with the product's key.

The manifests follow from the uploads and the time alone. So the pipeline can compute their exact bytes and sign them
before the publishing function writes them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from tuf.api.metadata import Metadata, Targets

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.errors import ConcurrentPublishError, DecisionError, SigningError
from comet_updates.publish.bucket import Bucket, retry_conflicts
from comet_updates.publish.decide import ALL_PERCENT, due_at
from comet_updates.publish.online_roles import current_online
from comet_updates.publish.render import render
from comet_updates.publish.signed_states import SignedStates, manifests
from comet_updates.publish.uploads.accept import AcceptedUploads, Listing
from comet_updates.publish.uploads.load import Loader, list_inputs
from comet_updates.signing import sign
from comet_updates.signing.verify import Seal, check_size
from comet_updates_cli.options import SignWith

MOMENTS_MAX = 10
"""The number of future changes for which manifests are signed in advance."""

RENEWED_BELOW = sign.PRODUCT_LIFE / 2
"""A signature with less time left than this is always renewed."""

_FULL = (
    "cannot sign: {product} already has metadata with the highest possible version number. Give the product another"
    " key, as docs/keys.md describes for a stolen one"
)

_BELOW = (
    "signed for {product}, but TUF clients refuse it, because they know the highest possible version number."
    " Replace the online key, as docs/keys.md describes"
)


class State(NamedTuple):
    """A product's manifests between two changes.

    Attributes:
        manifests: the manifest of each channel, by `object_keys.target_path`.
        appcasts: the appcasts of each channel in this time, by the same path; several if a rollout ends in it.
    """

    manifests: dict[str, bytes]
    appcasts: dict[str, list[bytes]]


def sign_states(
    bucket: Bucket,
    product: str,
    now: datetime,
    keys: SignWith,
    then: AcceptedUploads | None = None,
    *,
    is_renewal: bool = False,
) -> list[str]:
    """Sign the manifests that are not signed yet. Return the keys of the uploaded metadata.

    Args:
        bucket: the bucket.
        product: the product's name.
        now: the time, aware.
        keys: the keys to sign with.
        then: the product's inputs after a planned change; `None` reads them from the bucket.
        is_renewal: whether to sign again what is signed already.

    Raises:
        SigningError: the key may not sign for this product, or cannot be used; or no version number is left. If TUF
            clients know the highest number, the manifests are signed for other clients before this is raised.
        RefusedUploadError: the metadata would be too large.
        DecisionError: the signatures are to be renewed, but it is unknown what the product offers.
        StoreUnavailableError: S3 fails.
        ConcurrentPublishError: there was a conflict at every attempt.
    """
    try:
        return retry_conflicts(lambda: _seal(bucket, product, now, keys, then, is_renewal=is_renewal))
    except ConcurrentPublishError as error:
        raise ConcurrentPublishError(f"{product}: others signed at the same time. Try again.") from error


def _seal(
    bucket: Bucket, product: str, now: datetime, keys: SignWith, then: AcceptedUploads | None, *, is_renewal: bool
) -> list[str]:
    signed_states = SignedStates(bucket)
    anchor = signed_states.look()
    if anchor.root is None or anchor.targets is None:
        raise SigningError(keys.uri, "may not sign for any product yet. Run comet-updates keys begin first")
    listing = list_inputs(bucket, product)
    known = [found for _, found in signed_states.signed(listing)]
    states = list(_states(product, then or Loader(bucket).load(product, listing), now))
    if is_renewal and not states:
        raise DecisionError(f"{product}: cannot sign, because an upload is refused. Fix it first: comet-updates status")
    public = current_online(bucket, anchor.root).version_of(object_keys.product_role(product)) or 0
    if not (known or public or any(state.manifests for state in states)):
        return []  # no release is offered, and none was before
    if not is_renewal and _are_signed(states, known, now):
        return []
    numbers = _free_numbers(listing, known, public, len(states))
    if len(numbers) < len(states):
        raise SigningError(keys.uri, _FULL.format(product=product))
    written = []
    for version, state in zip(numbers, states, strict=True):
        key = object_keys.signed_key(product, version)
        body = _signed(anchor.targets, product, version, state, keys=keys, now=now)
        check_size(key, len(body))
        bucket.put(key, body, urls.CONTENT_TYPES[".json"], replaces=None)
        written.append(key)
    if numbers and numbers[0] < public:
        raise SigningError(keys.uri, _BELOW.format(product=product))
    return written


def _free_numbers(listing: Listing, known: Sequence[Seal], public: int, count: int) -> list[int]:
    """Return the numbers for `count` states; fewer if too few are left. See `object_keys.free_numbers`."""
    uploads = (object_keys.parse_upload(key) for key in listing)
    taken = {int(upload.version) for upload in uploads if upload and upload.kind == "signed"}
    last = max((found.version for found in known), default=0)
    return object_keys.free_numbers(taken, last, public, count)


def _signed(targets: Targets, product: str, version: int, state: State, *, keys: SignWith, now: datetime) -> bytes:
    """Return the signed metadata of one state."""
    role = object_keys.product_role(product)
    public = sign.keys_of(targets, role)
    signed = {}
    for path, body in state.manifests.items():
        beside: dict[str, Any] = {}
        if minisign := sign.minisign(keys.uri, public, path, body, now):
            beside["minisign"] = minisign
        if keys.appcast_uri and path in state.appcasts:
            beside["appcast"] = [sign.appcast(keys.appcast_uri, appcast) for appcast in state.appcasts[path]]
        signed[path] = (body, beside)
    metadata = Metadata(sign.product(version, now, signed, _archives(product, state.manifests)))
    sign.sign(metadata, targets, role, keys.uri)
    return metadata.to_bytes()


def _archives(product: str, manifests: Mapping[str, bytes]) -> dict[str, sign.Archive]:
    """Return the archive of each channel for tufup, if exactly one archive has the name that tufup expects.

    A release in a rollout is left out, because tufup does not support rollouts.
    """
    archives = {}
    for path, body in manifests.items():
        offered = json.loads(body)
        name = f"{product}-{offered['version']}.tar.gz"
        found = {
            sign.Archive(file["size"], file["sha256"].lower())
            for file in offered.get("artifacts", ())
            if file["kind"] == "archive" and file["url"].endswith(f"/{name}") and {"size", "sha256"} <= file.keys()
        }
        if len(found) == 1 and offered.get("rollout", {"percent": ALL_PERCENT}).get("percent") == ALL_PERCENT:
            archives[object_keys.target_path(product, object_keys.target_channel(path), name)] = found.pop()
    return archives


def _states(product: str, inputs: AcceptedUploads, now: datetime) -> Iterator[State]:
    """Yield the state of now, and the state after each scheduled change; equal states only once."""
    due = [due_at(release, inputs.policies) for release in inputs.releases]
    ends = [rollout.last_group_at() for policy in inputs.policies.values() for rollout in policy.rollouts]
    moments = sorted({at for at in due + ends if at and now < at < now + sign.PRODUCT_LIFE})[:MOMENTS_MAX]
    state: State | None = None
    for at in (now, *moments):
        rendered = render(inputs, at)
        if rendered.undecided is None or rendered.undecided:
            return  # the offer of some channel is unknown
        offered = manifests(product, rendered)
        if state is None or state.manifests != offered:
            if state is not None:
                yield state
            state = State(offered, defaultdict(list))
        for path in offered:
            channel = object_keys.target_channel(path)
            appcast = rendered.documents.get(urls.document_key(product, channel, "appcast.xml"))
            if appcast is not None and appcast not in state.appcasts[path]:
                state.appcasts[path].append(appcast)
    if state is not None:
        yield state


def _are_signed(states: Sequence[State], known: Sequence[Seal], now: datetime) -> bool:
    """Return whether the latest signed states are exactly these, and do not expire soon."""
    last = known[: len(states)][::-1]
    hashes = [{path: sign.sha256(body) for path, body in state.manifests.items()} for state in states]
    lives = [found.expires - now for found in last]  # too long if the clock was wrong
    return [found.state for found in last] == hashes and all(
        RENEWED_BELOW < life <= sign.PRODUCT_LIFE for life in lives
    )
