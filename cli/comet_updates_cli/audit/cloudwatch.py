"""Audits alarms and the dashboard: they may use metrics of our own resources, and nothing from a request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from comet_updates_cli.audit import allowed
from comet_updates_cli.audit.stack import Difference, Differences, Read, Stack

_DRAWN = {"alarm", "metric", "text"}


def alarms(stack: Stack, read: Read) -> Differences:
    """Check that each alarm exists, watches its metric and has its actions enabled."""
    names = {stack.of(name): name for name in (*allowed.WATCHED, *allowed.COMPUTED) if stack.expects(name)}
    found = read("cloudwatch", "DescribeAlarms", AlarmNames=list(names)).get("MetricAlarms", ())
    for alarm in found:
        name = names[alarm["AlarmName"]]
        metrics = [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", ()) if "MetricStat" in each]
        watched = [_watched(metric) for metric in metrics or [alarm]]
        decided = [allowed.WATCHED[name]] if name in allowed.WATCHED else list(allowed.COMPUTED[name][1])
        if len(watched) != len(decided) or not all(map(_is, watched, decided)):
            yield Difference(name, f"watches {', '.join(' '.join(each) for each in watched)}")
        if not alarm.get("ActionsEnabled", True):
            yield Difference(name, "has its actions disabled, so it notifies nobody")
    for missing in sorted(names.keys() - {alarm["AlarmName"] for alarm in found}):
        yield Difference(names[missing], "does not exist")


def _watched(metric: Mapping[str, Any]) -> tuple[str, str, str]:
    by = ", ".join(dimension["Name"] for dimension in metric.get("Dimensions", ()))
    return str(metric.get("Namespace")), str(metric.get("MetricName")), by


def _is(watched: tuple[str, str, str], decided: tuple[str, str, str]) -> bool:
    return watched[0].startswith(decided[0]) and watched[1:] == decided[1:]


def dashboard(stack: Stack, read: Read) -> Differences:
    """Check that the dashboard shows only metrics, alarms and text, and no log queries."""
    body = read("cloudwatch", "GetDashboard", DashboardName=stack.of("Dashboard")).get("DashboardBody") or "{}"
    for widget in json.loads(body).get("widgets", ()):
        if widget.get("type") not in _DRAWN:
            yield Difference("Dashboard", f"has a widget of type {widget.get('type')}")
