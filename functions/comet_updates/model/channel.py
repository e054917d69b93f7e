"""The policy of a channel, as pipelines upload it."""

from __future__ import annotations

from collections.abc import Iterator
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
    """A withdrawn release, which is not offered."""

    version: Version
    reason: Label


class Rollout(StrictDocument):
    """The rollout of a release: to a percentage of its users, or to one group of users after another.

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
        return self

    def last_group_at(self) -> datetime | None:
        """Return when the rollout reaches the last group, or None without groups. It reaches the first at `start`."""
        if self.start is None or self.interval is None or self.groups is None:
            return None
        return self.start + timedelta(seconds=self.interval) * (self.groups - 1)


class ReleaseRollout(Rollout):
    """The rollout of one version. A later release does not inherit it."""

    version: Version


class ChannelPolicy(Uploaded):
    """The policy of a channel. A channel without this document has these defaults."""

    schema_: Schema = 1
    product: ProductName
    channel: ChannelName
    includes: Annotated[
        list[ChannelName], Field(max_length=50, description="Channels whose releases are also offered here.")
    ] = []
    pin: Annotated[Version | None, Field(description="Offer no version higher than this one.")] = None
    paused_at: Annotated[
        Timestamp | None, Field(description="The channel is paused: releases due after this time are not offered.")
    ] = None
    yanked: Annotated[
        list[Yank],
        Field(
            max_length=YANKED_MAX,
            description="Releases withdrawn from this channel. Those uploaded to it are also withdrawn from channels "
            "that include it.",
        ),
    ] = []
    available_at: Annotated[
        dict[Version, Timestamp],
        Field(
            max_length=YANKED_MAX,
            description="By version: when a release of this channel is due. This replaces the time in the release.",
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
        """The rollouts as a list. The document may contain one rollout or a list of them."""
        if self.rollout is None or isinstance(self.rollout, list):
            return self.rollout or []
        return [self.rollout]

    def versions(self) -> Iterator[tuple[str, str]]:
        """Yield the JSON path and the value of each field that names a version of the product."""
        if self.pin is not None:
            yield "$.pin", self.pin
        for index, yank in enumerate(self.yanked):
            yield f"$.yanked[{index}].version", yank.version
        for version in self.available_at:
            yield f"$.available_at.{version}", version
        for index, rollout in enumerate(self.rollouts):
            place = f"[{index}]" if isinstance(self.rollout, list) else ""
            yield f"$.rollout{place}.version", rollout.version
