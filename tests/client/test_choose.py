from __future__ import annotations

import platform
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comet_updates.errors import VersionSyntaxError
from comet_updates.versions import Scheme
from comet_updates_client.choose import Installed, Outcome, Verdict, choose, reached
from comet_updates_client.machine import Computer, this
from comet_updates_client.manifest import Rollout
from tests.client.conftest import NOW, offered

LINUX = Computer("linux", "x86_64", "6.12.3")
START = datetime(2026, 11, 20, 12, tzinfo=UTC)


def file(arch: str = "x86_64", kind: str = "archive", **fields: Any) -> dict[str, Any]:
    more = {"from_version": "4.2.0"} if kind == "delta" else {}
    url = f"https://downloads.example.com/{arch}-{kind}"
    return {"platform": "linux", "arch": arch, "kind": kind, "url": url, "size": 3, "sha256": "0" * 64} | more | fields


def chosen(
    installed: str = "4.2.0",
    *,
    scheme: Scheme = Scheme.SEMVER,
    machine: Computer = LINUX,
    group: int = 50,
    skipped: str | None = None,
    version: str = "4.2.1",
    **fields: Any,
) -> Verdict:
    release = offered(version, **{"artifacts": [file()]} | fields)
    return choose(release, Installed(scheme, installed), machine, group=group, skipped=skipped, now=NOW)


@pytest.mark.parametrize(
    ("scheme", "installed", "version", "outcome"),
    [
        (Scheme.SEMVER, "4.2.0", "4.2.1", Outcome.UPDATE),
        (Scheme.SEMVER, "4.9.0", "4.10.0", Outcome.UPDATE),
        (Scheme.SEMVER, "4.2.1-beta.1", "4.2.1", Outcome.UPDATE),
        (Scheme.SEMVER, "4.2.1", "4.2.1", Outcome.CURRENT),
        (Scheme.SEMVER, "4.2.1+a", "4.2.1+b", Outcome.CURRENT),
        (Scheme.SEMVER, "4.3.0", "4.2.1", Outcome.AHEAD),
        (Scheme.DOTTED, "1.9", "1.10", Outcome.UPDATE),
        (Scheme.DOTTED, "1.0", "1.0.0", Outcome.CURRENT),
        (Scheme.PEP440, "5.0b1", "5.0", Outcome.UPDATE),
    ],
)
def test_versions_are_compared_by_the_scheme_of_the_product(
    scheme: Scheme, installed: str, version: str, outcome: Outcome
) -> None:
    assert chosen(installed, scheme=scheme, version=version).outcome is outcome


def test_where_build_numbers_order_the_version_is_only_shown() -> None:
    verdict = chosen("76", scheme=Scheme.BUILD, version="1.0.0", build="77", minimum_version="70")
    assert (verdict.outcome, verdict.release and verdict.release.version) == (Outcome.UPDATE, "1.0.0")
    assert chosen("77", scheme=Scheme.BUILD, build="77").outcome is Outcome.CURRENT
    with pytest.raises(VersionSyntaxError, match="no build number"):
        chosen("77", scheme=Scheme.BUILD)


def test_sparkle_scheme_without_a_build_number_compares_the_version() -> None:
    assert chosen("3.7.0beta9", scheme=Scheme.SPARKLE, version="3.7.0beta11").outcome is Outcome.UPDATE
    assert chosen("3.7.0", scheme=Scheme.SPARKLE, version="3.7.0beta11").outcome is Outcome.AHEAD
    assert chosen("3.7.0", scheme=Scheme.SPARKLE, version="4", build="3.7").outcome is Outcome.CURRENT


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 99))
def test_nothing_leads_back_to_a_lower_version(installed: int, version: int, group: int) -> None:
    """Compare versions only, even if a release is critical, rolled out or required."""
    verdict = chosen(f"{installed}.0.0", version=f"{version}.0.0", group=group, critical=True, minimum_version="0.0.1")
    assert (verdict.outcome is Outcome.UPDATE) == (version > installed > 0)


def test_who_has_a_withdrawn_version_is_told_and_stays() -> None:
    verdict = chosen("4.2.1", version="4.2.0")
    assert (verdict.outcome, verdict.artifact) == (Outcome.AHEAD, None)


class TestTheFile:
    @pytest.mark.parametrize(
        ("arches", "found"),
        [
            (("any", "universal", "x86_64"), "x86_64"),
            (("any", "universal", "aarch64"), "universal"),
            (("any", "aarch64"), "any"),
            (("aarch64",), None),
        ],
    )
    def test_is_of_the_best_architecture(self, arches: tuple[str, ...], found: str | None) -> None:
        verdict = chosen(artifacts=[file(arch) for arch in arches])
        assert (verdict.artifact.arch if verdict.artifact else None) == found
        assert verdict.outcome is (Outcome.UPDATE if found else Outcome.NO_FILE)

    def test_is_of_this_system(self) -> None:
        assert chosen(artifacts=[file(platform="windows")]).outcome is Outcome.NO_FILE

    def test_is_never_a_delta(self) -> None:
        verdict = chosen(artifacts=[file(kind="delta"), file(kind="installer")])
        assert verdict.artifact
        assert verdict.artifact.kind == "installer"
        assert chosen(artifacts=[file(kind="delta")]).outcome is Outcome.NO_FILE

    @pytest.mark.parametrize(
        ("limits", "os_version", "fits"),
        [
            ({"min_os": "6.9"}, "6.12.3", True),
            ({"min_os": "6.13"}, "6.12.3", False),
            ({"max_os": "6.12.3"}, "6.12.3", True),
            ({"max_os": "6.9"}, "6.12.3", False),
            ({"min_os": "Sequoia"}, "6.12.3", False),
            ({"min_os": "6.9"}, "", False),
            ({}, "", True),
        ],
    )
    def test_fits_the_version_of_the_system(self, limits: dict[str, str], os_version: str, *, fits: bool) -> None:
        verdict = chosen(artifacts=[file(**limits)], machine=LINUX._replace(os_version=os_version))
        assert (verdict.outcome is Outcome.UPDATE) == fits

    def test_is_the_next_one_if_the_first_does_not_fit(self) -> None:
        verdict = chosen(artifacts=[file(min_os="99"), file("any")])
        assert verdict.artifact
        assert verdict.artifact.arch == "any"


class TestARollout:
    @pytest.mark.parametrize(("group", "is_reached"), [(0, True), (9, True), (10, False), (99, False)])
    def test_in_percent_reaches_the_groups_below(self, group: int, *, is_reached: bool) -> None:
        verdict = chosen(group=group, rollout={"percent": 10})
        assert verdict.outcome is (Outcome.UPDATE if is_reached else Outcome.LATER_GROUP)

    @pytest.mark.parametrize(("percent", "number"), [(0, 0), (1, 1), (50, 50), (100, 100)])
    def test_in_percent_reaches_just_so_many(self, percent: int, number: int) -> None:
        assert sum(reached(Rollout(percent, None, 0, 0), group, NOW) for group in range(100)) == number

    @pytest.mark.parametrize("groups", [1, 2, 7, 100])
    def test_in_groups_reaches_one_after_another_and_in_the_end_all(self, groups: int) -> None:
        rollout = Rollout(None, START, 3_600, groups)
        numbers = [
            sum(reached(rollout, group, START + timedelta(hours=hours)) for group in range(100))
            for hours in range(-1, groups)
        ]
        steps = [after - before for before, after in pairwise(numbers)]
        assert (numbers[0], numbers[-1]) == (0, 100)
        assert max(steps) - min(steps) <= 1


@pytest.mark.parametrize(
    ("skipped", "outcome"),
    [("4.2.1", Outcome.SKIPPED), ("4.3.0", Outcome.SKIPPED), ("4.2.0", Outcome.UPDATE), ("?", Outcome.UPDATE)],
)
def test_a_skipped_version_is_not_offered_until_a_higher_one_comes(skipped: str, outcome: Outcome) -> None:
    assert chosen("4.1.0", skipped=skipped).outcome is outcome


@pytest.mark.parametrize(
    ("critical", "is_critical"),
    [(True, True), (False, False), ({"below_version": "4.2.1"}, True), ({"below_version": "4.2.0"}, False)],
)
def test_an_update_is_critical_for_those_below(critical: object, *, is_critical: bool) -> None:
    assert chosen("4.2.0", critical=critical).is_critical == is_critical


@pytest.mark.parametrize(
    ("minimum", "outcome"), [("4.2.0", Outcome.UPDATE), ("4.2.0+x", Outcome.UPDATE), ("4.2.1", Outcome.STEP_BETWEEN)]
)
def test_who_is_too_old_is_told_that_a_step_is_missing(minimum: str, outcome: Outcome) -> None:
    assert chosen("4.2.0", minimum_version=minimum).outcome is outcome


@pytest.mark.parametrize(
    ("informational", "outcome"),
    [
        (True, Outcome.PAGE),
        ({"versions": ["4.2.0"]}, Outcome.PAGE),
        ({"versions": ["4.1.0"]}, Outcome.UPDATE),
        ({"below_version": "4.2.1"}, Outcome.PAGE),
    ],
)
def test_an_update_that_only_points_to_a_page_has_no_file(informational: object, outcome: Outcome) -> None:
    assert chosen("4.2.0", informational=informational).outcome is outcome


@pytest.mark.parametrize(
    ("system", "machine", "version", "expected"),
    [
        ("Windows", "AMD64", "10.0.26100", Computer("windows", "x86_64", "10.0.26100")),
        ("Linux", "aarch64", "6.12.3-amd64", Computer("linux", "aarch64", "6.12.3")),
        ("Darwin", "arm64", "15.1", Computer("macos", "aarch64", "15.1")),
        ("Linux", "i386", "", Computer("linux", "i686", "")),
        ("FreeBSD", "riscv64", "14.1-RELEASE", Computer("freebsd", "riscv64", "14.1")),
    ],
)
def test_a_computer_is_told_in_the_words_of_a_manifest(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, version: str, expected: Computer
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "version", lambda: version)
    monkeypatch.setattr(platform, "release", lambda: version)
    monkeypatch.setattr(platform, "mac_ver", lambda: (version, ("", "", ""), ""))
    assert this() == expected
