"""Documents for installed apps that can only use the URLs of older update servers.

These apps send their version in the URL. If a newer release exists they get one of these documents, and otherwise 204:
see `answer.drop_in`. The documents are static, like all others.

Sources:
    Tauri, `plugins/updater/src/updater.rs`: a dynamic endpoint may return the static document. The client reads the
    part for its platform.
    Squirrel.Mac, `SQRLUpdater.m`: the client installs any version that it gets.
    The URLs of Hazel (`lib/routes.js`), Nuts and update.electronjs.org (`src/updates.ts`).
"""

from __future__ import annotations

from collections.abc import Iterable

from comet_updates.answer import urls
from comet_updates.formats import encode, selection, squirrel, tauri
from comet_updates.formats.selection import View
from comet_updates.model.offer import Offer

# The architecture in the URL, and our names for the architectures that such a computer runs, the best first.
_MACS = {
    "": (*selection.ANY, "x86_64"),  # a URL without an architecture may come from any Mac, and all Macs run x86_64
    "x64": ("x86_64", *selection.ANY),
    "arm64": ("aarch64", *selection.ANY),
    "universal": selection.ANY,
}
_WINDOWS = {
    "": squirrel.ON_EVERY_WINDOWS,
    "x64": ("x86_64", *selection.ANY),
    "ia32": ("i686", *selection.ANY),
    "arm64": ("aarch64", *selection.ANY),
}


def views(forms: Iterable[str]) -> list[View]:
    """Return the documents for these `forms` of URL (see `model.product.Product.drop_in`)."""
    found = []
    if "electron" in forms:
        found += [squirrel.mac_view(arches, urls.drop_in_document("darwin", arch)) for arch, arches in _MACS.items()]
        for arch, arches in _WINDOWS.items():
            found.append(squirrel.windows_view(arches, urls.drop_in_document("RELEASES", arch)))
    if "tauri" in forms:
        found += [tauri.view(one, urls.drop_in_document("tauri", one)) for one in tauri.PLATFORMS]
    return found


def render(offer: Offer, forms: Iterable[str]) -> dict[str, bytes]:
    """Return the documents for these `forms` of URL (see `model.product.Product.drop_in`).

    A document is left out if the channel has no files for it.
    """
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
