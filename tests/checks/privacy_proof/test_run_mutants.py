"""Test the search for leaks: a check catches each harmful mutant.

Harmless ones pass, and the project stays unchanged.
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from checks.privacy_proof import mutants, run_mutants
from checks.privacy_proof.changes import Before, Instead, Text
from checks.privacy_proof.mutant import PUBLIC_KEY, BrokenMutantError, Mutant
from checks.privacy_proof.run_mutants import Run, Worker
from comet_updates.promises import BUILD_STEPS, GATE, PROMISES, TEMPLATE, Check
from testkit.project import ROOT

HARMLESS = Mutant("does nothing more", "P10", PUBLIC_KEY, (Before("pass"),))
STALE = Mutant("is not there any more", "P10", PUBLIC_KEY, (Instead("no_such_name", "x"),))


@pytest.fixture(autouse=True)
def quick_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the table of promises by one promise with one fast check."""
    promise = PROMISES[9]._replace(checks=(Check("answer/test_urls", "the number of a legacy copy is dropped"),))
    monkeypatch.setattr(run_mutants, "PROMISES", (promise,))


def fingerprint() -> str:
    files = sorted((ROOT / "functions").rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def test_a_leak_is_caught_and_a_harmless_change_is_not() -> None:
    leak = next(m for m in mutants.ALL if m.name == "refuses legacy copies")._replace(breaks="P10")
    before = fingerprint()
    results = run_mutants.hunt(ROOT, [leak, HARMLESS], workers=1)
    caught = {found.mutant.name: found.by for found in results if isinstance(found, run_mutants.MutantResult)}
    by = caught["refuses legacy copies"]
    assert by is not None
    assert by.startswith("tests/answer/test_urls.py::test_the_number_of_a_legacy_copy_is_dropped")
    assert caught["does nothing more"] is None
    assert fingerprint() == before


def test_session_finds_each_leak_and_no_harmless_change(tmp_path: Path) -> None:
    leak = next(mutant for mutant in mutants.ALL if mutant.name == "prints the address")
    wrapped = next(mutant for mutant in mutants.ALL if mutant.more)
    copy = run_mutants.copy_of(ROOT, tmp_path)
    with Worker() as worker:
        tried = [mutants.build(mutant, ROOT) for mutant in (HARMLESS, leak, HARMLESS, wrapped)]
        assert worker.session(copy, GATE, tried) == [False, True, False, True]
        before = mutants.build(leak, ROOT)
        (copy / before.file).write_text(before.after)
        assert worker.session(copy, GATE, tried) == [], "a check that fails without a leak says nothing"


def test_check_of_the_source_is_named_if_a_promise_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    leak = next(mutant for mutant in mutants.ALL if mutant.name == "prints the address")
    built = mutants.build(leak, ROOT)
    assert run_mutants.by_source(leak, built) is None, "here, no promise has such a check"
    monkeypatch.setattr(run_mutants, "PROMISES", PROMISES)
    assert run_mutants.by_source(leak, built) == GATE
    assert run_mutants.by_source(HARMLESS, mutants.build(HARMLESS, ROOT)) is None


def test_check_of_the_build_is_named_for_a_step_that_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    leak = next(mutant for mutant in mutants.ALL if mutant.place == "functions/Makefile")
    harmless = leak._replace(changes=(Text("\t@chmod", "# a comment\n\n\t@chmod"),))
    monkeypatch.setattr(run_mutants, "PROMISES", PROMISES)
    assert run_mutants.by_source(leak, mutants.build(leak, ROOT)) == BUILD_STEPS
    assert run_mutants.by_source(harmless, mutants.build(harmless, ROOT)) is None


def test_copy_leaves_links_to_folders_out(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    subprocess.run(["git", "init", "-q", project], check=True)
    (project / "file").touch()
    (project / "link").symlink_to(tmp_path)
    copy = run_mutants.copy_of(project, tmp_path / "copy")
    assert [path.name for path in copy.iterdir()] == ["file"]


def test_a_leak_that_cannot_be_built_in_is_an_error() -> None:
    with pytest.raises(BrokenMutantError, match="0 times"):
        list(run_mutants.hunt(ROOT, [STALE], workers=1))


def test_leak_that_stops_the_checks_is_not_counted_as_caught(tmp_path: Path) -> None:
    with Worker() as worker, pytest.raises(BrokenMutantError):
        worker.run(tmp_path, [TEMPLATE])


def test_a_check_is_found_among_the_outcomes_with_all_its_cases() -> None:
    outcomes = {TEMPLATE.test: "passed", f"{TEMPLATE.test}[a]": "failed", f"{TEMPLATE.test}_more": "passed"}
    assert Run(outcomes, []).of(TEMPLATE) == ["passed", "failed"]
