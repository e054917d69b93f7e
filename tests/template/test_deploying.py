"""Test how a new version reaches clients: few at first, back by itself if it fails, through every way in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from checks.template_rules import deploying
from comet_updates_cli.audit import allowed
from tests.template.expand import Fault, Template, expand, findings_with, resources, source

FUNCTION = "AnswerFunction"


@pytest.fixture(scope="module")
def expanded() -> Template:
    return expand(source())


def version(template: Template) -> str:
    """Return the logical id of the answering version. If it changes, CloudFormation makes a new version."""
    (name,) = resources(expand(template), "AWS::Lambda::Version")
    return name


def test_every_way_in_leads_to_the_alias_and_none_to_the_function(expanded: Template) -> None:
    ways = ("AWS::ApiGatewayV2::Api", "AWS::Lambda::Url", "AWS::CloudFront::Distribution", "AWS::Lambda::Permission")
    found = {name: json.dumps(one) for type_ in ways for name, one in resources(expanded, type_).items()}
    assert [name for name, one in found.items() if f'"{FUNCTION}"' in one or f"{FUNCTION}.Arn" in one] == []
    leading = {name for name, one in found.items() if deploying.ALIAS in one}
    assert leading == {"Api", "GatewayCalls", "CdnDoor", "CdnCallsTheDoor", "CdnCallsTheFunction"}


def test_a_new_version_gets_a_tenth_of_the_requests_for_ten_minutes(expanded: Template) -> None:
    group = resources(expanded, "AWS::CodeDeploy::DeploymentGroup")[deploying.GROUP]
    name = {"Fn::Sub": ["CodeDeployDefault.Lambda${ConfigName}", {"ConfigName": "Canary10Percent10Minutes"}]}
    assert group["DeploymentConfigName"]["Fn::If"][:2] == ["IsGradual", name]
    assert group["AutoRollbackConfiguration"]["Events"].count("DEPLOYMENT_STOP_ON_ALARM") == 1


def test_it_goes_back_on_each_alarm_of_the_answering_function(expanded: Template) -> None:
    """Go back on no alarm of publishing, since a new upload shows nothing about the answering version."""
    alarms = resources(expanded, "AWS::CloudWatch::Alarm")
    logs = {name for name, (log, *_) in allowed.COUNTED.items() if log == allowed.LOGS[FUNCTION]}
    counted = {allowed.COUNTED[name][2] for name in logs}
    of_answering = {
        name
        for name, alarm in alarms.items()
        if alarm.get("MetricName") in counted or {"Ref": FUNCTION} in [d["Value"] for d in alarm.get("Dimensions", ())]
    }
    of_load = {"AnswersAreThrottled"}  # a rollback makes no load smaller, and empties the memory
    assert set(allowed.GOES_BACK_ON) == of_answering - of_load


def test_fix_of_a_failing_version_need_not_wait_for_its_alarms(expanded: Template) -> None:
    group = resources(expanded, "AWS::CodeDeploy::DeploymentGroup")[deploying.GROUP]
    assert group["AlarmConfiguration"]["Fn::If"][2] == {}
    assert group["DeploymentConfigName"]["Fn::If"][2]["Fn::Sub"][1] == {"ConfigName": "AllAtOnce"}
    assert expanded["Parameters"][deploying.SWITCH]["AllowedValues"] == ["true", "false"]


def _answer(template: Template) -> Any:
    return template["Resources"][FUNCTION]["Properties"]


CHANGES: dict[str, Fault] = {
    "what is in the layer": lambda t: t["Resources"]["AnswerLayer"]["Properties"].update(Description="boto3 2"),
    "a variable": lambda t: _answer(t)["Environment"]["Variables"].update(MEMORY_TTL_S="1"),
    "a log": lambda t: _answer(t)["LoggingConfig"].update(LogGroup="x"),
    "a role": lambda t: _answer(t).update(Role="arn:aws:iam::123456789012:role/x"),
    "a time": lambda t: _answer(t).update(Timeout=3),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_of_the_function_is_a_new_version(change: str) -> None:
    template = source()
    CHANGES[change](template)
    assert version(template) != version(source())


def test_what_is_of_publishing_is_no_new_version_of_answering() -> None:
    template = source()
    template["Resources"]["PublishLayer"]["Properties"]["Description"] = "boto3 2"
    template["Resources"]["PublishFunction"]["Properties"]["Timeout"] = 100
    assert version(template) == version(source())


@pytest.mark.parametrize(
    ("without", "change"),
    [
        (lambda t: t["Resources"]["AnswerLayer"]["Properties"].pop("PublishLambdaVersion"), "what is in the layer"),
        (lambda t: _answer(t).pop("AutoPublishAliasAllProperties"), "a role"),
    ],
    ids=["PublishLambdaVersion", "AutoPublishAliasAllProperties"],
)
def test_without_these_sam_would_leave_clients_at_the_version_before(without: Fault, change: str) -> None:
    """Positive control of the test above: without these lines SAM would not make a new version."""
    before, after = source(), source()
    for template in (before, after):
        without(template)
    CHANGES[change](after)
    assert version(before) == version(after)


def test_publishing_has_one_version_and_no_alias(expanded: Template) -> None:
    """Have one, since two versions in turn would rewrite each document: docs/decisions/0006-gradual-deployment.md."""
    assert set(resources(expanded, "AWS::Lambda::Alias")) == {deploying.ALIAS}
    (sweep,) = resources(expanded, "AWS::Events::Rule").values()
    (uploads,) = resources(expanded, "AWS::Lambda::EventSourceMapping").values()
    assert [target["Arn"] for target in sweep["Targets"]] == [{"Fn::GetAtt": ["PublishFunction", "Arn"]}]
    assert uploads["FunctionName"] == {"Ref": "PublishFunction"}


def _preference(template: Template) -> Any:
    return _answer(template)["DeploymentPreference"]


def _alarm(template: Template, **changes: Any) -> None:
    template["Resources"]["AnswersFail"]["Properties"].update(changes)


def _resource(template: Template, name: str, **changes: Any) -> None:
    template["Resources"][name]["Properties"].update(changes)


ARN = {"Fn::GetAtt": [FUNCTION, "Arn"]}
INVOKE = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"


def _gateway(template: Template, function: str) -> None:
    route = template["Resources"]["Api"]["Properties"]["DefinitionBody"]["paths"]["$default"]
    integration = route["x-amazon-apigateway-any-method"]["x-amazon-apigateway-integration"]
    integration["uri"] = {"Fn::Sub": f"{INVOKE}{function}/invocations"}


FAULTS: dict[str, tuple[str, Fault]] = {
    "the gateway calls the function": ("E9508", lambda t: _gateway(t, "${AnswerFunction.Arn}")),
    "the gateway calls the version before": ("E9508", lambda t: _gateway(t, "${AnswerFunction.Arn}:1")),
    "the gateway may call the function": ("E9510", lambda t: _resource(t, "GatewayCalls", FunctionName=ARN)),
    "the CDN calls the function": ("E9512", lambda t: _resource(t, "CdnDoor", TargetFunctionArn=ARN)),
    "the CDN may call the function": ("E9510", lambda t: _resource(t, "CdnCallsTheFunction", FunctionName=ARN)),
    "the CDN may come to the function": ("E9510", lambda t: _resource(t, "CdnCallsTheDoor", FunctionName=ARN)),
    "all clients at once": ("E9515", lambda t: _preference(t).update(Type="AllAtOnce")),
    "all clients at once, in other words": ("E9515", lambda t: _preference(t)["Type"]["Fn::If"].reverse()),
    "too soon for an alarm": (
        "E9515",
        lambda t: _preference(t)["Type"].update({"Fn::If": ["IsGradual", "Canary10Percent5Minutes", "AllAtOnce"]}),
    ),
    "an alarm is missing": ("E9515", lambda t: _preference(t)["Alarms"]["Fn::If"][1].pop()),
    "no alarm at all": ("E9515", lambda t: _preference(t).pop("Alarms")),
    "a preference that is off": ("E9515", lambda t: _preference(t).update(Enabled=False)),
    "no preference": ("E9515", lambda t: _answer(t).pop("DeploymentPreference")),
    "a switch that is always off": ("E9515", lambda t: t["Conditions"].update(IsGradual={"Fn::Equals": ["a", "b"]})),
    "off without a word": ("E9515", lambda t: t["Parameters"]["DeployGradually"].update(Default="false")),
    "an alarm that takes too long": ("E9515", lambda t: _alarm(t, EvaluationPeriods=3)),
    "an alarm that lets many fail": ("E9515", lambda t: _alarm(t, Threshold=100)),
    "a parameter that reaches nobody": (
        "E9515",
        lambda t: _answer(t).update(VersionDescription={"Fn::Sub": "memory ${MemoryTtlSeconds} s, log ${LogLevel}"}),
    ),
    "no description of versions": ("E9515", lambda t: _answer(t).pop("VersionDescription")),
    "a hook that sees requests": (
        "E9515",
        lambda t: _preference(t).update(Hooks={"PreTraffic": {"Ref": "PublishFunction"}}),
    ),
    "an alias of another name": ("E9501", lambda t: _answer(t).pop("AutoPublishAlias")),
    "an alias for publishing": (
        "E9501",
        lambda t: t["Resources"]["PublishFunction"]["Properties"].update(AutoPublishAlias="live"),
    ),
    "weights for good": (
        "E9501",
        lambda t: t["Resources"].update(
            More={"Type": "AWS::Lambda::Alias", "Properties": {"Name": "x", "RoutingConfig": {}}}
        ),
    ),
    "a role of SAM's own for the deployment": ("E9501", lambda t: _preference(t).pop("Role")),
    "a notification of each deployment": (
        "E9503",
        lambda t: _preference(t).update(TriggerConfigurations=[{"TriggerName": "x", "TriggerEvents": ["x"]}]),
    ),
    "anyone may deploy": (
        "E9510",
        lambda t: t["Resources"]["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0].pop(
            "Condition"
        ),
    ),
    "a deployment that may call functions": (
        "E9505",
        lambda t: t["Resources"]["DeployRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"].append(
            {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}
        ),
    ),
    "an attribute for another resource": ("E9502", lambda t: t["Resources"]["Bucket"].update(UpdatePolicy={})),
}
"""Fault → the rule that must find it, and a function that plants it."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, tmp_path: Path) -> None:
    rule, plant = FAULTS[fault]
    assert rule in {finding.rule for finding in findings_with(plant, tmp_path)}
