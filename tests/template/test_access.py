"""Who may reach what: trust, resource policies, and which function has which role. All of it exact.

`policy.py` says what a role allows; that is worth nothing if another role, or somebody else, can stand in its place.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.template.expand import Template, expand, source


def _arn(name: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, "Arn"]}


def _trust(principal: dict[str, Any]) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _only_tls(action: str, resource: Any) -> dict[str, Any]:
    return {
        "Sid": "OnlyTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


LAMBDA = _trust({"Service": "lambda.amazonaws.com"})

DECIDED: dict[str, dict[str, Any]] = {
    "AnswerRole": {"AssumeRolePolicyDocument": LAMBDA},
    "PublishRole": {"AssumeRolePolicyDocument": LAMBDA},
    "PipelineRole": {"AssumeRolePolicyDocument": _trust({"AWS": {"Ref": "PipelinePrincipalArn"}})},
    "AnswerFunction": {
        "Handler": "comet_updates.answer.handler.handler",
        "Role": _arn("AnswerRole"),
        "Runtime": "python3.13",
        "Architectures": ["x86_64"],  # what the layers are built for
    },
    "PublishFunction": {
        "Handler": "comet_updates.publish.handler.handler",
        "Role": _arn("PublishRole"),
        "Runtime": "python3.13",
        "Architectures": ["x86_64"],  # what the layers are built for
    },
    "Bucket": {
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
        "VersioningConfiguration": {"Status": "Enabled"},
    },
    "BucketPolicy": {
        "Bucket": {"Ref": "Bucket"},
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                _only_tls("s3:*", [_arn("Bucket"), {"Fn::Sub": "${Bucket.Arn}/*"}]),
                {
                    "Sid": "ReleasesAreWrittenOnce",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:PutObject",
                    "Resource": {"Fn::Sub": "${Bucket.Arn}/releases/*"},
                    # As Amazon S3's user guide has it, "Enforce conditional writes", example 1.
                    "Condition": {
                        "Null": {"s3:if-none-match": "true"},
                        "Bool": {"s3:ObjectCreationOperation": "true"},
                    },
                },
            ],
        },
    },
    "UploadQueue": {
        "SqsManagedSseEnabled": True,
        "RedrivePolicy": {"deadLetterTargetArn": _arn("DeadLetters"), "maxReceiveCount": 5},
    },
    "DeadLetters": {"SqsManagedSseEnabled": True},
    "UploadQueuePolicy": {
        "Queues": [{"Ref": "UploadQueue"}],
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "FromBucketsOfThisAccount",
                    "Effect": "Allow",
                    "Principal": {"Service": "s3.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": _arn("UploadQueue"),
                    "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
                },
                _only_tls("sqs:*", _arn("UploadQueue")),
            ],
        },
    },
    "DeadLettersPolicy": {
        "Queues": [{"Ref": "DeadLetters"}],
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                _only_tls("sqs:*", _arn("DeadLetters")),
            ],
        },
    },
    "AnswerFunctionEverythingPermission": {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": "AnswerFunction"},
        "Principal": "apigateway.amazonaws.com",
    },
    "PublishFunctionSweepPermission": {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": "PublishFunction"},
        "Principal": "events.amazonaws.com",
        "SourceArn": _arn("PublishFunctionSweep"),
    },
    "PublishFunctionUploads": {
        "EventSourceArn": _arn("UploadQueue"),
        "FunctionName": {"Ref": "PublishFunction"},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 2},  # a flood of uploads leaves the account's functions to the clients
    },
    "ApiApiGatewayDefaultStage": {
        "StageName": "$default",
        "DefaultRouteSettings": {
            "ThrottlingRateLimit": {"Ref": "RequestsPerSecond"},
            "ThrottlingBurstLimit": {"Ref": "RequestBurst"},
        },
    },
}
"""Resource → properties, each with the one value that was decided."""

OWN = {"AnswerFunction": ("AnswerLayer", "AnswerLog"), "PublishFunction": ("PublishLayer", "PublishLog")}


def as_decided(expanded: Template) -> Iterator[str]:
    for name, decided in DECIDED.items():
        properties = expanded["Resources"].get(name, {}).get("Properties", {})
        yield from (f"{name}: {key} is {properties.get(key)}" for key in decided if properties.get(key) != decided[key])


def each_function_has_its_own(expanded: Template) -> Iterator[str]:
    for name, (layer, log) in OWN.items():
        function = expanded["Resources"][name]["Properties"]
        (attached,) = function["Layers"]
        # SAM adds a hash of its properties to a layer's name.
        if not isinstance(attached, dict) or not re.fullmatch(rf"{layer}[0-9a-f]{{10}}", attached.get("Ref", "")):
            yield f"{name} has the layer {attached}"
        # A record holds no time, and Lambda takes a line without one for INFO: at WARN even errors would be dropped.
        logging = {
            "LogFormat": "JSON",
            "ApplicationLogLevel": "INFO",
            "SystemLogLevel": "WARN",
            "LogGroup": {"Ref": log},
        }
        if function["LoggingConfig"] != logging:
            yield f"{name} logs as {function['LoggingConfig']}"
        if function["Environment"]["Variables"]["BUCKET"] != {"Ref": "Bucket"}:
            yield f"{name} reads {function['Environment']['Variables']['BUCKET']}"


def the_pipeline_lists_refusals_alone(expanded: Template) -> Iterator[str]:
    (role,) = expanded["Resources"]["PipelineRole"]["Properties"]["Policies"]
    for statement in role["PolicyDocument"]["Statement"]:
        condition = {"StringLike": {"s3:prefix": "rejected/*"}} if statement["Action"] == "s3:ListBucket" else None
        if statement.get("Condition") != condition:
            yield f"a pipeline may {statement}"


def every_notification_goes_to_the_queue(expanded: Template) -> Iterator[str]:
    notifications = expanded["Resources"]["Bucket"]["Properties"]["NotificationConfiguration"]
    if set(notifications) != {"QueueConfigurations"}:
        yield f"the bucket tells {sorted(notifications)}"
    for rule in notifications["QueueConfigurations"]:
        if rule["Queue"] != _arn("UploadQueue") or rule["Filter"]["S3Key"]["Rules"][0]["Name"] != "prefix":
            yield f"the bucket tells {rule}"


CHECKS: tuple[Callable[[Template], Iterator[str]], ...] = (
    as_decided,
    each_function_has_its_own,
    the_pipeline_lists_refusals_alone,
    every_notification_goes_to_the_queue,
)


@pytest.fixture(autouse=True)
def _region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_template_holds(check: Callable[[Template], Iterator[str]]) -> None:
    assert list(check(expand(source()))) == []


def _properties(template: Template, name: str) -> Any:
    return template["Resources"][name]["Properties"]


def _statements(template: Template, name: str) -> Any:
    return _properties(template, name)["PolicyDocument"]["Statement"]


def _trusts(template: Template, name: str, principal: Any) -> None:
    # A copy: the two functions' roles share one document by a YAML anchor.
    document = copy.deepcopy(_properties(template, name)["AssumeRolePolicyDocument"])
    document["Statement"][0]["Principal"] = principal
    _properties(template, name)["AssumeRolePolicyDocument"] = document


FAULTS: dict[str, Callable[[Template], Any]] = {
    "anyone may be the answering function": lambda t: _trusts(t, "AnswerRole", "*"),
    "anyone may be the publishing function": lambda t: _trusts(t, "PublishRole", {"AWS": "*"}),
    "anyone may be a pipeline": lambda t: _trusts(t, "PipelineRole", {"AWS": "*"}),
    "the answering function publishes": lambda t: _properties(t, "AnswerFunction").update(Role=_arn("PublishRole")),
    "the answering function gets boto3": lambda t: _properties(t, "AnswerFunction").update(
        Layers=[{"Ref": "PublishLayer"}]
    ),
    "a layer of somebody else": lambda t: _properties(t, "AnswerFunction").update(
        Layers=["arn:aws:lambda:us-east-1:1:layer:LambdaInsights:1"]
    ),
    "another handler": lambda t: _properties(t, "AnswerFunction").update(
        Handler="comet_updates.publish.handler.handler"
    ),
    "another bucket": lambda t: _properties(t, "AnswerFunction")["Environment"]["Variables"].update(BUCKET="elsewhere"),
    "both functions log to one group": lambda t: _properties(t, "AnswerFunction")["LoggingConfig"].update(
        LogGroup={"Ref": "PublishLog"}
    ),
    "errors are dropped": lambda t: _properties(t, "PublishFunction")["LoggingConfig"].update(
        ApplicationLogLevel="WARN"
    ),
    "a public bucket policy is possible": lambda t: _properties(t, "Bucket")["PublicAccessBlockConfiguration"].pop(
        "BlockPublicPolicy"
    ),
    "uploaders own their objects": lambda t: _properties(t, "Bucket").pop("OwnershipControls"),
    "another cipher": lambda t: _properties(t, "Bucket").update(
        BucketEncryption={
            "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]
        }
    ),
    "the bucket may be read by all": lambda t: _statements(t, "BucketPolicy").append(
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": {"Fn::Sub": "${Bucket.Arn}/*"}}
    ),
    "plain HTTP for objects": lambda t: _statements(t, "BucketPolicy")[0]["Resource"].pop(),
    "parts of a multipart upload are refused": lambda t: _statements(t, "BucketPolicy")[1]["Condition"].pop("Bool"),
    "a second write of a release by one user": lambda t: _statements(t, "BucketPolicy")[1].update(
        Principal={"AWS": "arn:aws:iam::123456789012:user/somebody"}
    ),
    "anyone may send to the queue": lambda t: _statements(t, "UploadQueuePolicy")[0].update(Principal="*"),
    "any account's bucket may send to the queue": lambda t: _statements(t, "UploadQueuePolicy")[0].pop("Condition"),
    "anyone may read the queue": lambda t: _statements(t, "UploadQueuePolicy").append(
        {"Effect": "Allow", "Principal": "*", "Action": "sqs:ReceiveMessage", "Resource": _arn("UploadQueue")}
    ),
    "plain HTTP for the queue": lambda t: _statements(t, "UploadQueuePolicy").pop(),
    "dead letters in the clear": lambda t: _properties(t, "DeadLetters").pop("SqsManagedSseEnabled"),
    "dead letters are lost": lambda t: _properties(t, "UploadQueue").pop("RedrivePolicy"),
    "a failing message takes its batch with it": lambda t: _properties(t, "PublishFunction")["Events"]["Uploads"][
        "Properties"
    ].pop("FunctionResponseTypes"),
    "a pipeline may list the bucket": lambda t: _properties(t, "PipelineRole")["Policies"][0]["PolicyDocument"][
        "Statement"
    ][2].pop("Condition"),
    "no throttling": lambda t: _properties(t, "Api").pop("DefaultRouteSettings"),
    "another architecture than the layers'": lambda t: t["Globals"]["Function"].update(Architectures=["arm64"]),
    "notifications go elsewhere": lambda t: _properties(t, "Bucket")["NotificationConfiguration"][
        "QueueConfigurations"
    ][0].update(Queue=_arn("DeadLetters")),
    "notifications to somebody else, too": lambda t: _properties(t, "Bucket")["NotificationConfiguration"].update(
        EventBridgeConfiguration={"EventBridgeEnabled": True}
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str) -> None:
    template = source()
    FAULTS[fault](template)
    expanded = expand(template)
    assert [finding for check in CHECKS for finding in check(expanded)] != []


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from _paths(item, (*path, key))


def test_without_a_principal_there_is_no_pipeline_role() -> None:
    expanded = expand(source())
    assert expanded["Resources"]["PipelineRole"]["Condition"] == "HasPipeline"
    assert expanded["Conditions"]["HasPipeline"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "PipelinePrincipalArn"}, ""]}]}
    assert expanded["Parameters"]["PipelinePrincipalArn"]["Default"] == ""


def test_the_queue_takes_notifications_before_the_bucket_sends_them() -> None:
    assert expand(source())["Resources"]["Bucket"]["DependsOn"] == "UploadQueuePolicy"


def test_nothing_that_was_decided_can_be_left_out() -> None:
    """The positive control in full: without any single node of `DECIDED`, the check speaks."""
    expanded = expand(source())
    for name, decided in DECIDED.items():
        for path in _paths(decided):
            lacking = copy.deepcopy(expanded)
            node = lacking["Resources"][name]["Properties"]
            for key in path[:-1]:
                node = node[key]
            del node[path[-1]]
            assert list(as_decided(lacking)) != [], (name, *path)
