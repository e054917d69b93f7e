"""One app with files for every updater, released once: all client tests use it.

1.1.0 is the latest on `stable`, after 1.0.0. The other channels offer the same, except for the decisions there.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from typing import Any

import minisign
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PRODUCT = "comet-app"
OLD, LATEST, NEXT = "1.0.0", "1.1.0", "1.2.0"
RELEASED = {OLD: "2026-01-01T12:00:00Z", LATEST: "2026-02-01T12:00:00Z", NEXT: "2026-03-01T12:00:00Z"}
HELD_BACK: dict[str, dict[str, Any]] = {
    "yanked": {"yanked": [{"version": LATEST, "reason": "Crashes."}]},
    "paused": {"paused_at": "2026-01-15T12:00:00Z"},
}
"""Channels with `stable`'s releases where a decision holds 1.1.0 back."""

SCHEDULED = "scheduled"
"""A channel with `stable`'s releases and 1.2.0, which is not due yet."""

NOTHING = {
    "current": (LATEST, "stable"),
    "newer than what is released": (NEXT, "stable"),
    **{held: (OLD, held) for held in HELD_BACK},
    "not due": (LATEST, SCHEDULED),
}
"""Clients that are offered nothing: their version and their channel."""

OLDER = "0.9.0"
STILL_OFFERED = {"yanked": OLD, "paused": OLD, SCHEDULED: LATEST}
"""The offer for an older copy on these channels. It shows that the decision holds the release back."""

KEY = minisign.KeyPair.generate()
"""The key that signs the app's files for Tauri's plugin."""

ED25519_KEY = Ed25519PrivateKey.generate()
"""The same for Sparkle and its relatives."""


def velopack_package(version: str) -> bytes:
    """Return a Velopack package for Linux."""
    described = "<channel>linux</channel><mainExe>App</mainExe><os>linux</os><rid>linux-x64</rid>"
    return _nuget_package("App", version, described, "lib/app/App")


def squirrel_package(version: str) -> bytes:
    """Return a Squirrel.Windows package."""
    return _nuget_package("AppWindows", version, "<description>App</description>", "lib/net45/App.exe")


def _nuget_package(name: str, version: str, described: str, file: str) -> bytes:
    """Return a .zip with a description and the app's file, with the same bytes each time."""
    nuspec = (
        '<?xml version="1.0" encoding="utf-8"?><package><metadata>'
        f"<id>{name}</id><version>{version}</version><title>App</title><authors>Example</authors>{described}"
        "</metadata></package>"
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        # An entry that is given by name alone carries the time, so the hash of the package would change with it.
        archive.writestr(zipfile.ZipInfo(f"{name}.nuspec"), nuspec)
        archive.writestr(zipfile.ZipInfo(file), f"This is App {version}.\n" * 1000)
    return packed.getvalue()


def files(version: str) -> dict[str, bytes]:
    """Return the app's files by name."""
    made = (
        *(f"App-{version}-arm64.AppImage", f"App-{version}.AppImage", f"app_{version}_amd64.deb"),
        *(f"App-{version}-arm64.zip", f"App-{version}-x64.zip", f"App-{version}-universal.zip"),
        *(f"App Setup {version}.exe", f"App Setup {version} arm64.exe"),
    )
    packages = {
        f"App-{version}-full.nupkg": velopack_package(version),
        f"App-{version}-delta.nupkg": b"what differs\n" * 10,
        f"AppWindows-{version}-full.nupkg": squirrel_package(version),
        f"AppWindows-{version}-delta.nupkg": b"what differs on Windows\n" * 10,
    }
    return {name: f"{name}\n".encode() * 1000 for name in made} | packages


def release(version: str, files_url: str, packages_url: str, channel: str = "stable", **fields: Any) -> dict[str, Any]:
    """Return the release document of `version`.

    Args:
        version: as above.
        files_url: the URL of the files.
        packages_url: the URL of the Velopack packages, which are beside the documents.
        channel: the release's channel.
        fields: further fields of the document.
    """
    found = files(version)
    kinds = [
        ("linux", "x86_64", f"App-{version}.AppImage", "archive", "appimage"),
        ("linux", "aarch64", f"App-{version}-arm64.AppImage", "archive", "appimage"),
        ("linux", "x86_64", f"app_{version}_amd64.deb", "installer", "deb"),
        ("windows", "x86_64", f"App Setup {version}.exe", "installer", None),
        ("windows", "aarch64", f"App Setup {version} arm64.exe", "installer", None),
        ("macos", "universal", f"App-{version}-universal.zip", "archive", None),
        ("macos", "x86_64", f"App-{version}-x64.zip", "archive", None),
        ("macos", "aarch64", f"App-{version}-arm64.zip", "archive", None),
    ]
    artifacts = [_artifact(files_url, name, found[name], p, a, k, bundle=b) for p, a, name, k, b in kinds]
    for system, name, url in (("linux", "App", packages_url), ("windows", "AppWindows", files_url)):
        full, delta = f"{name}-{version}-full.nupkg", f"{name}-{version}-delta.nupkg"
        artifacts.append(_artifact(url, full, found[full], system, "x86_64", "archive"))
        if version != OLD:
            artifacts.append(_artifact(url, delta, found[delta], system, "x86_64", "delta", from_version=OLD))
    return {
        "schema": 1,
        "product": PRODUCT,
        "channel": channel,
        "version": version,
        "released_at": RELEASED[version],
        "notes": {"en": f"What is new in {version}."},
        "artifacts": artifacts,
        **fields,
    }


def signature(body: bytes, key: minisign.KeyPair = KEY) -> str:
    """Return the file that Tauri's builder writes beside a built file: a minisign signature file in base64."""
    return base64.b64encode(bytes(key.secret_key.sign(body))).decode()


def _artifact(
    base_url: str, name: str, body: bytes, platform: str, arch: str, kind: str, **more: str | None
) -> dict[str, Any]:
    return {
        "platform": platform,
        "arch": arch,
        "kind": kind,
        "url": f"{base_url}/{name.replace(' ', '%20')}",
        "size": len(body),
        "sha1": hashlib.sha1(body, usedforsecurity=False).hexdigest(),
        "sha256": hashlib.sha256(body).hexdigest(),
        "sha512": hashlib.sha512(body).hexdigest(),
        "signatures": {"minisign": signature(body), "ed25519": base64.b64encode(ED25519_KEY.sign(body)).decode()},
        **{field: value for field, value in more.items() if value is not None},
    }
