from __future__ import annotations

import json
import os
from collections import Counter
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from comet_updates.errors import StateError
from comet_updates_client import state
from comet_updates_client.state import State
from tests.client.conftest import NOW

WHOLE = State(42, "4.2.1", is_off=True, next_check=NOW, failures=3)


def test_what_is_remembered_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "state.json"
    state.write(file, WHOLE)
    assert state.read(file, Random(1)) == WHOLE
    assert [found.name for found in file.parent.iterdir()] == ["state.json"]


def test_five_things_are_remembered_and_no_more(tmp_path: Path) -> None:
    state.write(tmp_path / "state.json", WHOLE)
    assert set(json.loads((tmp_path / "state.json").read_text())) == {
        "group",
        "skipped",
        "never",
        "next_check",
        "failures",
    }


def test_a_group_is_drawn_once_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    state.write(file, state.read(file, Random(1)))
    assert len({state.read(file, Random(seed)).group for seed in range(20)}) == 1


def test_all_groups_are_as_likely(tmp_path: Path) -> None:
    rng = Random(1)
    drawn = Counter(state.read(tmp_path / "none", rng).group for _ in range(20_000))
    assert (min(drawn), max(drawn), len(drawn)) == (0, 99, 100)
    assert sum((number - 200) ** 2 / 200 for number in drawn.values()) < 149  # chi-squared, 99 degrees, 1 in 1000


@given(st.binary(max_size=100))
@example(b"[" * 9_000)
@example(b" " * 20_000)
@example(b"null")
@example(b'{"group": 100, "skipped": null, "never": false, "next_check": null, "failures": 0}')
@example(b'{"group": true, "skipped": null, "never": false, "next_check": null, "failures": 0}')
@example(b'{"group": 1, "skipped": 3, "never": false, "next_check": null, "failures": 0}')
@example(b'{"group": 1, "skipped": null, "never": 0, "next_check": null, "failures": 0}')
@example(b'{"group": 1, "skipped": null, "never": false, "next_check": "2026-11-27", "failures": 0}')
@example(b'{"group": 1, "skipped": null, "never": false, "next_check": "0001-01-01T00:00:00+23:00", "failures": 0}')
@example(b'{"group": 1, "skipped": null, "never": false, "next_check": null, "failures": -1}')
def test_a_broken_file_is_one_that_says_nothing(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    file = tmp_path_factory.mktemp("state") / "state.json"
    file.write_bytes(body)
    assert state.read(file, Random(1)) == State(Random(1).randrange(100))


def test_a_folder_in_its_place_is_told_of_when_something_is_to_be_kept(tmp_path: Path) -> None:
    assert state.read(tmp_path, Random(1)) == State(Random(1).randrange(100))
    with pytest.raises(StateError, match="cannot be written"):
        state.write(tmp_path, WHOLE)


@pytest.mark.parametrize("kind", ["key", "large", "link", "pipe"])
def test_another_file_of_the_user_is_never_replaced(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "mine"
    (tmp_path / "key.pem").write_bytes(b"-----BEGIN PRIVATE KEY-----\n")
    if kind == "link":
        file.symlink_to(tmp_path / "key.pem")
    elif kind == "pipe":
        os.mkfifo(file)
    else:
        file.write_bytes(b"-----BEGIN PRIVATE KEY-----\n" if kind == "key" else b'{"group"' * 10_000)
    before = file.lstat()
    assert state.read(file, Random(1)).next_check is None, "and reading it ends"
    with pytest.raises(
        StateError, match=r"mine: cannot be written: another file has this name. Choose another --state."
    ):
        state.write(file, WHOLE)
    assert file.lstat() == before


@pytest.mark.parametrize("body", [b"", b"\0" * 112, b'{"group": 42, "skip', b'{"group": 100, "skipped": 3}'])
def test_broken_state_is_replaced(tmp_path: Path, body: bytes) -> None:
    """Positive control: a copy whose state was lost can check for updates again."""
    file = tmp_path / "state.json"
    file.write_bytes(body)
    state.write(file, WHOLE)
    assert state.read(file, Random(1)) == WHOLE


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "state.json"
    state.write(file, WHOLE)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StateError, match="No space left on device"):
        state.write(file, State(1))
    assert state.read(file, Random(1)) == WHOLE
    assert [found.name for found in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    ("next_check", "is_due"),
    [
        (None, True),
        (NOW, True),
        (NOW + timedelta(seconds=1), False),
        (NOW + timedelta(days=10), False),
        (NOW + timedelta(days=400), True),  # the clock was wrong when it was drawn
    ],
)
def test_it_is_time_once_the_time_has_come(next_check: object, *, is_due: bool) -> None:
    assert State(1, next_check=next_check).is_due(NOW) == is_due  # type: ignore[arg-type]
