"""The rule for how a new version of the answering function comes: to few at first, and back by itself if it fails."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from comet_updates_cli.audit import allowed

sys.path.append(str(Path(__file__).parents[2]))  # cfn-lint loads the files of this folder by their paths

from checks.template_rules.expansion import Template, resources
from checks.template_rules.rule import Finding, PolicyRule

ANSWERING = "AnswerFunction"
ALIAS = f"{ANSWERING}Alias{allowed.LIVE}"
GROUP = f"{ANSWERING}DeploymentGroup"
SWITCH = "DeployGradually"
UPDATE = {
    "CodeDeployLambdaAliasUpdate": {
        "ApplicationName": {"Ref": "ServerlessDeploymentApplication"},
        "DeploymentGroupName": {"Ref": GROUP},
    }
}
"""The settings that make CloudFormation leave the alias to CodeDeploy."""

TELLS_AT_ONCE = {"Statistic": "Sum", "ComparisonOperator": "GreaterThanThreshold", "Threshold": 0}
"""The settings of an alarm that goes off at the first failure."""


class GoesBackByItself(PolicyRule):
    id = "E9515"
    shortdesc = "A new version first gets few requests, and is rolled back by alarms"
    description = (
        "CodeDeploy shifts the alias as in allowed.GRADUALLY, unless a parameter turns that off. Each alarm of "
        "allowed.GOES_BACK_ON goes off in time and shifts it back. Each parameter that the function reads makes a "
        "version."
    )

    def findings(self, expanded: Template) -> Iterator[Finding]:
        yield from (Finding(ALIAS, *found) for found in _alias(expanded))
        yield from (Finding(GROUP, *found) for found in _group(expanded))
        for name in allowed.GOES_BACK_ON:
            yield from (Finding(name, *found) for found in _alarm(expanded, name))
        yield from (Finding("Conditions", *found) for found in _switch(expanded))
        for name, version in resources(expanded, "AWS::Lambda::Version").items():
            yield from (Finding(name, *found) for found in _version(expanded, version))


def _alias(expanded: Template) -> Iterator[tuple[str, str]]:
    alias = expanded["Resources"].get(ALIAS, {})
    if alias.get("UpdatePolicy") != UPDATE:
        yield f"has the update policy {alias.get('UpdatePolicy')}", "Set the function's DeploymentPreference again"
    match alias.get("Properties", {}).get("FunctionVersion"):
        case {"Fn::GetAtt": [str(name), "Version"]} if name in resources(expanded, "AWS::Lambda::Version"):
            pass
        case other:
            yield f"stays at {other}", "Let SAM make the alias, which leads to the deployed version"


def _group(expanded: Template) -> Iterator[tuple[str, str]]:
    group = expanded["Resources"].get(GROUP, {}).get("Properties", {})
    how = {"Fn::If": ["IsGradual", _configuration(allowed.GRADUALLY), _configuration("AllAtOnce")]}
    if group.get("DeploymentConfigName") != how:
        yield f"deploys as {group.get('DeploymentConfigName')}", f"Set {how}"
    alarms = [{"Name": {"Ref": name}} for name in allowed.GOES_BACK_ON]
    back = {"Fn::If": ["IsGradual", {"Enabled": True, "Alarms": alarms}, {}]}
    if group.get("AlarmConfiguration") != back:
        yield f"is rolled back by {group.get('AlarmConfiguration')}", f"Set {back}: see GOES_BACK_ON"


def _configuration(name: str) -> dict[str, Any]:
    return {"Fn::Sub": ["CodeDeployDefault.Lambda${ConfigName}", {"ConfigName": name}]}


def _alarm(expanded: Template, name: str) -> Iterator[tuple[str, str]]:
    alarm = expanded["Resources"].get(name, {}).get("Properties", {})
    if {key: alarm.get(key) for key in TELLS_AT_ONCE} != TELLS_AT_ONCE:
        yield "does not go off at each failure, so a bad version stays", f"Set {TELLS_AT_ONCE}"
    (minutes,) = re.findall(r"(\d+)Minutes", allowed.GRADUALLY)
    if not 0 < alarm.get("Period", 0) * alarm.get("EvaluationPeriods", 0) <= int(minutes) * 60:
        yield "goes off when all requests are at the new version", f"Set periods of {minutes} minutes at most in total"


def _switch(expanded: Template) -> Iterator[tuple[str, str]]:
    condition = expanded.get("Conditions", {}).get("IsGradual")
    if condition != {"Fn::Equals": [{"Ref": SWITCH}, "true"]}:
        yield f"IsGradual is {condition}", f"Set it to the value of {SWITCH}"
    if expanded.get("Parameters", {}).get(SWITCH, {}).get("Default") != "true":
        yield f"{SWITCH} is off by default", "Set its default to true"


def _version(expanded: Template, version: dict[str, Any]) -> Iterator[tuple[str, str]]:
    function = dict(resources(expanded, "AWS::Lambda::Function").get(ANSWERING, {}))
    function.pop("ReservedConcurrentExecutions", None)  # it belongs to the function, not to a version
    read = _refs(function) & expanded.get("Parameters", {}).keys()
    said = set(re.findall(r"\$\{(\w+)\}", str(version.get("Description"))))
    for parameter in sorted(read - said):
        remedy = "Name it in VersionDescription: otherwise a new value makes no new version"
        yield f"is the same for every {parameter}", remedy


def _refs(value: Any) -> set[str]:
    """Return the names in all `!Ref X` and `${X}` of `value`, at any depth."""
    match value:
        case {"Ref": str(name)}:
            return {name}
        case dict():
            return set().union(*map(_refs, value.values()))
        case list():
            return set().union(*map(_refs, value))
    return set(re.findall(r"\$\{([\w:]+)\}", str(value)))
