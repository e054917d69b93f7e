"""What clients read: the registry of formats.

A format is a module with `render(offer) -> {document name: bytes}`, and `NEEDS`, which says what it asks of a release.
Those that updaters had before us also `parse` what others published: see `imported`, and
`comet_updates_cli.import_feeds` for how a feed is recognised.
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
)  # the manifest last: it is what others are compared with


def render(offer: Offer) -> dict[str, bytes]:
    """Every document of the offer's channel by name, in the order in which they are to be written."""
    return {name: body for module in ALL for name, body in module.render(offer).items()}


class OutdatedDocument(NamedTuple):
    """A document that does not tell of the latest release.

    Attributes:
        document: its name.
        version: of the release that it tells of.
        why: what is in the way.
    """

    document: str
    version: str
    why: str


def outdated_documents(offer: Offer) -> list[OutdatedDocument]:
    """The documents that stay at a release before the latest: they are the same without it."""
    return sorted(lag for module in ALL for lag in _lags(module, offer)) if offer.latest else []


def _lags(module: ModuleType, offer: Offer) -> Iterator[OutdatedDocument]:
    rendered = module.render(offer)
    offered = [release for release, yanked in offer.history if yanked is None]
    before = module.render(_without(offer, offered[:1]))
    staying = sorted(name for name, document in before.items() if rendered.get(name) == document)
    to_all = module.render(replace(offer, is_complete=True)) if staying else {}
    for name in staying:
        # It is the same without the latest releases, up to the one that it tells of; of that many there may be
        # thousands, so the last of them is searched for by halves.
        def is_told_of(number: int, name: str = name) -> bool:
            return bool(module.render(_without(offer, offered[: number + 1])).get(name) != rendered[name])

        told = bisect_left(range(1, len(offered)), True, key=is_told_of) + 1  # noqa: FBT003 (what is searched for)
        why = "cannot say its rollout" if to_all.get(name) != rendered[name] else f"needs {module.NEEDS}"
        yield OutdatedDocument(name, offered[told].version, why)


def _without(offer: Offer, releases: Sequence[Release]) -> Offer:
    """What the offer was before these releases, for all."""
    versions = {id(release) for release in releases}
    history = tuple(past for past in offer.history if id(past[0]) not in versions)
    latest = next((release for release, yanked in history if yanked is None), None)
    return replace(offer, latest=latest, history=history, rollout=None, is_complete=True)
