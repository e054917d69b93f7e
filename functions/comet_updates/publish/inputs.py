"""Which version of which upload counts: what people decided about one product. Pure, but for the reading of versions.

Nothing accepted is ever lost: a release counts as it was first accepted, whatever is written over it, and a product or
a policy counts as it was last accepted, until a newer version of it is valid. A release is held against the rules of
its product as they are, or as they were at any moment since it was uploaded, and against what was accepted before it.
So whatever is uploaded or decided later, an accepted release stays accepted. A product document under which one would
not count, such as one with another version scheme, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from typing import TypeVar

from comet_updates import names
from comet_updates.errors import Problem, RefusedUploadError
from comet_updates.model import Approval, ChannelPolicy, Product, Release
from comet_updates.publish import rules, uploads
from comet_updates.publish.acceptance import Acceptance, Candidate
from comet_updates.publish.bucket import Stored
from comet_updates.publish.timeline import Timeline

Upload = Product | ChannelPolicy | Release | Approval
Read = Callable[[Stored], Upload | RefusedUploadError]
Listing = Mapping[str, tuple[Stored, ...]]
"""The versions of every upload of a product, the newest first, by key. Equal listings mean equal inputs."""

_Kind = TypeVar("_Kind", Product, ChannelPolicy, Approval)
_CHANGED = Problem("$", "a release is never changed once it is accepted", "Upload the change as a new version")
_OTHER_BYTES = Problem("$.sha256", "is not that of the accepted release", "Look at it, and approve it as it is")


@dataclass
class Inputs:
    """Everything that publishing a product depends on.

    Attributes:
        product: its document, or the defaults; `None` if its first document cannot be read and none was accepted since.
        policies: by channel.
        undecided: the channels of which every version of the policy was refused.
        releases: all that are accepted.
        unapproved: the channels that want an approval for a release and have none, by its channel and version.
        refusals: why the newest version of an upload does not count, by key.
    """

    product: Product | None = None
    policies: dict[str, ChannelPolicy] = field(default_factory=dict)
    undecided: set[str] = field(default_factory=set)
    releases: list[Release] = field(default_factory=list)
    unapproved: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    refusals: dict[str, RefusedUploadError] = field(default_factory=dict)

    @property
    def channels(self) -> set[str]:
        """Every channel that something can be decided for."""
        return (set(self.policies) | {release.channel for release in self.releases}) - self.undecided

    def waits_on(self, channel: str, release: Release) -> bool:
        """Whether a release waits for an approval, seen from a channel: that one or its own may ask for it."""
        return bool(self.unapproved.get((release.channel, release.version), frozenset()) & {channel, release.channel})

    def releases_for(self, channel: str) -> list[Release]:
        """The releases that a channel may offer, of all channels; not those that wait for an approval."""
        return [release for release in self.releases if not self.waits_on(channel, release)]


def accept(product: str, listing: Listing, read: Read) -> Inputs:
    """What counts of the uploads in `listing`.

    Args:
        product: any text that stands in its place in a key.
        listing: every version of every upload of the product.
        read: the document that a version holds, or why it was refused by itself.
    """
    run = _Run(product, listing, read)
    run.take_product()
    run.take_policies()
    run.take_approvals(run.take_releases())
    return run.inputs


class _Run:
    """One run of `accept`, in steps; `inputs` is what comes of them."""

    def __init__(self, product: str, listing: Listing, read: Read) -> None:
        self.inputs = Inputs()
        self._product = product
        self._listing = listing
        self._read = read
        self._accepted_products: dict[Stored, Product] = {}  # the oldest first
        self._uploads: dict[str, dict[str, names.Upload]] = {kind: {} for kind in uploads.MODELS}
        for key in listing:
            if upload := names.parse_upload(key):
                self._uploads[upload.kind][key] = upload
            else:
                self._last(key, Product)  # which it is not: it notes the refusal

    def take_product(self) -> None:
        """Its document as it was last accepted; the defaults where there is none."""
        key = names.product_key(self._product)
        if key in self._listing:
            self.inputs.product = self._take_products(key)
        elif names.is_name(self._product):
            self.inputs.product = Product(product=self._product)

    def _take_products(self, key: str) -> Product | None:
        """Return the document of the product that was accepted last. Note why the newest is not it.

        Returns the defaults if the first document was refused for what it would withdraw: they go on. Returns None if
        the first could not be read and none was accepted since: nobody knows which rules it was to set.
        """
        found: Upload | RefusedUploadError | None = None
        versions = counting_products(self._listing, key, lambda stored: isinstance(self._read(stored), Product))
        for stored in reversed(versions):
            found = self._read(stored)
            if isinstance(found, Product):
                if lost := self._withdrawn_by(found, stored):
                    found = RefusedUploadError(key, (_withdraws(lost, found, self._product_before),))
                else:
                    self._accepted_products[stored] = found
        if isinstance(found, RefusedUploadError):
            self.inputs.refusals[key] = found
        is_known = self._accepted_products or isinstance(self._read(versions[-1]), Product)
        return self._product_before if is_known else None

    @property
    def _product_before(self) -> Product:
        """The product document that was accepted last so far, or the defaults."""
        default = Product.model_construct(product=self._product)
        return next(reversed(self._accepted_products.values()), default)

    def _withdrawn_by(self, product: Product, stored: Stored) -> list[Release]:
        """Return the releases that were accepted before `stored` was written and that would not be under `product`.

        Only another version scheme can do that: all other rules are held against the moments since an upload.
        """
        if product.version_scheme == self._product_before.version_scheme:
            return []
        before = self._accepted_until(stored.written_at, self._product_before, self._accepted_products)
        after = self._accepted_until(stored.written_at, product, {**self._accepted_products, stored: product})
        return [before[one] for one in before if one not in after]

    def _accepted_until(
        self, moment: datetime, product: Product, products: Mapping[Stored, Product]
    ) -> dict[Stored, Release]:
        """Return the releases that are accepted under `product`, of what was written before `moment`."""
        written = {key: tuple(one for one in self._listing[key] if one.written_at < moment) for key in self._listing}
        run = _Run(self._product, {key: versions for key, versions in written.items() if versions}, self._read)
        run.inputs.product, run._accepted_products = product, dict(products)
        return {found.stored: found.release for found in run.take_releases()}

    def take_policies(self) -> None:
        """Of each channel, as it was last accepted."""
        for key, upload in self._uploads["channel"].items():
            if policy := self._last(key, ChannelPolicy):
                self.inputs.policies[upload.channel] = policy
            else:
                self.inputs.undecided.add(upload.channel)

    def take_releases(self) -> list[Candidate]:
        """Each as it was first accepted; as long as it is not known what the product asks, each by itself."""
        found = [candidate for key in self._uploads["release"] if (candidate := self._first(key))]
        if self._acceptance:
            found, refused = self._acceptance.among_others(found)
            self.inputs.refusals |= refused
        self.inputs.releases = [candidate.release for candidate in found]
        return found

    def take_approvals(self, accepted: list[Candidate]) -> None:
        """Note which of the accepted releases wait for one."""
        releases = {(one.release.channel, one.release.version): one.release for one in accepted}
        approved = set()
        for key, upload in self._uploads["approval"].items():
            of = (upload.channel, upload.version)
            if self._last(key, Approval, partial(_other_bytes, releases.get(of))):
                approved.add(of)
        for one in accepted if self.inputs.product else ():
            of = (one.release.channel, one.release.version)
            if of not in approved and (asking := self._asking(one.stored)):
                self.inputs.unapproved[of] = asking

    def _asking(self, stored: Stored) -> frozenset[str]:
        """The channels that have asked for approvals at every moment since a release was uploaded."""
        asking = frozenset(self.inputs.product.approved_on if self.inputs.product else ())
        for _, product in self._products.since(stored.written_at) if asking else ():
            asking &= frozenset(product.approved_on)
        return asking

    def _last(
        self, key: str, kind: type[_Kind], wrong: Callable[[_Kind], tuple[Problem, ...]] = lambda _: ()
    ) -> _Kind | None:
        """The newest version with nothing `wrong`; notes why the newest of all is not it."""
        for stored in self._listing[key]:
            found = self._read(stored)
            if isinstance(found, kind):
                if not (problems := wrong(found)):
                    return found
                found = RefusedUploadError(key, problems)
            if stored is self._listing[key][0] and isinstance(found, RefusedUploadError):
                self.inputs.refusals[key] = found
        return None

    def _first(self, key: str) -> Candidate | None:
        """The version of a release that was accepted first; notes why the newest is not it."""
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
        return Acceptance(self.inputs.product, self._products, self._policies) if self.inputs.product else None

    @cached_property
    def _products(self) -> Timeline[Product]:
        default = Product.model_construct(product=self._product)
        return Timeline(tuple(reversed(self._accepted_products)), self._accepted_products.get, default)

    def _policies(self, channel: str) -> Timeline[ChannelPolicy]:
        def valid(stored: Stored) -> ChannelPolicy | None:
            found = self._read(stored)
            return found if isinstance(found, ChannelPolicy) else None

        default = ChannelPolicy.model_construct(product=self._product, channel=channel)
        return Timeline(self._listing.get(names.channel_key(self._product, channel), ()), valid, default)


def counting_products(listing: Listing, key: str, is_valid: Callable[[Stored], bool]) -> tuple[Stored, ...]:
    """Return the versions of a product document, at `key`, that may decide about a release, the newest first.

    Those older than the last valid one before the first release were never in effect for any release.
    """
    releases = (one.written_at for name in listing if name.startswith("releases/") for one in listing[name])
    first = min(releases, default=None)
    versions = listing.get(key, ())
    for number, stored in enumerate(versions, start=1):
        if (first is None or stored.written_at <= first) and is_valid(stored):
            return versions[:number]
    return versions


def _withdraws(lost: Iterable[Release], product: Product, before: Product) -> Problem:
    """Return why a product document is refused under which the `lost` releases would not count."""
    return Problem(
        "$.version_scheme",
        f"`{product.version_scheme}` would withdraw accepted releases: {rules.some_of(lost)}",
        f"Keep `{before.version_scheme}`, or release under the name of a new product",
    )


def _other_bytes(release: Release | None, approval: Approval) -> tuple[Problem, ...]:
    """Whether what was approved is another document than `release`; one that is not there yet may come."""
    return (_OTHER_BYTES,) if release and release.body_sha256 != approval.sha256.lower() else ()
