"""Test the order of versions, scheme by scheme."""

from __future__ import annotations

import itertools
import re

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


SPARKLE_VERSIONS = st.from_regex(r"\A[0-9ab](?:[.0-9ab_ +]|-a){0,7}\Z").filter(lambda text: ".." not in text)


class TestSparkle:
    """Sparkle's `SUStandardVersionComparator`, whose rules `versions._sparkle` names.

    `compared` compares two versions pair by pair, as the client does. Our key has to give the same order.
    """

    def test_letters_are_below_the_release_and_their_numbers_count(self) -> None:
        assert_ascending(Scheme.SPARKLE, ["1.6.0a", "1.6.0b2", "1.6.0b10", "1.6", "3.7.0beta9", "3.7.0beta11", "3.7.0"])

    def test_words_after_a_space_are_above_the_release(self) -> None:
        assert_ascending(Scheme.SPARKLE, ["1.0b1", "1.0", "1.0 b1", "1.0 b2", "1.0 (5847)", "1.0.1"])

    @pytest.mark.parametrize(
        ("one", "other"), [("1.0", "1.0.0"), ("1.0-rc1", "1"), ("3.3b1 (5902)", "3.3.0b1 (5902)"), ("1.0_a", "1.0 a")]
    )
    def test_zeros_dashes_and_kinds_of_separators_do_not_count(self, one: str, other: str) -> None:
        assert precedence(Scheme.SPARKLE, one) == precedence(Scheme.SPARKLE, other)

    def test_build_comes_before_the_version(self) -> None:
        assert precedence(Scheme.SPARKLE, "9.0", "1.5b3") < precedence(Scheme.SPARKLE, "1.5")

    @pytest.mark.parametrize("version", ["", ".1", "-1", "1..2", " 1", "1\n", "v\u0661", "1\x00"])
    def test_text_without_an_order_is_refused_with_a_remedy(self, version: str) -> None:
        with pytest.raises(VersionSyntaxError, match="Begin with a digit or a letter"):
            precedence(Scheme.SPARKLE, version)

    @given(SPARKLE_VERSIONS, SPARKLE_VERSIONS)
    def test_order_of_two_versions_is_that_of_the_client(self, one: str, other: str) -> None:
        first, second = precedence(Scheme.SPARKLE, one), precedence(Scheme.SPARKLE, other)
        assert (not first <= second) - (first < second) == compared(one, other)

    @given(SPARKLE_VERSIONS, SPARKLE_VERSIONS, SPARKLE_VERSIONS)
    def test_order_is_total_antisymmetric_and_transitive(self, one: str, other: str, third: str) -> None:
        a, b, c = (precedence(Scheme.SPARKLE, version) for version in (one, other, third))
        assert a <= b or b <= a
        assert (a <= b <= a) == (a == b)
        assert not (a <= b <= c) or a <= c


def compared(one: str, other: str) -> int:
    """Return -1, 0 or 1 as the client's comparator does: it pads both versions, then looks at one pair of parts."""
    parts = [re.findall(r"[0-9]+|[ab+]+|[._ ]", text.split("-", maxsplit=1)[0]) for text in (one, other)]
    leading = [len(list(itertools.takewhile(lambda part: part == "." or part.isdigit(), each))) for each in parts]
    for mine, its, count in ((0, 1, leading[0]), (1, 0, leading[1])):
        missing = parts[its][count : leading[its]]
        parts[mine][count:count] = ["." if part == "." else "0" for part in missing]
    for pair in itertools.zip_longest(*parts, fillvalue=""):
        kinds = ["letters" if re.match("[ab+]", p) else "number" if p.isdigit() else "separator" for p in pair]
        if "" in pair:
            return (1 if pair[0] == "" else -1) * (1 if "letters" in kinds else -1)
        if kinds[0] != kinds[1]:
            ranks = ["letters", "separator", "number"]
            return 1 if ranks.index(kinds[0]) > ranks.index(kinds[1]) else -1
        values = [int(p) if p.isdigit() else 0 if kinds[0] == "separator" else p for p in pair]
        if values[0] != values[1]:
            return 1 if values[0] > values[1] else -1
    return 0


class TestBuild:
    def test_the_build_number_orders_and_the_version_is_only_shown(self) -> None:
        assert precedence(Scheme.BUILD, "9.0", "99") < precedence(Scheme.BUILD, "1.0 beta", "100")

    def test_a_release_without_one_is_refused_with_a_remedy(self) -> None:
        with pytest.raises(VersionSyntaxError, match="Add the field `build`"):
            precedence(Scheme.BUILD, "1.0")
