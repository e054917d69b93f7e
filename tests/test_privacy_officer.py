"""Test the papers for the privacy officer: each figure is that of the template or of the code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from random import Random
from typing import Any

import pytest

from comet_updates.answer import respond, store
from comet_updates.signing import sign
from comet_updates_client import state
from testkit.project import ROOT
from tests.template.expand import Template, source

FOLDER = ROOT / "docs" / "privacy-officer"
PAGES = sorted(FOLDER.glob("*.md"))
DAY_S = 86_400
OF_AWS = {"metrics and alarms": "15 months", "CloudTrail's event history": "90 days"}
"""Figures that AWS decides. No file of ours has them."""


def retention() -> dict[str, str]:
    """Return the rows of the table of retention by their first column."""
    rows = re.findall(r"^\| ([^|]+) \|[^|]+\| ([^|]+) \|", (FOLDER / "retention.md").read_text(), re.MULTILINE)
    return {what: kept for what, kept in rows if what not in ("what", "---")}


def figures(template: Template) -> dict[str, str]:
    """Return what the table of retention must say, by row."""
    parameters = template["Parameters"]
    parts: dict[str, Any] = {name: found.get("Properties", {}) for name, found in template["Resources"].items()}
    assert [parts[log]["RetentionInDays"] for log in ("AnswerLog", "PublishLog")] == [{"Ref": "LogRetentionDays"}] * 2
    days = parameters["LogRetentionDays"]
    log = f"{days['Default']} days; {max(days['AllowedValues'])} at most"
    queues = {name: f"{parts[name]['MessageRetentionPeriod'] // DAY_S} days" for name in ("UploadQueue", "DeadLetters")}
    rules = {rule.get("Prefix", ""): rule for rule in parts["Bucket"]["LifecycleConfiguration"]["Rules"]}
    old = {prefix: rules[prefix]["NoncurrentVersionExpiration"]["NoncurrentDays"] for prefix in rules if prefix}
    stale = f"up to {store.STALE_MAX_S // DAY_S} days while"
    return {
        "log of the answering function": log,
        "log of the publishing function": log,
        "memory of the answering function": (
            f"asked for again after {parameters['MemoryTtlSeconds']['Default']} seconds; used for {stale} S3 fails"
        ),
        "answers in caches on the way": (
            f"{respond.MAX_AGE_S} seconds at a client, {respond.SHARED_MAX_AGE_S} in a shared cache; {stale} the"
        ),
        "upload queue: notifications with uploader and IP address": f"until handled; {queues['UploadQueue']} at most",
        "dead-letter queue: the same, after five failures": f"{queues['DeadLetters']} at most",
        "published documents: old versions": f"{old['public/']} days",
        "refusals of uploads: old versions": f"{old['rejected/']} days",
        "publishing's own copies of uploads (`packs/`): old versions": f"{old['packs/']} day ",
        "parts of a release that several jobs build": (
            f"{rules['parts/']['ExpirationInDays']} days; old versions {old['parts/']} day "
        ),
        # No rule may have the prefix of uploads, or none at all.
        "uploads, and their old versions": "no limit" if len(old) == 4 else "",
        "unfinished uploads": f"{rules['']['AbortIncompleteMultipartUpload']['DaysAfterInitiation']} day",
        "signatures (TUF): timestamp, snapshot": f"{sign.TIMESTAMP_LIFE.days} and {sign.SNAPSHOT_LIFE.days} days",
        "signatures (TUF): product, root and targets": f"{sign.PRODUCT_LIFE.days} and {sign.OFFLINE_LIFE.days} days",
    } | OF_AWS


def wrong(template: Template) -> list[str]:
    """Return the rows of the table that do not say what the template says, and rows with other figures."""
    said, rows = figures(template), retention()
    missing = [what for what, kept in said.items() if not kept or kept not in rows[what]]
    return missing + [what for what in rows.keys() - said.keys() if re.search("[0-9]", rows[what])]


def test_table_of_retention_has_the_figures_of_the_template_and_the_code() -> None:
    assert wrong(source()) == []
    assert source()["Resources"]["UploadQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"] == 5, "five failures"


@pytest.mark.parametrize(
    ("path", "value", "row"),
    [
        (
            ("Resources", "DeadLetters", "Properties", "MessageRetentionPeriod"),
            7 * DAY_S,
            "dead-letter queue: the same, after five failures",
        ),
        (("Parameters", "MemoryTtlSeconds", "Default"), 61, "memory of the answering function"),
        (("Parameters", "LogRetentionDays", "Default"), 14, "log of the answering function"),
    ],
    ids=["queue", "memory", "log"],
)
def test_other_figure_in_the_template_is_found(path: tuple[str, ...], value: int, row: str) -> None:
    template = source()
    found = template
    for step in path[:-1]:
        found = found[step]
    found[path[-1]] = value
    assert row in wrong(template)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_other_pages_have_no_figure_that_the_table_lacks(page: Path) -> None:
    known = set(re.findall(r"[0-9]+ (?:days?|months|seconds)", " ".join(retention().values()))) | {"14 days"}
    assert set(re.findall(r"[0-9]+ (?:days?|months|seconds)", page.read_text())) <= known


def test_fields_of_the_client_are_those_of_its_file(tmp_path: Path) -> None:
    state.write(tmp_path / "state.json", state.read(tmp_path / "none", Random(1)))
    page = (FOLDER / "README.md").read_text().partition("## What does the client keep")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == list(json.loads((tmp_path / "state.json").read_bytes()))
    assert f"from 0 to {state.GROUPS - 1}" in page


def test_notifications_hold_what_the_pages_say_and_approvals_no_name() -> None:
    schema = json.loads((ROOT / "schemas" / "approval.json").read_text())
    assert set(schema["properties"]) == {"schema", "product", "channel", "version", "sha256"}


def test_every_page_is_linked_from_the_first_and_that_from_the_others() -> None:
    first = (FOLDER / "README.md").read_text()
    assert [page.name for page in PAGES if f"]({page.name})" not in first and page.name != "README.md"] == []
    for page, link in (
        ("README.md", "docs/privacy-officer/README.md"),
        ("docs/README.md", "privacy-officer/README.md"),
    ):
        assert f"]({link})" in (ROOT / page).read_text()
    assert "](privacy-officer/README.md)" in (ROOT / "docs" / "privacy.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_is_short_and_claims_nothing_that_nobody_can_show(page: Path) -> None:
    text = page.read_text()
    assert len(text.splitlines()) <= 120
    claims = re.sub(r'Do not write "[^.]*\.', "", text).lower()
    assert not [claim for claim in ("we collect nothing", "anonymous", "cannot be tracked") if claim in claims]
