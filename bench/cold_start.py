"""Cold start of the built answering function, beside a hello-world handler and one that only makes a boto3 client.

`make bench` runs it: each round starts all three, in a random order, through Lambda's own runtime; a figure is from the
first request to its answer, so it holds the initialisation with its first GET. Compare ratios, not milliseconds.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from bench.lambda_runtime import ROOT, lambda_runtime

BUILD = ROOT / ".aws-sam" / "build"
EVENT = json.loads((ROOT / "events" / "get.json").read_text())
DOCUMENT = (ROOT / "examples" / "releases" / "comet-cursor" / "stable" / "4.2.1.json").read_bytes()
HELLO = "def handler(event, context):\n    return {'statusCode': 200}\n"
CLIENT = "import boto3\ns3 = boto3.client('s3')\n" + HELLO


class Case(NamedTuple):
    """A function to start."""

    handler: str
    path: list[Path]


class _ObjectStore(BaseHTTPRequestHandler):
    """Stands in for S3 at its fastest: one document under every key."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        for name, value in (("content-length", str(len(DOCUMENT))), ("etag", '"1"')):
            self.send_header(name, value)
        self.send_header("last-modified", "Fri, 20 Nov 2026 12:00:00 GMT")
        self.end_headers()
        self.wfile.write(DOCUMENT)

    def log_message(self, *_: object) -> None:
        pass


def measure(cases: dict[str, Case], rounds: int, settings: dict[str, str]) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of the first and the second request, for each case and round."""
    times: dict[str, dict[str, list[float]]] = {name: {"first": [], "second": []} for name in cases}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", flush=True)
        for name, case in random.sample(sorted(cases.items()), len(cases)):
            with lambda_runtime(case.handler, case.path, settings) as invoke:
                for request in ("first", "second"):
                    started = time.perf_counter()
                    answer = invoke(EVENT)
                    times[name][request].append((time.perf_counter() - started) * 1000)
                    if answer["statusCode"] != 200:  # noqa: PLR2004
                        raise RuntimeError(f"{name} answered {answer}")
    return times


def zipped_bytes(folder: Path) -> int:
    """The size of `folder` as it is deployed."""
    with tempfile.TemporaryDirectory() as scratch:
        return Path(shutil.make_archive(f"{scratch}/package", "zip", folder)).stat().st_size


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    server = ThreadingHTTPServer(("127.0.0.1", 0), _ObjectStore)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings = {
        "BUCKET": "bucket",
        "MEMORY_TTL_S": "60",
        "LOG_LEVEL": "INFO",
        "LOG_SUCCESSES": "true",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "S3_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
    }
    with tempfile.TemporaryDirectory() as scratch:
        for name, source in (("hello", HELLO), ("client", CLIENT)):
            (Path(scratch) / f"{name}.py").write_text(source)
        cases = {
            "hello": Case("hello.handler", [Path(scratch)]),
            "client": Case("client.handler", [Path(scratch), BUILD / "PublishLayer" / "python"]),
            "answer": Case(
                "comet_updates.answer.handler.handler", [BUILD / "AnswerFunction", BUILD / "AnswerLayer" / "python"]
            ),
        }
        times = measure(cases, rounds, settings)
    for name, figures in times.items():
        first, second = (sorted(figures[request]) for request in ("first", "second"))
        ratios = [own / hello for own, hello in zip(figures["first"], times["hello"]["first"], strict=True)]
        print(
            f"{name:7} first {statistics.median(first):6.1f} ms ({first[0]:.1f} to {first[-1]:.1f}), "
            f"{statistics.median(ratios):.2f} x hello; second {statistics.median(second):.1f} ms"
        )
    for folder in ("AnswerFunction", "AnswerLayer", "PublishFunction", "PublishLayer"):
        print(f"{folder:15} {zipped_bytes(BUILD / folder) / 1e6:.2f} MB zipped")


if __name__ == "__main__":
    main()
