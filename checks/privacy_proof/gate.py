"""The structural gate: rules for the code that gets a request. A request has no way out of code that keeps them.

The rules read the syntax tree and run nothing. So they also see code that runs only in the cloud, only for one client,
only later, or only once in a thousand times. Docstrings, comments and the layout of the code do not count.

1. `REQUEST` lists the functions that get a part of a request, and all code in them that names such a part.
2. Besides this code, these functions contain only statements and expressions of the kinds in `PLAIN`. None of these can
   keep anything after the function has returned.
3. The modules of these functions call only what `CALLS` lists. Their classes are lists of fields.
4. `AROUND` lists the code that makes the handler, reads the settings, and gets errors of others.

The rules of `imports.py` hold for the whole package.
"""

from __future__ import annotations

import ast
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from checks.privacy_proof.source import Named, at, bound, own

Pieces = dict[str, type[ast.AST]]
"""Pieces of code, as `ast.unparse` writes them, and their kinds."""


class Part(NamedTuple):
    """Code that gets a part of a request, or that decides which code gets one.

    Attributes:
        given: the names of its parameters, in their order. They have no defaults.
        names: the names of what must not get further.
        code: the statements and expressions that may contain these names, one after the other. Each occurs exactly
            once, and its layout does not matter.
    """

    given: str
    names: str
    code: str

    def pieces(self) -> Pieces:
        """Return the pieces of the code."""
        body = ast.parse(textwrap.dedent(self.code)).body
        nodes = [node.value if isinstance(node, ast.Expr) else node for node in body]
        return {ast.unparse(node): type(node) for node in nodes}


REQUEST = {
    "handler.build.handle": Part(
        "event _context",
        "event _context http headers rules answer",
        """
        answer, started = respond.FAILED, 0.0
        http, headers = event["requestContext"]["http"], event.get("headers") or {}
        rules = drop_in if event["rawPath"].startswith(urls.DROP_IN) else respond
        answer = rules.respond(http["method"], event["rawPath"], headers.get("if-none-match"), reader.read)
        place = urls.document_id(answer.key) if answer.key else urls.NO_DOCUMENT
        log.write(Record(answer.outcome, place, answer.cache, time.monotonic() - started))
        return {"statusCode": answer.status, "headers": answer.headers, "body": answer.body, "isBase64Encoded": False}
        """,
    ),
    "respond.respond": Part(
        "method path if_none_match read",
        "method path if_none_match",
        """
        method not in ("GET", "HEAD")
        key = urls.public_key(path)
        path.startswith(urls.FOR_PROGRAMS)
        if_none_match is not None and _matches(if_none_match, document.etag)
        method == "GET"
        """,
    ),
    "respond._matches": Part(
        "if_none_match etag",
        "if_none_match candidate candidates",
        """
        candidates = (candidate.strip().removeprefix("W/") for candidate in if_none_match.split(","))
        return if_none_match.strip() == "*" or etag in candidates
        """,
    ),
    "urls.public_key": Part(
        "path",
        "path found",
        """
        if len(path) > _URL_MAX_CHARS:
            return None
        if found := _CHANNEL_URL.fullmatch(path):
            return document_key(found["product"], found["channel"], found["document"] or MANIFEST)
        if any(pattern.fullmatch(f"public{path}") for pattern in _SERVED_AS_THEY_ARE_CALLED):
            return f"public{path}"
        if found := _NEWS_URL.fullmatch(path):
            return news_key(found["product"])
        return page_key(found["page"] or "index", found["part"] or "") if (found := _PAGE_URL.fullmatch(path)) else None
        """,
    ),
    "drop_in.respond": Part(
        "method path _if_none_match read",
        "method path _if_none_match asked is_wanted",
        """
        method not in ("GET", "HEAD")
        asked = urls.drop_in(path)
        document, cache = read(asked.key) if asked else (None, Cache.NONE)
        asked is None or document is None
        is_wanted = not document.key.endswith(".json") or _is_newer(json.loads(document.text)["version"], asked.version)
        if not is_wanted:
            return Answer(204, _HEADERS, "", Outcome.ANSWERED, document.key, cache)
        method == "GET"
        return Answer(200, fixed | _HEADERS, body, Outcome.ANSWERED, document.key, cache)
        """,
    ),
    "drop_in._is_newer": Part(
        "ours theirs",
        "theirs",
        """
        import semver
        return semver.Version.parse(ours) > semver.Version.parse(theirs)
        """,
    ),
    "urls.drop_in": Part(
        "path",
        "path found said document key",
        """
        found = _DROP_IN_URL.fullmatch(path) if len(path) <= _URL_MAX_CHARS else None
        if found is None:
            return None
        for form, pattern in _DROP_IN_FORMS.items():
            if said := pattern.fullmatch(found["rest"]):
                document = drop_in_document(form, (said["computer"] or "").replace("/", "-"))
                key = document_key(found["product"], found["channel"], document)
                return DropIn(key, re.sub("%2[Bb]", "+", said["version"]))
        """,
    ),
}
"""All functions that get a part of a request, by module, and all that they do with it."""

AROUND = {
    "handler": Part(
        "",
        "build handle handler",
        """
        return handle
        handler = build(Settings.from_environment(os.environ))
        """,
    ),
    "handler.Settings.from_environment": Part(
        "cls environment",
        "environment variables successes",
        """
        variables = ("BUCKET", "S3_ENDPOINT", "MEMORY_TTL_S", "LOG_LEVEL", "LOG_SUCCESSES")
        bucket, endpoint, ttl_s, level, successes = settings(environment, *variables)
        return cls(bucket, None if endpoint == "aws" else endpoint, float(ttl_s), level, successes == "true")
        """,
    ),
    "handler.build": Part("settings", "handle", "return handle"),
    "settings.settings": Part(
        "environment variables",
        "environment",
        """
        environment.get(variable, "")
        return tuple(environment[variable] for variable in variables)
        """,
    ),
    "log._ClosedHandler.format": Part(
        "self record", "record", "return record.msg.line() if type(record.msg) is Record else NOT_A_RECORD"
    ),
    "log._say_nothing": Part("_", "_", ""),
}
"""Code that decides which function Lambda calls, or that gets errors and records of others, whose texts may quote a
request. The names are those of functions, settings and errors."""

PLAIN = (
    *(ast.Return, ast.Assign, ast.Expr, ast.If, ast.Try, ast.ExceptHandler, ast.Pass, ast.IfExp, ast.NamedExpr),
    *(ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.boolop, ast.operator, ast.unaryop, ast.cmpop, ast.Call),
    *(ast.keyword, ast.Attribute, ast.Subscript, ast.Name, ast.expr_context, ast.Constant, ast.Dict, ast.Tuple),
    *(ast.JoinedStr, ast.FormattedValue),
)
"""What a function of `REQUEST` may consist of, besides its listed code. A function, lambda or class inside of it could
keep the request; a loop could take time that depends on it; `raise` and `assert` could show it to the runtime."""

CANNOT_FAIL = (*(ast.Return, ast.Assign, ast.Tuple, ast.Dict, ast.Attribute, ast.Name, ast.Constant, ast.expr_context),)
"""What the handler may consist of outside of its two `try` statements."""

CALLS = {
    "handler": {
        *("build", "cls", "event.get", "event['rawPath'].startswith", "float", "headers.get", "log.write"),
        *("reader.read", "rules.respond", "settings", "suppress", "time.monotonic", "urls.document_id"),
        *("CachedStore", "Log", "Record", "Settings.from_environment", "s3_get"),
    },
    "respond": {
        *("_matches", "_problem", "candidate.strip", "candidate.strip().removeprefix", "headers.items"),
        *("if_none_match.split", "if_none_match.strip", "key.endswith", "len", "name.replace", "path.startswith"),
        *("read", "str", "urls.content_type", "urls.public_key", "Answer", "NOT_FOUND._replace", "Path"),
        *("Path(__file__).with_name", "Path(__file__).with_name('not_found.html').read_text"),
    },
    "urls": {
        *("_CHANNEL_URL.fullmatch", "_DROP_IN_URL.fullmatch", "_NEWS_URL.fullmatch", "_PAGE_URL.fullmatch"),
        *("pattern.fullmatch", "re.compile", "re.escape", "re.fullmatch", "re.sub", "any", "len", "'|'.join"),
        *("document_key", "document_path", "drop_in_document", "news_key", "page_key", "DocumentId", "DropIn"),
        *("(said['computer'] or '').replace", "_DROP_IN_FORMS.items", "key.split", "key.rpartition"),
        "key.rpartition('/')[2].rpartition",
    },
    "drop_in": {
        *("_is_newer", "document.key.endswith", "json.loads", "read", "semver.Version.parse", "str"),
        *("urls.content_type", "urls.drop_in", "Answer", "NOT_FOUND._replace"),
    },
}
"""Module with functions of `REQUEST` → everything that it calls, anywhere. None of it keeps or sends its arguments."""
METHODS = {"from_environment"}
"""The only methods in these modules: their classes are otherwise lists of fields, which cannot do anything."""


def violations(module: str, text: str) -> list[str]:
    """Return every place at which `text`, as the source of a `module` of the answering function, breaks a rule."""
    tree, short = ast.parse(text), module.rpartition(".")[2]
    parts = [_part(tree, name, part) for name, part in (REQUEST | AROUND).items() if name.split(".")[0] == short]
    return [f"{module}, {problem}" for problems in (_calls(short, tree), *parts) for problem in problems]


def _part(tree: ast.Module, name: str, part: Part) -> Iterator[str]:
    node: Named = tree
    for inner in name.split(".")[1:]:
        same = [made for made in own(node) if isinstance(made, (ast.ClassDef, ast.FunctionDef)) and made.name == inner]
        if len(same) != 1:
            yield f"line 1: `{name}` is there {len(same)} times, not once"
            return
        node = same[0]
    pieces, times = part.pieces(), Counter[str]()
    for inside in _besides(node.body, pieces):
        if _is_in(pieces, inside):
            times[ast.unparse(inside)] += 1
        elif isinstance(inside, ast.Name) and inside.id in part.names.split():
            yield at(inside, "is used in code that is not listed")
        elif name in REQUEST:
            yield from _plain(inside)
    yield from (f"line 1: `{piece}` is there {times[piece]} times, not once" for piece in pieces if times[piece] != 1)
    if isinstance(node, ast.FunctionDef):
        yield from _signature(node, part.given)
    if name == "handler.build.handle":
        yield from (at(inside, "could raise an error") for inside in node.body if not _is_quiet(inside))


def _plain(node: ast.AST) -> Iterator[str]:
    if not isinstance(node, PLAIN):
        yield at(node, "is not of a plain kind")
    elif isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
        yield at(node, "keeps something after the function has returned")
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield at(node, "keeps an error, whose text may quote the request")


def _signature(node: ast.FunctionDef, given: str) -> Iterator[str]:
    args = node.args
    names = [parameter.arg for parameter in ast.walk(args) if isinstance(parameter, ast.arg)]
    if names != given.split() or args.defaults or args.kw_defaults:
        yield f"line {node.lineno}: `{node.name}` has other parameters than those that are listed"
    yield from (at(made, "changes a function") for made in node.decorator_list if ast.unparse(made) != "classmethod")


def _besides(nodes: Iterable[ast.AST], pieces: Pieces) -> Iterator[ast.AST]:
    """Yield `nodes` and what is inside of them, but not what is inside of listed `pieces`, and no docstrings."""
    for node in nodes:
        if not _is_docstring(node):
            yield node
            if not _is_in(pieces, node):
                yield from _besides(ast.iter_child_nodes(node), pieces)


def _is_in(pieces: Pieces, node: ast.AST) -> bool:
    return type(node) in pieces.values() and ast.unparse(node) in pieces


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_quiet(statement: ast.stmt) -> bool:
    """Return whether a statement of the handler cannot raise an error, which the runtime would log."""
    match statement:
        case ast.Try(handlers=[ast.ExceptHandler(type=ast.Name("BaseException"), body=[ast.Pass()])]):
            return not statement.orelse and not statement.finalbody
    return _is_docstring(statement) or all(isinstance(node, CANNOT_FAIL) for node in ast.walk(statement))


def _calls(module: str, tree: ast.Module) -> Iterator[str]:
    if module not in CALLS:
        return
    times = Counter(bound(ast.walk(tree)))
    yield from (f"line 1: `{name}` means two things" for name in bound(own(tree)) if times[name] > 1)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) not in CALLS[module]:
            yield at(node, "calls what is not listed")
        elif isinstance(node, ast.ClassDef):
            more = [inner for inner in node.body if not isinstance(inner, ast.AnnAssign) and not _is_docstring(inner)]
            methods = [inner for inner in more if isinstance(inner, ast.FunctionDef) and inner.name in METHODS]
            if [ast.unparse(base) for base in node.bases] != ["NamedTuple"] or methods != more:
                yield f"line {node.lineno}: class `{node.name}` is more than a list of fields"
