"""Test the findings of checkov in the template: each is one that we decided against, with a reason."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from checks.template_rules.expansion import load
from testkit.packages import need
from testkit.project import ROOT
from tests.template.expand import Template, expand, source

pytestmark = pytest.mark.full

CHECKOV = ROOT / ".venv-checkov" / "bin" / "checkov"
WAIVERS: dict[str, dict[str, Any]] = load((ROOT / "checks" / "template_rules" / "waivers.yaml").read_text())
NOWHERE = "http://127.0.0.1:9"  # the discard port: a request there is refused at once


def scanned(template: Template, folder: Path) -> Any:
    """Return checkov's report on SAM's expansion of `template`. It has no network, and its options forbid downloads."""
    need(CHECKOV.exists(), "checkov")
    file = folder / "expanded.json"
    file.write_text(json.dumps(expand(template), indent=1))
    options = ["--framework", "cloudformation", "--skip-download", "--skip-check", "BC_*", "--output", "json"]
    environment = {"HOME": str(folder), "HTTPS_PROXY": NOWHERE, "HTTP_PROXY": NOWHERE}  # no settings, no API key
    run = subprocess.run(
        [CHECKOV, *options, "--file", file],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.stderr == ""
    return json.loads(run.stdout)


def failed(report: Any) -> set[tuple[str, str]]:
    """Return check and logical id of each finding."""
    return {(found["check_id"], found["resource"].split(".")[-1]) for found in report["results"]["failed_checks"]}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return scanned(with_everything(), tmp_path_factory.mktemp("checkov"))


def with_everything() -> Template:
    """Return the template without conditions. checkov ignores what is off by default, such as the CDN."""
    template = source()
    for resource in template["Resources"].values():
        resource.pop("Condition", None)
    return template


def waived() -> set[tuple[str, str]]:
    return {(check, resource) for check, waiver in WAIVERS.items() for resource in waiver["resources"]}


def test_checkov_asks_for_what_we_decided_against_and_nothing_else(report: Any) -> None:
    assert failed(report) == waived()


def test_checkov_looked_at_the_whole_template(report: Any) -> None:
    assert (report["summary"]["parsing_errors"], report["summary"]["skipped"]) == (0, 0)
    assert report["summary"]["passed"] > 30
    assert report["summary"]["resource_count"] == len(expand(source())["Resources"])


def test_a_planted_fault_is_found(tmp_path: Path) -> None:
    template = with_everything()
    template["Resources"]["Bucket"]["Properties"]["PublicAccessBlockConfiguration"]["BlockPublicAcls"] = False
    assert failed(scanned(template, tmp_path)) - waived() == {("CKV_AWS_53", "Bucket")}


def test_every_waiver_says_what_is_wanted_and_why_not() -> None:
    assert [waiver for waiver in WAIVERS.values() if set(waiver) != {"wants", "resources", "because"}] == []
