"""Compares the present version with the files that the baseline stores, one JSON file for each subject."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

FOLDER = Path(__file__).parent
REWRITE = "COMET_REWRITE_BASELINE"
"""The environment variable with which a test writes the stored file instead of comparing: see `__main__.py`."""

SHOWN_MAX_CHARS = 2_000
SHOWN_MAX = 5


def is_rewriting() -> bool:
    """Return whether the tests write the stored files."""
    return REWRITE in os.environ


def check(name: str, now: Mapping[str, Any], texts: Mapping[str, str] = MappingProxyType({})) -> None:
    """Compare `now` with the stored JSON file `name`, or write the file.

    Args:
        name: of a file in this folder.
        now: what the present version makes.
        texts: the text that a failure shows for a key, if `now` has only a hash.
    """
    file = FOLDER / name
    if is_rewriting():
        file.write_text(json.dumps(now, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    equal(name, json.loads(file.read_text(encoding="utf-8")), now, texts)


def equal(
    name: str, before: Mapping[str, Any], now: Mapping[str, Any], texts: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Assert that `now` equals what is stored as `name`."""
    found = differences(before, now, texts)
    heading = f"{len(found)} differences from {name}. If you meant them: python -m tests.baseline"
    assert not found, "\n".join([heading, *found[:SHOWN_MAX]])


def differences(stored: Mapping[str, Any], now: Mapping[str, Any], texts: Mapping[str, str]) -> list[str]:
    """Return a description of each key whose value is not the stored one."""
    found = []
    for key in sorted(stored.keys() | now.keys()):
        if key not in now:
            found.append(f"{key}: is missing now")
        elif key not in stored:
            found.append(f"{key}: is new")
        elif stored[key] != now[key]:
            shown = texts.get(key) or _diff(stored[key], now[key])
            found.append(f"{key}: differs. It is now:\n{shown[:SHOWN_MAX_CHARS]}")
    return found


def _diff(stored: Any, now: Any) -> str:
    before, after = (
        (value if isinstance(value, str) else json.dumps(value, indent=1, sort_keys=True)).splitlines()
        for value in (stored, now)
    )
    return "\n".join(difflib.unified_diff(before, after, "stored", "now", lineterm="", n=1))
