"""Compares what is deployed with what was promised. It reads; what it cannot read, it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import NamedTuple

from comet_updates import deployment
from comet_updates.cli import (
    audit_cdn,
    audit_counts,
    audit_deployment,
    audit_functions,
    audit_gateway,
    audit_roles,
    audit_storage,
    audit_surroundings,
)
from comet_updates.cli.account import UnseenError
from comet_updates.cli.audit_stack import Difference, Differences, Look, MissingResourceError, Read, Stack, stack_of
from comet_updates.errors import CometError

ALWAYS_UNSEEN = (
    "what AWS's own systems keep of a connection",
    "rules of the organisation above this account",
    "what was deployed before now, and what will be",
)
"""What no audit of an account can see."""


class Status(Enum):
    """How an area is."""

    HOLDS = "holds"
    DIFFERS = "differs"
    UNSEEN = "unseen"


class Finding(NamedTuple):
    """What was found in one area.

    Attributes:
        area: one of `AREAS`.
        resource: what differs; empty for all of the area.
        status: how it is.
        says: what it does that was not promised, or what AWS did not show; empty where it holds.
        remedy: what to do about it, in one sentence without the final stop; empty where it holds.
    """

    area: str
    resource: str
    status: Status
    says: str
    remedy: str


class NoStackError(CometError):
    """There is no such stack, or nobody lets us see it."""


class Area(NamedTuple):
    """What is looked at together, each look for itself: one that is refused does not hide what the others see."""

    looks: tuple[Look, ...]
    remedy: str


def audit(name: str, read: Read) -> list[Finding]:
    """What differs between the stack `name` and the promise, area by area.

    Raises:
        NoStackError: there is nothing to audit.
    """
    try:
        listed = read("cloudformation", "ListStackResources", StackName=name).get("StackResourceSummaries", ())
    except UnseenError as error:
        remedy = f"check its name, the region and the right {error.right}"
        raise NoStackError(f"stack {name!r} cannot be read ({error.reason}): {remedy}") from error
    stack = stack_of(listed)
    return [finding for area in AREAS for finding in _findings(area, stack, read)]


def _findings(area: str, stack: Stack, read: Read) -> Iterable[Finding]:
    # One right may be missing for many looks, and one resource: each is said once.
    found = dict.fromkeys(finding for look in AREAS[area].looks for finding in _seen(area, look(stack, read)))
    return found or [Finding(area, "", Status.HOLDS, "", "")]


def _seen(area: str, differences: Differences) -> Iterator[Finding]:
    remedy = AREAS[area].remedy
    try:
        for difference in differences:
            yield Finding(area, difference.resource, Status.DIFFERS, difference.says, remedy)
    except MissingResourceError as error:
        yield Finding(area, error.resource, Status.DIFFERS, "is not in the stack", "deploy the template again")
    except UnseenError as error:
        allow = (
            f"allow {error.right}, or ask again if it was not refused; `comet-updates audit-rights` prints all rights"
        )
        yield Finding(area, "", Status.UNSEEN, f"needs the right {error.right} ({error.reason})", allow)


def _resources(stack: Stack, _: Read) -> Differences:
    there = stack.numbers()
    decided = Counter({type_: number for type_, (number, _) in deployment.RESOURCE_TYPES.items()})
    for name, (type_, condition) in deployment.CONDITIONAL.items():
        other_way = condition == ("HasGateway" if stack.has_cdn else "HasCdn")
        nobody = condition in ("HasPipeline", "HasOwner") and name not in stack.ids  # was named for this role
        decided[type_] -= other_way or nobody
    for type_ in sorted(there.keys() | decided.keys()):
        if there[type_] != decided[type_]:
            yield Difference(type_, f"is there {there[type_]} times instead of {decided[type_]}")


AREAS: Mapping[str, Area] = {
    "resources of the stack": Area((_resources,), "deploy a template that `make policy` accepts"),
    "stages of the gateway": Area((audit_gateway.stages,), "take it off the stage, or deploy the template again"),
    "routes of the gateway": Area(
        (audit_gateway.origins, audit_gateway.routes, audit_gateway.integrations),
        "take it off the gateway, or deploy the template again",
    ),
    "CDN": Area(
        (audit_cdn.distribution, audit_cdn.key, audit_cdn.signing, audit_cdn.metrics, audit_cdn.deliveries),
        "set the distribution back to what the template says",
    ),
    "functions": Area((audit_functions.configurations,), "set the function back to what the template says"),
    "deployment of the answering function": Area(
        (audit_deployment.alias, audit_deployment.group),
        "wait for a deployment that is under way, or deploy the template again with DeployGradually=true",
    ),
    "other ways into the functions": Area(
        (audit_functions.urls, audit_functions.callers, audit_functions.destinations, audit_functions.sources),
        "delete it",
    ),
    "logs": Area(
        (
            audit_storage.retention,
            audit_storage.subscriptions,
            audit_storage.metric_filters,
            audit_storage.strays,
        ),
        "delete the filter or the stray log, and set the retention back",
    ),
    "alarms and dashboard": Area(
        (audit_counts.alarms, audit_counts.dashboard), "set it back to what the template says"
    ),
    "policies for all logs of the account": Area(
        (audit_surroundings.log_policies,), "except the logs of the stack from it (selectionCriteria), or delete it"
    ),
    "roles": Area(
        (audit_roles.attached, audit_roles.inline, audit_roles.trust), "set the role back to what the template says"
    ),
    "bucket": Area(
        (
            audit_storage.bucket_log,
            audit_storage.notifications,
            audit_storage.public_access,
            audit_storage.bucket_policy,
            audit_storage.copies,
            audit_storage.inventories,
            audit_storage.analytics,
            audit_storage.versions,
        ),
        "set the bucket back to what the template says",
    ),
    "trails": Area((audit_surroundings.trails,), "except bucket and functions from its data events"),
    "rankings of log entries": Area((audit_surroundings.rankings,), "except the logs of the stack from it"),
    "telemetry rules": Area((audit_surroundings.telemetry,), "delete it, or except this stack from it"),
}
"""What is looked at, in this order."""
