"""Test who may reach what: trust, resource policies, and the role, layer and log of each function. All of it is exact.

The limits of a role help only if no other role, and nobody else, can take its place.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checks.template_rules.rules import AsDecided
from tests.template.expand import Fault, Template, expand, findings_with, source


def _arn(name: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, "Arn"]}


def _properties(template: Template, name: str) -> Any:
    return template["Resources"][name]["Properties"]


def _statements(template: Template, name: str) -> Any:
    return _properties(template, name)["PolicyDocument"]["Statement"]


def _trusts(template: Template, name: str, principal: Any) -> None:
    # Copy it: the two functions' roles share one document by a YAML anchor.
    document = copy.deepcopy(_properties(template, name)["AssumeRolePolicyDocument"])
    document["Statement"][0]["Principal"] = principal
    _properties(template, name)["AssumeRolePolicyDocument"] = document


FAULTS: dict[str, tuple[str, Fault]] = {
    "anyone may be the answering function": ("E9510", lambda t: _trusts(t, "AnswerRole", "*")),
    "anyone may be the publishing function": ("E9510", lambda t: _trusts(t, "PublishRole", {"AWS": "*"})),
    "anyone may be an owner": ("E9510", lambda t: _trusts(t, "OwnerRole", {"AWS": "*"})),
    "the answering function publishes": (
        "E9509",
        lambda t: _properties(t, "AnswerFunction").update(Role=_arn("PublishRole")),
    ),
    "the answering function gets boto3": (
        "E9509",
        lambda t: _properties(t, "AnswerFunction").update(Layers=[{"Ref": "PublishLayer"}]),
    ),
    "a layer of somebody else": (
        "E9509",
        lambda t: _properties(t, "AnswerFunction").update(Layers=["arn:aws:lambda:us-east-1:1:layer:LambdaInsights:1"]),
    ),
    "another handler": (
        "E9509",
        lambda t: _properties(t, "AnswerFunction").update(Handler="comet_updates.publish.handler.handler"),
    ),
    "another bucket": (
        "E9510",
        lambda t: _properties(t, "AnswerFunction")["Environment"]["Variables"].update(BUCKET="elsewhere"),
    ),
    "both functions log to one group": (
        "E9507",
        lambda t: _properties(t, "AnswerFunction")["LoggingConfig"].update(LogGroup={"Ref": "PublishLog"}),
    ),
    "errors are dropped": (
        "E9507",
        lambda t: _properties(t, "PublishFunction")["LoggingConfig"].update(ApplicationLogLevel="WARN"),
    ),
    "a public bucket policy is possible": (
        "E9510",
        lambda t: _properties(t, "Bucket")["PublicAccessBlockConfiguration"].pop("BlockPublicPolicy"),
    ),
    "uploaders own their objects": ("E9510", lambda t: _properties(t, "Bucket").pop("OwnershipControls")),
    "another cipher": (
        "E9510",
        lambda t: _properties(t, "Bucket").update(
            BucketEncryption={
                "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]
            }
        ),
    ),
    "the bucket may be read by all": (
        "E9510",
        lambda t: _statements(t, "BucketPolicy").append(
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": {"Fn::Sub": "${Bucket.Arn}/*"}}
        ),
    ),
    "plain HTTP for objects": ("E9510", lambda t: _statements(t, "BucketPolicy")[0]["Resource"].pop()),
    "parts of a multipart upload are refused": (
        "E9510",
        lambda t: _statements(t, "BucketPolicy")[1]["Condition"].pop("Bool"),
    ),
    "a second write of a release by one user": (
        "E9510",
        lambda t: _statements(t, "BucketPolicy")[1].update(
            Principal={"AWS": "arn:aws:iam::123456789012:user/somebody"}
        ),
    ),
    "anyone may send to the queue": ("E9510", lambda t: _statements(t, "UploadQueuePolicy")[0].update(Principal="*")),
    "any account's bucket may send to the queue": (
        "E9510",
        lambda t: _statements(t, "UploadQueuePolicy")[0].pop("Condition"),
    ),
    "anyone may read the queue": (
        "E9510",
        lambda t: _statements(t, "UploadQueuePolicy").append(
            {"Effect": "Allow", "Principal": "*", "Action": "sqs:ReceiveMessage", "Resource": _arn("UploadQueue")}
        ),
    ),
    "plain HTTP for the queue": ("E9510", lambda t: _statements(t, "UploadQueuePolicy").pop()),
    "dead letters in the clear": ("E9510", lambda t: _properties(t, "DeadLetters").pop("SqsManagedSseEnabled")),
    "dead letters are lost": ("E9510", lambda t: _properties(t, "UploadQueue").pop("RedrivePolicy")),
    "a failing message takes its batch with it": (
        "E9510",
        lambda t: _properties(t, "PublishFunction")["Events"]["Uploads"]["Properties"].pop("FunctionResponseTypes"),
    ),
    "a pipeline may delete": (
        "E9505",
        lambda t: _properties(t, "PipelineRole")["Policies"][0]["PolicyDocument"]["Statement"][0].update(
            Action=["s3:PutObject", "s3:DeleteObject"]
        ),
    ),
    "no throttling": ("E9510", lambda t: _properties(t, "Api").pop("DefaultRouteSettings")),
    "another architecture than the layers'": (
        "E9510",
        lambda t: t["Globals"]["Function"].update(Architectures=["arm64"]),
    ),
    "notifications go elsewhere": (
        "E9510",
        lambda t: _properties(t, "Bucket")["NotificationConfiguration"]["QueueConfigurations"][0].update(
            Queue=_arn("DeadLetters")
        ),
    ),
    "notifications to somebody else, too": (
        "E9510",
        lambda t: _properties(t, "Bucket")["NotificationConfiguration"].update(
            EventBridgeConfiguration={"EventBridgeEnabled": True}
        ),
    ),
}
"""Fault → the rule that must find it, and a function that plants it."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, tmp_path: Path) -> None:
    rule, plant = FAULTS[fault]
    assert rule in {finding.rule for finding in findings_with(plant, tmp_path)}


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from _paths(item, (*path, key))


def test_the_queue_takes_notifications_before_the_bucket_sends_them() -> None:
    assert expand(source())["Resources"]["Bucket"]["DependsOn"] == "UploadQueuePolicy"


def test_nothing_that_was_decided_can_be_left_out() -> None:
    """Full positive control: remove each single node of `decided.yaml`, and the rule must find it."""
    rule, expanded = AsDecided(), expand(source())
    for name, decided in rule.decided.items():
        for path in _paths(decided):
            lacking = copy.deepcopy(expanded)
            node = lacking["Resources"][name]["Properties"]
            for key in path[:-1]:
                node = node[key]
            del node[path[-1]]
            assert list(rule.findings(lacking)) != [], (name, *path)
