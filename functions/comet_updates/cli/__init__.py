"""The command `comet-updates`: arguments, printing and exit codes; no decisions.

Exit codes: 0 done, 1 refused, 2 wrong usage.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from comet_updates import __version__
from comet_updates.errors import CometError

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:  # noqa: FBT001 (typer's way)
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Software updates that cannot tell their users apart."""


@app.command("serve")
def serve_here(
    samples: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="A folder laid out like the bucket, to upload first."),
    ] = None,
    port: Annotated[int, typer.Option(envvar="PORT", min=1, max=65535, help="Where the service listens.")] = 8080,
    s3_port: Annotated[int, typer.Option(envvar="S3_PORT", min=1, max=65535, help="Where its S3 listens.")] = 9090,
) -> None:
    """Run the whole service on this machine, with an S3 of its own, until Ctrl-C."""
    from comet_updates.cli import serve  # noqa: PLC0415 (needs the extra `serve`, which nothing else does)

    try:
        serve.serve(serve.Ports(port, s3_port), samples, os.environ, typer.echo)
    except CometError as error:
        typer.echo(f"comet-updates: {error}", err=True)
        raise typer.Exit(1) from error
