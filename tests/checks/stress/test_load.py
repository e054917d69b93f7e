"""Test the load of `make torture` in a short form: nothing goes wrong, and a planted fault is noticed."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from checks.stress.clients import Judge, Told
from checks.stress.decisions import Span, etag
from testkit.project import ROOT

SECONDS = 8
PATH, ONE, TWO = "/v1/ash/stable", b"one", b"two"
RIGHT = {PATH: {etag(ONE): [Span(0, 3)], etag(TWO): [Span(4, 9)]}}


def torture(**planted: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TORTURE_MINUTES": str(SECONDS / 60)} | planted
    command = [sys.executable, "-m", "checks.stress", "--only", "full rate"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def figures(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    line = done.stdout.splitlines()[-1]
    assert line.startswith("torture: "), done.stderr
    return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", line)}


@pytest.mark.full
def test_load_with_faults_and_releases_has_no_wrong_answer_or_loss() -> None:
    """Let S3 fail, and publish releases, during the load."""
    done = torture()
    counted = figures(done)
    assert (counted["wrong"], counted["lost"]) == (0, 0), done.stdout
    assert min(counted["answers"], counted["faults"]) > 0
    assert done.returncode == 0, done.stdout


@pytest.mark.full
def test_what_is_planted_is_noticed() -> None:
    byte, release, end = (torture(TORTURE_PLANTED=planted) for planted in ("byte", "release", "end"))
    assert (figures(byte)["wrong"] > 0, byte.returncode) == (True, 1)
    assert (figures(release)["lost"] > 0, release.returncode) == (True, 1)
    assert (figures(end)["answers"], end.returncode) == (0, 1)
    assert "the service ended by itself, with exit code 3" in end.stderr


@pytest.mark.parametrize(
    ("path", "told", "begun", "wrong"),
    [
        pytest.param(PATH, Told(200, etag(ONE), ONE), 1, "", id="what is live"),
        pytest.param(PATH, Told(304, etag(ONE), b""), 1, "", id="the copy that is known"),
        pytest.param(PATH, Told(200, etag(ONE), TWO), 9, "not what its ETag", id="a mixed answer"),
        pytest.param(PATH, Told(200, etag(b"x"), b"x"), 9, "never decided", id="what nobody decided"),
        pytest.param(PATH, Told(200, etag(TWO), TWO), 4, "not right at this time", id="what is not uploaded yet"),
        pytest.param(PATH, Told(304, etag(TWO), b""), 9, "another copy", id="304 for another copy"),
        pytest.param(PATH, Told(503, "", b""), 9, "503 for a known", id="unavailable"),
        pytest.param("/v1/unknown/stable", Told(404, "", b""), 9, "", id="unknown"),
        pytest.param("/v1/unknown/stable", Told(200, etag(ONE), ONE), 9, "unknown", id="an answer for nothing"),
    ],
)
def test_each_answer_is_held_against_what_was_decided(path: str, told: Told, begun: int, wrong: str) -> None:
    said = Judge(RIGHT).is_right(path, told, etag(ONE), begun)
    assert wrong in said
    assert bool(said) == bool(wrong)


def test_an_older_document_after_a_newer_one_is_wrong() -> None:
    judge = Judge(RIGHT)
    assert not judge.is_right(PATH, Told(200, etag(TWO), TWO), "", 9)
    assert judge.is_right(PATH, Told(200, etag(ONE), ONE), "", 9)
