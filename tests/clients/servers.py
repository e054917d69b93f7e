"""The two servers that a client meets besides ours: one for files, and one in front of the service."""

from __future__ import annotations

import http.client
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self
from urllib.parse import unquote, urlsplit

CHANGED, SHORTER, CUT_SHORT = "changed", "shorter", "cut short"
"""The faults of a download: another byte somewhere, half of it, or an end that never comes."""


class Request(NamedTuple):
    """A client's request. The names of its headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]


class Server:
    """A server on loopback that records each request and answers with `self.answer`.

    Args:
        tls: its TLS settings; plain HTTP without.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.files: dict[str, bytes] = {}
        self.fault = ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.requests.append(Request(self.command, self.path, headers))
                outer.answer(self, headers)

            do_HEAD = do_GET  # noqa: N815 (the library's name)

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self.url = f"https://localhost:{self.port}" if tls else f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler, _headers: dict[str, str]) -> None:
        """Send the file that the end of the path names, unchanged or with the fault in `fault`."""
        body = self.files.get(unquote(urlsplit(request.path).path.rpartition("/")[2]))
        if body is None:
            self.send(request, 404, {}, b"")
        elif self.fault == CUT_SHORT:
            self.send(request, 200, {"content-length": str(len(body))}, body[: len(body) // 2])
            request.close_connection = True
        else:
            sent = {CHANGED: body[:-1] + bytes([body[-1] ^ 1]), SHORTER: body[: len(body) // 2]}.get(self.fault, body)
            self.send(request, 200, {"content-type": "application/octet-stream"}, sent)

    @staticmethod
    def send(request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes) -> None:
        """Send an answer. Its length is that of the body, unless `headers` have another."""
        request.send_response_only(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Front(Server):
    """A server in front of the service, as a CDN is: it answers packages itself, and passes all else on.

    Args:
        service_port: the service's port on loopback.
        tls: its TLS settings; plain HTTP without.

    Attributes:
        files_at: the published URL of the files, and the one to replace it by, for clients that do not trust our
        authority.
    """

    def __init__(self, service_port: int, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self._service_port = service_port
        self.files_at: tuple[str, str] = ("", "")

    def answer(self, request: BaseHTTPRequestHandler, headers: dict[str, str]) -> None:
        """Send a package, or the service's answer. A client's request is passed on whole."""
        if urlsplit(request.path).path.endswith(".nupkg"):
            super().answer(request, headers)
            return
        service = http.client.HTTPConnection("127.0.0.1", self._service_port, timeout=10)
        service.request(request.command, request.path, headers=headers)
        answer = service.getresponse()
        body = answer.read()
        given = {name: value for name, value in answer.getheaders() if name not in ("connection", "transfer-encoding")}
        service.close()
        stored_at, read_at = (url.encode() for url in self.files_at)
        elsewhere = body.replace(stored_at, read_at) if all(self.files_at) else body
        self.send(request, answer.status, given | {"content-length": str(len(elsewhere))}, elsewhere)
