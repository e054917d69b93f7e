"""Test the offer of a channel: the rules, as a table of examples, and properties of all offers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from comet_updates.errors import VersionSyntaxError
from comet_updates.model.channel import ChannelPolicy, Rollout
from comet_updates.model.offer import Offer
from comet_updates.model.product import Product
from comet_updates.model.release import Release
from comet_updates.publish.decide import decide

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BEFORE, AFTER = "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"


def release(version: str, channel: str = "stable", **fields: Any) -> Release:
    document = {"schema": 1, "product": "p", "channel": channel, "version": version, "artifacts": [], **fields}
    return Release.model_validate_json(json.dumps(document, default=datetime.isoformat))


def policy(channel: str = "stable", **fields: Any) -> ChannelPolicy:
    document = {"schema": 1, "product": "p", "channel": channel, **fields}
    return ChannelPolicy.model_validate_json(json.dumps(document, default=datetime.isoformat))


class Example(NamedTuple):
    """Releases and policies, and the offer of `channel`.

    Attributes:
        history: the versions, with the reason of those that were withdrawn: `1.0.0: broken`.
        rollout_percent: of the latest; `None` if all clients get it at once.
    """

    releases: list[Release]
    latest: str | None
    policies: tuple[ChannelPolicy, ...] = ()
    channel: str = "stable"
    history: list[str] | None = None
    scheme: str = "semver"
    rollout_percent: int | None = None


def yank(version: str, reason: str = "broken") -> dict[str, str]:
    return {"version": version, "reason": reason}


EXAMPLES = {
    "no release, no offer": Example([], None, history=[]),
    "the highest version wins": Example([release("1.9.0"), release("1.10.0"), release("1.2.0")], "1.10.0"),
    "a pre-release is below its release": Example([release("2.0.0"), release("2.0.0-rc.1")], "2.0.0"),
    "stable does not see beta": Example([release("1.0.0"), release("2.0.0-beta.1", "beta")], "1.0.0"),
    "beta offers a newer stable": Example(
        [release("2.0.0-beta.1", "beta"), release("2.0.0")], "2.0.0", (policy("beta", includes=["stable"]),), "beta"
    ),
    "beta offers its own if that is newer": Example(
        [release("2.1.0-beta.1", "beta"), release("2.0.0")],
        "2.1.0-beta.1",
        (policy("beta", includes=["stable"]),),
        "beta",
    ),
    "includes are not inherited": Example(
        [release("1.0.0"), release("0.1.0", "nightly")],
        "0.1.0",
        (policy("nightly", includes=["beta"]), policy("beta", includes=["stable"])),
        "nightly",
    ),
    "a channel may name itself": Example(
        [release("1.0.0")], "1.0.0", (policy(includes=["stable", "stable"]),), history=["1.0.0"]
    ),
    "not before it is available": Example(
        [release("1.0.0"), release("2.0.0", available_at=AFTER)], "1.0.0", history=["1.0.0"]
    ),
    "not before it is released": Example(
        [release("1.0.0"), release("2.0.0", released_at=AFTER)], "1.0.0", history=["1.0.0"]
    ),
    "available now though released later": Example([release("2.0.0", released_at=AFTER, available_at=BEFORE)], "2.0.0"),
    "due at this very moment": Example([release("1.0.0", available_at=NOW)], "1.0.0"),
    "a pin holds the channel": Example(
        [release("1.0.0"), release("2.0.0")], "1.0.0", (policy(pin="1.0.0"),), history=["1.0.0"]
    ),
    "a pin nobody uploaded is a ceiling": Example(
        [release("1.0.0"), release("2.0.0")], "1.0.0", (policy(pin="1.5.0"),)
    ),
    "a pin that is not due leaves the next lower": Example(
        [release("1.0.0"), release("2.0.0", available_at=AFTER)], "1.0.0", (policy(pin="2.0.0"),)
    ),
    "a pin wins over a pause": Example(
        [release("1.0.0", available_at="2026-11-02T00:00:00Z")],
        "1.0.0",
        (policy(pin="1.0.0", paused_at=BEFORE),),
    ),
    "a pin of one that is equal in precedence is that one": Example(
        [release("1.0.0+a"), release("1.0.0+b"), release("0.9.0")],
        "1.0.0+a",
        (policy(pin="1.0.0+a"),),
        history=["1.0.0+a", "0.9.0"],
    ),
    "a pin of an included channel holds its releases here": Example(
        [release("1.0.0"), release("2.0.0"), release("1.5.0-beta.1", "beta")],
        "1.5.0-beta.1",
        (policy("beta", includes=["stable"]), policy(pin="1.0.0")),
        "beta",
        history=["1.5.0-beta.1", "1.0.0"],
    ),
    "a pause of an included channel holds its releases here": Example(
        [
            release("1.0.0", released_at=BEFORE),
            release("2.0.0", released_at="2026-11-10T00:00:00Z"),
            release("1.5.0-beta.1", "beta", released_at="2026-11-10T00:00:00Z"),
        ],
        "1.5.0-beta.1",
        (policy("beta", includes=["stable"]), policy(paused_at="2026-11-05T00:00:00Z")),
        "beta",
        history=["1.5.0-beta.1", "1.0.0"],
    ),
    "a hold of an included channel leaves the copy of this channel": Example(
        [release("1.0.0", "beta"), release("1.0.0"), release("0.9.0")],
        "1.0.0",
        (policy("beta", includes=["stable"]), policy(pin="0.9.0")),
        "beta",
        history=["1.0.0", "0.9.0"],
    ),
    "a paused channel keeps offering the previous release": Example(
        [release("1.0.0", released_at=BEFORE), release("2.0.0", released_at="2026-11-10T00:00:00Z")],
        "1.0.0",
        (policy(paused_at="2026-11-05T00:00:00Z"),),
        history=["1.0.0"],
    ),
    "a yanked release leaves the previous one": Example(
        [release("1.0.0"), release("2.0.0")],
        "1.0.0",
        (policy(yanked=[yank("2.0.0")]),),
        history=["2.0.0: broken", "1.0.0"],
    ),
    "a yank on its own channel holds where it is included": Example(
        [release("1.0.0"), release("2.0.0")],
        "1.0.0",
        (policy("beta", includes=["stable"]), policy(yanked=[yank("2.0.0")])),
        "beta",
    ),
    "a yank on the including channel holds there": Example(
        [release("1.0.0"), release("2.0.0")],
        "1.0.0",
        (policy("beta", includes=["stable"], yanked=[yank("2.0.0")]),),
        "beta",
        history=["2.0.0: broken", "1.0.0"],
    ),
    "a yank on the including channel holds only there": Example(
        [release("1.0.0"), release("2.0.0")], "2.0.0", (policy("beta", includes=["stable"], yanked=[yank("2.0.0")]),)
    ),
    "a yank of an included channel withdraws the same version here": Example(
        [release("1.0.0"), release("1.0.0", "beta")],
        None,
        (policy("beta", includes=["stable"]), policy(yanked=[yank("1.0.0")])),
        "beta",
        history=["1.0.0: broken"],
    ),
    "a yank of a channel that is not included leaves the same version here": Example(
        [release("1.0.0"), release("1.0.0", "beta")], "1.0.0", (policy(yanked=[yank("1.0.0")]),), "beta", ["1.0.0"]
    ),
    "a yank of an included channel without the version leaves it here": Example(
        [release("1.0.0", "beta")],
        "1.0.0",
        (policy("beta", includes=["stable"]), policy(yanked=[yank("1.0.0")])),
        "beta",
    ),
    "the reason of a yank is that of the release's own channel": Example(
        [release("1.0.0")],
        None,
        (policy("beta", includes=["stable"], yanked=[yank("1.0.0", "theirs")]), policy(yanked=[yank("1.0.0", "ours")])),
        "beta",
        history=["1.0.0: ours"],
    ),
    "a pause counts from when a release is available": Example(
        [
            release("1.0.0", released_at=AFTER, available_at=BEFORE),
            release("2.0.0", available_at="2026-11-10T00:00:00Z"),
        ],
        "1.0.0",
        (policy(paused_at="2026-11-05T00:00:00Z"),),
        history=["1.0.0"],
    ),
    "a pause lets through what was due at that moment": Example(
        [release("1.0.0", released_at=BEFORE)], "1.0.0", (policy(paused_at=BEFORE),)
    ),
    "a pause does not hold back what has no date": Example([release("1.0.0")], "1.0.0", (policy(paused_at=BEFORE),)),
    "a rollout is of its version": Example(
        [release("1.0.0"), release("2.0.0")],
        "2.0.0",
        (policy(rollout={"version": "2.0.0", "percent": 10}),),
        rollout_percent=10,
    ),
    "a later release does not inherit a rollout": Example(
        [release("2.0.0"), release("3.0.0")], "3.0.0", (policy(rollout={"version": "2.0.0", "percent": 10}),)
    ),
    "a rollout of an included channel is that of its release": Example(
        [release("2.0.0")],
        "2.0.0",
        (policy("beta", includes=["stable"]), policy(rollout={"version": "2.0.0", "percent": 10})),
        "beta",
        rollout_percent=10,
    ),
    "a rollout of this channel wins over that of the included one": Example(
        [release("2.0.0")],
        "2.0.0",
        (
            policy("beta", includes=["stable"], rollout={"version": "2.0.0", "percent": 50}),
            policy(rollout={"version": "2.0.0", "percent": 10}),
        ),
        "beta",
        rollout_percent=50,
    ),
    "a promoted release keeps its rollout on the channel that had it first": Example(
        [release("2.0.0", "beta"), release("2.0.0")],
        "2.0.0",
        (policy("beta", includes=["stable"]), policy(rollout={"version": "2.0.0", "percent": 10})),
        "beta",
        history=["2.0.0"],
    ),
    "a release that takes the place of a yanked one has no rollout": Example(
        [release("1.0.0"), release("2.0.0")],
        "1.0.0",
        (policy(yanked=[yank("2.0.0")], rollout={"version": "2.0.0", "percent": 10}),),
    ),
    "a yank wins over a pin": Example(
        [release("1.0.0"), release("2.0.0")], "1.0.0", (policy(pin="2.0.0", yanked=[yank("2.0.0")]),)
    ),
    "all yanked, nothing to offer, and the history says why": Example(
        [release("1.0.0"), release("2.0.0")],
        None,
        (policy(yanked=[yank("1.0.0", "burns toast"), yank("2.0.0")]),),
        history=["2.0.0: broken", "1.0.0: burns toast"],
    ),
    "a yank of what is not there changes nothing": Example(
        [release("1.0.0")], "1.0.0", (policy(yanked=[yank("9.0.0")]),)
    ),
    "of equal precedence the later one": Example(
        [
            release("1.0.0+b", released_at=BEFORE),
            release("1.0.0+a", released_at="2026-11-02T00:00:00Z"),
        ],
        "1.0.0+a",
    ),
    "of equal precedence and date by name": Example([release("1.0.0+b"), release("1.0.0+a")], "1.0.0+b"),
    "dotted numbers of any length": Example(
        [release("1.9.0"), release("1.9.0.9"), release("1.10")], "1.10", scheme="dotted"
    ),
    "PEP 440": Example([release("1.0rc1"), release("1.0.post1"), release("1.0")], "1.0.post1", scheme="pep440"),
    "build numbers": Example([release("2.0", build="99"), release("1.0", build="100")], "1.0", scheme="build"),
    "versions with letters as Sparkle compares them": Example(
        [release("3.7.0beta9"), release("3.7.0beta11"), release("1.6.0a")], "3.7.0beta11", scheme="sparkle"
    ),
    "Sparkle's builds before the version": Example(
        [release("2.0", build="1.5b3"), release("1.0", build="1.5")], "1.0", scheme="sparkle"
    ),
    "a pin by the build number of its release": Example(
        [release("3.0", build="99"), release("2.0", build="100"), release("1.0", build="101")],
        "2.0",
        (policy(pin="2.0"),),
        scheme="build",
        history=["2.0", "3.0"],
    ),
}


def offer(example: Example, releases: list[Release] | None = None) -> Offer:
    product = Product(product="p", version_scheme=example.scheme)  # type: ignore[arg-type]
    policies = {policy.channel: policy for policy in example.policies}
    return decide(product, example.channel, policies, releases or example.releases, NOW)


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_the_table(example: Example) -> None:
    decided = offer(example)
    assert (decided.latest.version if decided.latest else None) == example.latest
    assert (decided.rollout.percent if decided.rollout else None) == example.rollout_percent
    if example.history is not None:
        told = [f"{past.version}: {reason}" if reason else past.version for past, reason in decided.history]
        assert told == example.history


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
@given(data=st.data())
def test_the_order_of_releases_never_matters(example: Example, data: st.DataObject) -> None:
    assert offer(example, data.draw(st.permutations(example.releases))) == offer(example)


@pytest.mark.parametrize(("includes", "home"), [(["stable"], "beta"), (["stable", "beta"], "beta")])
def test_version_on_two_channels_is_one_release(includes: list[str], home: str) -> None:
    """Test a release that was promoted: the channel's own copy counts, in whichever order they come."""
    both = [release("1.0.0", "beta"), release("1.0.0", "stable")]
    example = Example(both, "1.0.0", (policy("beta", includes=includes),), "beta")
    for releases in (both, both[::-1]):
        assert [past.channel for past, _ in offer(example, releases).history] == [home]


def test_version_on_two_included_channels_is_that_of_the_first() -> None:
    both = [release("1.0.0", "beta"), release("1.0.0", "stable")]
    example = Example(both, "1.0.0", (policy("nightly", includes=["stable", "beta"]),), "nightly")
    assert [past.channel for past, _ in offer(example).history] == ["stable"]


def test_versions_with_other_builds_are_two_releases() -> None:
    """Positive control."""
    both = [release("1.0.0", "beta", build="1"), release("1.0.0", "stable", build="2")]
    example = Example(both, "1.0.0", (policy("beta", includes=["stable"]),), "beta")
    assert [past.channel for past, _ in offer(example).history] == ["stable", "beta"]


def test_a_phased_rollout_is_passed_on_without_the_version_that_it_is_of() -> None:
    phased = {"start": BEFORE, "interval": 86_400, "groups": 7}
    decided = offer(Example([release("2.0.0")], "2.0.0", (policy(rollout={"version": "2.0.0", **phased}),)))
    assert decided.rollout == Rollout.model_validate_json(json.dumps(phased))


def test_each_release_has_its_own_rollout() -> None:
    rollouts = [{"version": "1.0.0", "percent": 5}, {"version": "1.1.0", "percent": 10}]
    both, first = ([release(version) for version in versions] for versions in (("1.0.0", "1.1.0"), ("1.0.0",)))
    policies = {"stable": policy(rollout=rollouts)}
    assert decide(Product(product="p"), "stable", policies, both, NOW).rollout == Rollout(percent=10)
    assert decide(Product(product="p"), "stable", policies, first, NOW).rollout == Rollout(percent=5)


@pytest.mark.parametrize(
    ("own", "decided", "is_offered"),
    [(BEFORE, AFTER, False), (AFTER, BEFORE, True), (None, AFTER, False), (AFTER, None, False)],
)
def test_when_a_release_is_offered_is_decided_by_its_channel_or_by_itself(
    own: str | None, decided: str | None, *, is_offered: bool
) -> None:
    """Treat a release as not uploaded before its time, also on a channel that includes the release's channel."""
    fields = {"available_at": own} if own else {}
    known = [release("1.0.0"), release("1.1.0", **fields)]
    policies = {
        "stable": policy(available_at={"1.1.0": decided} if decided else {}),
        "beta": policy("beta", includes=["stable"]),
    }
    for channel in policies:
        offer = decide(Product(product="p"), channel, policies, known, NOW)
        assert [past.version for past, _ in offer.history] == (["1.1.0", "1.0.0"] if is_offered else ["1.0.0"])


def test_a_pause_holds_back_what_was_scheduled_for_later() -> None:
    policies = {"stable": policy(available_at={"1.0.0": NOW}, paused_at=BEFORE)}
    assert decide(Product(product="p"), "stable", policies, [release("1.0.0")], NOW).latest is None


@pytest.mark.parametrize(
    ("decided", "is_pinned", "paused_at"),
    [
        ({}, False, None),
        ({"pin": "1.0.0"}, True, None),
        ({"paused_at": BEFORE}, False, BEFORE),
        ({"paused_at": NOW}, False, NOW.isoformat()),
        ({"paused_at": AFTER}, False, None),
        ({"pin": "1.0.0", "paused_at": BEFORE}, True, None),
    ],
    ids=["neither", "pinned", "paused", "paused at this very moment", "to be paused", "both: the pin decides"],
)
def test_that_a_channel_is_held_is_told_once_it_is(
    decided: dict[str, Any], paused_at: str | None, *, is_pinned: bool
) -> None:
    offered = offer(Example([release("1.0.0")], None, (policy(**decided),)))
    assert (offered.is_pinned, offered.paused_at) == (
        is_pinned,
        datetime.fromisoformat(paused_at) if paused_at else None,
    )


def test_a_pin_that_cannot_be_compared_decides_nothing() -> None:
    with pytest.raises(VersionSyntaxError, match="Pin the version of a release"):
        offer(Example([release("1.0", build="1")], None, (policy(pin="9.9"),), scheme="build"))


VERSIONS = st.builds("{}.{}.{}".format, *[st.integers(0, 3)] * 3)


@given(
    st.sets(VERSIONS, min_size=1, max_size=6), st.sets(VERSIONS, max_size=3), st.none() | VERSIONS, st.integers(-2, 2)
)
def test_what_is_offered_is_the_highest_that_may_be(
    versions: set[str], yanked: set[str], pin: str | None, pause_days: int
) -> None:
    releases = [release(v, released_at=NOW - timedelta(days=int(v[0]) - 1)) for v in sorted(versions)]
    decision = policy(pin=pin, yanked=[yank(v) for v in sorted(yanked)], paused_at=NOW - timedelta(days=pause_days))
    decided = offer(Example(releases, None, (decision,)))
    may_be = [
        r.version
        for r in releases
        if r.version not in yanked
        and r.released_at
        and r.released_at <= NOW
        and (r.version <= pin if pin else r.released_at <= NOW - timedelta(days=pause_days))
    ]
    assert (decided.latest.version if decided.latest else None) == max(may_be, default=None)  # one digit: as texts
    assert decided.latest is None or decided.latest in [past for past, _ in decided.history]


@given(st.lists(VERSIONS, min_size=1, max_size=6, unique=True), VERSIONS, st.none() | VERSIONS, st.sets(VERSIONS))
def test_an_older_release_never_changes_the_latest(
    versions: list[str], added: str, pin: str | None, yanked: set[str]
) -> None:
    releases = [release(version) for version in versions]
    example = Example(releases, None, (policy(pin=pin, yanked=[yank(version) for version in sorted(yanked)]),))
    latest = offer(example).latest
    assume(latest is not None and added < latest.version)  # one digit each, so texts compare like versions
    assert offer(example, [*releases, release(added)]).latest == latest


@given(
    st.lists(st.tuples(st.sampled_from(["stable", "beta", "nightly"]), VERSIONS), max_size=8, unique=True),
    st.sets(VERSIONS, max_size=3),
)
def test_the_latest_is_the_first_of_the_history_that_is_not_withdrawn(
    uploaded: list[tuple[str, str]], yanked: set[str]
) -> None:
    policies = (policy("beta", includes=["stable"]), policy(yanked=[yank(version) for version in sorted(yanked)]))
    releases = [release(version, channel) for channel, version in uploaded]
    decided = offer(Example(releases, None, policies, "beta"))
    assert decided.latest == next((past for past, reason in decided.history if reason is None), None)
    assert {past.channel for past, _ in decided.history} <= {"stable", "beta"}
    assert all(
        (reason is not None) == (("stable", past.version) in uploaded and past.version in yanked)
        for past, reason in decided.history
    )


@pytest.mark.parametrize(
    ("rollout", "is_complete"),
    [
        ({"percent": 0}, False),
        ({"percent": 99}, False),
        ({"percent": 100}, True),
        ({"start": NOW - timedelta(days=5), "interval": 86_400, "groups": 7}, False),
        ({"start": NOW - timedelta(days=6), "interval": 86_400, "groups": 7}, True),  # the first group began on day 0
        ({"start": NOW + timedelta(seconds=1), "interval": 1, "groups": 1}, False),
    ],
    ids=str,
)
def test_a_rollout_is_complete_once_everyone_may_have_it(rollout: dict[str, Any], *, is_complete: bool) -> None:
    releases = [release("2.0.0"), release("1.0.0")]
    decided = offer(Example(releases, "2.0.0", (policy(rollout={"version": "2.0.0", **rollout}),)))
    assert decided.is_complete is is_complete
