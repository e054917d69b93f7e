"""The closed list of what the answering function imports and uses, and of what may be loaded with it.

The rules read the syntax tree, so they also see an import inside a function or a condition. They hold for every module
of the package, also for those that get no part of a request. A module of these could reach the request through a frame
of its caller, through a hook, or by changing another module. So the package defines no operators, changes no other
module, and reads neither frames nor the insides of objects.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from checks.privacy_proof.source import at, bound, own, symbols_of
from testkit.reviewed import ANSWER_MODULES


class Library(NamedTuple):
    """A library that one module of ours uses, with the used parts and the reason.

    Attributes:
        user: the module of ours, without the name of the package.
        name: the library.
        symbols: all that is used of it.
        why: the reason.
    """

    user: str
    name: str
    symbols: str
    why: str


LIBRARIES = (
    Library("handler", "comet_updates.answer", "drop_in respond urls", "the rules, and the grammar of the URLs"),
    Library("handler", "comet_updates.answer.errors", "StoreUnavailableError", "S3 may fail at the start"),
    Library("handler", "comet_updates.answer.log", "Log Record", "one line for each request"),
    Library("handler", "comet_updates.answer.settings", "settings", "the settings of the deployment"),
    Library("handler", "comet_updates.answer.store", "PROBE_KEY CachedStore s3_get", "published documents"),
    Library("handler", "os", "environ", "the settings of the deployment are environment variables"),
    Library("handler", "time", "monotonic", "the log has a range for the duration"),
    Library("handler", "contextlib", "suppress", "S3 may fail at the start"),
    Library("handler", "collections.abc", "Callable Mapping", "types"),
    Library("handler", "typing", "Any NamedTuple", "types"),
    Library("respond", "comet_updates.answer", "urls", "the grammar of the URLs"),
    Library("respond", "comet_updates.answer.errors", "StoreUnavailableError", "S3 may fail"),
    Library("respond", "comet_updates.answer.log", "Cache Outcome", "what the log says of an answer"),
    Library("respond", "comet_updates.answer.store", "STALE_MAX_S Document", "for how long caches may keep an answer"),
    Library("respond", "pathlib", "Path", "reads not_found.html at the start"),
    Library("respond", "collections.abc", "Callable", "types"),
    Library("respond", "typing", "NamedTuple", "types"),
    Library("urls", "re", "compile escape fullmatch sub", "the grammar of the URLs"),
    Library("urls", "typing", "NamedTuple", "types"),
    Library("drop_in", "comet_updates.answer", "urls", "the grammar of the URLs"),
    Library("drop_in", "comet_updates.answer.errors", "StoreUnavailableError", "S3 may fail"),
    Library("drop_in", "comet_updates.answer.log", "Cache Outcome", "what the log says of an answer"),
    Library(
        "drop_in", "comet_updates.answer.respond", "EVERYWHERE NOT_ALLOWED NOT_FOUND UNAVAILABLE Answer", "answers"
    ),
    Library("drop_in", "comet_updates.answer.store", "Document", "types"),
    Library("drop_in", "json", "loads", "reads the version in a published document"),
    Library("drop_in", "semver", "Version", "compares that version with the client's"),
    Library("drop_in", "collections.abc", "Callable", "types"),
    Library("store", "comet_updates.answer", "urls", "the key of the document that is read in advance"),
    Library("store", "comet_updates.answer.errors", "StoreUnavailableError", "S3 may fail"),
    Library("store", "comet_updates.answer.log", "Cache", "what the log says of a document"),
    Library("store", "collections", "OrderedDict", "the documents in memory, the oldest first"),
    Library("store", "hashlib", "md5 sha256", "hashes of documents"),
    Library("store", "random", "random", "environments do not send GETs together"),
    Library("store", "threading", "RLock", "one thread at a time calls S3"),
    Library("store", "time", "monotonic", "the age of documents"),
    Library("store", "datetime", "timedelta", "obstore's time-outs"),
    Library("store", "contextlib", "suppress", "S3 may answer 403"),
    Library("store", "obstore.store", "S3Store S3Config", "GETs from S3"),
    Library("store", "obstore.exceptions", "BaseError NotModifiedError PermissionDeniedError", "what S3 answers"),
    Library("store", "collections.abc", "Callable", "types"),
    Library("store", "typing", "Final NamedTuple TYPE_CHECKING", "types"),
    Library("log", "comet_updates.answer", "urls", "the names of documents"),
    Library("log", "json", "dumps", "a line of the log"),
    Library("log", "enum", "Enum", "the fields of the log have finite sets of values"),
    Library("log", "aws_lambda_powertools", "Logger", "writes the line"),
    Library("log", "sys", "stdout unraisablehook", "the log is the standard output; the hook is silenced"),
    Library("log", "threading", "excepthook", "the hook is silenced"),
    Library("log", "warnings", "simplefilter", "warnings are silenced"),
    Library(
        "log",
        "logging",
        "ERROR INFO WARNING Handler LogRecord NullHandler StreamHandler getLevelName getLevelNamesMapping getLogger "
        "lastResort raiseExceptions",
        "levels; all other loggers are silenced",
    ),
    Library("log", "typing", "Any NamedTuple TextIO TYPE_CHECKING", "types"),
    Library("settings", "comet_updates.answer.errors", "SettingsError", "a setting may be wrong"),
    Library("settings", "re", "fullmatch", "the valid values of settings"),
    Library("settings", "collections.abc", "Mapping", "types"),
)
"""All that the modules of the answering function import. A further row is a decision for a privacy review."""
TOP_NAMES = {row.name.split(".")[0] for row in LIBRARIES}

STANDARD_LIBRARY = {
    *("ast", "atexit", "base64", "binascii", "bisect", "collections", "contextlib", "contextvars", "copy", "copyreg"),
    *("datetime", "dis", "encodings", "enum", "errno", "fnmatch", "functools", "gzip", "hashlib", "importlib"),
    *("inspect", "io", "ipaddress", "itertools", "json", "keyword", "linecache", "logging", "math", "ntpath"),
    *("numbers", "opcode", "operator", "os", "pathlib", "random", "re", "reprlib", "string", "struct", "textwrap"),
    *("threading", "time", "token", "tokenize", "traceback", "types", "typing", "urllib.parse", "warnings", "weakref"),
    *("zlib", "argparse", "gettext", "annotationlib", "codeop", "compression", "dataclasses"),
}
"""What may be in memory of Python's own library, with what the libraries load. It contains nothing that connects,
starts a process or calls C. `argparse` and `gettext` come with semver, the last four with newer versions of Python."""
OTHER_LIBRARIES = {"aws_lambda_powertools", "botocore", "jmespath", "obstore", "semver", "typing_extensions"}
"""The same for other libraries. Powertools looks whether botocore exists; `tests/test_architecture.py` shows that no
part of it loads."""

BUILTINS = {
    *("BaseException", "Exception", "FileNotFoundError", "OSError", "UnicodeDecodeError", "ValueError", "any", "bool"),
    *("bytes", "classmethod", "dict", "float", "frozenset", "int", "isinstance", "iter", "len", "min", "next"),
    *("object", "property", "str", "super", "tuple", "type", "__file__", "__version__"),
}
"""What the package uses of Python itself: not `open`, `print`, `getattr`, `globals`, `eval` or `__import__`."""
ITS_FILE = "Path(__file__).with_name('not_found.html').read_text(encoding='ascii')"
"""The only use of `__file__`: its folder has another name in the cloud."""
TYPES = "TYPE_CHECKING"
CONDITIONS = (ast.If, ast.IfExp, ast.BoolOp, ast.Compare, ast.While, ast.For, ast.Try, ast.With, ast.Assert)
"""What a module does not contain outside of its functions. So its constants are the same in the cloud and in a test."""
NEVER = (
    *(ast.Global, ast.Nonlocal, ast.Delete, ast.Match, ast.Yield, ast.YieldFrom),
    *(ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await),
)
DECORATORS = {"classmethod", "property", "stream.setter"}
BASES = {"CometError", "Enum", "Exception", "NamedTuple", "StoreUnavailableError", "logging.StreamHandler[TextIO]"}
CHANGED_ELSEWHERE = {
    *("logging.getLogger('aws_lambda_powertools').handlers", "root.handlers", "logging.lastResort"),
    *("logging.raiseExceptions", "sys.unraisablehook", "threading.excepthook"),
}
"""The only places that the package changes and that are not `self`: other outputs, which `log.py` silences."""
OF_TUPLES = {"_asdict", "_replace", "__init__"}
INSIDES = re.compile(r"__(?!init__$).*|(f|tb|gi|cr|ag|co)_\w+|format|format_map")
"""Attributes that lead to frames and to the insides of objects. `str.format` can read any attribute."""


def violations(module: str, text: str) -> list[str]:
    """Return every place at which `text`, as the source of a `module` of the answering function, breaks a rule."""
    tree, short = ast.parse(text), module.rpartition(".")[2]
    return [f"{module}, {problem}" for problem in (*_package(tree), *_imports(short, tree), *_once(tree))]


def loaded_unlisted(modules: Iterable[str]) -> list[str]:
    """Return those of the loaded `modules` that no list allows. A module in C, such as `_json`, comes with its own."""
    return sorted(name for name in modules if name[0] != "_" and not _may_be_loaded(name))


def _may_be_loaded(name: str) -> bool:
    if f"{name}.".startswith("comet_updates."):
        return name in ANSWER_MODULES
    listed = STANDARD_LIBRARY | OTHER_LIBRARIES
    return any(f"{name}.".startswith(f"{other}.") or other.startswith(f"{name}.") for other in listed)


def _package(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(name) if name not in BUILTINS and (hasattr(builtins, name) or name[:2] == "__"):
                yield at(node, "is not listed among what is used of Python")
            case ast.Attribute(attr=name) if INSIDES.fullmatch(name):
                yield at(node, "leads to the insides of Python")
            case ast.Attribute(attr=name) if name[0] == "_" and name not in OF_TUPLES and not _is_of_self(node):
                yield at(node, "is private to something else")
            case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
                if not _is_of_self(node) and ast.unparse(node) not in CHANGED_ELSEWHERE:
                    yield at(node, "changes what is not its own")
            case ast.FunctionDef() | ast.ClassDef():
                yield from _definition(node)
            case ast.Call(func=ast.Name("type"), args=[_, *more]) if more:
                yield at(node, "makes a class")
            case _ if isinstance(node, NEVER):
                yield at(node, "is of a kind that is not allowed")


def _at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the conditions that run while the module is imported: those of classes and of defaults, too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, CONDITIONS) and not (isinstance(child, ast.If) and ast.unparse(child.test) == TYPES):
            yield child
        elif isinstance(child, ast.FunctionDef):
            yield from _at_import(child.args)
        else:
            yield from _at_import(child)


def _is_of_self(node: ast.expr) -> bool:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return isinstance(node, ast.Name) and node.id == "self"


def _definition(node: ast.FunctionDef | ast.ClassDef) -> Iterator[str]:
    yield from (
        at(name, "is not a listed decorator") for name in node.decorator_list if ast.unparse(name) not in DECORATORS
    )
    if INSIDES.fullmatch(node.name) and node.name != "format":
        yield f"line {node.lineno}: `{node.name}` defines an operator"
    if isinstance(node, ast.ClassDef):
        yield from (at(base, "is not a listed base class") for base in node.bases if ast.unparse(base) not in BASES)
        yield from (at(more.value, "changes how a class is made") for more in node.keywords)


def _imports(user: str, tree: ast.Module) -> Iterator[str]:
    listed = {f"{row.name}.{symbol}" for row in LIBRARIES if row.user == user for symbol in row.symbols.split()}
    importable = {row.name for row in LIBRARIES if row.user == user and "." not in row.name}
    nodes = [*ast.walk(tree)]
    whole = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    symbols = symbols_of(nodes)
    for node in nodes:
        match node:
            case ast.Import(names) | ast.ImportFrom(names=names) if any(alias.asname for alias in names):
                yield at(node, "gives another name")
            case ast.Import(names):
                yield from (at(node, "is not listed") for alias in names if alias.name not in importable)
            case ast.ImportFrom(names=names):
                yield from (
                    at(node, f"imports `{alias.name}`, which is not listed")
                    for alias in names
                    if node.level or f"{node.module}.{alias.name}" not in listed | {"__future__.annotations"}
                )
            case ast.Name(name) if name in whole and symbols.get(id(node)) not in listed:
                yield at(node, f"is used for {symbols.get(id(node), 'a whole library')}, which is not listed")
            case ast.Attribute(value=base, attr=name) if name in TOP_NAMES:
                if not isinstance(base, ast.Name) or base.id not in whole:
                    yield at(node, "reaches a library through something else")


def _once(tree: ast.Module) -> Iterator[str]:
    """Find what makes a name of the module mean two things: a second binding, a condition, or the module's folder."""
    yield from (at(node, "is a condition outside of a function") for node in _at_import(tree))
    nodes = [*ast.walk(tree)]
    calls = (node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node) == ITS_FILE)
    listed = {id(inner) for node in calls for inner in ast.walk(node)}
    files = (node for node in nodes if isinstance(node, ast.Name) and node.id == "__file__")
    yield from (at(node, "is not the same in the cloud") for node in files if id(node) not in listed)
    times = Counter(bound(own(tree)))
    yield from (f"line 1: `{name}` means two things" for name in times if times[name] > 1 or hasattr(builtins, name))
