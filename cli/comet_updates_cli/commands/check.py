"""The command `check`: is this document valid?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from comet_updates_cli.options import AsJson
from comet_updates_cli.terminal import say, say_json, warn

app = typer.Typer()


@app.command("check")
def check_files(
    files: Annotated[list[Path], typer.Argument(exists=True, help="Documents, or folders of them.", metavar="FILE...")],
    *,
    as_json: AsJson = False,
) -> None:
    """Check documents before you upload them. Lists all problems.

    Only reads files. Exit code 1: there is a problem. 2: no document was found.
    """
    from comet_updates_cli import check_documents  # noqa: PLC0415 (as above)

    checked = check_documents.files_in(files)
    if not checked:
        raise typer.BadParameter(f"{files[0]}: has no document to check. Name a folder with .json files.")
    findings = check_documents.check(checked)
    if as_json:
        say_json({"files": len(checked), "problems": [finding._asdict() for finding in findings]})
    else:
        say(*findings)
        warn(f"{len(checked)} files, {len(findings)} problems")
    raise typer.Exit(1 if findings else 0)
