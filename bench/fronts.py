"""Other fronts for the local service, to see what bounds it: `fronts.py KIND PORT`, with the service's own handler.

They are yardsticks. `protocol` is the least that can be written over uvicorn's own parser and loop: it knows nothing of
slow clients, limits or broken requests, which is why the service does not use it.
"""

from __future__ import annotations

import asyncio
import http
import sys
from typing import Any

import httptools
import uvicorn
import uvloop

from bench.handler_calls import document
from comet_updates.answer import handler as module
from comet_updates_cli.local import gateway

HOST = "127.0.0.1"
PATH = "/v1/comet-cursor/stable"
_STATUS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in http.HTTPStatus}

vars(module)["s3_get"] = lambda _bucket, _endpoint: document
handler = module.build(module.Settings("bucket", None, 3600, "ERROR", log_successes=False))


def constant(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return the same answer to every event."""
    return ANSWER


ANSWER = handler({"rawPath": PATH, "requestContext": {"http": {"method": "GET"}}}, None)


class Protocol(asyncio.Protocol):
    """HTTP, as far as wrk needs it."""

    def connection_made(self, transport: Any) -> None:
        """Start a parser for a new connection."""
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        """Pass the client's bytes to the parser."""
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        """Start a request without headers."""
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        """Keep the URL of the request."""
        self.url = httptools.parse_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header of the request."""
        self.headers.append((name.lower(), value))

    def on_message_complete(self) -> None:
        """Answer the complete request."""
        scope = {
            "headers": self.headers,
            "raw_path": self.url.path,
            "query_string": self.url.query or b"",
            "method": self.parser.get_method().decode(),
            "http_version": "1.1",
            "client": self.transport.get_extra_info("peername"),
        }
        answer = handler(gateway.event(scope, b""), None)
        head = "".join(f"{name}: {value}\r\n" for name, value in answer["headers"].items())
        self.transport.write(f"{_STATUS[answer['statusCode']]}{head}\r\n{answer['body']}".encode())


async def protocol(port: int) -> None:
    """Serve with `Protocol` for ever."""
    server = await asyncio.get_running_loop().create_server(Protocol, HOST, port)
    await server.serve_forever()


if __name__ == "__main__":
    kind, port = sys.argv[1], int(sys.argv[2])
    if kind == "protocol":
        uvloop.run(protocol(port))
    vars(gateway)["event"] = lambda _scope, _body: {}
    app = gateway.application(constant)
    uvicorn.run(app, host=HOST, port=port, lifespan="off", log_config=None, access_log=False)
