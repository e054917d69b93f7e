"""Check releases against the rules of their product and against each other. Pure, except that it reads old versions.

An accepted release stays accepted, regardless of later uploads and decisions. For this reason each rule uses the
product documents and policies since the release was uploaded, and only releases that were accepted before it.
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
"""The problems of releases, by key."""


class Candidate(NamedTuple):
    """A release that follows the rules for single releases."""

    stored: Stored
    release: Release


class Acceptance:
    """Checks the releases of one product against its rules.

    Args:
        product: the product document in effect.
        products: all product documents that were ever in effect.
        policies: returns all policies of a channel that were ever in effect.
    """

    def __init__(
        self, product: Product, products: Timeline[Product], policies: Callable[[str], Timeline[ChannelPolicy]]
    ) -> None:
        self._product = product
        self._products = products
        self._policies = policies

    def judge(self, stored: Stored, release: Release) -> Candidate | RefusedUploadError:
        """Check a release against the rules for single releases, as they are now or were at any time since its upload.

        Returns:
            The candidate, or the refusal with every problem.
        """
        texts = rules.text_problems(release) if stored.written_at >= rules.CHECKED_SINCE else ()
        if problems := (*texts, *rules.version_problems(release, self._product)):
            return RefusedUploadError(stored.key, problems)
        problems = tuple(rules.own_problems(release, self._product, stored.written_at))
        if problems and not any(self._moments(stored, release)):
            return RefusedUploadError(stored.key, problems)
        return Candidate(stored, release)

    def first(self, versions: Iterable[Candidate]) -> Candidate | None:
        """Return the version of a release that was accepted first. `versions` are in the order of time."""
        found: Candidate | None = None
        for candidate in versions:
            if found is None or self._since(candidate) < self._since(found):
                found = candidate
            if self._since(found) == found.stored.written_at:
                break  # later versions cannot have been accepted earlier, so do not read them
        return found

    def among_others(self, candidates: Iterable[Candidate]) -> tuple[list[Candidate], dict[str, RefusedUploadError]]:
        """Return the accepted candidates, and the refusals of the others by key."""
        left = {candidate.stored.key: candidate for candidate in candidates}
        refusals = {}
        for rule in (self._changed, self._not_higher):
            for key, problems in rule(tuple(left.values())).items():
                refusals[key] = RefusedUploadError(key, problems)
                del left[key]
        return list(left.values()), refusals

    def _changed(self, candidates: Sequence[Candidate]) -> Problems:
        """Return the problems of releases that contradict an earlier release of the same version about a file."""
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
        """Return the problems of releases that are not higher than earlier ones, on channels that require this."""
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
        """Return whether `channel` allowed lower versions at that moment or later."""
        return any(channel not in product.only_higher_on for _, product in self._products.since(moment))

    def _yanked(self, channel: str, moment: datetime) -> Iterator[frozenset[str]]:
        for _, policy in self._policies(channel).since(moment):
            yield frozenset(yank.version for yank in policy.yanked)

    def _by_moment(self, candidates: Sequence[Candidate]) -> Iterator[tuple[datetime, list[Candidate]]]:
        """Yield the candidates in the order of acceptance, grouped by second. Within a group none is earlier."""
        for moment, group in groupby(sorted(candidates, key=self._since), key=self._since):
            yield moment, list(group)

    def _since(self, candidate: Candidate) -> datetime:
        """Return when the release first followed the rules for single releases."""
        return next(self._moments(candidate.stored, candidate.release))

    def _moments(self, stored: Stored, release: Release) -> Iterator[datetime]:
        """Yield the times since the upload at which the release followed the rules for single releases.

        These are the time of the upload, and the times when the product's document changed.
        """
        for moment, product in self._products.since(stored.written_at):
            if rules.allows(product, release, stored.written_at):
                yield moment
