"""The service on one machine: moto's S3, the publishing function behind its queue, the answering function behind HTTP.

Both functions are the handlers that Lambda runs. They are configured through the environment, as in Lambda.
"""

from __future__ import annotations

import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import NamedTuple

import uvicorn

from comet_updates.answer.errors import CometError
from comet_updates.errors import PortInUseError
from comet_updates.publish.bucket import Bucket, open_bucket
from comet_updates.publish.handler import handler as publish
from comet_updates_cli.local import gateway, sample_keys
from comet_updates_cli.local.greeting import Place, greeting
from comet_updates_cli.local.kept import KeptBucket
from comet_updates_cli.local.local_aws import LocalAws
from comet_updates_cli.local.news import News

HOST = "127.0.0.1"
BUCKET = "comet-updates"
REGION = "us-east-1"
MEMORY_TTL_S = "1"  # show a new release at once; in the cloud, a minute is cheaper


class Ports(NamedTuple):
    """The ports of the service and of its S3."""

    service: int
    s3: int


def serve(
    ports: Ports,
    samples: Path | None,
    online_key: str,
    environment: MutableMapping[str, str],
    *,
    data: Path | None = None,
    program: str,
    say: Callable[[str], None],
) -> None:
    """Run the service until it is interrupted.

    Args:
        ports: both on loopback.
        samples: a folder with the layout of the bucket, uploaded at the start. Temporary keys sign it, unless there is
            an `online_key`.
        online_key: the URI of the online key for snapshot and timestamp; empty for that of the samples, or none.
        environment: the environment of the process; the handlers' settings are written to it.
        data: a folder that keeps the bucket and the keys between two runs, or None to delete them. Samples are uploaded
            only if it is empty.
        program: how the user started this command, for the commands that are shown.
        say: prints a line for the user.

    Raises:
        PortInUseError: a port is in use.
    """
    for port, variable in ((ports.service, "PORT"), (ports.s3, "S3_PORT")):
        _check_free(port, variable)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # clean up as after Ctrl-C
    aws = LocalAws(ports.s3, BUCKET, REGION)
    _configure(environment, aws.endpoint_url, _url(ports.service))
    aws.start()
    keys = data / "keys" if data else Path(tempfile.mkdtemp(prefix="comet-updates-"))
    try:
        bucket = open_bucket(BUCKET, aws.endpoint_url)
        kept = KeptBucket(data / "bucket") if data else None
        is_new = not (kept and aws.restore(kept.objects()))
        if samples and is_new:
            keys.mkdir(parents=True, exist_ok=True)
            aws.upload(samples)
            if not online_key:
                sample_keys.sign(bucket, keys)
        has_keys = sample_keys.has_online_key(keys)
        environment["ONLINE_KEY"] = online_key or (sample_keys.online_key(keys) if has_keys else "none")
        publish({"sweep": True}, None)
        # Import it only now: it reads its settings and sends its first GET when it is loaded, as in Lambda.
        from comet_updates.answer.handler import handler as answer  # noqa: PLC0415

        aws.trigger(publish, _after(News(bucket), kept, bucket, say))
        service = _url(ports.service)
        place = Place(service, aws.endpoint_url, BUCKET, REGION, program, keys if has_keys else None, bool(data))
        _Server(answer, ports.service, lambda: say(greeting(place, samples))).run()
    finally:
        aws.stop()
        if not data:
            shutil.rmtree(keys)


def _after(news: News, kept: KeptBucket | None, bucket: Bucket, say: Callable[[str], None]) -> Callable[[], None]:
    """Return what to do after each run of the publishing function: print what changed, and keep it."""

    def after() -> None:
        try:
            for line in news.lines():
                say(line)
            if kept:
                kept.save(bucket)
        except CometError as error:
            say(f"comet-updates: {error}")

    return after


class _Server(uvicorn.Server):
    """uvicorn without logs and its own headers; calls `on_ready` when it listens."""

    def __init__(self, answer: gateway.Handler, port: int, on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                gateway.application(answer),
                host=HOST,
                port=port,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
            )
        )
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()


def _check_free(port: int, variable: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortInUseError(port, variable) from error


def _configure(environment: MutableMapping[str, str], endpoint_url: str, service_url: str) -> None:
    """Point everything at this machine, even if the user is signed in to an AWS account."""
    for name in [name for name in environment if name.startswith("AWS_") and name != "AWS_CA_BUNDLE"]:
        del environment[name]
    environment.update(
        AWS_ACCESS_KEY_ID="local",
        AWS_SECRET_ACCESS_KEY="local",  # noqa: S106 (any will do)
        AWS_REGION=REGION,
        AWS_DEFAULT_REGION=REGION,
        S3_ENDPOINT=endpoint_url,
        SERVICE_URL=service_url,
        NO_PROXY=HOST,
        BUCKET=BUCKET,
        MEMORY_TTL_S=MEMORY_TTL_S,
        LOG_LEVEL="INFO",
        LOG_SUCCESSES="false",
    )


def _url(port: int) -> str:
    return f"http://{HOST}:{port}"
