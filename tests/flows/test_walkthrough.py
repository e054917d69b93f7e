"""Test docs/deploying.md: its commands lead from no key to a release that a client verifies."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from testkit.lambda_runtime import free_port
from testkit.project import ROOT

PAGE = (ROOT / "docs" / "deploying.md").read_text()


def blocks(heading: str) -> list[str]:
    """Return the shell blocks below a heading of the page."""
    (text,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## )", PAGE, re.DOTALL | re.MULTILINE)
    return re.findall(r"```sh\n(.*?)```", text, re.DOTALL)


def here(block: str, service: str) -> str:
    """Return a block with the parts replaced that exist only in an account."""
    replaced = {
        r"^export BUCKET=….*$": "export BUCKET=comet-updates",
        r"awskms:arn:\S+": "file2:online.pem",
        "https://updates.example.com": service,
        r"--wait": "--no-check-urls --wait",  # nobody serves downloads.example.com
        r"^python examples": f"{sys.executable} {ROOT}/examples",
    }
    for pattern, text in replaced.items():
        block = re.sub(pattern, text, block, flags=re.MULTILINE)
    return block


@pytest.mark.full
def test_the_walk_through_ends_with_a_release_that_a_client_verifies(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    program = Path(sys.executable).with_name("comet-updates")
    (tmp_path / "bin" / "comet-updates").symlink_to(program)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "comet-cursor-4.3.0-setup.exe").write_bytes(b"MZ")
    subprocess.run([program, "keys", "create", "online.pem"], cwd=tmp_path, check=True)
    port, s3_port = free_port(), free_port()
    aws = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "any")
    environment = {**os.environ, **aws, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3_port}", "AWS_REGION": "us-east-1"}
    environment["PATH"] = f"{tmp_path / 'bin'}{os.pathsep}{environment['PATH']}"
    with subprocess.Popen(
        [program, "serve", "--empty", "--online-key", "file2:online.pem"],
        cwd=tmp_path,
        env=environment | {"PORT": str(port), "S3_PORT": str(s3_port)},
        text=True,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == f"ready http://127.0.0.1:{port}\n"
            found = blocks("5. How do I release, and how does a client verify it?")
            assert len(found) == 2
            script = "set -eu\n" + "\n".join(here(block, f"http://127.0.0.1:{port}") for block in found)
            done = subprocess.run(
                ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, (done.stdout, done.stderr)
            assert done.stdout.splitlines()[-1] == "comet-cursor stable: 4.3.0, verified"
            assert "prints `comet-cursor stable: 4.3.0, verified`" in PAGE
        finally:
            process.kill()
