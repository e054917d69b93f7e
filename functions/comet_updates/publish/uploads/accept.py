"""Choose the version of each upload of a product that is in effect. Pure, except that it reads versions.

- The first accepted version of a release is in effect, even if it is overwritten later.
- The last valid version of a product document, a policy or an approval is in effect.
- A release must follow the rules of its product as they are now, or as they were at any time since its upload. It must
  also be consistent with the releases that were accepted before it.

So an accepted release stays accepted, regardless of later uploads and decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from typing import TypeVar

from comet_updates import object_keys
from comet_updates.errors import Problem, RefusedUploadError
from comet_updates.model.channel import ChannelPolicy
from comet_updates.model.product import Product
from comet_updates.model.release import Approval, Release
from comet_updates.publish.stored import Stored
from comet_updates.publish.uploads import parse, rules, withdrawals
from comet_updates.publish.uploads.acceptance import Acceptance, Candidate
from comet_updates.publish.uploads.timeline import Timeline

Upload = Product | ChannelPolicy | Release | Approval
Read = Callable[[Stored], Upload | RefusedUploadError]
Listing = Mapping[str, tuple[Stored, ...]]
"""The versions of every upload of a product, the newest first, by key. Equal listings mean equal inputs."""

_Kind = TypeVar("_Kind", Product, ChannelPolicy, Approval)
_CHANGED = Problem("$", "an accepted release cannot be changed", "Upload the change as a new version")
_OTHER_BYTES = Problem(
    "$.sha256", "is not the hash of the accepted release", "Review the accepted release, and approve that"
)


@dataclass
class AcceptedUploads:
    """Everything that publishing a product depends on.

    Attributes:
        product: its document, or the defaults. None if every version of the document was refused.
        policies: by channel.
        undecided: the channels for which every version of the policy was refused.
        releases: all accepted releases.
        unapproved: the channels that still require an approval of a release, by the release's channel and version.
        refusals: the reasons why the newest version of an upload is not in effect, by key.
    """

    product: Product | None = None
    policies: dict[str, ChannelPolicy] = field(default_factory=dict)
    undecided: set[str] = field(default_factory=set)
    releases: list[Release] = field(default_factory=list)
    unapproved: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    refusals: dict[str, RefusedUploadError] = field(default_factory=dict)

    @property
    def channels(self) -> set[str]:
        """The channels with releases or a policy, without those whose policy was refused."""
        return (set(self.policies) | {release.channel for release in self.releases}) - self.undecided

    def waits_on(self, channel: str, release: Release) -> bool:
        """Return whether a release needs an approval before `channel` may offer it.

        `channel` or the release's own channel can require the approval.
        """
        return bool(self.unapproved.get((release.channel, release.version), frozenset()) & {channel, release.channel})

    def releases_for(self, channel: str) -> list[Release]:
        """Return the releases of all channels that `channel` may offer, without those that wait for an approval."""
        return [release for release in self.releases if not self.waits_on(channel, release)]


def accept_uploads(product: str, listing: Listing, read: Read) -> AcceptedUploads:
    """Return the uploads in `listing` that are in effect.

    Args:
        product: its name, as in the keys of its uploads. It need not be valid.
        listing: every version of every upload of the product.
        read: returns the document in a version, or the refusal if the document itself is not valid.
    """
    run = _Run(product, listing, read)
    run.take_product()
    accepted = run.take_releases()
    run.take_approvals(accepted)
    run.take_policies(accepted)
    return run.inputs


class _Run:
    """One run of `accept`, in steps. `inputs` is the result."""

    def __init__(self, product: str, listing: Listing, read: Read) -> None:
        self.inputs = AcceptedUploads()
        self._product = product
        valid = object_keys.parse_upload
        self._listing = {key: found for key, found in listing.items() if valid(key) or not found[0].is_deletion}
        self._read = read
        self._accepted_releases: list[Candidate] = []
        self._approved_at: dict[tuple[str, str], datetime] = {}
        self._withdrawals: dict[Stored, tuple[Problem, ...]] = {}
        self._uploads: dict[str, dict[str, object_keys.Upload]] = {kind: {} for kind in parse.MODELS}
        for key in self._listing:
            if upload := object_keys.parse_upload(key):
                self._uploads[upload.kind][key] = upload
            else:
                self._last(key, Product)  # adds the refusal: an unknown key has no document

    def take_product(self) -> None:
        """Take the last accepted version of the product's document, or the defaults without a document."""
        key = object_keys.product_key(self._product)
        if key in self._listing:
            self.inputs.product = self._last(key, Product, self._unaccepting_problems)
            if self.inputs.product or not self._unaccepting:
                return
        if object_keys.is_product(self._product):
            self.inputs.product = Product(product=self._product)

    def take_policies(self, accepted: list[Candidate]) -> None:
        """Take the last accepted version of each channel's policy."""
        self._accepted_releases = accepted
        for key, upload in self._uploads["channel"].items():
            if policy := self._last(key, ChannelPolicy, self._policy_problems):
                self.inputs.policies[upload.channel] = policy
            else:
                self.inputs.undecided.add(upload.channel)

    def take_releases(self) -> list[Candidate]:
        """Take the first accepted version of each release.

        Without a valid product document the rules are not known, so each release is only checked by itself.
        """
        found = [candidate for key in self._uploads["release"] if (candidate := self._first(key))]
        if self._acceptance:
            found, refused = self._acceptance.among_others(found)
            self.inputs.refusals |= refused
        self.inputs.releases = [candidate.release for candidate in found]
        return found

    def take_approvals(self, accepted: list[Candidate]) -> None:
        """Find the accepted releases that wait for an approval."""
        releases = {(one.release.channel, one.release.version): one.release for one in accepted}
        for key, upload in self._uploads["approval"].items():
            of = (upload.channel, upload.version)
            wrong = partial(self._approval_problems, releases.get(of))
            if self._last(key, Approval, wrong):
                read = ((stored, self._read(stored)) for stored in self._listing[key][::-1])
                valid = (one for one, found in read if isinstance(found, Approval) and not wrong(one, found))
                self._approved_at[of] = next(valid).written_at
        for one in accepted if self.inputs.product else ():
            of = (one.release.channel, one.release.version)
            if of not in self._approved_at and (asking := self._asking(one.stored)):
                self.inputs.unapproved[of] = asking

    def _approval_problems(self, release: Release | None, _stored: Stored, approval: Approval) -> tuple[Problem, ...]:
        """Return the problems of an approval. A missing `release` is not a problem yet."""
        if release:
            return (_OTHER_BYTES,) if release.body_sha256 != approval.sha256.lower() else ()
        return tuple(rules.approval_problems(approval, self.inputs.product)) if self.inputs.product else ()

    def _asking(self, stored: Stored) -> frozenset[str]:
        """Return the channels that have required approvals at all times since the release was uploaded."""
        asking = frozenset(self.inputs.product.approved_on if self.inputs.product else ())
        for _, product in self._products.since(stored.written_at) if asking else ():
            asking &= frozenset(product.approved_on)
        return asking

    def _last(
        self,
        key: str,
        kind: type[_Kind],
        wrong: Callable[[Stored, _Kind], tuple[Problem, ...]] = lambda _stored, _document: (),
    ) -> _Kind | None:
        """Return the newest valid version of an upload, or None. If the newest version is refused, add the reason."""
        for stored in self._listing[key]:
            found = self._read(stored)
            if isinstance(found, kind):
                if not (problems := wrong(stored, found)):
                    return found
                found = RefusedUploadError(key, problems)
            if stored is self._listing[key][0] and isinstance(found, RefusedUploadError):
                self.inputs.refusals[key] = found
        return None

    def _unaccepting_problems(self, stored: Stored, product: Product) -> tuple[Problem, ...]:
        """Return why a version of the product's document is not in effect: it would make accepted uploads invalid.

        Older versions of the document are only read if an upload does not parse, or if the order is a rule.
        """
        releases = (self._first_release(versions) for versions in self._releases.values())
        if (
            product.only_higher_on
            or any(found and any(rules.version_problems(found, product)) for found in releases)
            or any(self._unreadable(stored.written_at, None, product))
        ):
            return self._unaccepting.get(stored, ())
        return ()

    def _policy_problems(self, stored: Stored, policy: ChannelPolicy) -> tuple[Problem, ...]:
        """Return why a version of a policy is not in effect.

        It names versions that do not parse, or would withdraw releases without a yank.
        """
        if self.inputs.product is None:
            return ()
        if problems := tuple(rules.policy_problems(policy, self.inputs.product)):
            return problems
        if stored not in self._withdrawals:
            self._find_withdrawals(stored)
        return self._withdrawals[stored]

    def _find_withdrawals(self, newest: Stored) -> None:
        """Find what a version of a policy, and each version before it, withdraws without a yank.

        Older versions are only read as long as they hold releases back: then the version before them matters.
        """
        channel, versions = self._uploads["channel"][newest.key].channel, self._listing[newest.key]
        offered_from, waits = partial(self._offered_from, channel), partial(self.inputs.waits_on, channel)
        chain: list[tuple[Stored, ChannelPolicy, withdrawals.Moment]] = []
        for stored in versions[versions.index(newest) :]:
            policy = self._read(stored)
            if isinstance(policy, ChannelPolicy) and (stored is newest or self._was_readable(stored, policy)):
                moment = withdrawals.Moment(stored.written_at, self._accepted_releases, offered_from, waits)
                chain.append((stored, policy, moment))
                if not moment.holds_back(policy):
                    break
        in_effect = ChannelPolicy.model_construct(product=self._product, channel=channel)
        for stored, policy, moment in reversed(chain):
            self._withdrawals[stored] = tuple(moment.problems(policy, in_effect))
            in_effect = in_effect if self._withdrawals[stored] else policy

    def _was_readable(self, stored: Stored, policy: ChannelPolicy) -> bool:
        _, product = next(self._products.since(stored.written_at))
        return not any(rules.policy_problems(policy, product))

    def _offered_from(self, by: str, candidate: Candidate) -> datetime | None:
        """Return since when the channel `by` could offer an accepted release, or None if that is not certain.

        It must not depend on anything that comes later: a decision that was right at its time stays right.
        """
        uploaded, product = next(self._products.since(candidate.stored.written_at))
        channel, version = candidate.release.channel, candidate.release.version
        earlier = (one for one in self._accepted_releases if one.stored.written_at <= uploaded and one is not candidate)
        if not rules.allows(product, candidate.release, candidate.stored.written_at):
            return None
        if channel in product.only_higher_on and any(one.release.channel == channel for one in earlier):
            return None
        needs_approval = not {by, channel}.isdisjoint(product.approved_on)
        return self._approved_at.get((channel, version)) if needs_approval else uploaded

    def _unreadable(self, moment: datetime, before: Product | None, product: Product) -> Iterator[ChannelPolicy]:
        """Yield the policies in effect before a moment that `product` cannot apply.

        Args:
            moment: policies of the same second are left out.
            before: the document in effect. If None, no policy is checked against it.
            product: the document to put into effect.
        """
        for key in self._uploads["channel"]:
            earlier = (self._read(stored) for stored in self._listing[key] if stored.written_at < moment)
            for policy in earlier:
                if not isinstance(policy, ChannelPolicy) or (before and any(rules.policy_problems(policy, before))):
                    continue  # it was never in effect
                if any(rules.policy_problems(policy, product)) or self._pins_nothing(moment, policy, product):
                    yield policy
                break

    def _pins_nothing(self, moment: datetime, policy: ChannelPolicy, product: Product) -> bool:
        """Return whether the pin names no release. With `build`, a version alone cannot be compared."""
        if policy.pin is None or product.version_scheme != "build":
            return False
        counted = (policy.channel, *policy.includes)
        keys = (object_keys.release_key(self._product, channel, policy.pin) for channel in counted)
        return not any(stored.written_at < moment for key in keys for stored in self._listing.get(key, ()))

    @cached_property
    def _releases(self) -> Listing:
        return {key: self._listing[key] for key in self._uploads["release"]}

    def _first_release(self, versions: Sequence[Stored]) -> Release | None:
        return next((found for stored in versions[::-1] if isinstance(found := self._read(stored), Release)), None)

    @cached_property
    def _unaccepting(self) -> dict[Stored, tuple[Problem, ...]]:
        """Return the versions of the product's document that would make accepted uploads invalid, and why.

        These versions were never in effect.
        """
        found: dict[Stored, tuple[Problem, ...]] = {}
        product = self._default_product
        in_effect: list[Stored] = []
        for stored in self._listing.get(object_keys.product_key(self._product), ())[::-1]:
            document = self._read(stored)
            if not isinstance(document, Product):
                continue
            if document.version_scheme != product.version_scheme:
                before = self._accepted(stored.written_at, product, in_effect)
                after = self._accepted(stored.written_at, document, [stored, *in_effect])
                lost = [release for key, release in before.items() if key not in after]
                unreadable = [*self._unreadable(stored.written_at, product, document)]
                if problems := (*rules.unaccepting(document, product, lost, unreadable),):
                    found[stored] = tuple(map(_of_deletion, problems)) if stored.is_deletion else problems
                    continue
            product = document
            in_effect.insert(0, stored)
        return found

    def _accepted(self, moment: datetime, product: Product, in_effect: Sequence[Stored]) -> dict[str, Release]:
        """Return the releases that were uploaded before a moment and accepted, by key.

        Args:
            moment: releases of the same second are left out.
            product: the document in effect.
            in_effect: all its versions that were ever in effect, the newest first.
        """
        products = Timeline(in_effect, self._read_product, self._default_product)
        acceptance = Acceptance(product, products, partial(self._policies, products))
        candidates = []
        for versions in self._releases.values():
            earlier = [version for version in versions[::-1] if version.written_at < moment]
            read = ((version, self._read(version)) for version in earlier)
            judged = (acceptance.judge(version, found) for version, found in read if isinstance(found, Release))
            if first := acceptance.first(one for one in judged if isinstance(one, Candidate)):
                candidates.append(first)
        return {candidate.stored.key: candidate.release for candidate in acceptance.among_others(candidates)[0]}

    def _first(self, key: str) -> Candidate | None:
        """Return the first accepted version of a release, or None. If the newest version differs, add the reason."""
        newest, versions = self._listing[key][0], self._listing[key][::-1]
        candidates = (judged for stored in versions if isinstance(judged := self._judge(stored), Candidate))
        several = self._acceptance if len(versions) > 1 else None
        found = several.first(candidates) if several else next(candidates, None)
        if found is None or found.stored.etag != newest.etag:
            judged = self._judge(newest)
            changed = RefusedUploadError(key, (_CHANGED,))
            self.inputs.refusals[key] = judged if isinstance(judged, RefusedUploadError) else changed
        return found

    def _judge(self, stored: Stored) -> Candidate | RefusedUploadError:
        found = self._read(stored)
        if isinstance(found, RefusedUploadError):
            return found
        assert isinstance(found, Release)  # noqa: S101 (by its key)
        return self._acceptance.judge(stored, found) if self._acceptance else Candidate(stored, found)

    @cached_property
    def _acceptance(self) -> Acceptance | None:
        policies = partial(self._policies, self._products)
        return Acceptance(self.inputs.product, self._products, policies) if self.inputs.product else None

    @cached_property
    def _products(self) -> Timeline[Product]:
        versions = self._listing.get(object_keys.product_key(self._product), ())
        return Timeline(
            versions,
            lambda stored: None if stored in self._unaccepting else self._read_product(stored),
            self._default_product,
        )

    @property
    def _default_product(self) -> Product:
        return Product.model_construct(product=self._product)

    def _read_product(self, stored: Stored) -> Product | None:
        found = self._read(stored)
        return found if isinstance(found, Product) else None

    def _policies(self, products: Timeline[Product], channel: str) -> Timeline[ChannelPolicy]:
        none = ChannelPolicy.model_construct(product=self._product, channel=channel)
        versions = self._listing.get(object_keys.channel_key(self._product, channel), ())
        return Timeline(versions, partial(self._read_policy, products), none)

    def _read_policy(self, products: Timeline[Product], stored: Stored) -> ChannelPolicy | None:
        """Return a policy that could be applied at any time since its upload, or None."""
        found = self._read(stored)
        if not isinstance(found, ChannelPolicy):
            return None
        since = products.since(stored.written_at)
        return None if all(any(rules.policy_problems(found, product)) for _, product in since) else found


def _of_deletion(problem: Problem) -> Problem:
    """Return a problem of the defaults as one of the deletion of a product's document."""
    return Problem("$", f"was deleted, but the default scheme {problem.problem}", "Upload the document again")
