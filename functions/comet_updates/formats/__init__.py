"""What clients read: the registry of formats.

A format is a module with `render(offer) -> {document name: bytes}`, and `NEEDS`, which says what it asks of a release.
Those that updaters had before us also `parse` what others published: see `feeds`, and `cli.importing` for how a feed is
recognised.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType
from typing import NamedTuple

from comet_updates.formats import atom, electron_updater, manifest, sparkle, squirrel, tauri, velopack
from comet_updates.model import Offer

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


class Lag(NamedTuple):
    """A document that does not tell of the latest release.

    Attributes:
        document: its name.
        version: of the release that it tells of.
        why: what is in the way.
    """

    document: str
    version: str
    why: str


def lags(offer: Offer) -> list[Lag]:
    """The documents that stay at a release before the latest: they are the same without it."""
    return sorted(lag for module in ALL for lag in _lags(module, offer)) if offer.latest else []


def _lags(module: ModuleType, offer: Offer) -> Iterator[Lag]:
    rendered = module.render(offer)
    to_all = module.render(replace(offer, is_complete=True))
    without = _without_latest(offer)
    staying = {name for name, document in module.render(without).items() if rendered.get(name) == document}
    while staying and without.latest:
        before, without = without.latest, _without_latest(without)
        left = module.render(without)
        for name in sorted(staying):
            if left.get(name) != rendered[name]:
                why = "cannot say its rollout" if to_all.get(name) != rendered[name] else f"needs {module.NEEDS}"
                yield Lag(name, before.version, why)
                staying.remove(name)


def _without_latest(offer: Offer) -> Offer:
    """What the offer was before its latest release, for all."""
    history = tuple(past for past in offer.history if past[0] is not offer.latest)
    latest = next((release for release, yanked in history if yanked is None), None)
    return replace(offer, latest=latest, history=history, rollout=None, is_complete=True)
