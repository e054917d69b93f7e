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
from enum import Enum
from typing import Any, NamedTuple, Protocol

from packaging.version import InvalidVersion
from packaging.version import Version as Pep440
from semver import Version as SemVer

from comet_updates.errors import VersionSyntaxError

_DOTTED = re.compile(r"[0-9]{1,19}(?:\.[0-9]{1,19}){0,15}")

# Without the forms for which the comparator has no sensible order: two periods in a row, or a separator at the start.
_SPARKLE = re.compile(r"(?!.*\.\.)[0-9A-Za-z][ -~]{0,199}")
_SPARKLE_PARTS = re.compile(r"(?P<number>[0-9]+)|(?P<separator>[.\s!\"#%&'()*,/:;?@\[\\\]_{}])|(?P<letters>[^-])")
_STRING, _END, _SEPARATOR, _NUMBER = range(4)
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
        """Whether the `build` of a release decides the order, so that its version may have any form."""
        return self in (Scheme.BUILD, Scheme.SPARKLE)


class Precedence(Protocol):
    """A key that orders versions. Only keys of the same scheme can be compared."""

    def __lt__(self, other: Any, /) -> bool: ...  # noqa: ANN401, D105 (of the same scheme)
    def __le__(self, other: Any, /) -> bool: ...  # noqa: ANN401, D105


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


class _Sparkle(NamedTuple):
    """The key of a version in Sparkle's order: the numbers at its beginning without zeros at the end, and the rest."""

    numbers: tuple[int, ...]
    rest: tuple[tuple[int, int, str], ...]


def _sparkle(version: str) -> _Sparkle:
    """Return the key for Sparkle's order.

    Source: sparkle-project/Sparkle at fa4eaa97, `Sparkle/SUStandardVersionComparator.m`. A version is split into
    numbers, letters and separators. Everything from the first dash on is ignored. The numbers and periods at the
    beginning are padded with zeros. Then the parts are compared one by one: letters are below the end of a version,
    the end is below a separator, and a separator is below a number. So 1.5b3 is below 1.5, and 1.5 is below 1.5 b3.

    Raises:
        VersionSyntaxError: the version begins with neither a letter nor a digit, or has a character outside ASCII.
    """
    if not _SPARKLE.fullmatch(version):
        raise VersionSyntaxError(
            version, Scheme.SPARKLE.value, "Begin with a digit or a letter, as in 4.2.1 or 3.7.0beta11"
        )
    beginning = re.match(r"(?:[0-9]+\.?)*", version)
    start = beginning.group() if beginning else ""
    numbers = [min(int(number), _LONGEST) for number in start.split(".") if number]
    while numbers and not numbers[-1]:
        numbers.pop()
    rest: list[tuple[int, int, str]] = []
    for part in _SPARKLE_PARTS.finditer(version[len(start) :].partition("-")[0]):
        if part["number"]:
            rest.append((_NUMBER, min(int(part["number"]), _LONGEST), ""))
        elif part["separator"]:
            rest.append((_SEPARATOR, 0, ""))
        elif rest and rest[-1][0] == _STRING:
            rest[-1] = (_STRING, 0, rest[-1][2] + part["letters"])
        else:
            rest.append((_STRING, 0, part["letters"]))
    return _Sparkle(tuple(numbers), (*rest, (_END, 0, "")))
