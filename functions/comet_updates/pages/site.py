"""The facts that all pages of a deployment share: its publisher, its URL, and the commit that it was built from."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import NamedTuple

from comet_updates.model.publisher import PublisherDocument

BUILT = Path(__file__).with_name("built.json")
"""The file in which the build writes the commit: see functions/Makefile. It is missing outside a build."""


class Commit(NamedTuple):
    """The commit that the package was built from.

    Attributes:
        id: 40 hexadecimal digits.
        date: the day of the commit. The day of the build is unknown, since equal commits give equal packages.
    """

    id: str
    date: date


class Site(NamedTuple):
    """The facts that all pages share.

    Attributes:
        service_url: the URL that clients ask, without a final slash, or None if it is not known.
        publisher: the document about the publisher, or None. The pages name no publisher then.
        commit: the commit of the deployed package, or None if it is not known. The pages do not mention it then.
    """

    service_url: str | None = None
    publisher: PublisherDocument | None = None
    commit: Commit | None = None


NEUTRAL = Site()


def commit(file: Path = BUILT) -> Commit | None:
    """Return the commit in `file`, or None if the build knew none."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        built = json.loads(file.read_bytes())
        if re.fullmatch("[0-9a-f]{40}", built["commit"]):
            return Commit(built["commit"], date.fromisoformat(built["date"]))
    return None


def ink(background: str) -> str:
    """Return which text can be read better on the colour `background`: `black` or `white`.

    For every colour, the better one has a contrast of at least 4.58 to 1. WCAG 2.2 AA requires 4.5.
    """
    shares = (int(background[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)  # noqa: PLR2004
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "black" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "white"
