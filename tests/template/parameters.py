"""The parameters of the template as CloudFormation handles them: patterns, rules and conditions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.template.expand import Template

HERE = {"AWS::Region": "eu-central-1", "AWS::Partition": "aws", "AWS::AccountId": "123456789012"}


def refused(expanded: Template, parameters: dict[str, str]) -> list[str]:
    """Return why CloudFormation refuses the parameters, before it creates anything."""
    values = _values(expanded, parameters)
    problems = [name for name in parameters if not name.startswith("AWS::") and not _valid(expanded, name, values)]
    for rule in expanded["Rules"].values():
        if of(rule.get("RuleCondition", True), values):
            problems += [each["AssertDescription"] for each in rule["Assertions"] if not of(each["Assert"], values)]
    return problems


def accepted(expanded: Template, parameters: dict[str, str], rule: str) -> bool:
    """Return whether one rule of the template accepts the parameters."""
    values = _values(expanded, parameters)
    found = expanded["Rules"][rule]
    return not of(found.get("RuleCondition", True), values) or all(of(a["Assert"], values) for a in found["Assertions"])


def conditions(expanded: Template, parameters: dict[str, str]) -> dict[str, bool]:
    """Return the value of each condition of the template."""
    values = _values(expanded, parameters)
    return {name: bool(of(said, values, expanded["Conditions"])) for name, said in expanded["Conditions"].items()}


def existing(expanded: Template, parameters: dict[str, str]) -> set[str]:
    """Return the names of the resources that a stack with these parameters has."""
    true = conditions(expanded, parameters)
    return {name for name, made in expanded["Resources"].items() if true.get(made.get("Condition"), True)}


def _values(expanded: Template, parameters: dict[str, str]) -> dict[str, str]:
    return {name: str(each.get("Default", "")) for name, each in expanded["Parameters"].items()} | HERE | parameters


def _valid(expanded: Template, name: str, values: dict[str, str]) -> bool:
    parameter, value = expanded["Parameters"][name], values[name]
    if "AllowedValues" in parameter:
        return value in [str(each) for each in parameter["AllowedValues"]]
    if parameter["Type"] == "Number":
        low, high = (float(parameter.get(end, default)) for end, default in (("MinValue", "-inf"), ("MaxValue", "inf")))
        return low <= float(value) <= high
    return re.fullmatch(parameter.get("AllowedPattern", ".*"), value) is not None


def value(expanded: Template, said: Any, parameters: dict[str, str]) -> Any:
    """Return a value of a property, if it contains only parameters."""
    return of(said, _values(expanded, parameters), expanded["Conditions"])


def _filled(said: Any, values: dict[str, str], named: dict[str, Any] | None) -> str:
    text, parts = said if isinstance(said, list) else (said, {})
    known = values | {name: of(part, values, named) for name, part in parts.items()}
    return re.sub(r"\$\{([\w:]+)\}", lambda found: known[found[1]], text)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Fn::Equals": lambda one, other: one == other,
    "Fn::Not": lambda one: not one,
    "Fn::And": lambda *several: all(several),
    "Fn::Or": lambda *several: any(several),
    "Fn::Contains": lambda some, one: one in some,
    "Fn::Split": lambda separator, text: text.split(separator),
    "Fn::Select": lambda number, some: some[int(number)],
}
"""Function of rules and conditions → what it does."""


def of(said: Any, values: dict[str, str], named: dict[str, Any] | None = None) -> Any:
    """Return the value of an expression of a rule, a condition or a property."""
    match said:
        case {"Ref": name}:
            return values[name]
        case {"Fn::Sub": text}:
            return _filled(text, values, named)
        case {"Condition": name} | {"Fn::If": [name, *_]}:
            holds = of((named or {})[name], values, named)
            return of(said["Fn::If"][1 if holds else 2], values, named) if "Fn::If" in said else holds
        case dict():
            ((function, arguments),) = said.items()
            return FUNCTIONS[function](*of(arguments, values, named))
        case list():
            return [of(one, values, named) for one in said]
    return said
