"""Files that are not released: builders and release pages put them beside the files that are."""

from __future__ import annotations

import re

COMPANIONS = (".blockmap", ".zsync")
"""Files that an updater downloads from beside a file: electron-updater's block map, and zsync's of an AppImage."""

SIGNATURES = (".sig", ".minisig", ".edsig")
"""Endings of signature files: Tauri's builder, minisign, and the output of Sparkle's `sign_update`."""

_REASONS = (
    (r"builder-(?:debug|effective-config)\.ya?ml", "a note of electron-builder"),
    (r"app-update\.yml", "settings of electron-updater, which are inside the app"),
    (r"latest-mac\.json|[a-z]+-mac\.json", "a feed for electron-updater 1"),
    (
        r".*\.(?:asc|gpg|pem|crt|cer|sigstore|sigstore\.json|intoto\.jsonl|bundle|att|p7s|rekor|cosign\.bundle)",
        "a signature",
    ),
    (r".*\.(?:spdx|cdx|cyclonedx|sbom|syft)(?:\.(?:json|xml|txt))?|.*[-_.]sbom\.(?:json|xml)", "a list of components"),
    (
        r".*\.(?:pdb|dsym\.zip|dsym\.tar\.gz|sym|debug|ilk|lib|exp|map)|.*[-_.](?:symbols|dbgsym|debuginfo)[-_.].*",
        "symbols",
    ),
    (r".*\.(?:md|markdown|rst|txt|html?|pdf|docx?)", "a text"),
    (r"(?:readme|licen[cs]e|notice|copying|changelog|changes|authors)(?:[-_.].*)?", "a text"),
    (r".*\.(?:json|jsonl|ya?ml|xml|toml|ini|cfg|csv|plist|nuspec|wixobj|wxs)", "not a feed of a known updater"),
    (r".*\.(?:apk|aab|ipa|hap)", "an app for phones"),
    (r".*\.(?:png|jpe?g|gif|svg|ico|icns|webp)", "a picture"),
    (r".*\.(?:sh|ps1|bat|cmd|py|js)", "a script"),
    (r".*\.(?:md5|crc|blake3|b2)(?:sums?)?|md5sums?(?:\..*)?", "checksums of a kind that is not compared"),
    (r"(?:source|src)[-_. ].*|.*[-_.](?:src|source|sources|vendor)\.(?:zip|tar\.[a-z0-9]+|tgz)", "source code"),
    (r".*\.(?:tmp|part|crdownload|log|bak|orig)", "a temporary file"),
    (r"\..*|thumbs\.db|desktop\.ini", "a hidden file"),
)
_FOLDERS = (
    (r".*-unpacked|.*\.(?:app|appdir|dsym|framework|xcarchive)", "an unpacked app"),
    (r"old_updates", "Sparkle's older updates"),
    (r".*-web", "an app for browsers"),
    (r"\..*|__.*|node_modules|create-dmg", "a folder of the builder"),
)


def reason(name: str) -> str | None:
    """Return why a file of this name is not released, or None if it may be."""
    return _first(_REASONS, name)


def reason_for_folder(name: str) -> str | None:
    """Return why the files in a folder of this name are not released, or None if they may be."""
    return _first(_FOLDERS, name)


def _first(table: tuple[tuple[str, str], ...], name: str) -> str | None:
    return next((why for pattern, why in table if re.fullmatch(pattern, name, re.IGNORECASE | re.DOTALL)), None)
