"""What a channel says now: what all formats are made from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from comet_updates.model.channel import Rollout
from comet_updates.model.release import Release


@dataclass(frozen=True)
class Offer:
    """What a channel says now.

    Attributes:
        product: its name.
        channel: its name.
        latest: the release to offer; `None` if nothing may be offered.
        rollout: how `latest` reaches its users; `None` for all at once.
        history: all that was offered, the highest first, with the reason of those that were withdrawn.
        is_complete: whether the rollout has reached everyone, or there is none.
        is_pinned: whether nothing higher than a version is offered for now. Which one is not said: it may be none that
            anybody knows of yet.
        paused_at: since when nothing new is offered; `None` if that is not so, or if a pin decides.
    """

    product: str
    channel: str
    latest: Release | None
    rollout: Rollout | None
    history: tuple[tuple[Release, str | None], ...]
    is_complete: bool = True
    is_pinned: bool = False
    paused_at: datetime | None = None

    def candidates(self, *, rollouts: bool = False) -> tuple[Release, ...]:
        """What may be offered, the best first: a format takes the first that it can carry.

        Args:
            rollouts: whether the format can say how far the latest release is rolled out. One that cannot offers what
                came before, until the rollout is complete.
        """
        offered = tuple(release for release, withdrawn in self.history if withdrawn is None)
        return offered if rollouts or self.is_complete else offered[1:]
