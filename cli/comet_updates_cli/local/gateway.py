"""An ASGI application that calls the handler as API Gateway does (payload 2.0), for the service on one machine.

The event contains everything that API Gateway passes on, including the client's address, cookies and body, so the
handler gets the same as in Lambda. Requests run one at a time, as in one Lambda environment.

Source: AWS's developer guide, "Create AWS Lambda proxy integrations for HTTP APIs", payload format version 2.0.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any

BODY_MAX_BYTES = 10_000_000  # the gateway's own limit
TOO_LARGE: dict[str, Any] = {"statusCode": 413, "headers": {"content-length": "0"}, "body": ""}

Handler = Callable[[dict[str, Any], object], dict[str, Any]]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


def application(handler: Handler) -> Application:
    """Return the ASGI application that answers with `handler`."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        answer = TOO_LARGE if body is None else handler(event(scope, body), None)
        headers = [(name.encode(), value.encode()) for name, value in answer["headers"].items()]
        await send({"type": "http.response.start", "status": answer["statusCode"], "headers": headers})
        await send({"type": "http.response.body", "body": answer["body"].encode()})

    return app


def event(scope: Message, body: bytes) -> dict[str, Any]:
    """Return the payload 2.0 event of an ASGI request."""
    headers: dict[str, str] = {}
    cookies = []
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name == "cookie":
            cookies += value.split("; ")
        else:
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    path = scope["raw_path"].decode("latin-1")
    now = datetime.fromtimestamp(time.time(), UTC)
    gateway_event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": scope["query_string"].decode("latin-1"),
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": headers.get("host", ""),
            "domainPrefix": "local",
            "http": {
                "method": scope["method"],
                "path": path,
                "protocol": f"HTTP/{scope['http_version']}",
                "sourceIp": scope["client"][0],
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": "local",
            "routeKey": "$default",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": bool(body),
    }
    if cookies:
        gateway_event["cookies"] = cookies
    if body:
        gateway_event["body"] = base64.b64encode(body).decode()
    return gateway_event


async def _body(receive: Receive) -> bytes | None:
    """Return the request's body; `None` if it is larger than the gateway accepts."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY_MAX_BYTES:
            return None
        if not message.get("more_body"):
            return bytes(body)
