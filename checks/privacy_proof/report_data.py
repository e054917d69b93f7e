"""The lists of the evidence report besides the checks: read from the code and the template, never typed in."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

from comet_updates.answer import respond, urls
from comet_updates.answer.log import DURATION_ABOVE, DURATIONS, Cache, Outcome, Record
from comet_updates.answer.store import Document
from comet_updates_cli.audit import allowed

ROOT = Path(__file__).parents[2]
SCREEN_LINES = 50
"""How many lines of code fit on one screen, with the comments and docstrings that they need."""


def log_fields() -> dict[str, list[str]]:
    """Return the fields of a log line and their values, except the fields that name a document."""
    return {
        "outcome": [outcome.value for outcome in Outcome],
        "cache": [cache.value for cache in Cache],
        "duration": [*(name for _, name in DURATIONS), DURATION_ABOVE],
    }


def log_lines(place: urls.DocumentId) -> Iterator[str]:
    """Yield every line that can be logged about `place`. They come from the fields, not from the code that logs."""
    for outcome, cache, duration in itertools.product(*log_fields().values()):
        level = logging.getLevelName(Record(Outcome(outcome), place, Cache(cache)).level)
        said = {"level": level, "outcome": outcome, **place._asdict(), "cache": cache, "duration": duration}
        yield json.dumps(said, separators=(",", ":"))


def answers() -> dict[int, dict[str, str]]:
    """Return every status of an answer, with all headers that it can have and their values.

    A value that depends on the document is in angle brackets.
    """
    found: dict[int, dict[str, str]] = {}
    for key, url in EXAMPLES.items():
        read = _always(Document(key, "", 0, "<a hash of the bytes>", None))
        for method, validator in (("GET", None), ("GET", "*"), ("POST", None)):
            _note(found, respond.respond(method, url, validator, read))
    for constant in (respond.NOT_FOUND, respond.NO_PAGE, respond.NOT_ALLOWED, respond.FAILED, respond.UNAVAILABLE):
        _note(found, constant)
    return dict(sorted(found.items()))


def _always(document: Document) -> Callable[[str], tuple[Document | None, Cache]]:
    return lambda _: (document, Cache.MEMORY)


EXAMPLES = {
    "public/v1/product/channel/manifest.json": "/v1/product/channel",
    "public/schemas/manifest.json": "/schemas/manifest.json",
    "public/pages/privacy.html": "/privacy",
}
"""Key → URL, one for each kind of document."""


def _note(found: dict[int, dict[str, str]], answer: respond.Answer) -> None:
    headers = dict(answer.headers)
    if answer.status == HTTPStatus.OK:
        headers["content-length"] = "<the number of bytes>"
    for name, value in headers.items():
        known = found.setdefault(answer.status, {}).setdefault(name, value)
        if value not in known.split(" or "):
            found[answer.status][name] = f"{known} or {value}"


def dependencies(layer: str) -> dict[str, str]:
    """Return the libraries of a function's layer, with their versions from its lock file."""
    lines = (ROOT / "layers" / layer / "requirements.txt").read_text().splitlines()
    pins = [line.split(";")[0].split() for line in lines if "==" in line and not line.startswith((" ", "#"))]
    return {name: version for pin in pins for name, version in [pin[0].split("==")]}


def actions() -> dict[str, list[str]]:
    """Return role → every action that it allows, and on which resources."""
    return {
        role: [
            f"{action} on {', '.join(sorted(grant.resources))}" for grant in grants for action in sorted(grant.actions)
        ]
        for role, grants in allowed.GRANTS.items()
    }
