"""The commands `audit` and `audit-rights`: is a deployed stack as promised?"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from comet_updates_cli.options import AsJson, EndpointUrl
from comet_updates_cli.terminal import refusals, say, say_json

app = typer.Typer()


@app.command("audit")
def audit_stack(
    stack: Annotated[str, typer.Argument(help="Name of the deployed CloudFormation stack.")],
    *,
    build: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, help="Folder of `make build` to compare the code with: .aws-sam/build."
        ),
    ] = None,
    as_json: AsJson = False,
    endpoint_url: EndpointUrl = None,
) -> None:
    """Compare a stack with the privacy promises. Only reads.

    With `--build`, it also compares the code of the functions and layers with a build, file by file. Exit code 0:
    everything could be read and is as promised. 1: something differs, could not be read or was not compared, or the
    stack does not exist. `comet-updates audit-rights` prints the IAM policy that an auditor needs.
    """
    from comet_updates_cli.audit import account, code, compare  # noqa: PLC0415 (other commands need not load AWS)

    if build and (missing := code.missing_packages(build)):
        problem = f"{build}: has no folder {missing[0]}. Build the packages with `make build`."
        raise typer.BadParameter(problem, param_hint="--build")
    with refusals():
        findings = compare.audit(stack, account.Account(endpoint_url).read, build)
    numbers = Counter(finding.status for finding in findings)
    holds = numbers[compare.Status.HOLDS] == len(findings)
    if as_json:
        shown = [finding._asdict() | {"status": finding.status.value} for finding in findings]
        say_json({"stack": stack, "holds": holds, "findings": shown, "never_seen": compare.ALWAYS_UNSEEN})
        raise typer.Exit(0 if holds else 1)
    area = ""
    for finding in findings:
        if finding.area != area:
            say(area := finding.area)
        say(f"  {finding.status.value:8} {' '.join(filter(None, (finding.resource, finding.says)))}".rstrip())
        if finding.remedy:
            say(f"{'':11}→ {finding.remedy}")
    say(f"No audit can see: {'; '.join(compare.ALWAYS_UNSEEN)}.")
    hold, differ, unseen = (numbers[status] for status in compare.Status)
    say(f"{hold} hold, {differ} differ, {unseen} could not be read")
    raise typer.Exit(0 if holds else 1)


@app.command("audit-rights")
def audit_rights() -> None:
    """Print the IAM policy that `audit` needs. It only allows reading."""
    from comet_updates_cli.audit.account import READS  # noqa: PLC0415 (as above)

    statement = {"Effect": "Allow", "Action": sorted(set(READS.values())), "Resource": "*"}
    say_json({"Version": "2012-10-17", "Statement": [statement]}, indent=2)
