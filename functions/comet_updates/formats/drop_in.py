"""What is answered at the URLs of older update servers, to installed copies that cannot ask for anything else.

They say their version in the URL and expect 204 if there is nothing newer; see `answer.drop_in`. The documents here are
what they get otherwise: static, as all others. Sources: Tauri, `plugins/updater/src/updater.rs` (a dynamic endpoint may
give the static document, of which the client takes its part); Squirrel.Mac, `SQRLUpdater.m` (what is given is
installed, whatever its version); the URLs of Hazel (`lib/routes.js`), Nuts and update.electronjs.org
(`src/updates.ts`).
"""

from __future__ import annotations

from collections.abc import Iterable

from comet_updates.answer import urls
from comet_updates.formats import encode, squirrel, tauri
from comet_updates.model.offer import Offer

# By what the URL calls the computer, which architectures of ours it runs, the best first.
_MACS = {
    "": (*squirrel.ANY, "x86_64"),  # a client that names none may be any Mac: those with Apple's chips run both
    "x64": ("x86_64", *squirrel.ANY),
    "arm64": ("aarch64", *squirrel.ANY),
    "universal": squirrel.ANY,
}
_WINDOWS = {
    "": squirrel.ON_EVERY_WINDOWS,
    "x64": ("x86_64", *squirrel.ANY),
    "ia32": ("i686", *squirrel.ANY),
    "arm64": ("aarch64", *squirrel.ANY),
}


def render(offer: Offer, forms: Iterable[str]) -> dict[str, bytes]:
    """The documents of the `forms` of URL (see `model.product.Product.drop_in`) that the channel has files for."""
    found: dict[str, bytes | None] = {}
    if "electron" in forms:
        for arch, arches in _MACS.items():
            update = squirrel.mac_update(offer, arches)
            found[urls.drop_in_document("darwin", arch)] = encode.as_json(update) if update else None
        for arch, arches in _WINDOWS.items():
            found[urls.drop_in_document("RELEASES", arch)] = squirrel.windows_list(offer, arches)
    if "tauri" in forms:
        for platform in tauri.PLATFORMS:
            found[urls.drop_in_document("tauri", platform)] = tauri.document(offer, platform)
    return {name: document for name, document in found.items() if document is not None}
