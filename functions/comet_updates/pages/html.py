"""Pages for people: each is one HTML file, without scripts, cookies or requests to other files.

The publisher renders them, and everyone gets the same bytes, as with any other document. This module contains what all
pages share, and the privacy page. `pages.product` and `pages.index` contain the others.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from comet_updates.pages.site import Site, ink
from comet_updates.promises import NOT_PROVABLE, PROMISES, SUMMARY

MAX_BYTES = 200_000
"""The largest size of a page. People may pay for each byte; a page links to what it leaves out."""

TEMPLATES = Path(__file__).parent / "templates"
STYLE = (TEMPLATES / "style.css").read_text(encoding="utf-8")
STYLE_HASH = f"sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}"
"""The name of the stylesheet in a Content-Security-Policy. Every page contains the stylesheet."""


def privacy(site: Site) -> bytes:
    """Return the page with the promises and how each is checked."""
    return render("privacy", site, summary=SUMMARY, promises=PROMISES, limits=NOT_PROVABLE)


def render(template: str, site: Site, **values: object) -> bytes:
    """Return a complete page."""
    return part(template, site=site, **values).encode() + b"\n"


def part(template: str, **values: object) -> Markup:
    """Return a part of a page. All values are escaped."""
    return Markup(_ENVIRONMENT.get_template(f"{template}.html.jinja").render(values))  # noqa: S704 (our own HTML)


def _file_name(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2]


def _size(size_bytes: int) -> str:
    """Return a size for people, in steps of 1000, as browsers and drive labels show sizes."""
    size = float(size_bytes)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:  # noqa: PLR2004
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_ENVIRONMENT.globals.update(
    style=Markup(STYLE),  # noqa: S704 (our own file, not an upload)
    host=lambda url: urlsplit(url).hostname or "",
    file_name=_file_name,
    size=_size,
    ink=ink,
)
