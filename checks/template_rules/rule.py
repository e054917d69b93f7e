"""The base of each rule of this folder: a rule reads the expanded template, and reports each breach."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import ClassVar, NamedTuple

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template as Linted

sys.path.append(str(Path(__file__).parents[2]))  # cfn-lint loads the files of this folder by their paths

from checks.template_rules.expansion import NotExpandedError, Template, expand, load


class Finding(NamedTuple):
    """A breach of a rule.

    Attributes:
        place: the logical id of a resource, or the name of a section of the template.
    """

    place: str
    problem: str
    remedy: str


class PolicyRule(CloudFormationLintRule):  # type: ignore[misc]  # cfn-lint has no types
    """A rule that looks at the expanded template. cfn-lint passes over this class itself, since it has no id."""

    tags: ClassVar[list[str]] = ["privacy"]

    def match(self, cfn: Linted) -> list[RuleMatch]:
        """Return the findings for cfn-lint, each at the resource of the source that it comes from."""
        return [RuleMatch(_where(cfn, f.place), f"{f.place}: {f.problem}. {f.remedy}") for f in self.all(cfn)]

    def all(self, cfn: Linted) -> Iterator[Finding]:
        """Yield the findings in the template that cfn-lint checks."""
        with suppress(NotExpandedError):  # E9501 says so, once
            yield from self.findings(expanded_of(cfn))

    def findings(self, expanded: Template) -> Iterator[Finding]:
        """Yield each breach of this rule in an expanded template."""
        raise NotImplementedError


def expanded_of(cfn: Linted) -> Template:
    """Return the template that cfn-lint checks, expanded by SAM. Raises `NotExpandedError` if SAM refuses it."""
    # The file, not `cfn.template`: there cfn-lint has merged Globals already, and SAM would do so once more.
    return _expand(Path(cfn.filename).read_text(encoding="utf-8"))


@cache
def _expand(text: str) -> Template:
    return expand(load(text))


def _where(cfn: Linted, place: str) -> list[str]:
    """Return the path in the source.

    SAM derives resources from a resource, and begins their names with the name of that resource.
    """
    if place in cfn.template:
        return [place]
    origins = [name for name in cfn.template.get("Resources", {}) if place.startswith(name)]
    return ["Resources", max(origins, key=len)] if origins else ["Resources"]
