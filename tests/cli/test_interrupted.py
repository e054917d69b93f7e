"""Test that `release` can be killed, or started twice at once: releases are whole, and the next run completes them.

The commands run in processes of their own, against the S3 of the tests. A process is killed after a number of its
requests, so the same seed kills at the same places. `make torture` kills more often.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from comet_updates.model.release import Release
from comet_updates.publish.uploads import parse
from comet_updates_cli.upload_files import PART_BYTES
from testkit.counts import IS_FULL, tally
from testkit.project import ROOT
from testkit.s3 import ON_THIS_MACHINE, S3, Wire
from tests.cli.conftest import Shop

pytestmark = pytest.mark.http

QUICK, FULL = 1, 50 if IS_FULL else 8
"""The number of kills in `make test`, and in `make test-all` and `make torture`."""
REQUESTS = 44
"""A few more than the requests of a whole run, so that some processes are not killed."""

PATIENCE_S = 300  # a machine may be busy
KEY = "releases/comet-cursor/stable/4.2.1.json"
POLICY = "channels/comet-cursor/stable.json"


class Pipeline:
    """Built files, and the command that releases them, as a process of its own."""

    def __init__(self, folder: Path, s3: S3) -> None:
        self.s3, self._folder = s3, folder
        self.files = {
            "App-4.2.1.AppImage": b"\x7fELF" + random.Random(1).randbytes(2 * PART_BYTES + 1_000),
            "App-4.2.1.exe": b"MZ" + random.Random(2).randbytes(1_000),
        }

    def start(self, *arguments: str, version: str = "4.2.1") -> subprocess.Popen[str]:
        files = []
        for name, body in self.files.items():
            files.append(self._folder / name.replace("4.2.1", version))
            files[-1].write_bytes(body)
        command = ["release", *map(str, files), "--product", "comet-cursor", "--version", version]
        command += ["--base-url", "https://downloads.example.com/4.2.1", "--no-check-urls"]
        command += ["--bucket", self.s3.bucket, "--endpoint-url", self.s3.endpoint, *arguments]
        return subprocess.Popen(
            [sys.executable, "-c", "from comet_updates_cli import app; app()", *command],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.pathsep.join(str(ROOT / tree) for tree in ("functions", "cli", "client")),
                **ON_THIS_MACHINE,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def uploading(self) -> subprocess.Popen[str]:
        return self.start("--upload-to", f"s3://{self.s3.bucket}/files", "--percent", "5")

    def check_what_is_there(self) -> None:
        """Check that each release was written once, and has its files and its first share of users."""
        versions = self.s3.client.list_object_versions(Bucket=self.s3.bucket, Prefix="releases/").get("Versions", [])
        assert len({version["Key"] for version in versions}) == len(versions)
        for version in versions:
            release = parse.parse(Release, version["Key"], self.s3.get(version["Key"]))
            assert len(release.artifacts) == len(self.files)
            for artifact in release.artifacts:
                body = self.s3.get(f"files/{artifact.url_name}")
                assert (len(body), hashlib.sha256(body).hexdigest()) == (artifact.size, artifact.sha256)
            assert self.s3.json(POLICY)["rollout"] == {"version": "4.2.1", "percent": 5}
        for key in self.s3.keys("files/"):
            assert self.s3.get(key) == self.files[key.removeprefix("files/")], "each file is complete, or missing"


@pytest.fixture
def pipeline(tmp_path: Path, s3: S3, wire: Wire) -> Iterator[Pipeline]:
    yield Pipeline(tmp_path, s3)
    wire.clear()  # each test would keep the files twice, in the requests and in the S3
    for key in s3.keys("files/"):
        s3.purge(key)


def kill_after(requests: int, wire: Wire, process: subprocess.Popen[str]) -> bool:
    """Kill a process after a number of requests. Return `False` if it ended before."""
    left = threading.Semaphore(requests - 1)

    def count() -> None:
        if not left.acquire(blocking=False):
            process.send_signal(signal.SIGKILL)

    wire.watch = count
    try:
        output, _ = process.communicate(timeout=PATIENCE_S)
    finally:
        wire.watch = lambda: None
    assert process.returncode in (0, -signal.SIGKILL), output
    return process.returncode != 0


KILLS = random.Random(20_261_120).choices(range(1, REQUESTS + 1), k=FULL)


@pytest.mark.parametrize(
    "requests", KILLS[:QUICK] + [pytest.param(kill, marks=pytest.mark.full) for kill in KILLS[QUICK:]]
)
def test_a_release_that_is_killed_anywhere_is_completed_by_the_next_run(
    pipeline: Pipeline, wire: Wire, requests: int
) -> None:
    before = len(wire)
    tally(crashes=kill_after(requests, wire, pipeline.uploading()))
    pipeline.check_what_is_there()
    output, _ = (second := pipeline.uploading()).communicate(timeout=PATIENCE_S)
    assert second.returncode == 0, output
    pipeline.check_what_is_there()
    assert [*pipeline.s3.keys("files/")] == [f"files/{name}" for name in sorted(pipeline.files)]
    assert pipeline.s3.keys("releases/") == [KEY]
    assert pipeline.s3.client.list_multipart_uploads(Bucket=pipeline.s3.bucket).get("Uploads", []) == []
    parts = [query for method, _, query, *_ in wire[before:] if method == "PUT" and "partNumber" in query]
    assert len({query.split("uploadId=")[1].split("&")[0] for query in parts}) == 1, (
        "the second run continues the first"
    )


@pytest.mark.full
def test_a_whole_run_sends_about_as_many_requests_as_we_kill_among(pipeline: Pipeline, wire: Wire) -> None:
    before = len(wire)
    assert not kill_after(1_000, wire, pipeline.uploading())
    assert REQUESTS * 0.7 <= len(wire) - before <= REQUESTS


@pytest.mark.parametrize(
    ("arguments", "rounds"),
    [
        pytest.param((), 1, id="to all"),
        pytest.param(("--percent", "5"), 1, id="to a share", marks=pytest.mark.full),
        pytest.param((), 3, id="to all, three times", marks=pytest.mark.full),
        pytest.param(("--percent", "5"), 3, id="to a share, three times", marks=pytest.mark.full),
    ],
)
def test_of_two_pipelines_at_once_none_loses_anything(
    pipeline: Pipeline, shop: Shop, wire: Wire, arguments: tuple[str, ...], rounds: int
) -> None:
    """Hold the first write of each until both arrive, so both decide before either writes."""
    shop.release("1.0.0")
    for turn in range(1, rounds + 1):
        both = threading.Barrier(2)
        firsts = threading.Semaphore(2)

        def meet(both: threading.Barrier = both, firsts: threading.Semaphore = firsts) -> None:
            method, path, *_ = wire[-1]
            if method == "PUT" and (not arguments or "/channels/" in path) and firsts.acquire(blocking=False):
                with suppress(threading.BrokenBarrierError):
                    both.wait(timeout=PATIENCE_S)

        wire.watch = meet
        try:
            versions = [f"1.{turn}.0", f"1.{turn}.1"]
            processes = [pipeline.start(*arguments, version=version) for version in versions]
            outputs = [process.communicate(timeout=PATIENCE_S)[0] for process in processes]
        finally:
            wire.watch = lambda: None
        assert [process.returncode for process in processes] == [0, 0], outputs
        shop.publish()
        history = shop.s3.json("public/v1/comet-cursor/stable/releases.json")["releases"]
        assert [past["version"] for past in history[:2]] == versions[::-1]
        assert len(history) == 1 + 2 * turn
        manifest = shop.s3.json("public/v1/comet-cursor/stable/manifest.json")
        assert manifest["version"] == versions[1]
        if arguments:
            assert manifest["rollout"] == {"percent": 5}
            decided = {each["version"]: each["percent"] for each in shop.s3.json(POLICY)["rollout"]}
            assert decided == {f"1.{past}.{patch}": 5 for past in range(1, turn + 1) for patch in (0, 1)}
    assert json.loads(shop.run("status", "--json").output)["refused"] == {}
