"""Documents that a pipeline uploads."""

from __future__ import annotations

from typing import Any


def release(
    version: str = "4.2.1", channel: str = "stable", product: str = "comet-cursor", **fields: Any
) -> dict[str, Any]:
    """Return a release document; `fields` replace or add fields."""
    return {
        "schema": 1,
        "product": product,
        "channel": channel,
        "version": version,
        "released_at": "2026-11-20T12:00:00Z",
        "notes": {"en": "Fixes a crash when the pointer theme changes."},
        "artifacts": [
            {
                "platform": "windows",
                "arch": "x86_64",
                "kind": "installer",
                "url": f"https://downloads.example.com/{product}/{version}/setup-x64.exe",
                "size": 48_213_001,
                "sha256": "0123456789abcdef" * 4,
            }
        ],
    } | fields
