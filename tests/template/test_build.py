"""What `make build` makes, and that it runs in Lambda's own runtime: emulator and runtime client, no container."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from testkit.events import SWEEP
from testkit.lambda_runtime import PYTHON, Invoke, lambda_runtime
from testkit.project import ROOT
from testkit.reviewed import ANSWER_MODULES
from tests.baseline import stored
from tests.template.test_events import UPLOAD, event

if TYPE_CHECKING:
    from testkit.fresh import Handler
    from testkit.s3 import S3

pytestmark = pytest.mark.full

SAM = ROOT / ".venv-sam" / "bin" / "sam"
RUNTIME_TAG = "cpython-313"
UNCHECKED_HASH = 0b01  # PEP 552: bytes 4 to 8 of a .pyc
FUNCTIONS = {"AnswerFunction": "AnswerLayer", "PublishFunction": "PublishLayer"}


def need(present: bool, what: str) -> None:  # noqa: FBT001
    """Skip where a person lacks what the build needs; fail where nothing may be skipped."""
    if not present:
        reason = f"{what} is missing: `make test-all` installs it where python3.13 is on PATH, in pyenv or in uv"
        pytest.fail(reason) if os.environ.get("COMET_REQUIRE_ALL") else pytest.skip(reason)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need(SAM.exists(), "the SAM CLI")
    need(PYTHON.exists(), "the runtime's Python")
    folder = tmp_path_factory.mktemp("build")
    run = subprocess.run([ROOT / "tools" / "build.sh", folder], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return folder


def test_sam_finds_no_fault() -> None:
    need(SAM.exists(), "the SAM CLI")
    command: list[str | Path] = [SAM, "validate", "--lint", "--template", ROOT / "template.yaml"]
    environment = os.environ | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_cfn_lint_finds_no_fault() -> None:
    cfn_lint = Path(sys.executable).parent / "cfn-lint"
    run = subprocess.run(
        [cfn_lint, "--format", "parseable", ROOT / "template.yaml"], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (0, "")


def sources(folder: Path) -> set[str]:
    """The modules that are in a folder, by their names."""
    parts = (path.relative_to(folder).with_suffix("").parts for path in folder.rglob("*.py"))
    return {".".join(part).removesuffix(".__init__") for part in parts}


def test_the_publishing_function_is_the_package_and_nothing_else(built: Path) -> None:
    assert sources(built / "PublishFunction") == sources(ROOT / "functions")


def test_the_answering_function_is_the_modules_that_a_reviewer_reads_and_nothing_else(built: Path) -> None:
    assert sources(built / "AnswerFunction") == ANSWER_MODULES


def contents(folder: Path) -> list[str]:
    """Return the files of a function, or what is at the top of a layer, without byte code and without versions."""
    if (folder / "python").exists():
        found = {re.sub(r"-[0-9].*|\.cpython-.*", "", path.name) for path in (folder / "python").iterdir()}
    else:
        found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return sorted(name for name in found if "__pycache__" not in name)


def test_built_packages_hold_the_stored_files(built: Path) -> None:
    stored.check("packages.json", {name: contents(built / name) for pair in FUNCTIONS.items() for name in pair})


def test_file_in_a_package_is_listed(tmp_path: Path) -> None:
    """Positive control of the test above."""
    for name in (
        "function/a/b.py",
        "function/a/__pycache__/b.pyc",
        "layer/python/six-1.0.dist-info/x",
        "layer/python/six.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert contents(tmp_path / "function") == ["a/b.py"]
    assert contents(tmp_path / "layer") == ["six", "six.py"]


def test_the_answering_layer_holds_no_heavy_library(built: Path) -> None:
    answer, publish = ({path.name for path in (built / layer / "python").iterdir()} for layer in FUNCTIONS.values())
    assert {"obstore", "aws_lambda_powertools"} <= answer
    assert not {"boto3", "botocore", "pydantic", "pydantic_core", "cryptography"} & answer
    assert {"boto3", "pydantic", "semver", "packaging"} <= publish


def test_the_binaries_are_for_the_architecture_of_the_functions(built: Path) -> None:
    machines = {path.read_bytes()[18:20] for path in built.rglob("*.so*")}
    assert machines == {b"\x3e\x00"}  # ELF e_machine: x86-64


def without_byte_code(folder: Path) -> list[str]:
    """The names of the sources that Python would compile, or check, at a cold start."""
    found = []
    for source in folder.rglob("*.py"):
        compiled = source.parent / "__pycache__" / f"{source.stem}.{RUNTIME_TAG}.pyc"
        if not compiled.exists() or int.from_bytes(compiled.read_bytes()[4:8], "little") != UNCHECKED_HASH:
            found.append(source.name)
    return found


def test_all_code_comes_with_byte_code_that_needs_no_check(built: Path) -> None:
    assert len(list(built.rglob("*.py"))) > 500
    assert without_byte_code(built) == []


@pytest.mark.parametrize(
    ("mode", "found"), [("timestamp", ["a.py"]), ("checked-hash", ["a.py"]), ("unchecked-hash", []), (None, ["a.py"])]
)
def test_byte_code_that_needs_a_check_is_found(tmp_path: Path, mode: str | None, found: list[str]) -> None:
    """Positive control of the test above."""
    need(PYTHON.exists(), "the runtime's Python")
    (tmp_path / "a.py").touch()
    if mode:
        subprocess.run([PYTHON, "-m", "compileall", "-q", "--invalidation-mode", mode, tmp_path], check=True)
    assert without_byte_code(tmp_path) == found


def test_nothing_of_the_building_machine_is_inside(built: Path) -> None:
    marks = [os.fsencode(built), os.fsencode(ROOT)]
    assert [path for path in built.rglob("*.pyc") if any(mark in path.read_bytes() for mark in marks)] == []


def test_two_builds_are_the_same_bytes(built: Path, tmp_path: Path) -> None:
    subprocess.run([ROOT / "tools" / "build.sh", tmp_path], capture_output=True, check=True)
    once, again = (
        {p.relative_to(f): hashlib.sha256(p.read_bytes()).digest() for p in f.rglob("*") if p.is_file()}
        for f in (built, tmp_path)
    )
    # SAM writes paths relative to the build folder into the template; functions and layers are what is uploaded.
    assert {p for p in once.keys() | again.keys() if once.get(p) != again.get(p)} <= {Path("template.yaml")}


def running(built: Path, function: str, settings: dict[str, str]) -> AbstractContextManager[Invoke]:
    """The built `function` with its layer, in Lambda's runtime."""
    handler = f"comet_updates.{'answer' if function.startswith('Answer') else 'publish'}.handler.handler"
    return lambda_runtime(handler, [built / function, built / FUNCTIONS[function] / "python"], settings)


@pytest.fixture
def settings(s3: S3, environment: None) -> dict[str, str]:
    names = ("BUCKET", "S3_ENDPOINT", "MEMORY_TTL_S", "LOG_LEVEL", "LOG_SUCCESSES", "ONLINE_KEY")
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_") or name in names}


def test_the_built_answering_function_answers_in_lambdas_runtime(
    built: Path, s3: S3, publish: Handler, settings: dict[str, str]
) -> None:
    s3.put(UPLOAD, (ROOT / "examples" / UPLOAD).read_bytes())
    publish(SWEEP, None)
    with running(built, "AnswerFunction", settings) as invoke:
        answer = invoke(event("get"))
        assert (answer["statusCode"], json.loads(answer["body"])["version"]) == (200, "4.2.1")
        assert invoke(event("legacy-guid")) == answer
        assert invoke(event("post"))["statusCode"] == 405


def test_the_built_answering_function_writes_what_somebody_has_to_act_on(built: Path) -> None:
    """With the logger that it loads only then; what its package leaves out is not missed."""
    event = {"rawPath": "/v1/comet-cursor/stable", "requestContext": {"http": {"method": "GET"}}}
    code = f"from comet_updates.answer.handler import handler; print(handler({event}, None)['statusCode'])"
    environment = {
        "PYTHONPATH": os.pathsep.join([str(built / "AnswerFunction"), str(built / "AnswerLayer" / "python")]),
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "BUCKET": "bucket",
        "S3_ENDPOINT": "http://127.0.0.1:9",
        "MEMORY_TTL_S": "60",
        "LOG_LEVEL": "INFO",
        "LOG_SUCCESSES": "false",
    }
    run = subprocess.run([PYTHON, "-c", code], env=environment, capture_output=True, text=True, check=True)
    line, status = run.stdout.splitlines()
    assert (json.loads(line)["outcome"], status, run.stderr) == ("unavailable", "503", "")


def test_the_built_publishing_function_publishes_in_lambdas_runtime(
    built: Path, s3: S3, settings: dict[str, str]
) -> None:
    s3.put(UPLOAD, (ROOT / "examples" / UPLOAD).read_bytes())
    with running(built, "PublishFunction", settings) as invoke:
        assert invoke(event("s3-upload")) == {"batchItemFailures": []}
    assert s3.json("public/v1/comet-cursor/stable/manifest.json")["version"] == "4.2.1"
