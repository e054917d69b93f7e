"""Who may import whom, held against the code itself; and what really is loaded when the answering function starts."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from proof.source import code_lines, functions

PACKAGE = Path(__file__).parents[1] / "functions" / "comet_updates"

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "promises": set(),
    "deployment": set(),
    "names": {"errors"},
    "record": {"errors", "names"},
    "versions": {"errors"},
    "model": {"errors", "names", "versions"},
    "formats": {"errors", "names", "model", "promises"},
    "answer": {"errors", "names", "record"},
    "client": {"errors", "names", "versions"},
    "trust": {"errors", "names"},
    "publish": {"errors", "names", "record", "versions", "model", "formats", "trust"},
    "cli": {
        *("deployment", "errors", "names", "record", "versions", "model", "formats", "trust"),
        *("answer", "publish", "client"),
    },
}
"""Part of the package → the parts that it may import."""

HOMES = {
    "boto3": {"publish/bucket.py", "cli/account.py", "cli/local_aws.py"},
    "botocore": {"publish/bucket.py", "cli/account.py", "cli/local_aws.py", "cli/uploading.py"},
    "mypy_boto3_s3": {"publish/bucket.py", "cli/uploading.py"},
    "moto": {"cli/local_aws.py"},
    "uvicorn": {"cli/serve.py"},
    "rich": {"cli/asking.py", "cli/progress.py", "cli/question.py"},
    "typer": {*(f"cli/{name}.py" for name in ("__init__", "asking", "deciding", "keys", "shipping"))},
    "minisign": {"client/verifying.py"},
    "tuf": {
        *("cli/sealing.py", "cli/trust_folder.py", "client/by_tuf.py", "publish/freshness.py"),
        *("trust/ceremony.py", "trust/metadata.py", "trust/signing.py"),
    },
    "securesystemslib": {
        *("cli/trust_folder.py", "client/by_tuf.py", "trust/ceremony.py", "trust/metadata.py", "trust/signing.py")
    },
    "cryptography": {"trust/signing.py"},
    "jinja2": {"formats/pages.py"},
    "markupsafe": {"formats/index_page.py", "formats/pages.py", "formats/product_page.py"},
    "markdown_it": {"formats/texts.py"},
    "nh3": {"formats/texts.py"},
    "pydantic": {"model.py", "publish/uploads.py"},
    "pydantic_core": {"publish/uploads.py"},
    "aws_lambda_powertools": {"record.py"},
    "obstore": {"answer/fetch.py"},
    "packaging": {"versions.py"},
    "semver": {
        *("versions.py", "answer/drop_in.py", "formats/electron_updater.py", "formats/tauri.py", "formats/velopack.py")
    },
    "yaml": {"formats/electron_updater.py", "cli/checking.py", "cli/releasing.py"},
}
"""Foreign package → the only files that may import it."""

READS_ENVIRONMENT = {"answer/handler.py", "publish/handler.py", "cli/__init__.py"}
ANSWER_MODULES = {
    "comet_updates",
    *(
        f"comet_updates.{name}"
        for name in ("answer", "answer.drop_in", "answer.fetch", "answer.handler", "answer.respond")
    ),
    *(f"comet_updates.{name}" for name in ("errors", "names", "record")),
}


def imports(source: str) -> Iterator[str]:
    """Every module that a source names in an import, wherever it stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def violations(file: str, source: str) -> list[str]:
    """What `file` (its path in the package) imports or reads and may not."""
    part = file.split("/", maxsplit=1)[0].removesuffix(".py")
    found = []
    for module in imports(source):
        top, *rest = module.split(".")
        if top == "comet_updates" and rest and part != "__init__":
            if rest[0] in MAY_IMPORT and rest[0] != part and rest[0] not in MAY_IMPORT[part]:
                found.append(f"{file} imports {module}")
        elif top not in sys.stdlib_module_names and top not in ("comet_updates", "__future__"):
            if file not in HOMES.get(top, set()):
                found.append(f"{file} imports {module}")
        elif module.startswith("os") and file not in READS_ENVIRONMENT:
            found.append(f"{file} imports {module}")
    return found


FILES = sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", FILES)
def test_a_file_imports_only_what_its_part_may(file: str) -> None:
    assert violations(file, (PACKAGE / file).read_text()) == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("answer/respond.py", "from comet_updates.model import Release"),
        ("answer/handler.py", "from comet_updates import publish"),
        ("formats/manifest.py", "import boto3"),
        ("record.py", "def f():\n    from comet_updates.publish import decide"),
        ("names.py", "import pydantic"),
        ("publish/decide.py", "import os"),
        ("client/looking.py", "from comet_updates.model import Release"),
        ("client/wire.py", "import os"),
    ],
)
def test_a_forbidden_import_is_found(file: str, source: str) -> None:
    assert violations(file, source)


def test_the_parts_of_the_package_are_all_in_the_table() -> None:
    parts = {file.split("/")[0].removesuffix(".py") for file in FILES} - {"__init__"}
    assert parts == set(MAY_IMPORT)


def test_the_answering_function_loads_nine_modules_of_ours_and_no_heavy_library() -> None:
    """A reviewer of privacy has to read these nine and no more."""
    code = (
        "import sys, comet_updates.answer.handler\n"
        "print(*(n for n in sys.modules if n.split('.')[0] in "
        "('comet_updates', 'boto3', 'pydantic', 'cryptography', 'semver', 'packaging') "
        "or n.startswith('botocore.')), sep='\\n')"  # powertools looks whether there is a botocore; no part of it loads
    )
    environment = {
        "BUCKET": "bucket",
        "MEMORY_TTL_S": "60",
        "LOG_LEVEL": "INFO",
        "LOG_SUCCESSES": "false",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "S3_ENDPOINT": "http://127.0.0.1:9",
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(PACKAGE.parent),  # what is tested here, not what is installed
    }
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) == ANSWER_MODULES


CAUSES_AN_ANSWER = {
    "comet_updates.answer.handler.Settings.from_environment",
    "comet_updates.answer.handler.build",
    "comet_updates.answer.respond._problem",
    "comet_updates.answer.respond.respond",
    "comet_updates.answer.respond._matches",
}
"""All functions of the handler and of the rules: what there is to believe about a request, besides the URL grammar."""


def test_what_can_cause_an_answer_fits_on_one_screen() -> None:
    modules = ("comet_updates.answer.handler", "comet_updates.answer.respond")
    assert set().union(*map(functions, modules)) == CAUSES_AN_ANSWER, "no function is left out"
    assert sum(map(code_lines, CAUSES_AN_ANSWER)) <= 60
