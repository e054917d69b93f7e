"""What clients read: the registry of formats. A format is a module with `render(offer) -> {document name: bytes}`.

Those that updaters had before us also `parse` what others published: see `feeds`, and `cli.importing` for how a feed is
recognised.
"""

from __future__ import annotations

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
