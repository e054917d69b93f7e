"""Test that each leak can have an effect. `GUARD` in changes.py hides errors, such as a name that does not exist."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from checks.privacy_proof import mutants
from checks.privacy_proof.changes import Before
from checks.privacy_proof.mutant import CLIENT_SKIP, Mutant, build
from testkit.project import ROOT

UNDEFINED, BEFORE_ASSIGNMENT = "F821", "F823"


def without_effect(leaks: Iterable[Mutant], folder: Path) -> list[str]:
    """Return the leaks whose code uses a name that is not defined there."""
    for number, leak in enumerate(leaks):
        if (built := build(leak, ROOT)).file.suffix == ".py":
            (folder / f"{number}.py").write_text(f"# {leak.name}\n{built.after}")
    command: list[str | Path] = [Path(sys.executable).with_name("ruff"), "check", "--isolated", "--no-cache", folder]
    command += ["--output-format", "json", "--select", f"{UNDEFINED},{BEFORE_ASSIGNMENT}"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    lines = {Path(each["filename"]).read_text().partition("\n")[0] for each in found}
    return sorted(line.removeprefix("# ") for line in lines)


def test_every_leak_uses_only_names_that_exist(tmp_path: Path) -> None:
    assert without_effect(mutants.ALL, tmp_path) == []


def test_leak_with_an_unknown_name_is_found(tmp_path: Path) -> None:
    """Positive control."""
    stale = Mutant("calls what was renamed", "P9", CLIENT_SKIP, (Before("wire.document()"),))
    harmless = Mutant("does nothing more", "P9", CLIENT_SKIP, (Before("pass"),))
    assert without_effect([stale, harmless], tmp_path) == ["calls what was renamed"]


def test_each_class_has_at_least_nine_leaks_of_its_own_name() -> None:
    names = [leak.name for leak in mutants.ALL]
    assert len(names) == len(set(names)) >= 300
    sizes = {family: sum(leak.family == family for leak in mutants.ALL) for family in mutants.FAMILIES}
    assert min(sizes.values()) >= 9, sizes
