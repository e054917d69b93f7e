"""Leaks to plant around a handler: the positive controls of the privacy tests."""

from __future__ import annotations

import atexit
import base64
import ctypes
import gzip
import hashlib
import hmac
import io
import itertools
import json
import logging
import os
import queue
import socket
import sys
import tempfile
import threading
import time
import weakref
import zlib
from array import array
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from testkit.fresh import Handler

    Leak = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]


def _http(event: dict[str, Any]) -> dict[str, Any]:
    http: dict[str, Any] = event.get("requestContext", {}).get("http", {})
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


def sends_by_udp_to_a_name(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
        elsewhere.sendto(repr(event).encode(), ("localhost", 9))
    return answer


def starts_a_process(_event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    os.system("true")
    return answer


def waits_by_the_user_agent(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    time.sleep(len(_http(event).get("userAgent", "")) / 1e6)
    return answer


def calls_c(_event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    ctypes.CDLL(None).getpid()
    return answer


def reads_a_file_of_the_machine(_event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    Path("/etc/hostname").exists()
    with suppress(OSError):
        Path("/proc/self/status").read_bytes()
    return answer


def reads_a_frame(_event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    sys._getframe(1)
    return answer


def starts_a_thread(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    later = threading.Timer(900, print, [event])
    later.daemon = True
    later.start()
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


ASKING: tuple[Leak, ...] = (
    *(calls_somebody_else, sends_by_udp, sends_by_udp_to_a_name, looks_a_name_up, starts_a_process, starts_a_thread),
    *(waits_by_the_user_agent, calls_c, reads_a_file_of_the_machine, reads_a_frame, drops_a_temporary_file),
)
"""Leaks that ask Python for something that no program of ours may do."""

SEEN: ContextVar[str] = ContextVar("SEEN")


def _filled(kept: Any, text: str) -> Any:
    kept.put(text)
    return kept


def _compressing(data: bytes) -> Any:
    kept = zlib.compressobj()
    kept.compress(data)
    return kept


def _weak(text: str) -> Any:
    kept: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
    kept[json.JSONDecoder] = text
    return kept


KEPT: dict[str, Callable[[str], object]] = {
    "deque": lambda text: deque([text]),
    "bytearray": lambda text: bytearray(text.encode()),
    "memoryview": lambda text: memoryview(text.encode()),
    "array": lambda text: array("B", text.encode()),
    "queue": lambda text: _filled(queue.Queue(), text),
    "simple_queue": lambda text: _filled(queue.SimpleQueue(), text),
    "context_variable": SEEN.set,
    "partial": lambda text: partial(print, text),
    "generator": lambda text: (text for _ in range(2)),
    "iterator": itertools.cycle,
    "closure": lambda text: lambda: text,
    "default": lambda text: lambda _=text: 0,
    "table_of_texts": lambda text: {text: "seen"},
    "file_in_memory": io.StringIO,
    "hash": lambda text: hashlib.sha256(text.encode()),
    "compressor": lambda text: _compressing(text.encode()),
    "number": lambda text: int.from_bytes(text.encode()),
    "exception": ValueError,
    "weak_table": _weak,
    "end_of_process": lambda text: atexit.register(print, text),
}
"""Kinds of objects, and how each keeps a text."""


def _keeps(kind: str) -> Leak:
    def leak(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        home = sys.modules["json" if len(kind) % 2 else "comet_updates.answer.urls"]  # in a library, or in our code
        home.last = KEPT[kind](str(_http(event).get("sourceIp")))  # type: ignore[attr-defined]
        return answer

    leak.__name__ = f"keeps_a_{kind}"
    return leak


IN_MEMORY = tuple(map(_keeps, KEPT))
"""Leaks that keep the address in the memory of the process."""


def find(names: str) -> Leak:
    """Return one leak that does what the leaks with these names do, one after the other."""
    leaks = {leak.__name__: leak for leak in (*ALL, *ASKING, *IN_MEMORY, prints_who_uploaded)}

    def every(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        for name in names.split():
            answer = leaks[name](event, answer)
        return answer

    return every


def leaky(handler: Handler, leak: Leak) -> Handler:
    """Return `handler` with `leak` built in."""
    return lambda event, context: leak(event, handler(event, context))
