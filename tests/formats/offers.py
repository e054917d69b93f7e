"""Offers to render: releases with files for every client, complete or with something missing."""

from __future__ import annotations

import json
from typing import Any

from comet_updates.model.channel import Rollout
from comet_updates.model.offer import Offer
from comet_updates.model.release import Release

HOST = "https://downloads.example.com"


def artifact(platform: str, arch: str, name: str, kind: str = "installer", **fields: Any) -> dict[str, Any]:
    hashes = {"sha256": "ab" * 32, "sha512": "cd" * 64, "sha1": "ef" * 20}
    return {
        "platform": platform,
        "arch": arch,
        "kind": kind,
        "url": f"{HOST}/{name}",
        "size": 1000,
        "signatures": {"minisign": f"signature of {name}"},
        **hashes,
        **fields,
    }


def release(version: str, *artifacts: dict[str, Any], **fields: Any) -> Release:
    wire = {"schema": 1, "product": "p", "channel": "stable", "version": version, "artifacts": artifacts, **fields}
    read = Release.model_validate_json(json.dumps(wire))
    read.remember(json.loads(json.dumps(wire)), "")
    return read


def complete(version: str, **fields: Any) -> Release:
    """Return a release with a file for each client."""
    return release(
        version,
        artifact("windows", "aarch64", f"Setup-{version}-arm64.exe"),
        artifact("windows", "x86_64", f"Setup-{version}-x64.exe", block_map_size=77),
        artifact("windows", "x86_64", f"App-{version}-full.nupkg"),
        artifact("macos", "universal", f"App-{version}-universal.zip", "archive"),
        artifact("macos", "universal", f"App-{version}.dmg"),
        artifact("linux", "x86_64", f"App-{version}.AppImage", bundle="appimage"),
        artifact("linux", "x86_64", f"app_{version}.deb", bundle="deb"),
        artifact("linux", "aarch64", f"App-{version}-arm64.AppImage", bundle="appimage"),
        **{"released_at": "2026-11-20T12:00:00Z", "title": f"Version {version}", "notes": {"en": "Größer\n"}} | fields,
    )


def offer(*releases: Release, yanked: tuple[str, ...] = (), channel: str = "stable", **fields: Any) -> Offer:
    history = tuple((past, "broken" if past.version in yanked else None) for past in releases)
    latest = next((past for past, withdrawn in history if withdrawn is None), None)
    return Offer("p", channel, latest, fields.pop("rollout", None), history, **fields)


def percent(share: int) -> Rollout:
    return Rollout.model_construct(percent=share)


PHASED = Rollout.model_construct(percent=None)
