"""Which releases are accepted: by the rules of their product, and among each other. Pure, but for reading old versions.

Acceptance only grows: whatever is uploaded or decided later, what was accepted stays accepted. That is why each rule
looks at the moments since a release was uploaded, and only at releases that were accepted before it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import combinations, groupby
from typing import NamedTuple

from comet_updates.errors import Problem, RefusedUploadError
from comet_updates.model.channel import ChannelPolicy
from comet_updates.model.product import Product
from comet_updates.model.release import Release
from comet_updates.publish.stored import Stored
from comet_updates.publish.uploads import rules
from comet_updates.publish.uploads.timeline import Timeline
from comet_updates.versions import Precedence

Problems = dict[str, tuple[Problem, ...]]
"""What is wrong with releases, by key."""


class Candidate(NamedTuple):
    """A release that keeps the rules for a single one."""

    stored: Stored
    release: Release


class Acceptance:
    """Holds the releases of one product against its rules.

    Args:
        product: as it is.
        products: as it was.
        policies: of a channel, as they were.
    """

    def __init__(
        self, product: Product, products: Timeline[Product], policies: Callable[[str], Timeline[ChannelPolicy]]
    ) -> None:
        self._product = product
        self._products = products
        self._policies = policies

    def judge(self, stored: Stored, release: Release) -> Candidate | RefusedUploadError:
        """Whether a release keeps the rules for a single one, as they are or were at any moment since its upload."""
        if problems := tuple(rules.version_problems(release, self._product)):
            return RefusedUploadError(stored.key, problems)
        if (problems := tuple(rules.own_problems(release, self._product))) and not any(self._moments(stored, release)):
            return RefusedUploadError(stored.key, problems)
        return Candidate(stored, release)

    def first(self, versions: Iterable[Candidate]) -> Candidate | None:
        """The one of several versions of a release, in the order of time, that was accepted first."""
        found: Candidate | None = None
        for candidate in versions:
            if found is None or self._since(candidate) < self._since(found):
                found = candidate
            if self._since(found) == found.stored.written_at:
                break  # what was written later cannot have been accepted earlier: it is not even read
        return found

    def among_others(self, candidates: Iterable[Candidate]) -> tuple[list[Candidate], dict[str, RefusedUploadError]]:
        """Those that are accepted, and why the others are not, by key."""
        left = {candidate.stored.key: candidate for candidate in candidates}
        refusals = {}
        for rule in (self._changed, self._not_higher):
            for key, problems in rule(tuple(left.values())).items():
                refusals[key] = RefusedUploadError(key, problems)
                del left[key]
        return list(left.values()), refusals

    def _changed(self, candidates: Sequence[Candidate]) -> Problems:
        """Of releases that say another thing of a file than one of the same version on another channel did before."""
        by_version: dict[str, list[Candidate]] = {}
        for candidate in candidates:
            by_version.setdefault(candidate.release.version, []).append(candidate)
        found: Problems = {}
        for same in by_version.values():
            if not any(any(rules.changed_files(one.release, (other.release,))) for one, other in combinations(same, 2)):
                continue
            before: list[Release] = []
            for _, group in self._by_moment(same):
                for candidate in group:
                    if problems := tuple(rules.changed_files(candidate.release, before)):
                        found[candidate.stored.key] = problems
                before += [candidate.release for candidate in group if candidate.stored.key not in found]
        return found

    def _not_higher(self, candidates: Sequence[Candidate]) -> Problems:
        """Of releases that are not above those before them, where the product asks for that."""
        found: Problems = {}
        for channel in self._product.only_higher_on:
            before: list[Release] = []  # the highest last
            for moment, group in self._by_moment([c for c in candidates if c.release.channel == channel]):
                for candidate in group:
                    blockers = before[bisect_left(before, self._rank(candidate.release), key=self._rank) :]
                    if blockers and not self._is_free(channel, moment):
                        problems = tuple(rules.not_higher(candidate.release, blockers, self._yanked(channel, moment)))
                        found |= {candidate.stored.key: problems} if problems else {}
                for candidate in group:
                    if candidate.stored.key not in found:
                        insort(before, candidate.release, key=self._rank)
        return found

    def _rank(self, release: Release) -> Precedence:
        return self._product.precedence(release)

    def _is_free(self, channel: str, moment: datetime) -> bool:
        """Whether releases could be of any version on `channel` at that moment or at a later one."""
        return any(channel not in product.only_higher_on for _, product in self._products.since(moment))

    def _yanked(self, channel: str, moment: datetime) -> Iterator[frozenset[str]]:
        for _, policy in self._policies(channel).since(moment):
            yield frozenset(yank.version for yank in policy.yanked)

    def _by_moment(self, candidates: Sequence[Candidate]) -> Iterator[tuple[datetime, list[Candidate]]]:
        """In the order of acceptance; of what was accepted in one second, none was there before the other."""
        for moment, group in groupby(sorted(candidates, key=self._since), key=self._since):
            yield moment, list(group)

    def _since(self, candidate: Candidate) -> datetime:
        """When it was accepted, as far as the rules for a single release go."""
        return next(self._moments(candidate.stored, candidate.release))

    def _moments(self, stored: Stored, release: Release) -> Iterator[datetime]:
        """When its upload or a change of the product's rules made a release acceptable."""
        for moment, product in self._products.since(stored.written_at):
            if not (any(rules.own_problems(release, product)) or any(rules.version_problems(release, product))):
                yield moment
