"""Test the distribution `comet-updates`: what it needs, its README, and all commands in empty environments."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from markdown_it import MarkdownIt
from tools.find_python import find

from comet_updates_cli import app, sample_files
from comet_updates_cli.commands import serve
from testkit.lambda_runtime import TOOLS, free_port
from testkit.packages import need
from testkit.project import ROOT

WHEELS = TOOLS / ".wheels-command"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
CLIENT: dict[str, Any] = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())
ONLY_FOR_SERVE = {"aws-lambda-powertools", "obstore"}
VERSIONS = ("3.11", "3.12", "3.13")
PATIENCE_S = 300


def name(requirement: str) -> str:
    return re.split(r"[\[<>=; ]", requirement)[0]


def names(requirements: list[str]) -> set[str]:
    return {name(requirement) for requirement in requirements}


# ---- what it needs
def test_command_needs_what_publishing_needs() -> None:
    """Both render and sign the same documents."""
    layer = names(PROJECT["dependency-groups"]["publish"])
    assert layer - ONLY_FOR_SERVE <= names(PROJECT["project"]["dependencies"])
    assert names(PROJECT["project"]["dependencies"]).isdisjoint(ONLY_FOR_SERVE)
    assert names(PROJECT["dependency-groups"]["answer"]) <= names(
        PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["serve"]
    )


def test_client_needs_a_part_of_what_the_command_needs() -> None:
    assert set(CLIENT["project"]["dependencies"]) < set(PROJECT["project"]["dependencies"])


@pytest.mark.parametrize("missing", ["moto", "uvicorn"])
def test_serve_without_its_packages_prints_what_to_type(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None\nfrom comet_updates_cli import app; app(['serve'])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (2, "", f"{serve.NOT_INSTALLED}\n")


# ---- its page on a package index
@pytest.mark.parametrize("project", [PROJECT, CLIENT], ids=["command", "client"])
def test_readme_renders_outside_of_the_repository(project: dict[str, Any]) -> None:
    folder = ROOT if project is PROJECT else ROOT / "client"
    text = (folder / project["project"]["readme"]).read_text()
    tokens = MarkdownIt("commonmark", {"html": True}).parse(text)
    inner = [child for token in tokens for child in token.children or ()]
    links = [str(child.attrs[name]) for child in inner for name in ("href", "src") if name in child.attrs]
    assert links
    assert [link for link in links if not link.startswith("https://")] == []
    assert [token for token in (*tokens, *inner) if token.type.startswith("html")] == []


@pytest.mark.parametrize("project", [PROJECT, CLIENT], ids=["command", "client"])
def test_links_of_a_package_lead_to_files_of_the_repository(project: dict[str, Any]) -> None:
    folder = ROOT if project is PROJECT else ROOT / "client"
    readme = (folder / project["project"]["readme"]).read_text()
    urls = [*project["project"]["urls"].values(), *re.findall(r"\((https://[^)#]+)", readme)]
    paths = [found[1] for url in urls if (found := re.search(r"/(?:blob|tree)/main/(.+)", url))]
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


# ---- built and installed
@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the wheels of both distributions, by name."""
    folder = tmp_path_factory.mktemp("built")
    for source in (ROOT, ROOT / "client"):
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        subprocess.run([*pip, "--wheel-dir", folder, source], check=True)
    return {path.name.split("-")[0]: path for path in folder.iterdir()}


@pytest.mark.full
def test_wheels_hold_types_samples_and_the_same_files(built: dict[str, Path]) -> None:
    with zipfile.ZipFile(built["comet_updates"]) as both, zipfile.ZipFile(built["comet_updates_client"]) as client:
        assert {"comet_updates/py.typed", "comet_updates_client/py.typed", "comet_updates_cli/py.typed"} <= {
            *both.namelist()
        }
        samples = {f"comet_updates_cli/samples/{file.relative_to(sample_files.folder()).as_posix()}"
                   for file in sample_files.folder().rglob("*.json")}  # fmt: skip
        assert samples <= {*both.namelist()}
        shared = {file for file in client.namelist() if "dist-info" not in file and not file.endswith("LICENSE")}
        assert {file for file in shared if both.read(file) != client.read(file)} == set()
        assert "comet_updates_client/py.typed" in shared


class Environment:
    """An empty environment of one Python, without a network."""

    def __init__(self, folder: Path, version: str) -> None:
        found = find(version)
        need(found, f"Python {version}")
        need((WHEELS / "installed").exists(), "the folder with the wheels of the command", "`make test-all` fills it")
        assert found
        subprocess.run([found / f"python{version}", "-m", "venv", folder], check=True)
        self.python = folder / "bin" / "python"
        self.command = folder / "bin" / "comet-updates"
        self.folder = folder
        (folder / "empty").mkdir()

    def install(self, wheel: Path, extra: str = "") -> None:
        """Install a wheel and what it needs from the folder of wheels."""
        pip = ["-m", "pip", "install", "--quiet", "--no-index", "--find-links", WHEELS.as_uri(), f"{wheel}{extra}"]
        subprocess.run([self.python, *pip], check=True)

    def run(self, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a program in an empty folder, without the variables of the tests."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "COLUMNS": "200", **variables}
        return subprocess.run(
            arguments, cwd=self.folder / "empty", env=environment, capture_output=True, text=True, check=False
        )

    def installed(self) -> set[str]:
        """Return the names of the installed packages."""
        run = self.run(self.python, "-m", "pip", "list", "--format", "json")
        return {package["name"].lower() for package in json.loads(run.stdout)}


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command."""
    yield words
    for word, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*words, word))


@pytest.mark.full
@pytest.mark.parametrize("version", VERSIONS)
def test_bare_installation_runs_every_command(
    version: str, built: dict[str, Path], tmp_path: Path, s3_url: str
) -> None:
    environment = Environment(tmp_path / "environment", version)
    environment.install(built["comet_updates"])
    assert environment.installed().isdisjoint({"moto", "uvicorn", "obstore", "flask", "aws-lambda-powertools"})
    all_commands = [*commands(typer.main.get_command(app))]
    assert len(all_commands) > 20
    for words in all_commands:
        run = environment.run(environment.python, "-m", "comet_updates_cli", *words, "--help")
        assert (run.returncode, run.stderr) == (0, ""), words
        assert " ".join(("Usage: comet-updates", *words)) in run.stdout
    run = environment.run(environment.command, "serve")
    assert (run.returncode, run.stderr) == (2, f"{serve.NOT_INSTALLED}\n")
    built_file = tmp_path / "nova-1.0.0-setup.exe"
    built_file.write_bytes(b"MZ")
    aws = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1"}
    where = ("--bucket", "comet-updates", "--endpoint-url", s3_url)
    options = ("--product", "nova", "--new-product", "--version", "1.0.0", "--no-check-urls")
    base = ("--base-url", "https://downloads.example.com")
    run = environment.run(environment.command, "release", built_file, *options, *base, *where, **aws)
    assert run.returncode == 0, run.stderr
    assert "wrote releases/nova/stable/1.0.0.json" in run.stdout
    run = environment.run(environment.command, "status", "nova", "--json", *where, **aws)
    assert '"nova"' in run.stdout, run.stderr


@pytest.fixture
def s3_url() -> Iterator[str]:
    """Yield the URL of an S3 of the project's own `serve`, which runs in the environment of the tests."""
    port, s3_port = free_port(), free_port()
    code = "from comet_updates_cli import app; app(prog_name='comet-updates')"
    command = [sys.executable, "-c", code, "serve", "--empty", "--port", f"{port}", "--s3-port", f"{s3_port}"]
    process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == f"ready http://127.0.0.1:{port}\n"
    yield f"http://127.0.0.1:{s3_port}"
    process.kill()
    process.communicate()


@pytest.mark.full
def test_installation_with_serve_greets_with_commands_that_work(built: dict[str, Path], tmp_path: Path) -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    environment = Environment(tmp_path / "environment", version)
    environment.install(built["comet_updates"], "[serve]")
    port, s3_port = free_port(), free_port()
    variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PORT": f"{port}", "S3_PORT": f"{s3_port}"}
    process = subprocess.Popen(
        [environment.command, "serve"],
        cwd=environment.folder / "empty",
        env=variables,
        text=True,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    lines = []
    while not (line := process.stdout.readline()).startswith("Stop with"):
        assert line, "the service ended"
        lines.append(line)
    shown = [line.strip() for line in lines if line.startswith("  ")]
    try:
        exports = "".join(f"{line}\n" for line in shown if line.startswith("export "))
        tried = [line for line in shown if not line.startswith(("aws ", "export "))]
        results = [
            subprocess.run(["sh", "-c", exports + line], env=variables, capture_output=True, text=True, check=False)
            for line in tried
        ]
    finally:
        process.kill()
        process.communicate()
    assert [result.returncode for result in results[:5]] == [0] * 5
    latest, _, _, _, _, verified, signed = results
    assert '"version":"4.2.0"' in latest.stdout
    assert verified.returncode == 0, verified.stderr
    assert "4.2.0" in verified.stdout
    assert signed.returncode == 0, signed.stderr


@pytest.mark.full
def test_client_alone_imports_without_the_packages_of_the_command(built: dict[str, Path], tmp_path: Path) -> None:
    environment = Environment(tmp_path / "environment", f"{sys.version_info[0]}.{sys.version_info[1]}")
    environment.install(built["comet_updates_client"])
    assert environment.installed().isdisjoint({"typer", "rich", "boto3", "botocore", "pydantic"})
    code = (
        "import pkgutil, importlib, comet_updates_client as c\n"
        "for m in pkgutil.iter_modules(c.__path__): importlib.import_module(f'comet_updates_client.{m.name}')"
    )
    run = environment.run(environment.python, "-c", code)
    assert (run.returncode, run.stderr) == (0, "")
