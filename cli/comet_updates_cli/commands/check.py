"""The command `check`: is this document valid?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from comet_updates_cli.options import AsJson

app = typer.Typer()


@app.command("check")
def check_files(
    files: Annotated[list[Path], typer.Argument(exists=True, help="Documents, or folders of them.", metavar="FILE...")],
    *,
    as_json: AsJson = False,
) -> None:
    """Check documents before you upload them. Lists all problems.

    Only reads files. Exit code 1: there is a problem.
    """
    from comet_updates_cli import check_documents  # noqa: PLC0415 (as above)

    checked = check_documents.files_in(files)
    try:
        findings = check_documents.check(checked)
    except OSError as error:
        typer.echo(f"comet-updates: {error.filename}: cannot be read: {error.strerror}. Check the file.", err=True)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps({"files": len(checked), "problems": [finding._asdict() for finding in findings]}))
    else:
        for finding in findings:
            typer.echo(finding)
        typer.echo(f"{len(checked)} files, {len(findings)} problems", err=True)
    raise typer.Exit(1 if findings else 0)
