"""Test which module may import which, for each file, and what the answering function loads at its start."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from checks.privacy_proof.source import code_lines
from testkit.reviewed import ANSWER_MODULES, environment

ROOT = Path(__file__).parents[1]
TREES = tuple(
    ROOT / name
    for name in (
        "functions",
        "cli",
        "client",
    )
)
"""Folders whose packages are imported without the folder's name."""
OUTSIDE = ("bench", "checks", "testkit")
"""Further packages in the table."""
OURS = {"comet_updates", "comet_updates_cli", "comet_updates_client", "bench", "checks", "testkit", "tests"}

MAY_IMPORT: dict[str, set[str]] = {
    "comet_updates.answer": set(),
    "comet_updates.errors": {"comet_updates.answer.errors"},
    "comet_updates.object_keys": {"comet_updates.answer.urls"},
    "comet_updates.versions": {"comet_updates.errors"},
    "comet_updates.promises": set(),
    "comet_updates.model": {"comet_updates.errors", "comet_updates.object_keys", "comet_updates.versions"},
    "comet_updates.formats": {"comet_updates.model"},
    "comet_updates.pages": {"comet_updates.formats", "comet_updates.promises"},
    "comet_updates.signing": {"comet_updates.errors", "comet_updates.object_keys"},
    "comet_updates.publish": {  # only the parts of `answer` that functions/Makefile copies
        "comet_updates.answer.log",
        "comet_updates.answer.settings",
        "comet_updates.formats",
        "comet_updates.pages",
        "comet_updates.promises",
        "comet_updates.signing",
    },
    "comet_updates_client": {
        "comet_updates.answer.urls",
        "comet_updates.errors",
        "comet_updates.object_keys",
        "comet_updates.versions",
        "comet_updates.model.served",
    },
    "comet_updates_cli": {"comet_updates.answer", "comet_updates.publish", "comet_updates_client"},
    "testkit": {"comet_updates", "comet_updates_cli", "comet_updates_client"},
    "checks": {"testkit"},
    "bench": {"testkit"},
}
"""A package or module → what it may import. A row allows its targets and everything that they may import."""

HOMES: dict[str, set[str]] = {
    "boto3": {"comet_updates.publish.bucket", "comet_updates_cli.audit.account", "comet_updates_cli.local.local_aws"},
    "botocore": {
        "comet_updates.publish.bucket",
        "comet_updates_cli.audit.account",
        "comet_updates_cli.local.local_aws",
        "comet_updates_cli.upload_files",
    },
    "mypy_boto3_s3": {"comet_updates.publish.bucket", "comet_updates_cli.upload_files"},
    "moto": {"comet_updates_cli.local.local_aws"},
    "uvicorn": {"comet_updates_cli.local.serve"},
    "rich": {"comet_updates_cli.ask_text", "comet_updates_cli.commands.ask", "comet_updates_cli.output"},
    "typer": {
        "comet_updates_cli",
        "comet_updates_cli.commands",
        "comet_updates_cli.options",
        "comet_updates_cli.rollout_options",
        "comet_updates_cli.terminal",
    },
    "minisign": {"comet_updates_client.verify"},
    "tuf": {
        "comet_updates.publish.online_roles",
        "comet_updates.signing.sign",
        "comet_updates.signing.verify",
        "comet_updates_cli.signing.key_folder",
        "comet_updates_cli.signing.offline_roles",
        "comet_updates_cli.signing.sign_states",
        "comet_updates_client.source_tuf",
    },
    "securesystemslib": {
        "comet_updates.signing.sign",
        "comet_updates.signing.verify",
        "comet_updates_cli.signing.key_folder",
        "comet_updates_cli.signing.offline_roles",
        "comet_updates_client.source_tuf",
    },
    "cryptography": {
        "comet_updates.signing.file_signatures",
        "comet_updates.signing.sign",
        "comet_updates.signing.verify",
    },
    "jinja2": {"comet_updates.pages.html"},
    "markupsafe": {"comet_updates.pages.html", "comet_updates.pages.index", "comet_updates.pages.product"},
    "markdown_it": {"comet_updates.formats.notes", "comet_updates_cli.changelog"},
    "nh3": {"comet_updates.formats.notes"},
    "pydantic": {
        "comet_updates.model.channel",
        "comet_updates.model.fields",
        "comet_updates.model.product",
        "comet_updates.model.publisher",
        "comet_updates.model.release",
        "comet_updates.model.served",
        "comet_updates.publish.uploads.parse",
    },
    "pydantic_core": {"comet_updates.publish.uploads.parse"},
    "aws_lambda_powertools": {"comet_updates.answer.log"},
    "obstore": {"comet_updates.answer.store"},
    "packaging": {"comet_updates.versions"},
    "semver": {
        "comet_updates.answer.drop_in",
        "comet_updates.formats.electron_updater",
        "comet_updates.formats.selection",
        "comet_updates.formats.tauri",
        "comet_updates.formats.velopack",
        "comet_updates.versions",
    },
    "yaml": {
        "comet_updates.formats.electron_updater",
        "comet_updates_cli.check_documents",
    },
}
"""Foreign package → the only modules that may import it. A package in `PACKAGES` stands for all of its modules."""
PACKAGES = {"comet_updates_cli.commands"}

READS_ENVIRONMENT = {
    "comet_updates.answer.handler",
    "comet_updates.publish.handler",
    "comet_updates_cli.commands.serve",
}
OF_FILES = {
    f"os.{name}"
    for name in (
        *("open", "fstat", "fsync", "stat_result", "path.samestat", "SEEK_END", "O_RDWR", "O_NOFOLLOW", "O_NONBLOCK"),
        *("O_BINARY", "name", "geteuid", "utime"),
    )
}
"""What any module may use of `os`: it reads no environment. It tells nothing about the machine or its user but whether
a file is theirs."""
PURE = (
    "comet_updates.publish.decide",
    "comet_updates.publish.render",
    "comet_updates.publish.uploads.parse",
    "comet_updates.publish.uploads.rules",
    "comet_updates.publish.uploads.accept",
    "comet_updates.publish.uploads.acceptance",
)
"""Modules that decide and render. They do not reach boto3, not even for a type."""


def _modules() -> dict[str, Path]:
    found = {}
    for tree in (*TREES, *(ROOT / name for name in OUTSIDE)):
        base = tree if tree in TREES else ROOT
        for path in sorted(tree.rglob("*.py")):
            parts = path.relative_to(base).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = _modules()


def read(module: str) -> str:
    """Return the source of a module."""
    return MODULES[module].read_text()


def is_below(module: str, package: str) -> bool:
    """Return whether a module is a package, or a part of it."""
    return module == package or module.startswith(f"{package}.")


def row_of(module: str) -> str | None:
    """Return the row of the table for a module of ours."""
    rows = [row for row in MAY_IMPORT if is_below(module, row)]
    return max(rows, key=len, default=None)


@cache
def allowed(row: str) -> frozenset[str]:
    """Return everything that a row allows, including what its targets may import."""
    targets = MAY_IMPORT[row]
    further = (allowed(below) for target in targets if (below := row_of(target)) and below != row)
    return frozenset(targets).union(*further)


def imports(source: str) -> Iterator[str]:
    """Yield every module or symbol that a source imports, at any place."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_in(imported: str) -> str:
    """Return the module of ours that an import loads: `imported` itself, or the module of the symbol."""
    return imported if imported in MODULES else imported.rpartition(".")[0]


def violations(module: str, source: str) -> list[tuple[str, str]]:
    """Return the forbidden imports and reads of a module, as (module, import)."""
    row, found = row_of(module), []
    for imported in imports(source):
        top = imported.split(".")[0]
        if top in OURS:
            loaded = module_in(imported)
            may = loaded in ("", "comet_updates") or row is None
            may = may or any(is_below(loaded, target) for target in (row, *allowed(row)) if target)
            if not may:
                found.append((module, loaded))
        elif not any(is_below(module, outside) for outside in OUTSIDE):
            if top not in sys.stdlib_module_names and top != "__future__" and not is_at_home(module, top):
                found.append((module, imported))
            if top == "os" and module not in READS_ENVIRONMENT and not uses_only_files(imported, source):
                found.append((module, imported))
    return sorted(set(found))


def uses_only_files(imported: str, source: str) -> bool:
    """Return whether an import of `os` leads to nothing but `OF_FILES`."""
    if imported != "os":
        return imported in OF_FILES
    nodes = [*ast.walk(ast.parse(source))]
    used = [f"os.{node.attr}" for node in nodes if isinstance(node, ast.Attribute) and is_os(node.value)]
    for node in nodes:
        match node:
            case ast.Call(func=ast.Name(id="getattr" | "hasattr"), args=[module, ast.Constant(value=str(name)), *_]):
                used += [f"os.{name}"] if is_os(module) else []
    return bool(used) and len(used) == sum(map(is_os, nodes)) and set(used) <= OF_FILES


def is_os(node: ast.AST) -> bool:
    """Return whether a node is the name of the module `os`."""
    return isinstance(node, ast.Name) and node.id == "os"


def is_at_home(module: str, foreign: str) -> bool:
    """Return whether a module may import a foreign package."""
    homes = HOMES.get(foreign, set())
    return module in homes or any(is_below(module, package) for package in homes & PACKAGES)


def loads(module: str) -> set[str]:
    """Return the modules of ours that a module imports, at any place."""
    return {module_in(imported) for imported in imports(read(module)) if module_in(imported) in MODULES} - {module}


def circles(loaded_by: dict[str, set[str]]) -> set[tuple[str, str]]:
    """Return the pairs of modules that reach each other. Imports inside commands count, too."""
    reached: dict[str, set[str]] = {}
    for module in loaded_by:
        todo, seen = [module], set[str]()
        while todo:
            for loaded in loaded_by[todo.pop()] - seen:
                seen.add(loaded)
                todo.append(loaded)
        reached[module] = seen
    return {(one, other) for one in loaded_by for other in reached[one] if one < other and one in reached[other]}


def reaches_boto3(module: str) -> bool:
    """Return whether a module loads boto3 in a fresh interpreter, or names it for a type."""
    code = f"import sys, {module}; print('boto3' in sys.modules)"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, TREES))}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip() == "True" or any(name.startswith("mypy_boto3") for name in imports(read(module)))


# ---- tests
@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_row_allows(module: str) -> None:
    assert violations(module, read(module)) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("comet_updates.answer.respond", "from comet_updates.versions import Scheme"),
        ("comet_updates.answer.handler", "from comet_updates import publish"),
        ("comet_updates.answer.log", "def f():\n    from comet_updates.publish import decide"),
        ("comet_updates.formats.manifest", "import boto3"),
        ("comet_updates.object_keys", "import pydantic"),
        ("comet_updates.publish.decide", "import os"),
        ("comet_updates.publish.run", "from comet_updates.answer import store"),
        ("comet_updates_client.check", "from comet_updates.publish import decide"),
        ("comet_updates_client.http", "import os"),
        ("comet_updates_client.http", "from os import environ"),
        ("comet_updates_client.http", "import os\nos.fstat(0)\nos.environ"),
        ("comet_updates_client.http", "import os\ngetattr(os, 'environ')"),
        ("comet_updates_client.http", "import os\nvars(os)['environ']"),
    ],
)
def test_a_forbidden_import_is_found(module: str, source: str) -> None:
    assert violations(module, source)


def test_an_import_that_a_target_may_do_is_allowed() -> None:
    assert violations("comet_updates_client.own_file", "import os\ngetattr(os, 'O_NOFOLLOW', os.fstat(0))") == []
    assert violations("comet_updates.formats.manifest", "from comet_updates.errors import Problem") == []


def test_every_module_has_a_row() -> None:
    assert [module for module in MODULES if row_of(module) is None and "." in module] == []
    assert [row for row in MAY_IMPORT if not any(is_below(module, row) for module in MODULES)] == []


def test_no_two_modules_import_each_other() -> None:
    assert circles({module: loads(module) for module in MODULES}) == set()


def test_circle_of_three_modules_is_found() -> None:
    """Positive control of the test above."""
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == {("a", "b"), ("a", "c"), ("b", "c")}


@pytest.mark.parametrize("module", PURE)
def test_what_decides_does_not_reach_boto3(module: str) -> None:
    assert not reaches_boto3(module)


def test_module_that_reaches_boto3_is_found() -> None:
    """Positive control of the test above."""
    assert reaches_boto3("comet_updates.publish.bucket")


def test_answering_loads_ten_modules_of_ours_and_no_heavy_library() -> None:
    """These ten are all that a privacy reviewer must read."""
    code = (
        "import sys, comet_updates.answer.handler\n"
        "print(*(n for n in sys.modules if n.split('.')[0] in "
        "('comet_updates', 'comet_updates_cli', 'comet_updates_client', "
        "'boto3', 'pydantic', 'cryptography', 'semver', 'packaging') "
        "or n.startswith('botocore.')), sep='\\n')"  # powertools checks whether botocore exists; no part of it loads
    )
    settings = environment(TREES)  # test this source, not an installed copy
    run = subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) == ANSWER_MODULES


def test_what_can_cause_an_answer_fits_on_one_screen() -> None:
    """Limit the handler and the rules together: besides the URL grammar, they decide every answer."""
    assert len(read("comet_updates.answer.respond").splitlines()) <= 90
    assert len(read("comet_updates.answer.handler").splitlines()) <= 70


def test_answering_package_has_at_most_600_lines_of_code() -> None:
    """Limit the package, which a privacy reviewer reads whole. A commit that adds to it gives the reason."""
    assert 400 < sum(map(code_lines, ANSWER_MODULES)) <= 600
