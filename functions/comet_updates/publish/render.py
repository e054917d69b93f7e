"""Create the public documents of a product from its inputs and the time, and the reasons for refusals. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from comet_updates import formats, object_keys
from comet_updates.answer import urls
from comet_updates.errors import Problem, RefusedUploadError, VersionSyntaxError
from comet_updates.formats import atom, drop_in
from comet_updates.pages import index
from comet_updates.pages import product as pages_product
from comet_updates.pages.site import NEUTRAL, Site
from comet_updates.publish.decide import decide
from comet_updates.publish.uploads import parse
from comet_updates.publish.uploads.accept import AcceptedUploads

DOCUMENTS_MAX_BYTES = 150_000_000
"""How large the documents of a product may be in all. They are in memory at once, and the function has 512 MB.

One channel has 20 MB at most. So hundreds of channels that include a large one could end the process, and with it the
run of all products.
"""

_TOO_LARGE = Problem(
    "$",
    f"the documents of the product have more than {DOCUMENTS_MAX_BYTES} bytes, so this channel's stay as they are",
    "Shorten the notes, or use fewer channels or includes",
)


class Rendered(NamedTuple):
    """The documents that should be public for a product.

    Attributes:
        documents: the bytes by key, in the order in which to write them.
        refusals: the refusals of policies that cannot be applied, by key.
        undecided: the channels whose documents could not be decided and stay as they are. None means all channels.
        requires_signature: whether the product offers only what its key has signed.
    """

    documents: dict[str, bytes]
    refusals: dict[str, RefusedUploadError]
    undecided: set[str] | None
    requires_signature: bool = False

    def leaves(self, key: str) -> bool:
        """Return whether the object at `key` must stay as it is."""
        if key.startswith(urls.PAGES):
            return self.undecided is None or bool(self.undecided)
        if key.startswith((urls.METADATA, urls.TARGETS)):  # clients may still read an older state
            return key not in self.documents
        # An administrator may have created other objects below public/v1/{product}/, such as a folder.
        is_undecided = self.undecided is None or object_keys.document_channel(key) in self.undecided
        return key.startswith("public/") and is_undecided


def render(inputs: AcceptedUploads, now: datetime, site: Site = NEUTRAL) -> Rendered:
    """Return the documents that should be public for a product at `now`. Equal arguments give equal bytes.

    Only pages show `site`.
    """
    if inputs.product is None:
        return Rendered({}, {}, None)
    documents: dict[str, bytes] = {}
    refusals: dict[str, RefusedUploadError] = {}
    undecided = set(inputs.undecided)
    offers = []
    rendered: dict[str, dict[str, bytes]] = {}
    product = inputs.product.product
    size_bytes = 0
    for channel in sorted(inputs.channels):
        if size_bytes > DOCUMENTS_MAX_BYTES:
            key = object_keys.channel_key(product, channel)
            refusals[key] = RefusedUploadError(key, (_TOO_LARGE,))
            undecided.add(channel)
            continue
        try:
            offer = decide(inputs.product, channel, inputs.policies, inputs.releases_for(channel), now)
        except VersionSyntaxError as error:
            key = object_keys.channel_key(product, channel)
            problem = Problem("$.pin", f"{error.version!r} cannot be compared under `{error.scheme}`", error.remedy)
            refusals[key] = RefusedUploadError(key, (problem,))
            undecided.add(channel)
            continue
        offers.append(offer)
        rendered[channel] = formats.render(offer)
        size_bytes += sum(map(len, rendered[channel].values()))
        for name, body in (drop_in.render(offer, inputs.product.drop_in) | rendered[channel]).items():
            documents[urls.document_key(product, channel, name)] = body
    shown = sorted((offer for offer in offers if offer.history), key=lambda offer: offer.channel != "stable")
    if shown and not undecided and object_keys.has_page(product):
        news = atom.product(shown)
        if news:
            documents[urls.news_key(product)] = news
        documents[object_keys.entry_key(product)] = index.entry(inputs.product, shown)
        made = pages_product.render(inputs.product, shown, rendered, has_news=news is not None, site=site)
        documents |= {urls.page_key(product, language): page for language, page in made.items()}
    return Rendered(documents, refusals, undecided, inputs.product.requires_signature)


def rejections(refusals: Iterable[RefusedUploadError]) -> dict[str, bytes]:
    """Return the documents with the reasons for refusals, by key."""
    return {
        object_keys.rejected_key(refusal.key): parse.as_json(
            {"schema": 1, "key": refusal.key, "problems": [problem._asdict() for problem in refusal.problems]}
        )
        for refusal in refusals
    }
