"""Test the table of promises: it is complete, and every check in it is a test that exists."""

from __future__ import annotations

import ast
import re

import pytest

from checks.privacy_proof import mutants
from checks.privacy_proof.report import QUOTES
from comet_updates.model.publisher import PROMISE_ID
from comet_updates.promises import NOT_PROVABLE, PROMISES, SUMMARY, Check, checks
from testkit.project import ROOT

POLICY = ROOT.parent / "shared" / "promises.md"
FORBIDDEN = ("we collect nothing", "anonymous", "cannot be tracked")


def names_of_tests_in(file: str) -> set[str]:
    """Return the tests of a file, without those in classes."""
    tree = ast.parse((ROOT / "tests" / f"{file}.py").read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("check", checks(), ids=lambda check: check.sentence)
def test_every_check_is_a_test_that_exists(check: Check) -> None:
    assert check.test.partition("::")[2] in names_of_tests_in(check.file)


def test_there_are_eleven_promises_in_their_order() -> None:
    assert [promise.id for promise in PROMISES] == [f"P{number}" for number in range(1, 12)]


def test_the_quotes_are_those_of_the_policy() -> None:
    if not POLICY.exists():
        pytest.skip("the policy itself is not part of this project")
    rows = re.findall(r'^\| (P\d+) \| "(.*?)" \|', POLICY.read_text(), re.MULTILINE)
    assert rows == list(QUOTES.items())


def test_the_samples_quote_the_policy_for_every_promise() -> None:
    assert list(QUOTES) == [promise.id for promise in PROMISES]
    assert all(re.fullmatch(PROMISE_ID, promise.id) for promise in PROMISES)


def test_nothing_is_said_that_may_not_be_said() -> None:
    for text in (*SUMMARY, *NOT_PROVABLE, *(word for promise in PROMISES for word in promise[1:4])):
        assert not [phrase for phrase in FORBIDDEN if phrase in str(text).lower()]


def test_every_promise_has_checks_and_leaks_that_break_it() -> None:
    broken = {promise for mutant in mutants.ALL for promise in mutant.breaks.split()}
    assert {promise.id for promise in PROMISES if promise.checks} == broken


def test_there_are_enough_leaks_and_each_has_a_name_of_its_own() -> None:
    assert len({mutant.name for mutant in mutants.ALL}) == len(mutants.ALL) >= 200


@pytest.mark.parametrize("mutant", mutants.ALL, ids=lambda mutant: mutant.name)
def test_every_leak_can_be_built_in_and_is_still_python(mutant: mutants.Mutant) -> None:
    built = mutants.build(mutant, ROOT)
    assert built.after != built.before
    if built.file.suffix == ".py":
        ast.parse(built.after)
