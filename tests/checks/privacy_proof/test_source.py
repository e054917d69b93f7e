"""Test that names lead to code, and that only code is counted."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from checks.privacy_proof import source

MODULE = '''"""A docstring
of two lines."""


class Box:
    """What holds a thing."""

    # a comment

    def open(self):
        """Return the thing."""
        return """two
lines"""


def build():
    def handle(event):  # what takes it
        return event

    return handle
'''


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project with one module, `thing.box`."""
    (tmp_path / "client" / "thing").mkdir(parents=True)
    (tmp_path / "client" / "thing" / "box.py").write_text(MODULE)
    monkeypatch.setattr(source.find, "__defaults__", (tmp_path,))
    return tmp_path


def test_a_name_leads_to_a_function_wherever_it_is(root: Path) -> None:
    for name in ("thing.box.Box.open", "thing.box.build.handle", "thing.box.build.<locals>.handle"):
        node = source.find(name, root).node
        assert isinstance(node, ast.FunctionDef)
        assert name.endswith(node.name)


@pytest.mark.parametrize("name", ["thing.box.close", "thing.box.Box.close", "other", "thing.handle"])
def test_an_unknown_name_is_an_error(root: Path, name: str) -> None:
    with pytest.raises(source.UnknownNameError):
        source.find(name, root)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("thing.box", 8),
        ("thing.box.Box", 4),
        ("thing.box.Box.open", 3),
        ("thing.box.build", 4),
        ("thing.box.build.handle", 2),
    ],
)
def test_a_line_counts_if_it_has_code(root: Path, name: str, lines: int) -> None:
    assert source.code_lines(name) == lines


def test_the_functions_of_a_module_are_found(root: Path) -> None:
    assert source.functions("thing.box") == {"thing.box.Box.open", "thing.box.build"}
