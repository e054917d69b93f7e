"""Audits alarms and the dashboard: they may use metrics of our own resources, and nothing from a request."""

from __future__ import annotations

import json

from comet_updates_cli.audit import allowed
from comet_updates_cli.audit.stack import Difference, Differences, Read, Stack

_DRAWN = {"alarm", "metric", "text"}


def alarms(stack: Stack, read: Read) -> Differences:
    """Check that each alarm exists, watches its metric and has its actions enabled."""
    names = {stack.of(name): name for name in allowed.WATCHED}
    found = read("cloudwatch", "DescribeAlarms", AlarmNames=list(names)).get("MetricAlarms", ())
    for alarm in found:
        name = names[alarm["AlarmName"]]
        by = ", ".join(dimension["Name"] for dimension in alarm.get("Dimensions", ()))
        watched = (str(alarm.get("Namespace")), alarm.get("MetricName"), by)
        namespace, *number = allowed.WATCHED[name]
        if not watched[0].startswith(namespace) or [*watched[1:]] != number:
            yield Difference(name, f"watches {' '.join(map(str, watched))}")
        if not alarm.get("ActionsEnabled", True):
            yield Difference(name, "has its actions disabled, so it notifies nobody")
    for missing in sorted(names.keys() - {alarm["AlarmName"] for alarm in found}):
        yield Difference(names[missing], "does not exist")


def dashboard(stack: Stack, read: Read) -> Differences:
    """Check that the dashboard shows only metrics, alarms and text, and no log queries."""
    body = read("cloudwatch", "GetDashboard", DashboardName=stack.of("Dashboard")).get("DashboardBody") or "{}"
    for widget in json.loads(body).get("widgets", ()):
        if widget.get("type") not in _DRAWN:
            yield Difference("Dashboard", f"has a widget of type {widget.get('type')}")
