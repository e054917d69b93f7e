"""Test the search for leaks: a check catches each harmful mutant.

Harmless ones pass, and the project stays unchanged.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from checks.privacy_proof import mutants, run_mutants
from checks.privacy_proof.changes import Before, Instead
from checks.privacy_proof.mutants import BrokenMutantError, Mutant
from checks.privacy_proof.run_mutants import Run, Worker
from comet_updates.promises import PROMISES, TEMPLATE, Check
from testkit.project import ROOT

HARMLESS = Mutant("does nothing more", "P10", mutants.PUBLIC_KEY, (Before("pass"),))
STALE = Mutant("is not there any more", "P10", mutants.PUBLIC_KEY, (Instead("no_such_name", "x"),))


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


def test_a_leak_that_cannot_be_built_in_is_an_error() -> None:
    with pytest.raises(BrokenMutantError, match="0 times"):
        list(run_mutants.hunt(ROOT, [STALE], workers=1))


def test_leak_that_stops_the_checks_is_not_counted_as_caught(tmp_path: Path) -> None:
    with Worker() as worker, pytest.raises(BrokenMutantError):
        worker.run(tmp_path, [TEMPLATE])


def test_a_check_is_found_among_the_outcomes_with_all_its_cases() -> None:
    outcomes = {TEMPLATE.test: "passed", f"{TEMPLATE.test}[a]": "failed", f"{TEMPLATE.test}_more": "passed"}
    assert Run(outcomes, []).of(TEMPLATE) == ["passed", "failed"]
