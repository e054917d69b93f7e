"""Test the alarms: each watches something that needs an action, is explained, and has no data of a client."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from checks.privacy_proof.report_data import log_lines
from checks.template_rules import counts
from comet_updates.answer import urls
from comet_updates.answer.log import Cache, Outcome, Record
from comet_updates_cli.audit import allowed
from testkit.project import ROOT
from tests.template.expand import Fault, Template, expand, findings_with, resources, source
from tests.template.parameters import existing

GUIDE = ROOT / "docs" / "operating.md"


@pytest.fixture(scope="module")
def expanded() -> Template:
    return expand(source())


@pytest.fixture(scope="module")
def alarms(expanded: Template) -> dict[str, Any]:
    return resources(expanded, "AWS::CloudWatch::Alarm")


def test_the_guide_says_of_each_alarm_what_it_means_and_what_to_do(alarms: dict[str, Any]) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", GUIDE.read_text(), re.MULTILINE)
    assert {name for name, means, to_do in rows if len(means) > 20 and len(to_do) > 20} == set(alarms)
    assert all("docs/operating.md" in alarm["AlarmDescription"] for alarm in alarms.values())


def metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the metrics that an alarm watches: its own, or those that it computes with."""
    return [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", ()) if "MetricStat" in each] or [alarm]


WITHOUT_CDN, WITHOUT_GATEWAY = {"HasCdn", "HasCdnInVirginia"}, {"HasGateway", "HasGatewayDomain"}


def test_an_alarm_watches_what_is_there(expanded: Template, alarms: dict[str, Any]) -> None:
    own = {
        (json.dumps(each["MetricNamespace"]), each["MetricName"])
        for filter_ in resources(expanded, "AWS::Logs::MetricFilter").values()
        for each in filter_["MetricTransformations"]
    }
    watched = {
        (json.dumps(alarm["Namespace"]), alarm["MetricName"])
        for alarm in alarms.values()
        if isinstance(alarm.get("Namespace"), dict)
    }
    assert own == watched
    for alarm in alarms.values():
        dimensions = [dimension for metric in metrics(alarm) for dimension in metric.get("Dimensions", ())]
        for dimension in dimensions:
            if dimension == {"Name": "Region", "Value": "Global"}:  # of every metric of CloudFront
                continue
            (reference,) = dimension["Value"].values()
            assert (reference if isinstance(reference, str) else reference[0]) in expanded["Resources"]


def test_an_alarm_tells_nobody_unless_a_topic_was_named(expanded: Template, alarms: dict[str, Any]) -> None:
    told = {"Fn::If": ["HasTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}
    assert all(alarm["AlarmActions"] == alarm["OKActions"] == told for alarm in alarms.values())
    assert expanded["Parameters"]["AlarmTopicArn"]["Default"] == ""


def matches(pattern: str, line: dict[str, Any]) -> bool:
    """Return whether CloudWatch counts the line. Only the part of its pattern language that we use is supported."""
    terms = re.findall(r'\$\.(\w+) = "([^"]+)"', pattern)
    assert re.sub(r'\(?\$\.\w+ = "[^"]+"\)?', "", pattern).split() in (["{", "}"], ["{", "||", "}"])
    return any(line[field] == value for field, value in terms)


def test_every_line_that_somebody_has_to_act_on_is_counted_and_no_other() -> None:
    lines = [json.loads(line) for line in log_lines(urls.DocumentId("comet-cursor", "stable", "manifest.json"))]
    counted = [log for log, *_ in allowed.COUNTED.values()]
    assert sorted(set(counted)) == sorted(allowed.LOGS.values())
    answering = {Outcome.ANSWERED, Outcome.NOT_MODIFIED, Outcome.UNAVAILABLE, Outcome.FAILED}
    patterns = [pattern for log, pattern, _ in allowed.COUNTED.values() if log == "AnswerLog"]
    for line in lines:
        if Outcome(line["outcome"]) in answering:
            urgent = line["level"] in ("WARNING", "ERROR")
            assert any(matches(pattern, line) for pattern in patterns) == urgent, line
    refused, ending = (allowed.COUNTED[name][1] for name in ("RefusedUploads", "EndingSignatures"))
    assert {line["outcome"] for line in lines if matches(refused, line)} == {Outcome.REFUSED.value}
    for outcome, cache, is_counted in (
        (Outcome.UNCHANGED, Cache.STALE, True),
        (Outcome.UNAVAILABLE, Cache.STALE, True),
        (Outcome.UNCHANGED, Cache.NONE, False),
        (Outcome.FAILED, Cache.NONE, False),
    ):
        assert matches(ending, json.loads(Record(outcome, cache=cache).line())) == is_counted
    assert matches(patterns[0], json.loads(Record(Outcome.ANSWERED, cache=Cache.STALE).line()))


def test_the_dashboard_shows_every_alarm_and_its_numbers(expanded: Template, alarms: dict[str, Any]) -> None:
    (dashboard,) = resources(expanded, "AWS::CloudWatch::Dashboard").values()
    text = counts.text_of(dashboard["DashboardBody"])
    first, *others = json.loads(text)["widgets"]
    assert sorted(first["properties"]["alarms"]) == sorted(f"${{{name}.Arn}}" for name in alarms)
    drawn = json.dumps(others)
    watched = {metric["MetricName"] for alarm in alarms.values() for metric in metrics(alarm)}
    assert [name for name in sorted(watched) if f'"{name}"' not in drawn] == []
    assert set(re.findall(r"\$\{(\w+)", text)) - {"AWS"} <= set(expanded["Resources"])


@pytest.mark.parametrize(
    "without",
    [WITHOUT_CDN | {"HasReservation"}, WITHOUT_GATEWAY, {"HasCdnInVirginia"}, {"HasReservation"}, set[str]()],
    ids=lambda without: " ".join(sorted(without)) or "everything",
)
def test_the_dashboard_names_only_what_the_stack_has(
    expanded: Template, alarms: dict[str, Any], without: set[str]
) -> None:
    (dashboard,) = resources(expanded, "AWS::CloudWatch::Dashboard").values()
    text = counts.text_of(dashboard["DashboardBody"], without)
    widgets = json.loads(text)["widgets"]
    made = {name for name, one in expanded["Resources"].items() if one.get("Condition") not in without}
    assert set(re.findall(r"\$\{(\w+)", text)) - {"AWS"} <= made
    assert len(widgets[0]["properties"]["alarms"]) == len(alarms.keys() & made)


def test_throttling_is_seen_at_each_place_that_throttles(alarms: dict[str, Any]) -> None:
    """See it at the gateway, at Lambda, and before a reservation is used up."""
    watched = {name: [metric["MetricName"] for metric in metrics(alarms[name])] for name in THROTTLED}
    assert watched == THROTTLED
    assert alarms["CdnFails"]["Dimensions"][1] == {"Name": "Region", "Value": "Global"}


THROTTLED = {
    "RequestsAreThrottled": ["Count", "Invocations"],
    "AnswersAreThrottled": ["Throttles"],
    "ReservationIsNearlyUsed": ["ConcurrentExecutions"],
    "GatewayFails": ["5xx"],
    "CdnFails": ["5xxErrorRate"],
}


@pytest.mark.parametrize(
    ("requests", "answered", "goes_off"),
    [(1000, 1000, False), (1000, 995, False), (1000, 900, True), (50, 1, False), (0, 0, False), (1000, 1100, False)],
)
def test_requests_that_the_gateway_did_not_pass_on_are_throttled(
    alarms: dict[str, Any],
    requests: int,
    answered: int,
    goes_off: bool,  # noqa: FBT001
) -> None:
    """Count nothing for a stack with the CDN, too, whose requests only the function counts: the last row."""
    alarm = alarms["RequestsAreThrottled"]
    formula = re.fullmatch(r"IF\((.+), (.+), 0\)", alarm["Metrics"][0]["Expression"])
    assert formula
    numbers = {"requests": requests, "answered": answered}
    value = eval(formula[2], {}, numbers) if eval(formula[1], {}, numbers) else 0
    assert (value > alarm["Threshold"]) == goes_off


def test_the_concurrency_that_is_reserved_can_be_chosen(expanded: Template) -> None:
    function = resources(expanded, "AWS::Lambda::Function")["AnswerFunction"]
    reserved = {"Fn::If": ["HasReservation", {"Ref": "ReservedConcurrency"}, {"Ref": "AWS::NoValue"}]}
    assert function["ReservedConcurrentExecutions"] == reserved
    assert "ReservedConcurrentExecutions" not in resources(expanded, "AWS::Lambda::Function")["PublishFunction"]
    for value, has_alarm in (("0", False), ("100", True)):
        assert ("ReservationIsNearlyUsed" in existing(expanded, {"ReservedConcurrency": value})) == has_alarm


def _alarm(template: Template, name: str = "AnswerErrors") -> Any:
    return template["Resources"][name]["Properties"]


def _number(template: Template, name: str = "StaleAnswers") -> Any:
    return _alarm(template, name)["MetricTransformations"][0]


def _widget(template: Template, **widget: Any) -> None:
    body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]
    body["Fn::Sub"][0] = body["Fn::Sub"][0].replace('{"widgets": [', '{"widgets": [' + json.dumps(widget) + ", ")


def _widget_by_condition(template: Template) -> None:
    parts = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"][1]
    parts["CdnWidget"]["Fn::If"][2] = ', {"type": "log"}'


FAULTS: dict[str, tuple[str, Fault]] = {
    "a number for each document": (
        "E9514",
        lambda t: _number(t).update(Dimensions=[{"Key": "document", "Value": "$.document"}]),
    ),
    "answers are counted": ("E9514", lambda t: _alarm(t, "StaleAnswers").update(FilterPattern='{ $.outcome = "*" }')),
    "another log is counted": (
        "E9514",
        lambda t: _alarm(t, "RefusedUploads").update(LogGroupName={"Ref": "AnswerLog"}),
    ),
    "a number of something else": ("E9503", lambda t: _number(t).update(DefaultValue=0)),
    "an alarm on a client": (
        "E9514",
        lambda t: _alarm(t)["Dimensions"].append({"Name": "ClientId", "Value": "x"}),
    ),
    "an alarm on other numbers": ("E9514", lambda t: _alarm(t).update(Namespace="AWS/ApiGateway")),
    "an alarm that runs something": ("E9503", lambda t: _alarm(t).update(AlarmActions=["arn:aws:lambda:::x"])),
    "a search of logs": ("E9514", lambda t: _widget(t, type="log", properties={"query": "SOURCE x"})),
    "a search of logs without the CDN": ("E9514", _widget_by_condition),
    "metrics for each route": (
        "E9514",
        lambda t: _alarm(t, "GatewayFails")["Dimensions"].append({"Name": "Route", "Value": "$default"}),
    ),
    "an alarm that computes with a client's number": (
        "E9514",
        lambda t: _alarm(t, "RequestsAreThrottled")["Metrics"][1]["MetricStat"]["Metric"]["Dimensions"].append(
            {"Name": "ClientId", "Value": "x"}
        ),
    ),
    "an alarm that searches metrics": (
        "E9514",
        lambda t: _alarm(t, "RequestsAreThrottled")["Metrics"][0].update(Expression="SEARCH('{x}', 'Sum')"),
    ),
    "an alarm with a query": (
        "E9503",
        lambda t: _alarm(t, "RequestsAreThrottled")["Metrics"][0].update(AccountId="123456789012"),
    ),
    "a reservation for publishing": (
        "E9510",
        lambda t: t["Resources"]["AnswerFunction"]["Properties"].update(ReservedConcurrentExecutions=1),
    ),
    "a function behind the dashboard": ("E9514", lambda t: _widget(t, type="custom", properties={"endpoint": "x"})),
    "another filter": (
        "E9501",
        lambda t: t["Resources"].update(More={"Type": "AWS::Logs::MetricFilter", "Properties": {}}),
    ),
    "a topic": ("E9501", lambda t: t["Resources"].update(More={"Type": "AWS::SNS::Topic", "Properties": {}})),
}
"""Fault → the rule that must find it, and a function that plants it."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, tmp_path: Path) -> None:
    rule, plant = FAULTS[fault]
    assert rule in {finding.rule for finding in findings_with(plant, tmp_path)}
