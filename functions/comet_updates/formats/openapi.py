"""The OpenAPI 3.1 description of the service, generated from the URL patterns in `answer.urls` and `object_keys`.

Source: the OpenAPI Specification 3.1.1. Drop-in URLs are not described: they end in several segments, and a path
parameter cannot contain several segments.
"""

from __future__ import annotations

import functools
import json
import re
from typing import Any

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.model.schemas import DIALECT

Json = dict[str, Any]

HEADERS = {
    "cache-control": "How long a client or a cache may keep the answer.",
    "content-length": "The size in bytes.",
    "etag": "A hash of the document's bytes, the same for everyone.",
    "x-content-type-options": "Constant.",
    "strict-transport-security": "Constant.",
    "access-control-allow-origin": "Constant; not on pages. Any web page may read public documents.",
    "content-security-policy": "Only on pages: they load nothing.",
}
"""The headers of an answer that has a document, besides `content-type`."""

_CONTENT: dict[str, Json] = {ending: {kind.partition(";")[0]: {}} for ending, kind in urls.CONTENT_TYPES.items()}
_FEEDS: Json = {kind: {} for ending, content in _CONTENT.items() if ending != ".html" for kind in content}
PATHS: dict[str, tuple[str, Json]] = {
    "/": ("The products, as a page for people", _CONTENT[".html"]),
    "/privacy": ("The privacy promises and how they are checked, as a page for people", _CONTENT[".html"]),
    "/{product}": ("The releases of a product, as a page for people", _CONTENT[".html"]),
    "/{product}/feed.atom": ("The feed of a product's new releases", _CONTENT[".atom"]),
    "/schemas/{name}.json": ("The schema of a document, or this description", _CONTENT[".json"]),
    "/v1/{product}/{channel}": (
        "The latest release of a channel",
        {"application/json": {"schema": {"$ref": "manifest.json"}}},
    ),
    "/v1/{product}/{channel}/releases.json": (
        "All releases of a channel, the latest first",
        {"application/json": {"schema": {"$ref": "history.json"}}},
    ),
    "/v1/{product}/{channel}/{document}": ("The releases of a channel, in the format of one updater", _FEEDS),
}
"""Path → the summary of its document, and the document's content types."""

_SEGMENTS = {
    "product": f"^{object_keys.PRODUCT}$",
    "channel": f"^{urls.NAME}$",
    "document": f"^(?:{urls.DOCUMENT})$",
    "name": f"^(?:{'|'.join(urls.DESCRIPTIONS)})$",
}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status"],
    "additionalProperties": False,
    "properties": {"type": {"const": "about:blank"}, "title": {"type": "string"}, "status": {"type": "integer"}},
}
_REFUSAL = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/problem"}}}


@functools.cache
def render() -> bytes:
    """Return the description as indented JSON."""
    description = {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DIALECT,
        "info": {
            "title": "Comet Updates",
            "version": "1",
            "summary": "Which release of a product is the latest; the same answer for everyone.",
            "description": "The query, cookies, the body and all headers but `If-None-Match` are never read.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {path: _path(path, summary, content) for path, (summary, content) in PATHS.items()},
        "components": {
            "schemas": {"problem": _PROBLEM},
            "headers": {name: {"description": said, "schema": {"type": "string"}} for name, said in HEADERS.items()},
        },
    }
    return json.dumps(description, indent=2).encode() + b"\n"


def _path(path: str, summary: str, content: Json) -> Json:
    """Return the description of GET and HEAD for one path."""
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS}
    not_found: Json = _REFUSAL if path.startswith(urls.FOR_PROGRAMS) else _CONTENT[".html"]
    responses = {
        "200": {"description": "The document.", "headers": headers, "content": content},
        "304": {"description": "The client has it already.", "headers": headers},
        "404": {"description": "The document does not exist.", "content": not_found},
        "503": {"description": "The storage failed. Try again later.", "content": _REFUSAL},
    }
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": _SEGMENTS[name]}}
        for name in re.findall(r"\{(\w+)\}", path)
    ]
    parameters.append({"name": "if-none-match", "in": "header", "required": False, "schema": {"type": "string"}})
    return {
        "parameters": parameters,
        "get": {"summary": summary, "responses": responses},
        "head": {
            "summary": f"{summary} (headers only)",
            "responses": {
                # An answer to HEAD has a content type but no body. A schema would require a body.
                status: response | {"content": {kind: {} for kind in response["content"]}}
                if "content" in response
                else response
                for status, response in responses.items()
            },
        },
    }
