"""The events that the functions get, with the least that AWS sends."""

from __future__ import annotations

import json
from typing import Any


def request(path: str, method: str = "GET", **headers: str) -> dict[str, Any]:
    """Return the smallest event that API Gateway sends (payload 2.0)."""
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "requestContext": {"http": {"method": method, "path": path}},
        "isBase64Encoded": False,
    }


def notification(*keys: str, message_id: str = "message-1") -> dict[str, Any]:
    """Return an SQS event with S3's notification of these keys in one message."""
    records = [{"eventSource": "aws:s3", "s3": {"object": {"key": key.replace("+", "%2B")}}} for key in keys]
    return {"Records": [{"messageId": message_id, "eventSource": "aws:sqs", "body": json.dumps({"Records": records})}]}


SWEEP = {"sweep": True}
