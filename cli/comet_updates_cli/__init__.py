"""The command `comet-updates`. Each file of `commands/` has one command, or one and what undoes it.

The help of `main` lists the exit codes.
"""

from __future__ import annotations

from typing import Annotated

import typer

from comet_updates import __version__
from comet_updates_cli.commands import (
    approve,
    ask,
    audit,
    check,
    history,
    import_feed,
    keys,
    pause,
    pin,
    promote,
    publisher,
    release,
    rollback,
    rollout,
    schedule,
    serve,
    status,
    yank,
)
from comet_updates_cli.options import SIGNS_WITH, SignWith
from comet_updates_cli.terminal import say

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
for command in (
    serve,
    import_feed,
    check,
    status,
    history,
    audit,
    release,
    pause,
    pin,
    yank,
    rollback,
    rollout,
    promote,
    approve,
    schedule,
    publisher,
    ask,
):
    app.add_typer(command.app)
app.add_typer(keys.app, name="keys")


def _version(wanted: bool) -> None:  # noqa: FBT001 (typer's way)
    if wanted:
        say(__version__)
        raise typer.Exit


@app.callback()
def main(
    *,
    sign_with: Annotated[
        str,
        typer.Option(
            envvar="COMET_SIGN_WITH", help="Product key that signs releases: file2:key.pem, awskms:ARN or hsm:..."
        ),
    ] = "",
    sign_appcast_with: Annotated[
        str, typer.Option(envvar="COMET_SIGN_APPCAST_WITH", help="Key that signs Sparkle's appcast: file2:key.pem.")
    ] = "",
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Software updates that cannot tell their users apart.

    Exit codes: 0 done, or done before; 1 refused, check failed, or S3 unavailable (the reason is printed); 2 usage
    error; 3 with --wait: all is well, but clients do not get it yet (the reason is printed).

    AWS credentials and region come from the AWS_* environment variables. `--install-completion` adds tab completion
    to bash, zsh, fish and PowerShell.
    """
    del version  # its callback has already exited
    SIGNS_WITH.set(SignWith(sign_with, sign_appcast_with))
