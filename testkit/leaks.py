"""Leaks to plant around a handler: the positive controls of the privacy tests."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import logging
import os
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.fresh import Handler

    Leak = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]


def _http(event: dict[str, Any]) -> dict[str, Any]:
    http: dict[str, Any] = event["requestContext"]["http"]
    return http


def _guid(event: dict[str, Any]) -> str:
    return str((event.get("queryStringParameters") or {}).get("download", ""))


def _s3() -> Any:
    import boto3  # noqa: PLC0415 (no part of the answering function)

    return boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT"])


def prints_the_address(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    print(_http(event).get("sourceIp"))
    return answer


def writes_the_query_to_stderr(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    os.write(2, event["rawQueryString"].encode())
    return answer


def prints_a_hash_of_the_guid(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    print(hashlib.sha256(_guid(event).encode()).hexdigest())
    return answer


def prints_a_keyed_hash_of_the_address(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    print(hmac.new(b"secret", str(_http(event).get("sourceIp")).encode(), "sha256").hexdigest()[:8])
    return answer


def prints_the_length_of_the_user_agent(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    print(len(_http(event).get("userAgent", "")))
    return answer


def logs_the_event_through_a_handler_of_its_own(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    logger = logging.getLogger("leak")
    handler = logging.StreamHandler(sys.stdout)
    logger.addHandler(handler)
    logger.error(event)
    logger.removeHandler(handler)
    return answer


def logs_the_event_where_nobody_listens(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    logging.getLogger("leak").warning(event)
    return answer


def raises_with_the_path(event: dict[str, Any], _answer: dict[str, Any]) -> dict[str, Any]:
    raise KeyError(event["rawPath"])


def stores_the_cookie(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    _s3().put_object(Bucket=os.environ["BUCKET"], Key="seen", Body=repr(event.get("cookies")).encode())
    return answer


def stores_the_event_compressed(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    body = base64.b64encode(gzip.compress(json.dumps(event).encode(), mtime=0))
    _s3().put_object(Bucket=os.environ["BUCKET"], Key="seen", Body=body)
    return answer


def stores_the_guid_in_metadata(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    _s3().put_object(Bucket=os.environ["BUCKET"], Key="seen", Body=b"", Metadata={"last": _guid(event)})
    return answer


def asks_s3_for_a_key_of_the_client(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    _s3().list_objects_v2(Bucket=os.environ["BUCKET"], Prefix=str(_http(event).get("sourceIp")))
    return answer


def sets_a_cookie(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    return answer | {"cookies": [f"id={_http(event).get('userAgent')}"]}


def gives_each_client_an_etag(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    tag = hashlib.md5(repr(event["headers"]).encode(), usedforsecurity=False).hexdigest()
    return answer | {"headers": answer["headers"] | {"etag": f'"{tag}"'}}


def echoes_the_path(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    return answer | {"body": answer["body"] + event["rawPath"]}


def drops_a_temporary_file(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    name = hashlib.sha1(repr(event).encode(), usedforsecurity=False).hexdigest()
    (Path(tempfile.gettempdir()) / name).touch()
    return answer


def remembers_the_guid_in_a_module(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    sys.modules["comet_updates.answer.urls"].last = _guid(event)  # type: ignore[attr-defined]
    return answer


def remembers_the_guid_in_a_library(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    sys.modules["json"].last = [_guid(event)]  # type: ignore[attr-defined]
    return answer


def sets_an_environment_variable(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    os.environ["LAST_TRACE"] = str(event["headers"].get("x-amzn-trace-id"))
    return answer


def calls_somebody_else(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    with suppress(OSError), socket.socket() as elsewhere:
        elsewhere.settimeout(0.1)
        elsewhere.connect(("127.0.0.1", 1 + len(_http(event).get("userAgent", ""))))
    return answer


def sends_by_udp(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
        elsewhere.sendmsg([repr(event).encode()], (), 0, ("127.0.0.1", 9))
    return answer


def looks_a_name_up(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    with suppress(OSError):
        socket.gethostbyname("127.0.0.1")
    return answer


def prints_who_uploaded(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    for message in event.get("Records", ()):
        print(json.loads(message["body"])["Records"][0]["userIdentity"])
    return answer


ALL: tuple[Leak, ...] = (
    prints_the_address,
    writes_the_query_to_stderr,
    prints_a_hash_of_the_guid,
    prints_a_keyed_hash_of_the_address,
    prints_the_length_of_the_user_agent,
    logs_the_event_through_a_handler_of_its_own,
    logs_the_event_where_nobody_listens,
    raises_with_the_path,
    stores_the_cookie,
    stores_the_event_compressed,
    stores_the_guid_in_metadata,
    asks_s3_for_a_key_of_the_client,
    sets_a_cookie,
    gives_each_client_an_etag,
    echoes_the_path,
    drops_a_temporary_file,
    remembers_the_guid_in_a_module,
    remembers_the_guid_in_a_library,
    sets_an_environment_variable,
    calls_somebody_else,
)

# No search for markers finds these leaks: they leave something that is *derived* from a person.
DERIVED: tuple[Leak, ...] = (
    prints_a_keyed_hash_of_the_address,
    prints_the_length_of_the_user_agent,
    gives_each_client_an_etag,
    drops_a_temporary_file,
    calls_somebody_else,
)

# No comparison of two people finds this leak: it is kept in a place that only a search of the whole memory reaches.
HIDDEN: tuple[Leak, ...] = (remembers_the_guid_in_a_library,)


def leaky(handler: Handler, leak: Leak) -> Handler:
    """Return `handler` with `leak` built in."""
    return lambda event, context: leak(event, handler(event, context))
