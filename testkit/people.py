"""People, as events can show them: every field of a request or a notification that differs between two of them."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import uuid
from typing import Any, NamedTuple

from hypothesis import strategies as st

Person = dict[str, str]
"""Field → the value of this person. A field that is missing does not occur in their events."""

FIELDS = (
    "address",
    "user_agent",
    "query",
    "query_value",
    "cookie",
    "header",
    "header_name",
    "authorization",
    "forwarded",
    "referer",
    "language",
    "validator",
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
    "api_key",
    "guid",
)
"""The fields of a request that can identify a person, in either payload."""

UPLOADER = ("principal", "owner", "source_address", "request", "host", "sequencer", "time", "receipt", "sender", "sent")
"""The fields of a notification that can show who uploaded, from where and when."""


class Ask(NamedTuple):
    """The question of a request: everything that an answer may depend on."""

    path: str
    method: str = "GET"
    validator: str = ""
    payload: str = "2.0"


def marked(number: int, fields: tuple[str, ...] = FIELDS) -> Person:
    """Return somebody with a marker in every field, too long and random to occur by chance.

    The same number gives the same person.
    """
    markers = {field: hashlib.sha256(f"{number} {field}".encode()).hexdigest()[:24] for field in fields}
    seed = hashlib.md5(str(number).encode(), usedforsecurity=False).digest()
    if "address" in markers:
        markers["address"] = str(ipaddress.IPv6Address(b"\x20\x01\x0d\xb8" + seed[:12]))
        markers["guid"] = str(uuid.UUID(bytes=seed))
        markers["user_agent"] += "x" * (number % 50)  # its length differs between people, too
    return markers


_GUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|[0-9A-Fa-f]{32}"
_OLD_NUMBER = rf"(?:{_GUID})|\{{(?:{_GUID})\}}|%7[Bb](?:{_GUID})%7[Dd]|[Dd][Nn]-?[0-9]{{1,20}}|[0-9]{{7,64}}"


@st.composite
def old_numbers(draw: st.DrawFn) -> str:
    """Return a GUID or a download number as an old copy may write it into a URL."""
    number = draw(st.from_regex(_OLD_NUMBER, fullmatch=True))
    number = draw(st.sampled_from([number, number.lower(), number.upper()]))
    escaped = draw(st.just(set()) | st.sets(st.sampled_from(number)))
    return "".join(f"%{ord(letter):02X}" if letter in escaped and letter != "%" else letter for letter in number)


PLACES = (
    *("/v1/{}/stable", "/v1/{}/stable/manifest.json", "/v1/{}/stable/1234567", "/v1/{}/{}"),
    *("/v1/comet-cursor/{}", "/v1/comet-cursor/{}/releases.json", "/v1/comet-cursor/{}/1234567"),
    *("/v1/comet-cursor/stable/{}.json", "/v1/comet-cursor/stable/{}.manifest.json"),
    *("/v1/comet-cursor/stable/latest.{}.yml", "/v1/comet-cursor/stable/{}.json.minisig"),
    *("/drop-in/{}/stable/darwin/4.2.0", "/drop-in/comet-cursor/{}/win32/4.2.0/RELEASES"),
    *("/{}", "/{}/feed.atom", "/{}/de", "/comet-cursor/{}", "/comet-cursor/de-{}"),
    *("/tuf/metadata/1.product.{}.json", f"/tuf/targets/{{}}/stable/{'0a' * 32}.manifest.json"),
    f"/tuf/targets/comet-cursor/{{}}/{'0a' * 32}.manifest.json",
)
"""The URLs with a gap for the name of a product, channel or document, or for a language."""

_TEXTS = st.one_of(
    st.text(max_size=60),
    st.uuids().map(str),
    st.ip_addresses().map(str),
    st.integers(0, 10**20 - 1).map(str),
    st.sampled_from(
        ["", "null", "Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "4.2.1", "%00", "\x00", "../../etc/passwd"]
    ),
)


def people(fields: tuple[str, ...] = FIELDS) -> st.SearchStrategy[Person]:
    """Draw somebody with any value in any of the fields, and some fields missing."""
    own = dict.fromkeys(fields, _TEXTS)
    if "guid" in own:
        own["guid"] = st.uuids().map(str) | st.integers(0, 10**20 - 1).map(str)
    if "query" in own:
        own["query"] = st.sampled_from(["guid", "dn", "id", "v", "noCache"]) | _TEXTS
    return st.fixed_dictionaries({}, optional=own)


def request_of(person: Person, ask: Ask) -> dict[str, Any]:
    """Return the event of `person` asking for `ask`. The path also contains the GUID, as a legacy copy sends it."""
    get = person.get
    path = f"{ask.path}/{person['guid']}" if "guid" in person and ask.path.startswith("/v1/") else ask.path
    validators = [part for part in (ask.validator, f'"{get("validator")}"' if "validator" in person else "") if part]
    headers = {
        "accept": "*/*",
        "if-none-match": ", ".join(validators) or None,
        "user-agent": get("user_agent"),
        "x-forwarded-for": get("forwarded"),
        "forwarded": get("address"),
        "x-real-ip": get("address"),
        "authorization": get("authorization"),
        "referer": get("referer"),
        "accept-language": get("language"),
        "x-user-staging-id": get("guid"),
        "x-amzn-trace-id": get("trace"),
        "x-api-key": get("api_key"),
        "cookie": get("cookie"),
        "host": get("domain"),
        f"x-{get('header_name', 'own')}": get("header"),
    }
    query = {get("query", "guid"): get("query_value")} | {"download": get("guid")}
    body = base64.b64encode(get("base64_body", "").encode()).decode() if "base64_body" in person else get("body")
    shown = _payload_1 if ask.payload == "1.0" else _payload_2
    event: dict[str, Any] = _without_missing(shown(person, ask.method, path, headers, query, body))
    return event


def _payload_2(
    person: Person, method: str, path: str, headers: dict[str, Any], query: dict[str, Any], body: str | None
) -> dict[str, Any]:
    get = person.get
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "&".join(f"{name}={value}" for name, value in query.items() if value is not None),
        "cookies": [f"id={get('cookie')}", f"guid={get('guid')}"],
        "headers": headers,
        "queryStringParameters": query,
        "pathParameters": {"proxy": get("path_parameter")},
        "stageVariables": {"v": get("stage_variable")},
        "body": body,
        "isBase64Encoded": "base64_body" in person,
        "requestContext": {
            "accountId": get("account"),
            "apiId": "api",
            "authentication": {"clientCert": {"clientCertPem": get("certificate"), "subjectDN": get("certificate")}},
            "authorizer": {"jwt": {"claims": {"sub": get("authorizer")}}, "lambda": {"id": get("authorizer")}},
            "domainName": get("domain"),
            "domainPrefix": get("domain"),
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": get("address"),
                "userAgent": get("user_agent"),
            },
            "requestId": get("request_id"),
            "routeKey": "$default",
            "stage": "$default",
            "time": get("time"),
            "timeEpoch": len(get("time", "")),
        },
    }


def _payload_1(
    person: Person, method: str, path: str, headers: dict[str, Any], query: dict[str, Any], body: str | None
) -> dict[str, Any]:
    get = person.get
    return {
        "version": "1.0",
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items() if value is not None},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items() if value is not None},
        "pathParameters": {"proxy": get("path_parameter")},
        "stageVariables": {"v": get("stage_variable")},
        "body": body,
        "isBase64Encoded": "base64_body" in person,
        "requestContext": {
            "accountId": get("account"),
            "authorizer": {"claims": {"sub": get("authorizer")}},
            "domainName": get("domain"),
            "extendedRequestId": get("request_id"),
            "httpMethod": method,
            "identity": {
                "apiKey": get("api_key"),
                "sourceIp": get("address"),
                "userAgent": get("user_agent"),
                "user": get("authorizer"),
                "clientCert": {"clientCertPem": get("certificate"), "subjectDN": get("certificate")},
            },
            "path": path,
            "requestId": get("request_id"),
            "requestTime": get("time"),
            "requestTimeEpoch": len(get("time", "")),
        },
    }


def notification_of(person: Person, *keys: str) -> dict[str, Any]:
    """Return the SQS event with S3's notification that `person` uploaded `keys`."""
    get = person.get
    records = [
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": "us-east-1",
            "eventTime": get("time"),
            "eventName": "ObjectCreated:Put",
            "userIdentity": {"principalId": get("principal")},
            "requestParameters": {"sourceIPAddress": get("source_address")},
            "responseElements": {"x-amz-request-id": get("request"), "x-amz-id-2": get("host")},
            "s3": {
                "bucket": {"name": "bucket", "ownerIdentity": {"principalId": get("owner")}},
                "object": {"key": key, "sequencer": get("sequencer")},
            },
        }
        for key in keys
    ]
    message = {
        "messageId": "message-1",  # the protocol returns it, and SQS draws it for each message
        "receiptHandle": get("receipt"),
        "body": json.dumps(_without_missing({"Records": records})),
        "attributes": {"SenderId": get("sender"), "SentTimestamp": get("sent")},
        "messageAttributes": {"who": {"stringValue": get("sender")}},
        "eventSource": "aws:sqs",
        "awsRegion": "us-east-1",
    }
    event: dict[str, Any] = _without_missing({"Records": [message]})
    return event


def _without_missing(value: Any) -> Any:
    """Return `value` without the fields that are `None`, at any depth."""
    if isinstance(value, dict):
        return {name: _without_missing(item) for name, item in value.items() if item is not None}
    return [_without_missing(item) for item in value] if isinstance(value, list) else value
