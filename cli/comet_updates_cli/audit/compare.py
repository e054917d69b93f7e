"""Compares a deployed stack with the privacy promises. It only reads, and reports what it cannot read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from comet_updates.answer.errors import CometError
from comet_updates_cli.audit import (
    account_wide,
    allowed,
    api_gateway,
    bucket_and_logs,
    cloudfront,
    cloudwatch,
    code,
    codedeploy,
    functions,
    roles,
)
from comet_updates_cli.audit.account import UnseenError
from comet_updates_cli.audit.stack import (
    Difference,
    Differences,
    Look,
    MissingResourceError,
    NotComparedError,
    Read,
    Stack,
    stack_of,
)

ALWAYS_UNSEEN = (
    "records of connections in AWS's own systems",
    "rules of the organisation above this account",
    "earlier and later deployments",
)
"""Facts that no audit of an account can see."""


class Status(Enum):
    """The result of an area."""

    HOLDS = "holds"
    DIFFERS = "differs"
    UNSEEN = "unseen"


class Finding(NamedTuple):
    """One result of the audit.

    Attributes:
        area: one of `AREAS`.
        resource: the resource that differs; empty for the whole area.
        status: the result.
        says: how it differs from the promise, or what could not be read; empty if the area holds.
        remedy: what to do, in one sentence without the final stop; empty if the area holds.
    """

    area: str
    resource: str
    status: Status
    says: str
    remedy: str


class NoStackError(CometError):
    """The stack does not exist, or cannot be read."""


class Area(NamedTuple):
    """Checks that belong together. They run separately: a missing right for one does not hide the others' results."""

    looks: tuple[Look, ...]
    remedy: str


def audit(name: str, read: Read, build: Path | None = None) -> list[Finding]:
    """Return the differences between the stack `name` and the promises, area by area.

    Args:
        name: the name of the stack.
        read: reads the account.
        build: the folder of `sam build` to compare the code with; `None` if the code cannot be compared.

    Raises:
        NoStackError: the stack does not exist, or cannot be read.
    """
    try:
        listed = read("cloudformation", "ListStackResources", StackName=name).get("StackResourceSummaries", ())
    except UnseenError as error:
        remedy = f"Check its name, the region and the right {error.right}."
        raise NoStackError(f"stack {name!r}: cannot be read: {error.reason}. {remedy}") from error
    stack = stack_of(listed, build)
    return [finding for area in AREAS for finding in audit_area(area, stack, read)]


def audit_area(area: str, stack: Stack, read: Read) -> Iterable[Finding]:
    """Return the differences in one of `AREAS`, or that it holds."""
    # Many checks may need the same missing right or resource: report it once.
    found = dict.fromkeys(finding for look in AREAS[area].looks for finding in _seen(area, look(stack, read)))
    return found or [Finding(area, "", Status.HOLDS, "", "")]


def _seen(area: str, differences: Differences) -> Iterator[Finding]:
    remedy = AREAS[area].remedy
    try:
        for difference in differences:
            yield Finding(area, difference.resource, Status.DIFFERS, difference.says, remedy)
    except MissingResourceError as error:
        yield Finding(area, error.resource, Status.DIFFERS, "is not in the stack", "deploy the template again")
    except NotComparedError as error:
        yield Finding(area, error.resource, Status.UNSEEN, error.reason, error.remedy)
    except UnseenError as error:
        allow = (
            f"allow {error.right}, or try again if it was not refused; `comet-updates audit-rights` prints all rights"
        )
        yield Finding(area, "", Status.UNSEEN, f"needs the right {error.right} ({error.reason})", allow)


def _resources(stack: Stack, _read: Read) -> Differences:
    there = stack.numbers()
    decided = Counter({type_: number for type_, (number, _) in allowed.RESOURCE_TYPES.items()})
    for name, (type_, _) in allowed.CONDITIONAL.items():
        decided[type_] -= not stack.expects(name)
    for type_ in sorted(there.keys() | decided.keys()):
        if there[type_] != decided[type_]:
            yield Difference(type_, f"exists {there[type_]} times instead of {decided[type_]}")


AREAS: Mapping[str, Area] = {
    "resources of the stack": Area((_resources,), "deploy a template that `make policy` accepts"),
    "stages of the gateway": Area((api_gateway.stages,), "remove it from the stage, or deploy the template again"),
    "routes of the gateway": Area(
        (api_gateway.origins, api_gateway.routes, api_gateway.integrations, api_gateway.domain),
        "remove it from the gateway, or deploy the template again",
    ),
    "CDN": Area(
        (cloudfront.distribution, cloudfront.key, cloudfront.signing, cloudfront.metrics, cloudfront.deliveries),
        "restore the template's settings of the distribution",
    ),
    "functions": Area((functions.configurations,), "restore the template's settings of the function"),
    "code": Area(
        (code.answering, code.publishing),
        "compare with a build of the deployed commit by the same Python; if it differs, find out who deployed it",
    ),
    "deployment of the answering function": Area(
        (codedeploy.alias, codedeploy.group),
        "wait for a running deployment, or deploy the template again with DeployGradually=true",
    ),
    "other ways into the functions": Area(
        (functions.urls, functions.callers, functions.destinations, functions.sources),
        "delete it",
    ),
    "logs": Area(
        (
            bucket_and_logs.retention,
            bucket_and_logs.subscriptions,
            bucket_and_logs.metric_filters,
            bucket_and_logs.strays,
        ),
        "delete the filter or the extra log, and set the retention back",
    ),
    "alarms and dashboard": Area((cloudwatch.alarms, cloudwatch.dashboard), "restore the template's settings"),
    "policies for all logs of the account": Area(
        (account_wide.log_policies,), "exclude the logs of the stack from it (selectionCriteria), or delete it"
    ),
    "roles": Area((roles.attached, roles.inline, roles.trust), "restore the template's settings of the role"),
    "bucket": Area(
        (
            bucket_and_logs.bucket_log,
            bucket_and_logs.notifications,
            bucket_and_logs.public_access,
            bucket_and_logs.bucket_policy,
            bucket_and_logs.copies,
            bucket_and_logs.inventories,
            bucket_and_logs.analytics,
            bucket_and_logs.versions,
            bucket_and_logs.encryption,
        ),
        "restore the template's settings of the bucket",
    ),
    "trails": Area((account_wide.trails,), "exclude bucket and functions from its data events"),
    "rankings of log entries": Area((account_wide.rankings,), "exclude the logs of the stack from it"),
    "telemetry rules": Area((account_wide.telemetry,), "delete it, or exclude this stack from it"),
}
"""The areas of the audit, in the order in which they are printed."""
