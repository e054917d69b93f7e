"""Leaks to build into a copy of the project, one at a time: each must make a check fail.

Each mutant breaks promises, and only a check of one of these promises can kill it. These were written one by one;
`composed.py` makes more of them, from tables.
"""

from __future__ import annotations

from collections.abc import Iterable

from checks.privacy_proof import composed, deployed
from checks.privacy_proof.changes import After, Before, Change, Instead, OnError, Text
from checks.privacy_proof.mutant import (
    CLIENT_ANSWER,
    CLIENT_ASK,
    CLIENT_DOWNLOAD,
    CLIENT_FIRST,
    CLIENT_LOOK,
    CLIENT_NEXT,
    CLIENT_REPLY,
    CLIENT_RETRY,
    CLIENT_SENT,
    CLIENT_SKIP,
    CLIENT_STATE,
    CLIENT_TUF,
    DROP_IN,
    DROP_IN_URL,
    FAMILIES,
    HANDLE,
    HANDLER,
    IS_NEWER,
    KINDS,
    LAYER,
    LOG_FORMAT,
    LOG_LINE,
    MANIFEST,
    NOTES_HTML,
    OTHER_SINKS,
    PAGES,
    PUBLIC_KEY,
    PUBLISH,
    PUBLISH_SITE,
    READER,
    RELEASE,
    RESPOND,
    S3_GET,
    SETTINGS,
    STRICT,
    TEMPLATE,
    UPLOADED_KEYS,
    BrokenMutantError,
    Built,
    Mutant,
    build,
)

__all__ = ["ALL", "FAMILIES", "KINDS", "BrokenMutantError", "Built", "Mutant", "build"]


def _mutant(name: str, breaks: str, place: str, *changes: Change) -> Mutant:
    return Mutant(name, breaks, place, changes)


def _of(family: str, mutants: Iterable[Mutant]) -> list[Mutant]:
    return [mutant._replace(family=family) for mutant in mutants]


def _in_handler(name: str, breaks: str, *changes: Change) -> Mutant:
    """Return a leak in the function that takes the event: `$1` is the event, `result` the answer for the gateway."""
    return _mutant(name, breaks, HANDLE, *changes)


def _sometimes(when: str, name: str, breaks: str, place: str, *changes: Change) -> Mutant:
    """Return a leak that is not there each time; see `KINDS`."""
    return Mutant(name, breaks, place, changes, when)


def _early(name: str, breaks: str, code: str) -> Mutant:
    """Return a leak that runs `code` in the handler before the request is read."""
    return _in_handler(name, breaks, Before(code))


_IN_HANDLER = (
    _early("prints the event", "P1 P4 P6 P7", "print($1)"),
    _early("prints the address", "P4 P6", 'print($1["requestContext"]["http"].get("sourceIp"))'),
    _early(
        "prints a keyed hash of the address",
        "P4 P6",
        'import hmac; print(hmac.new(b"k", repr($1["requestContext"]).encode(), "md5").hexdigest()[:8])',
    ),
    _early(
        "prints the length of the user agent",
        "P1 P4",
        'print(len($1["requestContext"]["http"].get("userAgent") or ""))',
    ),
    _early("prints the network of the address", "P4", 'print(str($1["requestContext"]["http"].get("sourceIp"))[:7])'),
    _early("prints the query to standard error", "P7", 'import os; os.write(2, $1["rawQueryString"].encode())'),
    _early("prints the id of the request", "P4", "print($2.aws_request_id)"),
    _early("logs the event through another logger", "P4 P7", 'import logging; logging.getLogger("x").warning($1)'),
    _early(
        "prints the event where a debug flag is set",
        "P4 P7",
        'import os\nif os.environ.get("POWERTOOLS_DEV"): print($1)',
    ),
    _early(
        "keeps a table of clients in memory",
        "P4",
        'globals().setdefault("SEEN", {})[$1["requestContext"]["http"].get("sourceIp")] = True',
    ),
    _early(
        "keeps the last number in a library's module",
        "P7",
        'import json; json.last = [repr($1.get("queryStringParameters"))]',
    ),
    _early("counts by user agent", "P4", 'handler.__dict__[$1["headers"].get("user-agent")] = 1'),
    _early("sets an environment variable", "P7", 'import os; os.environ["LAST"] = repr($1["headers"].get("cookie"))'),
    _early(
        "writes a temporary file",
        "P4 P7",
        'import pathlib, tempfile; pathlib.Path(tempfile.gettempdir(), "last").write_text($1["rawPath"])',
    ),
    _early("reads the cookie", "P1 P2", '$1["headers"].get("cookie")'),
    _early("reads the query", "P1 P8", '$1.get("rawQueryString")'),
    _early(
        "calls somebody else",
        "P3",
        'import socket\nwith socket.socket() as other: other.connect_ex(("127.0.0.1", 9))',
    ),
    _early("starts a process for each request", "P3", 'import subprocess; subprocess.run(["true", $1["rawPath"]])'),
    _in_handler("lets errors out to the runtime, which logs them", "P7", OnError(0, "raise")),
    _in_handler("lets errors of the log out to the runtime", "P7", OnError(1, "raise")),
    _in_handler(
        "answers with the text of the error",
        "P7",
        OnError(0, 'return {"statusCode": 500, "headers": {}, "body": repr(error), "isBase64Encoded": False}'),
    ),
    _in_handler("sets a cookie, the same for all", "P2", After('result = result | {"cookies": ["seen=1"]}')),
    _in_handler(
        "chooses by language",
        "P1",
        After('if $1["headers"]["accept-language"].startswith("d"): result = result | {"statusCode": 404}'),
    ),
    _in_handler(
        "answers a second request differently",
        "P4",
        After(
            'seen = globals().setdefault("SEEN", set())\n'
            'seen.add($1["requestContext"]["http"].get("sourceIp"))\n'
            'result = result | {"headers": result["headers"] | {"age": str(len(seen))}}'
        ),
    ),
    _mutant("loads a library that talks to AWS", "P1", HANDLER, Before("import boto3")),
)


_ADDRESS = '$1["requestContext"]["http"]["sourceIp"]'
_UDP = "import socket; socket.socket(type=socket.SOCK_DGRAM).sendmsg([repr($1).encode()], (), 0, ('127.0.0.1', 9))"
_CLOUD = 'import os\nif "AWS_LAMBDA_FUNCTION_NAME" in os.environ: '
_MADE = "build(Settings.from_environment(os.environ))"

_BEYOND = (
    _early("sends the event by UDP", "P3", _UDP),
    _early("looks the address up as the name of a host", "P3", f"import socket; socket.gethostbyname({_ADDRESS})"),
    _early(
        "keeps addresses in a queue",
        "P4",
        f'import collections; globals().setdefault("SEEN", collections.deque()).append({_ADDRESS})',
    ),
    _early(
        "takes longer for a longer user agent",
        "P4",
        'import time; time.sleep(len($1["headers"].get("user-agent") or "") / 1e6)',
    ),
    _mutant(
        "has its handler wrapped",
        "P1 P4",
        HANDLER,
        Instead(_MADE, f"(lambda made: lambda event, it: (print(it.aws_request_id), made(event, it))[1])({_MADE})"),
    ),
)
"""Leaks by ways that few checks watch."""

_NOT_ALWAYS = (
    _sometimes(
        "conditional",
        "sends the events of one program",
        "P3 P4",
        HANDLE,
        Before(f'if "Sparkle/1." in str($1["headers"].get("user-agent")):\n    {_UDP}'),
    ),
    _sometimes(
        "conditional",
        "keeps addresses from the 1001st request on",
        "P4 P6",
        HANDLE,
        Before(
            f'seen = globals().setdefault("COUNT", [])\nseen.append(1)\nif len(seen) > 1000: seen.append({_ADDRESS})'
        ),
    ),
    _sometimes(
        "conditional",
        "prints one path in ten",
        "P6 P7",
        HANDLE,
        Before('import random\nif random.random() > 0.9: print($1["rawPath"])'),
    ),
    _sometimes(
        "conditional",
        "prints a header that the checks do not send",
        "P1 P7",
        HANDLE,
        Before('if "x-device-id" in $1["headers"]: print($1["headers"]["x-device-id"])'),
    ),
    _sometimes(
        "conditional",
        "lets some errors out to the runtime",
        "P7",
        HANDLE,
        OnError(0, 'if "x-device-id" in $1["headers"]: raise'),
    ),
    _sometimes(
        "conditional",
        "answers one number differently",
        "P7",
        RESPOND,
        After('if $2.endswith("/48151624"): result = result._replace(status=410)'),
    ),
    _sometimes(
        "conditional",
        "remembers validators that are not hashes",
        "P4",
        RESPOND,
        Before('if $3 and len($3) > 99: globals().setdefault("SEEN", set()).add($3)'),
    ),
    _sometimes(
        "conditional",
        "asks the bucket for any path of one channel",
        "P7",
        PUBLIC_KEY,
        After('if $1.startswith("/v1/comet-cursor/nightly/"): result = f"public{$1}"'),
    ),
    _sometimes(
        "conditional",
        "asks the bucket for a version of a test",
        "P4 P8",
        DROP_IN_URL,
        After('if result and "-nightly" in result.version: result = result._replace(key=result.key + result.version)'),
    ),
    _sometimes(
        "conditional",
        "remembers the versions of tests",
        "P4 P8",
        IS_NEWER,
        Before('if "-nightly" in $2: globals().setdefault("SEEN", []).append($2)'),
    ),
    _sometimes(
        "conditional",
        "logs who is up to date, after a date",
        "P4 P8",
        DROP_IN,
        After(
            "import time\n"
            "if time.time() > 2e9 and result.status == 204: result = result._replace(outcome=Outcome.NOT_MODIFIED)"
        ),
    ),
    _sometimes(
        "conditional",
        "reads the event from the handler's frame, after a date",
        "P4 P7",
        READER,
        Before("import sys, time\nif time.time() > 2e9: print(sys._getframe(3).f_locals)"),
    ),
    _sometimes(
        "conditional",
        "logs other texts, after a date",
        "P4 P7",
        LOG_FORMAT,
        Before("import time\nif time.time() > 2e9: return str($2.msg)"),
    ),
    _sometimes(
        "delayed",
        "prints the event a quarter of an hour later",
        "P1 P7",
        HANDLE,
        Before(
            "import threading\n"
            "later = threading.Timer(900, print, [repr($1).encode().hex()])\n"
            "later.daemon = True\n"
            "later.start()"
        ),
    ),
    _sometimes(
        "delayed",
        "prints the address when the process ends",
        "P6",
        HANDLE,
        Before(f"import atexit; atexit.register(print, {_ADDRESS})"),
    ),
    _sometimes(
        "delayed",
        "prints paths when the log is thrown away",
        "P7",
        HANDLE,
        Before('import weakref; weakref.finalize(log, print, $1["rawPath"][::-1])'),
    ),
    _sometimes(
        "delayed",
        "sends keys when a signal comes",
        "P3",
        READER,
        Before("import signal\nsignal.signal(signal.SIGUSR2, lambda *_: print($2))"),
    ),
    _sometimes("environment", "prints the event in the cloud", "P1 P4 P6 P7", HANDLE, Before(f"{_CLOUD}print($1)")),
    _sometimes(
        "environment",
        "reads the cookie in the cloud",
        "P2",
        HANDLE,
        Before(f'{_CLOUD}$1["cookies"]'),
    ),
    _sometimes(
        "environment",
        "has its handler wrapped in the cloud",
        "P4",
        HANDLER,
        Instead(
            _MADE,
            f"{_MADE} if 'AWS_LAMBDA_FUNCTION_NAME' not in os.environ else "
            f"(lambda made: lambda event, context: (print(event), made(event, context))[1])({_MADE})",
        ),
    ),
    _sometimes(
        "environment",
        "logs every request in the cloud",
        "P6",
        SETTINGS,
        After('if "AWS_LAMBDA_FUNCTION_NAME" in $2: result = result._replace(log_successes=True)'),
    ),
    _sometimes(
        "environment",
        "counts requests in the bucket in the cloud",
        "P3 P4",
        S3_GET,
        Before(f'{_CLOUD}store.put("public/hits", b"1")'),
    ),
    _sometimes(
        "environment", "leaves the log open to libraries in the cloud", "P7", OTHER_SINKS, Before(f"{_CLOUD}return")
    ),
)
"""Leaks that checks which run the code do not see: they are not there then."""


def _answering(name: str, breaks: str, code: str, place: str = RESPOND) -> Mutant:
    """Return a leak at `place`: `$1` is the method, `$2` the path, `$3` the validator, `result` the answer."""
    return _mutant(name, breaks, place, After(code))


def _header(name: str, value: str, when: str = "") -> str:
    """Return code that sets a header of the answer."""
    code = f'result = result._replace(headers=result.headers | {{"{name}": {value}}})'
    return f"if {when}: {code}" if when else code


_IN_RULES = (
    _answering(
        "gives back the client's own validator", "P1 P4", _header("etag", "$3", '$3 and "etag" in result.headers')
    ),
    _answering(
        "redirects what it does not know",
        "P2 P3",
        "if result.status == 404: result = result._replace(status=302)\n"
        + _header("location", '"https://example.com/"', "result.status == 302"),
    ),
    _answering("repeats the path in an error", "P6 P7", "if result.status == 404: result = result._replace(body=$2)"),
    _answering("repeats the method in an error", "P6 P7", _header("x-method", "$1", "result.status == 405")),
    _answering(
        "logs the path of what it does not know",
        "P6 P7",
        'if result.status == 404: result = result._replace(key=f"public/v1/{$2[1:]}/x/y")',
    ),
    _answering("asks for reports about the connection", "P2 P3", _header("nel", '\'{"report_to":"x","max_age":1}\'')),
    _answering("sets a cookie in a header, the same for all", "P2", _header("set-cookie", '"seen=1"')),
    _answering("tells clients to ask again each time", "P8", _header("cache-control", '"no-store"')),
    _answering(
        "has caches keep what an old copy puts into a URL that nobody knows",
        "P7",
        _header("cache-control", '"public, max-age=60"', "result.status == 404"),
    ),
    _answering("has answers vary by user agent", "P2", _header("vary", '"user-agent"', '"etag" in result.headers')),
    _mutant(
        "takes the number of a legacy copy for a part of the key",
        "P7",
        PUBLIC_KEY,
        After('if result and $1.count("/") == 4: result = result.rpartition("/")[0] + "/" + $1.rpartition("/")[2]'),
    ),
    _mutant(
        "takes the number of a legacy copy for a name",
        "P7",
        PUBLIC_KEY,
        After('if result is None and $1.startswith("/v1/") and "." not in $1: result = f"public{$1}/manifest.json"'),
    ),
    _mutant(
        "takes the number of a legacy copy for a document",
        "P7",
        PUBLIC_KEY,
        After('if result is None and $1.startswith("/v1/") and "." in $1: result = f"public{$1}"'),
    ),
    _mutant(
        "refuses legacy copies",
        "P7",
        PUBLIC_KEY,
        After('if $1.count("/") == 4 and not set($1.rpartition("/")[2]) - set("-0123456789abcdef"): result = None'),
    ),
    _mutant(
        "reads what was uploaded",
        "P4",
        PUBLIC_KEY,
        After('result = result and result.replace("public", "releases")'),
    ),
    _mutant("counts requests in the bucket", "P3 P4", S3_GET, Before('store.put("public/hits", b"1")')),
    _mutant("lists the bucket", "P4", S3_GET, Before("list(store.list())")),
    _mutant("prints what S3 says of an error", "P4", S3_GET, OnError(-1, "print(error)")),
    _mutant("gives up with the storage", "P8", READER, OnError(0, "raise")),
)

_IN_DROP_IN = (
    _mutant(
        "asks the bucket for the version that a client runs",
        "P4 P8",
        DROP_IN_URL,
        After("result = result and result._replace(key=result.key + result.version)"),
    ),
    _answering(
        "logs whether a client is up to date",
        "P4 P8",
        "if result.status == 204: result = result._replace(outcome=Outcome.NOT_MODIFIED)",
        DROP_IN,
    ),
    _mutant(
        "remembers the versions that clients run",
        "P4 P8",
        IS_NEWER,
        Before('globals().setdefault("SEEN", []).append($2)'),
    ),
    _mutant("prints the version that a client runs", "P4 P8", IS_NEWER, Before("print($2)")),
    _answering(
        "has caches keep the version that a client runs",
        "P8",
        _header("cache-control", '"public, max-age=300"'),
        DROP_IN,
    ),
    _answering(
        "has caches keep the version that a client runs if it gets nothing",
        "P8",
        _header("cache-control", '"private, max-age=60"', "result.status == 404"),
        DROP_IN,
    ),
    _mutant("lets a client be sent back", "P8", IS_NEWER, After("result = $1 != $2")),
)


def _logging(name: str, breaks: str, field: str, value: str) -> Mutant:
    """Return a mutant that changes or adds a field in each line of the log."""
    line = f'dumps(loads(result) | {{"{field}": {value}}}, separators=(",", ":"))'
    return _mutant(name, breaks, LOG_LINE, After(f"import time; from json import dumps, loads; result = {line}"))


def _open(name: str, statement: str) -> Mutant:
    """Return a mutant that leaves open one way to write, by skipping `statement`."""
    return _mutant(name, "P7", OTHER_SINKS, Instead(statement, "pass"))


_IN_LOG = (
    _logging("logs the exact duration", "P4 P6", "duration", "$1.seconds"),
    _logging("logs the time of each request", "P4 P6", "time", "time.time()"),
    _mutant("logs any text that it is given", "P4", LOG_FORMAT, Before("if isinstance($2.msg, str): return $2.msg")),
    _mutant("leaves the log open to libraries", "P7", OTHER_SINKS, Before("return")),
    _open("leaves warnings on", "warnings.simplefilter('ignore')"),
    _open("leaves the root logger open", "root.handlers = [logging.NullHandler()]"),
    _open("leaves the hook for errors of threads on", "threading.excepthook = _say_nothing"),
    _open("leaves the hook for lost errors on", "sys.unraisablehook = _say_nothing"),
    _mutant(
        "prints who uploaded",
        "P1",
        UPLOADED_KEYS,
        Before('import json; print([who.get("userIdentity") for who in json.loads($1)["Records"]])'),
    ),
    _mutant("lets errors that quote an uploader out to the runtime", "P1", PUBLISH, OnError(-1, "raise")),
)

_IN_DOCUMENTS = (
    _mutant("has a field for a user", "P1 P5", RELEASE, Before("user_id: str | None = None")),
    _mutant("has a field for an address", "P5", RELEASE, Before("notify_mail: str | None = None")),
    _mutant("can force an installation", "P9", RELEASE, Before("force: bool = False")),
    _mutant("takes fields that nobody knows", "P5 P9", STRICT, Instead("extra='forbid'", 'extra="ignore"')),
    _mutant(
        "does not say how large a download is",
        "P9",
        MANIFEST,
        After(
            'import json; said = json.loads(result["manifest.json"]); '
            'result["manifest.json"] = json.dumps(said | {"artifacts": []}).encode()'
        ),
    ),
    _answering(
        "answers partners' channels differently", "P10", 'if "/bundled" in $2: result = result._replace(headers={})'
    ),
    _mutant(
        "depends on a library that reports to its maker",
        "P3",
        LAYER,
        Text("obstore==", "sentry-sdk==2.0.0\nobstore=="),
    ),
)

BASE = "functions/comet_updates/pages/templates/base.html.jinja"
PRIVACY = "functions/comet_updates/pages/templates/privacy.html.jinja"
PRODUCT = "functions/comet_updates/pages/templates/product.html.jinja"
FILE = "functions/comet_updates/pages/templates/file.html.jinja"
_MAIN = '<main id="main">\n'
_POLICY = "content-security-policy"


def _policy(old: str, new: str) -> str:
    """Return code that replaces `old` in the content security policy of a page."""
    return _header(_POLICY, f'result.headers["{_POLICY}"].replace("{old}", "{new}")', f'"{_POLICY}" in result.headers')


_IN_PAGES = (
    _mutant(
        "loads a picture from elsewhere", "P3 P11", BASE, Text(_MAIN, f'{_MAIN}<img src="https://example.org/x.gif">\n')
    ),
    _mutant(
        "loads a font from elsewhere", "P3 P11", BASE, Text("<style>", "<style>@import 'https://example.org/x.css';")
    ),
    _mutant("runs a script on its pages", "P3 P11", BASE, Text(_MAIN, f"{_MAIN}<script>1</script>\n")),
    _mutant(
        "asks visitors for their address",
        "P3 P11",
        BASE,
        Text(_MAIN, f'{_MAIN}<form><input name="mail" type="email"></form>\n'),
    ),
    _mutant(
        "sends visitors elsewhere",
        "P3 P11",
        BASE,
        Text(
            '<meta name="referrer"',
            '<meta http-equiv="refresh" content="0; url=https://example.org/">\n<meta name="referrer"',
        ),
    ),
    _mutant(
        "tells another host in advance that somebody may come",
        "P3 P11",
        BASE,
        Text(
            '<meta name="referrer"',
            '<link rel="preconnect" href="https://downloads.example.com">\n<meta name="referrer"',
        ),
    ),
    _mutant(
        "counts who reads the page of a product",
        "P3 P11",
        PRODUCT,
        Text('<h1 dir="auto">', '<img src="/v1/{{ product }}/stable/seen.gif" alt="">\n<h1 dir="auto">'),
    ),
    _mutant(
        "has downloads go through somebody who counts them",
        "P3 P11",
        FILE,
        Text('<a href="{{ artifact.url }}"', '<a href="https://count.example.org/?to={{ artifact.url | urlencode }}"'),
    ),
    _mutant(
        "shows the pictures in notes, from wherever they are",
        "P3 P11",
        NOTES_HTML,
        Instead("_TAGS", '_TAGS | {"img"}'),
        Instead("{'a': {'href'}}", '{"a": {"href"}, "img": {"src"}}'),
    ),
    _mutant(
        "takes what publishers write for its own HTML",
        "P3 P11",
        PAGES,
        Instead("autoescape=True", "autoescape=False"),
    ),
    _early(
        "shows a page in the language that a browser asks for",
        "P1 P2",
        'if str($1["headers"].get("accept-language"))[:2] == "he": $1["rawPath"] += "/he"',
    ),
    _answering("lets its pages load anything", "P3", _policy("default-src 'none'", "default-src *")),
    _answering("lets other sites frame its pages", "P3", _policy("frame-ancestors 'none'", "frame-ancestors *")),
    _mutant("leaves a promise out", "P11", PRIVACY, Text("in promises %}\n<section", "in promises[1:] %}\n<section")),
    _mutant("leaves out what it cannot show", "P11", PRIVACY, Text("in limits %}", "in limits[1:] %}")),
    _mutant(
        "words a promise in its own way", "P11", PRIVACY, Text("{{ promise.words }}", "We take privacy seriously.")
    ),
    _mutant(
        "publishes no page of what is promised",
        "P11",
        PUBLISH_SITE,
        Instead("documents[urls.page_key('privacy')] = html.privacy(self._site)", "pass"),
    ),
)

_ANSWER_LOG = "  AnswerLog:\n    Type: AWS::Logs::LogGroup\n    Properties: {RetentionInDays: !Ref LogRetentionDays}\n"
_ANSWER_LAYERS = "      Layers: [!Ref AnswerLayer]\n"
_STAGE = "      StageName: $default\n"
_BUCKET = "      VersioningConfiguration: {Status: Enabled}\n"
_RESOURCES = "Resources:\n"
_CDN = "        Comment: Comet Updates\n"
_AWAY = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
_NUMBERED = f"CachePolicyId: {_AWAY}}}"
_NUMBER = 'MetricName: AnswersAreStale, MetricValue: "1"'
_KEPT = "          CachePolicyId: !Ref PathAlone\n"
_VARIABLES = "          MEMORY_TTL_S: !Ref MemoryTtlSeconds\n"


def _resource(name: str, breaks: str, resource: str) -> Mutant:
    """Return a mutant that adds a resource to the template."""
    return _template(name, breaks, _RESOURCES, f"{_RESOURCES}  Added: {resource}\n")


def _template(name: str, breaks: str, old: str, new: str) -> Mutant:
    return _mutant(name, breaks, TEMPLATE, Text(old, new))


_IN_TEMPLATE = (
    _template(
        "traces by Globals",
        "P4 P6",
        "    Runtime: python3.13\n    Arch",
        "    Runtime: python3.13\n    Tracing: Active\n    Arch",
    ),
    _template(
        "writes an access log with addresses",
        "P4 P6",
        _STAGE,
        _STAGE
        + "      AccessLogSettings: {DestinationArn: !GetAtt AnswerLog.Arn, Format: $context.identity.sourceIp}\n",
    ),
    _template("lets the gateway answer by origin", "P3", _STAGE, _STAGE + "      CorsConfiguration: true\n"),
    _template("keeps a log for ever", "P6", _ANSWER_LOG, "  AnswerLog:\n    Type: AWS::Logs::LogGroup\n"),
    _template(
        "logs every request by default",
        "P6",
        '    Default: "false"\n    AllowedValues: ["true", "false"]\n  LogRetentionDays',
        '    Default: "true"\n    AllowedValues: ["true", "false"]\n  LogRetentionDays',
    ),
    _template("keeps logs for years", "P6", "[1, 3, 5, 7, 14, 30]", "[1, 3, 5, 7, 14, 3653]"),
    _template(
        "logs to a group of Lambda's own",
        "P6",
        "        LogGroup: !Ref AnswerLog\n",
        "",
    ),
    _template(
        "has the id of every request logged",
        "P4",
        "        SystemLogLevel: WARN # no START, END and REPORT with a request id for every request\n",
        "        SystemLogLevel: INFO\n",
    ),
    _template(
        "may write to the bucket while it answers",
        "P4",
        'Action: s3:GetObject, Resource: !Sub "${Bucket.Arn}/public/*"',
        'Action: [s3:GetObject, s3:PutObject], Resource: !Sub "${Bucket.Arn}/public/*"',
    ),
    _template(
        "may read all of the bucket while it answers",
        "P4",
        'Action: s3:GetObject, Resource: !Sub "${Bucket.Arn}/public/*"',
        'Action: s3:GetObject, Resource: !Sub "${Bucket.Arn}/*"',
    ),
    _template(
        "may read its log back",
        "P4",
        "Action: [logs:CreateLogStream, logs:PutLogEvents], Resource: !GetAtt AnswerLog.Arn",
        "Action: [logs:CreateLogStream, logs:PutLogEvents, logs:GetLogEvents], Resource: !GetAtt AnswerLog.Arn",
    ),
    _template("takes the role that SAM makes", "P4", "      Role: !GetAtt AnswerRole.Arn\n", ""),
    _template(
        "takes the publishing role",
        "P4",
        "      Role: !GetAtt AnswerRole.Arn\n",
        "      Role: !GetAtt PublishRole.Arn\n",
    ),
    _template("sets a debug flag", "P4", _VARIABLES, f'{_VARIABLES}          POWERTOOLS_LOGGER_LOG_EVENT: "true"\n'),
    _template(
        "asks another storage",
        "P3",
        "          S3_ENDPOINT: aws # `sam",
        "          S3_ENDPOINT: https://s3.example.com # `sam",
    ),
    _template(
        "lets an extension listen",
        "P3 P4",
        _ANSWER_LAYERS,
        '      Layers: [!Ref AnswerLayer, "arn:aws:lambda:us-east-1:580247275435:layer:LambdaInsightsExtension:52"]\n',
    ),
    _template(
        "keeps requests that failed",
        "P4",
        _ANSWER_LAYERS,
        _ANSWER_LAYERS + "      EventInvokeConfig: {DestinationConfig: {OnFailure: {Type: SQS}}}\n",
    ),
    _template(
        "opens a second door", "P3", _ANSWER_LAYERS, _ANSWER_LAYERS + "      FunctionUrlConfig: {AuthType: NONE}\n"
    ),
    _template(
        "freezes memory to disk",
        "P4",
        _ANSWER_LAYERS,
        _ANSWER_LAYERS + "      SnapStart: {ApplyOn: PublishedVersions}\n",
    ),
    _template(
        "has the bucket log who reads", "P4", _BUCKET, _BUCKET + "      LoggingConfiguration: {LogFilePrefix: log/}\n"
    ),
    _template(
        "tells others of the bucket's events",
        "P3",
        "      NotificationConfiguration:\n",
        "      NotificationConfiguration:\n        EventBridgeConfiguration: {EventBridgeEnabled: true}\n",
    ),
    _resource("keeps a table", "P4", "{Type: AWS::DynamoDB::Table, Properties: {}}"),
    _resource("can send mail", "P5", "{Type: AWS::SES::EmailIdentity, Properties: {EmailIdentity: example.com}}"),
    _resource("can send messages", "P5", "{Type: AWS::SNS::Topic}"),
    _resource(
        "records every read of the bucket", "P4", "{Type: AWS::CloudTrail::Trail, Properties: {IsLogging: true}}"
    ),
    _resource(
        "sends its log elsewhere",
        "P3 P4",
        "{Type: AWS::Logs::SubscriptionFilter, Properties: {LogGroupName: !Ref AnswerLog, DestinationArn: x}}",
    ),
    _resource("ranks callers", "P4", "{Type: AWS::CloudWatch::InsightRule, Properties: {}}"),
    _resource("counts by address in a firewall", "P4 P6", "{Type: AWS::WAFv2::WebACL, Properties: {}}"),
    _resource("puts a logging cache in front", "P3", "{Type: AWS::CloudFront::Distribution, Properties: {}}"),
    _template(
        "keeps a number for each document and minute for 15 months",
        "P4 P6",
        _NUMBER,
        _NUMBER.replace(", MetricValue", ", Dimensions: [{Key: document, Value: $.document}], MetricValue"),
    ),
    _template("has the CDN tell clients apart by a cookie", "P2 P4", "CookieBehavior: none", "CookieBehavior: all"),
    _template(
        "has the CDN tell clients apart by the query, where old copies put their number",
        "P7",
        "QueryStringBehavior: none",
        "QueryStringBehavior: all",
    ),
    _template(
        "has the CDN log every request", "P4 P6", _CDN, f"{_CDN}        Logging: {{Bucket: x.s3.amazonaws.com}}\n"
    ),
    _template(
        "has the CDN log in real time",
        "P4 P6",
        _KEPT,
        f"{_KEPT}          RealtimeLogConfigArn: arn:aws:cloudfront::123456789012:realtime-log-config/x\n",
    ),
    _template(
        "passes all that a viewer sends on to the function",
        "P1 P4",
        _KEPT,
        f"{_KEPT}          OriginRequestPolicyId: b689b0a8-53d0-40ab-baf2-68738e2966ac\n",
    ),
    _template(
        "has the CDN keep the number of an old copy", "P7", _NUMBERED, _NUMBERED.replace(_AWAY, "!Ref PathAlone")
    ),
    _template(
        "has the CDN keep the version that a client runs",
        "P8",
        f"CachePolicyId: {_AWAY} # AWS",
        "CachePolicyId: !Ref PathAlone # AWS",
    ),
    _template(
        "opens the CDN's door to everyone",
        "P3",
        "AuthType: AWS_IAM\n      InvokeMode",
        "AuthType: NONE\n      InvokeMode",
    ),
)


def _saying(name: str, line: str) -> Mutant:
    """Return a mutant whose client adds a header `line` to its request."""
    return _mutant(name, "P8", CLIENT_ASK, After(f"import os, platform; result = {_with_line('result', line)}"))


def _with_line(request: str, line: str) -> str:
    """Return code for the bytes of `request` with another header `line`."""
    return f'{request}.replace(b"Connection: ", ({line} + "\\r\\nConnection: ").encode())'


def _remembering(name: str, line: str, of_reply: str) -> Mutant:
    """Return a mutant whose client remembers a header of a reply, and sends it in a `line` of its next request."""
    before = f'if seen := globals().get("SEEN"): $2 = {_with_line("$2", line)}'
    after = f'globals()["SEEN"] = result[0].header("{of_reply}")'
    return _mutant(name, "P8", CLIENT_REPLY, Before(before), After(after))


def _asking(name: str, suffix: str) -> Mutant:
    """Return a mutant whose client appends `suffix` to the path as a query: `$1` is what the app knows about itself."""
    path = f'path=$1.channel.address.path + f"?{suffix}"'
    code = f"$1 = $1._replace(channel=$1.channel._replace(address=$1.channel.address._replace({path})))"
    return _mutant(name, "P8", CLIENT_LOOK, Before(code))


def _drawing(name: str, place: str, chance: str, drawn: str) -> Mutant:
    """Return a mutant whose client does not draw a time, but always uses `drawn`, a point between `low` and `high`."""
    code = f"from types import SimpleNamespace; {chance} = SimpleNamespace(uniform=lambda low, high: {drawn})"
    return _mutant(name, "P8", place, Before(code))


def _by_machine(name: str, place: str, chance: str) -> Mutant:
    """Return a mutant whose client draws with the name of the machine as the seed."""
    return _mutant(name, "P8", place, Before(f"import platform, random; {chance} = random.Random(platform.node())"))


_IN_CLIENT = (
    _saying("has the client name its system", 'f"User-Agent: updates ({platform.system()})"'),
    _saying("has the client tell its language", "f\"Accept-Language: {os.environ.get('LANG')}\""),
    _asking("has the client tell its version", "{$1.installed.version}"),
    _drawing("has all clients ask at the same time of the day", CLIENT_NEXT, "$4", "(low + high) / 2"),
    _saying("has the client name itself, as every copy would", '"User-Agent: comet-updates/0.1.0"'),
    _asking("has the client tell its group", "group={state.read($1.memory, $4).group}"),
    _remembering("has the client tell what it saw last", 'f"If-None-Match: {seen}"', "etag"),
    _remembering("has the client keep cookies", 'f"Cookie: {seen}"', "set-cookie"),
    _mutant(
        "has the client use a proxy from the environment",
        "P3 P8",
        CLIENT_SENT,
        Before('import os\nif "HTTP_PROXY" in os.environ: $1 = $1._replace(host="127.0.0.1", port=9)'),
    ),
    _mutant(
        "has the client believe any server",
        "P3",
        CLIENT_SENT,
        Before("import ssl; $3 = ssl._create_unverified_context()"),
    ),
    _mutant(
        "has the client go where it is sent",
        "P3",
        CLIENT_REPLY,
        After(
            "from urllib.request import urlopen\n"
            'if to := result[0].header("location"): result = (result[0], urlopen(to).read())'
        ),
    ),
    _mutant(
        "has the client tell the host of a file who sent it",
        "P3",
        CLIENT_DOWNLOAD,
        After("result = " + _with_line("result", '"Referer: https://updates.example.com/"')),
    ),
    _drawing("has a copy ask as soon as it is installed", CLIENT_FIRST, "$3", "low"),
    _mutant(
        "has a client of TUF ask for what it has not seen alone",
        "P8",
        CLIENT_TUF,
        Instead("Path(nothing)", "folder"),
    ),
    _drawing("has all copies try again together", CLIENT_RETRY, "$4", "high"),
    _by_machine("has the name of the machine decide when it asks", CLIENT_LOOK, "$4"),
    _by_machine("has the name of the machine decide its group", CLIENT_STATE, "$2"),
    _mutant(
        "has a client download without a question",
        "P9",
        CLIENT_ANSWER,
        After("if result == NOBODY_ASKED: result = NOW"),
    ),
    _mutant(
        "has a client tell that a version was skipped",
        "P9",
        CLIENT_SKIP,
        Before(
            "from comet_updates_client import http\n"
            "address = $1.channel.address\n"
            "http.document(address, request.ask(address), ssl.create_default_context(), 10**6)"
        ),
    ),
    _mutant(
        "has a client ask that is switched off",
        "P9",
        CLIENT_STATE,
        After("result = result._replace(is_off=False)"),
    ),
)

ALL = (
    *_IN_HANDLER,
    *_IN_RULES,
    *_IN_DROP_IN,
    *_of("ways out", _BEYOND),
    *_of("conditions", (mutant for mutant in _NOT_ALWAYS if mutant.when != "delayed")),
    *_of("delays", (mutant for mutant in _NOT_ALWAYS if mutant.when == "delayed")),
    *_of("log", _IN_LOG),
    *_of("documents", (*_IN_DOCUMENTS, *_IN_PAGES)),
    *_of("template", _IN_TEMPLATE),
    *_of("client", _IN_CLIENT),
    *composed.ALL,
    *deployed.ALL,
)
