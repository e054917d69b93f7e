"""The audit of a deployed stack: it finds each planted difference, says what it cannot see, and only reads."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from typer.testing import CliRunner

from comet_updates import deployment
from comet_updates.cli import app
from comet_updates.cli.account import READS, Account, NotAReadError, UnseenError
from comet_updates.cli.audit import AREAS, Finding, NoStackError, Status, audit
from tests.conftest import REGION
from tests.template.expand import expand, source

ACCOUNT = "123456789012"
UNKNOWN_TO_MOTO = {
    "DescribeAccountPolicies": {"accountPolicies": []},
    "ListTelemetryRules": {"TelemetryRuleSummaries": []},
    "GetFunctionEventInvokeConfig": {},
}
"""What moto cannot answer, as AWS answers it where there is nothing."""


@cache
def client(service: str) -> Any:
    """boto3's; each takes a while to make, and moto's state is not in it."""
    return boto3.client(service)


account = cache(Account)


class Deployed(NamedTuple):
    """A stack as CloudFormation would have made it of our template, in moto.

    Attributes:
        ids: the name in the template → what AWS calls the resource.
        answers: operation → what is answered in AWS's place.
        calls: every call that was made, service and operation.
        configured: function → what of its configuration moto forgets.
    """

    ids: dict[str, str]
    answers: dict[str, Any]
    calls: list[tuple[str, str]]
    configured: dict[str, dict[str, Any]]

    def read(self) -> Callable[..., Any]:
        of_moto = account().read

        def read(service: str, operation: str, **parameters: Any) -> Any:
            self.calls.append((service, operation))
            answer = self.answers.get(operation)
            if isinstance(answer, Exception):
                raise answer
            if answer is None:
                answer = of_moto(service, operation, **parameters)
            if operation == "GetFunctionConfiguration":
                answer |= self.configured[parameters["FunctionName"]]
            return answer

        return read

    def audit(self) -> list[Finding]:
        return audit("comet", self.read())

    def differing(self) -> dict[str, str]:
        said: dict[str, str] = {}
        for found in self.audit():
            if found.status is Status.DIFFERS:
                said[found.area] = f"{said.get(found.area, '')}{found.says}\n"
        return said


@pytest.fixture
def deployed(aws: str) -> Iterator[Deployed]:
    with mock_aws():
        yield _deploy(expand(source()))


def _deploy(template: dict[str, Any]) -> Deployed:
    """Make what the template says, call by call: moto's CloudFormation does not know all types, nor SAM's gateway."""
    own = {name: resource.get("Properties", {}) for name, resource in template["Resources"].items()}
    ids = {name: f"comet-{name}".lower() for name in own}
    ids["UploadQueue"] = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{ids['UploadQueue']}"
    layers = {name.removesuffix(name[-10:]): name for name in own if "Layer" in name}
    for layer in layers.values():
        ids[layer] = _lambda().publish_layer_version(LayerName=ids[layer], Content={"ZipFile": _zip()})[
            "LayerVersionArn"
        ]
    arns = {
        "Bucket": f"arn:aws:s3:::{ids['Bucket']}",
        "UploadQueue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{ids['UploadQueue'].rsplit('/', 1)[1]}",
        **{log: f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{ids[log]}:*" for log in deployment.LOGS.values()},
        **{role: f"arn:aws:iam::{ACCOUNT}:role/{ids[role]}" for role in deployment.GRANTS},
    }
    _deploy_bucket(ids)
    for log in deployment.LOGS.values():
        client("logs").create_log_group(logGroupName=ids[log])
        client("logs").put_retention_policy(logGroupName=ids[log], retentionInDays=3)
    for role in deployment.GRANTS:
        _deploy_role(ids[role], own[role], arns)
    for function, handler in deployment.HANDLERS.items():
        _lambda().create_function(
            FunctionName=ids[function],
            Runtime="python3.13",
            Role=arns[deployment.ROLES[function]],
            Handler=handler,
            Code={"ZipFile": _zip()},
            Layers=[ids[layers[deployment.LAYERS[function]]]],
            Environment={
                "Variables": dict.fromkeys(deployment.ENVIRONMENT[function], "x")
                | {"BUCKET": ids["Bucket"], "S3_ENDPOINT": "aws"}
            },
        )
    _deploy_gateway(ids)
    configured: dict[str, dict[str, Any]] = {
        ids[name]: {"LoggingConfig": {**deployment.LOGGING, "LogGroup": ids[log]}}
        for name, log in deployment.LOGS.items()
    }
    listed = [
        {"LogicalResourceId": name, "ResourceType": resource["Type"], "PhysicalResourceId": ids[name]}
        for name, resource in template["Resources"].items()
    ]
    return Deployed(ids, UNKNOWN_TO_MOTO | {"ListStackResources": {"StackResourceSummaries": listed}}, [], configured)


def _deploy_bucket(ids: dict[str, str]) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket=ids["Bucket"])
    s3.put_public_access_block(
        Bucket=ids["Bucket"],
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )


def _deploy_role(name: str, role: dict[str, Any], arns: dict[str, str]) -> None:
    iam = client("iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    text = json.dumps(role["Policies"][0]["PolicyDocument"])
    for logical, arn in arns.items():
        text = text.replace(json.dumps({"Fn::GetAtt": [logical, "Arn"]}), json.dumps(arn))
        text = text.replace(f"${{{logical}.Arn}}", arn)
    document = json.loads(text)
    for statement in document["Statement"]:
        given = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        statement["Resource"] = [arn["Fn::Sub"] if isinstance(arn, dict) else arn for arn in given]
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(document))


def _deploy_gateway(ids: dict[str, str]) -> None:
    gateway = client("apigatewayv2")
    ids["Api"] = gateway.create_api(Name="comet", ProtocolType="HTTP")["ApiId"]
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/functions/{ids['AnswerFunction']}/invocations"
    integration = gateway.create_integration(ApiId=ids["Api"], IntegrationType="AWS_PROXY", IntegrationUri=uri)
    target = f"integrations/{integration['IntegrationId']}"
    gateway.create_route(ApiId=ids["Api"], RouteKey="$default", Target=target)
    gateway.create_stage(ApiId=ids["Api"], StageName="$default", AutoDeploy=True)


def _lambda() -> Any:
    return client("lambda")


def _zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("nothing.py", "")
    return content.getvalue()


def test_a_stack_as_the_template_has_it_holds(deployed: Deployed) -> None:
    assert deployed.audit() == [Finding(area, Status.HOLDS, "") for area in AREAS]


def _configure(deployed: Deployed, **changes: Any) -> None:
    _lambda().update_function_configuration(FunctionName=deployed.ids["AnswerFunction"], **changes)


def _variables(deployed: Deployed, **more: str) -> None:
    own = dict.fromkeys(deployment.ENVIRONMENT["AnswerFunction"], "x")
    own |= {"BUCKET": deployed.ids["Bucket"], "S3_ENDPOINT": "aws"}
    _configure(deployed, Environment={"Variables": own | more})


def _stage(**changes: Any) -> Callable[[Deployed], Any]:
    def remake(deployed: Deployed) -> None:  # moto cannot update one
        stage = {"ApiId": deployed.ids["Api"], "StageName": "$default"}
        client("apigatewayv2").delete_stage(**stage)
        client("apigatewayv2").create_stage(**stage, **changes)

    return remake


def _answers(**answers: Any) -> Callable[[Deployed], Any]:
    return lambda d: d.answers.update(answers)


def _statement(deployed: Deployed, action: str, resource: str) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}
    client("iam").put_role_policy(
        RoleName=deployed.ids["AnswerRole"], PolicyName="more", PolicyDocument=json.dumps(document)
    )


def _trail(deployed: Deployed) -> None:
    client("s3").create_bucket(Bucket="trails")
    trails = client("cloudtrail")
    trails.create_trail(Name="reads", S3BucketName="trails")
    values = [f"arn:aws:s3:::{deployed.ids['Bucket']}/"]
    selector = {"ReadWriteType": "All", "DataResources": [{"Type": "AWS::S3::Object", "Values": values}]}
    trails.put_event_selectors(TrailName="reads", EventSelectors=[selector])


def _logging_bucket(deployed: Deployed) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="seen", ACL="log-delivery-write")
    s3.put_bucket_logging(
        Bucket=deployed.ids["Bucket"],
        BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "seen", "TargetPrefix": "x"}},
    )


def _subscription(deployed: Deployed) -> None:
    function = _lambda().get_function(FunctionName=deployed.ids["PublishFunction"])["Configuration"]["FunctionArn"]
    client("logs").put_subscription_filter(
        logGroupName=deployed.ids["AnswerLog"], filterName="x", filterPattern="", destinationArn=function
    )


DIFFERENCES: dict[str, tuple[str, str, Callable[[Deployed], Any]]] = {
    "an access log": (
        "stages of the gateway",
        "sourceIp",
        _stage(AccessLogSettings={"DestinationArn": "arn:aws:logs:x", "Format": "$context.identity.sourceIp"}),
    ),
    "a stage variable": ("stages of the gateway", "variables", _stage(StageVariables={"who": "x"})),
    "request logging": (
        "stages of the gateway",
        "logs requests",
        _stage(DefaultRouteSettings={"DataTraceEnabled": True, "LoggingLevel": "INFO"}),
    ),
    "another route": (
        "routes of the gateway",
        "GET /id/{id}",
        lambda d: client("apigatewayv2").create_route(ApiId=d.ids["Api"], RouteKey="GET /id/{id}"),
    ),
    "cross-origin rules": (
        "routes of the gateway",
        "CorsConfiguration",
        lambda d: client("apigatewayv2").update_api(
            ApiId=d.ids["Api"], CorsConfiguration={"AllowOrigins": ["https://example.com"]}
        ),
    ),
    "another integration": (
        "routes of the gateway",
        "https://example.com",
        lambda d: client("apigatewayv2").create_integration(
            ApiId=d.ids["Api"], IntegrationType="HTTP_PROXY", IntegrationUri="https://example.com"
        ),
    ),
    "a debug flag": ("functions", "POWERTOOLS_DEV", lambda d: _variables(d, POWERTOOLS_DEV="1")),
    "another storage": ("functions", "elsewhere", lambda d: _variables(d, S3_ENDPOINT="https://elsewhere")),
    "tracing": (
        "functions",
        "traces",
        lambda d: d.configured[d.ids["AnswerFunction"]].update(TracingConfig={"Mode": "Active"}),
    ),
    "another handler": ("functions", "runs other", lambda d: _configure(d, Handler="other.handler")),
    "no layer of ours": ("functions", "layers []", lambda d: _configure(d, Layers=[])),
    "request ids in the log": (
        "functions",
        "'SystemLogLevel': 'INFO'",
        lambda d: d.configured[d.ids["AnswerFunction"]]["LoggingConfig"].update(SystemLogLevel="INFO"),
    ),
    "one log for both functions": (
        "functions",
        "logs to comet-answerlog",
        lambda d: d.configured[d.ids["PublishFunction"]]["LoggingConfig"].update(LogGroup=d.ids["AnswerLog"]),
    ),
    "a URL of its own": (
        "other ways into the functions",
        "URL of its own",
        lambda d: _lambda().create_function_url_config(FunctionName=d.ids["AnswerFunction"], AuthType="NONE"),
    ),
    "a queue for failed requests": (
        "other ways into the functions",
        "sends events on",
        _answers(GetFunctionEventInvokeConfig={"DestinationConfig": {"OnFailure": {"Destination": "x"}}}),
    ),
    "a log for ever": (
        "logs",
        "kept for ever",
        lambda d: client("logs").delete_retention_policy(logGroupName=d.ids["AnswerLog"]),
    ),
    "a log for a year": (
        "logs",
        "365 days",
        lambda d: client("logs").put_retention_policy(logGroupName=d.ids["AnswerLog"], retentionInDays=365),
    ),
    "a log that is sent on": ("logs", "is sent to", _subscription),
    "a log that is counted": (
        "logs",
        "is counted",
        lambda d: client("logs").put_metric_filter(
            logGroupName=d.ids["AnswerLog"],
            filterName="x",
            filterPattern="",
            metricTransformations=[{"metricName": "x", "metricNamespace": "x", "metricValue": "1"}],
        ),
    ),
    "a log of Lambda's own": (
        "logs",
        "nobody decided on",
        lambda d: client("logs").create_log_group(logGroupName=f"/aws/lambda/{d.ids['AnswerFunction']}"),
    ),
    "a policy for all logs": (
        "policies for all logs of the account",
        "SUBSCRIPTION_FILTER_POLICY",
        _answers(DescribeAccountPolicies={"accountPolicies": [{"policyName": "all"}]}),
    ),
    "a right to write": ("roles", "s3:PutObject", lambda d: _statement(d, "s3:PutObject", "*")),
    "a wider right to read": (
        "roles",
        "s3:GetObject",
        lambda d: _statement(d, "s3:GetObject", f"arn:aws:s3:::{d.ids['Bucket']}/*"),
    ),
    "a managed policy": (
        "roles",
        "attached",
        lambda d: client("iam").attach_role_policy(
            RoleName=d.ids["AnswerRole"],
            PolicyArn=client("iam").create_policy(
                PolicyName="wide",
                PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
            )["Policy"]["Arn"],
        ),
    ),
    "a log of the bucket": ("bucket", "logs who reads", _logging_bucket),
    "a bucket that can be public": (
        "bucket",
        "made public",
        lambda d: client("s3").delete_public_access_block(Bucket=d.ids["Bucket"]),
    ),
    "a bucket that all may read": (
        "bucket",
        "allows s3:GetObject",
        _answers(
            GetBucketPolicy={"Policy": '{"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Principal": "*"}}'}
        ),
    ),
    "events of the bucket for others": (
        "bucket",
        "EventBridge",
        _answers(GetBucketNotificationConfiguration={"EventBridgeConfiguration": {}}),
    ),
    "a trail of reads": ("trails", "records reads", _trail),
    "a ranking": (
        "rankings of log entries",
        "ranks",
        _answers(DescribeInsightRules={"InsightRules": [{"Name": "callers", "State": "ENABLED"}]}),
    ),
    "a telemetry rule": (
        "telemetry rules",
        "AWS::Lambda::Function",
        _answers(
            ListTelemetryRules={"TelemetryRuleSummaries": [{"RuleName": "x", "ResourceType": "AWS::Lambda::Function"}]}
        ),
    ),
    "another resource": (
        "resources of the stack",
        "AWS::DynamoDB::Table",
        lambda d: d.answers["ListStackResources"]["StackResourceSummaries"].append(
            {"LogicalResourceId": "Seen", "ResourceType": "AWS::DynamoDB::Table", "PhysicalResourceId": "seen"}
        ),
    ),
}
"""What differs → the area that must say so, a word of what it says, and how it came about."""


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_a_planted_difference_is_found_in_its_area_and_in_no_other(deployed: Deployed, difference: str) -> None:
    area, word, plant = DIFFERENCES[difference]
    plant(deployed)
    found = deployed.differing()
    assert list(found) == [area]
    assert word in found[area]


def test_every_area_has_a_difference_that_it_finds() -> None:
    assert {area for area, _, _ in DIFFERENCES.values()} == set(AREAS)


def test_what_may_not_be_read_is_unseen_and_names_the_right_that_is_missing(deployed: Deployed) -> None:
    deployed.answers["ListTelemetryRules"] = UnseenError("observabilityadmin:ListTelemetryRules", "AccessDenied")
    (unseen,) = [found for found in deployed.audit() if found.status is not Status.HOLDS]
    assert unseen.status is Status.UNSEEN
    assert unseen.says == "the right observabilityadmin:ListTelemetryRules is needed (AccessDenied)"


def test_a_stack_without_the_pipelines_role_holds(deployed: Deployed) -> None:
    listed = deployed.answers["ListStackResources"]["StackResourceSummaries"]
    listed[:] = [resource for resource in listed if resource["LogicalResourceId"] != "PipelineRole"]
    assert deployed.differing() == {}


class TestTheAccount:
    @pytest.mark.usefixtures("deployed")
    def test_a_refused_call_is_unseen_with_its_right(self) -> None:
        account = Account()

        def refuse(**_: Any) -> None:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, "DescribeLogGroups")

        account._client("logs").meta.events.register_first("before-call", refuse)
        with pytest.raises(UnseenError, match=r"logs:DescribeLogGroups: AccessDeniedException"):
            account.read("logs", "DescribeLogGroups")

    def test_what_is_not_there_is_empty(self, deployed: Deployed) -> None:
        function = deployed.ids["AnswerFunction"]
        assert Account().read("lambda", "GetFunctionUrlConfig", FunctionName=function) == {}

    @pytest.mark.usefixtures("deployed")
    def test_a_call_that_is_not_on_the_list_is_not_made(self) -> None:
        with pytest.raises(NotAReadError):
            Account()._client("logs").create_log_group(logGroupName="x")
        groups = client("logs").describe_log_groups()["logGroups"]
        assert "x" not in {group["logGroupName"] for group in groups}

    def test_every_call_on_the_list_reads_and_is_made(self, deployed: Deployed) -> None:
        assert [operation for _, operation in READS if not operation.startswith(("Get", "List", "Describe"))] == []
        _trail(deployed)
        deployed.audit()
        assert set(deployed.calls) == set(READS)


@pytest.mark.usefixtures("deployed")
def test_a_stack_that_is_not_there_is_an_error_with_a_remedy() -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise UnseenError("cloudformation:ListStackResources", "ValidationError")

    with pytest.raises(
        NoStackError, match="check its name, the region and the right cloudformation:ListStackResources"
    ):
        audit("nowhere", refuse)


class TestTheCommand:
    @pytest.fixture(autouse=True)
    def _reads(self, deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
        read = deployed.read()
        monkeypatch.setattr(Account, "read", lambda _, *call, **parameters: read(*call, **parameters))

    def test_says_of_each_area_that_it_holds(self) -> None:
        done = CliRunner().invoke(app, ["audit", "comet"])
        assert done.exit_code == 0, done.output
        assert done.output.count("holds ") >= len(AREAS)
        assert "Nobody can see from an account" in done.output

    def test_says_what_differs_and_fails(self, deployed: Deployed) -> None:
        client("logs").delete_retention_policy(logGroupName=deployed.ids["AnswerLog"])
        done = CliRunner().invoke(app, ["audit", "comet", "--json"])
        said = json.loads(done.output)
        assert (done.exit_code, said["holds"]) == (1, False)
        assert {"area": "logs", "status": "differs", "says": "AnswerLog is kept for ever"} in said["findings"]

    def test_prints_the_rights_that_it_needs(self) -> None:
        policy = json.loads(CliRunner().invoke(app, ["audit-rights"]).output)
        assert set(policy["Statement"][0]["Action"]) == set(READS.values())
