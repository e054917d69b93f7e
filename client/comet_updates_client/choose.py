"""Decide what to do about an offer, from the installed version, this copy's group and the time. Pure; nothing is sent.

The result is never an older version, and nothing is installed automatically.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import NamedTuple

from comet_updates.errors import VersionSyntaxError
from comet_updates.versions import Precedence, Scheme, precedence
from comet_updates_client.machine import Computer
from comet_updates_client.manifest import ALL_PERCENT, Artifact, Below, Release, Rollout


class Outcome(Enum):
    """The possible results for one copy."""

    UPDATE = "update"
    PAGE = "page"
    CURRENT = "current"
    AHEAD = "ahead"
    SKIPPED = "skipped"
    LATER_GROUP = "later group"
    STEP_BETWEEN = "step between"
    NO_FILE = "no file"
    NOTHING = "nothing"
    NOT_DUE = "not due"
    OFF = "off"


class Installed(NamedTuple):
    """The installed version. `Scheme.BUILD` and `Scheme.SPARKLE` use the build number, if there is one."""

    scheme: Scheme
    version: str

    def rank(self, version: str) -> Precedence:
        """Return the precedence of a version (or build number), to compare it with others.

        Raises:
            VersionSyntaxError: the version does not parse under the scheme.
        """
        return precedence(self.scheme, version, version)


class Verdict(NamedTuple):
    """The result for one copy.

    Attributes:
        outcome: what to do.
        release: the offered release, or None.
        artifact: the file for this computer if there is an update, or None.
        is_critical: whether the release is critical for the installed version.
    """

    outcome: Outcome
    release: Release | None = None
    artifact: Artifact | None = None
    is_critical: bool = False


def known_as(release: Release, installed: Installed) -> str:
    """Return the text that orders a release: its version, or its build number if the scheme uses it.

    Raises:
        VersionSyntaxError: the release has no build number, and the scheme needs one.
    """
    if installed.scheme is Scheme.BUILD and release.build is None:
        raise VersionSyntaxError(release.version, installed.scheme.value, "The release has no build number")
    return (installed.scheme.uses_build and release.build) or release.version


def choose(
    release: Release, installed: Installed, computer: Computer, *, group: int, skipped: str | None, now: datetime
) -> Verdict:
    """Return what to do about `release`.

    Args:
        release: the release that the channel offers.
        installed: the installed version.
        computer: the computer that this copy runs on.
        group: the number below 100 that this copy drew once.
        skipped: the version that the user skipped, or None. Lower versions are skipped, too.
        now: aware.

    Raises:
        VersionSyntaxError: a version does not parse under the scheme.
    """
    own = installed.rank(installed.version)
    offered = installed.rank(known_as(release, installed))
    is_critical = _concerns(release.critical, installed)
    artifact = _file(release, computer)
    if offered < own:
        outcome = Outcome.AHEAD
    elif offered <= own:
        outcome = Outcome.CURRENT
    elif _is_skipped(offered, installed, skipped):
        outcome = Outcome.SKIPPED
    elif release.rollout and not reached(release.rollout, group, now):
        outcome = Outcome.LATER_GROUP
    elif release.minimum_version is not None and own < installed.rank(release.minimum_version):
        outcome = Outcome.STEP_BETWEEN
    elif _concerns(release.informational, installed):
        outcome = Outcome.PAGE
    else:
        outcome = Outcome.UPDATE if artifact else Outcome.NO_FILE
    return Verdict(outcome, release, artifact if outcome is Outcome.UPDATE else None, is_critical)


def reached(rollout: Rollout, group: int, now: datetime) -> bool:
    """Return whether a rollout has reached the copies that drew `group`, a number below 100."""
    if rollout.percent is not None or rollout.start is None:
        return group < (rollout.percent or 0)
    turn = group * rollout.groups // ALL_PERCENT  # the first at the start, each other one an interval later
    return (now - rollout.start).total_seconds() >= turn * rollout.interval_s


def _is_skipped(offered: Precedence, installed: Installed, skipped: str | None) -> bool:
    try:
        return skipped is not None and offered <= installed.rank(skipped)
    except VersionSyntaxError:  # it was skipped under another scheme
        return False


def _concerns(told: Below, installed: Installed) -> bool:
    own = installed.rank(installed.version)
    if told.is_all or (told.below is not None and own < installed.rank(told.below)):
        return True
    return any(own <= rank <= own for rank in map(installed.rank, told.versions))


def _file(release: Release, computer: Computer) -> Artifact | None:
    """Return the first file of the best architecture that fits, or None. Deltas are ignored: we cannot apply them."""
    for arch in (computer.arch, "universal", "any"):
        for artifact in release.artifacts:
            is_for_it = (artifact.platform, artifact.arch) == (computer.platform, arch)
            if is_for_it and artifact.kind != "delta" and _fits(artifact, computer.os_version):
                return artifact
    return None


def _fits(artifact: Artifact, os_version: str) -> bool:
    """Return whether the system is neither too old nor too new. If the versions cannot be compared, return False."""
    try:
        low, own, high = (
            precedence(Scheme.DOTTED, version)
            for version in (artifact.min_os or "0", os_version or "0", artifact.max_os or "0")
        )
    except VersionSyntaxError:
        return False
    is_known = bool(os_version) or not (artifact.min_os or artifact.max_os)
    return is_known and low <= own and (artifact.max_os is None or own <= high)
