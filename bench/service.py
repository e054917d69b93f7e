"""The service on one machine over HTTP, beside Hazel and nginx that answer with as many bytes.

All run at once and are loaded in turns, one at a time. Hazel keeps the release in memory, nginx reads a file.
"""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.figures import Row, Section, ratio, spread
from bench.load import WRK, load
from testkit.lambda_runtime import ROOT, free_port

COMMAND = "python -m bench service"
SECONDS = 1.0
CONNECTIONS = (1, 16)
PATH = "/v1/comet-cursor/stable"
PEERS = ROOT / "bench" / "peers"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
START_S = 30.0
FRONTS = {
    "constant": "uvicorn alone, the answer ready",
    "protocol": "the handler behind the least of a protocol",
}
# As the service answers: compact, kept alive, no log.
NGINX_CONF = """
daemon off; worker_processes 1; pid {folder}/pid; error_log /dev/null;
events {{}}
http {{
    access_log off; keepalive_requests 1000000000; open_file_cache max=10; default_type application/json;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{ listen 127.0.0.1:{port}; root {folder}/www; }}
}}
"""


class Peer(NamedTuple):
    """A running server, and the path to request from it."""

    port: int
    path: str


def measure(rounds: int) -> Section:
    """Load each available server, `rounds` times."""
    missing: dict[str, str] = {}
    rates: dict[str, dict[int, list[float]]] = {}
    if not WRK:
        missing["all"] = "wrk is not on PATH"
    else:
        rates = _rates(rounds, missing)
    rows: dict[str, Row] = {}
    for name, own in rates.items():
        rows[name] = {}
        for connections in CONNECTIONS:
            rows[name][f"requests a second, {connections} connections"] = spread(own[connections])
            for peer in ("hazel", "nginx"):
                if peer in rates:
                    against = ratio(own[connections], rates[peer][connections])
                    rows[name][f"x {peer}, {connections} connections"] = against
    return Section(
        command=COMMAND,
        about=f"{rounds} rounds of {SECONDS:g} s with wrk, one thread, in turns. Hazel 5.1.1 behind Node's own server, "
        "nginx with one process; each answers with 200 and as many bytes.",
        rows=rows,
        missing=missing,
    )


def _rates(rounds: int, missing: dict[str, str]) -> dict[str, dict[int, list[float]]]:
    rates: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    with ExitStack() as stack:
        peers = {"comet-updates serve": stack.enter_context(_ours())}
        body = _ask(peers["comet-updates serve"])
        for kind, title in FRONTS.items():
            peers[title] = stack.enter_context(_front(kind))
        if (PEERS / "node_modules" / "hazel-server").exists():
            peers["hazel"] = stack.enter_context(_hazel(len(body)))
        else:
            missing["hazel"] = "npm is not on PATH, or could not install bench/peers"
        if NGINX:
            peers["nginx"] = stack.enter_context(_nginx(body))
        else:
            missing["nginx"] = "nginx is not on PATH"
        names = list(peers)
        for number in range(-1, rounds):  # the first round is not counted
            for name in names[number % len(names) :] + names[: number % len(names)]:
                for connections in CONNECTIONS:
                    done = load(f"http://127.0.0.1:{peers[name].port}{peers[name].path}", connections, SECONDS)
                    if number >= 0:
                        rates[name][connections].append(done.rate)
    return rates


@contextmanager
def _ours() -> Iterator[Peer]:
    port, s3_port = free_port(), free_port()
    command = [ROOT / ".venv" / "bin" / "comet-updates", "serve", "--samples", ROOT / "samples"]
    with _running(command, {"PORT": str(port), "S3_PORT": str(s3_port)}):
        yield _ready(Peer(port, PATH))


@contextmanager
def _front(kind: str) -> Iterator[Peer]:
    peer = Peer(free_port(), PATH)
    where = {"BUCKET": "bucket", "S3_ENDPOINT": "http://127.0.0.1:9", "MEMORY_TTL_S": "60"}
    settings = where | {
        "LOG_LEVEL": "INFO",
        "LOG_SUCCESSES": "false",
        "PYTHONPATH": str(ROOT),
        "AWS_REGION": "us-east-1",
    }
    credentials = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    with _running([sys.executable, "-m", "bench.fronts", kind, peer.port], settings | credentials):
        yield _ready(peer)


@contextmanager
def _hazel(size_bytes: int) -> Iterator[Peer]:
    """Run Hazel with a release whose notes make the answer `size_bytes` long."""
    peer = Peer(free_port(), "/update/win32/4.2.0")
    command = ["node", PEERS / "hazel.js", str(peer.port)]
    with _running(command, {"NOTES_CHARS": "0"}):
        without_notes = len(_ask(_ready(peer)))
    with _running(command, {"NOTES_CHARS": str(size_bytes - without_notes)}):
        yield _ready(peer)


@contextmanager
def _nginx(body: bytes) -> Iterator[Peer]:
    with tempfile.TemporaryDirectory() as folder:
        peer = Peer(free_port(), PATH)
        file = Path(f"{folder}/www{PATH}")
        file.parent.mkdir(parents=True)
        file.write_bytes(body)
        os.chmod(folder, 0o755)  # noqa: PTH101 (its worker may be another user)
        (Path(folder) / "nginx.conf").write_text(NGINX_CONF.format(folder=folder, port=peer.port))
        with _running([str(NGINX), "-e", "/dev/null", "-c", f"{folder}/nginx.conf"], {}):
            yield _ready(peer)


@contextmanager
def _running(command: Sequence[object], settings: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(
        [str(word) for word in command], env=os.environ | settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=START_S)


def _ready(peer: Peer) -> Peer:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            _ask(peer)
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
        else:
            return peer
    raise TimeoutError(f"nothing answers at {peer}")


def _ask(peer: Peer) -> bytes:
    with closing(http.client.HTTPConnection("127.0.0.1", peer.port, timeout=5)) as connection:
        connection.request("GET", peer.path)
        response = connection.getresponse()
        if response.status != 200:  # noqa: PLR2004
            raise http.client.HTTPException(f"{peer} answered {response.status}")
        return response.read()
