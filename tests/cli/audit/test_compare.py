"""Test the audit of a deployed stack: it finds each planted difference, reports what it cannot see, and only reads."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner, Result

from comet_updates import object_keys
from comet_updates_cli import app
from comet_updates_cli.audit.account import READS, Account, NotAReadError, UnseenError
from comet_updates_cli.audit.allowed import COUNTED
from comet_updates_cli.audit.compare import AREAS, Finding, NoStackError, Status, audit
from testkit.cases import quick_every
from testkit.s3 import REGION
from tests.cli.audit.deployed import (
    ACCOUNT,
    ALIAS,
    BUILT,
    HOST,
    OWN_POLICIES,
    STAGE,
    Deployed,
    Prepared,
    botocore_overheard,
    client,
    count,
    draw,
    listed,
    notify,
    publish_layer,
    trust,
    watch,
    write_build,
    zipped,
)
from tests.template.expand import source

__all__ = ["botocore_overheard"]

account = cache(Account)


@pytest.fixture(scope="module")
def prepared(botocore_overheard: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Prepared]]:
    """Return a function that makes each of the two stacks at its first use."""
    build = write_build(tmp_path_factory.mktemp("build"))
    with mock_aws():
        yield cache(partial(Prepared, build))


@pytest.fixture
def deployed(aws: str, prepared: Callable[..., Prepared]) -> Deployed:
    return prepared(use_cdn="false").again()


@pytest.fixture
def with_cdn(aws: str, prepared: Callable[..., Prepared]) -> Deployed:
    return prepared(use_cdn="true").again()


@pytest.fixture
def with_both(aws: str, prepared: Callable[..., Prepared]) -> Deployed:
    """Return a stack while the DNS entry moves between gateway and CDN; both have the publisher's name."""
    return prepared(use_cdn="both").again()


def _audit(deployed: Deployed) -> list[Finding]:
    with deployed.overheard():
        return audit("comet", account().read, deployed.build)


def _wrong(deployed: Deployed) -> list[Finding]:
    return [found for found in _audit(deployed) if found.status is not Status.HOLDS]


def test_a_stack_as_the_template_has_it_holds(deployed: Deployed) -> None:
    assert _audit(deployed) == [Finding(area, "", Status.HOLDS, "", "") for area in AREAS]


def test_a_stack_with_the_cdn_holds_too(with_cdn: Deployed) -> None:
    assert _audit(with_cdn) == [Finding(area, "", Status.HOLDS, "", "") for area in AREAS]


def test_a_stack_with_gateway_and_cdn_under_one_name_holds(with_both: Deployed) -> None:
    assert _audit(with_both) == [Finding(area, "", Status.HOLDS, "", "") for area in AREAS]


Mutation = Callable[[Deployed], Any]


def _answers(**answers: Any) -> Mutation:
    return lambda d: d.answers.update(answers)


def _configure(function: str = "AnswerFunction", **changes: Any) -> Mutation:
    def plant(deployed: Deployed) -> None:
        client("lambda").update_function_configuration(FunctionName=deployed.ids[function], **changes)
        deployed.deploy()

    return plant


def _configured(**changes: Any) -> Mutation:
    """Change a part of the configuration that moto does not keep."""
    return lambda d: d.configured[d.ids["AnswerFunction"]].update(changes)


def _logging(function: str = "AnswerFunction", **changes: Any) -> Mutation:
    return lambda d: d.configured[d.ids[function]]["LoggingConfig"].update(changes)


def _variables(**changes: str | None) -> Mutation:
    def plant(deployed: Deployed) -> None:
        name = deployed.ids["AnswerFunction"]
        own = client("lambda").get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        variables = {variable: str(value) for variable, value in (own | changes).items() if value is not None}
        client("lambda").update_function_configuration(FunctionName=name, Environment={"Variables": variables})
        deployed.deploy()

    return plant


def _stage(**changes: Any) -> Mutation:
    def plant(deployed: Deployed) -> None:  # moto cannot update a stage
        api = deployed.ids["Api"]
        client("apigatewayv2").delete_stage(ApiId=api, StageName="$default")
        client("apigatewayv2").create_stage(ApiId=api, **STAGE | changes)

    return plant


def _route(**route: Any) -> Mutation:
    return lambda d: client("apigatewayv2").create_route(ApiId=d.ids["Api"], **route)


def _integration(of: Callable[[Deployed], str], **changes: Any) -> Mutation:
    return lambda d: client("apigatewayv2").create_integration(
        ApiId=d.ids["Api"], IntegrationType="AWS_PROXY", IntegrationUri=of(d), **changes
    )


def _own_policy(role: str, change: Callable[[list[dict[str, Any]], Deployed], Any]) -> Mutation:
    def plant(deployed: Deployed) -> None:
        name = {"RoleName": deployed.ids[role], "PolicyName": OWN_POLICIES[role]}
        document = client("iam").get_role_policy(**name)["PolicyDocument"]
        change(document["Statement"], deployed)
        client("iam").put_role_policy(**name, PolicyDocument=json.dumps(document))

    return plant


def _statement(action: str, resource: str, effect: str = "Allow") -> Mutation:
    return _own_policy(
        "AnswerRole",
        lambda s, d: s.append({"Effect": effect, "Action": action, "Resource": resource.format(**d.ids)}),
    )


def _managed_policy(deployed: Deployed) -> None:
    every = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    made = client("iam").create_policy(PolicyName="wide", PolicyDocument=json.dumps(every))
    client("iam").attach_role_policy(RoleName=deployed.ids["AnswerRole"], PolicyArn=made["Policy"]["Arn"])


def _log(method: str, log: str = "AnswerLog", **more: Any) -> Mutation:
    return lambda d: getattr(client("logs"), method)(logGroupName=d.ids[log], **more)


def _subscription(deployed: Deployed) -> None:
    client("logs").put_subscription_filter(
        logGroupName=deployed.ids["AnswerLog"],
        filterName="x",
        filterPattern="",
        destinationArn=deployed.arn("PublishFunction"),
    )


def _bucket_log(deployed: Deployed) -> None:
    client("s3").create_bucket(Bucket="seen", ACL="log-delivery-write")
    client("s3").put_bucket_logging(
        Bucket=deployed.ids["Bucket"],
        BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "seen", "TargetPrefix": "x"}},
    )


def _trail(type_: str, value: str) -> Mutation:
    """Add a basic event selector to the trail."""

    def plant(deployed: Deployed) -> None:
        resources = [{"Type": type_, "Values": [value.format(**deployed.ids, function=deployed.arn("AnswerFunction"))]}]
        client("cloudtrail").put_event_selectors(
            TrailName="changes", EventSelectors=[{"ReadWriteType": "All", "DataResources": resources}]
        )

    return plant


def _advanced_trail(type_: str, **arn: str) -> Mutation:
    def plant(deployed: Deployed) -> None:
        where = {operator: [value.format(**deployed.ids)] for operator, value in arn.items()}
        fields = [{"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": [type_]}]
        selectors = [{"FieldSelectors": [*fields, {"Field": "resources.ARN", **where}] if where else fields}]
        client("cloudtrail").put_event_selectors(TrailName="changes", AdvancedEventSelectors=selectors)

    return plant


def _policy_of_the_account(criteria: str) -> Mutation:
    def plant(deployed: Deployed) -> None:
        criteria_here = criteria.format(**deployed.ids)
        policies = [{"policyName": "all", "selectionCriteria": criteria_here}]
        deployed.answers["DescribeAccountPolicies"] = {"accountPolicies": policies}

    return plant


def _ranking(*logs: str, state: str = "ENABLED") -> Mutation:
    definition = json.dumps({"Schema": {"Name": "CloudWatchLogRule", "Version": 1}, "LogGroupNames": logs})
    return _answers(DescribeInsightRules={"InsightRules": [{"Name": "x", "State": state, "Definition": definition}]})


def _copied(*rules: dict[str, Any]) -> Mutation:
    copied = [rule | {"Destination": {"Bucket": "arn:aws:s3:::x"}} for rule in rules]
    return _answers(GetBucketReplication={"ReplicationConfiguration": {"Role": "x", "Rules": copied}})


def _telemetry(type_: str) -> Mutation:
    return _answers(ListTelemetryRules={"TelemetryRuleSummaries": [{"RuleName": "x", "ResourceType": type_}]})


def _without(resource: str) -> Mutation:
    def plant(deployed: Deployed) -> None:
        deployed.listed = [listed for listed in deployed.listed if listed["LogicalResourceId"] != resource]

    return plant


def _cdn(change: Callable[[dict[str, Any]], Any]) -> Mutation:
    def plant(deployed: Deployed) -> None:
        shown = client("cloudfront").get_distribution_config(Id=deployed.ids["Cdn"])
        deployed.answers["GetDistributionConfig"] = {"DistributionConfig": shown["DistributionConfig"]}
        change(shown["DistributionConfig"])

    return plant


def _key(**changes: Any) -> Mutation:
    def plant(deployed: Deployed) -> None:
        policy = copy.deepcopy(deployed.answers["GetCachePolicy"])
        policy["CachePolicy"]["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"].update(changes)
        deployed.answers["GetCachePolicy"] = policy

    return plant


def _delivery(deployed: Deployed) -> None:
    """Add CloudFront's newer kind of log. It is set up in us-east-1 for every stack."""
    logs = boto3.client("logs", region_name="us-east-1")
    arn = f"arn:aws:cloudfront::{ACCOUNT}:distribution/{deployed.ids['Cdn']}"
    logs.put_delivery_source(name="seen", resourceArn=arn, logType="ACCESS_LOGS")


def _trusted(role: str, **statement: Any) -> Mutation:
    def plant(deployed: Deployed) -> None:
        allowed = {"Effect": "Allow", "Action": "sts:AssumeRole"} | statement
        trust(deployed.ids[role], {"Version": "2012-10-17", "Statement": [allowed]})

    return plant


def _by_token(subject: str, **equal: str) -> Mutation:
    issuer = "token.actions.githubusercontent.com"
    tests = {"StringEquals": {f"{issuer}:{name}": value for name, value in equal.items()}}
    return _trusted(
        "PipelineRole",
        Action="sts:AssumeRoleWithWebIdentity",
        Principal={"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"},
        Condition={**tests, "StringLike": {f"{issuer}:sub": subject}},
    )


def _open_old_version(deployed: Deployed) -> None:
    _configure(Timeout=9)(deployed)
    deployed.call("AnswerFunction", "*", qualifier="1")


def _other_alias(deployed: Deployed) -> None:
    function = deployed.ids["PublishFunction"]
    client("lambda").publish_version(FunctionName=function)
    client("lambda").create_alias(FunctionName=function, Name="old", FunctionVersion="1")
    deployed.call("PublishFunction", "*", qualifier="old")


def _code(function: str, name: str, *, runs: bool = True) -> Mutation:
    """Change a byte at the end of a file. `runs` if it also gets requests."""

    def plant(deployed: Deployed) -> None:
        files = BUILT[function]
        deployed.upload(function, zipped(files | {name: files[name] + b" "}))
        if runs:
            deployed.deploy()

    return plant


def _two_versions(deployed: Deployed) -> None:
    _configure(Timeout=9)(deployed)
    _alias(RoutingConfig={"AdditionalVersionWeights": {"1": 0.5}})(deployed)


def _group(**changes: Any) -> Mutation:
    return lambda d: d.answers["GetDeploymentGroup"]["deploymentGroupInfo"].update(changes)


def _alias(**changes: Any) -> Mutation:
    return lambda d: client("lambda").update_alias(FunctionName=d.ids["AnswerFunction"], Name="live", **changes)


def _by_route() -> dict[str, Any]:
    alarm: dict[str, Any] = copy.deepcopy(source()["Resources"]["RequestsAreThrottled"]["Properties"])
    alarm["Metrics"][1]["MetricStat"]["Metric"]["Dimensions"].append({"Name": "Route", "Value": "x"})
    return alarm


DEPLOYMENT = "deployment of the answering function"
ALARMS = "alarms and dashboard"
WATCHES = source()["Resources"]["AnswerErrors"]["Properties"]
STAGES, ROUTES, DOORS = "stages of the gateway", "routes of the gateway", "other ways into the functions"
ACCOUNT_POLICIES, RANKINGS = "policies for all logs of the account", "rankings of log entries"
DIFFERENCES: dict[str, tuple[str, str, Mutation]] = {
    "an access log": (
        STAGES,
        "stage $default writes an access log: $context.identity.sourceIp",
        _stage(AccessLogSettings={"DestinationArn": "arn:aws:logs:x", "Format": "$context.identity.sourceIp"}),
    ),
    "a stage variable": (STAGES, "has variables: ['who']", _stage(StageVariables={"who": "x"})),
    "request logging": (
        STAGES,
        "logs requests",
        _stage(DefaultRouteSettings=STAGE["DefaultRouteSettings"] | {"DataTraceEnabled": True, "LoggingLevel": "INFO"}),
    ),
    "request logging of one route": (
        STAGES,
        "logs requests of GET /v1",
        _stage(RouteSettings={"GET /v1": {"LoggingLevel": "INFO"}}),
    ),
    "no throttling": (STAGES, "does not throttle", _stage(DefaultRouteSettings={})),
    "routes that do not show": (STAGES, "does not deploy automatically", _stage(AutoDeploy=False)),
    "another stage": (
        STAGES,
        "debug",
        lambda d: client("apigatewayv2").create_stage(ApiId=d.ids["Api"], **STAGE | {"StageName": "debug"}),
    ),
    "another route": (ROUTES, "GET /id/{id}", _route(RouteKey="GET /id/{id}")),
    "a login": (
        ROUTES,
        "requires authentication",
        _answers(GetRoutes={"Items": [{"RouteKey": "$default", "AuthorizationType": "JWT"}]}),
    ),
    "cross-origin rules": (
        ROUTES,
        "CorsConfiguration",
        lambda d: client("apigatewayv2").update_api(
            ApiId=d.ids["Api"], CorsConfiguration={"AllowOrigins": ["https://example.com"]}
        ),
    ),
    "another integration": (ROUTES, "https://example.com", _integration(lambda _: "https://example.com")),
    "a function whose name only begins like ours": (
        ROUTES,
        "-copy",
        _integration(lambda d: f"{d.arn('AnswerFunction')}-copy:live"),
    ),
    "the function instead of its alias": (ROUTES, "sends requests to", _integration(lambda d: d.arn("AnswerFunction"))),
    "a version of long ago": (ROUTES, "sends requests to", _integration(lambda d: f"{d.arn('AnswerFunction')}:1")),
    "a function of the same name in another account": (
        ROUTES,
        "999999999999",
        _integration(lambda d: d.ids[ALIAS].replace(ACCOUNT, "9" * 12)),
    ),
    "a request that is changed": (
        ROUTES,
        "(RequestParameters)",
        _integration(lambda d: d.ids[ALIAS], RequestParameters={"append:header.who": "$context.identity.sourceIp"}),
    ),
    "a cookie from the gateway": (
        ROUTES,
        "(ResponseParameters)",
        _integration(
            lambda d: d.ids[ALIAS],
            ResponseParameters={"200": {"append:header.set-cookie": "$context.requestId"}},
        ),
    ),
    "a version that was not deployed": (
        DEPLOYMENT,
        "answers with version $LATEST instead of the deployed version 1",
        _alias(FunctionVersion="$LATEST"),
    ),
    "two versions": (
        DEPLOYMENT,
        "also answers with version 1",
        _two_versions,
    ),
    "all clients at once": (
        DEPLOYMENT,
        "deploys as CodeDeployDefault.LambdaAllAtOnce",
        _group(deploymentConfigName="CodeDeployDefault.LambdaAllAtOnce"),
    ),
    "a deployment that heeds no alarm": (
        DEPLOYMENT,
        "does not roll back on the alarm AnswerErrors",
        _group(alarmConfiguration={"enabled": False, "alarms": [{"name": "comet-AnswerErrors"}]}),
    ),
    "a deployment that heeds some alarms": (
        DEPLOYMENT,
        "does not roll back on the alarm AnswersFail",
        _group(alarmConfiguration={"enabled": True, "alarms": [{"name": "comet-AnswerErrors"}]}),
    ),
    "a deployment that never goes back": (
        DEPLOYMENT,
        "does not roll back automatically",
        _group(autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_FAILURE"]}),
    ),
    "a deployment that anyone may do": (
        "roles",
        "DeployRole can be assumed by *",
        _trusted("DeployRole", Principal={"AWS": "*"}),
    ),
    "a debug flag": ("functions", "AnswerFunction reads POWERTOOLS_DEV", _variables(POWERTOOLS_DEV="1")),
    "a missing variable": ("functions", "lacks LOG_LEVEL", _variables(LOG_LEVEL=None)),
    "another storage": ("functions", "https://elsewhere", _variables(S3_ENDPOINT="https://elsewhere")),
    "tracing": ("functions", "traces", _configured(TracingConfig={"Mode": "Active"})),
    "another handler": ("functions", "runs other.handler", _configure(Handler="other.handler")),
    "another runtime": ("functions", "runs on provided.al2023 instead", _configured(Runtime="provided.al2023")),
    "another role": (
        "functions",
        "has the role arn:aws:iam::123456789012:role/other",
        _configure(Role="arn:aws:iam::123456789012:role/other"),
    ),
    "no layer of ours": ("functions", "layers []", _configure(Layers=[])),
    "a layer more": (
        "functions",
        "layer:insights",
        lambda d: _configure(Layers=[d.layer("AnswerLayer"), publish_layer("insights", zipped(BUILT["AnswerLayer"]))])(
            d
        ),
    ),
    "another source": (
        "code",
        "AnswerFunction version 2 differs from the build in comet_updates/answer/handler.py",
        _code("AnswerFunction", "comet_updates/answer/handler.py"),
    ),
    "another source of publishing": (
        "code",
        "PublishFunction version $LATEST differs from the build in comet_updates/publish/handler.py",
        _code("PublishFunction", "comet_updates/publish/handler.py"),
    ),
    "request ids in the log": ("functions", "'SystemLogLevel': 'INFO'", _logging(SystemLogLevel="INFO")),
    "a log as text": ("functions", "'LogFormat': 'Text'", _logging(LogFormat="Text")),
    "another log": ("functions", "PublishFunction logs to other", _logging("PublishFunction", LogGroup="other")),
    "a dead-letter queue": ("functions", "DeadLetterConfig", _configured(DeadLetterConfig={"TargetArn": "arn:x"})),
    "a file system": ("functions", "FileSystemConfigs", _configured(FileSystemConfigs=[{"Arn": "arn:x"}])),
    "a network": ("functions", "VpcConfig", _configured(VpcConfig={"SubnetIds": ["subnet-1"], "VpcId": "vpc-1"})),
    "a memory on disk": ("functions", "SnapStart", _configured(SnapStart={"ApplyOn": "PublishedVersions"})),
    "a history of executions": ("functions", "DurableConfig", _configured(DurableConfig={"ExecutionTimeout": 60})),
    "a URL of its own": (
        DOORS,
        "AnswerFunction has a function URL",
        lambda d: d.open_url("AnswerFunction", AuthType="NONE"),
    ),
    "a URL of the alias": (
        DOORS,
        "AnswerFunction has a function URL",
        lambda d: d.open_url("AnswerFunction", "live", AuthType="AWS_IAM"),
    ),
    "a queue for failed requests": (
        DOORS,
        "forwards events to a destination",
        _answers(
            ListFunctionEventInvokeConfigs={
                "FunctionEventInvokeConfigs": [{}, {"DestinationConfig": {"OnFailure": {"Destination": "x"}}}]
            }
        ),
    ),
    "a caller more": (
        DOORS,
        "AnswerFunction can be called at live by * for any resource",
        lambda d: d.call("AnswerFunction", "*"),
    ),
    "a caller of the function itself": (
        DOORS,
        "AnswerFunction can be called by apigateway.amazonaws.com for arn:aws:execute-api:",
        lambda d: d.call(
            "AnswerFunction",
            "apigateway.amazonaws.com",
            f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{d.ids['Api']}/*",
            qualifier="",
        ),
    ),
    "a caller of an old version": (
        DOORS,
        "AnswerFunction can be called at 1 by * for any resource",
        _open_old_version,
    ),
    "another alias": (
        DOORS,
        "PublishFunction can be called at old by * for any resource",
        _other_alias,
    ),
    "another gateway": (
        DOORS,
        "can be called at live by apigateway.amazonaws.com for arn:aws:execute-api:us-east-1:123456789012:other/*",
        lambda d: d.call(
            "AnswerFunction", "apigateway.amazonaws.com", f"arn:aws:execute-api:{REGION}:{ACCOUNT}:other/*"
        ),
    ),
    "another source of events": (
        DOORS,
        "AnswerFunction gets events from",
        lambda d: client("lambda").create_event_source_mapping(
            FunctionName=d.ids["AnswerFunction"],
            EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{d.ids['DeadLetters'].rsplit('/', 1)[1]}",
        ),
    ),
    "a log for ever": ("logs", "AnswerLog never expires", _log("delete_retention_policy")),
    "a log for a year": ("logs", "365 days", _log("put_retention_policy", retentionInDays=365)),
    "a log that is sent on": ("logs", "is sent to", _subscription),
    "a log that is counted": (
        "logs",
        "has the metric filter x",
        _log(
            "put_metric_filter",
            filterName="x",
            filterPattern="",
            metricTransformations=[{"metricName": "x", "metricNamespace": "x", "metricValue": "1"}],
        ),
    ),
    "a number for each document": (
        "logs",
        "which is not in the template",
        lambda d: count(
            d.ids["AnswerLog"], d.ids["StaleAnswers"], *COUNTED["StaleAnswers"][1:], dimensions={"x": "$.document"}
        ),
    ),
    "a number of other lines": (
        "logs",
        "which is not in the template",
        lambda d: count(d.ids["AnswerLog"], d.ids["StaleAnswers"], "{ $.document = * }", "AnswersAreStale"),
    ),
    "an alarm of something else": (
        ALARMS,
        "AnswerErrors watches AWS/Lambda Invocations FunctionName",
        lambda d: watch(d.ids["AnswerErrors"], WATCHES, MetricName="Invocations"),
    ),
    "an alarm by client": (
        ALARMS,
        "AnswersFail watches CometUpdates/comet AnswersFail ClientId",
        lambda d: watch(
            d.ids["AnswersFail"],
            WATCHES,
            Namespace="CometUpdates/comet",
            MetricName="AnswersFail",
            Dimensions=[{"Name": "ClientId", "Value": "x"}],
        ),
    ),
    "an alarm that was deleted": (
        ALARMS,
        "SweepIsLate does not exist",
        lambda d: client("cloudwatch").delete_alarms(AlarmNames=[d.ids["SweepIsLate"]]),
    ),
    "an alarm that computes with other numbers": (
        ALARMS,
        "RequestsAreThrottled watches AWS/ApiGateway Count ApiId, Route, AWS/Lambda Invocations FunctionName",
        lambda d: watch(d.ids["RequestsAreThrottled"], _by_route()),
    ),
    "a key of KMS for the bucket": (
        "bucket",
        "Bucket encrypts with aws:kms, so no ETag is a hash of the bytes",
        lambda d: client("s3").put_bucket_encryption(
            Bucket=d.ids["Bucket"],
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]
            },
        ),
    ),
    "an alarm that tells nobody": (
        ALARMS,
        "AnswerErrors has its actions disabled",
        lambda d: watch(d.ids["AnswerErrors"], WATCHES, ActionsEnabled=False),
    ),
    "a dashboard that searches logs": (
        ALARMS,
        "Dashboard has a widget of type log",
        lambda d: draw(d.ids["Dashboard"], {"widgets": [{"type": "log"}, {"type": "metric"}]}),
    ),
    "a log that was deleted": ("logs", "PublishLog does not exist", _log("delete_log_group", "PublishLog")),
    "a log of Lambda's own": (
        "logs",
        "is a log that is not in the template",
        lambda d: client("logs").create_log_group(logGroupName=f"/aws/lambda/{d.ids['AnswerFunction']}"),
    ),
    "a log of the gateway's own": (
        "logs",
        "is a log that is not in the template",
        lambda d: client("logs").create_log_group(logGroupName=f"API-Gateway-Execution-Logs_{d.ids['Api']}/$default"),
    ),
    "a policy for all logs": (ACCOUNT_POLICIES, "SUBSCRIPTION_FILTER_POLICY all", _policy_of_the_account("")),
    "a policy for all logs but one of ours": (
        ACCOUNT_POLICIES,
        "SUBSCRIPTION_FILTER_POLICY all",
        _policy_of_the_account('LogGroupName NOT IN ["{AnswerLog}"]'),
    ),
    "a policy for logs that begin like ours": (
        ACCOUNT_POLICIES,
        "RETENTION_POLICY all",
        _policy_of_the_account('LogGroupNamePrefix = "comet-"'),
    ),
    "a right to write": ("roles", "AnswerRole may s3:PutObject on *", _statement("s3:PutObject", "*")),
    "a wider right to read": ("roles", "may s3:GetObject", _statement("s3:GetObject", "arn:aws:s3:::{Bucket}/*")),
    "a right to all but one": (
        "roles",
        "may None on *",
        _own_policy(
            "AnswerRole", lambda s, _: s.append({"Effect": "Allow", "NotAction": "s3:PutObject", "Resource": "*"})
        ),
    ),
    "a right with a condition": (
        "roles",
        "PipelineRole may s3:ListBucket",
        _own_policy("PipelineRole", lambda s, _: s[-1].update(Condition={"StringLike": {"s3:prefix": "public/*"}})),
    ),
    "a right that is gone": ("roles", "may no longer logs:", _own_policy("AnswerRole", lambda s, _: s.pop())),
    "a role for anyone": ("roles", "PipelineRole can be assumed by everybody", _trusted("PipelineRole", Principal="*")),
    "a role for any pipeline": (
        "roles",
        "PipelineRole can be assumed by everybody",
        _by_token("*", aud="sts.amazonaws.com"),
    ),
    "a role for a token for somebody else": (
        "roles",
        "PipelineRole can be assumed by everybody",
        _by_token("repo:acme/app:environment:release"),
    ),
    "a function's role for a user": (
        "roles",
        f"AnswerRole can be assumed by arn:aws:iam::{ACCOUNT}:user/x",
        _trusted("AnswerRole", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:user/x"}),
    ),
    "one principal for releasing and approving": (
        "roles",
        "OwnerRole can be assumed by a pipeline, too",
        _trusted("OwnerRole", Principal={"AWS": [f"arn:aws:iam::{ACCOUNT}:role/ci"]}),
    ),
    "a managed policy": ("roles", "has the policy wide attached", _managed_policy),
    "a log of the bucket": ("bucket", "writes an access log", _bucket_log),
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
    "a bucket that denies nothing": (
        "bucket",
        "has no policy",
        lambda d: client("s3").delete_bucket_policy(Bucket=d.ids["Bucket"]),
    ),
    "events of the bucket for others": (
        "bucket",
        "EventBridge",
        _answers(GetBucketNotificationConfiguration={"EventBridgeConfiguration": {}}),  # moto leaves it out if empty
    ),
    "events of the bucket for another queue": (
        "bucket",
        "DeadLetters",
        lambda d: notify(d.ids["Bucket"], d.ids["DeadLetters"].rsplit("/", 1)[-1]),
    ),
    "a copy of the bucket": (
        "bucket",
        "is replicated to arn:aws:s3:::x: all objects",
        _copied({"Filter": {"Prefix": "releases/"}}, {"Filter": {}}),
    ),
    "a copy of what is public": ("bucket", "is replicated to arn:aws:s3:::x: public/", _copied({"Prefix": "public/"})),
    "a list of the bucket": (
        "bucket",
        "writes an inventory",
        _answers(ListBucketInventoryConfigurations={"InventoryConfigurationList": [{"Id": "x"}]}),
    ),
    "an analysis of the bucket": (
        "bucket",
        "has storage class analysis enabled",
        _answers(ListBucketAnalyticsConfigurations={"AnalyticsConfigurationList": [{"Id": "x"}]}),
    ),
    "a bucket without versions": (
        "bucket",
        "does not keep versions",
        lambda d: client("s3").put_bucket_versioning(
            Bucket=d.ids["Bucket"], VersioningConfiguration={"Status": "Suspended"}
        ),
    ),
    "a trail of our objects": ("trails", "each use of Bucket", _trail("AWS::S3::Object", "arn:aws:s3:::{Bucket}/")),
    "a trail of all objects": ("trails", "each use of Bucket", _trail("AWS::S3::Object", "arn:aws:s3")),
    "a trail of our function": ("trails", "each use of AnswerFunction", _trail("AWS::Lambda::Function", "{function}")),
    "a trail of all functions": (
        "trails",
        "each use of AnswerFunction",
        _advanced_trail("AWS::Lambda::Function"),
    ),
    "a trail of all buckets but another": (
        "trails",
        "each use of Bucket",
        _advanced_trail("AWS::S3::Object", NotStartsWith="arn:aws:s3:::other/"),
    ),
    "a ranking of our log": (RANKINGS, "rule x ranks", _ranking("comet-*")),
    "a ranking that does not say of what": (
        RANKINGS,
        "rule x ranks",
        _answers(DescribeInsightRules={"InsightRules": [{"Name": "x", "State": "ENABLED", "Definition": "{}"}]}),
    ),
    "a telemetry rule": ("telemetry rules", "AWS::Lambda::Function", _telemetry("AWS::Lambda::Function")),
    "another resource": (
        "resources of the stack",
        "AWS::DynamoDB::Table exists 1 times instead of 0",
        lambda d: d.listed.append(
            {"LogicalResourceId": "Seen", "ResourceType": "AWS::DynamoDB::Table", "PhysicalResourceId": "seen"}
        ),
    ),
    "a resource less": (
        "resources of the stack",
        "AWS::Lambda::EventSourceMapping exists 0 times instead of 1",
        _without("PublishFunctionUploads"),
    ),
}
"""Difference → the area that must report it, some words of the report, and the change that makes it."""


@pytest.mark.parametrize("difference", quick_every(4, DIFFERENCES))
def test_a_planted_difference_is_found_in_its_area_and_in_no_other(deployed: Deployed, difference: str) -> None:
    _finds(deployed, *DIFFERENCES[difference])


def _finds(deployed: Deployed, area: str, words: str, plant: Mutation) -> None:
    plant(deployed)
    found = _wrong(deployed)
    assert {(finding.area, finding.status) for finding in found} == {(area, Status.DIFFERS)}
    assert words in "\n".join(f"{finding.resource} {finding.says}" for finding in found)
    assert all(finding.remedy for finding in found)


OF_THE_CDN: dict[str, tuple[str, str, Mutation]] = {
    "a log": (
        "CDN",
        "writes an access log to seen.s3.amazonaws.com",
        _cdn(lambda c: c.update(Logging={"Enabled": True, "Bucket": "seen.s3.amazonaws.com"})),
    ),
    "a log of the newer kind": ("CDN", "writes an access log (seen)", _delivery),
    "a log in real time": (
        "CDN",
        "writes a real-time log for *",
        _cdn(lambda c: c["DefaultCacheBehavior"].update(RealtimeLogConfigArn="arn:x")),
    ),
    "more metrics": (
        "CDN",
        "records additional metrics",
        _answers(
            GetMonitoringSubscription={
                "MonitoringSubscription": {
                    "RealtimeMetricsSubscriptionConfig": {"RealtimeMetricsSubscriptionStatus": "Enabled"}
                }
            }
        ),
    ),
    "a firewall": ("CDN", "a firewall", _cdn(lambda c: c.update(WebACLId="arn:x"))),
    "some clients elsewhere": (
        "CDN",
        "sends some clients to another distribution",
        _cdn(lambda c: c.update(ContinuousDeploymentPolicyId="x")),
    ),
    "errors that are kept": (
        "CDN",
        "caches errors 404",
        _cdn(lambda c: c["CustomErrorResponses"]["Items"][1].update(ErrorCachingMinTTL=10)),
    ),
    "an old TLS": (
        "CDN",
        "accepts TLS connections with the policy TLSv1.1_2016",
        _cdn(
            lambda c: c.update(
                ViewerCertificate={"CloudFrontDefaultCertificate": False, "MinimumProtocolVersion": "TLSv1.1_2016"}
            )
        ),
    ),
    "headers of viewers for the function": (
        "CDN",
        "forwards more of a request for *",
        _cdn(lambda c: c["DefaultCacheBehavior"].update(OriginRequestPolicyId="x")),
    ),
    "headers of its own": (
        "CDN",
        "changes responses for /drop-in/*",
        _cdn(lambda c: c["CacheBehaviors"]["Items"][0].update(ResponseHeadersPolicyId="x")),
    ),
    "code at the edge": (
        "CDN",
        "runs code at the edge",
        _cdn(lambda c: c["DefaultCacheBehavior"].update(FunctionAssociations=listed("x"))),
    ),
    "signed URLs": (
        "CDN",
        "requires signed requests from clients",
        _cdn(lambda c: c["DefaultCacheBehavior"].update(TrustedKeyGroups={"Enabled": True})),
    ),
    "plain HTTP": (
        "CDN",
        "accepts plain HTTP",
        _cdn(lambda c: c["DefaultCacheBehavior"].update(ViewerProtocolPolicy="allow-all")),
    ),
    "other methods": (
        "CDN",
        "['GET', 'HEAD', 'POST']",
        _cdn(lambda c: c["DefaultCacheBehavior"].update(AllowedMethods=listed("GET", "HEAD", "POST"))),
    ),
    "versions in the cache": (
        "CDN",
        "caches /drop-in/*, whose URLs",
        _cdn(lambda c: c["CacheBehaviors"]["Items"][0].update(CachePolicyId="path-alone")),
    ),
    "no place for versions": ("CDN", "its behaviours are for []", _cdn(lambda c: c.update(CacheBehaviors=listed()))),
    "another origin": (
        "CDN",
        "forwards requests to elsewhere.example instead",
        _cdn(lambda c: c["Origins"]["Items"][0].update(DomainName="elsewhere.example")),
    ),
    "an origin that is not signed for": (
        "CDN",
        "does not sign its requests",
        _cdn(lambda c: c["Origins"]["Items"][0].update(OriginAccessControlId="")),
    ),
    "a header more": (
        "CDN",
        "adds headers",
        _cdn(lambda c: c["Origins"]["Items"][0].update(CustomHeaders=listed({"HeaderName": "x"}))),
    ),
    "another cache policy": (
        "CDN",
        "uses the cache policy other",
        _cdn(lambda c: c["DefaultCacheBehavior"].update(CachePolicyId="other")),
    ),
    "a cookie in the key": (
        "CDN",
        "sets CookiesConfig of the cache key",
        _key(CookiesConfig={"CookieBehavior": "all"}),
    ),
    "a query in the key": (
        "CDN",
        "sets QueryStringsConfig of the cache key",
        _key(QueryStringsConfig={"QueryStringBehavior": "all"}),
    ),
    "requests that are not signed": (
        "CDN",
        "CdnSigns does not sign",
        lambda d: client("cloudfront").update_origin_access_control(
            Id=d.ids["CdnSigns"],
            OriginAccessControlConfig={
                "Name": "x",
                "SigningProtocol": "sigv4",
                "SigningBehavior": "never",
                "OriginAccessControlOriginType": "lambda",
            },
        ),
    ),
    "a door for everyone": (
        DOORS,
        "has a function URL that is open to everyone",
        lambda d: d.urls[d.ids["AnswerFunction"]][0].update(AuthType="NONE"),
    ),
    "a door for web pages": (
        DOORS,
        "has responses that depend on the origin",
        lambda d: d.urls[d.ids["AnswerFunction"]][0].update(Cors={"AllowOrigins": ["*"]}),
    ),
    "a door to publishing": (
        DOORS,
        "PublishFunction has a function URL",
        lambda d: d.open_url("PublishFunction", AuthType="AWS_IAM"),
    ),
    "a door past the alias": (
        DOORS,
        "AnswerFunction has a function URL",
        lambda d: d.open_url("AnswerFunction", AuthType="AWS_IAM"),
    ),
    "another distribution": (
        DOORS,
        "by cloudfront.amazonaws.com for",
        lambda d: d.call(
            "AnswerFunction", "cloudfront.amazonaws.com", f"arn:aws:cloudfront::{ACCOUNT}:distribution/OTHER"
        ),
    ),
    "telemetry of the CDN": ("telemetry rules", "CloudFront", _telemetry("AWS::CloudFront::Distribution")),
    "a second distribution": (
        "resources of the stack",
        "AWS::CloudFront::Distribution exists 2 times instead of 1",
        lambda d: d.listed.append(
            {"LogicalResourceId": "Cdn2", "ResourceType": "AWS::CloudFront::Distribution", "PhysicalResourceId": "E2"}
        ),
    ),
    "a log for ever": ("logs", "AnswerLog never expires", _log("delete_retention_policy")),
}
"""The same for a stack with the CDN."""


@pytest.mark.parametrize("difference", quick_every(4, OF_THE_CDN))
def test_difference_of_the_cdn_is_found_in_its_area_only(with_cdn: Deployed, difference: str) -> None:
    _finds(with_cdn, *OF_THE_CDN[difference])


def _domain(**changes: Any) -> Mutation:
    def plant(deployed: Deployed) -> None:
        deployed.answers["GetDomainName"] = client("apigatewayv2").get_domain_name(DomainName=HOST) | changes

    return plant


def _mapping(**changes: str) -> Mutation:
    mapping = {"Stage": "$default", "ApiMappingKey": "other"} | changes
    return lambda d: client("apigatewayv2").create_api_mapping(ApiId=d.ids["Api"], DomainName=HOST, **mapping)


OF_BOTH: dict[str, tuple[str, str, Mutation]] = {
    "certificates of clients": (
        ROUTES,
        "GatewayDomain asks clients for a certificate",
        _domain(MutualTlsAuthentication={"TruststoreUri": "s3://people/ca.pem"}),
    ),
    "an old TLS": (ROUTES, "the policy TLS_1_0", _domain(DomainNameConfigurations=[{"SecurityPolicy": "TLS_1_0"}])),
    "rules that choose by header": (
        ROUTES,
        "chooses between requests (RoutingMode ROUTING_RULE_ONLY)",
        _domain(RoutingMode="ROUTING_RULE_ONLY"),
    ),
    "a second mapping": (ROUTES, "instead of the gateway alone", _mapping()),
    "a gateway without the name": (
        "resources of the stack",
        "AWS::ApiGatewayV2::ApiMapping exists 0 times instead of 1",
        _without("GatewayMapping"),
    ),
    "an access log": (
        STAGES,
        "writes an access log",
        _stage(AccessLogSettings={"DestinationArn": "arn:aws:logs:x", "Format": "$context.identity.sourceIp"}),
    ),
    "a log of the CDN": ("CDN", "writes an access log", _delivery),
    "another gateway": (
        DOORS,
        "by apigateway.amazonaws.com for",
        lambda d: d.call("AnswerFunction", "apigateway.amazonaws.com", f"arn:aws:execute-api:{REGION}:{ACCOUNT}:x/*"),
    ),
}
"""The same for a stack with gateway and CDN."""


@pytest.mark.parametrize("difference", quick_every(4, OF_BOTH))
def test_difference_of_gateway_and_cdn_is_found_in_its_area_only(with_both: Deployed, difference: str) -> None:
    _finds(with_both, *OF_BOTH[difference])


def test_every_area_has_a_difference_that_it_finds() -> None:
    assert {area for area, _, _ in (DIFFERENCES | OF_THE_CDN).values()} == set(AREAS)


HARMLESS: dict[str, Mutation] = {
    "code that was uploaded and answers nobody": _code("AnswerFunction", "comet_updates/__init__.py", runs=False),
    "a trail of another bucket": _trail("AWS::S3::Object", "arn:aws:s3:::other/"),
    "a trail of tables": _advanced_trail("AWS::DynamoDB::Table"),
    "a trail of all buckets but ours": _advanced_trail("AWS::S3::Object", NotStartsWith="arn:aws:s3:::{Bucket}/"),
    "a policy for all logs but ours": _policy_of_the_account('LogGroupName NOT IN ["{AnswerLog}", "{PublishLog}"]'),
    "a policy for logs that begin otherwise": _policy_of_the_account('LogGroupNamePrefix = "billing-"'),
    "a ranking of another log": _ranking("/aws/vpc/flow"),
    "a ranking that is off": _ranking("comet-*", state="DISABLED"),
    "a telemetry rule for networks": _telemetry("AWS::EC2::VPC"),
    "a right that is denied": _statement("s3:*", "*", effect="Deny"),
    "a log of another function whose name begins like ours": lambda d: client("logs").create_log_group(
        logGroupName=f"/aws/lambda/{d.ids['AnswerFunction']}-other"
    ),
    "no role for pipelines": _without("PipelineRole"),
    "no role for owners": _without("OwnerRole"),
    "a pipeline that shows who it is by a token": _by_token(
        "repo:acme/app:environment:release", aud="sts.amazonaws.com"
    ),
    "telemetry of a CDN of others": _telemetry("AWS::CloudFront::Distribution"),
    "uploads for a second region": _copied(
        *({"Filter": {"Prefix": prefix}} for prefix in object_keys.UPLOAD_PREFIXES),
        {"Filter": {"And": {"Prefix": "releases/", "Tags": []}}},
    ),
    "a principal that is kept out": _trusted("PipelineRole", Effect="Deny", Principal="*"),
}


@pytest.mark.parametrize("plant", HARMLESS.values(), ids=HARMLESS)
def test_what_is_not_about_the_stack_holds(deployed: Deployed, plant: Mutation) -> None:
    plant(deployed)
    assert _wrong(deployed) == []


def test_what_the_stack_lacks_differs(deployed: Deployed) -> None:
    _without("AnswerLog")(deployed)
    found = {(finding.area, finding.resource): finding.says for finding in _wrong(deployed)}
    assert found["logs", "AnswerLog"] == "is not in the stack"
    assert found["resources of the stack", "AWS::Logs::LogGroup"] == "exists 1 times instead of 2"


OF_ONE_WAY = {
    "cdn": {call for call in READS if call[0] == "cloudfront"} | {("logs", "DescribeDeliverySources")},
    "gateway": {call for call in READS if call[0] == "apigatewayv2"},
    "name": {("apigatewayv2", "GetDomainName"), ("apigatewayv2", "GetApiMappings")},
}
"""The calls that are made only with the CDN, only with the gateway, or only with a name of the gateway."""

Seen = dict[tuple[str, str], set[tuple[Status, str]]]


def _unseen(deployed: Deployed, calls: set[tuple[str, str]]) -> Seen:
    """Return the findings for each call, if only that call is refused."""
    seen = {}
    for refused in calls:
        deployed.refused = {refused[1]: "AccessDeniedException"}
        seen[refused] = {(found.status, found.says) for found in _wrong(deployed)}
    return seen


def _needs(calls: set[tuple[str, str]]) -> Seen:
    return {
        refused: {(Status.UNSEEN, f"needs the right {READS[refused]} (AccessDeniedException)")} for refused in calls
    }


class TestWhatMayNotBeRead:
    def test_is_unseen_and_names_the_right_that_is_missing(self, deployed: Deployed) -> None:
        """Report one finding for each refused call, without a traceback and without a false difference."""
        calls = READS.keys() - {("cloudformation", "ListStackResources")} - OF_ONE_WAY["cdn"] - OF_ONE_WAY["name"]
        assert _unseen(deployed, calls) == _needs(calls)

    def test_is_unseen_of_the_cdn_too(self, with_cdn: Deployed) -> None:
        assert _unseen(with_cdn, OF_ONE_WAY["cdn"]) == _needs(OF_ONE_WAY["cdn"])

    def test_is_unseen_of_the_name_too(self, with_both: Deployed) -> None:
        assert _unseen(with_both, OF_ONE_WAY["name"]) == _needs(OF_ONE_WAY["name"])

    def test_hides_nothing_of_what_else_is_seen_in_its_area(self, deployed: Deployed) -> None:
        deployed.refused["ListFunctionUrlConfigs"] = "AccessDeniedException"
        DIFFERENCES["a queue for failed requests"][2](deployed)
        assert {(finding.area, finding.status) for finding in _wrong(deployed)} == {
            (DOORS, Status.UNSEEN),
            (DOORS, Status.DIFFERS),
        }

    def test_may_be_encrypted(self, deployed: Deployed) -> None:
        deployed.configured[deployed.ids["AnswerFunction"]]["Environment"] = {
            "Error": {"ErrorCode": "AccessDeniedException"}
        }
        (found,) = _wrong(deployed)
        assert (found.status, found.says) == (Status.UNSEEN, "needs the right kms:Decrypt (AccessDeniedException)")


class TestReading:
    def test_is_all_that_is_done(self, deployed: Deployed) -> None:
        _audit(deployed)
        assert set(deployed.calls) == set(READS) - OF_ONE_WAY["cdn"] - OF_ONE_WAY["name"]

    def test_is_all_that_is_done_with_the_cdn(self, with_cdn: Deployed) -> None:
        _audit(with_cdn)
        assert set(with_cdn.calls) == set(READS) - OF_ONE_WAY["gateway"]

    def test_is_all_that_is_done_with_both(self, with_both: Deployed) -> None:
        _audit(with_both)
        assert set(with_both.calls) == set(READS)

    def test_is_all_that_is_on_the_list(self) -> None:
        assert [operation for _, operation in READS if not operation.startswith(("Get", "List", "Describe"))] == []

    @pytest.mark.usefixtures("deployed")
    def test_is_all_that_can_be_done(self) -> None:
        with pytest.raises(NotAReadError):
            Account()._client("logs").create_log_group(logGroupName="x")
        groups = client("logs").describe_log_groups()["logGroups"]
        assert "x" not in {group["logGroupName"] for group in groups}

    def test_says_what_was_refused(self, deployed: Deployed) -> None:
        deployed.refused["DescribeLogGroups"] = "AccessDeniedException"
        with deployed.overheard(), pytest.raises(UnseenError, match=r"logs:DescribeLogGroups: AccessDeniedException"):
            account().read("logs", "DescribeLogGroups")

    def test_gives_nothing_where_nothing_is(self, deployed: Deployed) -> None:
        bucket = deployed.ids["Bucket"]
        client("s3").delete_bucket_policy(Bucket=bucket)
        assert account().read("s3", "GetBucketPolicy", Bucket=bucket) == {}


@pytest.mark.usefixtures("deployed")
def test_a_stack_that_is_not_there_is_an_error_with_a_remedy() -> None:
    remedy = "Check its name, the region and the right cloudformation:ListStackResources"
    with pytest.raises(NoStackError, match=remedy):
        audit("nowhere", account().read)


def _command(deployed: Deployed, *options: str) -> Result:
    build = ["--build", str(deployed.build)] if deployed.build else []
    with deployed.overheard():
        return CliRunner().invoke(app, ["audit", "comet", *build, *options])


class TestTheCommand:
    def test_says_of_each_area_that_it_holds(self, deployed: Deployed) -> None:
        done = _command(deployed)
        assert done.exit_code == 0, done.output
        *areas, never, last = done.output.splitlines()
        assert areas == [line for area in AREAS for line in (area, "  holds")]
        assert never.startswith("No audit can see: ")
        assert last == f"{len(AREAS)} hold, 0 differ, 0 could not be read"

    def test_says_what_differs_and_what_could_not_be_seen_and_fails(self, deployed: Deployed) -> None:
        _log("delete_retention_policy")(deployed)
        deployed.refused["ListTelemetryRules"] = "AccessDeniedException"
        done = _command(deployed)
        assert done.exit_code == 1
        assert f"\nlogs\n  differs  AnswerLog never expires\n           → {AREAS['logs'].remedy}\n" in done.output
        assert "\n  unseen   needs the right observabilityadmin:ListTelemetryRules (" in done.output
        assert done.output.endswith(f"{len(AREAS) - 2} hold, 1 differ, 1 could not be read\n")

    def test_without_a_build_says_that_the_code_was_not_compared(self, deployed: Deployed) -> None:
        deployed.build = None
        done = _command(deployed)
        assert done.exit_code == 1
        assert "\ncode\n  unseen   was not compared, because no build was given\n" in done.output
        assert done.output.endswith(f"{len(AREAS) - 1} hold, 0 differ, 1 could not be read\n")
        assert ("lambda", "GetFunction") not in deployed.calls

    @pytest.mark.usefixtures("aws")
    def test_refuses_a_folder_that_is_not_a_build(self, tmp_path: Path) -> None:
        done = CliRunner().invoke(app, ["audit", "comet", "--build", str(tmp_path)])
        assert done.exit_code == 2
        assert "AnswerFunction" in done.stderr

    def test_prints_one_json_document(self, deployed: Deployed) -> None:
        done = _command(deployed, "--json")
        said = json.loads(done.output)
        assert (done.exit_code, said["stack"], said["holds"]) == (0, "comet", True)
        assert {finding["status"] for finding in said["findings"]} == {"holds"}

    def test_prints_one_json_document_of_what_differs(self, deployed: Deployed) -> None:
        _log("delete_retention_policy")(deployed)
        done = _command(deployed, "--json")
        said = json.loads(done.output)
        assert (done.exit_code, said["holds"]) == (1, False)
        assert {
            "area": "logs",
            "resource": "AnswerLog",
            "status": "differs",
            "says": "never expires",
            "remedy": AREAS["logs"].remedy,
        } in said["findings"]

    @pytest.mark.usefixtures("deployed")
    def test_says_that_there_is_no_such_stack(self) -> None:
        done = CliRunner().invoke(app, ["audit", "nowhere"])
        assert (done.exit_code, done.stdout) == (1, "")
        assert "stack 'nowhere': cannot be read: ValidationError. Check its name" in done.stderr

    @pytest.mark.parametrize(
        ("variables", "arguments", "says"),
        [
            ({"AWS_REGION": None, "AWS_DEFAULT_REGION": None}, (), "NoRegionError"),
            ({"AWS_PROFILE": "nobody"}, (), "ProfileNotFound"),
            ({}, ("--endpoint-url", "nowhere"), "to reach nowhere"),
        ],
        ids=["no region", "an unknown profile", "an address that is none"],
    )
    @pytest.mark.usefixtures("aws")
    def test_says_what_it_lacks_to_begin(
        self,
        monkeypatch: pytest.MonkeyPatch,
        variables: dict[str, str | None],
        arguments: tuple[str, ...],
        says: str,
    ) -> None:
        monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
        for name, value in variables.items():
            monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
        done = CliRunner().invoke(app, ["audit", "comet", *arguments])
        assert (done.exit_code, done.stdout) == (1, "")
        assert says in done.stderr

    def test_wants_the_name_of_a_stack(self) -> None:
        assert CliRunner().invoke(app, ["audit"]).exit_code == 2

    def test_prints_the_rights_that_it_needs(self) -> None:
        policy = json.loads(CliRunner().invoke(app, ["audit-rights"]).output)
        assert set(policy["Statement"][0]["Action"]) == set(READS.values())
