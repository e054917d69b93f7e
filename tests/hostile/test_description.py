"""Test the local service: schemathesis sends the requests that the service's description allows and forbids."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from testkit.lambda_runtime import free_port
from tests.cli.local.test_serve import start

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
QUICK, FULL = 2, 30
"""The number of examples for each of sixteen operations, in `make test` and in `make test-all`.

Schemathesis adds some of its own.
"""


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    port = free_port()
    process = start(port, free_port())
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready ")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=300)


def asked(description: str, service: str, folder: Path, examples: int = QUICK) -> subprocess.CompletedProcess[str]:
    """Send all requests that a description (a URL or a file) allows, and some that it forbids."""
    # A valid name that nobody published is answered with 404, which is correct.
    options = ["--checks=all", "--exclude-checks=positive_data_acceptance", f"--max-examples={examples}", "--seed=1"]
    options += ["--no-color", "--generation-database=none"]
    command: list[str | Path] = [SCHEMATHESIS, "run", description, "--url", service, *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "examples", [pytest.param(QUICK, id="quick"), pytest.param(FULL, id="all", marks=pytest.mark.full)]
)
def test_the_service_answers_as_it_describes_itself(service: str, tmp_path: Path, examples: int) -> None:
    run = asked(f"{service}/schemas/openapi.json", service, tmp_path, examples)
    assert run.returncode == 0, run.stdout
    assert "16 selected / 16 total" in run.stdout


@pytest.mark.full
def test_what_the_service_does_not_say_of_itself_is_noticed(service: str, tmp_path: Path) -> None:
    """Positive control: the description lacks a status, and requires a field that no answer has."""
    with urllib.request.urlopen(f"{service}/schemas/openapi.json") as answer:
        description = json.load(answer)
    for path in description["paths"].values():
        del path["get"]["responses"]["404"]
    schema = {"type": "object", "required": ["who-asked"]}
    description["paths"] = {path: description["paths"][path] for path in ("/", "/schemas/{name}.json")}
    got = description["paths"]["/schemas/{name}.json"]["get"]["responses"]["200"]
    got["content"]["application/json"] = {"schema": schema}
    (tmp_path / "description.json").write_text(json.dumps(description))
    run = asked("description.json", service, tmp_path)
    assert run.returncode == 1
    assert "who-asked" in run.stdout
