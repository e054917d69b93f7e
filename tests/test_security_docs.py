"""Test that the page about security names only tests that exist."""

from __future__ import annotations

import ast
import re

import pytest

from testkit.project import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = re.findall(r"`((?:[a-z]+/)*test_[a-z_]+): ([^`]+)`", PAGE)


def named_in(file: str) -> set[str]:
    """Return the tests of a file, including those in classes."""
    tree = ast.parse((ROOT / "tests" / f"{file}.py").read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("file", "sentence"), NAMED)
def test_every_test_that_is_named_exists(file: str, sentence: str) -> None:
    assert f"test_{sentence.replace(' ', '_')}" in named_in(file)


def test_every_threat_names_one_but_the_flood_that_nobody_stops() -> None:
    tables = re.findall(r"^\| .+ \| test \|\n\|[-|]+\|\n((?:\|.+\n)+)", PAGE, re.MULTILINE)
    rows = [row for table in tables for row in re.findall(r"^\| (.+) \|$", table, re.MULTILINE)]
    without = [row for row in rows if "test_" not in row]
    assert len(rows) > 30
    assert [row.partition(" |")[0] for row in without] == ["ask so often that nobody else is answered"]


def test_vulnerabilities_are_reported_in_private_without_an_address() -> None:
    page = (ROOT / "SECURITY.md").read_text()
    assert "Report a vulnerability" in page
    assert "@" not in page
