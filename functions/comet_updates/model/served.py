"""The documents that the service writes itself: manifests, histories and rejections."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from comet_updates.model.channel import ChannelPolicy, Rollout
from comet_updates.model.fields import ChannelName, Label, ProductName, Schema, StrictDocument
from comet_updates.model.product import Product
from comet_updates.model.publisher import PublisherDocument
from comet_updates.model.release import Approval, Release


class Manifest(Release):
    """The offer of a channel: the latest release as it was uploaded, and its rollout."""

    rollout: Rollout | None = None


class PastRelease(Release):
    """A release in the history of a channel."""

    yanked: Annotated[Label | None, Field(description="Why the release was withdrawn.")] = None


class History(StrictDocument):
    """Every release that a channel has offered, the latest first. If it is too long, the oldest are left out."""

    schema_: Schema
    product: ProductName
    channel: ChannelName
    releases: list[PastRelease]


class RejectionProblem(StrictDocument):
    """One problem of an upload."""

    path: Annotated[str, Field(description="JSON path of the field; `$` is the whole document.")]
    problem: str
    remedy: str


class Rejection(StrictDocument):
    """The reasons why an upload was refused. This document is deleted once a valid upload replaces it."""

    schema_: Schema
    key: str
    problems: list[RejectionProblem]


SCHEMAS: dict[str, type[StrictDocument]] = {
    "approval": Approval,
    "channel": ChannelPolicy,
    "history": History,
    "manifest": Manifest,
    "product": Product,
    "publisher": PublisherDocument,
    "rejection": Rejection,
    "release": Release,
}
