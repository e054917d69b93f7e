"""Finds the updaters that get a file of a release: their documents name its URL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import ModuleType
from xml.sax.saxutils import escape

from comet_updates import formats
from comet_updates.formats import electron_updater, sparkle, squirrel, tauri, velopack
from comet_updates.formats.selection import Lag
from comet_updates.model.offer import Offer
from comet_updates.model.release import Release
from comet_updates.publish.decide import decide
from comet_updates.publish.uploads.accept import AcceptedUploads

_BY_PLATFORM: tuple[tuple[ModuleType, Mapping[str, str]], ...] = (
    (sparkle, {"macos": "Sparkle", "windows": "WinSparkle, NetSparkle", "linux": "NetSparkle"}),
    (electron_updater, dict.fromkeys(("macos", "windows", "linux"), "electron-updater")),
    (tauri, dict.fromkeys(("macos", "windows", "linux"), "Tauri")),
    (squirrel, {"windows": "Squirrel.Windows", "macos": "Squirrel.Mac"}),
    (velopack, dict.fromkeys(("macos", "windows", "linux"), "Velopack")),
)
"""The formats, with the names of their updaters by system."""


def offer_of(release: Release, inputs: AcceptedUploads | None, now: datetime) -> Offer:
    """Return the offer of a channel once it offers `release` to everybody.

    Args:
        release: the release.
        inputs: the product with the release; None if it is not known.
        now: aware.

    Raises:
        VersionSyntaxError: the channel's pin cannot be compared.
    """
    alone = Offer(release.product, release.channel, release, None, ((release, None),))
    if inputs is None or inputs.product is None:
        return alone
    before = decide(inputs.product, release.channel, inputs.policies, inputs.releases_for(release.channel), now)
    others = (past for past in before.history if past[0].version != release.version)
    return replace(alone, history=((release, None), *others), orders_by_build=before.orders_by_build)


def without_a_file(offer: Offer) -> list[Lag]:
    """Return the parts of documents whose copies are offered a file that does not run there."""
    return [lag for lag in formats.lags(offer) if lag.document.endswith(f"({electron_updater.WINDOWS_32})")]


def receivers(offer: Offer) -> dict[str, str]:
    """Return the names of the updaters that get each file of the latest release, by URL."""
    artifacts = offer.latest.artifacts if offer.latest else []
    found: dict[str, list[str]] = {artifact.url: [] for artifact in artifacts}
    for module, names in _BY_PLATFORM:
        documents = list(module.render(offer).values())
        for artifact in artifacts:
            written = {artifact.url.encode(), escape(artifact.url, {'"': "&quot;"}).encode()}
            if artifact.platform in names and any(url in body for url in written for body in documents):
                found[artifact.url].append(names[artifact.platform])
    return {url: ", ".join(names) for url, names in found.items()}
