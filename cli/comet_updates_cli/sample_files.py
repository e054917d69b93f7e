"""The sample releases, in an installed package or in a clone."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent
_CLONE = _PACKAGE.parents[1]


def folder() -> Path:
    """Return the folder with the samples. It has the layout of the bucket."""
    return _existing("samples")


def newer_release(key: str) -> Path:
    """Return the file of an example release that is newer than the samples.

    Args:
        key: its key in the bucket.
    """
    return _existing("examples") / key


def _existing(name: str) -> Path:
    packaged = _PACKAGE / name
    return packaged if packaged.is_dir() else _CLONE / name
