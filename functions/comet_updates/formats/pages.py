"""Pages for people: HTML that is one file, without script, cookie or anything from elsewhere.

Rendered when something is published; the same bytes for everyone, like any other document.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from comet_updates.formats import writing
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


class _Channel(NamedTuple):
    """What is shown of a channel: HTML; `latest` is empty if there is none."""

    name: str
    latest: Markup
    history: list[Markup]
    is_cut: bool


def product(about: Product, offers: Sequence[Offer], *, has_news: bool) -> bytes:
    """What `about` offers on each of its channels, with downloads and history.

    What is new and the oldest of the history are left out where the page would become too long to be served.

    Args:
        about: the product.
        offers: of its channels, in the order to be shown.
        has_news: whether there is a feed to point to.
    """
    left_bytes = writing.MAX_BYTES
    latest = []
    for offer in offers:
        shown = _latest(offer, whole=True)
        if _bytes(shown) > left_bytes:
            shown = _latest(offer, whole=False)
        left_bytes -= _bytes(shown)
        latest.append(shown)
    channels = [_channel(offer, shown, left_bytes // len(offers)) for offer, shown in zip(offers, latest, strict=True)]
    said = {"product": about.product, "name": about.name or about.product, "homepage": about.homepage}
    return _render("product", **said, channels=channels, has_news=has_news)


def _latest(offer: Offer, *, whole: bool) -> Markup:
    if offer.latest is None:
        return Markup()
    return _part("latest", latest=offer.latest, rollout=offer.rollout, whole=whole)


def _channel(offer: Offer, latest: Markup, history_max_bytes: int) -> _Channel:
    history: list[Markup] = []
    for release, withdrawn in offer.history:  # as releases.json: cut at its oldest end
        past = _part("past", release=release, withdrawn=withdrawn)
        history_max_bytes -= _bytes(past)
        if history_max_bytes < 0:
            return _Channel(offer.channel, latest, history, is_cut=True)
        history.append(past)
    return _Channel(offer.channel, latest, history, is_cut=False)


def _bytes(text: str) -> int:
    return len(text.encode())


def _render(template: str, **values: object) -> bytes:
    return _part(template, **values).encode() + b"\n"


def _part(template: str, **values: object) -> Markup:
    # Our own HTML, in which Jinja escaped all that was filled in.
    return Markup(_ENVIRONMENT.get_template(f"{template}.html.jinja").render(values))  # noqa: S704


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
    return (
        f"Reaches the copies in {rollout.groups} groups, one every {_interval(rollout.interval or 0)}"
        f"{f' from {rollout.start:%Y-%m-%d} on' if rollout.start else ''}; each drew its group itself."
    )


def _interval(seconds: int) -> str:
    units = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
    unit, unit_s = next(found for found in units if seconds % found[1] == 0)
    return unit if seconds == unit_s else f"{seconds // unit_s} {unit}s"


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_ENVIRONMENT.globals.update(
    style=Markup(STYLE),  # noqa: S704 (our own file, nothing that anyone uploads)
    host=_host,
    size=_size,
    in_words=_rollout,
)
