"""Test the distribution `comet-updates-client`: it has every module that it imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from testkit.project import ROOT

NOT_NEEDED = ("boto3", "botocore", "pydantic", "obstore", "aws_lambda_powertools", "jinja2", "yaml", "rich", "typer")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the installed distribution, without its dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", folder, ROOT / "client"], check=True)
    return folder


def imports_all(installed: Path, *missing: str) -> bool:
    """Return whether every module of the client can be imported while `missing` cannot."""
    code = f"""
import importlib, pkgutil, sys
sys.modules.update(dict.fromkeys({missing!r}))
import comet_updates, comet_updates_client
for package in (comet_updates, comet_updates_client):
    assert package.__file__.startswith({str(installed)!r})
for module in pkgutil.iter_modules(comet_updates_client.__path__, "comet_updates_client."):
    importlib.import_module(module.name)
"""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(installed)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    return run.returncode == 0


@pytest.mark.full
def test_distribution_holds_all_that_it_imports(installed: Path) -> None:
    assert imports_all(installed, *NOT_NEEDED)


@pytest.mark.full
@pytest.mark.parametrize("missing", ["comet_updates.versions", "minisign", "tuf"])
def test_missing_module_is_noticed(installed: Path, missing: str) -> None:
    """Positive control of the test above."""
    assert not imports_all(installed, missing)
