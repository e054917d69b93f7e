"""Test that the answering function uses and loads only what `checks/privacy_proof/imports.py` lists."""

from __future__ import annotations

import subprocess
import sys

import pytest

from checks.privacy_proof import elsewhere, imports
from checks.privacy_proof.source import find
from testkit.project import ROOT
from testkit.reviewed import ANSWER_MODULES, environment

ELSEWHERE = sorted(
    ".".join(path.relative_to(ROOT / tree).with_suffix("").parts).removesuffix(".__init__")
    for tree in ("functions", "client")
    for path in (ROOT / tree).rglob("*.py")
    if path.parent.name != "answer"
)
"""The modules of publishing and of the client."""
LOG, STORE, URLS = (f"comet_updates.answer.{name}" for name in ("log", "store", "urls"))
LOADED = """
import sys
before = set(sys.modules)
{more}
from comet_updates.answer import drop_in, handler
event = {{"rawPath": "/v1/comet-cursor/stable", "requestContext": {{"http": {{"method": "GET"}}}}}}
assert handler.handler(event, None)["statusCode"] == 503
assert drop_in._is_newer("1.0.1", "1.0.0")
print(*sys.modules.keys() - before, file=sys.stderr)
"""
"""A program that also loads what the log and the drop-in URLs load late: S3 does not answer, so a line is logged."""


def loaded(more: str = "") -> list[str]:
    """Return what the answering function has loaded after a request, and after `more` code."""
    settings = environment([ROOT / "functions"]) | {"AWS_LAMBDA_FUNCTION_NAME": "function"}
    command = [sys.executable, "-c", LOADED.format(more=more)]
    run = subprocess.run(command, env=settings, capture_output=True, text=True, check=True)
    return run.stderr.split()


def test_answering_uses_only_listed_parts_of_libraries() -> None:
    broken = [rule for module in sorted(ANSWER_MODULES) for rule in imports.violations(module, find(module).text)]
    assert broken == []


def test_every_listed_part_is_used() -> None:
    for row in imports.LIBRARIES:
        text = find(f"comet_updates.answer.{row.user}").text
        assert [symbol for symbol in row.symbols.split() if symbol not in text] == [], row


def test_answering_loads_only_listed_libraries() -> None:
    modules = loaded()
    assert {"obstore", "semver", "aws_lambda_powertools"} <= set(modules)
    assert imports.loaded_unlisted(modules) == []


@pytest.mark.parametrize("module", ["socket", "subprocess", "ctypes", "comet_updates.object_keys"])
def test_library_that_is_not_listed_is_found(module: str) -> None:
    """Positive control of the test above; the first case loads it in an interpreter."""
    modules = loaded(f"import {module}") if module == "socket" else [module]
    assert module in imports.loaded_unlisted(modules)


NOT_LISTED, PYTHON, INSIDES, NOT_OWN = "not listed", "used of Python", "insides of Python", "not its own"
CONDITION = "is a condition outside"
OTHER, TWICE, PRIVATE, KIND = "through something else", "means two things", "private to", "not allowed"

LEAKS = {
    "a library": (LOG, "import socket", NOT_LISTED),
    "a library for threads": (STORE, "import threading\nthreading.Timer(900, print)", NOT_LISTED),
    "a library that runs code at the end": (LOG, "import atexit", NOT_LISTED),
    "a library for signals": (LOG, "import signal", NOT_LISTED),
    "a library of C": (URLS, "import ctypes", NOT_LISTED),
    "a private library": (URLS, "import _socket", NOT_LISTED),
    "a library in a function": (URLS, "def late():\n    import os", NOT_LISTED),
    "a library in the cloud only": (LOG, "if TYPE_CHECKING is False:\n    import gc", NOT_LISTED),
    "a library of another module": (STORE, "from comet_updates.answer.log import sys", NOT_LISTED),
    "our own other code": (STORE, "from comet_updates.publish import bucket", NOT_LISTED),
    "another part of a library": (LOG, "sys._getframe(2).f_locals", NOT_LISTED),
    "a whole library": (LOG, "copy = sys", NOT_LISTED),
    "everything of a library": (STORE, "from os import *", NOT_LISTED),
    "a library by another name": (LOG, "import json as sys", "another name"),
    "a library through a module": (STORE, "urls.re.compile", OTHER),
    "an import by its name": (STORE, "__import__('socket')", PYTHON),
    "a file": (LOG, "open('/tmp/last', 'w')", PYTHON),
    "standard output": (STORE, "print(1)", PYTHON),
    "an attribute by its name": (STORE, "getattr(urls, 're')", PYTHON),
    "code in a text": (STORE, "eval('1')", PYTHON),
    "all variables": (STORE, "globals()", PYTHON),
    "the frame of an error": (STORE, "def f(e: Any) -> None:\n    e.x.tb_frame", INSIDES),
    "the frame of an error in a text": (LOG, "'{0.x}'.format(1)", INSIDES),
    "the variables of a function": (STORE, "Document.__init__.__globals__", INSIDES),
    "the frame of an error in a pattern": (STORE, "match 1:\n    case Exception(tb=x): pass", KIND),
    "a variable outside of the function": (STORE, "def f() -> None:\n    global LAST\n    LAST = 1", KIND),
    "another module": (STORE, "urls.public_key = None", NOT_OWN),
    "another module's table": (STORE, "urls.CONTENT_TYPES['x'] = 'y'", NOT_OWN),
    "another module's private table": (STORE, "urls._DROP_IN_FORMS.update()", PRIVATE),
    "the parent of all texts": (STORE, "class Spy(str): ...", "base class"),
    "a class of classes": (STORE, "class Spy(metaclass=Enum): ...", "how a class is made"),
    "an operator": (STORE, "class Spy:\n    def __eq__(self, other: Any) -> Any: ...", "defines an operator"),
    "the end of an object": (STORE, "class Spy:\n    def __del__(self) -> None: ...", "defines an operator"),
    "a class that is made by a call": (STORE, "type('Spy', (Document,), {})", "makes a class"),
    "a decorator": (STORE, "@suppress\ndef f() -> None: ...", "not a listed decorator"),
    "a constant that is another in the cloud": (STORE, "LIMIT = 1 if STALE_MAX_S > 1 else 2", CONDITION),
    "a field that is another in the cloud": (LOG, "class Two(Enum):\n    A = 1 if DURATIONS else 2", CONDITION),
    "a default that is another in the cloud": (STORE, "def f(x: int = JITTER or 1) -> None: ...", CONDITION),
    "the folder in the cloud": (STORE, "def f() -> bool:\n    return '/var/task' in __file__", "in the cloud"),
    "a name that is Python's own": (URLS, "def len(text: str) -> int: ...", TWICE),
    "a name of our own": (URLS, "def public_key(path: str) -> None: ...", TWICE),
}


@pytest.mark.parametrize(("module", "code", "rule"), LEAKS.values(), ids=LEAKS)
def test_use_that_is_not_listed_is_found(module: str, code: str, rule: str) -> None:
    assert rule in "\n".join(imports.violations(module, f"{find(module).text}\n{code}\n"))


@pytest.mark.parametrize(
    ("module", "code"),
    [
        (STORE, "def newest(documents: tuple[Document, ...]) -> str:\n    return min(documents).key"),
        (STORE, "class MissingError(Exception):\n    def __init__(self, key: str) -> None:\n        self.key = key"),
        (LOG, "def now() -> str:\n    return json.dumps(Outcome.FAILED.value)"),
        (URLS, "MORE = re.compile(NAME)"),
    ],
)
def test_harmless_code_is_accepted(module: str, code: str) -> None:
    assert imports.violations(module, f"{find(module).text}\n{code}\n") == []


def test_publishing_and_the_client_use_only_listed_libraries() -> None:
    assert [broken for module in ELSEWHERE for broken in elsewhere.violations(module, find(module).text)] == []


@pytest.mark.parametrize("row", elsewhere.LIBRARIES, ids=lambda row: f"{row.user} {row.name}".strip())
def test_every_listed_library_of_publishing_and_the_client_is_used(row: imports.Library) -> None:
    texts = [find(module).text for module in ([row.user] if row.user else ELSEWHERE)]
    assert [symbol for symbol in row.symbols.split() if not any(symbol in text for text in texts)] == []


ATOM, RUN, CHOOSE, MACHINE, HTTP = (
    "comet_updates.formats.atom",
    "comet_updates.publish.run",
    "comet_updates_client.choose",
    "comet_updates_client.machine",
    "comet_updates_client.http",
)


@pytest.mark.parametrize(
    ("module", "code"),
    [
        (ATOM, "if len('x') > 20:\n    import urllib.request"),
        (ATOM, "uuid.getnode()"),
        (ATOM, "more = uuid"),
        (RUN, "from urllib.request import urlopen"),
        (RUN, "threading.Timer(900, print)"),
        (RUN, "import time as clock"),
        (CHOOSE, "def later() -> None:\n    from http.client import HTTPSConnection"),
        (CHOOSE, "import socket"),
        (CHOOSE, "from comet_updates_client.http import socket"),
        (CHOOSE, "from comet_updates_client import http\nhttp.socket.gethostname()"),
        (CHOOSE, "import locale"),
        (CHOOSE, "import subprocess"),
        (CHOOSE, "import importlib"),
        (CHOOSE, "from pathlib import PosixPath"),
        (MACHINE, "platform.node()"),
        (HTTP, "socket.gethostname()"),
        (HTTP, "import http.client\nhttp.client.HTTPSConnection('x.invalid')"),
        (HTTP, "ssl.get_server_certificate(('example.net', 443))"),
        (HTTP, "from pathlib import Path\nPath.home()"),
        (HTTP, "eval('1')"),
        (HTTP, "HTTPResponse.begin.__globals__"),
    ],
)
def test_library_that_publishing_or_the_client_may_not_use_is_found(module: str, code: str) -> None:
    """Positive control of the test above."""
    assert elsewhere.violations(module, f"{find(module).text}\n{code}\n")
