"""The offer of a channel: the input of all formats."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from comet_updates.model.channel import Rollout
from comet_updates.model.release import Release


@dataclass(frozen=True)
class Offer:
    """The current offer of a channel.

    Attributes:
        product: the name of the product.
        channel: the name of the channel.
        latest: the release to offer, or None if the channel offers nothing.
        rollout: the rollout of `latest`, or None to offer it to everyone.
        history: the releases that are or were offered, the highest first. Withdrawn ones have the reason, others None.
        is_complete: whether the rollout has reached everyone. True without a rollout.
        is_pinned: whether the channel is pinned. The pinned version is not part of the offer, since it may not be
            public yet.
        paused_at: since when the channel is paused, or None. None if the channel is pinned.
        orders_by_build: whether the builds of the releases decide the order, and fields of releases name builds.
    """

    product: str
    channel: str
    latest: Release | None
    rollout: Rollout | None
    history: tuple[tuple[Release, str | None], ...]
    is_complete: bool = True
    is_pinned: bool = False
    paused_at: datetime | None = None
    orders_by_build: bool = False
