"""What people decided about one product, read from the bucket: the accepted documents and the refused ones.

Nothing accepted is ever lost: a release counts as it was first accepted, whatever is written over it, and a product or
a policy counts as it was last accepted, until a newer version of it is valid. A release is held against the rules of
its product as they are, or as they were when it was uploaded, so that a rule that is made stricter is for what comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from comet_updates import names
from comet_updates.errors import Problem, RefusedUploadError
from comet_updates.model import ChannelPolicy, Product, Release
from comet_updates.publish import uploads
from comet_updates.publish.bucket import MAX_CONNECTIONS, Bucket, Stored

Upload = Product | ChannelPolicy | Release
Listing = Mapping[str, tuple[Stored, ...]]
"""The versions of every upload of a product, the newest first, by key. Equal listings mean equal inputs."""

_CHANGED = Problem("$", "a release is never changed once it is accepted", "Upload the change as a new version")


@dataclass
class Inputs:
    """Everything that publishing a product depends on.

    Attributes:
        product: its document, or the defaults; `None` if every version of the document was refused.
        policies: by channel.
        undecided: the channels of which every version of the policy was refused.
        releases: all that are accepted.
        refusals: why the newest version of an upload does not count, by key.
    """

    product: Product | None = None
    policies: dict[str, ChannelPolicy] = field(default_factory=dict)
    undecided: set[str] = field(default_factory=set)
    releases: list[Release] = field(default_factory=list)
    refusals: dict[str, RefusedUploadError] = field(default_factory=dict)

    @property
    def channels(self) -> set[str]:
        """Every channel that something can be decided for."""
        return (set(self.policies) | {release.channel for release in self.releases}) - self.undecided


def list_inputs(bucket: Bucket, product: str) -> Listing:
    """What is uploaded for `product`: any text that stands in its place in a key. Raises `StoreUnavailableError`."""
    product_key = names.product_key(product)
    found = {key: versions for key, versions in bucket.versions(product_key).items() if key == product_key}
    for prefix in (f"channels/{product}/", f"releases/{product}/"):
        found |= bucket.versions(prefix)
    return {key: versions for key, versions in found.items() if not key.endswith("/")}  # a console's "folder"


class _Rules(NamedTuple):
    """A product as it is, and every version of its document, the newest first."""

    product: Product
    versions: tuple[Stored, ...]


class Loader:
    """Reads and checks uploads, each version once: it never changes."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._read: dict[Stored, Upload | RefusedUploadError] = {}

    def load(self, product: str, listing: Listing) -> Inputs:
        """The inputs of `product` as `listing` has them. Raises `StoreUnavailableError`."""
        with ThreadPoolExecutor(MAX_CONNECTIONS) as pool:
            list(pool.map(self._document, (_by_preference(key, versions)[0] for key, versions in listing.items())))
        inputs = Inputs()
        product_key = names.product_key(product)
        if product_key in listing:
            found = self._accepted(product_key, listing[product_key], inputs.refusals)
            inputs.product = found if isinstance(found, Product) else None
        elif names.is_name(product):
            inputs.product = Product(product=product)
        rules = _Rules(inputs.product, listing.get(product_key, ())) if inputs.product else None
        for key, versions in listing.items():
            if key != product_key:
                self._add(inputs, key, self._accepted(key, versions, inputs.refusals, rules))
        return inputs

    def _add(self, inputs: Inputs, key: str, found: Upload | None) -> None:
        if isinstance(found, ChannelPolicy):
            inputs.policies[found.channel] = found
        elif isinstance(found, Release):
            inputs.releases.append(found)
        elif (upload := names.parse_upload(key)) and upload.kind == "channel":
            inputs.undecided.add(upload.channel)

    def _accepted(
        self,
        key: str,
        versions: tuple[Stored, ...],
        refusals: dict[str, RefusedUploadError],
        rules: _Rules | None = None,
    ) -> Upload | None:
        """The version of an upload that counts, if one does. Notes in `refusals` why the newest version is not it."""
        verdicts = ((stored, self._verdict(stored, rules)) for stored in _by_preference(key, versions))
        accepted = next(((s, found) for s, found in verdicts if not isinstance(found, RefusedUploadError)), None)
        newest = versions[0]
        if accepted is None or accepted[0].etag != newest.etag:
            verdict = self._verdict(newest, rules)
            changed = RefusedUploadError(key, (_CHANGED,))
            refusals[key] = verdict if isinstance(verdict, RefusedUploadError) else changed
        return accepted[1] if accepted else None

    def _verdict(self, stored: Stored, rules: _Rules | None) -> Upload | RefusedUploadError:
        found = self._document(stored)
        if isinstance(found, Release) and rules is not None:
            try:
                uploads.check_version(stored.key, found, rules.product)
                self._check_rules(stored, found, rules)
            except RefusedUploadError as refusal:
                return refusal
        return found

    def _check_rules(self, stored: Stored, release: Release, rules: _Rules) -> None:
        try:
            uploads.check_rules(stored.key, release, rules.product)
        except RefusedUploadError:
            # The newest valid version of the product's document that was there; before the first there was no rule.
            earlier = (self._document(v) for v in rules.versions if v.written_at <= stored.written_at)
            then = next((product for product in earlier if isinstance(product, Product)), None)
            if then:
                uploads.check_rules(stored.key, release, then)

    def _document(self, stored: Stored) -> Upload | RefusedUploadError:
        if stored not in self._read:
            try:
                upload = uploads.check_key(stored.key)
                uploads.check_size(stored.key, stored.size_bytes)
                self._read[stored] = uploads.parse(uploads.MODELS[upload.kind], stored.key, self._bucket.get(stored))
            except RefusedUploadError as refusal:
                self._read[stored] = refusal
        return self._read[stored]


def _by_preference(key: str, versions: tuple[Stored, ...]) -> tuple[Stored, ...]:
    """Releases count as they were first accepted, everything else as it was last."""
    return versions[::-1] if key.startswith("releases/") else versions
