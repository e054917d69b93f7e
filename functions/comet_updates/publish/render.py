"""(inputs, now) → what should be public of a product, and why something of it is not. Pure."""

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
from comet_updates.publish.decide import decide
from comet_updates.publish.uploads import parse
from comet_updates.publish.uploads.accept import AcceptedUploads


class Rendered(NamedTuple):
    """What should be public of a product.

    Attributes:
        documents: by key, in the order in which they are to be written.
        refusals: of policies that nothing could be decided from, by key.
        undecided: the channels of which it is not known what should be public; `None` for all of them.
        requires_signature: whether the product asks that nobody is offered what its key did not sign.
    """

    documents: dict[str, bytes]
    refusals: dict[str, RefusedUploadError]
    undecided: set[str] | None
    requires_signature: bool = False

    def leaves(self, key: str) -> bool:
        """Whether the object at `key` stays as it is, for want of a decision."""
        if key.startswith(urls.PAGES):
            return self.undecided is None or bool(self.undecided)
        if key.startswith((urls.METADATA, urls.TARGETS)):  # clients on their way through an older state need it yet
            return key not in self.documents
        # Below public/v1/{product}/ an administrator may leave anything, such as a folder.
        is_undecided = self.undecided is None or object_keys.document_channel(key) in self.undecided
        return key.startswith("public/") and is_undecided


def render(inputs: AcceptedUploads, now: datetime) -> Rendered:
    """What should be public of a product at `now`. Pure: the same arguments give the same bytes."""
    if inputs.product is None:
        return Rendered({}, {}, None)
    documents: dict[str, bytes] = {}
    refusals: dict[str, RefusedUploadError] = {}
    undecided = set(inputs.undecided)
    offers = []
    rendered: dict[str, dict[str, bytes]] = {}
    product = inputs.product.product
    for channel in sorted(inputs.channels):
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
        for name, body in (drop_in.render(offer, inputs.product.drop_in) | rendered[channel]).items():
            documents[urls.document_key(product, channel, name)] = body
    shown = sorted((offer for offer in offers if offer.history), key=lambda offer: offer.channel != "stable")
    if shown and not undecided and object_keys.has_page(product):
        news = atom.product(shown)
        if news:
            documents[urls.news_key(product)] = news
        documents[object_keys.entry_key(product)] = index.entry(inputs.product, shown)
        made = pages_product.render(inputs.product, shown, rendered, has_news=news is not None)
        documents |= {urls.page_key(product, language): page for language, page in made.items()}
    return Rendered(documents, refusals, undecided, inputs.product.requires_signature)


def rejections(refusals: Iterable[RefusedUploadError]) -> dict[str, bytes]:
    """The documents that say why uploads were refused, by key."""
    return {
        object_keys.rejected_key(refusal.key): parse.as_json(
            {"schema": 1, "key": refusal.key, "problems": [problem._asdict() for problem in refusal.problems]}
        )
        for refusal in refusals
    }
