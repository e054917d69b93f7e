"""The texts of a release, for formats that have one language."""

from __future__ import annotations

from comet_updates.model import Release

FALLBACK = "en"


def notes(release: Release) -> str:
    """The notes in English, or in the language that the release names first; empty if there are none."""
    return release.notes.get(FALLBACK) or next(iter(release.notes.values()), "")
