"""Parse and check an upload. A refusal names every problem with its field and its remedy."""

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
from comet_updates.model.publisher import PublisherDocument
from comet_updates.model.release import Approval, Release

UPLOAD_MAX_BYTES = 512_000  # ten times the largest single release that we know of

PROBLEMS_MAX = 100
"""How many problems of one upload are reported. A hostile upload can have 100 000."""

NAME_MAX_CHARS = 256
"""The longest name of a field; all names in our models are shorter. Each problem below a field repeats its name, so an
upload of half a megabyte could fill gigabytes of memory (in pydantic, above all) and end the process."""

_DIGITS_MAX = 20  # of an integer; the largest that a document may contain has 16
_FORBIDDEN_FIELD = "__proto__"  # it could change all objects of a JavaScript client that merges objects carelessly

Document = TypeVar("Document", bound=Uploaded)

MODELS: dict[str, type[Product | ChannelPolicy | Release | Approval]] = {
    "product": Product,
    "channel": ChannelPolicy,
    "release": Release,
    "approval": Approval,
}
"""The model of an upload that belongs to a product, by the kind in its key."""

ALL_MODELS: dict[str, type[Uploaded]] = {**MODELS, "publisher": PublisherDocument}
"""The model of every upload, by the kind in its key."""

_REMEDIES = {
    "missing": "Add the field",
    "extra_forbidden": "Remove the field, or check its spelling",
    "string_pattern_mismatch": "Write a value that matches the pattern",
    "literal_error": "Write one of these values",
}


def as_json(document: dict[str, Any]) -> bytes:
    """Return a document as indented JSON, for people to read in the bucket."""
    return json.dumps(document, ensure_ascii=False, indent=2).encode() + b"\n"


def check_key(key: str) -> object_keys.Upload:
    """Return the parts of an upload's key.

    Raises:
        RefusedUploadError: the key is not valid for an upload.
    """
    upload = object_keys.parse_upload(key)
    if upload is None and (problem := name_problem(key)):
        raise RefusedUploadError(key, (problem,))
    if upload is None:
        refuse(
            key,
            "the key is not valid for an upload",
            "Use products/{product}.json, channels/{product}/{channel}.json,"
            " releases/{product}/{channel}/{version}.json or approvals/{product}/{channel}/{version}.json,"
            " with names in lower case; or site/publisher.json",
        )
    return upload


def name_problem(key: str) -> Problem | None:
    """Return the problem of the first name in an upload's key that is well-formed but forbidden, or None."""
    for place, name in object_keys.parts_of_upload(key).items():
        if reason := object_keys.forbidden(name, product=place == "product"):
            problem = f"the key names the {place} '{printable(name)}', which {reason}"
            return Problem("$", problem, f"Choose another name for the {place}, in the key and in the document")
    return None


def check_size(key: str, size_bytes: int) -> None:
    """Check the size of an upload before it is read.

    Raises:
        RefusedUploadError: the upload is too large.
    """
    if size_bytes > UPLOAD_MAX_BYTES:
        refuse(key, f"is larger than {UPLOAD_MAX_BYTES} bytes", "Shorten the notes, or link to them with `notes_url`")


def parse(model: type[Document], key: str, body: bytes) -> Document:
    """Parse an upload and check it against its model and its key.

    Raises:
        RefusedUploadError: the upload is not valid. The error contains every problem.
    """
    wire = _strict_json(key, body)
    try:
        document = model.model_validate_json(body)
    except ValidationError as error:
        see = f"See /schemas/{next(kind for kind, known in ALL_MODELS.items() if known is model)}.json"
        raise RefusedUploadError(key, tuple(_problems(error, wire, see))) from error
    upload = check_key(key)
    lies = tuple(
        Problem(
            f"$.{field}", f"is {said!r}, but the key has {true!r}", "Use the same value in the document and in its key"
        )
        for field, true in zip(("product", "channel", "version"), upload[1:], strict=True)
        if true and (said := getattr(document, field)) != true
    )
    if lies:
        raise RefusedUploadError(key, lies)
    document.remember(wire, hashlib.sha256(body).hexdigest())
    return document


def _strict_json(key: str, body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`.

    Raises:
        RefusedUploadError: it is not a JSON object, or JSON parsers disagree on it (RFC 8259, sections 4, 6 and 8).
    """
    try:
        text = body.decode("utf-8")
        wire = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_whole, parse_float=_fraction
        )
        json.dumps(wire, ensure_ascii=False).encode("utf-8")  # a lone surrogate can be escaped in JSON but not sent
    except UnicodeError:
        refuse(key, "is not UTF-8 text", "Save it as UTF-8, without lone surrogates")
    except RecursionError:
        refuse(key, "is nested too deeply", "Use fewer levels of objects and lists")
    except json.JSONDecodeError as error:
        refuse(key, f"is not JSON: {error}", "Correct the syntax")
    except ValueError as error:
        refuse(key, str(error), "Write JSON that every parser reads in the same way")
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
    raise ValueError(f"has {name}, which is not a number in JSON")


def _whole(digits: str) -> int:
    if len(digits) > _DIGITS_MAX:
        raise ValueError(f"has a number of {len(digits)} digits")
    return int(digits)


def _fraction(digits: str) -> float:
    if math.isinf(number := float(digits)):
        raise ValueError("has a number that is too large")
    return number


def _problems(error: ValidationError, wire: object, see: str) -> Iterator[Problem]:
    """Yield pydantic's errors as problems. If there are too many, the last problem contains the number of the rest."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    yield from (_problem(details, wire, see) for details in found[:PROBLEMS_MAX])
    if len(found) > PROBLEMS_MAX:
        yield Problem("$", f"has {len(found) - PROBLEMS_MAX} more problems", "Correct the others first")


def _problem(details: ErrorDetails, wire: object, see: str) -> Problem:
    """Return a pydantic error as a problem. The path contains only names that are in the document."""
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
