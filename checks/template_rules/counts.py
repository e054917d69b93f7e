"""The rule for counts and alarms: they are about our own resources, and contain nothing of a request."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from comet_updates_cli.audit import allowed

sys.path.append(str(Path(__file__).parents[2]))  # cfn-lint loads the files of this folder by their paths

from checks.template_rules.expansion import Template, resources
from checks.template_rules.rule import Finding, PolicyRule

IN_DEPLOYMENT = "of cli/comet_updates_cli/audit/allowed.py with the reason why it has no data of clients"
OURS = "CometUpdates/"
DRAWN = {"alarm", "metric", "text"}
"""Widgets of a dashboard that show numbers. One of type `log` searches logs, one of type `custom` calls a function."""


class NoClientIsCounted(PolicyRule):
    id = "E9514"
    shortdesc = "Counts have no data of clients"
    description = (
        "Filters of logs are allowed.COUNTED, without a dimension. Alarms watch allowed.WATCHED and allowed.COMPUTED. "
        "The dashboard searches no log."
    )

    def findings(self, expanded: Template) -> Iterator[Finding]:
        for name, filter_ in resources(expanded, "AWS::Logs::MetricFilter").items():
            if _counted(filter_) != allowed.COUNTED.get(name):
                problem = f"counts {_counted(filter_)} instead of {allowed.COUNTED.get(name)}"
                yield Finding(name, problem, f"Change it back, or add it to COUNTED {IN_DEPLOYMENT}")
            if any(each.get("Dimensions") for each in filter_.get("MetricTransformations", ())):
                yield Finding(
                    name, "counts by the content of a line", "Remove Dimensions: CloudWatch keeps a count for 15 months"
                )
        for name, alarm in resources(expanded, "AWS::CloudWatch::Alarm").items():
            watched = _computed(alarm) if "Metrics" in alarm else _watched(alarm)
            decided = allowed.WATCHED.get(name) or allowed.COMPUTED.get(name)
            if watched != decided:
                problem = f"watches {watched} instead of {decided}"
                yield Finding(name, problem, f"Change it back, or add it to WATCHED {IN_DEPLOYMENT}")
        for name, dashboard in resources(expanded, "AWS::CloudWatch::Dashboard").items():
            for extra in sorted(_drawn(dashboard.get("DashboardBody")) - DRAWN):
                yield Finding(name, f"has a widget of type {extra}", f"Use only {sorted(DRAWN)}, which show numbers")


def _counted(filter_: dict[str, Any]) -> tuple[Any, ...]:
    numbers = [str(each.get("MetricName")) for each in filter_.get("MetricTransformations", ())]
    return filter_.get("LogGroupName", {}).get("Ref"), filter_.get("FilterPattern"), ", ".join(numbers)


def _watched(alarm: dict[str, Any]) -> tuple[Any, ...]:
    match alarm.get("Namespace"):
        case {"Fn::Sub": str(text)} if text.startswith(OURS):
            namespace: Any = OURS
        case other:
            namespace = other
    by = ", ".join(str(dimension.get("Name")) for dimension in alarm.get("Dimensions", ()))
    return namespace, alarm.get("MetricName"), by


def _computed(alarm: dict[str, Any]) -> tuple[Any, ...]:
    formulas = [each["Expression"] for each in alarm["Metrics"] if "Expression" in each]
    metrics = (each["MetricStat"]["Metric"] for each in alarm["Metrics"] if "MetricStat" in each)
    return text_of(formulas[0]) if len(formulas) == 1 else formulas, tuple(_watched(metric) for metric in metrics)


def _drawn(body: Any) -> set[str]:
    conditions = re.findall(r"'Fn::If': \['(\w+)'", repr(body))
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        bodies = [json.loads(text_of(body, without)) for without in ((), conditions)]
        return {str(widget.get("type")) for found in bodies for widget in found["widgets"]}
    return {"unknown"}


def text_of(value: Any, without: Collection[str] = ()) -> str:
    """Return a text of the template, with the names of variables left in it.

    Args:
        value: a string, `Fn::Sub` or `Fn::If`.
        without: the conditions that are false. All others are true.
    """
    match value:
        case {"Fn::Sub": [str(text), dict(parts)]}:
            return re.sub(
                r"\$\{(\w+)\}", lambda found: text_of(parts[found[1]], without) if found[1] in parts else found[0], text
            )
        case {"Fn::Sub": str(text)}:
            return text
        case {"Fn::If": [str(condition), one, other]}:
            return text_of(other if condition in without else one, without)
    return str(value)
