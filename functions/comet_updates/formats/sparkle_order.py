"""The order in which Sparkle puts versions. It decides which item of an appcast a copy is offered.

Source: Sparkle 2, `Sparkle/SUStandardVersionComparator.m` at fa4eaa97: a version is cut at its first `-`. It is split
into numbers, separators and letters. A number is higher than letters, and missing numbers are zero.
"""

from __future__ import annotations

import unicodedata
from itertools import groupby, takewhile, zip_longest

_NUMBER, _LETTERS, _SEPARATOR = "number", "letters", "separator"


def compare(one: str, other: str) -> int:
    """Return a number below zero if `one` is lower than `other` for Sparkle, above zero if it is higher, or zero."""
    parts, others = _balanced(_parts(one), _parts(other))
    for (kind, text), (other_kind, other_text) in zip(parts, others, strict=False):
        if kind != other_kind:
            return _rank(kind) - _rank(other_kind)
        if kind == _NUMBER and int(text) != int(other_text):
            return 1 if int(text) > int(other_text) else -1
        if kind == _LETTERS and text != other_text:
            return 1 if text > other_text else -1
    if len(parts) == len(others):
        return 0
    longer, sign = (parts, 1) if len(parts) > len(others) else (others, -1)
    # 1.5 is higher than 1.5b3, and lower than 1.5.1.
    return -sign if longer[min(len(parts), len(others))][0] == _LETTERS else sign


def _rank(kind: str) -> int:
    return (_LETTERS, _SEPARATOR, _NUMBER).index(kind)


def _kind(letter: str) -> str:
    if unicodedata.category(letter) == "Nd":
        return _NUMBER
    return _SEPARATOR if letter.isspace() or unicodedata.category(letter).startswith("P") else _LETTERS


def _parts(version: str) -> list[tuple[str, str]]:
    """Return the parts of a version with their kinds. Each separator is a part of its own."""
    cut = version[:1] + version[1:].partition("-")[0]
    grouped = ((kind, "".join(letters)) for kind, letters in groupby(cut, _kind))
    return [
        part
        for kind, text in grouped
        for part in ([(kind, one) for one in text] if kind == _SEPARATOR else [(kind, text)])
    ]


def _balanced(
    parts: list[tuple[str, str]], others: list[tuple[str, str]]
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return both versions with as many leading numbers and dots: 1.1 becomes 1.1.0 beside 1.0.0."""
    heads = [list(takewhile(_is_number_or_dot, found)) for found in (parts, others)]
    padded: tuple[list[tuple[str, str]], list[tuple[str, str]]] = ([], [])
    for one, other in zip_longest(*heads):
        padded[0].append(one or _zero(other))
        padded[1].append(other or _zero(one))
    return padded[0] + parts[len(heads[0]) :], padded[1] + others[len(heads[1]) :]


def _is_number_or_dot(part: tuple[str, str]) -> bool:
    return part[0] == _NUMBER or part[1] == "."


def _zero(part: tuple[str, str]) -> tuple[str, str]:
    return (_NUMBER, "0") if part[0] == _NUMBER else part
