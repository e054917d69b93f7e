"""What people decide about a channel, as one small document; the publishing function does the rest.

Each operation is an edit of the channel's policy, or a copy of a release to another channel. A plan says what would be
written and what would change for clients; only `carry_out` writes, and only what nobody else wrote meanwhile.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from comet_updates import names
from comet_updates.errors import ConcurrentPublishError, DecisionError, Problem
from comet_updates.model import ROLLOUTS_MAX, ChannelPolicy, Release
from comet_updates.publish import uploads
from comet_updates.publish.bucket import Bucket
from comet_updates.publish.decide import ALL_PERCENT, decide
from comet_updates.publish.inputs import Inputs, Loader, list_inputs
from comet_updates.publish.reconcile import render

Wire = dict[str, Any]
Edit = Callable[[Wire, Inputs], Wire]
"""A policy, and all that is known → the policy as it is to be. Raises `DecisionError` if that makes no sense."""

ATTEMPTS = 5


class Plan(NamedTuple):
    """What is to be written, and what follows.

    Attributes:
        key: of the document.
        body: the document; `None` if all is as it should be already.
        replaces: the ETag of what stands there now; `None` for nothing.
        changes: the public documents that change, each as a diff, by key.
    """

    key: str
    body: bytes | None
    replaces: str | None
    changes: dict[str, str]


def policy(bucket: Bucket, product: str, channel: str, edit: Edit, now: datetime, *, may_be_new: bool = False) -> Plan:
    """The plan to `edit` the policy of a channel, which is there unless it `may_be_new`.

    Raises:
        DecisionError: there is no such channel, or the edit makes no sense.
        RefusedUploadError: the policy would be refused.
        StoreUnavailableError: S3 fails.
    """
    listing = list_inputs(bucket, product)
    inputs = Loader(bucket).load(product, listing)
    key = names.channel_key(product, channel)
    if channel in inputs.undecided:
        raise DecisionError(f"{key} is refused as it is: mend that first")
    if channel not in inputs.channels and not may_be_new:
        there = ", ".join(sorted(inputs.channels)) or "none"
        raise DecisionError(f"{product} has no channel {channel!r}; it has: {there}")
    current = inputs.policies.get(channel)
    before: Wire = current.wire if current else {"schema": 1, "product": product, "channel": channel}
    after = edit(dict(before), inputs)
    if after == before:
        return Plan(key, None, None, {})
    body = uploads.as_json(after)
    decided = uploads.parse(ChannelPolicy, key, body)
    then = replace(inputs, policies={**inputs.policies, channel: decided})
    return Plan(key, body, listing[key][0].etag if key in listing else None, _changes(inputs, then, now))


def promotion(bucket: Bucket, product: str, version: str, now: datetime, *, source: str, target: str) -> Plan:
    """The plan to release on channel `target` what is released on `source`: the same files, unchanged.

    Raises what `policy` raises.
    """
    inputs = Loader(bucket).load(product, list_inputs(bucket, product))
    release = _release(inputs, source, version)
    key = names.release_key(product, target, version)
    body = uploads.as_json({**release.wire, "channel": target})
    there = next((r for r in inputs.releases if (r.channel, r.version) == (target, version)), None)
    if there:
        if {**there.wire, "channel": source} != release.wire:
            raise DecisionError(f"{key} is there already and says something else. Release a new version")
        return Plan(key, None, None, {})
    promoted = uploads.parse(Release, key, body)
    return Plan(key, body, None, _changes(inputs, replace(inputs, releases=[*inputs.releases, promoted]), now))


def release(bucket: Bucket, document: Wire, now: datetime) -> Plan:
    """The plan to upload a release. One that is there already is the same, whenever it says that it was released.

    Raises:
        DecisionError: another release of this version is there.
        RefusedUploadError: it would be refused.
        StoreUnavailableError: S3 fails.
    """
    product, channel, version = (document[name] for name in ("product", "channel", "version"))
    key, body = names.release_key(product, channel, version), uploads.as_json(document)
    released = uploads.parse(Release, key, body)
    inputs = Loader(bucket).load(product, list_inputs(bucket, product))
    if inputs.product:
        uploads.check_release(key, released, inputs.product)
    there = next((r for r in inputs.releases if (r.channel, r.version) == (channel, version)), None)
    if there:
        if _without(there.wire, "released_at") != _without(document, "released_at"):
            raise DecisionError(f"{key} is there already and says something else. Release a new version")
        return Plan(key, None, None, {})
    then = replace(inputs, releases=[*inputs.releases, released])
    return Plan(key, body, None, _changes(inputs, then, now))


def refusal(bucket: Bucket, key: str) -> list[str]:
    """Why the upload at `key` was refused; nothing if it was not. Raises `StoreUnavailableError`."""
    rejected = names.rejected_key(key)
    found = bucket.versions(rejected).get(rejected)
    problems = json.loads(bucket.get(found[0]))["problems"] if found else []
    return [str(Problem(**problem)) for problem in problems]


def carry_out(bucket: Bucket, make_plan: Callable[[], Plan]) -> Plan:
    """Write what a plan says, and make another if somebody wrote meanwhile. Gives the plan that was carried out.

    Raises what `make_plan` raises, and `ConcurrentPublishError` if others kept writing.
    """
    for _ in range(ATTEMPTS):
        plan = make_plan()
        if plan.body is None:
            return plan
        try:
            bucket.put(plan.key, plan.body, names.CONTENT_TYPES[".json"], replaces=plan.replaces)
        except ConcurrentPublishError:
            continue
        return plan
    raise ConcurrentPublishError("others kept writing to this channel. Try again")


def pause(at: datetime) -> Edit:
    """Offer nothing that is due after `at`."""
    return lambda policy, _: {**policy, "paused_at": policy.get("paused_at") or moment(at)}


def resume(policy: Wire, _inputs: Inputs) -> Wire:
    """Undo `pause`."""
    return _without(policy, "paused_at")


def pin(version: str) -> Edit:
    """Offer this version and none that is higher."""

    def edit(policy: Wire, inputs: Inputs) -> Wire:
        _known(inputs, policy["channel"], version)
        return {**policy, "pin": version}

    return edit


def unpin(policy: Wire, _inputs: Inputs) -> Wire:
    """Undo `pin`."""
    return _without(policy, "pin")


def yank(version: str, reason: str) -> Edit:
    """Withdraw a release."""

    def edit(policy: Wire, inputs: Inputs) -> Wire:
        _known(inputs, policy["channel"], version)
        yanked = policy.get("yanked", [])
        if any(known["version"] == version for known in yanked):
            return policy
        return {**policy, "yanked": [*yanked, {"version": version, "reason": reason}]}

    return edit


def unyank(version: str) -> Edit:
    """Undo `yank`."""

    def edit(policy: Wire, _inputs: Inputs) -> Wire:
        left = [known for known in policy.get("yanked", []) if known["version"] != version]
        return {**policy, "yanked": left} if left else _without(policy, "yanked")

    return edit


def rollout(version: str, how: Mapping[str, object], *, is_new: bool = False) -> Edit:
    """Reach a share of the users, or one group after another.

    Args:
        version: of the release.
        how: `percent`, or `start`, `interval` and `groups`.
        is_new: whether the release is only about to come.
    """

    def edit(policy: Wire, inputs: Inputs) -> Wire:
        if not is_new:
            _known(inputs, policy["channel"], version)
        decided = policy.get("rollout", [])
        others = [
            known
            for known in (decided if isinstance(decided, list) else [decided])
            # What reaches everyone needs no word. The others may come yet, as from a pipeline at the same time.
            if known["version"] != version and known.get("percent") != ALL_PERCENT
        ]
        new = {"version": version, **how}
        return {**policy, "rollout": [*others[1 - ROLLOUTS_MAX :], new] if others else new}

    return edit


def schedule(version: str, at: str, now: datetime) -> Edit:
    """Offer a release from a moment on, in place of what it says itself. One that is offered by now stays."""

    def edit(policy: Wire, inputs: Inputs) -> Wire:
        channel = policy["channel"]
        if policy.get("available_at", {}).get(version) == at:
            return policy
        found = _release(inputs, channel, version)
        assert inputs.product is not None  # noqa: S101 (there is no channel of a product that is refused)
        if any(
            past is found for past, _ in decide(inputs.product, channel, inputs.policies, inputs.releases, now).history
        ):
            raise DecisionError(f"{channel} offers {version} already. To withdraw it: comet-updates yank")
        return {**policy, "available_at": {**policy.get("available_at", {}), version: at}}

    return edit


def unschedule(version: str) -> Edit:
    """Undo `schedule`."""

    def edit(policy: Wire, _inputs: Inputs) -> Wire:
        left = _without(policy.get("available_at", {}), version)
        return {**policy, "available_at": left} if left else _without(policy, "available_at")

    return edit


def _known(inputs: Inputs, channel: str, version: str) -> None:
    included = inputs.policies[channel].includes if channel in inputs.policies else []
    for counted in (channel, *included):
        if any((r.channel, r.version) == (counted, version) for r in inputs.releases):
            return
    _release(inputs, channel, version)


def _release(inputs: Inputs, channel: str, version: str) -> Release:
    found = {release.version: release for release in inputs.releases if release.channel == channel}
    if version not in found:
        near = difflib.get_close_matches(version, found, n=5, cutoff=0.0)
        raise DecisionError(f"{channel} has no release {version}; it has: {', '.join(near) or 'none'}")
    return found[version]


def _without(policy: Wire, name: str) -> Wire:
    return {key: value for key, value in policy.items() if key != name}


def moment(at: datetime) -> str:
    """A time as our documents write it."""
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _changes(before: Inputs, after: Inputs, now: datetime) -> dict[str, str]:
    """The documents for clients that differ, as diffs; pages are left to the eye."""
    old, new = (render(inputs, now).documents for inputs in (before, after))
    keys = [key for key in {**old, **new} if key.startswith("public/v1/") and old.get(key) != new.get(key)]
    return {key: "\n".join(_diff(key, old.get(key, b""), new.get(key, b""))) for key in keys}


def _diff(key: str, old: bytes, new: bytes) -> Iterator[str]:
    return difflib.unified_diff(_lines(key, old), _lines(key, new), key, key, n=1, lineterm="")


def _lines(key: str, body: bytes) -> list[str]:
    text = body.decode()
    if key.endswith(".json") and text:
        text = json.dumps(json.loads(text), ensure_ascii=False, indent=1)
    return text.splitlines()
