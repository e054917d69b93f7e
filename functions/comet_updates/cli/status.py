"""What is live on each channel, what waits, and what stays behind: from the bucket alone, and only by reading it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from comet_updates import formats, names
from comet_updates.errors import VersionSyntaxError
from comet_updates.model import ChannelPolicy, Offer, Rollout
from comet_updates.publish.bucket import Bucket, etag_of
from comet_updates.publish.decide import counted_channels, decide, due_at
from comet_updates.publish.inputs import Inputs
from comet_updates.publish.loader import Loader
from comet_updates.publish.rendering import Rendered, render
from comet_updates.publish.seals import Seals
from comet_updates.publish.views import look, look_at_all


class ChannelStatus(NamedTuple):
    """One channel.

    Attributes:
        product: its name.
        channel: its name.
        latest: the version that is offered; `None` if nothing is.
        rollout: how it reaches its users, in words; empty for all at once.
        held: what people decided to hold the channel at, in words.
        due: versions that are uploaded and wait for their time, with it.
        unapproved: versions that are uploaded and wait for a second person.
        yanked: withdrawn versions, with the reason.
        lags: documents that stay at an older release, and why.
        is_live: whether what should be public is.
        published_at: when a document of it was last written; `None` if there is none.
    """

    product: str
    channel: str
    latest: str | None
    rollout: str
    held: str
    due: dict[str, str]
    unapproved: list[str]
    yanked: dict[str, str]
    lags: list[formats.Lag]
    is_live: bool
    published_at: str | None

    def as_json(self) -> dict[str, Any]:
        """The same, as JSON has it."""
        return self._asdict() | {"lags": [lag._asdict() for lag in self.lags]}


class Status(NamedTuple):
    """Everything, or one product: the channels, and why uploads do not count, by key."""

    channels: list[ChannelStatus]
    refused: dict[str, list[str]]


def status(bucket: Bucket, product: str | None, now: datetime) -> Status:
    """What is live at `now`, of one product or of all. Raises `StoreUnavailableError`."""
    views = {product: look(bucket, product)} if product else look_at_all(bucket)
    listed = bucket.listed(f"public/v1/{product}/" if product else "public/v1/")
    written_at = {key: found.written_at for key, found in listed.items()}
    seals = Seals(bucket)
    seals.look()
    found = Status([], {})
    for name, view in sorted(views.items()):
        inputs = Loader(bucket).load(name, view.listing)
        rendered = seals.apply(name, render(inputs, now), view)
        found.channels.extend(_channels(inputs, rendered, view.existing, written_at, now))
        for key, refusal in {**inputs.refusals, **rendered.refusals}.items():
            found.refused[key] = [str(problem) for problem in refusal.problems]
    return found


def _channels(
    inputs: Inputs, rendered: Rendered, public: dict[str, str], written_at: dict[str, datetime], now: datetime
) -> Iterator[ChannelStatus]:
    if inputs.product is None:
        return
    product = inputs.product.product
    wanted = {key: etag_of(body) for key, body in rendered.documents.items()}
    for channel in sorted(inputs.channels):
        policy = inputs.policies.get(channel) or ChannelPolicy(product=product, channel=channel)
        try:
            offer = decide(inputs.product, channel, inputs.policies, inputs.releases_for(channel), now)
        except VersionSyntaxError:  # a pin that cannot be compared: the channel stays as it is
            offer = Offer(product, channel, None, None, ())
        prefix = names.document_key(product, channel, "")
        mine = [{key: etag for key, etag in tree.items() if key.startswith(prefix)} for tree in (wanted, public)]
        last = max((at for key, at in written_at.items() if key.startswith(prefix)), default=None)
        counted = counted_channels(channel, inputs.policies)
        due = {r.version: due_at(r, inputs.policies) for r in inputs.releases if r.channel in counted}
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
            formats.lags(offer),
            mine[0] == mine[1],
            last.isoformat() if last else None,
        )


def in_words(rollout: Rollout) -> str:
    """How far a rollout goes, in few words."""
    if rollout.percent is not None:
        return f"{rollout.percent} %"
    return f"{rollout.groups} groups, one every {rollout.interval} s from {rollout.start} on"


def _held(policy: ChannelPolicy) -> str:
    if policy.pin is not None:
        return f"pinned to {policy.pin}"
    return f"paused since {policy.paused_at.isoformat()}" if policy.paused_at else ""
