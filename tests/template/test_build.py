"""Test the packages of `sam build`, and run them in Lambda's own runtime: emulator and runtime client, no container."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from comet_updates.answer.urls import DocumentId
from comet_updates_cli.audit.code import differences
from testkit import packages
from testkit.events import SWEEP
from testkit.lambda_runtime import PYTHON, Invoke, lambda_runtime
from testkit.packages import LAYERS, need
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


def sam_build(folder: Path, path: str, *resource: str) -> subprocess.CompletedProcess[str]:
    """Run `sam build` as a person types it, without the network and with a PATH of its own."""
    need(SAM.exists(), "the SAM CLI")
    environment = {
        "HOME": os.environ.get("HOME", "/"),
        "PATH": path,
        "PIP_FIND_LINKS": str(ROOT / ".wheels"),
        "PIP_NO_INDEX": "1",
        "SAM_CLI_TELEMETRY": "0",
    }
    command = [str(SAM), "build", "--build-dir", str(folder), *resource]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def with_python() -> str:
    """Return a PATH with the runtime's Python."""
    need(PYTHON.exists(), "the runtime's Python")
    return f"{PYTHON.parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    run = sam_build(folder, with_python())
    assert run.returncode == 0, run.stderr
    return folder


def linked(folder: Path, *programs: str) -> Path:
    """Make a folder for PATH that has these programs, by name or path, and no others."""
    folder.mkdir()
    for program in programs:
        (folder / Path(program).name).symlink_to(str(shutil.which(program)))
    return folder


NEEDED = ("make", "find", "tar", "mkdir", "rm", "chmod")
"""The programs that the Makefiles need besides Python."""

SHIMS = pytest.mark.parametrize("shim", [None, "exit 127", "echo 3.12"], ids=["missing", "fails", "is-something-else"])


def without_python(folder: Path, shim: str | None) -> str:
    """Return a PATH with everything that a build needs except a working Python; `shim` is a script in its place."""
    path = linked(folder, *NEEDED)
    if shim:
        (path / "python3.13").write_text(f"#!/bin/sh\n{shim}\n")
        (path / "python3.13").chmod(0o755)
    return str(path)


@SHIMS
def test_sam_build_without_python_fails_and_says_what_to_type(tmp_path: Path, shim: str | None) -> None:
    run = sam_build(tmp_path / "build", without_python(tmp_path / "bin", shim))
    (line,) = [line for line in run.stderr.splitlines() if "python3.13" in line]
    assert "python3.13 with pip is not on PATH: install Python 3.13, or type `make build`" in line
    assert run.returncode != 0


def test_sam_build_with_python_on_path_builds(tmp_path: Path) -> None:
    """Positive control of the test above."""
    need(PYTHON.exists(), "the runtime's Python")
    path = linked(tmp_path / "bin", *NEEDED, str(PYTHON.resolve()))
    run = sam_build(tmp_path / "build", str(path), "AnswerFunction")
    assert run.returncode == 0, run.stderr
    assert sources(tmp_path / "build" / "AnswerFunction") == ANSWER_MODULES


def make(target: str, sources: Path, path: str) -> subprocess.CompletedProcess[str]:
    """Run the Makefile of a package as SAM does, with a folder `result` beside the sources for what it makes."""
    result = sources.parent / "result"
    result.mkdir()
    command, environment = ["make", f"build-{target}"], {"PATH": path, "ARTIFACTS_DIR": str(result)}
    return subprocess.run(command, cwd=sources, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the sources of both functions."""
    ignored = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(ROOT / "functions", tmp_path / "functions", ignore=ignored)


@SHIMS
def test_build_of_functions_without_python_fails_and_says_what_to_type(
    copy: Path, tmp_path: Path, shim: str | None
) -> None:
    """Positive control of the test below, which has the runtime's Python."""
    run = make("PublishFunction", copy, without_python(tmp_path / "bin", shim))
    (line,) = run.stderr.splitlines()
    assert "python3.13 is not on PATH: install Python 3.13, or type `make build`" in line
    assert run.returncode != 0


@pytest.mark.parametrize(
    ("name", "is_copied"),
    [
        ("answer/added.py", False),
        ("publish/added.py", True),
        ("pages/templates/added.html.jinja", True),
        ("added.py", False),
        ("audit/__init__.py", False),
        ("publish/added.txt", False),
        ("publish/added.py~", False),
        ("publish/__pycache__/added.cpython-313.pyc", False),
    ],
)
def test_build_of_publishing_copies_only_listed_files(copy: Path, name: str, *, is_copied: bool) -> None:
    added = copy / "comet_updates" / name
    added.parent.mkdir(exist_ok=True)
    added.touch()
    run = make("PublishFunction", copy, with_python())
    assert run.returncode == 0, run.stderr
    assert (copy.parent / "result" / "comet_updates" / name).exists() == is_copied


@pytest.mark.parametrize("name", ["errors.py", "answer/log.py"])
def test_build_without_a_listed_file_fails_and_names_it(copy: Path, name: str) -> None:
    """Positive control of the test above."""
    (copy / "comet_updates" / name).unlink()
    run = make("PublishFunction", copy, with_python())
    assert f"comet_updates/{name}" in run.stderr
    assert run.returncode != 0


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
    """Return the names of the modules in a folder."""
    parts = (path.relative_to(folder).with_suffix("").parts for path in folder.rglob("*.py"))
    return {".".join(part).removesuffix(".__init__") for part in parts}


def python(built: Path, function: str, code: str) -> subprocess.CompletedProcess[str]:
    """Run code with the built function and its layer, as in a cloud whose S3 does not answer."""
    path = [str(built / function), str(built / LAYERS[function] / "python")]
    environment = {
        "PYTHONPATH": os.pathsep.join(path),
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "BUCKET": "bucket",
        "S3_ENDPOINT": "http://127.0.0.1:9",
        "MEMORY_TTL_S": "60",
        "LOG_LEVEL": "INFO",
        "LOG_SUCCESSES": "false",
        "ONLINE_KEY": "none",
        "SERVICE_URL": "none",
    }
    return subprocess.run([PYTHON, "-c", code], env=environment, capture_output=True, text=True, check=True)


def test_publishing_function_holds_the_modules_that_it_loads(built: Path) -> None:
    code = (
        "import sys, comet_updates.publish.handler\n"
        "print(*(name for name in sys.modules if name.partition('.')[0] == 'comet_updates'))"
    )
    assert sources(built / "PublishFunction") == set(python(built, "PublishFunction", code).stdout.split())


def test_answering_function_has_only_the_modules_that_a_reviewer_reads(built: Path) -> None:
    assert sources(built / "AnswerFunction") == ANSWER_MODULES


def contents(folder: Path) -> list[str]:
    """Return the files of a function, or what is at the top of a layer, without byte code and without versions."""
    if (folder / "python").exists():
        found = {re.sub(r"-[0-9].*|\.cpython-.*", "", path.name) for path in (folder / "python").iterdir()}
    else:
        found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return sorted(name for name in found if "__pycache__" not in name)


def test_built_packages_hold_the_stored_files(built: Path) -> None:
    stored.check("packages.json", {name: contents(built / name) for pair in LAYERS.items() for name in pair})


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
    answer, publish = ({path.name for path in (built / layer / "python").iterdir()} for layer in LAYERS.values())
    assert {"obstore", "aws_lambda_powertools"} <= answer
    assert not {"boto3", "botocore", "pydantic", "pydantic_core", "cryptography"} & answer
    assert {"boto3", "pydantic", "semver", "packaging"} <= publish


def test_the_binaries_are_for_the_architecture_of_the_functions(built: Path) -> None:
    machines = {path.read_bytes()[18:20] for path in built.rglob("*.so*")}
    assert machines == {b"\x3e\x00"}  # ELF e_machine: x86-64


def without_byte_code(folder: Path) -> list[str]:
    """Return the names of the sources that Python would compile or check at a cold start."""
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


def naming(folder: Path, *places: Path) -> list[str]:
    """Return the files of packages that name one of these places of the building machine."""
    marks = [os.fsencode(place) for place in places]
    files = [path for path in folder.rglob("*") if path.is_file() and path.parent != folder]
    return [path.name for path in files if any(mark in path.read_bytes() for mark in marks)]


def test_nothing_of_the_building_machine_is_inside(built: Path) -> None:
    assert naming(built, built, ROOT) == []


def test_path_of_the_building_machine_is_found(tmp_path: Path) -> None:
    """Positive control of the test above."""
    (tmp_path / "AnswerLayer").mkdir()
    (tmp_path / "AnswerLayer" / "script").write_text(f"#!{PYTHON}\n")
    assert naming(tmp_path, tmp_path) == []
    assert naming(tmp_path, ROOT) == ["script"]


def fingerprints(folder: Path) -> dict[Path, tuple[int, bytes]]:
    """Return the mode and the hash of each file of the packages.

    The template is left out, because SAM writes paths relative to the build folder into it.
    """
    files = [path for path in folder.rglob("*") if path.is_file() and path.parent != folder]
    return {p.relative_to(folder): (p.stat().st_mode, hashlib.sha256(p.read_bytes()).digest()) for p in files}


ELSEWHERE = {
    "LC_ALL": "tr_TR.UTF-8",
    "PYTHONHASHSEED": "7",
    "PYTHONOPTIMIZE": "2",
    "SOURCE_DATE_EPOCH": "1",
    "TAR_OPTIONS": "--exclude=errors.py",
    "TZ": "Pacific/Kiritimati",
}
"""What differs on another machine, and may not change a build."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of what `make build` needs, in another folder and with other times."""
    place = tmp_path / "another place"
    for name in ("functions", "layers", "tools"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "template.yaml", place)
    for name in (".venv-sam", ".wheels"):
        (place / name).symlink_to((ROOT / name).resolve())
    for folder in ("functions", "layers"):
        for path in (place / folder).rglob("*"):
            os.utime(path, (981_173_106, 981_173_106))
    return place


def changed(once: Path, again: Path) -> set[str]:
    """Return the names of the files that differ between two builds."""
    one, other = fingerprints(once), fingerprints(again)
    return {str(path) for path in one.keys() | other.keys() if one.get(path) != other.get(path)}


def test_two_builds_are_the_same_bytes(built: Path, project: Path, tmp_path: Path) -> None:
    """Compare plain `sam build` with `make build` in another folder, with a umask that hides files from others."""
    need((ROOT / ".wheels").exists(), "the folder of wheels")
    command = [project / "tools" / "build.sh", tmp_path / "again"]
    run = subprocess.run(command, env=os.environ | ELSEWHERE, umask=0o077, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert changed(built, tmp_path / "again") == set()
    assert {stat.filemode(mode)[4:] for mode, _ in fingerprints(built).values()} <= {"r--r--", "r-xr-x"}


def test_build_that_differs_in_a_byte_or_a_mode_is_found(tmp_path: Path) -> None:
    """Positive control of the test above."""
    for folder in ("once", "again"):
        for name in ("same.py", "byte.py", "mode.py", f"{folder}.py"):
            file = tmp_path / folder / "AnswerFunction" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{folder if name == 'byte.py' else 'same'}\n")
            file.chmod(0o600 if (folder, name) == ("again", "mode.py") else 0o644)
    found = {name.rpartition("/")[2] for name in changed(tmp_path / "once", tmp_path / "again")}
    assert found == {"byte.py", "mode.py", "once.py", "again.py"}


def test_built_functions_hold_the_reviewed_source(built: Path) -> None:
    """Compare each file of ours, so that no step of the build can change one.

    The build adds only the commit and its day, and plain `sam build` knows neither.
    """
    assert other_sources(built / "AnswerFunction", ROOT / "functions") == []
    added = "comet_updates/pages/built.json"
    assert other_sources(built / "PublishFunction", ROOT / "functions") == [added]
    assert json.loads((built / "PublishFunction" / added).read_text()) == {"commit": "", "date": ""}


def other_sources(package: Path, reviewed: Path) -> list[str]:
    """Return the files of a package, besides byte code, that are not those of the `reviewed` folder."""
    files = [path.relative_to(package) for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return [
        str(name)
        for name in files
        if not (reviewed / name).is_file() or (package / name).read_bytes() != (reviewed / name).read_bytes()
    ]


def test_source_that_the_build_changed_is_found(copy: Path, tmp_path: Path) -> None:
    """Positive control of the test above."""
    changed_file = copy / "comet_updates" / "answer" / "handler.py"
    changed_file.write_bytes(changed_file.read_bytes() + b"\n")
    (copy / "comet_updates" / "added.py").touch()
    assert other_sources(copy, ROOT / "functions") == ["comet_updates/added.py", "comet_updates/answer/handler.py"]


def locked_files(layer: str, wheels: Path) -> dict[str, bytes]:
    """Return the files of all wheels of a layer, by name. Each wheel has a hash of the lock file."""
    lock = (ROOT / "layers" / layer / "requirements.txt").read_text()
    found: dict[str, bytes] = {}
    for wheel in wheels.glob("*.whl"):
        if hashlib.sha256(wheel.read_bytes()).hexdigest() in lock:
            with zipfile.ZipFile(wheel) as archive:
                found |= {name: archive.read(name) for name in archive.namelist()}
    return found


def other_libraries(package: Path, locked: dict[str, bytes]) -> list[str]:
    """Return the files of a layer, besides byte code, that are not those of the locked wheels."""
    files = [path for path in (package / "python").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    named = {path.relative_to(package / "python").as_posix(): path.read_bytes() for path in files}
    return sorted(name for name, content in named.items() if locked.get(name) != content)


@pytest.mark.parametrize("layer", ["answer", "publish"])
def test_layer_holds_only_files_of_the_locked_wheels(built: Path, layer: str) -> None:
    locked = locked_files(layer, (ROOT / ".wheels").resolve())
    package = built / f"{layer.title()}Layer"
    assert other_libraries(package, locked) == []
    some = next(name for name in locked if (package / "python" / name).is_file())
    assert other_libraries(package, locked | {some: b"?"}) == [some], "positive control"
    assert len(other_libraries(package, {})) > 50, "positive control"


@pytest.mark.parametrize("package", [name for pair in LAYERS.items() for name in pair])
def test_audit_accepts_the_package_that_sam_uploads(built: Path, package: str, tmp_path: Path) -> None:
    """Pack the files as `sam deploy` does, with its own function."""
    pack = (
        "import sys; from samcli.lib.package.utils import make_zip_with_lambda_permissions as pack; pack(*sys.argv[1:])"
    )
    subprocess.run([SAM.parent / "python", "-c", pack, tmp_path / "code", built / package], check=True)
    uploaded = (tmp_path / "code.zip").read_bytes()
    assert list(differences(built / package, uploaded)) == []
    other = next(name for name in LAYERS if name != package)
    assert list(differences(built / other, uploaded)) != [], "positive control"


def other_byte_code(package: Path) -> list[str]:
    """Return the byte code of a package that is not what Python makes of the file beside it."""
    code = """if True:
        import importlib.util, pathlib, py_compile, sys, tempfile
        package, inside = map(pathlib.Path, sys.argv[1:])
        made = pathlib.Path(tempfile.mkdtemp(), "made")
        for compiled in sorted(package.rglob("*.pyc")):
            source = pathlib.Path(importlib.util.source_from_cache(compiled))
            mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
            py_compile.compile(source, made, inside / source.relative_to(package), True, invalidation_mode=mode)
            if compiled.read_bytes() != made.read_bytes():
                print(compiled.name)
    """
    inside = "/opt" if (package / "python").exists() else "/var/task"
    run = subprocess.run([PYTHON, "-c", code, package, inside], capture_output=True, text=True, check=True)
    return run.stdout.split()


@pytest.mark.parametrize("package", [name for pair in LAYERS.items() for name in pair])
def test_byte_code_is_made_of_the_source_beside_it(built: Path, package: str) -> None:
    """Compile each file again. Lambda runs the byte code and never looks at the source."""
    assert other_byte_code(built / package) == []


def test_byte_code_of_another_source_is_found(copy: Path) -> None:
    """Positive control of the test above."""
    need(PYTHON.exists(), "the runtime's Python")
    command: list[str | Path] = [PYTHON, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", copy, "-p", "/var/task", copy / "comet_updates" / "answer"]
    subprocess.run(command, check=True)
    assert other_byte_code(copy) == []
    log, urls = (copy / "comet_updates" / "answer" / f"{name}.py" for name in ("log", "urls"))
    log.write_bytes(log.read_bytes() + b"\nprint(1)\n")
    compiled = urls.parent / "__pycache__" / f"urls.{RUNTIME_TAG}.pyc"
    compiled.write_bytes(compiled.read_bytes()[:-1] + b"?")
    assert other_byte_code(copy) == [f"log.{RUNTIME_TAG}.pyc", f"urls.{RUNTIME_TAG}.pyc"]


def test_packages_of_the_sandbox_are_those_of_sam_build(built: Path, tmp_path: Path) -> None:
    packages.build("AnswerFunction", tmp_path)
    packages.build("PublishFunction", tmp_path)
    assert changed(built, tmp_path) == set()


def running(
    built: Path, function: str, settings: dict[str, str], log: Path | None = None
) -> AbstractContextManager[Invoke]:
    """Run the built `function` with its layer, in Lambda's runtime. `log` gets what it writes."""
    handler = f"comet_updates.{'answer' if function.startswith('Answer') else 'publish'}.handler.handler"
    return lambda_runtime(handler, [built / function, built / LAYERS[function] / "python"], settings, log)


@pytest.fixture
def settings(s3: S3, environment: None) -> dict[str, str]:
    names = ("BUCKET", "S3_ENDPOINT", "MEMORY_TTL_S", "LOG_LEVEL", "LOG_SUCCESSES", "ONLINE_KEY", "SERVICE_URL")
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
    """Load the logger for the line. The part of its package that the layer leaves out is not needed."""
    event = {"rawPath": "/v1/comet-cursor/stable", "requestContext": {"http": {"method": "GET"}}}
    code = f"from comet_updates.answer.handler import handler; print(handler({event}, None)['statusCode'])"
    run = python(built, "AnswerFunction", code)
    line, status = run.stdout.splitlines()
    assert (json.loads(line)["outcome"], status, run.stderr) == ("unavailable", "503", "")


def test_the_built_publishing_function_publishes_in_lambdas_runtime(
    built: Path, s3: S3, settings: dict[str, str], tmp_path: Path
) -> None:
    s3.put(UPLOAD, (ROOT / "examples" / UPLOAD).read_bytes())
    with running(built, "PublishFunction", settings | {"LOG_SUCCESSES": "true"}, tmp_path / "log") as invoke:
        assert invoke(event("s3-upload")) == {"batchItemFailures": []}
    assert s3.json("public/v1/comet-cursor/stable/manifest.json")["version"] == "4.2.1"
    lines = [line for line in (tmp_path / "log").read_text().splitlines() if line.startswith("{")]
    assert {*map(tuple, map(json.loads, lines))} == {("level", "outcome", *DocumentId._fields, "cache", "duration")}
