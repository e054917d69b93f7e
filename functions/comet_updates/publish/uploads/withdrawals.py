"""Find the releases that a policy would withdraw as a side effect, without a yank, a pin or a pause. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from comet_updates.errors import Problem
from comet_updates.model.channel import ChannelPolicy
from comet_updates.model.release import Release
from comet_updates.publish.decide import counted_channels, due_at
from comet_updates.publish.uploads.acceptance import Candidate
from comet_updates.publish.uploads.rules import some_of


class Moment:
    """The upload of a policy.

    Args:
        at: its time.
        accepted: the accepted releases. Those that were uploaded later, or in the same second, are ignored.
        offered_from: returns since when a release could be offered, or None if that is not certain.
        waits: returns whether a release never got an approval that the channel needed.
    """

    def __init__(
        self,
        at: datetime,
        accepted: Iterable[Candidate],
        offered_from: Callable[[Candidate], datetime | None],
        waits: Callable[[Release], bool],
    ) -> None:
        self._at = at
        self._accepted = [one for one in accepted if one.stored.written_at < at]
        self._offered_from = offered_from
        self._waits = waits

    def holds_back(self, policy: ChannelPolicy) -> bool:
        """Return whether the policy can withdraw anything: it makes a release wait, or leaves nothing to offer."""
        return any(self._waiting(policy)) or not any(self._due(policy))

    def problems(self, policy: ChannelPolicy, before: ChannelPolicy) -> Iterator[Problem]:
        """Yield the problems of a policy that withdraws releases which the policy `before` offered."""
        remedy = f"Keep them, or withdraw them first: comet-updates yank {policy.product} {policy.channel}"
        if lost := self._offered(before, self._waiting(policy)):
            yield Problem("$.available_at", f"would withdraw releases that are offered: {some_of(lost)}", remedy)
        elif not any(self._due(policy)) and (lost := self._offered(before, self._due(before))):
            yield Problem("$.includes", f"would withdraw all releases that are offered: {some_of(lost)}", remedy)

    def _offered(self, policy: ChannelPolicy, candidates: Iterable[Candidate]) -> list[Release]:
        """Return the releases among `candidates` that were certainly offered under the policy."""
        offered = (one for one in candidates if self._offers(policy, one.release))
        return [one.release for one in offered if (since := self._offered_from(one)) and since < self._at]

    def _waiting(self, policy: ChannelPolicy) -> Iterator[Candidate]:
        """Yield the channel's own releases that wait for their time under the policy."""
        for one in self._accepted:
            if one.release.channel == policy.channel and not self._is_due(policy, one.release, self._at):
                yield one

    def _due(self, policy: ChannelPolicy) -> Iterator[Candidate]:
        """Yield the approved releases that count on the channel and are due under the policy."""
        counted = counted_channels(policy.channel, {policy.channel: policy})
        for one in self._accepted:
            if (
                one.release.channel in counted
                and self._is_due(policy, one.release, self._at)
                and not self._waits(one.release)
            ):
                yield one

    def _offers(self, policy: ChannelPolicy, release: Release) -> bool:
        """Return whether the policy offered the release. With a pin, only the pinned release counts as offered."""
        if any(yank.version == release.version for yank in policy.yanked):
            return False
        if policy.pin is not None:
            return policy.pin == release.version and self._is_due(policy, release, self._at)
        return self._is_due(policy, release, min(self._at, policy.paused_at or self._at))

    @staticmethod
    def _is_due(policy: ChannelPolicy, release: Release, at: datetime) -> bool:
        due = due_at(release, {policy.channel: policy})
        return due is None or due <= at
