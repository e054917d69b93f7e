"""Find our functions, classes and modules by name, count their lines of code, and change their text.

A name is dotted, such as `comet_updates.answer.handler.build.handle`: a module, then names inside it, at any depth.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FOLDERS = ("functions", "cli", "client")
"""The folders of our packages, from the root of the project. A folder may be missing."""

Named = ast.Module | ast.ClassDef | ast.FunctionDef
_NO_CODE = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    *(tokenize.ENCODING, tokenize.ENDMARKER),
}


class UnknownNameError(Exception):
    """No module, class or function of ours has this name."""


class Found(NamedTuple):
    """A part of a file.

    Attributes:
        file: the file.
        text: its whole text.
        node: the part, in the syntax tree of `text`.
    """

    file: Path
    text: str
    node: Named


def find(name: str, root: Path = ROOT) -> Found:
    """Return the module, class or function of the project at `root` that has a dotted `name`.

    Raises:
        UnknownNameError: there is none.
    """
    parts = name.replace(".<locals>", "").split(".")
    for length in range(len(parts), 0, -1):
        for folder in FOLDERS:
            path = root.joinpath(folder, *parts[:length])
            for file in (path.with_suffix(".py"), path / "__init__.py"):
                if file.is_file():
                    text = file.read_text(encoding="utf-8")
                    return Found(file, text, _within(ast.parse(text), name, parts[length:]))
    raise UnknownNameError(name)


def _within(node: Named, name: str, parts: list[str]) -> Named:
    for part in parts:
        inner = (child for child in own(node) if isinstance(child, (ast.ClassDef, ast.FunctionDef)))
        node_or_none = next((child for child in inner if child.name == part), None)
        if node_or_none is None:
            raise UnknownNameError(name)
        node = node_or_none
    return node


def own(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes inside `node` in the order of the text, except those inside its functions and classes."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.Lambda)):
            yield from own(child)


def bound(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the name that each of `nodes` binds: an assignment, function, class or import, but not a parameter."""
    nodes = list(nodes)
    added = {id(node.target) for node in nodes if isinstance(node, ast.AugAssign)}
    for node in nodes:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            yield node.name
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in added:
            yield node.id


def symbols_of(nodes: Iterable[ast.AST]) -> dict[int, str]:
    """Return what is used of each name, such as `os.environ`, by the `id` of the name's node."""
    return {
        id(node.value): f"{node.value.id}.{node.attr}"
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }


def at(node: ast.AST, problem: str) -> str:
    """Return a problem with `node`, and its place."""
    return f"line {getattr(node, 'lineno', 1)}: `{ast.unparse(node).partition(chr(10))[0]}` {problem}"


# ------------------------------------------------------------------ lines of code


def functions(module: str) -> set[str]:
    """Return the dotted names of the functions of `module`, methods included, but not those inside of functions."""

    def inside(node: Named, name: str) -> Iterator[str]:
        for child in own(node):
            if isinstance(child, ast.FunctionDef):
                yield f"{name}.{child.name}"
            elif isinstance(child, ast.ClassDef):
                yield from inside(child, f"{name}.{child.name}")

    return set(inside(find(module).node, module))


def code_lines(name: str) -> int:
    """Return how many lines of code a module, class or function has. Blank lines, comments and docstrings are not code.

    A line counts once, however many statements it holds.
    """
    found = find(name)
    docstrings = {line for node in ast.walk(found.node) for line in _docstring(node)}
    first, last = getattr(found.node, "lineno", 1), getattr(found.node, "end_lineno", len(found.text))
    lines = {
        line
        for token in tokenize.generate_tokens(io.StringIO(found.text).readline)
        if token.type not in _NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    return sum(first <= line <= last for line in lines - docstrings)


def _docstring(node: ast.AST) -> range:
    """Return the lines of the docstring of `node`: a string that is its first statement."""
    match getattr(node, "body", None):
        case [ast.Expr(value=ast.Constant(value=str())) as first, *_]:
            return range(first.lineno, (first.end_lineno or first.lineno) + 1)
    return range(0)
