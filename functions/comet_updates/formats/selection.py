"""Decide which releases a document shows, and why it does not show the others. All formats use this one place.

A format describes each of its documents as a `View`: which files its client takes, and which rules the client follows.
If a release has a rule that the client does not follow, or lacks what the client needs, the document leaves it out.
So the document stays at an earlier release.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain, pairwise
from typing import NamedTuple

import semver

from comet_updates.formats.imported import RELEASE_BEFORE
from comet_updates.model.channel import Rollout
from comet_updates.model.offer import Offer
from comet_updates.model.release import Artifact, Release

ANY = ("any", "universal")
"""What a file has as its architecture if it runs on every computer of its system."""

SYSTEM_NAMES = {"windows": "Windows", "macos": "macOS", "linux": "Linux"}


class Rule(Enum):
    """A condition of a release, its rollout or its files. A client that does not follow it must not get the release."""

    PERCENT = "a rollout by percent"
    GROUPS = "a rollout in groups"
    WAITING_ROLLOUT = "a rollout that has not started"
    MINIMUM_VERSION = "`minimum_version`"
    MAJOR = "`major_below_version`"
    INFORMATIONAL = "`informational`"
    MIN_OS = "`min_os`"
    MAX_OS = "`max_os`"
    HOSTS = "`hosts`"


ROLLOUTS = frozenset({Rule.PERCENT, Rule.GROUPS, Rule.WAITING_ROLLOUT})


class Files(NamedTuple):
    """The files of a release that a document would list, or why it has none.

    Attributes:
        files: the files, the best first.
        lack: why the client cannot use the release, without a subject and a final stop; empty if it can.
    """

    files: Sequence[Artifact] = ()
    lack: str = ""


class Shown(NamedTuple):
    """A release in a document, with its files."""

    release: Release
    files: Sequence[Artifact]


Conditions = Mapping[Rule, object]
Compare = Callable[[Offer, Sequence[Shown]], Mapping[int, str]]


@dataclass(frozen=True)
class View:
    """One document, or the part of it for one system, as its client reads it.

    Attributes:
        documents: the names of the document. Several names have the same content.
        client: the client, for people.
        follows: the rules that the client follows.
        files: returns the files of a release for the client.
        compare: returns why releases are left out because of others in the document, by `id`. None for never.
        system: the system of this part of the document; empty if the view is the whole document.
    """

    documents: tuple[str, ...]
    client: str
    follows: frozenset[Rule]
    files: Callable[[Release], Files]
    compare: Compare | None = None
    system: str = ""

    def shown(self, offer: Offer) -> Iterator[Shown]:
        """Yield the releases in the document, the best first. A document with one release takes only the first."""
        fitting = (
            Shown(release, found.files) for release in offered(offer) if not (found := self._found(offer, release)).lack
        )
        if self.compare is None:
            yield from fitting
        else:
            every = list(fitting)
            left_out = self.compare(offer, every)
            yield from (one for one in every if id(one.release) not in left_out)

    def lack(self, offer: Offer, release: Release) -> str:
        """Return why the document does not show an offered release; empty if it does."""
        found = self._found(offer, release)
        if found.lack or self.compare is None:
            return found.lack
        every = [Shown(one, files.files) for one in offered(offer) if not (files := self._found(offer, one)).lack]
        return self.compare(offer, every).get(id(release), "")

    def _found(self, offer: Offer, release: Release) -> Files:
        found = self.files(release)
        if found.lack:
            return found
        unknown = next((rule for rule in rules(offer, release, found.files) if rule not in self.follows), None)
        verb = "do" if " and " in self.client else "does"
        return Files(lack=f"{self.client} {verb} not support {unknown.value}") if unknown else found


class Lag(NamedTuple):
    """A document that does not show the latest release.

    Attributes:
        document: the name of the document, with the system if only its part for this system is behind.
        version: the version of the newest release in the document; None if it does not exist.
        why: why the latest release is not in the document.
    """

    document: str
    version: str | None
    why: str


def offered(offer: Offer) -> Iterator[Release]:
    """Yield the releases of the offer that are not withdrawn, the highest first."""
    return (release for release, withdrawn in offer.history if withdrawn is None)


def rules(offer: Offer, release: Release, files: Iterable[Artifact]) -> Iterator[Rule]:
    """Yield the rules of a release, of its rollout and of its files."""
    if release is offer.latest and not offer.is_complete:
        yield _rollout(offer.rollout)
    of_release: Conditions = {
        Rule.MINIMUM_VERSION: release.minimum_version,
        Rule.MAJOR: release.major_below_version,
        Rule.INFORMATIONAL: release.informational,
    }
    of_files: list[Conditions] = [
        {Rule.MIN_OS: one.min_os, Rule.MAX_OS: one.max_os, Rule.HOSTS: one.hosts} for one in files
    ]
    yield from (rule for conditions in (of_release, *of_files) for rule, condition in conditions.items() if condition)


def _rollout(rollout: Rollout | None) -> Rule:
    if rollout is not None and rollout.percent is not None:
        return Rule.PERCENT
    is_begun = rollout is not None and rollout.start and rollout.interval and (rollout.groups or 0) > 1
    return Rule.GROUPS if is_begun else Rule.WAITING_ROLLOUT


def lags(views: Iterable[View], offer: Offer) -> list[Lag]:
    """Return the documents that do not show the latest release, and those that do not exist, with the reasons.

    A document with parts for several systems is behind as a whole if no part shows the latest release.
    """
    if offer.latest is None:
        return []
    by_document: dict[tuple[str, ...], list[View]] = {}
    for view in views:
        by_document.setdefault(view.documents, []).append(view)
    return sorted(chain.from_iterable(_lags(found, offer, offer.latest) for found in by_document.values()))


def _lags(views: Sequence[View], offer: Offer, latest: Release) -> Iterator[Lag]:
    lacks = [view.lack(offer, latest) for view in views]
    if all(lacks):
        order = {id(release): number for number, release in enumerate(offered(offer))}
        newest = [one.release for view in views if (one := next(view.shown(offer), None))]
        version = min(newest, key=lambda release: order[id(release)]).version if newest else None
        # If no system has a file, each part says so. If one has a file, its reason is the one to show.
        why = next((lack for lack in lacks if not lack.startswith(NO_FILE)), lacks[0])
        yield from (Lag(name, version, why) for view in views[:1] for name in view.documents)
        return
    for view, lack in zip(views, lacks, strict=True):
        newer = next(view.shown(offer), None) if lack else None
        if newer:
            yield from (Lag(f"{name} ({view.system})", newer.release.version, lack) for name in view.documents)


NO_FILE = "this release has no file for "


def taken_by_others(
    upwards: Iterable[tuple[Release, Collection[str], Collection[str]]],
) -> Iterator[tuple[Release, str, str]]:
    """Yield the releases for Linux whose file copies of another architecture would take.

    It is for documents whose client ignores the architecture. Linux runs no program of another one, unlike Windows and
    macOS.

    Args:
        upwards: the releases, the lowest first, each with the architectures of its copies that read the document, and
            those of its files in the document.

    Yields:
        The release, these copies, and the architecture of its file, for a reason.
    """
    copies: set[str] = set()
    for release, runs_on, files in upwards:
        copies |= {*runs_on} - {*ANY}
        offered = {*files} - {*ANY}
        if offered and (others := copies - offered):
            yield release, f"copies on {' and '.join(sorted(others))}", min(offered)


def with_base(offer: Offer, shown: Iterable[Shown]) -> Iterator[Shown]:
    """Yield the releases without deltas that do not start from the release below, as far as that is known.

    A client applies the deltas of all newer releases in the list, one after the other. A delta from `RELEASE_BEFORE`
    starts from the next lower release of the channel, which the list may leave out.
    """
    before = {id(one): lower for (one, _), (lower, _) in pairwise(offer.history)}
    for one, below in pairwise(chain(shown, (None,))):
        assert one is not None  # noqa: S101 (only the last is None)
        bases = {below.release.version, below.release.build} if below else set()
        if below and before.get(id(one.release)) is below.release:
            bases.add(RELEASE_BEFORE)
        kept = [file for file in one.files if file.kind != "delta" or not bases or file.from_version in bases]
        yield Shown(one.release, kept)


def narrowed(files: Iterable[Artifact], *steps: tuple[Callable[[Artifact], bool], str]) -> Files:
    """Return the files that pass all steps. If none is left, the reason of that step is the lack."""
    left = list(files)
    for passes, lack in steps:
        left = [file for file in left if passes(file)]
        if not left:
            return Files(lack=lack)
    return Files(left)


def on(platform: str) -> tuple[Callable[[Artifact], bool], str]:
    """Return the step that keeps the files for a platform."""
    return lambda file: file.platform == platform, f"{NO_FILE}{SYSTEM_NAMES[platform]}"


def unreadable(version: str, largest: int, client: str) -> str:
    """Return why a client cannot read a version as SemVer; empty if it can.

    Args:
        version: the version of a release.
        largest: the largest number in a version that the client can store.
        client: its name, for people.
    """
    if not semver.Version.is_valid(version):
        return f"{client} cannot read the version {version}, which is not SemVer"
    return too_large(version.partition("+")[0].partition("-")[0], largest, client, version)


def too_large(numbers: str, largest: int, client: str, version: str) -> str:
    """Return why a client cannot store one of the numbers in `numbers`; empty if it can."""
    if any(int(number) > largest for number in re.findall(r"[0-9]+", numbers)):
        return f"{client} cannot read the version {version}: a number in it is larger than {largest}"
    return ""


def os_number(file: Artifact, text: str) -> tuple[int, ...] | None:
    """Return a system version as numbers, or None if it is not a version number of the file's system.

    Windows calls itself 10.0 and a build number, also in Windows 11: 10.0.22000.
    """
    if not re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,3}", text):
        return None
    numbers = tuple(map(int, text.split(".")))
    return None if file.platform == "windows" and numbers[0] not in (5, 6, 10) else numbers


def os_lack(files: Iterable[Artifact]) -> str:
    """Return which `min_os` or `max_os` of the files is not a version number of its system; empty if all are."""
    for file in files:
        for name, text in (("min_os", file.min_os), ("max_os", file.max_os)):
            if text is not None and os_number(file, text) is None:
                like = "10.0.22000" if file.platform == "windows" else "14.4"
                system = SYSTEM_NAMES.get(file.platform, file.platform)
                return f"`{name}` {text!r} is not a version number of {system}, such as {like}"
    return ""
