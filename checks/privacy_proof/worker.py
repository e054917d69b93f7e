"""Runs pytest again and again, each time in a new process that has the large libraries already.

Each line of its input is a `Command`. For each it forks; the child imports our code and the tests, runs them, and ends.
One line of output answers: JSON, the exit code and what pytest printed. Nothing of ours is imported before the fork, so
files may change from command to command. `checks.privacy_proof.run_mutants.Worker` starts this.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import tempfile
from contextlib import suppress
from typing import TypedDict

import pytest
from _pytest.config import default_plugins

LIBRARIES = (
    *("boto3", "moto.server", "moto.s3.urls", "moto.moto_api._internal.urls", "obstore.store"),
    *("cfnlint.runner.template", "cfnlint.rules", "samtranslator.translator.transform"),
    *("hypothesis.strategies", "awslambdaric.bootstrap", "trustme", "minisign"),
    *("pydantic.root_model", "jinja2", "nh3", "markdown_it", "typer.testing", "rich.prompt", "tuf.ngclient"),
    *("securesystemslib.signer", "semver", "packaging.version", "yaml", "requests"),
    *(f"_pytest.{plugin}" for plugin in default_plugins),
)
"""What takes long to import. One that is missing here costs time, and nothing else."""


# To load the plugins that are installed takes longer than many a check: there are none, and no options for them.
ENVIRONMENT = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
OPTIONS = (
    *("-q", "-o", "addopts=", "--import-mode=importlib", "-p", "no:cacheprovider"),
    # pytest cannot check the asserts in libraries that are there already. They are not ours to check.
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)


class Command(TypedDict):
    """A run of pytest.

    Attributes:
        root: the project, the folder in which pytest runs.
        environment: variables to set.
        arguments: those of pytest.
    """

    root: str
    environment: dict[str, str]
    arguments: list[str]


def main() -> None:
    """Answer each line of the input."""
    for library in LIBRARIES:
        with suppress(ImportError):
            importlib.import_module(library)
    gc.freeze()  # a child does not look for garbage in what is there already
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        with tempfile.TemporaryFile() as printed:
            child = os.fork()
            if not child:
                os.dup2(printed.fileno(), 1)
                os.dup2(printed.fileno(), 2)
                sys.exit(_run(json.loads(line)))
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            printed.seek(0)
            answers.write(json.dumps([code, printed.read().decode(errors="replace")]) + "\n")
            answers.flush()


def _run(command: Command) -> int:
    os.chdir(command["root"])
    os.environ.update(ENVIRONMENT | command["environment"])
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    sys.path[:0] = command["environment"]["PYTHONPATH"].split(os.pathsep)
    return pytest.main([*OPTIONS, *command["arguments"]])


if __name__ == "__main__":
    main()
