"""People, as a request can show them: markers for every field of a payload 2.0 event, and the search for them."""

from __future__ import annotations

import base64
import hashlib
import urllib.parse
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from tests.conftest import request

Markers = dict[str, str]
"""Field → what this person has there; long and random enough not to stand anywhere by chance."""

FIELDS = (
    "address",
    "user_agent",
    "query",
    "query_value",
    "cookie",
    "header",
    "authorization",
    "forwarded",
    "referer",
    "body",
    "base64_body",
    "certificate",
    "authorizer",
    "request_id",
    "account",
    "domain",
    "stage_variable",
    "path_parameter",
    "trace",
    "time",
)


def person(number: int) -> Markers:
    """The markers of one person: the same number gives the same person."""
    markers = {field: hashlib.sha256(f"{number} {field}".encode()).hexdigest()[:24] for field in FIELDS}
    markers["address"] = f"2001:db8:{number % 65536:x}::{markers['address'][:4]}:{markers['address'][4:8]}"
    markers["user_agent"] += "x" * (number % 50)  # its length tells people apart, too
    markers["guid"] = str(uuid.UUID(hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()))
    return markers


def identified(path: str, markers: Markers, method: str = "GET", *, suffix: bool = True) -> dict[str, Any]:
    """A request for `path` that shows `markers` wherever a request can show something.

    Args:
        path: of the document.
        markers: of the person.
        method: of the request.
        suffix: whether the GUID is added to the path, as a legacy copy does. A path that is none of ours may carry it
            anywhere.
    """
    event = request(f"{path}/{markers['guid']}" if suffix else path, method)
    http = event["requestContext"]["http"]
    http |= {"sourceIp": markers["address"], "userAgent": markers["user_agent"], "protocol": "HTTP/1.1"}
    event["headers"] |= {
        "user-agent": f"Comet/4 {markers['user_agent']}",
        "x-forwarded-for": f"{markers['forwarded']}, {markers['address']}",
        "forwarded": f"for={markers['forwarded']}",
        "authorization": f"Basic {markers['authorization']}",
        "referer": f"https://example.com/{markers['referer']}",
        "x-user-staging-id": markers["guid"],
        f"x-{markers['header']}": markers["header"],
        "x-amzn-trace-id": f"Root=1-{markers['trace']};Sampled=1",
        "cookie": f"id={markers['cookie']}",
        "host": f"{markers['domain']}.example.com",
    }
    event["cookies"] = [f"id={markers['cookie']}", f"guid={markers['guid']}"]
    event["rawQueryString"] = f"guid={markers['guid']}&{markers['query']}={markers['query_value']}"
    event["queryStringParameters"] = {"guid": markers["guid"], markers["query"]: markers["query_value"]}
    event["pathParameters"] = {"proxy": markers["path_parameter"]}
    event["stageVariables"] = {"v": markers["stage_variable"]}
    event["body"] = base64.b64encode(markers["base64_body"].encode()).decode() + markers["body"]
    event["isBase64Encoded"] = True
    event["requestContext"] |= {
        "requestId": markers["request_id"],
        "accountId": markers["account"],
        "domainName": f"{markers['domain']}.example.com",
        "domainPrefix": markers["domain"],
        "authentication": {
            "clientCert": {"clientCertPem": markers["certificate"], "subjectDN": markers["certificate"]}
        },
        "authorizer": {"jwt": {"claims": {"sub": markers["authorizer"]}}, "lambda": {"id": markers["authorizer"]}},
        "time": markers["time"],
        "timeEpoch": int(markers["time"][:8], 16),
    }
    return event


def spellings(marker: str) -> Iterator[bytes]:
    """The forms in which `marker` may have been kept: raw, percent, hex, base64 in its three alignments, hashed."""
    raw = marker.encode()
    for text in {marker, marker.upper(), marker.replace("-", ""), urllib.parse.quote(marker, safe="")}:
        yield text.encode()
    yield "".join(f"%{byte:02X}" for byte in raw).encode()
    yield raw.hex().encode()
    for alignment in range(3):
        encoded = base64.b64encode(b"\0" * alignment + raw)
        yield encoded[(0, 2, 3)[alignment] : len(encoded) - 4]  # what does not depend on the neighbours
        yield base64.urlsafe_b64encode(b"\0" * alignment + raw)[(0, 2, 3)[alignment] : len(encoded) - 4]
    for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b", "blake2s", "sha3_256"):
        digest = hashlib.new(name, raw, usedforsecurity=False)
        yield digest.hexdigest().encode()[:16]
        yield digest.digest()[:8]


def found(markers: Mapping[str, str], sinks: Mapping[str, bytes]) -> list[str]:
    """`field in sink` for every marker that stands in a sink in any spelling."""
    return [
        f"{field} in {sink}"
        for field, marker in markers.items()
        for sink, content in sinks.items()
        if any(spelling in content for spelling in spellings(marker))
    ]
