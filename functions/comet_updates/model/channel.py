"""What people decide for a channel, as pipelines upload it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import Field, Tag, model_validator

from comet_updates.model.fields import (
    ROLLOUTS_MAX,
    YANKED_MAX,
    ChannelName,
    Label,
    ProductName,
    Schema,
    StrictDocument,
    Timestamp,
    Uploaded,
    Version,
    either,
)


class Yank(StrictDocument):
    """A release that is offered no longer."""

    version: Version
    reason: Label


class Rollout(StrictDocument):
    """How a release reaches its users: a share of them now, or one group after another.

    The client draws its own number or group once, keeps it, and never sends it.
    """

    percent: Annotated[int, Field(ge=0, le=100)] | None = None
    start: Timestamp | None = None
    interval: Annotated[int, Field(ge=1, le=31_536_000, description="Seconds between two groups.")] | None = None
    groups: Annotated[int, Field(ge=1, le=100)] | None = None

    @model_validator(mode="after")
    def _is_one_of_two_forms(self) -> Self:
        phased = (self.start, self.interval, self.groups)
        if (self.percent is None) != (None not in phased) or (self.percent is not None and phased != (None,) * 3):
            raise ValueError("give either `percent`, or all of `start`, `interval` and `groups`")
        try:
            self.last_group_at()
        except OverflowError:
            raise ValueError("the last group would be reached after the year 9999") from None
        return self

    def last_group_at(self) -> datetime | None:
        """When the last of the groups is reached, the first being reached at the start; `None` without groups."""
        if self.start is None or self.interval is None or self.groups is None:
            return None
        return self.start + timedelta(seconds=self.interval) * (self.groups - 1)


class ReleaseRollout(Rollout):
    """A rollout and the release that it is of: a later release does not inherit it."""

    version: Version


class ChannelPolicy(Uploaded):
    """What people decided for a channel. A channel without this document has these defaults."""

    schema_: Schema = 1
    product: ProductName
    channel: ChannelName
    includes: Annotated[
        list[ChannelName], Field(max_length=50, description="Channels whose releases count here, too.")
    ] = []
    pin: Annotated[Version | None, Field(description="Offer this version and none that is higher.")] = None
    paused_at: Annotated[Timestamp | None, Field(description="Releases that are due later are not offered.")] = None
    yanked: Annotated[
        list[Yank], Field(max_length=YANKED_MAX, description="Withdrawn here and wherever this channel is included.")
    ] = []
    available_at: Annotated[
        dict[Version, Timestamp],
        Field(
            max_length=YANKED_MAX,
            description="From when a release of this channel is offered, in place of what it says itself; by version.",
        ),
    ] = {}
    rollout: (
        Annotated[
            Annotated[ReleaseRollout, Tag("one")]
            | Annotated[list[ReleaseRollout], Field(max_length=ROLLOUTS_MAX), Tag("several")],
            either("several", "one"),
        ]
        | None
    ) = None

    @property
    def rollouts(self) -> list[ReleaseRollout]:
        """The rollouts, however they are written."""
        if self.rollout is None or isinstance(self.rollout, list):
            return self.rollout or []
        return [self.rollout]
