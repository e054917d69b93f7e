"""What a channel offers: the rules, as a table of examples, and what holds for all of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comet_updates.errors import VersionSyntaxError
from comet_updates.model import ChannelPolicy, Offer, Product, Release
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
    """Releases and policies, and what `channel` offers then."""

    releases: list[Release]
    latest: str | None
    policies: tuple[ChannelPolicy, ...] = ()
    channel: str = "stable"
    history: list[str] | None = None
    scheme: str = "semver"


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
    "a pin of one channel is not another's": Example(
        [release("1.0.0"), release("2.0.0")],
        "2.0.0",
        (policy("beta", includes=["stable"]), policy(pin="1.0.0")),
        "beta",
    ),
    "a paused channel keeps offering the previous release": Example(
        [release("1.0.0", released_at=BEFORE), release("2.0.0", released_at="2026-11-10T00:00:00Z")],
        "1.0.0",
        (policy(paused_at="2026-11-05T00:00:00Z"),),
        history=["1.0.0"],
    ),
    "a yanked release leaves the previous one": Example(
        [release("1.0.0"), release("2.0.0")], "1.0.0", (policy(yanked=[yank("2.0.0")]),), history=["2.0.0", "1.0.0"]
    ),
    "a yank on its own channel holds where it is included": Example(
        [release("1.0.0"), release("2.0.0")],
        "1.0.0",
        (policy("beta", includes=["stable"]), policy(yanked=[yank("2.0.0")])),
        "beta",
    ),
    "a yank on the including channel holds only there": Example(
        [release("1.0.0"), release("2.0.0")], "2.0.0", (policy("beta", includes=["stable"], yanked=[yank("2.0.0")]),)
    ),
    "a yank wins over a pin": Example(
        [release("1.0.0"), release("2.0.0")], "1.0.0", (policy(pin="2.0.0", yanked=[yank("2.0.0")]),)
    ),
    "all yanked, nothing to offer": Example(
        [release("1.0.0")], None, (policy(yanked=[yank("1.0.0")]),), history=["1.0.0"]
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
    if example.history is not None:
        assert [past.version for past, _ in decided.history] == example.history


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
@given(data=st.data())
def test_the_order_of_releases_never_matters(example: Example, data: st.DataObject) -> None:
    assert offer(example, data.draw(st.permutations(example.releases))) == offer(example)


def test_the_history_says_why_a_release_was_withdrawn() -> None:
    decided = offer(
        Example([release("1.0.0"), release("2.0.0")], None, (policy(yanked=[yank("2.0.0", "burns toast")]),))
    )
    assert [(past.version, reason) for past, reason in decided.history] == [("2.0.0", "burns toast"), ("1.0.0", None)]


def test_a_rollout_belongs_to_its_version() -> None:
    rollout = {"version": "2.0.0", "percent": 10}
    now = offer(Example([release("2.0.0")], None, (policy(rollout=rollout),)))
    later = offer(Example([release("2.0.0"), release("3.0.0")], None, (policy(rollout=rollout),)))
    assert now.rollout
    assert now.rollout.percent == 10
    assert later.rollout is None


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
    assert (decided.latest.version if decided.latest else None) == max(may_be, default=None)  # one digit each: as texts
    assert decided.latest is None or decided.latest in [past for past, _ in decided.history]
