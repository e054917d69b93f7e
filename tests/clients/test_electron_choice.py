"""Test which file electron-updater itself, from npm, chooses from the channel files. It runs without a network."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from comet_updates.formats import electron_updater
from comet_updates.model.offer import Offer
from tests.clients.conftest import need
from tests.formats import client_rules
from tests.formats.client_rules import Computer
from tests.formats.offers import artifact, complete, offer, release
from tests.formats.test_client_choice import computers, problem

DRIVER = Path(__file__).parent / "electron" / "choose.js"
DOCUMENTS = {"windows": "latest.yml", "macos": "latest-mac.yml", "linux": "latest-linux.yml"}
FILES = {
    "windows": ["x86_64 A-x64.exe", "x86_64 A.exe", "aarch64 A-arm64.exe", "aarch64 B.exe", "i686 C.exe", "any D.exe"],
    "macos": ["x86_64 A.zip", "universal A-arm64-x64.zip", "aarch64 A-arm64.zip", "aarch64 A-aarch64.zip", "any A.dmg"],
    "linux": ["x86_64 A.AppImage", "aarch64 A-arm64.AppImage", "any B.AppImage", "x86_64 A.deb"],
}
"""Files of each system, as `architecture name`."""

FLOORS = {"windows": "10.0.22000", "macos": "14.4", "linux": None}


def offers() -> list[Offer]:
    """Return a channel for each file and each pair of files of a system, with and without a lowest system."""
    return [
        offer(release("2.0.0", *(made(system, file, floor) for file in files)), complete("1.5.0"))
        for system, every in FILES.items()
        for files in (*itertools.permutations(every, 2), *((file,) for file in every))
        for floor in {None, FLOORS[system]}
    ]


def made(system: str, file: str, floor: str | None) -> dict[str, Any]:
    arch, name = file.split()
    more = {"min_os": floor} if floor else {}
    return artifact(system, arch, name, "archive" if name.endswith((".zip", ".AppImage")) else "installer", **more)


def ask(cases: list[dict[str, str]]) -> list[dict[str, Any]]:
    need(shutil.which("npm") is not None, "npm is not on PATH: install Node.js to try electron-updater")
    need((DRIVER.parent / "node_modules/.installed").exists(), "Install electron-updater with: make test-clients")
    run = subprocess.run(
        ["node", DRIVER], input=json.dumps(cases), capture_output=True, text=True, timeout=60, check=True
    )
    found: list[dict[str, Any]] = json.loads(run.stdout)
    return found


def case(documents: dict[str, bytes], computer: Computer) -> dict[str, str] | None:
    suffix = "-arm64" if computer.system == "linux" and computer.arch == "arm64" else ""
    document = documents.get(DOCUMENTS[computer.system].replace(".yml", f"{suffix}.yml"))
    if document is None:
        return None
    said = {"system": computer.system, "arch": computer.arch, "kernel": computer.kernel, "version": computer.version}
    return {**said, "document": document.decode(), "package": "appimage" if computer.system == "linux" else ""}


def test_electron_updater_takes_a_file_for_its_computer_or_nothing() -> None:
    """Test every pair of files on every computer, and that our rules in Python choose the same."""
    rendered = [(given, electron_updater.render(given)) for given in offers()]
    every = computers("1.0.0", "1.0.0")
    asked = [(given, made, one, said) for given, made in rendered for one in every if (said := case(made, one))]
    answers = ask([said for *_, said in asked])
    for (given, made, computer, said), answer in zip(asked, answers, strict=True):
        assert problem(given, computer, answer["file"]) == "", (computer, said, answer)
        assert answer["file"] == client_rules.electron_updater(made, computer)
    assert sum(answer["file"] is not None for answer in answers) > len(asked) / 2, "positive control"


@pytest.mark.parametrize(
    ("version", "error"),
    [
        ("1.0.20261128103000123456", "ERR_UPDATER_INVALID_VERSION"),
        ("2.0.0.1", "ERR_UPDATER_INVALID_VERSION"),
        ("2.0.0", None),
    ],
)
def test_version_that_is_held_back_is_one_that_the_client_cannot_read(version: str, error: str | None) -> None:
    computer = Computer("windows", "x64", (10, 0, 22631), "10.0.22631", "1.0.0", "1.0.0")
    said = case(electron_updater.render(offer(complete("1.5.0"))), computer)
    assert said is not None
    (answer,) = ask([said | {"document": said["document"].replace("version: 1.5.0", f"version: {version}")}])
    assert answer.get("error") == error


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        ([("x86_64", "A-x64.exe")], "A-x64.exe"),
        ([("x86_64", "A-x64.exe"), ("i686", "A-ia32.exe")], "A-ia32.exe"),
        ([("x86_64", "A.exe"), ("i686", "B.exe")], "B.exe"),
    ],
)
def test_copy_for_32_bit_windows_takes_its_file_or_else_the_first(names: list[tuple[str, str]], taken: str) -> None:
    """Show why `status` names these copies as behind: no field of the format keeps the first file from them."""
    given = offer(release("2.0.0", *(artifact("windows", arch, name) for arch, name in names)))
    computer = Computer("windows", "ia32", (10, 0, 17763), "10.0.17763", "1.0.0", "1.0.0")
    said = case(electron_updater.render(given), computer)
    assert said is not None
    (answer,) = ask([said])
    assert str(answer["file"]).endswith(f"/{taken}")
