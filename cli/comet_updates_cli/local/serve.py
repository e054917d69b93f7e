"""The service on one machine: moto's S3, the publishing function behind its queue, the answering function behind HTTP.

Both functions are the handlers that Lambda runs. They are configured through the environment, as in Lambda.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import NamedTuple

import uvicorn

from comet_updates import object_keys
from comet_updates.errors import PortInUseError
from comet_updates.publish.bucket import open_bucket
from comet_updates.publish.handler import handler as publish
from comet_updates_cli.local import gateway, sample_keys
from comet_updates_cli.local.local_aws import LocalAws

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
    say: Callable[[str], None],
) -> None:
    """Run the service until it is interrupted.

    Args:
        ports: both on loopback.
        samples: a folder with the layout of the bucket, uploaded at the start and signed with temporary keys.
        online_key: the URI of the online key for snapshot and timestamp; empty for that of the samples, or none.
        environment: the environment of the process; the handlers' settings are written to it.
        say: prints a line for the user.

    Raises:
        PortInUseError: a port is in use.
    """
    for port, variable in ((ports.service, "PORT"), (ports.s3, "S3_PORT")):
        _check_free(port, variable)
    aws = LocalAws(ports.s3, BUCKET, REGION)
    _configure(environment, aws.endpoint_url, _url(ports.service))
    aws.start()
    keys = Path(tempfile.mkdtemp(prefix="comet-updates-"))
    try:
        if samples:
            aws.upload(samples)
            online_key = online_key or sample_keys.sign(open_bucket(BUCKET, aws.endpoint_url), keys)
        environment["ONLINE_KEY"] = online_key or "none"
        publish({"sweep": True}, None)
        # Import it only now: it reads its settings and sends its first GET when it is loaded, as in Lambda.
        from comet_updates.answer.handler import handler as answer  # noqa: PLC0415

        aws.trigger(publish)
        _Server(answer, ports.service, lambda: _greet(ports, sample_keys.product_key(keys), say)).run()
    finally:
        aws.stop()
        shutil.rmtree(keys)


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


def _greet(ports: Ports, product_key: str, say: Callable[[str], None]) -> None:
    service, s3 = _url(ports.service), _url(ports.s3)
    upload, broken = (object_keys.release_key("comet-cursor", "stable", version) for version in ("4.2.1", "4.2.2"))
    say(f"""\
ready {service}

Get the latest release:
  curl -i {service}/v1/comet-cursor/stable

Get it as an updater does (also appcast.xml, latest.yml, RELEASES, RELEASES.json, releases.win.json, feed.atom):
  curl -i {service}/v1/comet-cursor/stable/tauri.json

Upload a newer release with any S3 client (bucket {BUCKET}, any credentials), then get it again:
  curl -T examples/{upload} {s3}/{BUCKET}/{upload}
  aws --endpoint-url {s3} s3 cp examples/{upload} s3://{BUCKET}/{upload}

Upload a broken release, and read why it was refused:
  echo '{{}}' | curl -T - {s3}/{BUCKET}/{broken}
  curl --aws-sigv4 aws:amz:{REGION}:s3 --user any:any {s3}/{BUCKET}/{object_keys.rejected_key(broken)}

Verify the latest release with a standard TUF client, starting from the root alone:
  .venv/bin/python examples/clients/tuf_client.py {service} comet-cursor stable

TUF clients see only signed releases. Sign your upload, as a pipeline does when it releases:
  .venv/bin/comet-updates --sign-with {product_key} keys renew comet-cursor --bucket {BUCKET} --endpoint-url {s3}

Stop with Ctrl-C. All data is deleted then.""")
