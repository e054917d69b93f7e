"""Audits settings of the account that affect the stack, and that our template cannot forbid."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from comet_updates_cli.audit import allowed
from comet_updates_cli.audit.account import UnseenError
from comet_updates_cli.audit.stack import Difference, Differences, Read, Stack

_T = TypeVar("_T")
LOG_POLICIES = (  # not DATA_PROTECTION_POLICY, which only masks
    "SUBSCRIPTION_FILTER_POLICY",
    "FIELD_INDEX_POLICY",
    "TRANSFORMER_POLICY",
    "METRIC_EXTRACTION_POLICY",
    "RETENTION_POLICY",
)
_FOREIGN = tuple(
    f"AWS::{service}::"
    for service in (
        *("Bedrock", "BedrockAgentCore", "EC2", "EKS", "ElasticLoadBalancingV2", "MSK"),
        *("Route53Resolver", "SecurityHub", "WAFv2"),
    )
)
"""Services that the stack does not use, so that their telemetry does not contain its clients."""


def log_policies(stack: Stack, read: Read) -> Differences:
    """Check policies that apply to all logs of the account, or to all but some."""
    logs = [stack.of(name) for name in allowed.LOGS.values()]

    def of(kind: str) -> Differences:
        for policy in read("logs", "DescribeAccountPolicies", policyType=kind).get("accountPolicies", ()):
            if not _spares(policy.get("selectionCriteria", ""), logs):
                yield Difference(f"{kind} {policy['policyName']}", "applies to the logs of the stack")

    yield from _each(LOG_POLICIES, of)


def _each(items: Iterable[_T], look: Callable[[_T], Differences]) -> Differences:
    """Yield the differences in all items. A missing right for one item is raised after all others were checked."""
    refused = []
    for item in items:
        try:
            yield from look(item)
        except UnseenError as error:
            refused.append(error)
    if refused:
        raise refused[0]


def _spares(criteria: str, logs: Iterable[str]) -> bool:
    """Return whether the criteria exclude all of `logs`. Criteria in an undocumented form exclude nothing."""
    named = re.findall(r'"([^"]*)"', criteria)
    if criteria.startswith("LogGroupName NOT IN"):
        return all(log in named for log in logs)
    if criteria.startswith("LogGroupNamePrefix") and "NOT" not in criteria:
        return bool(named) and not any(log.startswith(prefix) for log in logs for prefix in named)
    return False


def trails(stack: Stack, read: Read) -> Differences:
    """Check that no trail records single reads of the bucket or single calls of the functions."""

    def of(trail: Mapping[str, Any]) -> Differences:
        selectors = list(_selectors(read("cloudtrail", "GetEventSelectors", TrailName=trail["TrailARN"])))
        for name, type_, arn in _recordable(stack):
            if any(_records(selector, type_, arn) for selector in selectors):
                yield Difference(f"trail {trail['Name']}", f"records each use of {name}")

    yield from _each(read("cloudtrail", "DescribeTrails").get("trailList", ()), of)


def _recordable(stack: Stack) -> Iterator[tuple[str, str, str]]:
    yield "Bucket", "AWS::S3::Object", f"{stack.arn('Bucket')}/"
    yield from ((name, "AWS::Lambda::Function", stack.arn(name)) for name in allowed.HANDLERS)


def _selectors(found: Mapping[str, Any]) -> Iterator[dict[str, dict[str, list[str]]]]:
    """Yield the selectors of both kinds as field → operator → values."""
    for selector in found.get("EventSelectors", ()):
        for data in selector.get("DataResources", ()):
            yield {"resources.type": {"Equals": [data["Type"]]}, "resources.ARN": {"StartsWith": data["Values"]}}
    for selector in found.get("AdvancedEventSelectors", ()):
        yield {field["Field"]: field for field in selector.get("FieldSelectors", ())}


def _records(selector: Mapping[str, Mapping[str, list[str]]], type_: str, arn: str) -> bool:
    """Return whether the selector may record events of `arn`; `True` in doubt."""
    category = selector.get("eventCategory", {}).get("Equals", ["Data"])
    types = selector.get("resources.type", {}).get("Equals", [type_])
    where = selector.get("resources.ARN", {})
    if any(arn.startswith(start) for start in where.get("NotStartsWith", ())) or arn in where.get("NotEquals", ()):
        return False
    starts = [*where.get("Equals", ()), *where.get("StartsWith", ())]
    meant = not starts or any(arn.startswith(start) or start.startswith(arn) for start in starts)
    return "Data" in category and type_ in types and meant


def rankings(stack: Stack, read: Read) -> Differences:
    """Check Contributor Insights, which rank the most frequent values in a log."""
    logs = [stack.of(name) for name in allowed.LOGS.values()]
    for rule in read("cloudwatch", "DescribeInsightRules").get("InsightRules", ()):
        if rule.get("State") == "ENABLED" and any(_reads(rule.get("Definition", ""), log) for log in logs):
            yield Difference(f"rule {rule['Name']}", "ranks values in the logs of the stack")


def _reads(definition: str, log: str) -> bool:
    """Return whether a ranking may read `log`, from the log names in its definition (`*` matches); `True` in doubt."""
    try:
        names = json.loads(definition)["LogGroupNames"]
    except (ValueError, KeyError, TypeError):
        return True
    return any(fnmatchcase(log, name) for name in names)


def telemetry(stack: Stack, read: Read) -> Differences:
    """Check for rules that switch logs or traces on for whole types of resources."""
    for rule in read("observabilityadmin", "ListTelemetryRules").get("TelemetryRuleSummaries", ()):
        foreign = _FOREIGN if stack.has_cdn else (*_FOREIGN, "AWS::CloudFront::")
        if not str(rule.get("ResourceType")).startswith(foreign):
            yield Difference(f"rule {rule.get('RuleName')}", f"switches telemetry on for {rule.get('ResourceType')}")
