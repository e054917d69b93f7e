"""What people decide about a channel, as one small document; the publishing function does the rest.

Each operation is an edit of the channel's policy, or a copy of a release to another channel. A plan says what would be
written and what would change for clients; only `carry_out` writes, and only what nobody else wrote meanwhile.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from comet_updates import names
from comet_updates.errors import ConcurrentPublishError, DecisionError, Problem
from comet_updates.model import ROLLOUTS_MAX, Release
from comet_updates.publish import uploads
from comet_updates.publish.bucket import Bucket, Stored, etag_of
from comet_updates.publish.decide import ALL_PERCENT, decide
from comet_updates.publish.inputs import Inputs
from comet_updates.publish.loader import Loader, list_inputs
from comet_updates.publish.rendering import render

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
        then: all that is known once it is written; `None` if that is not known.
        signed: the keys of what was signed for it.
    """

    key: str
    body: bytes | None
    replaces: str | None
    changes: dict[str, str]
    then: Inputs | None = None
    signed: tuple[str, ...] = ()


def policy(bucket: Bucket, product: str, channel: str, edit: Edit, now: datetime, *, may_be_new: bool = False) -> Plan:
    """The plan to `edit` the policy of a channel, which is there unless it `may_be_new`.

    Raises:
        DecisionError: there is no such channel, or the edit makes no sense.
        RefusedUploadError: the policy would be refused.
        StoreUnavailableError: S3 fails.
    """
    scene = _Scene(bucket, product, now)
    inputs = scene.inputs
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
    return scene.plan(key, after)


def promotion(bucket: Bucket, product: str, version: str, now: datetime, *, source: str, target: str) -> Plan:
    """The plan to release on channel `target` what is released on `source`: the same files, unchanged.

    Raises what `policy` raises.
    """
    scene = _Scene(bucket, product, now)
    release = _release(scene.inputs, source, version)
    return scene.plan_release({**release.wire, "channel": target}, lambda wire: wire)


def release(bucket: Bucket, document: Wire, now: datetime) -> Plan:
    """The plan to upload a release. One that is there already is the same, whenever it says that it was released.

    Raises:
        DecisionError: another release of this version is there.
        RefusedUploadError: it would be refused.
        StoreUnavailableError: S3 fails.
    """
    scene = _Scene(bucket, document["product"], now)
    return scene.plan_release(document, lambda wire: _without(wire, "released_at"))


def approval(bucket: Bucket, product: str, channel: str, version: str, now: datetime) -> Plan:
    """The plan to approve a release, as it lies in the bucket.

    Raises what `policy` raises.
    """
    scene = _Scene(bucket, product, now)
    release = _release(scene.inputs, channel, version)
    key = names.approval_key(product, channel, version)
    if scene.inputs.unapproved.get((channel, version)):
        said = {"schema": 1, "product": product, "channel": channel, "version": version, "sha256": release.body_sha256}
        return scene.plan(key, said)
    if scene.is_there(key):
        return Plan(key, None, None, {})
    raise DecisionError(f"{channel} {version} waits for no approval: `approved_on` of the product says which do")


class _Scene:
    """A product as it is in the bucket, and how it would be with one more document. Raises `StoreUnavailableError`."""

    def __init__(self, bucket: Bucket, product: str, now: datetime) -> None:
        self._loader = Loader(bucket)
        self._product = product
        self._now = now
        self._listing = list_inputs(bucket, product)
        self.inputs = self._loader.load(product, self._listing)

    def is_there(self, key: str) -> bool:
        """Whether something is uploaded at `key`."""
        return key in self._listing

    def plan(self, key: str, document: Wire) -> Plan:
        """The plan to write `document`. Raises `RefusedUploadError` if the publisher would refuse it."""
        body = uploads.as_json(document)
        versions = self._listing.get(key, ())
        planned = Stored(key, "planned", etag_of(body), len(body), self._now)
        then = self._loader.load(self._product, {**self._listing, key: (planned, *versions)}, {planned: body})
        if key in then.refusals:
            raise then.refusals[key]
        changes = _changes(self.inputs, then, self._now)
        return Plan(key, body, versions[0].etag if versions else None, changes, then)

    def plan_release(self, document: Wire, told: Callable[[Wire], Wire]) -> Plan:
        """The plan to write a release, once: nothing, if what is `told` of one that is there is the same.

        Raises `DecisionError` if there is another of this version, and what `plan` raises.
        """
        channel, version = document["channel"], document["version"]
        key = names.release_key(self._product, channel, version)
        there = next((r for r in self.inputs.releases if (r.channel, r.version) == (channel, version)), None)
        if there is None and key not in self._listing:
            return self.plan(key, document)
        if there is None:
            why = " ".join(str(problem) for problem in self.inputs.refusals[key].problems)
            raise DecisionError(f"{key} is there already and was refused: {why} Or release a new version")
        if told(there.wire) != told(document):
            raise DecisionError(f"{key} is there already and says something else. Release a new version")
        return Plan(key, None, None, {})


def refusal(bucket: Bucket, key: str) -> list[str]:
    """Why the upload at `key` was refused; nothing if it was not. Raises `StoreUnavailableError`."""
    rejected = names.rejected_key(key)
    found = bucket.versions(rejected).get(rejected)
    problems = json.loads(bucket.get(found[0]))["problems"] if found else []
    return [str(Problem(**problem)) for problem in problems]


def carry_out(bucket: Bucket, make_plan: Callable[[], Plan], sign: Callable[[Plan], Plan] = lambda plan: plan) -> Plan:
    """Write what a plan says, and make another if somebody wrote meanwhile. Gives the plan that was carried out.

    Args:
        bucket: where to.
        make_plan: the plan, as things are.
        sign: has signed what follows from it, before it is written: then nothing waits for a signature.

    Raises what `make_plan` and `sign` raise, and `ConcurrentPublishError` if others kept writing.
    """
    for _ in range(ATTEMPTS):
        plan = sign(make_plan())
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
        offer = decide(inputs.product, channel, inputs.policies, inputs.releases_for(channel), now)
        if any(past is found for past, _ in offer.history):
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
