"""The configuration that points an updater at a channel: a snippet for each updater that can read its documents."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from comet_updates.answer import urls


class Pointer(NamedTuple):
    """The configuration of one updater.

    Attributes:
        updater: its name.
        path: the URL path of a document that it reads.
        setting: the text to write into the app.
    """

    updater: str
    path: str
    setting: str


UNKNOWN_URL = "https://HOST"
"""Stands for the URL of the service if that is not known: a page is the same on every host."""

_CODE = r"""win_sparkle_set_appcast_url("{base}/appcast.xml");
win_sparkle_set_eddsa_public_key("your key");"""
_PLIST = r"""<key>SUFeedURL</key>
<string>{base}/appcast.xml</string>
<key>SUPublicEDKey</key>
<string>your key</string>"""
_NET = r"""new SparkleUpdater("{base}/appcast.xml",
    new Ed25519Checker(SecurityMode.OnlyVerifySoftwareDownloads, "your key"))"""
_ELECTRON = r"""publish:
  provider: generic
  url: {base}"""
_TAURI = r""""plugins": {"updater": {
  "endpoints": ["{base}/tauri.json"],
  "pubkey": "your key"
}}"""
_MAC = r"""autoUpdater.setFeedURL({
  url: "{base}/RELEASES.json",
  serverType: "json"
})"""
_VELOPACK = r"""new UpdateManager(new SimpleWebSource("{base}"))"""

# The updater, the documents that it reads (it needs one of them; in order of preference), and its snippet.
_UPDATERS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("Sparkle, for macOS", ("appcast.xml",), _PLIST),
    ("WinSparkle, for Windows", ("appcast.xml",), _CODE),
    ("NetSparkle, for .NET", ("appcast.xml",), _NET),
    ("electron-updater", ("latest.yml", "latest-mac.yml", "latest-linux.yml", "latest-linux-arm64.yml"), _ELECTRON),
    ("Tauri", ("tauri.json",), _TAURI),
    ("Squirrel.Windows", ("RELEASES",), 'new UpdateManager("{base}")'),
    ("Squirrel.Mac", ("RELEASES.json",), _MAC),
    ("Velopack", ("releases.win.json", "releases.osx.json", "releases.linux.json"), _VELOPACK),
    ("An updater of your own", ("manifest.json",), "curl {base}"),
)


def find(product: str, channel: str, documents: Collection[str], service_url: str | None = None) -> list[Pointer]:
    """Return the configuration of each updater that can read one of `documents`, the channel's document names."""
    base = f"{service_url or UNKNOWN_URL}/v1/{product}/{channel}"
    return [
        Pointer(updater, urls.document_path(product, channel, there[0]), setting.replace("{base}", base))
        for updater, read, setting in _UPDATERS
        if (there := [document for document in read if document in documents])
    ]
