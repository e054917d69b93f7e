"""Test the changes that plant a leak: each is made, or fails if the code has no place for it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import pytest

from checks.privacy_proof.changes import (
    After,
    Before,
    Change,
    Docstring,
    Instead,
    NotApplicableError,
    OnError,
    Text,
    changed,
    replaced,
)

SOURCE = '''
def answer(number, text="ä→"):
    """Return two to `number`."""
    try:
        power = pow(2, number)
    except TypeError:
        return text
    if power > 100:
        return (
            "large"
        )
    return power
'''


def answer_with(*changes: Change) -> Callable[..., Any]:
    """Return the function in `SOURCE` with `changes` made."""
    (function,) = ast.parse(SOURCE).body
    assert isinstance(function, ast.FunctionDef)
    made: dict[str, Any] = {}
    exec(changed(SOURCE, function, changes), made)
    answer: Callable[..., Any] = made["answer"]
    return answer


@pytest.mark.parametrize(
    ("change", "answers"),
    [
        (Before("$1 = $1 + 1"), (16, "large", "ä→")),
        (Before("return $2"), ("ä→", "ä→", "ä→")),
        (Docstring("$1 = 3; $2 = 'x'"), (8, 8, 8)),
        (Before("no_such_name"), (8, "large", "ä→")),
        (After("result = [result, $1]"), ([8, 3], ["large", 9], ["ä→", "x"])),
        (OnError(0, "return type(error).__name__"), (8, "large", "TypeError")),
        (Instead("pow(2, number)", "pow(3, number)"), (27, "large", "ä→")),
        (Instead("power > 100", "False"), (8, 512, "ä→")),
        (Instead("power = pow(2, number)", "power = 7"), (7, 7, 7)),
    ],
    ids=repr,
)
def test_a_change_is_made_and_nothing_else(change: Change, answers: tuple[object, ...]) -> None:
    assert tuple(map(answer_with(), (3, 9, "x"))) == (8, "large", "ä→")
    assert tuple(map(answer_with(change), (3, 9, "x"))) == answers


def test_two_changes_are_made_together() -> None:
    assert answer_with(Before("$1 = 0"), After("result = -result"))(3) == -1


@pytest.mark.parametrize(
    "change",
    [Before("$3"), OnError(1, "raise"), Instead("power", "x"), Instead("absent", "x"), Text("power", "x")],
    ids=repr,
)
def test_a_change_without_its_one_place_is_an_error(change: Change) -> None:
    with pytest.raises(NotApplicableError):
        answer_with(change)


def test_a_text_is_replaced_only_if_it_is_there_once() -> None:
    assert replaced("a: 1\n", (Text("1", "2"),)) == "a: 2\n"
    for broken in (Text("x", "2"), Before("pass")):
        with pytest.raises(NotApplicableError):
            replaced("a: 1\n", (broken,))
