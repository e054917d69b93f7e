"""Test the alarms: each watches something that needs an action, is explained, and has no data of a client."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from checks.privacy_proof.report_data import log_lines
from comet_updates.answer import urls
from comet_updates.answer.log import Cache, Outcome, Record
from comet_updates_cli.audit import allowed
from testkit.project import ROOT
from tests.template.expand import Fault, Template, expand, findings_with, resources, source

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


def test_an_alarm_watches_what_is_there(expanded: Template, alarms: dict[str, Any]) -> None:
    own = {
        (json.dumps(each["MetricNamespace"]), each["MetricName"])
        for filter_ in resources(expanded, "AWS::Logs::MetricFilter").values()
        for each in filter_["MetricTransformations"]
    }
    watched = {
        (json.dumps(alarm["Namespace"]), alarm["MetricName"])
        for alarm in alarms.values()
        if isinstance(alarm["Namespace"], dict)
    }
    assert own == watched
    for alarm in alarms.values():
        for dimension in alarm.get("Dimensions", ()):
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
    first, *others = json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]
    assert first["properties"]["alarms"] == [f"${{{name}.Arn}}" for name in alarms]
    drawn = json.dumps(others)
    assert [alarm["MetricName"] for alarm in alarms.values() if f'"{alarm["MetricName"]}"' not in drawn] == []
    named = set(re.findall(r"\$\{(\w+)", dashboard["DashboardBody"]["Fn::Sub"])) - {"AWS"}
    assert named <= set(expanded["Resources"])


def _alarm(template: Template, name: str = "AnswerErrors") -> Any:
    return template["Resources"][name]["Properties"]


def _number(template: Template, name: str = "StaleAnswers") -> Any:
    return _alarm(template, name)["MetricTransformations"][0]


def _widget(template: Template, **widget: Any) -> None:
    body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]
    widgets = json.loads(body["Fn::Sub"])["widgets"]
    body["Fn::Sub"] = json.dumps({"widgets": [*widgets, widget]})


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
