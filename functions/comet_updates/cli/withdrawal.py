"""Withdraws the latest release of a channel, and describes the result."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from comet_updates import object_keys
from comet_updates.cli import operations
from comet_updates.errors import DecisionError
from comet_updates.publish.bucket import Bucket
from comet_updates.publish.decide import decide
from comet_updates.publish.uploads.load import Loader, list_inputs


class Withdrawal(NamedTuple):
    """The withdrawal of a release.

    Attributes:
        plan: the plan to withdraw the release.
        withdrawn: the release's version.
        offered: the version that is offered afterwards; `None` if there is none.
    """

    plan: operations.Plan
    withdrawn: str
    offered: str | None

    def says(self, product: str, channel: str) -> list[str]:
        """Return the sentences that describe the result and the next step."""
        offered = f"{self.offered} is offered now" if self.offered else "no release is offered now"
        return [
            f"{self.withdrawn} is withdrawn from {product}/{channel}; {offered}.",
            f"Updaters do not downgrade: copies that have {self.withdrawn} keep it until a higher version is released.",
            f"To fix them, release a version above {self.withdrawn}: comet-updates release",
        ]


def withdrawal(bucket: Bucket, product: str, channel: str, reason: str, now: datetime) -> Withdrawal:
    """Return the plan to withdraw the highest release that a channel has offered. It is empty if that is done already.

    Raises:
        DecisionError: the channel does not exist, its policy is refused, or it has not offered a release yet.
        RefusedUploadError: the new policy would be refused.
        StoreUnavailableError: S3 fails.
    """
    inputs = Loader(bucket).load(product, list_inputs(bucket, product))
    if inputs.product is None or channel not in inputs.channels:
        raise operations.no_channel(product, channel, inputs)
    offer = decide(inputs.product, channel, inputs.policies, inputs.releases_for(channel), now)
    if not offer.history:
        raise DecisionError(f"{channel} of {product}: no release to withdraw, because none was offered yet.")
    withdrawn = offer.history[0][0].version
    left = (past.version for past, why in offer.history[1:] if why is None)
    if offer.history[0][1] is not None:  # withdrawn on this channel, or on the one that it includes
        return Withdrawal(
            operations.Plan(object_keys.channel_key(product, channel), None, None, {}), withdrawn, next(left, None)
        )
    plan = operations.policy(bucket, product, channel, operations.yank(withdrawn, reason), now)
    return Withdrawal(plan, withdrawn, next(left, None))
