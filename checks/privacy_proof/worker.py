"""Run pytest again and again, each time in a new process that has already imported the large libraries.

Each line of its input is a `Command`. For each it forks; the child imports our code and the tests, runs them, and ends.
One line of output answers: JSON, the exit code and the output of pytest. The parent imports none of our code, so files
may change from command to command. `checks.privacy_proof.run_mutants.Worker` starts this.
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
"""Libraries that take long to import. If one is not listed here, only time is lost."""


# Loading the installed plugins takes longer than many a check, so there are none, and no options for them.
ENVIRONMENT = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
OPTIONS = (
    *("-q", "-o", "addopts=", "--import-mode=importlib", "-p", "no:cacheprovider"),
    # pytest cannot rewrite the asserts in libraries that are already imported. Those asserts are not ours.
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)


class Command(TypedDict):
    """A run of pytest.

    Attributes:
        root: the project, which is the working directory of pytest.
        environment: variables to set.
        arguments: of pytest.
    """

    root: str
    environment: dict[str, str]
    arguments: list[str]


def main() -> None:
    """Answer each line of the input."""
    for library in LIBRARIES:
        with suppress(ImportError):
            importlib.import_module(library)
    gc.freeze()  # a child does not search the parent's objects for garbage
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
