"""What may exist in the cloud. Whoever adds a line says here why it cannot carry anything of a client.

Each check takes the expanded template and gives its findings, so that the tests can show it planted faults, too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from tests.template.expand import Template, resources

TYPES = Counter(
    {
        "AWS::S3::Bucket": 1,  # written by pipelines and the publishing function; the answering one can only read
        "AWS::S3::BucketPolicy": 1,
        "AWS::SQS::Queue": 2,  # uploads and their dead letters: keys of uploads, from S3 alone
        "AWS::SQS::QueuePolicy": 2,
        "AWS::Logs::LogGroup": 2,  # one for each function, with a short retention
        "AWS::IAM::Role": 3,
        "AWS::Lambda::Function": 2,
        "AWS::Lambda::LayerVersion": 2,
        "AWS::Lambda::Permission": 2,  # the gateway calls one function, the schedule the other
        "AWS::Lambda::EventSourceMapping": 1,
        "AWS::Events::Rule": 1,  # the sweep
        "AWS::ApiGatewayV2::Api": 1,
        "AWS::ApiGatewayV2::Stage": 1,
    }
)

LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
INPUTS = {"${Bucket.Arn}/products/*", "${Bucket.Arn}/channels/*", "${Bucket.Arn}/releases/*"}
OUTPUTS = {"${Bucket.Arn}/public/*", "${Bucket.Arn}/rejected/*"}
GRANTS: dict[str, list[tuple[set[str], set[str]]]] = {
    "AnswerRole": [({"s3:GetObject"}, {"${Bucket.Arn}/public/*"}), (LOGS, {"AnswerLog.Arn"})],
    "PublishRole": [
        ({"s3:ListBucket", "s3:ListBucketVersions"}, {"Bucket.Arn"}),
        ({"s3:GetObject", "s3:GetObjectVersion"}, INPUTS),
        ({"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}, OUTPUTS),
        ({"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}, {"UploadQueue.Arn"}),
        (LOGS, {"PublishLog.Arn"}),
    ],
    "PipelineRole": [
        ({"s3:PutObject"}, INPUTS),
        ({"s3:GetObject"}, {"${Bucket.Arn}/rejected/*"}),
        ({"s3:ListBucket"}, {"Bucket.Arn"}),
    ],
}
"""Role → the actions that it allows, each set with its resources. There is nothing else in a role."""

ENVIRONMENT = {
    "AnswerFunction": {"BUCKET", "S3_ENDPOINT", "MEMORY_TTL_S", "LOG_LEVEL", "LOG_SUCCESSES"},
    "PublishFunction": {"BUCKET", "S3_ENDPOINT", "LOG_LEVEL", "LOG_SUCCESSES"},
}
STAGE = {"ApiId", "AutoDeploy", "DefaultRouteSettings", "StageName", "Tags"}
BODY = {"info", "openapi", "paths", "tags"}
ROUTE_SETTINGS = {"ThrottlingRateLimit", "ThrottlingBurstLimit"}
FUNCTION = {
    "Architectures",
    "Code",
    "Description",
    "Environment",
    "Handler",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "Role",
    "Runtime",
    "Tags",
    "Timeout",
}
BUCKET = {
    "BucketEncryption",
    "LifecycleConfiguration",
    "NotificationConfiguration",
    "OwnershipControls",
    "PublicAccessBlockConfiguration",
    "VersioningConfiguration",
}
RETENTION_DAYS = {1, 3, 5, 7, 14, 30}


def only_known_types(expanded: Template) -> Iterator[str]:
    found = Counter(resource["Type"] for resource in expanded["Resources"].values())
    yield from (
        f"{type_}: {found[type_]} instead of {TYPES[type_]}" for type_ in found | TYPES if found[type_] != TYPES[type_]
    )


def only_known_grants(expanded: Template) -> Iterator[str]:
    for name, role in resources(expanded, "AWS::IAM::Role").items():
        if set(role) != {"AssumeRolePolicyDocument", "Policies"}:
            yield f"{name} has {sorted(role)}"  # ManagedPolicyArns would widen it unseen
        statements = [s for policy in role.get("Policies", ()) for s in policy["PolicyDocument"]["Statement"]]
        grants = [(_set(s["Action"]), {_arn(arn) for arn in _list(s["Resource"])}) for s in statements]
        if grants != GRANTS.get(name) or any(s["Effect"] != "Allow" or "NotAction" in s for s in statements):
            yield f"{name} allows {grants}"


def no_tracing_and_no_second_door(expanded: Template) -> Iterator[str]:
    for name, function in resources(expanded, "AWS::Lambda::Function").items():
        yield from (f"{name} has {extra}" for extra in sorted(set(function) - FUNCTION))
        yield from (f"{name} reads {extra}" for extra in set(function["Environment"]["Variables"]) ^ ENVIRONMENT[name])
        if function["Environment"]["Variables"].get("S3_ENDPOINT") != "aws":
            yield f"{name} reads another S3 than AWS's"
        if len(function["Layers"]) != 1:
            yield f"{name} has {len(function['Layers'])} layers: an extension can read the log"


def no_access_log(expanded: Template) -> Iterator[str]:
    for name, stage in resources(expanded, "AWS::ApiGatewayV2::Stage").items():
        yield from (f"{name} has {extra}" for extra in sorted(set(stage) - STAGE))
        yield from (f"{name} has {extra}" for extra in sorted(set(stage["DefaultRouteSettings"]) - ROUTE_SETTINGS))
    for name, bucket in resources(expanded, "AWS::S3::Bucket").items():
        yield from (f"{name} has {extra}" for extra in sorted(set(bucket) - BUCKET))
    yield from (f"{token} stands in the template" for token in re.findall(r"\$context\.[\w.]+", repr(expanded)))


def logs_are_kept_for_days(expanded: Template) -> Iterator[str]:
    groups = resources(expanded, "AWS::Logs::LogGroup")
    parameter = expanded["Parameters"]["LogRetentionDays"]
    if not set(parameter["AllowedValues"]) <= RETENTION_DAYS:
        yield f"LogRetentionDays may be {parameter['AllowedValues']}"
    for name, group in groups.items():
        if group != {"RetentionInDays": {"Ref": "LogRetentionDays"}}:
            yield f"{name} is {group}"
    for name, function in resources(expanded, "AWS::Lambda::Function").items():
        logging = function.get("LoggingConfig", {})
        if logging.get("LogGroup", {}).get("Ref") not in groups:
            yield f"{name} logs to a group of its own making, which is kept for ever"
        if (logging.get("LogFormat"), logging.get("SystemLogLevel")) != ("JSON", "WARN"):
            yield f"{name} has its request ids logged"


def gateway_passes_everything_to_one_function(expanded: Template) -> Iterator[str]:
    for name, api in resources(expanded, "AWS::ApiGatewayV2::Api").items():
        if set(api) != {"Body"} or set(api["Body"]) != BODY or set(api["Body"]["paths"]) != {"$default"}:
            yield f"{name} has {sorted(api)} with {sorted(api['Body'])} for {sorted(api['Body']['paths'])}"
        for integration in _find(api, "x-amazon-apigateway-integration"):
            if "AnswerFunction" not in repr(integration["uri"]) or "requestParameters" in integration:
                yield f"{name} integrates {integration}"


CHECKS: tuple[Callable[[Template], Iterator[str]], ...] = (
    only_known_types,
    only_known_grants,
    no_tracing_and_no_second_door,
    no_access_log,
    logs_are_kept_for_days,
    gateway_passes_everything_to_one_function,
)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _set(value: Any) -> set[str]:
    return set(_list(value))


def _arn(value: Any) -> str:
    return str(value.get("Fn::Sub") or ".".join(value["Fn::GetAtt"])) if isinstance(value, dict) else str(value)


def _find(value: Any, key: str) -> Iterator[Any]:
    if isinstance(value, dict):
        for name, item in value.items():
            if name == key:
                yield item
            yield from _find(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _find(item, key)
