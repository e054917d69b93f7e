"""Test the rules themselves: each is complete, a template cannot switch one off, and they work as a command."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cfnlint.rules import Rules

from checks.template_rules import deploying, packages, rules
from checks.template_rules.expansion import NotExpandedError, expand, load, paths, resources
from checks.template_rules.rule import PolicyRule
from comet_updates_cli.audit import allowed
from testkit.project import ROOT
from tests.template import test_alarms, test_cdn, test_deploying, test_expanded, test_packages, test_roles
from tests.template.expand import Template, source

ALLOWED: dict[str, list[dict[str, Any]]] = load((ROOT / "checks" / "template_rules" / "properties.yaml").read_text())


def lint(template: Path, *options: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run cfn-lint with our rules, as a person would."""
    command: list[str | Path] = [Path(sys.executable).parent / "cfn-lint"]
    command += ["--append-rules", ROOT / "checks" / "template_rules", *options]
    command += ["--format", "parseable", "--template", template]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.full
def test_the_command_finds_nothing_in_our_template() -> None:
    run = lint(ROOT / "template.yaml")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_command_reports_place_problem_and_remedy_of_a_fault(tmp_path: Path) -> None:
    """Plant the fault in a fork of the template."""
    text = (ROOT / "template.yaml").read_text()
    (tmp_path / "template.yaml").write_text(text.replace("  Function:\n", "  Function:\n    Tracing: Active\n", 1))
    run = lint(tmp_path / "template.yaml", folder=tmp_path)
    assert run.returncode != 0
    (ours, *_) = [line for line in run.stdout.splitlines() if ":E9503:" in line]
    line = text.splitlines().index("  AnswerFunction:") + 2  # the planted line; lines count from one
    assert f"template.yaml:{line}:" in ours
    assert "AnswerFunction: nobody gave a reason for TracingConfig.Mode" in ours
    assert "add it to checks/template_rules/properties.yaml" in ours


@pytest.mark.full
def test_a_template_cannot_excuse_itself_from_make_policy(tmp_path: Path) -> None:
    template = source()
    template["Globals"]["Function"]["Tracing"] = "Active"
    template["Metadata"] = {"cfn-lint": {"config": {"ignore_checks": ["E"]}}}
    (tmp_path / "template.json").write_text(json.dumps(template))
    (recipe,) = [
        line for line in (ROOT / "Makefile").read_text().splitlines() if "--append-rules checks/template_rules" in line
    ]
    options = recipe.split("--append-rules checks/template_rules", 1)[1].split("--template")[0].split()
    assert lint(tmp_path / "template.json", *options).returncode != 0


def test_every_rule_has_a_number_of_its_own_and_a_fault_that_it_finds() -> None:
    loaded = Rules.create_from_directory(str(ROOT / "checks" / "template_rules"))
    classes = {rule.__name__ for rule in PolicyRule.__subclasses__()}
    assert {type(rule).__name__ for rule in loaded.values()} == classes
    suites = (test_expanded, test_cdn, test_roles, test_alarms, test_deploying, test_packages)
    of_locks = {packages.LibrariesAreLocked.id}  # test_packages.LOCKS has its faults
    assert set(loaded) == {rule for suite in suites for rule, _ in suite.FAULTS.values()} | of_locks
    assert all(rule.shortdesc and rule.description and rule.tags for rule in loaded.values())


class TestTheReasonsForProperties:
    def test_each_group_has_one(self) -> None:
        groups = [group for groups in ALLOWED.values() for group in groups]
        assert [group for group in groups if set(group) != {"paths", "because"} or len(group["because"]) < 8] == []

    def test_there_is_none_for_what_no_longer_occurs(self) -> None:
        expanded = expand(source())
        stale = {type_: [path for path in _listed(type_) if not _occurs(expanded, type_, path)] for type_ in ALLOWED}
        assert {type_: gone for type_, gone in stale.items() if gone} == {}
        assert set(ALLOWED) == set(allowed.RESOURCE_TYPES)

    def test_one_for_what_no_longer_occurs_is_found(self) -> None:
        """Positive control of the test above."""
        expanded = expand(source())
        assert not _occurs(expanded, "AWS::ApiGatewayV2::Stage", "AccessLogSettings.Format")
        assert not _occurs(expanded, "AWS::IAM::Role", "PermissionsBoundary.*")

    def test_each_is_needed(self) -> None:
        expanded = expand(source())
        for type_, groups in ALLOWED.items():
            for path in _listed(type_):
                less = [{"paths": [other for other in group["paths"] if other != path]} for group in groups]
                assert list(rules.OnlyKnownProperties(ALLOWED | {type_: less}).findings(expanded)) != [], (type_, path)

    def test_nothing_can_be_added_without_one(self) -> None:
        """Add an unknown key to each mapping in the properties of each resource: a rule on properties must find it."""
        looks = [rules.OnlyKnownProperties(), rules.OnlyKnownGrants(), rules.AsDecided(), deploying.GoesBackByItself()]
        expanded = expand(source())
        for name in expanded["Resources"]:
            for number, _ in enumerate(_maps(expanded["Resources"][name]["Properties"])):
                wider = copy.deepcopy(expanded)
                list(_maps(wider["Resources"][name]["Properties"]))[number]["Unknown"] = "x"
                assert [finding for rule in looks for finding in rule.findings(wider)] != [], (name, number)


def test_the_expansion_leaves_the_template_as_it_is() -> None:
    template = source()
    expand(template)
    assert template == source()


def test_what_sam_refuses_is_an_error_of_ours() -> None:
    template = source()
    del template["Resources"]["AnswerFunction"]["Properties"]["Handler"]
    with pytest.raises(NotExpandedError, match="AnswerFunction"):
        expand(template)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"A": {"B": 1}}, ["A.B"]),
        ({"A": [{"B": 1}, {"C": 2}]}, ["A[].B", "A[].C"]),
        ({"A": {"Ref": "X"}}, ["A"]),
        ({"A": {"Fn::If": ["C", {"B": 1}, 2]}}, ["A.Fn::If[]", "A.Fn::If[].B", "A.Fn::If[]"]),
        ({"A": {"Fn::Sub": "${X}"}}, ["A"]),
        ({"A": {"Fn::Sub": ["${B}", {"B": {"Ref": "X"}}]}}, ["A.Fn::Sub[]", "A.Fn::Sub[].B"]),
        ({"A": {"Ref": "X", "B": 1}}, ["A.Ref", "A.B"]),
        ({"A": {}, "B": []}, ["A", "B"]),
    ],
)
def test_a_path_says_where_a_value_is(value: Template, found: list[str]) -> None:
    assert list(paths(value)) == found


def _listed(type_: str) -> list[str]:
    return [path for group in ALLOWED[type_] for path in group["paths"]]


def _occurs(expanded: Template, type_: str, path: str) -> bool:
    found = [found for properties in resources(expanded, type_).values() for found in paths(properties)]
    return any(one == path or (path.endswith(".*") and one.startswith(path[:-1])) for one in found)


def _maps(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _maps(item)
