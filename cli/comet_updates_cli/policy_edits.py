"""Changes that people make to a channel, each written as one small document; the publishing function does the rest.

Each operation edits the channel's policy, or copies a release to another channel. A plan contains the document and
what would change for clients. Only `carry_out` writes, and only if nobody else has written in between.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.errors import ConcurrentPublishError, DecisionError, Problem
from comet_updates.formats import encode, sparkle
from comet_updates.model.channel import Rollout
from comet_updates.model.fields import ROLLOUTS_MAX
from comet_updates.model.release import Release
from comet_updates.publish.bucket import Bucket, retry_conflicts
from comet_updates.publish.decide import ALL_PERCENT, decide, due_at
from comet_updates.publish.render import render
from comet_updates.publish.stored import Stored, etag_of
from comet_updates.publish.uploads import parse
from comet_updates.publish.uploads.accept import AcceptedUploads
from comet_updates.publish.uploads.load import Loader, list_inputs

Wire = dict[str, Any]
Edit = Callable[[Wire, AcceptedUploads], Wire]
"""Takes a policy and the product's inputs, returns the new policy; raises `DecisionError` if that is not possible."""


class Plan(NamedTuple):
    """A document to write, and what changes for clients.

    Attributes:
        key: the document's key.
        body: the document; `None` if nothing has to change.
        replaces: the ETag of the document to replace; `None` if there is none.
        changes: a diff for each public document that changes, by key.
        then: the product's inputs after the write; `None` if they are not known.
        signed: the keys of the metadata that was signed for it.
    """

    key: str
    body: bytes | None
    replaces: str | None
    changes: dict[str, str]
    then: AcceptedUploads | None = None
    signed: tuple[str, ...] = ()


def policy(bucket: Bucket, product: str, channel: str, edit: Edit, now: datetime, *, may_be_new: bool = False) -> Plan:
    """Return the plan to `edit` the policy of a channel. The channel must exist unless it `may_be_new`.

    Raises:
        DecisionError: the channel does not exist, its policy is refused, or the edit is not possible.
        RefusedUploadError: the new policy would be refused.
        StoreUnavailableError: S3 fails.
    """
    scene = _Scene(bucket, product, now)
    inputs = scene.inputs
    key = object_keys.channel_key(product, channel)
    if channel in inputs.undecided:
        raise DecisionError(f"{key}: the policy in the bucket is refused. Fix it first: comet-updates status")
    if channel not in inputs.channels and not may_be_new:
        raise no_channel(product, channel, inputs)
    current = inputs.policies.get(channel)
    before: Wire = current.wire if current else {"schema": 1, "product": product, "channel": channel}
    after = edit(dict(before), inputs)
    if after == before:
        return Plan(key, None, None, {})
    return scene.plan(key, after)


def promotion(
    bucket: Bucket,
    product: str,
    version: str,
    now: datetime,
    *,
    source: str,
    target: str,
    not_before: str | None = None,
) -> Plan:
    """Return the plan to copy a release from channel `source` to channel `target`, with the same files.

    `target` offers it from `not_before` on. The default is now, or when `source` offers it. So a pause of `target`
    holds it. The plan is empty if `target` has the release.

    Raises:
        DecisionError: `source` does not have the release or has withdrawn it, or `target` has another one of this
            version, or has it from another time on.
        RefusedUploadError: the release would be refused on `target`.
        StoreUnavailableError: S3 fails.
    """
    scene = _Scene(bucket, product, now)
    release = _release(scene.inputs, source, version)
    withdrawn = scene.inputs.policies[source].yanked if source in scene.inputs.policies else []
    for yank in withdrawn:
        if yank.version == version:
            raise DecisionError(f"{source} has withdrawn {version}: {yank.reason}. Promote another release.")
    due = due_at(release, scene.inputs.policies)
    at = not_before or encode.moment(max(due, now) if due else now)
    plan = scene.plan_release(
        {**release.wire, "channel": target, "available_at": at}, lambda wire: _without(wire, "available_at")
    )
    if plan.body is None and not_before is not None:
        existing = _release(scene.inputs, target, version)
        if existing.wire.get("available_at") != not_before:
            raise DecisionError(
                f"{target} has {version} already, from another time on. To change it, run comet-updates schedule."
            )
    return plan


def release(bucket: Bucket, document: Wire, now: datetime) -> Plan:
    """Return the plan to upload a release. An existing release is the same if only `released_at` differs.

    Raises:
        DecisionError: another release of this version exists.
        RefusedUploadError: the release would be refused.
        StoreUnavailableError: S3 fails.
    """
    scene = _Scene(bucket, document["product"], now)
    channel, version = document["channel"], document["version"]
    existing = next((r for r in scene.inputs.releases if (r.channel, r.version) == (channel, version)), None)
    if existing and _differing(existing.wire, document) - {"released_at"} == {"available_at"}:
        raise DecisionError(
            f"{channel} has {version} already, from another time on. To change it, run comet-updates schedule."
        )
    return scene.plan_release(document, lambda wire: _without(wire, "released_at"))


def _differing(one: Wire, other: Wire) -> set[str]:
    """Return the names of the fields that differ."""
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}


class Plans(NamedTuple):
    """Several documents to write, in this order.

    Attributes:
        writes: the plans of the documents to write. Only the last one knows what changes for clients.
        unchanged: the keys of the documents that the bucket has already.
        then: the product's inputs after all writes.
    """

    writes: list[Plan]
    unchanged: list[str]
    then: AcceptedUploads


def several(bucket: Bucket, product: str, documents: Mapping[str, bytes], now: datetime) -> Plans:
    """Return the plans to upload the documents of an import: the product's, then the policies, then the releases.

    What the bucket decides already stays: a policy only gets more includes and rollouts.

    Raises:
        DecisionError: the bucket has another release of one of these versions, or another version scheme.
        RefusedUploadError: a document would be refused.
        StoreUnavailableError: S3 fails.
    """
    scene = _Scene(bucket, product, now)
    releases = [key for key in documents if key.startswith("releases/")]
    settings = sorted(documents.keys() - set(releases), reverse=True)  # the product comes before the channels
    planned: dict[str, Wire] = {}
    unchanged: list[str] = []
    scheme = json.loads(documents.get(object_keys.product_key(product), b"{}")).get("version_scheme", "semver")
    scene.check_scheme(scheme)
    # Feeds begin with the highest version. It is uploaded last, so that no copy is offered an older one in between.
    for key in (*settings, *reversed(releases)):
        wire = scene.merged(key, json.loads(documents[key]))
        if wire is None:
            unchanged.append(key)
        else:
            planned[key] = wire
    return Plans(*scene.plan_all(planned, unchanged))


def approval(bucket: Bucket, product: str, channel: str, version: str, now: datetime) -> Plan:
    """Return the plan to approve a release, exactly as it is in the bucket.

    Raises:
        DecisionError: the channel does not have the release, or it needs no approval.
        RefusedUploadError: the approval would be refused.
        StoreUnavailableError: S3 fails.
    """
    scene = _Scene(bucket, product, now)
    release = _release(scene.inputs, channel, version)
    key = object_keys.approval_key(product, channel, version)
    if scene.inputs.unapproved.get((channel, version)):
        said = {"schema": 1, "product": product, "channel": channel, "version": version, "sha256": release.body_sha256}
        return scene.plan(key, said)
    if scene.is_there(key):
        return Plan(key, None, None, {})
    raise DecisionError(
        f"{channel} {version} needs no approval. The product's field `approved_on` lists the channels that do."
    )


class _Scene:
    """A product as it is in the bucket, and as it would be with one more document.

    Raises:
        StoreUnavailableError: S3 fails.
    """

    def __init__(self, bucket: Bucket, product: str, now: datetime) -> None:
        self._loader = Loader(bucket)
        self._product = product
        self._now = now
        self._listing = list_inputs(bucket, product)
        self.inputs = self._loader.load(product, self._listing)

    def is_there(self, key: str) -> bool:
        """Return whether the bucket has `key`."""
        return key in self._listing

    def plan(self, key: str, document: Wire) -> Plan:
        """Return the plan to write `document`.

        Raises:
            RefusedUploadError: the publishing function would refuse it.
        """
        body = parse.as_json(document)
        versions = self._listing.get(key, ())
        planned = Stored(key, "planned", etag_of(body), len(body), self._now)
        then = self._loader.load(self._product, {**self._listing, key: (planned, *versions)}, {planned: body})
        if key in then.refusals:
            raise then.refusals[key]
        changes = _changes(self.inputs, then, self._now)
        return Plan(key, body, versions[0].etag if versions else None, changes, then)

    def check_scheme(self, scheme: str) -> None:
        """Check that the product compares versions by `scheme`, or has no release yet.

        Raises:
            DecisionError: it does not.
        """
        current = self.inputs.product.version_scheme if self.inputs.product else scheme
        if current != scheme and self.inputs.releases:
            raise DecisionError(
                f"{self._product} compares versions as {current!r}, but the feed's versions are {scheme!r}. Import the"
                " feed into another product."
            )

    def merged(self, key: str, document: Wire) -> Wire | None:
        """Return the document to write at `key`, with what is decided there already; None if nothing has to change.

        Raises:
            DecisionError: another release of this version exists.
        """
        upload = object_keys.parse_upload(key)
        assert upload is not None  # noqa: S101 (an import makes only keys of uploads)
        if upload.kind == "release":
            return None if self._is_released(document, lambda wire: wire) else document
        if upload.kind == "channel":
            current = self.inputs.policies.get(upload.channel)
            before = current.wire if current else {}
        else:
            before = self.inputs.product.wire if self.inputs.product and self.is_there(key) else {}
        after = {**document, **before}
        if includes := [*before.get("includes", []), *document.get("includes", [])]:
            after["includes"] = list(dict.fromkeys(includes))
        if "version_scheme" in document:
            after["version_scheme"] = document["version_scheme"]
        if how := document.get("rollout"):
            kept = _without(after, "rollout")
            if "rollout" in before:
                kept["rollout"] = before["rollout"]
            after = first_rollout(how["version"], _without(how, "version"), self._now)(kept, self.inputs)
        return after if after != before else None

    def plan_all(
        self, documents: Mapping[str, Wire], unchanged: list[str]
    ) -> tuple[list[Plan], list[str], AcceptedUploads]:
        """Return the plans to write all `documents`, which are checked together.

        Raises:
            RefusedUploadError: the publishing function would refuse one.
        """
        bodies = {key: parse.as_json(document) for key, document in documents.items()}
        planned = {Stored(key, "planned", etag_of(body), len(body), self._now): body for key, body in bodies.items()}
        listing = {**self._listing, **{new.key: (new, *self._listing.get(new.key, ())) for new in planned}}
        then = self._loader.load(self._product, listing, planned)
        for key in bodies:
            if key in then.refusals:
                raise then.refusals[key]
        replaced = {key: versions[0].etag if (versions := self._listing.get(key, ())) else None for key in bodies}
        plans = [Plan(key, body, replaced[key], {}) for key, body in bodies.items()]
        if plans:
            plans[-1] = plans[-1]._replace(changes=_changes(self.inputs, then, self._now))
        return plans, unchanged, then

    def plan_release(self, document: Wire, told: Callable[[Wire], Wire]) -> Plan:
        """Return the plan to write a release; it is empty if `told` gives the same for the existing release.

        Raises:
            DecisionError: another release of this version exists.
            RefusedUploadError: the publishing function would refuse it.
        """
        key = object_keys.release_key(self._product, document["channel"], document["version"])
        if self._is_released(document, told):
            return Plan(key, None, None, {})
        plan = self.plan(key, document)
        if plan.then is not None:
            _check_order(plan.then, document["channel"], document["version"])
        return plan

    def _is_released(self, document: Wire, told: Callable[[Wire], Wire]) -> bool:
        """Return whether the bucket has this release; it is the same if `told` gives the same.

        Raises:
            DecisionError: another release of this version exists.
        """
        channel, version = document["channel"], document["version"]
        key = object_keys.release_key(self._product, channel, version)
        there = next((r for r in self.inputs.releases if (r.channel, r.version) == (channel, version)), None)
        if there is None and key not in self._listing:
            return False
        if there is None:
            why = " ".join(str(problem) for problem in self.inputs.refusals[key].problems)
            raise DecisionError(f"{key}: already exists and was refused: {why} Or release a new version.")
        if told(there.wire) != told(document):
            raise DecisionError(
                f"{key}: already exists with different content. Release a new version.{_hint(there, document)}"
            )
        return True


def _check_order(inputs: AcceptedUploads, channel: str, version: str) -> None:
    """Check that Sparkle orders a new release as the product does, whenever it is due.

    Raises:
        DecisionError: it does not. The appcast would leave out the release.
    """
    release = next((one for one in inputs.releases if (one.channel, one.version) == (channel, version)), None)
    if inputs.product is None or release is None:
        return
    policies = {name: policy.model_copy(update=_NOTHING_HELD) for name, policy in inputs.policies.items()}
    offer = decide(inputs.product, channel, policies, inputs.releases_for(channel), datetime.max.replace(tzinfo=UTC))
    if why := sparkle.contradiction(offer, release):
        raise DecisionError(f"{version}: {why}. Choose another `build` or version.")


_NOTHING_HELD = {"pin": None, "paused_at": None, "rollout": None}


def _hint(existing: Release, document: Wire) -> str:
    """Return a sentence for a release that lacks files: another job of a matrix may have uploaded it."""
    urls_there = {file.url for file in existing.artifacts}
    if all(file["url"] in urls_there for file in document["artifacts"]):
        return ""
    return " If several jobs build one version, run each of them with --part and --parts."


def refusal(bucket: Bucket, key: str) -> list[str]:
    """Return the problems for which the upload at `key` was refused; none if it was not.

    Raises:
        StoreUnavailableError: S3 fails.
    """
    rejected = object_keys.rejected_key(key)
    found = bucket.versions(rejected).get(rejected)
    problems = json.loads(bucket.get(found[0]))["problems"] if found else []
    return [str(Problem(**problem)) for problem in problems]


def carry_out(bucket: Bucket, make_plan: Callable[[], Plan], sign: Callable[[Plan], Plan] = lambda plan: plan) -> Plan:
    """Write a plan's document, and make a new plan after a conflict. Return the plan that was carried out.

    Args:
        bucket: the bucket to write to.
        make_plan: makes the plan from the current state.
        sign: signs the manifests that follow from the plan. It runs before the write, so publishing need not wait.

    Raises:
        ConcurrentPublishError: there was a conflict at every attempt.
        CometError: an error of `make_plan` or `sign`.
    """

    def attempt() -> Plan:
        plan = sign(make_plan())
        write(bucket, plan)
        return plan

    return retry_conflicts(attempt)


def write(bucket: Bucket, plan: Plan) -> None:
    """Write the document of a plan, if it has one and nobody else has changed it.

    Raises:
        ConcurrentPublishError: somebody else has changed it.
        StoreUnavailableError: S3 fails.
    """
    if plan.body is not None:
        try:
            bucket.put(plan.key, plan.body, urls.CONTENT_TYPES[".json"], replaces=plan.replaces)
        except ConcurrentPublishError as error:
            raise ConcurrentPublishError(f"{plan.key}: others changed it at the same time. Try again.") from error


def pause(at: datetime) -> Edit:
    """Return the edit that offers no release that is due after `at`."""
    return lambda policy, _: {**policy, "paused_at": policy.get("paused_at") or encode.moment(at)}


def resume(policy: Wire, _inputs: AcceptedUploads) -> Wire:
    """Return the policy without the pause."""
    return _without(policy, "paused_at")


def pin(version: str) -> Edit:
    """Return the edit that pins the channel to `version`."""

    def edit(policy: Wire, inputs: AcceptedUploads) -> Wire:
        _known(inputs, policy["channel"], version)
        return {**policy, "pin": version}

    return edit


def unpin(policy: Wire, _inputs: AcceptedUploads) -> Wire:
    """Return the policy without the pin."""
    return _without(policy, "pin")


def yank(version: str, reason: str) -> Edit:
    """Return the edit that withdraws a release."""

    def edit(policy: Wire, inputs: AcceptedUploads) -> Wire:
        _known(inputs, policy["channel"], version)
        yanked = policy.get("yanked", [])
        if any(known["version"] == version for known in yanked):
            return policy
        return {**policy, "yanked": [*yanked, {"version": version, "reason": reason}]}

    return edit


def unyank(version: str) -> Edit:
    """Return the edit that offers a withdrawn release again."""

    def edit(policy: Wire, _inputs: AcceptedUploads) -> Wire:
        left = [known for known in policy.get("yanked", []) if known["version"] != version]
        return {**policy, "yanked": left} if left else _without(policy, "yanked")

    return edit


def rollout(version: str, how: Mapping[str, object], now: datetime) -> Edit:
    """Return the edit that offers a release to a percentage of users, or to one group after another.

    Args:
        version: the release's version.
        how: `percent`; or `interval`, `groups` and maybe `start`. Without `start`, a rollout with the same groups that
            has begun goes on. Otherwise the rollout starts at `now`.
        now: the time.
    """

    def edit(policy: Wire, inputs: AcceptedUploads) -> Wire:
        _known(inputs, policy["channel"], version)
        return _with_rollout(policy, version, how, now)

    return edit


def first_rollout(version: str, how: Mapping[str, object], now: datetime) -> Edit:
    """Return the edit that sets the rollout of a release that is about to be uploaded.

    If the channel has the release, the policy stays as it is: the rollout may have grown since the first upload.

    Args:
        version: the release's version.
        how: as for `rollout`.
        now: the time.
    """

    def edit(policy: Wire, inputs: AcceptedUploads) -> Wire:
        if _is_on(inputs, policy["channel"], version):
            return policy
        return _with_rollout(policy, version, how, now)

    return edit


def _with_rollout(policy: Wire, version: str, how: Mapping[str, object], now: datetime) -> Wire:
    decided = policy.get("rollout", [])
    entries = decided if isinstance(decided, list) else [decided]
    others = [
        known
        for known in entries
        # A rollout of 100 % needs no entry. The others may be for releases that another pipeline uploads now.
        if known["version"] != version and known.get("percent") != ALL_PERCENT
    ]
    new = {"version": version, **how}
    if "interval" in new and "start" not in new:
        same = (known for known in entries if _without(known, "start") == new)
        new["start"] = next((known["start"] for known in same), encode.moment(now))
    if new in entries:
        return policy
    return {**policy, "rollout": [*others[1 - ROLLOUTS_MAX :], new] if others else new}


def rollout_of(bucket: Bucket, product: str, channel: str, version: str) -> Rollout | None:
    """Return the rollout of a version in the policy of a channel, or None.

    Raises:
        StoreUnavailableError: S3 fails.
    """
    policies = Loader(bucket).load(product, list_inputs(bucket, product)).policies
    rollouts = policies[channel].rollouts if channel in policies else []
    return next((one for one in rollouts if one.version == version), None)


def schedule(version: str, at: str, now: datetime) -> Edit:
    """Return the edit that offers a release from the time `at`, which replaces the time in its document.

    The edit raises `DecisionError` if the channel already offers the release.
    """

    def edit(policy: Wire, inputs: AcceptedUploads) -> Wire:
        channel = policy["channel"]
        if policy.get("available_at", {}).get(version) == at:
            return policy
        found = _release(inputs, channel, version)
        assert inputs.product is not None  # noqa: S101 (a refused product has no channels)
        offer = decide(inputs.product, channel, inputs.policies, inputs.releases_for(channel), now)
        if any(past is found for past, _ in offer.history):
            raise DecisionError(f"{channel} already offers {version}. To withdraw it, run comet-updates yank.")
        return {**policy, "available_at": {**policy.get("available_at", {}), version: at}}

    return edit


def unschedule(version: str) -> Edit:
    """Return the edit that removes the time set by `schedule`."""

    def edit(policy: Wire, _inputs: AcceptedUploads) -> Wire:
        left = _without(policy.get("available_at", {}), version)
        return {**policy, "available_at": left} if left else _without(policy, "available_at")

    return edit


def no_channel(product: str, channel: str, inputs: AcceptedUploads) -> DecisionError:
    """Return the error for a channel that does not exist."""
    existing = ", ".join(sorted(inputs.channels)) or "none"
    return DecisionError(f"{product} has no channel {channel!r}. Choose one of: {existing}.")


def _known(inputs: AcceptedUploads, channel: str, version: str) -> None:
    included = inputs.policies[channel].includes if channel in inputs.policies else []
    if not any(_is_on(inputs, counted, version) for counted in (channel, *included)):
        _release(inputs, channel, version)


def _is_on(inputs: AcceptedUploads, channel: str, version: str) -> bool:
    return any((release.channel, release.version) == (channel, version) for release in inputs.releases)


def _release(inputs: AcceptedUploads, channel: str, version: str) -> Release:
    found = {release.version: release for release in inputs.releases if release.channel == channel}
    if version not in found:
        near = difflib.get_close_matches(version, found, n=5, cutoff=0.0)
        raise DecisionError(f"{channel} has no release {version}. Choose one of: {', '.join(near) or 'none'}.")
    return found[version]


def _without(policy: Wire, name: str) -> Wire:
    return {key: value for key, value in policy.items() if key != name}


def _changes(before: AcceptedUploads, after: AcceptedUploads, now: datetime) -> dict[str, str]:
    """Return a diff for each document that differs for clients. HTML pages are left out."""
    old, new = (render(inputs, now).documents for inputs in (before, after))
    keys = [key for key in {**old, **new} if key.startswith(object_keys.DOCUMENTS) and old.get(key) != new.get(key)]
    return {key: "\n".join(_diff(key, old.get(key, b""), new.get(key, b""))) for key in keys}


def _diff(key: str, old: bytes, new: bytes) -> Iterator[str]:
    return difflib.unified_diff(_lines(key, old), _lines(key, new), key, key, n=1, lineterm="")


def _lines(key: str, body: bytes) -> list[str]:
    text = body.decode()
    if key.endswith(".json") and text:
        text = json.dumps(json.loads(text), ensure_ascii=False, indent=1)
    return text.splitlines()


class Withdrawal(NamedTuple):
    """The withdrawal of a release.

    Attributes:
        plan: the plan to withdraw the release.
        withdrawn: the release's version.
        offered: the version that is offered afterwards; `None` if there is none.
    """

    plan: Plan
    withdrawn: str
    offered: str | None

    def says(self, product: str, channel: str) -> list[str]:
        """Return the sentences that describe the result and the next step."""
        offered = f"{self.offered} is offered now" if self.offered else "no release is offered now"
        return [
            f"{self.withdrawn} is withdrawn from {product}/{channel}; {offered}.",
            f"Updaters do not downgrade: copies that have {self.withdrawn} keep it until a higher version is released.",
            f"To fix them, release a version above {self.withdrawn}: comet-updates release",
        ]


def withdrawal(bucket: Bucket, product: str, channel: str, reason: str, now: datetime) -> Withdrawal:
    """Return the plan to withdraw the highest release that a channel has offered. It is empty if that is done already.

    Raises:
        DecisionError: the channel does not exist, its policy is refused, or it has not offered a release yet.
        RefusedUploadError: the new policy would be refused.
        StoreUnavailableError: S3 fails.
    """
    inputs = Loader(bucket).load(product, list_inputs(bucket, product))
    if inputs.product is None or channel not in inputs.channels:
        raise no_channel(product, channel, inputs)
    offer = decide(inputs.product, channel, inputs.policies, inputs.releases_for(channel), now)
    if not offer.history:
        raise DecisionError(f"{channel} of {product}: no release to withdraw, because none was offered yet.")
    withdrawn = offer.history[0][0].version
    left = (past.version for past, why in offer.history[1:] if why is None)
    if offer.history[0][1] is not None:  # withdrawn on this channel, or on the one that it includes
        return Withdrawal(Plan(object_keys.channel_key(product, channel), None, None, {}), withdrawn, next(left, None))
    plan = policy(bucket, product, channel, yank(withdrawn, reason), now)
    return Withdrawal(plan, withdrawn, next(left, None))
