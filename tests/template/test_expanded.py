"""Test the resources of the stack, as SAM expands it. Each rule finds its planted faults."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from comet_updates import object_keys
from testkit.project import ROOT
from tests.template.expand import Fault, Template, expand, findings_in, findings_with, resources, source


@pytest.fixture(scope="module")
def expanded() -> Template:
    return expand(source())


def test_the_template_holds_every_rule() -> None:
    assert findings_in(ROOT / "template.yaml") == []


def _properties(template: Template, name: str = "AnswerFunction") -> Any:
    return template["Resources"][name].setdefault("Properties", {})


def _statements(template: Template) -> Any:
    return _properties(template, "AnswerRole")["Policies"][0]["PolicyDocument"]["Statement"]


def _variables(template: Template) -> Any:
    return _properties(template)["Environment"]["Variables"]


FAULTS: dict[str, tuple[str, Fault]] = {
    "a table": ("E9501", lambda t: t["Resources"].update(Clients={"Type": "AWS::Serverless::SimpleTable"})),
    "a trail": ("E9501", lambda t: t["Resources"].update(Trail={"Type": "AWS::CloudTrail::Trail"})),
    "a third queue": ("E9501", lambda t: t["Resources"].update(Third={"Type": "AWS::SQS::Queue"})),
    "no bucket policy": ("E9501", lambda t: t["Resources"].pop("BucketPolicy")),
    "a function URL": ("E9501", lambda t: _properties(t).update(FunctionUrlConfig={"AuthType": "NONE"})),
    "a dead-letter queue for requests": (
        "E9501",
        lambda t: _properties(t).update(EventInvokeConfig={"DestinationConfig": {"OnFailure": {"Type": "SQS"}}}),
    ),
    "another macro": ("E9501", lambda t: t.update(Transform=[t["Transform"], "AWS::Include"])),
    "what SAM cannot expand": ("E9501", lambda t: _properties(t).pop("Handler")),
    "a bucket policy that may go away": (
        "E9502",
        lambda t: t["Resources"]["BucketPolicy"].update(Condition="HasPipeline"),
    ),
    "a pipeline role for nobody": ("E9502", lambda t: t["Resources"]["PipelineRole"].pop("Condition")),
    "an attribute that nobody knows": ("E9502", lambda t: t["Resources"]["Bucket"].update(UpdatePolicy={})),
    "tracing by Globals": ("E9503", lambda t: t["Globals"]["Function"].update(Tracing="Active")),
    "tracing in a template that excuses itself": (
        "E9503",
        lambda t: (
            _properties(t).update(Tracing="Active"),
            t.update(Metadata={"cfn-lint": {"config": {"ignore_checks": ["E"]}}}),
            t["Resources"]["AnswerFunction"].update(Metadata={"cfn-lint": {"config": {"ignore_checks": ["E9503"]}}}),
        ),
    ),
    "tracing by a parameter": (
        "E9503",
        lambda t: _properties(t).update(Tracing={"Fn::If": ["HasPipeline", "Active", "PassThrough"]}),
    ),
    "an access log": (
        "E9503",
        lambda t: _properties(t, "Api").update(AccessLogSettings={"DestinationArn": "arn:aws:logs:::x", "Format": "x"}),
    ),
    "metrics for each route": (
        "E9503",
        lambda t: _properties(t, "Api")["DefaultRouteSettings"].update(DetailedMetricsEnabled=True),
    ),
    "CORS at the gateway": ("E9503", lambda t: _properties(t, "Api").update(CorsConfiguration=True)),
    "a bucket log": (
        "E9503",
        lambda t: _properties(t, "Bucket").update(LoggingConfiguration={"LogFilePrefix": "log/"}),
    ),
    "an empty property": ("E9503", lambda t: _properties(t, "Bucket").update(MetricsConfigurations=[])),
    "what an access log would name": (
        "E9504",
        lambda t: _properties(t, "Api").update(StageVariables={"who": "$context.identity.sourceIp"}),
    ),
    "the same inside Fn::Sub": (
        "E9504",
        lambda t: _variables(t).update(WHO={"Fn::Sub": ["${a}${!context.requestId}", {"a": "b"}]}),
    ),
    "the same as a parameter": ("E9504", lambda t: t["Parameters"]["LogLevel"].update(Default="$context.requestId")),
    "a right to write": ("E9505", lambda t: _statements(t)[0].update(Action=["s3:GetObject", "s3:PutObject"])),
    "a right less": ("E9505", lambda t: _statements(t).pop()),
    "a wider resource": ("E9505", lambda t: _statements(t)[0].update(Resource="*")),
    "all but one right": ("E9505", lambda t: _statements(t)[0].update(NotAction=_statements(t)[0].pop("Action"))),
    "a right that depends": (
        "E9505",
        lambda t: _statements(t)[0].update(Condition={"Bool": {"aws:ViaAWSService": "true"}}),
    ),
    "a right to trace": (
        "E9505",
        lambda t: _statements(t).append({"Effect": "Allow", "Action": "xray:PutTraceSegments", "Resource": "*"}),
    ),
    "a managed policy": (
        "E9505",
        lambda t: _properties(t, "AnswerRole").update(ManagedPolicyArns=["arn:aws:iam::aws:policy/ReadOnlyAccess"]),
    ),
    "a debug flag": ("E9506", lambda t: _variables(t).update(POWERTOOLS_LOGGER_LOG_EVENT="true")),
    "a debug flag by Globals": (
        "E9506",
        lambda t: t["Globals"]["Function"].update(Environment={"Variables": {"POWERTOOLS_DEV": "true"}}),
    ),
    "a variable less": ("E9506", lambda t: _variables(t).pop("LOG_LEVEL")),
    "another S3": ("E9510", lambda t: _variables(t).update(S3_ENDPOINT="https://elsewhere.example")),
    "another bucket": ("E9510", lambda t: _variables(t).update(BUCKET="elsewhere")),
    "successes in the log": ("E9510", lambda t: _variables(t).update(LOG_SUCCESSES="true")),
    "successes in the log of publishing": (
        "E9510",
        lambda t: _properties(t, "PublishFunction")["Environment"]["Variables"].update(LOG_SUCCESSES="true"),
    ),
    "successes in the log by another parameter": (
        "E9510",
        lambda t: _variables(t).update(LOG_SUCCESSES={"Ref": "DeployGradually"}),
    ),
    "successes in the log by default": ("E9506", lambda t: t["Parameters"]["LogSuccesses"].update(Default="true")),
    "a level of its own": ("E9510", lambda t: _variables(t).update(LOG_LEVEL="DEBUG")),
    "another service": (
        "E9510",
        lambda t: _properties(t, "PublishFunction")["Environment"]["Variables"].update(SERVICE_URL="https://x.example"),
    ),
    "another runtime": ("E9510", lambda t: t["Globals"]["Function"].update(Runtime="provided.al2023")),
    "another architecture": ("E9510", lambda t: _properties(t).update(Architectures=["arm64"])),
    "a log group of Lambda's own": ("E9507", lambda t: _properties(t).pop("LoggingConfig")),
    "request ids in the log": ("E9507", lambda t: _properties(t)["LoggingConfig"].update(SystemLogLevel="INFO")),
    "a log for ever": ("E9507", lambda t: t["Resources"]["AnswerLog"].pop("Properties")),
    "a log for a number of days that nobody can change": (
        "E9507",
        lambda t: _properties(t, "AnswerLog").update(RetentionInDays=3653),
    ),
    "a log for years": ("E9507", lambda t: t["Parameters"]["LogRetentionDays"].update(AllowedValues=[1, 3653])),
    "a log for as long as somebody says": ("E9507", lambda t: t["Parameters"]["LogRetentionDays"].pop("AllowedValues")),
    "a route of its own": (
        "E9508",
        lambda t: _properties(t).update(
            Events={
                "Clients": {
                    "Type": "HttpApi",
                    "Properties": {"ApiId": {"Ref": "Api"}, "Path": "/id/{id}", "Method": "get"},
                }
            }
        ),
    ),
    "another function answers": (
        "E9508",
        lambda t: t.update(json.loads(json.dumps(t).replace("${AnswerFunctionAliaslive}", "${PublishFunction.Arn}"))),
    ),
    "SAM's own role": ("E9509", lambda t: _properties(t).pop("Role")),
    "an extension": (
        "E9509",
        lambda t: _properties(t)["Layers"].append("arn:aws:lambda:us-east-1:1:layer:LambdaInsights:1"),
    ),
    "another handler": ("E9509", lambda t: _properties(t).update(Handler="other.handler")),
    "the layer of publishing": ("E9509", lambda t: _properties(t).update(Layers=[{"Ref": "PublishLayer"}])),
    "a layer of somebody else": (
        "E9509",
        lambda t: _properties(t).update(Layers=[{"Fn::Sub": "arn:aws:lambda:${AWS::Region}:1:layer:AnswerLayer:1"}]),
    ),
    "a function of somebody else": (
        "E9509",
        lambda t: t["Resources"].update(Else=copy.deepcopy(t["Resources"]["PublishFunction"])),
    ),
}
"""Fault → the rule that must find it, and a function that plants it."""


SAYS_WHERE_WHAT_AND_HOW = re.compile(r"\w+: .+\. [A-Z].+", re.DOTALL)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, tmp_path: Path) -> None:
    rule, plant = FAULTS[fault]
    found = findings_with(plant, tmp_path)
    assert rule in {finding.rule for finding in found}
    assert [finding for finding in found if not SAYS_WHERE_WHAT_AND_HOW.fullmatch(finding.message)] == []


class TestTheBucket:
    def test_it_is_versioned_encrypted_and_closed(self, expanded: Template) -> None:
        (bucket,) = resources(expanded, "AWS::S3::Bucket").values()
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert "AES256" in repr(bucket["BucketEncryption"])
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert expanded["Resources"]["Bucket"]["DeletionPolicy"] == "Retain"

    def test_what_people_uploaded_never_expires(self, expanded: Template) -> None:
        (bucket,) = resources(expanded, "AWS::S3::Bucket").values()
        expiring = [rule for rule in bucket["LifecycleConfiguration"]["Rules"] if "Expiration" in repr(rule)]
        assert {rule["Prefix"] for rule in expiring} == {"public/", "rejected/", "packs/", "parts/"}

    def test_it_refuses_plain_http_and_a_second_write_of_a_release(self, expanded: Template) -> None:
        (bucket_policy,) = resources(expanded, "AWS::S3::BucketPolicy").values()
        written_once = ("releases", "approvals", "signed")
        tls, once, trust, *_ = bucket_policy["PolicyDocument"]["Statement"]
        assert (tls["Effect"], tls["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
        assert (once["Effect"], once["Action"]) == ("Deny", "s3:PutObject")
        assert once["Resource"] == [{"Fn::Sub": f"${{Bucket.Arn}}/{prefix}/*"} for prefix in written_once]
        assert once["Condition"]["Null"] == {"s3:if-none-match": "true"}
        assert trust["Resource"] == {"Fn::Sub": "${Bucket.Arn}/trust/*"}
        assert trust["Condition"] == once["Condition"] | {"Null": {"s3:if-none-match": "true", "s3:if-match": "true"}}

    @pytest.mark.parametrize(
        ("header", "usual"),
        [
            ("s3:x-amz-storage-class", "STANDARD"),
            ("s3:x-amz-server-side-encryption", "AES256"),
            ("s3:x-amz-server-side-encryption-customer-algorithm", None),
        ],
    )
    def test_it_refuses_an_upload_that_the_functions_could_not_read(
        self, expanded: Template, header: str, usual: str | None
    ) -> None:
        """Refuse an upload that exists but cannot be read, since it would stop its product.

        Without the header it is accepted.
        """
        (bucket_policy,) = resources(expanded, "AWS::S3::BucketPolicy").values()
        (denied,) = [
            s for s in bucket_policy["PolicyDocument"]["Statement"] if header in s["Condition"].get("Null", ())
        ]
        assert (denied["Effect"], denied["Principal"], denied["Action"]) == ("Deny", "*", "s3:PutObject")
        assert denied["Resource"] == [
            {"Fn::Sub": f"${{Bucket.Arn}}/{prefix}*"} for prefix in object_keys.UPLOAD_PREFIXES
        ]
        unusual = {"StringNotEquals": {header: usual}} if usual else {}
        assert denied["Condition"] == {"Null": {header: "false"}} | unusual

    def test_every_upload_and_removal_is_notified(self, expanded: Template) -> None:
        (bucket,) = resources(expanded, "AWS::S3::Bucket").values()
        notified = {
            (rule["Event"], rule["Filter"]["S3Key"]["Rules"][0]["Value"])
            for rule in bucket["NotificationConfiguration"]["QueueConfigurations"]
        }
        assert notified == {
            (event, prefix)
            for event in ("s3:ObjectCreated:*", "s3:ObjectRemoved:*")
            for prefix in object_keys.UPLOAD_PREFIXES
        }


class TestTheQueue:
    def test_what_fails_again_and_again_ends_with_the_dead_letters(self, expanded: Template) -> None:
        queue = resources(expanded, "AWS::SQS::Queue")["UploadQueue"]
        assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}
        assert (
            queue["VisibilityTimeout"] >= 6 * resources(expanded, "AWS::Lambda::Function")["PublishFunction"]["Timeout"]
        )

    def test_one_failing_message_does_not_take_its_batch_with_it(self, expanded: Template) -> None:
        (mapping,) = resources(expanded, "AWS::Lambda::EventSourceMapping").values()
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["BatchSize"] > 1


def test_the_schedule_sweeps(expanded: Template) -> None:
    (rule,) = resources(expanded, "AWS::Events::Rule").values()
    assert [target["Input"] for target in rule["Targets"]] == ['{"sweep": true}']


def test_a_role_for_people_exists_only_where_somebody_may_take_it(expanded: Template) -> None:
    assert expanded["Resources"]["PipelineRole"]["Condition"] == "HasPipeline"
    assert expanded["Resources"]["OwnerRole"]["Condition"] == "HasOwner"
