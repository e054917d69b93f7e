"""The state of each channel: live release, waiting releases, documents that stay behind. Only reads the bucket."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from comet_updates import formats, object_keys
from comet_updates.answer import urls
from comet_updates.answer.errors import StoreUnavailableError
from comet_updates.errors import DecisionError, UnreadableObjectError, VersionSyntaxError
from comet_updates.formats.selection import Lag
from comet_updates.model.channel import ChannelPolicy, Rollout
from comet_updates.model.offer import Offer
from comet_updates.publish import frozen
from comet_updates.publish.bucket import Bucket
from comet_updates.publish.bucket_state import ProductObjects, list_all_products, list_product
from comet_updates.publish.decide import counted_channels, decide, due_at
from comet_updates.publish.expiry import Expiry, expiries
from comet_updates.publish.render import Rendered
from comet_updates.publish.signed_states import SignedStates
from comet_updates.publish.stored import etag_of
from comet_updates.publish.uploads.accept import AcceptedUploads
from comet_updates.publish.uploads.load import Loader


class ChannelStatus(NamedTuple):
    """The state of one channel.

    Attributes:
        product: the product's name.
        channel: the channel's name.
        latest: the version that is offered; `None` if there is none.
        rollout: the rollout of that version, in words; empty if it is offered to all users.
        held: the pin or pause of the channel, in words; empty if there is none.
        due: uploaded versions that wait for their start time, with that time.
        unapproved: uploaded versions that wait for the approval of a second person.
        yanked: withdrawn versions, with the reason.
        lags: documents that stay at an older release, and why.
        missing: documents that do not exist because no release fits, and why the latest does not.
        is_live: whether the public documents are up to date.
        published_at: when a document of the channel was last written; `None` if there is none.
    """

    product: str
    channel: str
    latest: str | None
    rollout: str
    held: str
    due: dict[str, str]
    unapproved: list[str]
    yanked: dict[str, str]
    lags: list[Lag]
    missing: list[Lag]
    is_live: bool
    published_at: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the state for `--json`."""
        missing = [{"document": lag.document, "why": lag.why} for lag in self.missing]
        return self._asdict() | {"lags": [lag._asdict() for lag in self.lags], "missing": missing}


class Status(NamedTuple):
    """The state of one or all products.

    Attributes:
        channels: their channels, without those of products with an unreadable upload.
        refused: the problems of refused uploads, by key.
        unreadable: why S3 does not give an upload, or the list of a product's objects, by key or by name. The product
            is not published until then.
        expiries: the signatures of root, targets and products that end soon, or have ended.
    """

    channels: list[ChannelStatus]
    refused: dict[str, list[str]]
    unreadable: dict[str, str]
    expiries: list[Expiry]

    @property
    def needs_action(self) -> bool:
        """True if an upload is refused or unreadable, a change is not published yet, or a signature has ended."""
        has_ended = any(expiry.has_ended for expiry in self.expiries)
        is_live = all(channel.is_live for channel in self.channels)
        return bool(self.refused or self.unreadable) or has_ended or not is_live

    def as_json(self) -> dict[str, Any]:
        """Return the state for `--json`."""
        expiries = [
            {
                "role": expiry.role,
                "expires": expiry.expires.isoformat() if expiry.expires else None,
                "has_ended": expiry.has_ended,
            }
            for expiry in self.expiries
        ]
        return {
            "channels": [channel.as_json() for channel in self.channels],
            "refused": self.refused,
            "unreadable": self.unreadable,
            "expiring": expiries,
        }


def status(bucket: Bucket, product: str | None, now: datetime) -> Status:
    """Return the state at `now` of one product, or of all.

    Raises:
        DecisionError: the bucket has no such product.
        StoreUnavailableError: S3 fails.
    """
    found = Status([], {}, {}, [])
    views = {product: list_product(bucket, product)} if product else _all_products(bucket, found.unreadable)
    if product and not any(views[product]):
        raise DecisionError(f"{product}: the bucket has no such product. Check the spelling.")
    listed = bucket.listed(object_keys.DOCUMENTS + (f"{product}/" if product else ""))
    written_at = {key: found.written_at for key, found in listed.items()}
    signed_states = SignedStates(bucket)
    with _noted(found):
        signed_states.look()
    for name, view in sorted(views.items()):
        with _noted(found):
            inputs, completed = frozen.complete(name, view.listing, functools.partial(Loader(bucket).load, name), now)
            rendered = signed_states.apply(name, completed, view)
            found.channels.extend(_channels(inputs, rendered, view.existing, written_at, now))
            for key, refusal in {**inputs.refusals, **rendered.refusals}.items():
                found.refused[key] = [str(problem) for problem in refusal.problems]
    found.expiries.extend(expiries(signed_states.anchor, signed_states.ends, now))
    return found


def _all_products(bucket: Bucket, unreadable: dict[str, str]) -> dict[str, ProductObjects]:
    """Return the objects of every product. Products that cannot be listed are added to `unreadable`, with the reason.

    Raises:
        StoreUnavailableError: S3 fails for all of them.
    """
    try:
        return list_all_products(bucket)
    except StoreUnavailableError:  # one key may be the reason: moto cannot list some characters
        views = {}
        for product in sorted(_product_names(bucket)):
            try:
                views[product] = list_product(bucket, product)
            except StoreUnavailableError as error:
                unreadable[product] = f"its objects cannot be listed: {error}"
        if not views:
            raise
        return views


def _product_names(bucket: Bucket) -> set[str]:
    """Return the names in the place of a product in the keys of uploads and documents."""
    names = set()
    for prefix in (*(f"{folder}/" for folder in ("products", *object_keys.PRODUCT_FOLDERS)), object_keys.DOCUMENTS):
        keys, prefixes = bucket.children(prefix)
        names |= {found.removeprefix(prefix).removesuffix("/") for found in prefixes}
        names |= {name for key in keys if (name := object_keys.product_of(key))}
    return names


@contextmanager
def _noted(found: Status) -> Iterator[None]:
    """Add an unreadable object to `found`, in place of an error."""
    try:
        yield
    except UnreadableObjectError as error:
        found.unreadable[error.key] = error.problem


def _channels(
    inputs: AcceptedUploads, rendered: Rendered, public: dict[str, str], written_at: dict[str, datetime], now: datetime
) -> Iterator[ChannelStatus]:
    if inputs.product is None:
        return
    product = inputs.product.product
    wanted = {key: etag_of(body) for key, body in rendered.documents.items()}
    for channel in sorted(inputs.channels):
        policy = inputs.policies.get(channel) or ChannelPolicy(product=product, channel=channel)
        try:
            offer = decide(inputs.product, channel, inputs.policies, inputs.releases_for(channel), now)
        except VersionSyntaxError:  # the pin cannot be compared: the channel stays unchanged
            offer = Offer(product, channel, None, None, ())
        prefix = urls.document_key(product, channel, "")
        mine = [{key: etag for key, etag in tree.items() if key.startswith(prefix)} for tree in (wanted, public)]
        last = max((at for key, at in written_at.items() if key.startswith(prefix)), default=None)
        counted = counted_channels(channel, inputs.policies)
        due = {r.version: due_at(r, inputs.policies) for r in inputs.releases if r.channel in counted}
        behind = formats.lags(offer, inputs.product.drop_in)
        waiting = {version: at for version, at in due.items() if at and at > now}
        yield ChannelStatus(
            product,
            channel,
            offer.latest.version if offer.latest else None,
            in_words(offer.rollout) if offer.rollout and not offer.is_complete else "",
            _held(policy),
            {version: at.isoformat() for version, at in waiting.items()},
            [r.version for r in inputs.releases if r.channel in counted and inputs.waits_on(channel, r)],
            {release.version: reason for release, reason in offer.history if reason},
            [lag for lag in behind if lag.version is not None],
            [lag for lag in behind if lag.version is None],
            mine[0] == mine[1],
            last.isoformat() if last else None,
        )


def missing_lines(missing: Iterable[Lag]) -> list[str]:
    """Return a line for each reason for which documents are missing, with their names."""
    by_reason: dict[str, list[str]] = {}
    for lag in missing:
        by_reason.setdefault(lag.why, []).append(lag.document)
    return [f"{', '.join(documents)}: {why}" for why, documents in by_reason.items()]


def in_words(rollout: Rollout) -> str:
    """Return a short description of a rollout."""
    if rollout.percent is not None:
        return f"{rollout.percent} %"
    return f"{rollout.groups} groups, one every {rollout.interval} s from {rollout.start}"


def _held(policy: ChannelPolicy) -> str:
    if policy.pin is not None:
        return f"pinned to {policy.pin}"
    return f"paused since {policy.paused_at.isoformat()}" if policy.paused_at else ""
