"""The ways to change a function, class or module for a mutant. None depends on how its lines are written.

Code of a mutant can use `$1`, `$2`, ...: the parameters of the function, in their order (`$1` of a method is `self`).
An import in it makes the name local to the whole function: do not import a name that the function has from its module.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from checks.privacy_proof.source import Named, own

GUARD = "try:\n    {}\nexcept Exception:\n    pass"
"""Code of a mutant that fails has no effect: a check must notice the leak, not the failure."""


class NotApplicableError(Exception):
    """A change has no place in the text, or more than one."""


class Edit(NamedTuple):
    """A piece of a text that is replaced: from one offset to another, in bytes."""

    start: int
    end: int
    new: str


class Shown(NamedTuple):
    """A change as the evidence report shows it.

    Attributes:
        where: the part of the place.
        old: the code without the leak; empty if nothing is removed.
        new: the code with the leak.
    """

    where: str
    old: str
    new: str


class Before(NamedTuple):
    """Run `code` at the beginning of a function; add `code` at the beginning of a class or module."""

    code: str

    @property
    def shown(self) -> Shown:
        """The change, for the report."""
        return Shown("at the beginning", "", self.code)


class After(NamedTuple):
    """Run `code` before each `return` of a function. There, `result` is what the function is about to return."""

    code: str

    @property
    def shown(self) -> Shown:
        """The change, for the report."""
        return Shown("before it returns `result`", "", self.code)


class OnError(NamedTuple):
    """Run `code` at the beginning of an `except` block of a function. There, `error` is what was caught.

    Attributes:
        number: which of the blocks of the function: 0 for the first, -1 for the last.
        code: what to run.
    """

    number: int
    code: str

    @property
    def shown(self) -> Shown:
        """The change, for the report."""
        return Shown(f"in the except block with index {self.number}", "", self.code)


class Instead(NamedTuple):
    """Put `new` in the place of an expression, keyword argument or statement.

    Attributes:
        old: the code to replace, which occurs exactly once, as `ast.unparse` writes it (with single quotes).
        new: the code in its place.
    """

    old: str
    new: str

    @property
    def shown(self) -> Shown:
        """The change, for the report."""
        return Shown("in one place", self.old, self.new)


class Docstring(NamedTuple):
    """Put one line of `code` in the place of the docstring of a function. It runs first."""

    code: str

    @property
    def shown(self) -> Shown:
        """The change, for the report."""
        return Shown("in the place of the docstring", "", self.code)


class Text(NamedTuple):
    """Put `new` in the place of `old`, a text that occurs exactly once in a file which is not Python."""

    old: str
    new: str

    @property
    def shown(self) -> Shown:
        """The change, for the report."""
        return Shown("in one place", self.old, self.new)


Change = Before | After | OnError | Instead | Docstring | Text


def changed(text: str, node: Named, changes: tuple[Change, ...]) -> str:
    """Return `text` with `changes` made to `node`, a part of it.

    Raises:
        NotApplicableError: a change has no place there, or more than one.
    """
    data = text.encode()
    for edit in sorted((edit for change in changes for edit in _edits(change, node, text)), reverse=True):
        data = data[: edit.start] + edit.new.encode() + data[edit.end :]
    return data.decode()


def replaced(text: str, changes: tuple[Change, ...]) -> str:
    """Return `text`, which is not Python, with `changes` made.

    Raises:
        NotApplicableError: a change is only for Python, or the text that it replaces is not there exactly once.
    """
    for change in changes:
        if not isinstance(change, Text):
            raise NotApplicableError("only a Text can change a file that is not Python")
        if (count := text.count(change.old)) != 1:
            raise NotApplicableError(f"{change.old!r} is there {count} times")
        text = text.replace(change.old, change.new)
    return text


def _edits(change: Change, node: Named, text: str) -> Iterator[Edit]:
    match change:
        case Before(code):
            is_function = isinstance(node, ast.FunctionDef)
            yield _inserted(_guarded(code, node) if is_function else code, _first(node), text)
        case After(code):
            yield from _after(code, node, text)
        case OnError(number, code):
            yield from _on_error(number, code, node, text)
        case Instead(old, new):
            same = (at for at in own(node) if isinstance(at, _Placed) and ast.unparse(at) == old)
            places = {_span(at, text) for at in same}  # a call that is a statement is twice in the tree, in one place
            if len(places) != 1:
                raise NotApplicableError(f"{old!r} is there {len(places)} times")
            yield Edit(*places.pop(), new)
        case Docstring(code):
            if ast.get_docstring(node) is None:
                raise NotApplicableError("there is no docstring")
            yield Edit(*_span(node.body[0], text), _own_names(code, node))
        case Text():
            raise NotApplicableError("a Text cannot change a file that is Python")


def _after(code: str, node: Named, text: str) -> Iterator[Edit]:
    returns = [at for at in own(node) if isinstance(at, ast.Return)]
    if not returns:
        raise NotApplicableError("nothing is returned there")
    for at in returns:
        value = (ast.get_source_segment(text, at.value) if at.value else None) or "None"
        new = f"result = {value}\n{_guarded(code, node)}\nreturn result"
        yield Edit(*_span(at, text), _indented(new, at.col_offset))


def _on_error(number: int, code: str, node: Named, text: str) -> Iterator[Edit]:
    blocks = [at for at in own(node) if isinstance(at, ast.ExceptHandler)]
    if not -len(blocks) <= number < len(blocks):
        raise NotApplicableError(f"{len(blocks)} errors are caught there")
    block = blocks[number]
    if re.search(r"\berror\b", code) and block.name != "error":
        if block.type is None or block.name:
            raise NotApplicableError("the error has another name there, or none")
        end = _span(block.type, text)[1]
        yield Edit(end, end, " as error")
    yield _inserted(_own_names(code, node), block.body[0], text)


def _inserted(code: str, before: ast.stmt, text: str) -> Edit:
    start, _ = _span(before, text)
    return Edit(start, start, _indented(f"{code}\n", before.col_offset))


_Placed = ast.stmt | ast.expr | ast.keyword


def _span(at: _Placed, text: str) -> tuple[int, int]:
    """Return the offsets in bytes at which a part of the syntax tree of `text` begins and ends."""
    lines = text.encode().splitlines(keepends=True)
    last, column = at.end_lineno or at.lineno, at.end_col_offset or at.col_offset
    return sum(map(len, lines[: at.lineno - 1])) + at.col_offset, sum(map(len, lines[: last - 1])) + column


def _first(node: Named) -> ast.stmt:
    """Return the first statement after the docstring and after imports from `__future__`."""
    for statement in node.body:
        is_docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        is_future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if not is_docstring and not is_future:
            return statement
    raise NotApplicableError("there is no statement")


def _guarded(code: str, node: Named) -> str:
    return GUARD.format(_indented(_own_names(code, node), 4))


def _own_names(code: str, node: Named) -> str:
    """Return `code` with the names of the parameters of `node` in the places of `$1`, `$2`, ..."""
    given = node.args if isinstance(node, ast.FunctionDef) else None
    names = [parameter.arg for parameter in (*given.posonlyargs, *given.args, *given.kwonlyargs)] if given else []
    try:
        return re.sub(r"\$([1-9])", lambda found: names[int(found[1]) - 1], code)
    except IndexError:
        raise NotApplicableError(f"there are only {len(names)} parameters") from None


def _indented(code: str, columns: int) -> str:
    """Return `code` for a place that is `columns` to the right: all its lines but the first are moved."""
    return code.replace("\n", "\n" + " " * columns)
