"""The command `serve`: the service on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from comet_updates_cli.terminal import refusals, say

app = typer.Typer()


@app.command("serve")
def serve_here(
    samples: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Folder with the layout of the bucket, uploaded at the start."),
    ] = None,
    port: Annotated[int, typer.Option(envvar="PORT", min=1, max=65535, help="Port of the service.")] = 8080,
    s3_port: Annotated[int, typer.Option(envvar="S3_PORT", min=1, max=65535, help="Port of the local S3.")] = 9090,
    online_key: Annotated[
        str, typer.Option(help="Your own online key for snapshot and timestamp: file2:key.pem.")
    ] = "",
) -> None:
    """Run the service on this machine. It uses a local S3 and stops at Ctrl-C."""
    from comet_updates_cli.local import serve  # noqa: PLC0415 (needs the extra `serve`, which nothing else does)

    with refusals():
        serve.serve(serve.Ports(port, s3_port), samples, online_key, os.environ, lambda text: say(*text.splitlines()))
