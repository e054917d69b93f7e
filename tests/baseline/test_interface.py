"""Test that commands keep their options, and functions keep their environment variables."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest
import typer.main

from comet_updates_cli import app
from testkit.project import ROOT
from tests.baseline import stored
from tests.template.expand import source

NOT_SHIPPED = {"bench", "checks", "examples", "testkit", "tests", "tools"}
"""Folders whose code is in no package that people install, and in no function."""

FACTS = ("required", "multiple", "hidden", "is_flag", "is_eager", "min", "max", "envvar")
"""Attributes of the parameters of commands that are stored, besides names, default and type."""

CAPITALS = re.compile("[A-Z][A-Z0-9_]+")


def commands(command: Any, name: str = "comet-updates") -> dict[str, Any]:
    """Return the parameters of a command and of all below it, by the full name. Texts are left out."""
    found = {name: {parameter.name: _facts(parameter) for parameter in command.params}}
    for word, below in getattr(command, "commands", {}).items():
        found |= commands(below, f"{name} {word}")
    return found


def _facts(parameter: Any) -> dict[str, Any]:
    annotation, told = parameter.type_descriptor.annotation, parameter.type_descriptor.parameter_info
    facts = {fact: getattr(parameter, fact, None) for fact in FACTS}
    paths = {fact: getattr(told, fact, None) for fact in ("exists", "file_okay", "dir_okay")}
    is_choice = isinstance(annotation, type) and issubclass(annotation, Enum)
    choices = [choice.value for choice in annotation] if is_choice else None
    return {
        "names": [*parameter.opts, *parameter.secondary_opts],
        "type": choices or re.sub(r"<class '|'>|\w+\.", "", str(annotation)),
        "values": parameter.nargs,
        "default": None if parameter.default is None else str(getattr(parameter.default, "value", parameter.default)),
        **{fact: value for fact, value in facts.items() if value is not None and value is not False},
        **{fact: value for fact, value in paths.items() if value != (fact != "exists")},
    }


def test_commands_have_the_stored_options_and_defaults() -> None:
    stored.check("commands.json", commands(typer.main.get_command(app)))


def variables(code: str) -> set[str]:
    """Return the environment variables that a module names.

    An option names them as `envvar`, other code as a key of `environ` or `environment`, or to `getenv`. In a module
    that imports `os`, every text in capitals counts.
    """
    tree = ast.parse(code)
    imports = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    places = [tree] if "os" in imports else list(_named(tree))
    texts = {node.value for place in places for node in ast.walk(place) if isinstance(node, ast.Constant)}
    written = {
        keyword.arg
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_environment(node.func.value)
        for keyword in node.keywords
    }
    return {str(text) for text in texts | written if CAPITALS.fullmatch(str(text))}


def _named(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of the code in which the names of environment variables are."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "envvar":
            yield node
        elif isinstance(node, ast.Subscript) and _is_environment(node.value):
            yield node.slice
        elif isinstance(node, ast.Compare) and any(map(_is_environment, node.comparators)):
            yield node.left
        elif isinstance(node, ast.Call) and _is_getter(node.func):
            yield from node.args


def _is_getter(function: ast.expr) -> bool:
    if isinstance(function, ast.Attribute):
        return function.attr == "getenv" or _is_environment(function.value)
    return isinstance(function, ast.Name) and function.id == "getenv"


def _is_environment(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name in ("environ", "environment")


def test_environment_variables_are_the_stored_ones() -> None:
    folders = [
        path for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "." and path.name not in NOT_SHIPPED
    ]
    files = [file for folder in folders for file in folder.rglob("*.py")]
    resources = source()["Resources"].items()
    functions = {name: found["Properties"] for name, found in resources if "Handler" in found.get("Properties", {})}
    now = {
        "code": sorted(set().union(*(variables(file.read_text(encoding="utf-8")) for file in files))),
        **{name: sorted(found["Environment"]["Variables"]) for name, found in functions.items()},
    }
    stored.check("environment.json", now)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('Option(envvar="NEW")', {"NEW"}),
        ('Option(envvar=["NEW", "OLD"])', {"NEW", "OLD"}),
        ('environment["NEW"]', {"NEW"}),
        ('os.environ.get("NEW", "")', {"NEW"}),
        ('"NEW" in os.environ', {"NEW"}),
        ('getenv("NEW")', {"NEW"}),
        ('environment.update(NEW="x")', {"NEW"}),
        ('import os\nVARIABLES = ("NEW", "OLD", "other")', {"NEW", "OLD"}),
        ('METHODS = ("GET", "HEAD")', set()),
        ('environment.get("Error")', set()),
    ],
)
def test_environment_variable_in_code_is_found(code: str, found: set[str]) -> None:
    """Positive control of the test above."""
    assert variables(code) == found
