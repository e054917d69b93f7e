"""Test the bridge from HTTP to payload 2.0.

It passes on everything that API Gateway does, or the tests would prove less.
"""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from comet_updates_cli.local import gateway

SCOPE = {
    "type": "http",
    "http_version": "1.1",
    "method": "GET",
    "raw_path": b"/v1/comet-cursor/stable%2F",
    "query_string": b"guid=1&guid=2",
    "headers": [(b"user-agent", b"Comet"), (b"cookie", b"a=1; b=2"), (b"x-id", b"1"), (b"x-id", b"2"), (b"host", b"h")],
    "client": ("127.0.0.1", 50_000),
}


def test_the_event_says_what_the_gateway_would() -> None:
    event = gateway.event(SCOPE, b"body")
    assert (event["version"], event["routeKey"]) == ("2.0", "$default")
    assert (event["rawPath"], event["rawQueryString"]) == ("/v1/comet-cursor/stable%2F", "guid=1&guid=2")
    assert event["headers"] == {"user-agent": "Comet", "x-id": "1,2", "host": "h"}
    assert event["cookies"] == ["a=1", "b=2"]
    assert (event["isBase64Encoded"], base64.b64decode(event["body"])) == (True, b"body")
    assert event["requestContext"]["http"] == {
        "method": "GET",
        "path": "/v1/comet-cursor/stable%2F",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "Comet",
    }


def test_body_over_the_limit_is_refused_before_the_handler() -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x" * 6_000_000, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
        raise AssertionError("reached")

    async def ask() -> None:
        await gateway.application(handler)(SCOPE, receive, send)

    asyncio.run(ask())
    assert sent[0]["status"] == 413
