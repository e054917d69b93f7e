"""The packages of the functions and of their layers, as `sam build` makes them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from testkit.lambda_runtime import PYTHON, TOOLS
from testkit.project import ROOT

LAYERS = {"AnswerFunction": "AnswerLayer", "PublishFunction": "PublishLayer"}
"""Function → its layer."""
INSTALL = "`make test-all` installs it where python3.13 is on PATH, in pyenv or in uv"


def need(present: object, what: str, install: str = INSTALL) -> None:
    """Skip the test if a tool is missing. Fail instead where nothing may be skipped."""
    if not present:
        reason = f"{what} is missing: {install}"
        pytest.fail(reason) if os.environ.get("COMET_REQUIRE_ALL") else pytest.skip(reason)


def build(function: str, folder: Path) -> list[Path]:
    """Build `function` and its layer below `folder`, without the network. Return what Lambda adds to Python's path.

    `sam build` runs the same Makefiles. A test compares the results, byte for byte.
    """
    need(PYTHON.exists(), "the runtime's Python")
    need((TOOLS / ".wheels" / "installed").exists(), "a wheel of the layers")
    for sources, target in ((ROOT / "functions", function), (ROOT / "layers", LAYERS[function])):
        made = folder / target
        made.mkdir()
        environment = {
            "PATH": f"{PYTHON.parent}{os.pathsep}{os.environ['PATH']}",
            "ARTIFACTS_DIR": str(made),
            "PIP_FIND_LINKS": (TOOLS / ".wheels").as_uri(),  # pip splits paths at spaces
            "PIP_NO_INDEX": "1",
        }
        command = ["make", "--silent", f"build-{target}"]
        run = subprocess.run(command, cwd=sources, env=environment, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
    return [folder / function, folder / LAYERS[function] / "python"]


def compile_again(package: Path) -> None:
    """Write the byte code of `package` again, as the build does. Lambda never compares it with the source."""
    command = [str(PYTHON), "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash", str(package)]
    subprocess.run(command, check=True)
