"""Pages for people: HTML that is one file, without script, cookie or anything from elsewhere.

Rendered when something is published; the same bytes for everyone, like any other document. `product_page` and
`index_page` say what stands on those; here is what all have in common.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from comet_updates.promises import NOT_PROVABLE, PROMISES

MAX_BYTES = 200_000
"""No page is longer: it is read by people, who pay for each byte, and what is left out is linked to."""

TEMPLATES = Path(__file__).parent / "templates"
STYLE = (TEMPLATES / "style.css").read_text(encoding="utf-8")
STYLE_HASH = f"sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}"
"""What a Content-Security-Policy calls the stylesheet, which is a part of every page."""


@functools.cache
def privacy() -> bytes:
    """What is promised, and how each promise is checked."""
    return render("privacy", promises=PROMISES, limits=NOT_PROVABLE)


def render(template: str, **values: object) -> bytes:
    """A whole page."""
    return part(template, **values).encode() + b"\n"


def part(template: str, **values: object) -> Markup:
    """A part of a page, in which all that was filled in is escaped."""
    return Markup(_ENVIRONMENT.get_template(f"{template}.html.jinja").render(values))  # noqa: S704 (our own HTML)


def _file_name(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2]


def _size(size_bytes: int) -> str:
    """As people read it: in steps of a thousand, as drives and browsers have it."""
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
    style=Markup(STYLE),  # noqa: S704 (our own file, nothing that anyone uploads)
    host=lambda url: urlsplit(url).hostname or "",
    file_name=_file_name,
    size=_size,
)
