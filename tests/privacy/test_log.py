"""Test that the log holds a finite list of lines, of published names and of our own words."""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING

import pytest

from checks.privacy_proof.report_data import log_lines
from comet_updates.answer import urls
from comet_updates.answer.log import Cache, Outcome, Record
from comet_updates_cli.audit import allowed
from testkit.events import SWEEP
from testkit.observe import ANSWER, PUBLISH, Lambda
from testkit.people import Ask, marked, request_of
from testkit.project import ROOT
from tests.template.expand import expand, source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testkit.s3 import Wire

PLACES = [urls.NO_DOCUMENT, urls.DocumentId("comet-cursor", "", "")] + [
    urls.DocumentId("comet-cursor", "stable", document) for document in ("manifest.json", "releases.json")
]


def possible() -> set[str]:
    return {line for place in PLACES for line in log_lines(place)}


def test_every_line_of_the_log_is_one_of_a_finite_list(
    aws_lambda: Lambda, published: dict[str, str], wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = ["/v1/comet-cursor/stable", "/v1/comet-cursor/stable/releases.json", "/v1/a/b", "/nowhere"]
    asks = [Ask(path, method) for path in paths for method in ("GET", "HEAD", "POST")]
    events = [request_of(marked(number), ask) for number in range(3) for ask in asks]
    asked = aws_lambda.observe(ANSWER, published, [*events, {}])
    uploaded = aws_lambda.observe(PUBLISH, published, [SWEEP])
    monkeypatch.setattr(wire, "fault", "500")
    monkeypatch.setattr(wire, "fault_after", 2)
    in_trouble = aws_lambda.observe(ANSWER, published, events[:4])
    lines = [line for seen in (asked, uploaded, in_trouble) for line in seen.seen["stdout"].splitlines()]
    assert len(lines) > len(events)
    assert set(lines) <= possible()


def test_the_list_is_all_that_a_record_can_say() -> None:
    durations = (0.0, 0.001_234, 0.05, 0.5, 5.0)
    records: Iterator[Record] = itertools.starmap(Record, itertools.product(Outcome, PLACES, Cache, durations))
    assert {record.line() for record in records} == possible()
    assert len(possible()) == len(Outcome) * len(PLACES) * len(Cache) * len(durations)


def test_a_line_with_anything_else_is_not_on_the_list() -> None:
    line = json.loads(next(iter(possible())))
    assert json.dumps(line | {"client": "203.0.113.77"}, separators=(",", ":")) not in possible()


@pytest.mark.parametrize("function", allowed.LOGS)
def test_a_log_is_kept_for_days(function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    template = expand(source())
    group = template["Resources"][allowed.LOGS[function]]["Properties"]
    assert group == {"RetentionInDays": {"Ref": "LogRetentionDays"}}
    assert max(template["Parameters"]["LogRetentionDays"]["AllowedValues"]) <= max(allowed.RETENTION_DAYS) <= 30
    logging = template["Resources"][function]["Properties"]["LoggingConfig"]
    assert logging == allowed.LOGGING | {"LogGroup": {"Ref": allowed.LOGS[function]}}


def test_queues_keep_notifications_as_long_as_the_page_says() -> None:
    resources = source()["Resources"].values()
    kept = {queue["Properties"]["MessageRetentionPeriod"] for queue in resources if queue["Type"] == "AWS::SQS::Queue"}
    (days,) = re.findall(r"Each keeps it for at most (\d+) days", (ROOT / "docs" / "privacy.md").read_text())
    assert kept == {int(days) * 24 * 60 * 60}


def test_by_default_only_what_somebody_has_to_act_on_is_logged() -> None:
    parameters = source()["Parameters"]
    assert parameters["LogSuccesses"]["Default"] == "false"
    assert parameters["LogRetentionDays"]["Default"] <= 3
