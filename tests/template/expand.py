"""The template, its expansion by SAM, and the findings of the rules in `checks/template_rules/`."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from cfnlint.config import ConfigMixIn
from cfnlint.rules import Rules
from cfnlint.runner.template import run_template_by_file_paths

from checks.template_rules.expansion import NotExpandedError, Template, expand, load, resources
from checks.template_rules.rule import PolicyRule
from testkit.project import ROOT

__all__ = ["Fault", "Finding", "Template", "expand", "findings", "findings_with", "resources", "source"]


Fault = Callable[[Template], Any]
"""Plants a fault for a rule to find."""


class Finding(NamedTuple):
    """A finding of cfn-lint."""

    rule: str
    message: str


def source() -> Template:
    """Return `template.yaml`, with short forms such as `!Ref` written out."""
    return copy.deepcopy(_source())


@cache
def _source() -> Template:
    return load((ROOT / "template.yaml").read_text())


@cache
def _rules() -> Rules:
    return Rules.create_from_directory(str(ROOT / "checks" / "template_rules"))


def findings(template: Template, folder: Path) -> list[Finding]:
    """Return what cfn-lint finds with our rules. The template is written to a file in `folder`."""
    file = folder / "template.json"
    file.write_text(json.dumps(template))
    return findings_in(file)


def findings_with(plant: Fault, folder: Path) -> list[Finding]:
    """Return what the rules find in our own template with a planted fault.

    The rules read the expanded template directly, which is quicker. cfn-lint starts them where it has a part: it reads
    `Metadata` and `Transform`, and reports what SAM cannot expand.
    """
    template = source()
    plant(template)
    try:
        expanded = expand(template)
    except NotExpandedError:
        return findings(template, folder)
    if any(template.get(name) != _source().get(name) for name in ("Metadata", "Transform")):
        return findings(template, folder)
    return [
        Finding(rule.id, f"{found.place}: {found.problem}. {found.remedy}")
        for rule in _rules().values()
        if isinstance(rule, PolicyRule)
        for found in rule.findings(expanded)
    ]


def findings_in(file: Path) -> list[Finding]:
    """Return what cfn-lint finds in `file` with our rules, including those that `file` says to ignore."""
    config = ConfigMixIn(["--mandatory-checks", "E95", "--template", str(file)])
    return [Finding(found.rule.id, found.message) for found in run_template_by_file_paths(config, _rules())]
