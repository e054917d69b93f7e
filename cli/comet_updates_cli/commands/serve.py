"""The command `serve`: the service on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from comet_updates_cli import sample_files
from comet_updates_cli.terminal import refusals, say, warn

app = typer.Typer()

NOT_INSTALLED = 'comet-updates: serve: not installed. Type: pip install "comet-updates[serve]"'


@app.command("serve")
def serve_here(
    samples: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Folder with the layout of the bucket, uploaded at the start. Default: sample releases.",
        ),
    ] = None,
    *,
    empty: Annotated[bool, typer.Option("--empty", help="Start without releases.")] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            file_okay=False, help="Folder that keeps the data. Default: all data is deleted at the end. Starts empty."
        ),
    ] = None,
    port: Annotated[int, typer.Option(envvar="PORT", min=1, max=65535, help="Port of the service.")] = 8080,
    s3_port: Annotated[int, typer.Option(envvar="S3_PORT", min=1, max=65535, help="Port of the local S3.")] = 9090,
    online_key: Annotated[
        str, typer.Option(help="Your own online key for snapshot and timestamp: file2:key.pem.")
    ] = "",
) -> None:
    """Run the service on this machine. It uses a local S3 and stops at Ctrl-C.

    Prints a line for each channel that it publishes and for each problem of an upload that it refuses.
    It needs more packages than the other commands: install `comet-updates[serve]`.
    """
    if samples and empty:
        raise typer.BadParameter("--samples and --empty exclude each other. Use one of them.")
    try:
        from comet_updates_cli.local import serve  # noqa: PLC0415 (needs the extra `serve`, which nothing else does)
    except ModuleNotFoundError as error:
        warn(NOT_INSTALLED)
        raise typer.Exit(2) from error
    folder = samples or (None if empty or data else sample_files.folder())
    with refusals():
        serve.serve(
            serve.Ports(port, s3_port),
            folder,
            online_key,
            os.environ,
            data=data,
            program=sys.argv[0],
            say=lambda text: say(*text.splitlines()),
        )
