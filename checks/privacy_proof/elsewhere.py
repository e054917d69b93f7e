"""The closed list of what publishing and the client use of Python's own library.

Neither can start a connection, a process or a thread of its own, or ask who uses the machine, unless this list says so.
So a leak in this code has no way out, even if it waits for a condition that no test meets. `imports.py` is the stricter
list of the answering function. `tests/test_architecture.py` lists the other libraries, and what is used of `os`.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator

from checks.privacy_proof.imports import Library
from checks.privacy_proof.source import at, symbols_of

COMPUTES = {
    *("__future__", "base64", "binascii", "bisect", "collections", "collections.abc", "contextlib", "dataclasses"),
    *("datetime", "email.utils", "enum", "functools", "gzip", "hashlib", "html", "io", "itertools", "json", "math"),
    *("os", "os.path", "re", "stat", "types", "typing", "unicodedata", "urllib.parse", "xml.etree.ElementTree"),
    "zlib",
}
"""What any module may use. It computes, or works on files that are open."""

_TLS = "the settings that identify a server, which the caller chooses"
_CHANCE = "draws what it gets as an argument"
LIBRARIES = (
    Library("", "pathlib", "Path", "files whose paths the caller chooses"),
    Library("comet_updates.formats.atom", "uuid", "NAMESPACE_URL uuid5", "an id that depends on a name alone"),
    Library("comet_updates.publish.product_index", "concurrent.futures", "ThreadPoolExecutor", "reads from S3"),
    Library("comet_updates.publish.uploads.load", "concurrent.futures", "ThreadPoolExecutor", "reads from S3"),
    Library("comet_updates.publish.uploads.load", "threading", "Lock", "parses one upload at a time"),
    Library("comet_updates.publish.run", "random", "sample", "the order of products in a sweep"),
    Library("comet_updates.publish.run", "time", "monotonic", "the log has a range for the duration"),
    Library("comet_updates.publish.run", "threading", "current_thread main_thread", "the limit of a product's time"),
    Library("comet_updates.publish.run", "signal", "ITIMER_REAL SIGALRM setitimer signal", "the same limit"),
    Library("comet_updates_client.http", "socket", "create_connection socket", "the one way out of the client"),
    Library("comet_updates_client.http", "ssl", "SSLCertVerificationError SSLContext", _TLS),
    Library("comet_updates_client.http", "http.client", "HTTPException HTTPResponse", "reads an answer"),
    Library("comet_updates_client.http", "time", "monotonic", "the limits of an answer's time"),
    *(
        Library(f"comet_updates_client.{user}", "ssl", "SSLContext", _TLS)
        for user in ("check", "download", "source", "source_minisign", "source_tuf")
    ),
    *(Library(f"comet_updates_client.{user}", "random", "Random", _CHANCE) for user in ("check", "schedule", "state")),
    *(
        Library(f"comet_updates_client.{user}", "tempfile", "TemporaryDirectory", "files that are replaced at once")
        for user in ("source_tuf", "state")
    ),
    Library(
        "comet_updates_client.machine",
        "platform",
        "mac_ver machine release system version",
        "the kind of computer that a file must fit",
    ),
    Library("comet_updates_client.own_file", "sys", "platform", "Windows has other flags for files"),
)
"""All else that modules use. A row without a module is for all. A further row is a decision for a privacy review."""

NEVER = {"__import__", "breakpoint", "compile", "eval", "exec", "globals", "input", "locals", "print", "vars"}
"""What no module uses of Python itself: it would lead around these lists."""
INSIDES = re.compile(r"__(globals|builtins|code|closure|dict|subclasses|import|loader)__|[fg]i?_(locals|globals|back)")
REACHABLE = {"os", "random", "signal", "socket", "ssl", "sys", "tempfile", "threading", "time", "uuid"}
"""Libraries that a module could also take from another module of ours, which imports them."""
OF_A_USER = {"home", "expanduser", "owner"}
"""Parts of `Path` that name the user."""


def violations(module: str, text: str) -> list[str]:
    """Return every use of Python's own library in `text` that no list has.

    `text` is the source of a `module` of publishing or of the client. For any other module, nothing is returned.
    """
    is_elsewhere = f"{module}.".startswith(("comet_updates.", "comet_updates_client."))
    if not is_elsewhere or module.startswith("comet_updates.answer."):
        return []
    return [f"{module}, {problem}" for problem in _violations(module, ast.parse(text))]


def _violations(module: str, tree: ast.Module) -> Iterator[str]:
    rows = [row for row in LIBRARIES if row.user in ("", module)]
    listed = {f"{row.name}.{symbol}" for row in rows for symbol in row.symbols.split()}
    nodes = [*ast.walk(tree)]
    whole = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    whole = {name for name in whole if _is_watched(name)}
    importable = {row.name for row in rows if "." not in row.name}
    ours = {alias.name for node in nodes if isinstance(node, ast.ImportFrom) and _is_ours(node) for alias in node.names}
    symbols = symbols_of(nodes)
    asked = {id(node.args[0]) for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func) == "hasattr"}
    for node in nodes:
        match node:
            case ast.Import(names):
                yield from (
                    at(node, "is not listed")
                    for alias in names
                    if _is_watched(alias.name) and (alias.asname or alias.name not in importable)
                )
            case ast.ImportFrom(names=names) if _is_ours(node):
                yield from (at(node, "takes a library of another module") for alias in names if alias.name in REACHABLE)
            case ast.Attribute(value=ast.Name(base), attr=name) if base in ours and name in REACHABLE:
                yield at(node, "uses a library of another module")
            case ast.ImportFrom(module=str(name), names=names) if _is_watched(name):
                yield from (at(node, "is not listed") for alias in names if f"{name}.{alias.name}" not in listed)
            case ast.Name(name, ast.Load()) if name in whole and symbols.get(id(node)) not in listed:
                if id(node) not in asked:
                    yield at(node, f"is used for {symbols.get(id(node), 'a whole library')}, which is not listed")
            case ast.Name(name) if name in NEVER:
                yield at(node, "leads around the lists")
            case ast.Attribute(attr=name) if INSIDES.fullmatch(name) or name in OF_A_USER:
                yield at(node, "leads to a user, or to the insides of Python")


def _is_ours(node: ast.ImportFrom) -> bool:
    return (node.module or "").split(".")[0] in ("comet_updates", "comet_updates_client")


def _is_watched(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] in sys.stdlib_module_names and name not in COMPUTES
