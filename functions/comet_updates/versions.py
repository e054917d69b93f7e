"""Version schemes: how a product's versions are parsed and ordered. Libraries do the work.

- `semver`: Semantic Versioning 2.0.0, which ignores build metadata in the order (python-semver).
- `dotted`: numbers with dots, such as 4.2.1.0. Missing parts count as zero (packaging's release segment).
- `pep440`: the versions of Python packages (packaging).
- `build`: the `build` number of the release decides the order, as in `dotted`. The version is only shown.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Any, Protocol

from packaging.version import InvalidVersion
from packaging.version import Version as Pep440
from semver import Version as SemVer

from comet_updates.errors import VersionSyntaxError

_DOTTED = re.compile(r"[0-9]{1,19}(?:\.[0-9]{1,19}){0,15}")


class Scheme(Enum):
    """The version scheme of a product."""

    SEMVER = "semver"
    DOTTED = "dotted"
    PEP440 = "pep440"
    BUILD = "build"


class Precedence(Protocol):
    """A key that orders versions. Only keys of the same scheme can be compared."""

    def __lt__(self, other: Any, /) -> bool: ...  # noqa: ANN401, D105 (of the same scheme)
    def __le__(self, other: Any, /) -> bool: ...  # noqa: ANN401, D105


def precedence(scheme: Scheme, version: str, build: str | None = None) -> Precedence:
    """Return the key that orders `version` in `scheme`. With `Scheme.BUILD`, the `build` number decides.

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
    number = build if scheme is Scheme.BUILD else version
    if number is None:
        raise VersionSyntaxError(
            version, scheme.value, "Add the field `build` with the number that orders this release"
        )
    if not _DOTTED.fullmatch(number):
        raise VersionSyntaxError(number, scheme.value, "Write numbers with dots, as in 4.2.1.0 or 20261120.2")
    return Pep440(number)
