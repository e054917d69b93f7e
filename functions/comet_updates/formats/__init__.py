"""The registry of the document formats that clients read.

A format is a module with `render(offer) -> {document name: bytes}` and `NEEDS`, a text that lists what a release must
have to appear in the format. The formats of other updaters also have `parse`, which reads a feed that another tool
published: see `imported`. `comet_updates_cli.import_feeds` recognises the format of a feed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import ModuleType
from typing import NamedTuple

from comet_updates.formats import atom, electron_updater, manifest, sparkle, squirrel, tauri, velopack
from comet_updates.model.offer import Offer
from comet_updates.model.release import Release

ALL = (
    sparkle,
    electron_updater,
    tauri,
    squirrel,
    velopack,
    atom,
    manifest,
)  # The manifest is last, so that the documents of the other updaters are written before it.


def render(offer: Offer) -> dict[str, bytes]:
    """Return all documents of the offer's channel by name, in the order in which to write them."""
    return {name: body for module in ALL for name, body in module.render(offer).items()}


class OutdatedDocument(NamedTuple):
    """A document that does not contain the latest release.

    Attributes:
        document: the name of the document.
        version: the version of the newest release in the document.
        why: why the latest release is not in the document.
    """

    document: str
    version: str
    why: str


def outdated_documents(offer: Offer) -> list[OutdatedDocument]:
    """Return the documents that do not contain the latest release: they are the same without it."""
    return sorted(lag for module in ALL for lag in _lags(module, offer)) if offer.latest else []


def _lags(module: ModuleType, offer: Offer) -> Iterator[OutdatedDocument]:
    rendered = module.render(offer)
    offered = [release for release, yanked in offer.history if yanked is None]
    before = module.render(_without(offer, offered[:1]))
    staying = sorted(name for name, document in before.items() if rendered.get(name) == document)
    to_all = module.render(replace(offer, is_complete=True)) if staying else {}
    for name in staying:
        # Find the newest release in the document: drop releases, newest first, until the document changes. This is a
        # binary search, since a channel may have thousands of releases.
        def is_told_of(number: int, name: str = name) -> bool:
            return bool(module.render(_without(offer, offered[: number + 1])).get(name) != rendered[name])

        told = bisect_left(range(1, len(offered)), True, key=is_told_of) + 1  # noqa: FBT003 (the value to search for)
        why = "does not support rollouts" if to_all.get(name) != rendered[name] else f"needs {module.NEEDS}"
        yield OutdatedDocument(name, offered[told].version, why)


def _without(offer: Offer, releases: Sequence[Release]) -> Offer:
    """Return the offer as it was before `releases`, without a rollout."""
    versions = {id(release) for release in releases}
    history = tuple(past for past in offer.history if id(past[0]) not in versions)
    latest = next((release for release, yanked in history if yanked is None), None)
    return replace(offer, latest=latest, history=history, rollout=None, is_complete=True)
