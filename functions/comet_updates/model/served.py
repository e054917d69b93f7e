"""What the service writes itself: manifests, histories and rejections."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from comet_updates.model.channel import ChannelPolicy, Rollout
from comet_updates.model.fields import ChannelName, Label, ProductName, Schema, StrictDocument
from comet_updates.model.product import Product
from comet_updates.model.release import Approval, Release


class Manifest(Release):
    """What a channel offers: the latest release, as it was uploaded, and what the channel decided about it."""

    rollout: Rollout | None = None


class PastRelease(Release):
    """A release in the history of a channel."""

    yanked: Annotated[Label | None, Field(description="Why it was withdrawn.")] = None


class History(StrictDocument):
    """Every release that a channel has offered, the latest first, cut at the oldest end if it is very long."""

    schema_: Schema
    product: ProductName
    channel: ChannelName
    releases: list[PastRelease]


class RejectionProblem(StrictDocument):
    """One thing that is wrong with an upload."""

    path: Annotated[str, Field(description="JSON path of the field; `$` is the whole document.")]
    problem: str
    remedy: str


class Rejection(StrictDocument):
    """Why an upload was refused. It goes away once the upload is mended."""

    schema_: Schema
    key: str
    problems: list[RejectionProblem]


SCHEMAS: dict[str, type[StrictDocument]] = {
    "approval": Approval,
    "channel": ChannelPolicy,
    "history": History,
    "manifest": Manifest,
    "product": Product,
    "rejection": Rejection,
    "release": Release,
}
