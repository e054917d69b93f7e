"""Leaky variants of the answering function: the positive controls of the privacy tests."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Handler

    Leak = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]


def _http(event: dict[str, Any]) -> dict[str, Any]:
    http: dict[str, Any] = event["requestContext"]["http"]
    return http


def _s3() -> Any:
    return boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT"])


def prints_the_address(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    print(_http(event).get("sourceIp"))  # noqa: T201
    return answer


def writes_the_query_to_stderr(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    os.write(2, event["rawQueryString"].encode())
    return answer


def prints_a_hash_of_the_guid(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    guid = (event.get("queryStringParameters") or {}).get("guid", "")
    print(hashlib.sha256(guid.encode()).hexdigest())  # noqa: T201
    return answer


def prints_a_keyed_hash_of_the_address(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    print(hmac.new(b"secret", str(_http(event).get("sourceIp")).encode(), "sha256").hexdigest()[:8])  # noqa: T201
    return answer


def prints_the_length_of_the_user_agent(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    print(len(_http(event).get("userAgent", "")))  # noqa: T201
    return answer


def logs_the_event_through_a_handler_of_its_own(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    logger = logging.getLogger("leak")
    handler = logging.StreamHandler(sys.stdout)
    logger.addHandler(handler)
    logger.error(event)
    logger.removeHandler(handler)
    return answer


def stores_the_cookie(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    _s3().put_object(Bucket=os.environ["BUCKET"], Key="seen", Body=repr(event.get("cookies")).encode())
    return answer


def stores_the_guid_in_metadata(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    guid = (event.get("queryStringParameters") or {}).get("guid", "none")
    _s3().put_object(Bucket=os.environ["BUCKET"], Key="seen", Body=b"", Metadata={"last": guid})
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


ALL: tuple[Leak, ...] = (
    prints_the_address,
    writes_the_query_to_stderr,
    prints_a_hash_of_the_guid,
    prints_a_keyed_hash_of_the_address,
    prints_the_length_of_the_user_agent,
    logs_the_event_through_a_handler_of_its_own,
    stores_the_cookie,
    stores_the_guid_in_metadata,
    asks_s3_for_a_key_of_the_client,
    sets_a_cookie,
    gives_each_client_an_etag,
    echoes_the_path,
    drops_a_temporary_file,
)

# What no search for markers can see: these leave something that is *derived* from a person.
DERIVED: tuple[Leak, ...] = (
    prints_a_keyed_hash_of_the_address,
    prints_the_length_of_the_user_agent,
    gives_each_client_an_etag,
    drops_a_temporary_file,
)


def leaky(handler: Handler, leak: Leak) -> Handler:
    """`handler` with `leak` built in."""
    return lambda event, context: leak(event, handler(event, context))
