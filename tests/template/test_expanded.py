"""What the stack consists of, once SAM has expanded it; and that each check finds the fault that it is there for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.template import policy
from tests.template.expand import Template, expand, resources, source


@pytest.fixture(autouse=True)
def _region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def expanded() -> Template:
    return expand(source())


@pytest.mark.parametrize("check", policy.CHECKS, ids=lambda check: check.__name__)
def test_the_template_holds(expanded: Template, check: Callable[[Template], Any]) -> None:
    assert list(check(expanded)) == []


def _function(template: Template) -> Any:
    return template["Resources"]["AnswerFunction"]["Properties"]


def _statements(template: Template) -> Any:
    return template["Resources"]["AnswerRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]


FAULTS: dict[str, Callable[[Template], Any]] = {
    "tracing by Globals": lambda t: t["Globals"]["Function"].update(Tracing="Active"),
    "an access log": lambda t: t["Resources"]["Api"]["Properties"].update(
        AccessLogSettings={"DestinationArn": "arn:aws:logs:::x", "Format": "$context.identity.sourceIp"}
    ),
    "CORS at the gateway": lambda t: t["Resources"]["Api"]["Properties"].update(CorsConfiguration=True),
    "a right to write": lambda t: _statements(t)[0].update(Action=["s3:GetObject", "s3:PutObject"]),
    "a wider resource": lambda t: _statements(t)[0].update(Resource="*"),
    "a right to trace": lambda t: _statements(t).append(
        {"Effect": "Allow", "Action": "xray:PutTraceSegments", "Resource": "*"}
    ),
    "a managed policy": lambda t: t["Resources"]["AnswerRole"]["Properties"].update(
        ManagedPolicyArns=["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]
    ),
    "SAM's own role": lambda t: _function(t).pop("Role"),
    "a log group of Lambda's own": lambda t: _function(t).pop("LoggingConfig"),
    "request ids in the log": lambda t: _function(t)["LoggingConfig"].update(SystemLogLevel="INFO"),
    "a log for ever": lambda t: t["Resources"]["AnswerLog"].pop("Properties"),
    "a log for years": lambda t: t["Parameters"]["LogRetentionDays"].update(AllowedValues=[1, 3653]),
    "a table": lambda t: t["Resources"].update(Clients={"Type": "AWS::Serverless::SimpleTable"}),
    "a trail": lambda t: t["Resources"].update(Trail={"Type": "AWS::CloudTrail::Trail"}),
    "a function URL": lambda t: _function(t).update(FunctionUrlConfig={"AuthType": "NONE"}),
    "a dead-letter queue for requests": lambda t: _function(t).update(
        EventInvokeConfig={"DestinationConfig": {"OnFailure": {"Type": "SQS"}}}
    ),
    "an extension": lambda t: _function(t)["Layers"].append("arn:aws:lambda:us-east-1:1:layer:LambdaInsights:1"),
    "a debug flag": lambda t: _function(t)["Environment"]["Variables"].update(POWERTOOLS_LOGGER_LOG_EVENT="true"),
    "another S3": lambda t: _function(t)["Environment"]["Variables"].update(S3_ENDPOINT="https://elsewhere.example"),
    "a bucket log": lambda t: t["Resources"]["Bucket"]["Properties"].update(
        LoggingConfiguration={"LogFilePrefix": "log/"}
    ),
    "a route of its own": lambda t: _function(t)["Events"].update(
        Clients={"Type": "HttpApi", "Properties": {"ApiId": {"Ref": "Api"}, "Path": "/id/{id}", "Method": "get"}}
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str) -> None:
    template = source()
    FAULTS[fault](template)
    expanded = expand(template)
    assert [finding for check in policy.CHECKS for finding in check(expanded)] != []


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
        assert {rule["Prefix"] for rule in expiring} == {"public/", "rejected/"}

    def test_it_refuses_plain_http_and_a_second_write_of_a_release(self, expanded: Template) -> None:
        (bucket_policy,) = resources(expanded, "AWS::S3::BucketPolicy").values()
        tls, once = bucket_policy["PolicyDocument"]["Statement"]
        assert (tls["Effect"], tls["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
        assert (once["Effect"], once["Action"]) == ("Deny", "s3:PutObject")
        assert once["Resource"] == {"Fn::Sub": "${Bucket.Arn}/releases/*"}
        assert once["Condition"]["Null"] == {"s3:if-none-match": "true"}

    def test_every_upload_and_removal_is_notified(self, expanded: Template) -> None:
        (bucket,) = resources(expanded, "AWS::S3::Bucket").values()
        notified = {
            (rule["Event"], rule["Filter"]["S3Key"]["Rules"][0]["Value"])
            for rule in bucket["NotificationConfiguration"]["QueueConfigurations"]
        }
        assert notified == {
            (event, prefix)
            for event in ("s3:ObjectCreated:*", "s3:ObjectRemoved:*")
            for prefix in ("products/", "channels/", "releases/")
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


def test_the_pipeline_role_exists_only_where_somebody_may_take_it(expanded: Template) -> None:
    assert expanded["Resources"]["PipelineRole"]["Condition"] == "HasPipeline"
