"""Convert real feeds to release documents, with the code of `comet-updates import`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from comet_updates.formats import imported
from comet_updates_cli import import_feeds

SPARKLE = "{http://www.andymatuschak.org/xml-namespaces/sparkle}"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
BASE = "https://downloads.example.com/"
NOW = datetime(2026, 11, 29, tzinfo=UTC)


def product_of(file: Path) -> str:
    """Return a product name for a feed file."""
    return re.sub(r"[^a-z0-9]+", "-", file.name.lower()).strip("-")[-60:].strip("-")


def convert(file: Path) -> imported.Feed:
    """Return the feed in `file`.

    Raises:
        ForeignFeedError: the feed has an unknown format or is broken.
        RefusedUploadError: one of its releases would be refused.
    """
    feed = imported.Feed(product_of(file), "stable", BASE, file.name)
    import_feeds.read({file.name: file.read_bytes()}, lambda _source: feed, now=NOW)
    return feed
