"""Version schemes: how a product's versions are parsed and ordered. Libraries do the work.

- `semver`: Semantic Versioning 2.0.0, which ignores build metadata in the order (python-semver).
- `dotted`: numbers with dots, such as 4.2.1.0. Missing parts count as zero (packaging's release segment).
- `pep440`: the versions of Python packages (packaging).
- `build`: the `build` number of the release decides the order, as in `dotted`. The version is only shown.
- `sparkle`: the `build` of the release, or its version without one, in the order of Sparkle's own comparator: 1.6.0a,
  3.7.0beta9, 3.7.0beta11, 3.7.0. No library has this order.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from enum import Enum
from functools import cmp_to_key
from itertools import groupby, takewhile, zip_longest
from typing import Any, Protocol

from packaging.version import InvalidVersion
from packaging.version import Version as Pep440
from semver import Version as SemVer

from comet_updates.errors import VersionSyntaxError

_DOTTED = re.compile(r"[0-9]{1,19}(?:\.[0-9]{1,19}){0,15}")

# Without the forms for which the comparator has no sensible order: two periods in a row, or a separator at the start.
_SPARKLE = re.compile(r"(?!.*\.\.)[0-9A-Za-z][ -~]{0,199}")
_LETTERS, _SEPARATOR, _NUMBER = _KINDS = ("letters", "separator", "number")  # the lowest first
_LONGEST = 2**63 - 1  # `longLongValue` stops there


class Scheme(Enum):
    """The version scheme of a product."""

    SEMVER = "semver"
    DOTTED = "dotted"
    PEP440 = "pep440"
    BUILD = "build"
    SPARKLE = "sparkle"

    @property
    def uses_build(self) -> bool:
        """Tell whether the `build` of a release decides the order. Then its version may have any form."""
        return self in (Scheme.BUILD, Scheme.SPARKLE)


class Precedence(Protocol):
    """A key that orders versions. Only keys of the same scheme can be compared."""

    def __lt__(self, other: Any, /) -> Any: ...  # noqa: ANN401, D105 (of the same scheme)
    def __le__(self, other: Any, /) -> Any: ...  # noqa: ANN401, D105


def precedence(scheme: Scheme, version: str, build: str | None = None) -> Precedence:
    """Return the key that orders `version` in `scheme`. With `Scheme.BUILD` and `Scheme.SPARKLE`, `build` decides.

    Raises:
        VersionSyntaxError: the version or the build number does not parse, or the build number is missing.
    """
    if scheme is Scheme.SEMVER:
        try:
            return SemVer.parse(version)
        except ValueError as error:
            raise VersionSyntaxError(
                version, scheme.value, "Write MAJOR.MINOR.PATCH, as in 4.2.1 or 5.0.0-beta.1"
            ) from error
    if scheme is Scheme.PEP440:
        try:
            return Pep440(version)
        except InvalidVersion as error:
            raise VersionSyntaxError(version, scheme.value, "Write a PEP 440 version, as in 4.2.1 or 5.0b1") from error
    if scheme is Scheme.SPARKLE:
        return _sparkle(build or version)
    number = build if scheme is Scheme.BUILD else version
    if number is None:
        raise VersionSyntaxError(
            version, scheme.value, "Add the field `build` with the number that orders this release"
        )
    if not _DOTTED.fullmatch(number):
        raise VersionSyntaxError(number, scheme.value, "Write numbers with dots, as in 4.2.1.0 or 20261120.2")
    return Pep440(number)


def is_version(scheme: Scheme, version: str) -> bool:
    """Return whether `scheme` has an order for `version`."""
    try:
        precedence(scheme, version, version)
    except VersionSyntaxError:
        return False
    return True


# ------------------------------------------------------------------ Sparkle's order

_Part = tuple[str, str]
"""The kind of a part of a version, and its text."""


def compare_for_sparkle(one: str, other: str) -> int:
    """Return a number below zero if `one` is lower than `other` for Sparkle, above zero if it is higher, or zero.

    It takes every text, and raises nothing. Source: sparkle-project/Sparkle at fa4eaa97,
    `Sparkle/SUStandardVersionComparator.m`. A version is cut at its first dash, and split into numbers, separators and
    letters. The numbers and periods at the beginning are padded with zeros. Then the parts are compared one by one.
    Letters are below the end of a version, the end is below a separator, and a separator is below a number. So 1.5b3 is
    below 1.5, and 1.5 is below 1.5 b3.
    """
    return _compare(_parts(one), _parts(other))


def _sparkle(version: str) -> Precedence:
    """Return the key for Sparkle's order.

    Raises:
        VersionSyntaxError: the version begins with neither a letter nor a digit, or has a character outside ASCII.
    """
    if not _SPARKLE.fullmatch(version):
        raise VersionSyntaxError(
            version, Scheme.SPARKLE.value, "Begin with a digit or a letter, as in 4.2.1 or 3.7.0beta11"
        )
    return cmp_to_key(_compare)(_parts(version))


def _compare(one: Sequence[_Part], other: Sequence[_Part]) -> int:
    parts, others = _balanced(one, other)
    for (kind, text), (other_kind, other_text) in zip(parts, others, strict=False):
        if kind != other_kind:
            return _KINDS.index(kind) - _KINDS.index(other_kind)
        if kind == _NUMBER and _number(text) != _number(other_text):
            return 1 if _number(text) > _number(other_text) else -1
        if kind == _LETTERS and text != other_text:
            return 1 if text > other_text else -1
    if len(parts) == len(others):
        return 0
    longer, sign = (parts, 1) if len(parts) > len(others) else (others, -1)
    return -sign if longer[min(len(parts), len(others))][0] == _LETTERS else sign


def _number(text: str) -> int:
    return min(int(text), _LONGEST)


def _kind(letter: str) -> str:
    if unicodedata.category(letter) == "Nd":
        return _NUMBER
    return _SEPARATOR if letter.isspace() or unicodedata.category(letter).startswith("P") else _LETTERS


def _parts(version: str) -> list[_Part]:
    """Return the parts of a version. Each separator is a part of its own."""
    cut = version[:1] + version[1:].partition("-")[0]
    grouped = ((kind, "".join(letters)) for kind, letters in groupby(cut, _kind))
    return [
        part
        for kind, text in grouped
        for part in ([(kind, one) for one in text] if kind == _SEPARATOR else [(kind, text)])
    ]


def _balanced(parts: Sequence[_Part], others: Sequence[_Part]) -> tuple[list[_Part], list[_Part]]:
    """Return both versions with as many leading numbers and dots: 1.1 becomes 1.1.0 beside 1.0.0."""
    heads = [list(takewhile(_is_number_or_dot, found)) for found in (parts, others)]
    padded: tuple[list[_Part], list[_Part]] = ([], [])
    for one, other in zip_longest(*heads):
        padded[0].append(one or _zero(other))
        padded[1].append(other or _zero(one))
    return [*padded[0], *parts[len(heads[0]) :]], [*padded[1], *others[len(heads[1]) :]]


def _is_number_or_dot(part: _Part) -> bool:
    return part[0] == _NUMBER or part[1] == "."


def _zero(part: _Part) -> _Part:
    return (_NUMBER, "0") if part[0] == _NUMBER else part
