"""Compares what is deployed with what was promised. It reads; what it cannot read, it says.

Every area is a function of what AWS answers: it yields what differs, and nothing where all is as it should be.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple

from comet_updates import deployment
from comet_updates.cli.account import UnseenError
from comet_updates.errors import CometError

Read = Callable[..., Mapping[str, Any]]
"""`read(service, operation, **parameters)`: see `Account.read`."""

LOG_POLICIES = (
    "DATA_PROTECTION_POLICY",
    "SUBSCRIPTION_FILTER_POLICY",
    "FIELD_INDEX_POLICY",
    "TRANSFORMER_POLICY",
    "METRIC_EXTRACTION_POLICY",
)
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
    """What was found in one area. `says` is empty where it holds."""

    area: str
    status: Status
    says: str


class NoStackError(CometError):
    """There is no such stack, or nobody lets us see it."""


class Stack(NamedTuple):
    """A deployed stack.

    Attributes:
        name: as CloudFormation knows it.
        types: how many resources there are of each type.
        ids: what AWS calls each resource, by its name in the template.
    """

    name: str
    types: Counter[str]
    ids: Mapping[str, str]

    def of(self, name: str) -> str:
        """What AWS calls the resource; SAM ends the name of a layer with a hash."""
        found = self.ids.get(name) or next(
            (i for n, i in self.ids.items() if re.fullmatch(f"{name}[0-9a-f]{{10}}", n)), ""
        )
        if not found:
            raise UnseenError("cloudformation:ListStackResources", f"the stack has no {name}")
        return found


def audit(name: str, read: Read) -> list[Finding]:
    """What differs between the stack `name` and the promise, area by area.

    Raises:
        NoStackError: there is nothing to audit.
    """
    try:
        listed = read("cloudformation", "ListStackResources", StackName=name)["StackResourceSummaries"]
    except UnseenError as error:
        remedy = f"check its name, the region and the right {error.right}"
        raise NoStackError(f"stack {name!r} cannot be read ({error.reason}): {remedy}") from error
    stack = Stack(
        name,
        Counter(resource["ResourceType"] for resource in listed),
        {resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "") for resource in listed},
    )
    return [finding for area, look in AREAS.items() for finding in _findings(area, look(stack, read))]


def _findings(area: str, differences: Iterator[str]) -> list[Finding]:
    found = []
    try:
        found = [Finding(area, Status.DIFFERS, difference) for difference in differences]
    except UnseenError as error:
        return [*found, Finding(area, Status.UNSEEN, f"the right {error.right} is needed ({error.reason})")]
    return found or [Finding(area, Status.HOLDS, "")]


def _resources(stack: Stack, _: Read) -> Iterator[str]:
    for type_ in sorted(stack.types.keys() | deployment.RESOURCE_TYPES.keys()):
        number, _reason = deployment.RESOURCE_TYPES.get(type_, (0, ""))
        # The pipelines' role exists only where a principal for it was named.
        allowed = {number, number - 1} if type_ == "AWS::IAM::Role" else {number}
        if stack.types[type_] not in allowed:
            yield f"there are {stack.types[type_]} of {type_} instead of {number}"


def _stages(stack: Stack, read: Read) -> Iterator[str]:
    for stage in read("apigatewayv2", "GetStages", ApiId=stack.of("Api"))["Items"]:
        name = stage["StageName"]
        if stage.get("AccessLogSettings"):
            yield f"stage {name} writes an access log: {stage['AccessLogSettings'].get('Format', '')}"
        if stage.get("StageVariables"):
            yield f"stage {name} has variables: {sorted(stage['StageVariables'])}"
        for route, settings in {"": stage.get("DefaultRouteSettings", {}), **stage.get("RouteSettings", {})}.items():
            if settings.get("DataTraceEnabled") or settings.get("LoggingLevel", "OFF") != "OFF":
                yield f"stage {name} logs requests{f' of {route}' if route else ''}"


def _routes(stack: Stack, read: Read) -> Iterator[str]:
    api = stack.of("Api")
    if "CorsConfiguration" in read("apigatewayv2", "GetApi", ApiId=api):
        yield "the gateway answers by origin (CorsConfiguration)"
    routes = [route["RouteKey"] for route in read("apigatewayv2", "GetRoutes", ApiId=api)["Items"]]
    if routes != ["$default"]:
        yield f"there are the routes {routes} instead of $default alone"
    for integration in read("apigatewayv2", "GetIntegrations", ApiId=api)["Items"]:
        if stack.of("AnswerFunction") not in integration.get("IntegrationUri", ""):
            yield f"requests go to {integration.get('IntegrationUri')}"
        if integration.get("RequestParameters"):
            yield f"requests are changed: {integration['RequestParameters']}"


def _functions(stack: Stack, read: Read) -> Iterator[str]:
    for name in deployment.HANDLERS:
        found = read("lambda", "GetFunctionConfiguration", FunctionName=stack.of(name))
        yield from (f"{name} {difference}" for difference in _code(stack, name, found))
        yield from (f"{name} {difference}" for difference in _surroundings(stack, name, found))


def _code(stack: Stack, name: str, found: Mapping[str, Any]) -> Iterator[str]:
    if found.get("Handler") != deployment.HANDLERS[name]:
        yield f"runs {found.get('Handler')} instead of {deployment.HANDLERS[name]}"
    if not str(found.get("Role", "")).endswith(f"/{stack.of(deployment.ROLES[name])}"):
        yield f"has the role {found.get('Role')}"
    layers = [layer["Arn"] for layer in found.get("Layers", ())]
    if layers != [stack.of(deployment.LAYERS[name])]:
        yield f"has the layers {layers}"
    variables = found.get("Environment", {}).get("Variables", {})
    for variable in sorted(variables.keys() ^ deployment.ENVIRONMENT[name].keys()):
        yield f"{'reads' if variable in variables else 'lacks'} {variable}"
    if variables.get("S3_ENDPOINT") != "aws" or variables.get("BUCKET") != stack.of("Bucket"):
        yield f"asks {variables.get('BUCKET')} at {variables.get('S3_ENDPOINT')}"


def _surroundings(stack: Stack, name: str, found: Mapping[str, Any]) -> Iterator[str]:
    if found.get("TracingConfig", {}).get("Mode") == "Active":
        yield "traces requests"
    logging = {key: found.get("LoggingConfig", {}).get(key) for key in deployment.LOGGING}
    if logging != deployment.LOGGING:
        yield f"logs as {logging} instead of {deployment.LOGGING}"
    if (group := found.get("LoggingConfig", {}).get("LogGroup")) != stack.of(deployment.LOGS[name]):
        yield f"logs to {group}"
    for extra in ("DeadLetterConfig", "FileSystemConfigs", "VpcConfig"):
        value = found.get(extra) or {}
        if any(value.values() if isinstance(value, Mapping) else value):
            yield f"has {extra}"
    if found.get("SnapStart", {}).get("ApplyOn", "None") != "None":
        yield "freezes its memory to disk (SnapStart)"


def _doors(stack: Stack, read: Read) -> Iterator[str]:
    for name in deployment.HANDLERS:
        function = stack.of(name)
        if read("lambda", "GetFunctionUrlConfig", FunctionName=function):
            yield f"{name} has a URL of its own"
        if read("lambda", "GetFunctionEventInvokeConfig", FunctionName=function).get("DestinationConfig"):
            yield f"{name} sends events on"
        sources = read("lambda", "ListEventSourceMappings", FunctionName=function)["EventSourceMappings"]
        allowed = {_queue_name(stack)} if name == "PublishFunction" else set()
        for source in sources:
            if source["EventSourceArn"].split(":")[-1] not in allowed:
                yield f"{name} is fed by {source['EventSourceArn']}"


def _queue_name(stack: Stack) -> str:
    return stack.of("UploadQueue").rsplit("/", 1)[-1]


def _logs(stack: Stack, read: Read) -> Iterator[str]:
    for name in deployment.LOGS.values():
        group = stack.of(name)
        groups = read("logs", "DescribeLogGroups", logGroupNamePrefix=group)["logGroups"]
        for found in (found for found in groups if found["logGroupName"] == group):
            if (days := found.get("retentionInDays")) not in deployment.RETENTION_DAYS:
                yield f"{name} is kept for {f'{days} days' if days else 'ever'}"
        for filter_ in read("logs", "DescribeSubscriptionFilters", logGroupName=group)["subscriptionFilters"]:
            yield f"{name} is sent to {filter_['destinationArn']}"
        for filter_ in read("logs", "DescribeMetricFilters", logGroupName=group)["metricFilters"]:
            yield f"{name} is counted by {filter_['filterName']}"
    prefixes = [f"/aws/lambda/{stack.of(name)}" for name in deployment.HANDLERS]
    for prefix in (*prefixes, f"API-Gateway-Execution-Logs_{stack.of('Api')}"):
        for found in read("logs", "DescribeLogGroups", logGroupNamePrefix=prefix)["logGroups"]:
            yield f"there is a log that nobody decided on: {found['logGroupName']}"


def _account_policies(_: Stack, read: Read) -> Iterator[str]:
    for kind in LOG_POLICIES:
        for policy in read("logs", "DescribeAccountPolicies", policyType=kind).get("accountPolicies", ()):
            if kind != "DATA_PROTECTION_POLICY":  # that one masks
                yield f"every log of the account has the {kind} {policy['policyName']}"


def _roles(stack: Stack, read: Read) -> Iterator[str]:
    for name, grants in deployment.GRANTS.items():
        if name == "PipelineRole" and name not in stack.ids:
            continue
        role = stack.of(name)
        for attached in read("iam", "ListAttachedRolePolicies", RoleName=role)["AttachedPolicies"]:
            yield f"{name} has the policy {attached['PolicyName']} attached"
        policies = read("iam", "ListRolePolicies", RoleName=role)["PolicyNames"]
        documents = [read("iam", "GetRolePolicy", RoleName=role, PolicyName=policy) for policy in policies]
        statements = [s for document in documents for s in _list(_document(document["PolicyDocument"])["Statement"])]
        allowed = [(grant.actions, frozenset(map(_pattern(stack), grant.resources))) for grant in grants]
        for statement in statements:
            actions, resources = frozenset(_list(statement.get("Action"))), _list(statement.get("Resource"))
            if not any(actions == a and _match(resources, patterns) for a, patterns in allowed):
                yield f"{name} may {sorted(map(str, actions))} on {resources}"


def _document(document: str | Mapping[str, Any]) -> Mapping[str, Any]:
    return json.loads(document) if isinstance(document, str) else document


def _list(value: Any) -> list[Any]:  # noqa: ANN401 (a policy may write one or many)
    return value if isinstance(value, list) else [value]


def _pattern(stack: Stack) -> Callable[[str], str]:
    """Resource of a grant → a pattern of its ARN, whatever the partition, region and account."""

    def pattern(resource: str) -> str:
        name, _, rest = resource.removeprefix("${").partition(".Arn}")
        last = re.escape(stack.of(name).rsplit("/", 1)[-1] if name.endswith("Queue") else stack.of(name))
        kind = r"log-group:" if name.endswith("Log") else ""
        return rf"arn:[a-z-]+:[a-z0-9]+:[a-z0-9-]*:\d*:{kind}{last}{re.escape(rest)}(:\*)?"

    return pattern


def _match(resources: Iterable[str], patterns: frozenset[str]) -> bool:
    found = list(resources)
    return len(found) == len(patterns) and all(any(re.fullmatch(p, str(r)) for p in patterns) for r in found)


def _bucket(stack: Stack, read: Read) -> Iterator[str]:
    bucket = stack.of("Bucket")
    if read("s3", "GetBucketLogging", Bucket=bucket).get("LoggingEnabled"):
        yield "the bucket logs who reads it"
    told = read("s3", "GetBucketNotificationConfiguration", Bucket=bucket)
    for kind in ("TopicConfigurations", "LambdaFunctionConfigurations", "EventBridgeConfiguration"):
        if kind in told:
            yield f"the bucket tells others of its events ({kind})"
    for queue in told.get("QueueConfigurations", ()):
        if queue["QueueArn"].split(":")[-1] != _queue_name(stack):
            yield f"the bucket tells {queue['QueueArn']} of its events"
    yield from _openings(bucket, read)


def _openings(bucket: str, read: Read) -> Iterator[str]:
    block = read("s3", "GetPublicAccessBlock", Bucket=bucket).get("PublicAccessBlockConfiguration", {})
    if len(block) != 4 or not all(block.values()):  # noqa: PLR2004 (two for lists, two for policies)
        yield "the bucket can be made public"
    policy = read("s3", "GetBucketPolicy", Bucket=bucket).get("Policy", '{"Statement": []}')
    for statement in _list(_document(policy)["Statement"]):
        if statement["Effect"] != "Deny":
            yield f"the policy of the bucket allows {statement.get('Action')} to {statement.get('Principal')}"
    if read("s3", "GetBucketReplication", Bucket=bucket).get("ReplicationConfiguration"):
        yield "the bucket is copied elsewhere"
    if read("s3", "ListBucketInventoryConfigurations", Bucket=bucket).get("InventoryConfigurationList"):
        yield "the bucket is listed elsewhere"


def _trails(stack: Stack, read: Read) -> Iterator[str]:
    ours = (stack.of("Bucket"), *(stack.of(name) for name in deployment.HANDLERS))
    for trail in read("cloudtrail", "DescribeTrails").get("trailList", ()):
        selectors = read("cloudtrail", "GetEventSelectors", TrailName=trail["TrailARN"])
        values = [v for s in selectors.get("EventSelectors", ()) for d in s["DataResources"] for v in d["Values"]]
        for value in values:
            if value in ("arn:aws:s3", "arn:aws:s3:::", "arn:aws:lambda") or any(name in value for name in ours):
                yield f"trail {trail['Name']} records reads of {value}"
        for selector in selectors.get("AdvancedEventSelectors", ()):
            fields = {field["Field"]: field.get("Equals", []) for field in selector["FieldSelectors"]}
            if "Data" in fields.get("eventCategory", ()):
                yield f"trail {trail['Name']} records data events of {fields.get('resources.type')}"


def _rankings(_: Stack, read: Read) -> Iterator[str]:
    for rule in read("cloudwatch", "DescribeInsightRules").get("InsightRules", ()):
        if rule.get("State") == "ENABLED":
            yield f"the rule {rule['Name']} ranks what it finds in logs"


def _telemetry(_: Stack, read: Read) -> Iterator[str]:
    for rule in read("observabilityadmin", "ListTelemetryRules").get("TelemetryRuleSummaries", ()):
        yield f"the rule {rule.get('RuleName')} switches telemetry on for {rule.get('ResourceType')}"


AREAS: Mapping[str, Callable[[Stack, Read], Iterator[str]]] = {
    "resources of the stack": _resources,
    "stages of the gateway": _stages,
    "routes of the gateway": _routes,
    "functions": _functions,
    "other ways into the functions": _doors,
    "logs": _logs,
    "policies for all logs of the account": _account_policies,
    "roles": _roles,
    "bucket": _bucket,
    "trails": _trails,
    "rankings of log entries": _rankings,
    "telemetry rules": _telemetry,
}
"""What is looked at, in this order."""
