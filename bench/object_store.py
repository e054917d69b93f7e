"""A substitute for S3 at its fastest: one document under every key, over TLS as with S3."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import botocore
import trustme

from testkit.lambda_runtime import ROOT

DOCUMENT = (ROOT / "examples" / "releases" / "comet-cursor" / "stable" / "4.2.1.json").read_bytes()
ETAG = f'"{hashlib.md5(DOCUMENT, usedforsecurity=False).hexdigest()}"'  # as in S3; the function checks it


class _OneDocument(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet; otherwise the second waits for the acknowledgement of the first

    def do_GET(self) -> None:
        if self.headers.get("if-none-match"):
            self.send_response(304)
            self.end_headers()
            return
        self.send_response(200)
        for name, value in (("content-length", str(len(DOCUMENT))), ("etag", ETAG)):
            self.send_header(name, value)
        self.send_header("last-modified", "Fri, 20 Nov 2026 12:00:00 GMT")
        self.end_headers()
        self.wfile.write(DOCUMENT)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    context: ssl.SSLContext

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # before the handshake, which would wait, too
        return self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, *_: object) -> None:  # a client that was killed with its connection open
        pass


@contextmanager
def object_store(folder: Path) -> Iterator[dict[str, str]]:
    """Run the store. Yield the settings of a function that reads from it.

    Args:
        folder: gets the file of trusted authorities: the server's own, and about those that a Lambda function trusts.
    """
    authority = trustme.CA()
    trusted = folder / "authorities.pem"
    public = Path(botocore.__file__).with_name("cacert.pem").read_bytes()
    trusted.write_bytes(public + authority.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = _Server(("127.0.0.1", 0), _OneDocument)
    server.context = context
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {
            "BUCKET": "bucket",
            "S3_ENDPOINT": f"https://localhost:{server.server_port}",
            "SSL_CERT_FILE": str(trusted),
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }
    finally:
        server.shutdown()
        server.server_close()
