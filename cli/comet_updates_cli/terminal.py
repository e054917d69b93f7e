"""All that the commands print. No other module prints.

Much of it is not ours: uploads, file names, other people's metadata, answers of services. Such text cannot control the
terminal, change the direction of a line, or add lines that look like ours.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unicodedata import category

import typer

from comet_updates.answer.errors import CometError
from comet_updates.errors import RefusedFilesError, RefusedUploadError

JOINERS = "\u200c\u200d"
"""Invisible characters that writing systems and emoji need. A terminal does not act on them."""


def say(*lines: object) -> None:
    """Print each of `lines` as one line."""
    for line in lines:
        _echo(_encodable(plain(str(line)), sys.stdout))


def warn(*lines: object) -> None:
    """Print each of `lines` as one line to standard error."""
    for line in lines:
        typer.echo(_encodable(plain(str(line)), sys.stderr), err=True)


def say_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of cells, each column as wide as its widest cell."""
    shown = [[plain(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in shown) for column in range(len(shown[0]))]
    for row in shown:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def can_ask() -> bool:
    """Return whether somebody can answer a question: the command reads from a terminal and writes to one."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str) -> str:
    """Print a question to standard error, and return the line that the person types, without spaces around it."""
    answer: str = typer.prompt(plain(question), default="", show_default=False, err=True)
    return answer.strip()


def say_json(document: object, indent: int | None = None) -> None:
    """Print a JSON document in ASCII, which escapes all that a terminal acts on."""
    _echo(json.dumps(document, indent=indent, ensure_ascii=True))


def say_request(request: bytes) -> None:
    """Print the bytes of a request of ours as they are."""
    _echo(request, nl=False)


def clear() -> None:
    """Clear the terminal, if there is one."""
    if sys.stdout.isatty():
        _echo("\x1b[2J\x1b[H", nl=False)


def leave(code: int) -> None:
    """End the command with an exit code that is not 0.

    Raises:
        typer.Exit: for typer, which ends the process.
    """
    if code:
        raise typer.Exit(code)


@contextmanager
def refusals() -> Iterator[None]:
    """Print our errors, each problem of a refused upload in a line, and exit with code 1."""
    try:
        yield
    except RefusedUploadError as error:
        warn(*(f"comet-updates: {error.key}: {problem}" for problem in error.problems))
        raise typer.Exit(1) from error
    except RefusedFilesError as error:
        warn(*(f"comet-updates: {problem}" for problem in error.problems))
        raise typer.Exit(1) from error
    except CometError as error:
        warn(f"comet-updates: {error}")
        raise typer.Exit(1) from error


def _echo(text: str | bytes, *, nl: bool = True) -> None:
    try:
        typer.echo(text, nl=nl)
    except BrokenPipeError:  # the reader has ended, as `head` does: click ends quietly
        raise
    except OSError as error:
        warn(f"comet-updates: standard output: cannot be written: {error.strerror}. Free some space, then try again.")
        raise typer.Exit(1) from error


def plain(text: str) -> str:
    """Return `text` as one line, with escapes for the characters that a terminal acts on or hides.

    Spaces of all kinds stay. So do `JOINERS`.
    """
    return "".join(letter if _is_harmless(letter) else _escaped(letter) for letter in text.replace("\t", "    "))


def _is_harmless(letter: str) -> bool:
    return letter.isprintable() or letter in JOINERS or category(letter) == "Zs"


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape", "surrogatepass").decode()


def _encodable(text: str, stream: object) -> str:
    """Return `text` with escapes for the characters that the stream's encoding does not have."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
