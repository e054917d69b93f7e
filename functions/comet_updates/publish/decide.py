"""Decide what a channel offers, from its product, policies and releases. Pure: equal arguments give equal offers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from comet_updates.errors import VersionSyntaxError
from comet_updates.model.channel import ChannelPolicy, Rollout, Yank
from comet_updates.model.offer import Offer
from comet_updates.model.product import Product
from comet_updates.model.release import Release
from comet_updates.versions import Precedence, Scheme, precedence

ALL_PERCENT = 100


def counted_channels(channel: str, policies: Mapping[str, ChannelPolicy]) -> tuple[str, ...]:
    """Return the channels whose releases count on `channel`: itself and those that its policy includes, each once."""
    policy = policies.get(channel)
    return tuple(dict.fromkeys((channel, *(policy.includes if policy else ()))))


def decide(
    product: Product, channel: str, policies: Mapping[str, ChannelPolicy], releases: Iterable[Release], now: datetime
) -> Offer:
    """Return what `product` offers on `channel` at `now`.

    The latest release is the highest that is due and not yanked. A pause excludes releases that were not due when it
    began. A pin excludes releases above the pinned version, and wins over a pause. Releases of channels that do not
    count (see `counted_channels`) are ignored. The pause, pin and yanks of an included channel apply to its releases
    here, too, and so does its rollout, unless this channel has one for that version.

    A release that several of these channels have is one release: that of this channel, or else of the first of them
    in the policy. It is withdrawn if any of them withdraws it.

    Args:
        product: its scheme orders the versions.
        channel: the channel to decide for.
        policies: the policies of the product's channels, by channel. A channel without one has the defaults.
        releases: all known releases, in any order. The product's scheme can read each version.
        now: aware. Two calls with the same `now` give equal offers; publishing relies on this.

    Raises:
        VersionSyntaxError: the pin or a release's version does not parse under the product's scheme.
    """
    counted = counted_channels(channel, policies)
    policy = policies.get(channel) or ChannelPolicy(product=product.product, channel=channel)
    known = sorted(
        (release for release in releases if release.channel in counted),
        key=lambda release: _rank(product, release),
        reverse=True,
    )
    holds = {home: _hold(product, policies.get(home), policies, known) for home in counted}
    offered = [
        release
        for release in known
        if _is_due(release, policies, now) and holds[channel](release) and holds[release.channel](release)
    ]
    reasons = {(home, yank.version): yank.reason for home in counted for yank in _yanked(policies.get(home))}
    homes = {(release.channel, release.version) for release in known}
    # The channels that have the release can withdraw it, and so can the channel that offers it.
    history = tuple(
        (release, next((reasons[by] for by in _withdrawers(channel, counted, homes, release) if by in reasons), None))
        for release in _once(counted, offered)
    )
    latest = next((release for release, yanked in history if yanked is None), None)
    rollout = _rollout(policies, counted, latest)
    is_complete = rollout is None or _is_complete(rollout, now)
    paused_at = _paused_at(policy, now)
    return Offer(
        product.product,
        channel,
        latest,
        rollout,
        history,
        is_complete,
        is_pinned=policy.pin is not None,
        paused_at=paused_at,
        orders_by_build=Scheme(product.version_scheme).uses_build,
    )


def _once(counted: Sequence[str], releases: Sequence[Release]) -> Iterator[Release]:
    """Yield the releases without the copies that other channels have of a release, such as a promoted one."""
    copies: dict[tuple[str, str | None], Release] = {}
    for release in sorted(releases, key=lambda release: counted.index(release.channel)):
        copies.setdefault((release.version, release.build), release)
    return (release for release in releases if copies[release.version, release.build] is release)


def _withdrawers(
    channel: str, counted: Sequence[str], homes: set[tuple[str, str]], release: Release
) -> Iterator[tuple[str, str]]:
    """Yield the channels that can withdraw a release, its own first, each with its version."""
    for home in dict.fromkeys((release.channel, channel, *counted)):
        if home == channel or (home, release.version) in homes:
            yield home, release.version


def _yanked(policy: ChannelPolicy | None) -> Sequence[Yank]:
    return policy.yanked if policy else ()


def _rank(product: Product, release: Release) -> tuple[Precedence, float, str, str]:
    """Return a sort key, so that the order of releases is total.

    Releases of equal precedence, such as 1.0.0+a and 1.0.0+b, are ordered by date, then by name.
    """
    released_at = release.released_at.timestamp() if release.released_at else 0.0
    return product.precedence(release), released_at, release.version, release.channel


def due_at(release: Release, policies: Mapping[str, ChannelPolicy]) -> datetime | None:
    """Return when a release may be offered: the time in its channel's policy, or else its own; None for always."""
    policy = policies.get(release.channel)
    return (policy.available_at.get(release.version) if policy else None) or release.due_at


def _is_due(release: Release, policies: Mapping[str, ChannelPolicy], now: datetime) -> bool:
    due = due_at(release, policies)
    return due is None or due <= now


def _hold(
    product: Product, policy: ChannelPolicy | None, policies: Mapping[str, ChannelPolicy], known: Sequence[Release]
) -> Callable[[Release], bool]:
    """Return a function that tells whether the pin or pause of a policy lets a release pass."""
    if policy is None:
        return lambda _: True
    if policy.pin is not None:
        return _up_to(product, policy.pin, known)
    if policy.paused_at is not None:
        paused_at = policy.paused_at
        return lambda release: _is_due(release, policies, paused_at)
    return lambda _: True


def _up_to(product: Product, pin: str, known: Sequence[Release]) -> Callable[[Release], bool]:
    """Return a function that tells whether a release is not above the pin.

    The limit is the release with this version. If there is none, it is the version itself.

    Raises:
        VersionSyntaxError: the pin does not parse under the product's scheme.
    """
    for pinned in known:
        if pinned.version == pin:
            # By rank, not by precedence: 1.0.0+b does not take the place of a pinned 1.0.0+a.
            ceiling = _rank(product, pinned)
            return lambda release: _rank(product, release) <= ceiling
    scheme = Scheme(product.version_scheme)
    if scheme.uses_build:
        raise VersionSyntaxError(pin, scheme.value, "Pin the version of a release that is uploaded")
    highest = precedence(scheme, pin)
    return lambda release: product.precedence(release) <= highest


def _paused_at(policy: ChannelPolicy, now: datetime) -> datetime | None:
    """Return since when the channel is paused, or None. A planned pause is None too: it is not public yet."""
    return policy.paused_at if policy.pin is None and policy.paused_at and policy.paused_at <= now else None


def _rollout(policies: Mapping[str, ChannelPolicy], counted: Sequence[str], latest: Release | None) -> Rollout | None:
    """Return the rollout for exactly the version of `latest`: the channel's own, or that of the release's channel."""
    if latest is None:
        return None
    for home in dict.fromkeys((counted[0], latest.channel)):
        for rollout in policies[home].rollouts if home in policies else ():
            if rollout.version == latest.version:
                # Do not validate again: the values are parsed, and validation expects the original texts.
                return Rollout.model_construct(**rollout.model_dump(exclude={"version"}))
    return None


def _is_complete(rollout: Rollout, now: datetime) -> bool:
    """Return whether the rollout has reached everyone: at 100 percent, or once the last group's time has come."""
    last_group_at = rollout.last_group_at()
    return rollout.percent == ALL_PERCENT if last_group_at is None else now >= last_group_at
