"""Test releases that several jobs build: each job uploads a part, and all parts become one release, once."""

from __future__ import annotations

import itertools
import json
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import Result

from comet_updates_cli import release_parts
from comet_updates_cli.release_parts import Parts
from testkit.memory_bucket import MemoryBucket
from tests.cli.conftest import Shop

KEY = "releases/comet-cursor/stable/2.0.0.json"
FILES = {"windows": "App-2.0.0.exe", "macos": "App-2.0.0.dmg", "linux": "App-2.0.0.AppImage"}
BODIES = {".exe": b"MZ", ".dmg": b"x" * 600 + b"koly", ".AppImage": b"\x7fELF"}
ALL = "windows,macos,linux"


class Matrix:
    """The jobs of a matrix: each has one file, and the same command."""

    def __init__(self, folder: Path, shop: Shop) -> None:
        self.folder, self.shop = folder, shop

    def job(self, name: str, *arguments: str, parts: str | None = ALL, file: str | None = None) -> Result:
        built = self.folder / (file or FILES[name])
        built.write_bytes(BODIES[built.suffix] + name.encode())
        named = ["--part", name, *(["--parts", parts] if parts else [])]
        return self.run(
            str(built), "--base-url", "https://downloads.example.com/2.0.0", "--no-check-urls", *named, *arguments
        )

    def run(self, *arguments: str) -> Result:
        return self.shop.run("release", *arguments, "--product", "comet-cursor", "--version", "2.0.0")

    def released(self) -> list[str]:
        """Return the names of the files in the release; none if it is not uploaded."""
        if KEY not in self.shop.s3.keys("releases/"):
            return []
        return sorted(file["url"].rpartition("/")[2] for file in self.shop.s3.json(KEY)["artifacts"])


@pytest.fixture
def matrix(tmp_path: Path, shop: Shop) -> Matrix:
    return Matrix(tmp_path, shop)


FIRST, *OTHERS = itertools.permutations(FILES)
ORDERS = [FIRST, *(pytest.param(order, marks=pytest.mark.full) for order in OTHERS)]


@pytest.mark.parametrize("order", ORDERS)
def test_jobs_in_any_order_make_one_release_once_all_are_done(matrix: Matrix, order: tuple[str, ...]) -> None:
    for done, name in enumerate(order, 1):
        job = matrix.job(name, "--title", "Two")
        assert job.exit_code == 0, job.output
        waits = f"The release waits for other parts: {', '.join(sorted(order[done:]))}.\n"
        assert (waits in job.output) == (done < len(order))
        assert matrix.released() == ([] if done < len(order) else sorted(FILES.values()))
        matrix.shop.publish()
        assert bool(matrix.shop.s3.keys("public/v1/comet-cursor/")) == (done == len(order))
    assert matrix.shop.s3.json(KEY)["title"] == "Two"
    assert matrix.shop.channel()["latest"] == "2.0.0"


def test_each_job_runs_twice_and_changes_nothing(matrix: Matrix) -> None:
    for name in FILES:
        matrix.job(name)
        before = matrix.shop.s3.tree()
        again = matrix.job(name)
        assert (again.exit_code, "nothing to do" in again.output) == (0, True)
        assert matrix.shop.s3.tree() == before
    for key in matrix.shop.s3.keys("parts/"):
        matrix.shop.s3.delete(key)
    assert matrix.job("linux").exit_code == 0, "S3 deletes old parts, and the release is still there"


def test_a_job_without_files_joins_the_parts(matrix: Matrix) -> None:
    for name in FILES:
        assert matrix.job(name, parts=None).exit_code == 0
        missing = matrix.run("--parts", ALL)
        assert (missing.exit_code, matrix.released()) == ((0, sorted(FILES.values())) if name == "linux" else (1, []))
    assert matrix.run("--parts", ALL).exit_code == 0


def test_missing_parts_are_named(matrix: Matrix) -> None:
    matrix.job("macos", parts=None)
    refused = matrix.run("--parts", ALL)
    assert "parts are missing: linux, windows. Run their jobs first, then run this again." in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--title", "Three"], "parts/comet-cursor/stable/2.0.0/: the parts linux and windows differ in title."),
        (["--critical"], "in critical. Use the same options and notes in every job."),
        (["--not-before", "2027-01-01T00:00:00Z"], "in available_at."),
        (["--percent", "5"], "in percent."),
        (["--build", "12"], "in build."),
        (["--parts", "windows,linux"], "in parts."),
    ],
)
def test_a_part_that_disagrees_is_refused_and_nothing_is_lost(matrix: Matrix, arguments: list[str], says: str) -> None:
    matrix.job("windows")
    before = matrix.shop.s3.tree()
    refused = matrix.job("linux", *arguments)
    assert (refused.exit_code, says in refused.stderr) == (1, True), refused.output
    assert matrix.shop.s3.tree() == before
    assert [matrix.job(name).exit_code for name in ("linux", "macos")] == [0, 0]
    assert matrix.released() == sorted(FILES.values())


def test_two_parts_with_a_file_for_the_same_computers_are_refused(matrix: Matrix) -> None:
    matrix.job("windows")
    before = matrix.shop.s3.tree()
    refused = matrix.job("linux", file="Other-2.0.0.exe")
    assert refused.exit_code == 1
    assert "both have a file for windows x86_64 installer" in refused.stderr
    assert matrix.shop.s3.tree() == before


@pytest.mark.parametrize("last", ["a job with the last part", "a job without files"])
def test_parts_with_one_place_that_were_uploaded_at_once_are_refused(matrix: Matrix, last: str) -> None:
    """Let two jobs upload at the same time: neither sees the part of the other."""
    matrix.job("windows", parts=None)
    windows = matrix.shop.s3.json("parts/comet-cursor/stable/2.0.0/windows.json")
    key = "parts/comet-cursor/stable/2.0.0/linux.json"
    (file,) = windows["release"]["artifacts"]
    other = file | {"url": "https://downloads.example.com/2.0.0/Other-2.0.0.exe"}
    matrix.shop.s3.put(key, windows | {"part": "linux", "release": windows["release"] | {"artifacts": [other]}})
    refused = matrix.job("macos") if last == "a job with the last part" else matrix.run("--parts", "windows,linux")
    assert refused.exit_code == 1
    assert "the parts linux and windows both have a file for windows x86_64 installer" in refused.stderr
    assert "https://downloads.example.com/2.0.0/Other-2.0.0.exe" in refused.stderr
    assert "https://downloads.example.com/2.0.0/App-2.0.0.exe" in refused.stderr
    assert matrix.released() == []
    assert matrix.job("linux", "--replace-part").exit_code == 0
    assert matrix.job("macos").exit_code == 0
    assert matrix.released() == sorted(FILES.values())


def test_a_file_that_two_jobs_build_alike_is_released_once(matrix: Matrix) -> None:
    shared = matrix.folder / "App-2.0.0.exe"
    shared.write_bytes(b"MZ")
    for name in ("windows", "linux"):
        at = ["--base-url", "https://downloads.example.com/2.0.0", "--no-check-urls"]
        assert matrix.run(str(shared), *at, "--part", name, "--parts", "windows,linux").exit_code == 0
    assert matrix.released() == ["App-2.0.0.exe"]


def test_a_part_is_only_replaced_on_request_and_before_the_release(matrix: Matrix) -> None:
    matrix.job("windows")
    refused = matrix.job("windows", file="New-2.0.0.exe")
    says = "parts/comet-cursor/stable/2.0.0/windows.json: already exists with different files. To replace it, add"
    assert (refused.exit_code, says in refused.stderr) == (1, True)
    assert matrix.job("windows", "--replace-part", file="New-2.0.0.exe").exit_code == 0
    matrix.job("macos")
    matrix.job("linux")
    expected = sorted(["New-2.0.0.exe", FILES["macos"], FILES["linux"]])
    assert matrix.released() == expected
    late = matrix.job("windows", "--replace-part")
    assert (late.exit_code, "was uploaded without https://" in late.stderr) == (1, True)
    assert matrix.released() == expected


def test_jobs_that_replace_their_parts_can_change_the_options_of_all(matrix: Matrix) -> None:
    """Start a pipeline again with another title: a part with the old one waits for its job like a missing one."""
    for name in ("windows", "macos"):
        matrix.job(name)
    for name, waits in (("windows", "linux, macos"), ("macos", "linux"), ("linux", "")):
        job = matrix.job(name, "--title", "Fixed", "--replace-part")
        assert (job.exit_code, f"waits for other parts: {waits}." in job.output) == (0, bool(waits)), job.output
    assert matrix.shop.s3.json(KEY)["title"] == "Fixed"


def test_a_part_that_no_job_names_is_not_left_out(matrix: Matrix) -> None:
    matrix.job("linux", parts=None)
    refused = matrix.job("windows", parts="windows")
    assert (refused.exit_code, matrix.released()) == (1, [])
    assert "linux.json: is a part that --parts does not name. Add linux to --parts in every job." in refused.stderr


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"schema": 1, "part": "macos", "of": 3}', b"[" * 100_000])
def test_junk_in_the_place_of_a_part_is_named_and_replaced(matrix: Matrix, body: bytes) -> None:
    matrix.shop.s3.put("parts/comet-cursor/stable/2.0.0/macos.json", body)
    refused = matrix.job("windows")
    assert (refused.exit_code, "2.0.0/macos.json: is not a " in refused.stderr) == (1, True)
    assert matrix.job("macos", "--replace-part").exit_code == 0


def test_what_publishing_would_refuse_is_refused_before_a_part(matrix: Matrix) -> None:
    matrix.shop.s3.put("products/comet-cursor.json", {"schema": 1, "product": "comet-cursor", "max_size": 2})
    refused = matrix.job("windows")
    assert (refused.exit_code, "max_size" in refused.stderr) == (1, True)
    assert matrix.shop.s3.keys("parts/") == []


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("writes", [pytest.param(each, marks=pytest.mark.full) for each in (1, 2, 3, 6)] + [4, 5])
def test_jobs_killed_at_any_write_are_completed_by_running_them_again(
    matrix: Matrix, monkeypatch: pytest.MonkeyPatch, writes: int, *, is_done: bool
) -> None:
    """Three parts, a rollout and a release are written. The kill is just before or just after a write."""
    left = [writes]
    put = MemoryBucket.put

    def killing(self: MemoryBucket, key: str, body: bytes, content_type: str, *, replaces: str | None) -> None:
        left[0] -= 1
        if left[0] != 0 or is_done:
            put(self, key, body, content_type, replaces=replaces)
        if left[0] == 0:
            raise Killed

    monkeypatch.setattr(MemoryBucket, "put", killing)
    killed = []
    for name in FILES:
        with suppress(Killed):
            matrix.job(name, "--percent", "5")
            continue
        killed.append(name)
        assert matrix.released() in ([], sorted(FILES.values()))
    for name in [*killed, *FILES]:
        assert matrix.job(name, "--percent", "5").exit_code == 0
    assert matrix.released() == sorted(FILES.values())
    assert len(killed) == (writes <= 5), "five writes are made"
    assert matrix.shop.s3.json("channels/comet-cursor/stable.json")["rollout"]["percent"] == 5


def test_of_two_jobs_at_once_each_finds_all_parts(matrix: Matrix, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the other job upload the last part, and the release, between the last reads of this job and its write."""
    matrix.job("windows")
    join = Parts.join

    def late(self: Parts, planned: release_parts.Part | None = None) -> object:
        found = join(self, planned)
        with monkeypatch.context() as patch:
            patch.setattr(Parts, "join", join)
            assert matrix.job("macos", parts=ALL).exit_code == 0
        return found

    matrix.job("linux", parts=ALL)
    monkeypatch.setattr(Parts, "join", late)
    job = matrix.job("macos")
    assert job.exit_code == 0, job.output
    assert matrix.released() == sorted(FILES.values())


def test_a_dry_run_writes_nothing_and_shows_the_whole_release(matrix: Matrix) -> None:
    matrix.job("windows")
    matrix.job("macos")
    before = matrix.shop.s3.tree()
    dry = matrix.job("linux", "--dry-run")
    assert (dry.exit_code, matrix.shop.s3.tree()) == (0, before)
    assert "would write parts/comet-cursor/stable/2.0.0/linux.json" in dry.output
    assert all(name in dry.output for name in FILES.values())


def test_the_first_share_is_that_of_the_parts(matrix: Matrix) -> None:
    for name in FILES:
        matrix.job(name, "--percent", "5")
    assert matrix.shop.s3.json("channels/comet-cursor/stable.json")["rollout"] == {"version": "2.0.0", "percent": 5}
    matrix.shop.run("rollout", "comet-cursor", "stable", "2.0.0", "--percent", "50")
    again = matrix.job("linux", "--percent", "5")
    assert (again.exit_code, "Its rollout stays at 50 %." in again.output) == (0, True)
    policy = matrix.shop.s3.json("channels/comet-cursor/stable.json")
    assert policy["rollout"]["percent"] == 50, "running a job again does not set back the rollout"


def test_wait_for_the_parts_of_other_jobs_ends_with_code_3(matrix: Matrix) -> None:
    waits = matrix.job("windows", "--wait", "--service-url", "http://127.0.0.1:9", "--timeout", "0.1", "--json")
    assert waits.exit_code == 3
    said = json.loads(waits.stdout)["part"]
    assert said == {
        "key": "parts/comet-cursor/stable/2.0.0/windows.json",
        "written": True,
        "missing": ["linux", "macos"],
    }


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--part", "windows"],
        ["--parts", ","],
        ["--parts", "a/b"],
        ["--parts", ALL, "--title", "Two"],
        ["--parts", ALL, "--percent", "5"],
        ["--replace-part"],
    ],
    ids=" ".join,
)
def test_options_without_a_meaning_are_wrong_usage(matrix: Matrix, arguments: list[str]) -> None:
    assert matrix.run(*arguments).exit_code == 2


def test_a_part_that_its_parts_do_not_name_is_wrong_usage(matrix: Matrix) -> None:
    assert matrix.job("linux", parts="windows,macos").exit_code == 2
