"""Pages for people: HTML that is one file, without script, cookie or anything from elsewhere.

Rendered when something is published; the same bytes for everyone, like any other document.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from comet_updates.model import Offer, Product, Rollout
from comet_updates.promises import NOT_PROVABLE, PROMISES

TEMPLATES = Path(__file__).parent / "templates"
STYLE = (TEMPLATES / "style.css").read_text(encoding="utf-8")
STYLE_HASH = f"sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}"
"""What a Content-Security-Policy calls the stylesheet, which is a part of every page."""


def privacy() -> bytes:
    """What is promised, and how each promise is checked."""
    return _render("privacy", promises=PROMISES, limits=NOT_PROVABLE)


def index(products: Iterable[str]) -> bytes:
    """The products that have a page."""
    return _render("index", products=sorted(products))


def product(about: Product, offers: Sequence[Offer]) -> bytes:
    """What `about` offers on each of its channels, with downloads and history; `offers` in the order to be shown."""
    return _render(
        "product", product=about.product, name=about.name or about.product, homepage=about.homepage, offers=offers
    )


def _render(template: str, **values: object) -> bytes:
    return _ENVIRONMENT.get_template(f"{template}.html.jinja").render(values).encode() + b"\n"


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _size(size_bytes: int) -> str:
    """As people read it: in steps of a thousand, as drives and browsers have it."""
    size = float(size_bytes)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:  # noqa: PLR2004
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _rollout(rollout: Rollout) -> str:
    if rollout.percent is not None:
        return f"Reaches {rollout.percent} percent of the copies; each decides for itself whether it is among them."
    return f"Reaches the copies in {rollout.groups} groups, one after another; each drew its group itself."


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_ENVIRONMENT.globals.update(
    style=Markup(STYLE),  # noqa: S704 (our own file, nothing that anyone uploads)
    host=_host,
    size=_size,
    rollout=_rollout,
)
