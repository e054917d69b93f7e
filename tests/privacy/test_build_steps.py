"""Test that only the listed steps build the packages: see `checks/privacy_proof/build_steps.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checks.privacy_proof import mutants
from checks.privacy_proof.build_steps import STEPS, beside, violations
from testkit.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def text_of(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


def test_packages_are_built_by_the_listed_steps() -> None:
    assert [broken for file in STEPS for broken in violations(file, text_of(file))] == []
    assert list(beside(ROOT)) == []


STEP = "\t@chmod -R u=rwX,go=rX"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(STEP, f"\t@[ -z $$CI ] || date\n{STEP}", id="added"),
        pytest.param(STEP, f"{STEP} && date", id="longer"),
        pytest.param(STEP, f"\t# \\\n{STEP}", id="comment-of-a-step"),
        pytest.param("unexport", "# hides the next line \\\nunexport", id="hidden"),
        pytest.param("unexport", "# unexport", id="missing"),
        pytest.param("\t@chmod", "    @chmod", id="other-indent"),
        pytest.param("AnswerFunction := ", "include more\nAnswerFunction := ", id="include"),
    ],
)
def test_other_step_is_refused(old: str, new: str) -> None:
    """Positive control."""
    text = text_of("functions/Makefile")
    assert violations("functions/Makefile", text.replace(old, new, 1)) != []


@pytest.mark.parametrize(
    "leak", [leak for leak in mutants.ALL if leak.place in STEPS], ids=lambda leak: leak.name.replace(" ", "-")
)
def test_leak_in_a_step_is_refused(leak: mutants.Mutant) -> None:
    """Positive control."""
    assert violations(leak.place, mutants.build(leak, ROOT).after) != []


def test_steps_in_another_order_are_refused() -> None:
    """Positive control."""
    lines = text_of("functions/Makefile").splitlines()
    assert violations("functions/Makefile", "\n".join(lines[::-1])) == [
        "functions/Makefile: the lines are in another order"
    ]


def test_comments_and_empty_lines_are_no_steps() -> None:
    text = text_of("functions/Makefile")
    assert violations("functions/Makefile", f"# another comment\n\n{text}\n") == []


def test_file_beside_a_makefile_is_refused(tmp_path: Path) -> None:
    """Positive control."""
    for folder in ("functions", "layers"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "Makefile").touch()
    (tmp_path / "layers" / "GNUmakefile").touch()
    assert list(beside(tmp_path)) == ["layers/GNUmakefile is not listed"]
