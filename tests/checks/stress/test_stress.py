"""Test that `make torture` reports failures correctly: its figures, its last line and its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.stress import __main__ as command
from checks.stress import checks, parts
from testkit import counts
from testkit.counts import Counts

CHECK = """
from testkit.counts import IS_FULL, tally

def test_it():
    tally(faults=3, wrong={wrong})
    tally(faults=2)
    assert IS_FULL and {passes}
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(checks.ROOT))
    return tmp_path


def part(root: Path, *, wrong: int = 0, passes: bool = True) -> checks.Part:
    (root / "test_it.py").write_text(CHECK.format(wrong=wrong, passes=passes))
    return checks.checks("test_it.py", root=root)


def test_the_figures_of_tests_are_summed_in_one_last_line(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert command.run({"it": part(root), "another": part(root)})
    *_, own, last = capfd.readouterr().out.splitlines()
    assert own.startswith("== ")
    assert own.endswith(" s, well faults=5"), "each part has its own figures"
    assert last == "torture: faults=10 inputs=0 crashes=0 interleavings=0 answers=0 wrong=0 lost=0"


@pytest.mark.full
@pytest.mark.parametrize(("wrong", "passes"), [(1, True), (0, False)], ids=["something is wrong", "a check fails"])
def test_what_goes_wrong_in_any_part_is_a_failure(root: Path, *, wrong: int, passes: bool) -> None:
    assert not command.run({"it": part(root, wrong=wrong, passes=passes), "another": lambda _: True})


def test_what_is_lost_is_a_failure() -> None:
    def loses(counts: Counts) -> bool:
        counts.add(lost=1)
        return True

    assert not command.run({"it": loses})


def test_a_part_that_breaks_is_a_failure_and_the_others_run_all_the_same(capfd: pytest.CaptureFixture[str]) -> None:
    def breaks(_: Counts) -> bool:
        raise ChildProcessError("it ended")

    def counts_one(counts: Counts) -> bool:
        counts.add(answers=1)
        return True

    assert not command.run({"it": breaks, "another": counts_one})
    said = capfd.readouterr()
    assert said.out.splitlines()[-2:] == [
        "FAILED: it",
        "torture: faults=0 inputs=0 crashes=0 interleavings=0 answers=1 wrong=0 lost=0",
    ]
    assert "ChildProcessError: it ended" in said.err


def test_a_figure_that_the_line_does_not_have_is_refused() -> None:
    with pytest.raises(KeyError):
        counts.tally(wrnog=1)
    with pytest.raises(KeyError):
        Counts().add(wrnog=1)


def test_every_path_of_checks_exists() -> None:
    assert (checks.ROOT / "tests" / "faults").is_dir()
    assert parts.ALL
