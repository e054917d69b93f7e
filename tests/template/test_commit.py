"""Test that `make build` passes on the commit, which the privacy page shows, and only if it is the deployed source."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from comet_updates.pages import site
from testkit.project import ROOT

SAM = '#!/bin/sh\nprintf %s "$COMET_COMMIT" > commit\n'
"""A stand-in for SAM, which writes what it gets."""
MADE = {"GIT_AUTHOR_DATE": "2026-11-20T12:00:00Z", "GIT_COMMITTER_DATE": "2026-11-20T12:00:00Z"}
WHO = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with what tools/build.sh needs, in a Git repository with one commit."""
    for name in ("functions/code.py", "layers/Makefile", "template.yaml", ".venv-sam/bin/sam"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(SAM)
    (tmp_path / ".venv-sam/bin/sam").chmod(0o755)
    (tmp_path / ".venv-sam/bin/python").symlink_to(sys.executable)
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "build.sh", tmp_path / "tools")
    (tmp_path / "tools" / "find_python.py").write_text("print('/usr/bin')\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "functions", "layers", "template.yaml")
    git(tmp_path, *WHO, "commit", "-q", "-m", "Begin")
    return tmp_path


def git(folder: Path, *command: str) -> str:
    run = subprocess.run(
        ["git", *command], cwd=folder, env=os.environ | MADE, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def commit_of_build(project: Path) -> str:
    subprocess.run([project / "tools" / "build.sh", project / "build"], capture_output=True, check=True)
    return (project / "commit").read_text()


def test_build_of_a_commit_knows_the_commit_and_its_day(project: Path) -> None:
    (project / "samconfig.toml").touch()  # a file that is not deployed
    assert commit_of_build(project) == f"{git(project, 'rev-parse', 'HEAD')} 2026-11-20"


@pytest.mark.parametrize(
    "change",
    [
        lambda project: (project / "functions" / "code.py").write_text("leak()"),
        lambda project: (project / "functions" / "added.py").touch(),
        lambda project: (project / "template.yaml").unlink(),
        lambda project: shutil.rmtree(project / ".git"),
    ],
    ids=["changed", "added", "deleted", "no repository"],
)
def test_build_of_anything_else_knows_no_commit(project: Path, change: Callable[[Path], object]) -> None:
    change(project)
    assert commit_of_build(project) == ""


@pytest.mark.parametrize("commit", [f"{'a' * 40} 2026-11-20", ""], ids=["known", "unknown"])
def test_package_of_publishing_has_the_commit(tmp_path: Path, commit: str) -> None:
    """Run the line of functions/Makefile that writes the file. The tests of the build run all of it."""
    text = (ROOT / "functions" / "Makefile").read_text().replace("\\\n", "")
    (line,) = [line for line in text.splitlines() if "built.json" in line]
    folder = tmp_path / "comet_updates" / "pages"
    folder.mkdir(parents=True)
    script = line.strip().removeprefix("@").replace("$$", "$").replace("$@", "build-PublishFunction")
    environment = os.environ | {"ARTIFACTS_DIR": str(tmp_path), "COMET_COMMIT": commit}
    subprocess.run(["sh", "-euc", script], env=environment, check=True)
    known = site.commit(folder / site.BUILT.name)
    assert (f"{known.id} {known.date}" if known else "") == commit
