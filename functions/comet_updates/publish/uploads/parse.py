"""Uploaded bytes → a checked document, or a refusal that names every problem with its field and its remedy."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, NoReturn, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from comet_updates import object_keys
from comet_updates.errors import Problem, RefusedUploadError, printable, refuse
from comet_updates.model.channel import ChannelPolicy
from comet_updates.model.fields import Uploaded
from comet_updates.model.product import Product
from comet_updates.model.release import Approval, Release

UPLOAD_MAX_BYTES = 512_000  # ten times the largest single release that we know of

PROBLEMS_MAX = 100
"""How many problems of one upload are told; a hostile one has a hundred thousand."""

NAME_MAX_CHARS = 256
"""How long the name of a field may be, longer than any that a model knows. Each problem below it repeats it: half a
megabyte, well written, would take gigabytes of memory, in pydantic first of all, and end the process."""

_DIGITS_MAX = 20  # of a whole number; the largest that a document may hold has 16
_FORBIDDEN_FIELD = "__proto__"  # JavaScript that merges objects carelessly would change all objects by it

Document = TypeVar("Document", bound=Uploaded)

MODELS: dict[str, type[Product | ChannelPolicy | Release | Approval]] = {
    "product": Product,
    "channel": ChannelPolicy,
    "release": Release,
    "approval": Approval,
}
"""What an upload is read as, by the kind that its key says."""

_REMEDIES = {
    "missing": "Add the field",
    "extra_forbidden": "Remove the field, or check its spelling",
    "string_pattern_mismatch": "Write it in that form",
    "literal_error": "Write one of these",
}


def as_json(document: dict[str, Any]) -> bytes:
    """A document as we write it to a bucket for people to read."""
    return json.dumps(document, ensure_ascii=False, indent=2).encode() + b"\n"


def check_key(key: str) -> object_keys.Upload:
    """Return what the key of an upload says. Raises `RefusedUploadError` if uploads have no such key."""
    upload = object_keys.parse_upload(key)
    if upload is None and (problem := name_problem(key)):
        raise RefusedUploadError(key, (problem,))
    if upload is None:
        refuse(
            key,
            "no upload has a key like this",
            "Use products/{product}.json, channels/{product}/{channel}.json,"
            " releases/{product}/{channel}/{version}.json or approvals/{product}/{channel}/{version}.json,"
            " with names in lower case",
        )
    return upload


def name_problem(key: str) -> Problem | None:
    """Return what is wrong with the first name in the key of an upload that is more than its form; None for nothing."""
    for place, name in object_keys.parts_of_upload(key).items():
        if reason := object_keys.forbidden(name, product=place == "product"):
            problem = f"the key names the {place} '{printable(name)}', which {reason}"
            return Problem("$", problem, f"Choose another name for the {place}, in the key and in the document")
    return None


def check_size(key: str, size_bytes: int) -> None:
    """Refuse an upload by its size, before it is read."""
    if size_bytes > UPLOAD_MAX_BYTES:
        refuse(key, f"is larger than {UPLOAD_MAX_BYTES} bytes", "Shorten the notes, or link to them with `notes_url`")


def parse(model: type[Document], key: str, body: bytes) -> Document:
    """Read an upload and hold it against its model and its own key.

    Raises:
        RefusedUploadError: with every problem that was found.
    """
    wire = _strict_json(key, body)
    try:
        document = model.model_validate_json(body)
    except ValidationError as error:
        see = f"See /schemas/{next(kind for kind, known in MODELS.items() if known is model)}.json"
        raise RefusedUploadError(key, tuple(_problems(error, wire, see))) from error
    upload = check_key(key)
    lies = tuple(
        Problem(f"$.{field}", f"is {said!r}, but the key says {true!r}", "Make the document and its key agree")
        for field, true in zip(("product", "channel", "version"), upload[1:], strict=True)
        if true and (said := getattr(document, field)) != true
    )
    if lies:
        raise RefusedUploadError(key, lies)
    document.remember(wire, hashlib.sha256(body).hexdigest())
    return document


def _strict_json(key: str, body: bytes) -> dict[str, Any]:
    """The JSON object in `body`; refuses what readers of JSON disagree on (RFC 8259, sections 4, 6 and 8)."""
    try:
        text = body.decode("utf-8")
        wire = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_whole, parse_float=_fraction
        )
        json.dumps(wire, ensure_ascii=False).encode("utf-8")  # a lone surrogate can be escaped in JSON but not sent
    except UnicodeError:
        refuse(key, "is not UTF-8 text", "Save it as UTF-8, without lone surrogates")
    except RecursionError:
        refuse(key, "is nested too deeply", "Write a plain release document")
    except json.JSONDecodeError as error:
        refuse(key, f"is not JSON: {error}", "Mend the syntax")
    except ValueError as error:
        refuse(key, str(error), "Write plain JSON that every reader takes alike")
    if not isinstance(wire, dict):
        refuse(key, "is not a JSON object", "Begin with { and end with }")
    return wire


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"has the field '{printable(twice)}' twice")
    if found and (longest := len(max(found, key=len))) > NAME_MAX_CHARS:
        raise ValueError(f"has a field with a name of {longest} characters")
    if _FORBIDDEN_FIELD in found:
        raise ValueError(f"has a field {_FORBIDDEN_FIELD}")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"has {name}, which is no number in JSON")


def _whole(digits: str) -> int:
    if len(digits) > _DIGITS_MAX:
        raise ValueError(f"has a number of {len(digits)} digits")
    return int(digits)


def _fraction(digits: str) -> float:
    if math.isinf(number := float(digits)):
        raise ValueError("has a number that is too large")
    return number


def _problems(error: ValidationError, wire: object, see: str) -> Iterator[Problem]:
    """What pydantic found, up to a bound; the last one says so."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    yield from (_problem(details, wire, see) for details in found[:PROBLEMS_MAX])
    if len(found) > PROBLEMS_MAX:
        yield Problem("$", f"has {len(found) - PROBLEMS_MAX} more problems", "Mend these first")


def _problem(details: ErrorDetails, wire: object, see: str) -> Problem:
    """A pydantic error as a problem; its location cut down to what stands in the document."""
    path = "$"
    for step in details["loc"]:
        if isinstance(wire, list) and isinstance(step, int):
            path, wire = f"{path}[{step}]", wire[step]
        elif isinstance(wire, dict) and step in wire:
            path, wire = f"{path}.{printable(str(step))}", wire[step]
        elif details["type"] == "missing" and step == details["loc"][-1]:
            path = f"{path}.{step}"
    remedy = _REMEDIES.get(details["type"])
    problem = details["msg"].removeprefix("Value error, ").rstrip(".")
    return Problem(path, problem, f"{remedy}. {see}" if remedy else see)
