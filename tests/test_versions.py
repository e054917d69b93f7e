"""Test the order of versions, scheme by scheme."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comet_updates.errors import VersionSyntaxError
from comet_updates.versions import Scheme, precedence

NUMBERS = st.integers(0, 30)


def assert_ascending(scheme: Scheme, versions: list[str]) -> None:
    for lower, higher in itertools.pairwise(versions):
        assert precedence(scheme, lower) < precedence(scheme, higher), f"{lower} is not below {higher}"
        assert not precedence(scheme, higher) <= precedence(scheme, lower)


class TestSemVer:
    """Semantic Versioning 2.0.0.

    "Precedence MUST be calculated by separating the version into major, minor, patch and pre-release identifiers in
    that order (Build metadata does not figure into precedence)." (item 11)
    """

    def test_the_chain_of_the_specification(self) -> None:
        chain = "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0"
        assert_ascending(Scheme.SEMVER, chain.split())

    def test_numbers_are_compared_as_numbers(self) -> None:
        assert_ascending(Scheme.SEMVER, ["1.9.0", "1.10.0", "1.11.0", "2.0.0", "2.1.0", "2.1.1"])

    def test_build_metadata_does_not_count(self) -> None:
        one, other = (precedence(Scheme.SEMVER, version) for version in ("1.0.0+a", "1.0.0+b"))
        assert not one < other
        assert not other < one

    @pytest.mark.parametrize("version", ["1", "1.2", "1.2.3.4", "v1.2.3", "01.2.3", "1.2.3-", "1.2.3-01", "", "1.2.3 "])
    def test_what_is_none_is_refused_with_a_remedy(self, version: str) -> None:
        with pytest.raises(VersionSyntaxError, match=r"Write MAJOR\.MINOR\.PATCH"):
            precedence(Scheme.SEMVER, version)

    @given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), unique=True, min_size=2))
    def test_sorting_versions_sorts_their_numbers(self, numbers: list[tuple[int, int, int]]) -> None:
        texts = [".".join(map(str, version)) for version in numbers]
        ordered = sorted(texts, key=lambda text: precedence(Scheme.SEMVER, text))
        assert ordered == [".".join(map(str, version)) for version in sorted(numbers)]


class TestDotted:
    def test_any_length(self) -> None:
        assert_ascending(Scheme.DOTTED, ["0.9", "1.0", "1.9.0", "1.9.0.9", "1.10", "2", "20261120.2", "20261120.10"])

    def test_missing_numbers_are_zero(self) -> None:
        one, other = precedence(Scheme.DOTTED, "1.0"), precedence(Scheme.DOTTED, "1.0.0.0")
        assert one <= other <= one

    @pytest.mark.parametrize(
        "version", ["", "1.", ".1", "1..2", "1.2-rc1", "v1", "1.2 ", "\u0661.\u0662", "1_0", "9" * 20]
    )
    def test_what_is_none_is_refused_with_a_remedy(self, version: str) -> None:
        with pytest.raises(VersionSyntaxError, match="Write numbers with dots"):
            precedence(Scheme.DOTTED, version)

    @given(st.lists(st.lists(NUMBERS, min_size=1, max_size=6), min_size=2))
    def test_sorting_versions_sorts_their_numbers(self, numbers: list[list[int]]) -> None:
        def padded(version: list[int]) -> list[int]:
            return version + [0] * (6 - len(version))

        texts = [".".join(map(str, version)) for version in numbers]
        ordered = sorted(texts, key=lambda text: precedence(Scheme.DOTTED, text))
        assert [padded([*map(int, text.split("."))]) for text in ordered] == sorted(map(padded, numbers))


class TestPep440:
    def test_the_chain_of_the_specification(self) -> None:
        chain = "1.0.dev456 1.0a1 1.0a2.dev456 1.0a2 1.0b1.dev456 1.0b2 1.0rc1.dev456 1.0rc1 1.0 1.0.post456 1.1.dev1"
        assert_ascending(Scheme.PEP440, chain.split())

    def test_what_is_none_is_refused_with_a_remedy(self) -> None:
        with pytest.raises(VersionSyntaxError, match="Write a PEP 440 version"):
            precedence(Scheme.PEP440, "1.0-SUM-2170")


class TestBuild:
    def test_the_build_number_orders_and_the_version_is_only_shown(self) -> None:
        assert precedence(Scheme.BUILD, "9.0", "99") < precedence(Scheme.BUILD, "1.0 beta", "100")

    def test_a_release_without_one_is_refused_with_a_remedy(self) -> None:
        with pytest.raises(VersionSyntaxError, match="Add the field `build`"):
            precedence(Scheme.BUILD, "1.0")
