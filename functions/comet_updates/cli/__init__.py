"""The command `comet-updates`: arguments, printing and exit codes; no decisions.

Exit codes: 0 done, 1 refused, 2 wrong usage.
"""

from __future__ import annotations

import json
import os
from collections import Counter
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


@app.command("audit")
def audit_stack(
    stack: Annotated[str, typer.Argument(help="The name of the deployed stack.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    endpoint_url: Annotated[str | None, typer.Option(help="Another AWS than Amazon's.")] = None,
) -> None:
    """Compare a deployed stack with what is promised. Reads, and only reads.

    Exit code 0: all was seen and holds. 1: something differs, could not be seen, or there is no such stack. Credentials
    and region come from the AWS_* environment; `comet-updates audit-rights` prints the policy that the auditor needs.
    """
    from comet_updates.cli import account, audit  # noqa: PLC0415 (a start of any other command need not load AWS)

    try:
        findings = audit.audit(stack, account.Account(endpoint_url).read)
    except CometError as error:
        typer.echo(f"comet-updates: {error}", err=True)
        raise typer.Exit(1) from error
    numbers = Counter(finding.status for finding in findings)
    holds = numbers[audit.Status.HOLDS] == len(findings)
    if as_json:
        shown = [finding._asdict() | {"status": finding.status.value} for finding in findings]
        typer.echo(json.dumps({"stack": stack, "holds": holds, "findings": shown, "never_seen": audit.ALWAYS_UNSEEN}))
        raise typer.Exit(0 if holds else 1)
    area = ""
    for finding in findings:
        if finding.area != area:
            typer.echo(area := finding.area)
        typer.echo(f"  {finding.status.value:8} {' '.join(filter(None, (finding.resource, finding.says)))}".rstrip())
        if finding.remedy:
            typer.echo(f"{'':11}→ {finding.remedy}")
    typer.echo(f"Nobody can see from an account: {'; '.join(audit.ALWAYS_UNSEEN)}.")
    hold, differ, unseen = (numbers[status] for status in audit.Status)
    typer.echo(f"{hold} hold, {differ} differ, {unseen} could not be seen")
    raise typer.Exit(0 if holds else 1)


@app.command("audit-rights")
def audit_rights() -> None:
    """Print the smallest IAM policy that `audit` needs: it reads, and nothing else."""
    from comet_updates.cli.account import READS  # noqa: PLC0415 (as above)

    statement = {"Effect": "Allow", "Action": sorted(set(READS.values())), "Resource": "*"}
    typer.echo(json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2))
