"""The way back: the latest release of a channel is withdrawn, and what follows from that is said plainly."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from comet_updates import names
from comet_updates.cli import operations
from comet_updates.errors import DecisionError
from comet_updates.publish.bucket import Bucket
from comet_updates.publish.decide import decide
from comet_updates.publish.loader import Loader, list_inputs


class Withdrawal(NamedTuple):
    """A way back.

    Attributes:
        plan: to withdraw the release.
        withdrawn: its version.
        offered: the version that is offered then; `None` for nothing.
    """

    plan: operations.Plan
    withdrawn: str
    offered: str | None

    def says(self, product: str, channel: str) -> list[str]:
        """What follows, a sentence each."""
        offered = f"{self.offered} is offered" if self.offered else "nothing is offered"
        return [
            f"{self.withdrawn} is withdrawn from {product}/{channel}; {offered}.",
            f"Nobody goes back by that: copies that have {self.withdrawn} keep it until a higher version is released.",
            f"To mend them, release the fix under a version above {self.withdrawn}: comet-updates release",
        ]


def withdrawal(bucket: Bucket, product: str, channel: str, reason: str, now: datetime) -> Withdrawal:
    """The plan to withdraw the highest release that a channel has offered: a second time it is withdrawn already.

    Raises what `operations.policy` raises.
    """
    inputs = Loader(bucket).load(product, list_inputs(bucket, product))
    if inputs.product is None or channel not in inputs.channels:
        there = ", ".join(sorted(inputs.channels)) or "none"
        raise DecisionError(f"{product} has no channel {channel!r}; it has: {there}")
    offer = decide(inputs.product, channel, inputs.policies, inputs.releases_for(channel), now)
    if not offer.history:
        raise DecisionError(f"{names.channel_key(product, channel)}: nothing was offered yet, so there is no way back")
    withdrawn = offer.history[0][0].version
    left = (past.version for past, why in offer.history[1:] if why is None)
    if offer.history[0][1] is not None:  # here, or by the channel that it is on
        return Withdrawal(
            operations.Plan(names.channel_key(product, channel), None, None, {}), withdrawn, next(left, None)
        )
    plan = operations.policy(bucket, product, channel, operations.yank(withdrawn, reason), now)
    return Withdrawal(plan, withdrawn, next(left, None))
