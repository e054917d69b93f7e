"""Test that a request has no way out of the code that gets it: see `checks/privacy_proof/gate.py`."""

from __future__ import annotations

import re

import pytest

from checks.privacy_proof import gate, mutants, run_mutants
from checks.privacy_proof.build_steps import STEPS
from checks.privacy_proof.changes import After, Before, Change, Instead, OnError
from checks.privacy_proof.mutant import HANDLE, HANDLER, IS_NEWER, PUBLIC_KEY, RESPOND, Mutant
from checks.privacy_proof.source import find
from testkit.project import ROOT
from testkit.reviewed import ANSWER_MODULES, SEES, SEES_VERSION

BUILD = "comet_updates.answer.handler.build"
DROP_IN = "comet_updates.answer.drop_in.respond"
URLS = "comet_updates.answer.urls"
STORE = "comet_updates.answer.store"
READER, READ_S3 = f"{STORE}.CachedStore", f"{STORE}.s3_get.get"
LOGGED = "comet_updates.answer.log"
SETTINGS = "comet_updates.answer.handler.Settings.from_environment"
RECORDED = "log.write(Record(answer.outcome, place, answer.cache, time.monotonic() - started))"
NOTHING_NEWER = "Answer(204, _HEADERS, '', Outcome.ANSWERED, document.key, cache)"
RESPONDING = "comet_updates.answer.respond"
IN_THE_CLOUD = 'if "AWS_LAMBDA_FUNCTION_NAME" in os.environ: '


def broken_rules(place: str, *changes: Change) -> list[str]:
    """Return what the gate refuses with `changes` at `place`."""
    built = mutants.build(Mutant("", "", place, changes), ROOT)
    module = ".".join(built.file.relative_to("functions").with_suffix("").parts)
    return gate.violations(module, built.after)


def test_code_that_gets_a_request_does_only_what_is_listed() -> None:
    assert [broken for module in sorted(ANSWER_MODULES) for broken in gate.violations(module, find(module).text)] == []


PUBLISHING = tuple(f"comet_updates.publish.{name}" for name in ("handler", "run", "bucket"))
SENDING = ("check", "request", "http", "schedule", "state", "source", "source_minisign", "source_tuf", "download")
CHECK, REQUEST, HTTP, SCHEDULE, STATE, SOURCE, MINISIGN, TUF, DOWNLOAD = (f"comet_updates_client.{n}" for n in SENDING)


def changed(module: str, old: str, new: str) -> str:
    """Return the source of `module` with `new` in the first place of `old`."""
    text = find(module).text
    assert old in text
    return text.replace(old, new, 1)


def test_publishing_reads_only_keys_and_ids_of_a_notification() -> None:
    assert [broken for module in PUBLISHING for broken in gate.violations_of_uploads(module, find(module).text)] == []


def test_client_makes_a_request_of_its_url_alone() -> None:
    modules = [f"comet_updates_client.{name}" for name in SENDING]
    assert {part.partition(".")[0] for part in gate.CLIENT} == set(SENDING)
    assert [broken for module in modules for broken in gate.violations_of_client(module, find(module).text)] == []


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        (CHECK, "answer.wait_s, rng)", "answer.wait_s, rng).replace(second=known.group % 60)"),
        (REQUEST, '*headers, "Connection: close"', '*headers, "Connection: close" if WINDOWS else "x"'),
        (HTTP, "stream.sendall(request)", "stream.sendall(request[:9])\n            stream.sendall(request[9:])"),
        (HTTP, "stream.sendall(request)", "stream.sendall(request if NIX else socket.gethostname().encode())"),
        (HTTP, "timeout=SILENCE_S)", "timeout=SILENCE_S, source_address=('', 20000))"),
        (HTTP, "server_hostname=address.host)", "server_hostname=address.host, session=LAST.get(address.host))"),
        (HTTP, "while chunk := reply.read():", "while chunk := reply.read() if address.port else b'':"),
        (REQUEST, "return self.host if", "return self.host.title() if"),
        (REQUEST, "path + query, is_tls", "path + (query or SYSTEM), is_tls"),
        (SCHEDULE, "max(wait_s, rng", "max(wait_s, rng if wait_s < interval_s else Random(1)"),
        (STATE, "not now < self", "not now - timedelta(seconds=self.group) < self"),
        (STATE, "State(rng.randrange(GROUPS))", "State(len(str(file)) % GROUPS)"),
        (SOURCE, "return document(channel.address", "return document(OTHER if memory.exists() else channel.address"),
        (MINISIGN, "signature = document(", "signature = memory.exists() or document("),
        (TUF, "for version in range(2,", "for version in range(2 + len([*folder.iterdir()]) // 9,"),
        (
            TUF,
            "        yield _body(self.heard[url])",
            "        yield _body(self.heard[url])\n        self.heard[''] = url",
        ),
        (DOWNLOAD, "offset = part.seek(0, SEEK_END)", "offset = part.seek(0, SEEK_END) - len(part.name) % 64"),
    ],
)
def test_what_tells_copies_apart_is_found(module: str, old: str, new: str) -> None:
    """Positive control of the test above, such as the time, a header, packets, and a system that no test has."""
    assert gate.violations_of_client(module, changed(module, old, new))


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        (PUBLISHING[0], "    run = _run()", "    run = _run()\n    if event.get('x'): print(event)"),
        (PUBLISHING[0], "return _handle(event)", "return _handle(_context)"),
        (PUBLISHING[1], "return [unquote", "who = json.loads(body) if 'AIDA' in body else None\n    return [unquote"),
        (PUBLISHING[1], '.get("Event") == "s3:TestEvent"', '.get("Event") == ADDRESS'),
        (PUBLISHING[1], '["s3"]["object"]["key"]', '["s3"]["object"].get(WHAT)'),
        (
            PUBLISHING[2],
            "                return _body(found, stored",
            "                who = found['Metadata']\n                return _body(found, stored",
        ),
        (PUBLISHING[2], 'stored = Stored(key, version["VersionId"]', 'stored = Stored(key, version["Owner"]["ID"]'),
        (PUBLISHING[2], 'IfNoneMatch="*"', 'IfNoneMatch="*", Metadata=SEEN'),
        (PUBLISHING[2], 'boto3.client("s3"', 'boto3.client("sns"'),
        (
            PUBLISHING[2],
            "    def delete(",
            "    def tags(self, key: str) -> Any:\n        return self._s3\n\n    def delete(",
        ),
        (
            PUBLISHING[1],
            "        failed = set()",
            "        failed = set()\n        self._kept = [*messages.values()][1000:]",
        ),
    ],
)
def test_reading_who_uploads_is_found(module: str, old: str, new: str) -> None:
    """Positive control of the test above. Each leak waits, so no run would show it."""
    assert gate.violations_of_uploads(module, changed(module, old, new))


def test_every_function_that_gets_a_request_is_listed() -> None:
    names = {name.removeprefix("comet_updates.answer.").replace(".<locals>", "") for name in SEES | SEES_VERSION}
    assert gate.REQUEST.keys() == names


def test_page_for_reviewers_shows_lines_of_the_gate() -> None:
    (shown,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "privacy.md").read_text(), re.DOTALL)
    assert gate.Part("", "", shown).pieces().items() <= gate.REQUEST["handler.build.handle"].pieces().items()


CODE, CALL, KIND = "is used in code that is not listed", "calls what is not listed", "is not of a plain kind"
ERROR, KEPT, TWICE = "could raise an error", "keeps an error", "means two things"
HEADER, METHODS = "is not a listed header", "has other methods"
FIELDS, GIVEN, ONCE = "is more than a list of fields", "has other parameters", "times, not once"

LEAKS: dict[str, tuple[str, Change, str]] = {
    "prints the event in the cloud only": (HANDLE, Before(f"{IN_THE_CLOUD}print(event)"), CODE),
    "sends the event by UDP": (HANDLE, Before("SOCKET.sendmsg([repr(event).encode()])"), CODE),
    "looks the address up as a name": (HANDLE, Before("socket.gethostbyname(event['rawPath'])"), CODE),
    "sends the event later": (HANDLE, Before("threading.Timer(900, print, [event]).start()"), CODE),
    "keeps the 1001st event": (HANDLE, Before("if next(COUNT) > 1000: SEEN.append(event)"), CODE),
    "keeps one event in ten": (HANDLE, Before("if random.random() < 0.1: SEEN.append(event)"), CODE),
    "keeps what one user agent sends": (HANDLE, Before("if event['headers']['user-agent'] == 'x': LAST = 1"), CODE),
    "reads a header that no test sends": (HANDLE, Before("event['headers'].get('x-forwarded-for')"), CODE),
    "reads the address": (HANDLE, Instead("http['method']", "http['sourceIp']"), CODE),
    "reads the context": (HANDLE, Before("_context.aws_request_id"), CODE),
    "gives the event another name": (HANDLE, Before("copy = event"), CODE),
    "keeps the event in a lambda": (HANDLE, Before("later = lambda: event"), CODE),
    "keeps the event in a partial": (HANDLE, Before("later = functools.partial(print, event)"), CODE),
    "has a function for later": (HANDLE, Before("def later(): return 1"), KIND),
    "imports something": (HANDLE, Before("import socket"), KIND),
    "sleeps by the length of the user agent": (HANDLE, Before("time.sleep(len(http['userAgent']))"), CODE),
    "takes longer for a longer path": (RESPOND, Before("for _ in path: pass"), CODE),
    "takes longer at some time": (RESPOND, Before("while True: pass"), KIND),
    "adds the path to the answer": (HANDLE, Instead("answer.body", "answer.body + event['rawPath']"), CODE),
    "logs another part": (HANDLE, Instead("answer.outcome", "http"), CODE),
    "logs the answer twice": (HANDLE, Before("log.write(Record(answer.outcome))"), CODE),
    "raises all errors": (HANDLE, OnError(0, "raise"), ERROR),
    "raises some errors": (HANDLE, OnError(1, "if started > 1e6: raise"), ERROR),
    "fails after the last `try`": (HANDLE, After("reader.read(1)"), ERROR),
    "prints the text of an error": (RESPOND, OnError(0, "print(error)"), KEPT),
    "counts requests": (RESPOND, Before("STATE[0] = STATE[0] + 1"), "keeps something after"),
    "prints something": (RESPOND, OnError(0, "print()"), CALL),
    "makes another handler": (HANDLER, Instead("build(Settings.from_environment(os.environ))", "Wrapped()"), ONCE),
    "wraps the handler": (BUILD, Instead("return handle", "return Wrapped(handle)"), CODE),
    "replaces the made handler": (BUILD, Instead("return handle", "handle = log\nreturn handle"), CODE),
    "replaces the handler later": (HANDLER, Before("handler = None"), CODE),
    "calls other rules": (BUILD, Before("respond = log"), TWICE),
    "logs successes in the cloud": (SETTINGS, Instead("successes == 'true'", "successes == 'true' or 1"), CODE),
    "tests the path": (RESPOND, Before("if path == '/v1/x': return NOT_FOUND"), CODE),
    "puts the validator into the answer": (RESPOND, After("result = result._replace(body=if_none_match)"), CODE),
    "remembers validators": (RESPOND, Before("SEEN.update({if_none_match: 1})"), CODE),
    "passes the method on": (RESPOND, Instead("urls.public_key(path)", "urls.public_key(method)"), CODE),
    "makes a key of any path": (PUBLIC_KEY, Before("return f'public{path}'"), CODE),
    "keeps the result of a pattern": (PUBLIC_KEY, Before("SEEN[0] = found"), CODE),
    "remembers versions": (IS_NEWER, Before("SEEN.append(theirs)"), CODE),
    "makes the version a part of the key": (DROP_IN, Instead("asked.key", "asked.key + asked.version"), CODE),
    "logs who is up to date": (DROP_IN, Instead(NOTHING_NEWER, f"{NOTHING_NEWER}[:4]"), ONCE),
    "has a pattern that keeps paths": (URLS, Before("class Spy:\n    def fullmatch(self, path): ..."), FIELDS),
    "has a pattern of its own": (URLS, Instead("re.compile(re.escape(TIMESTAMP))", "spy(TIMESTAMP)"), CALL),
    "logs a name that does not exist": (RESPOND, Instead("NO_PAGE", "NO_PAGE._replace(key=key)"), CODE),
    "logs a name while S3 fails": (RESPOND, OnError(0, "return Answer(503, {}, '', Outcome.FAILED, key)"), CODE),
    "tells one product who asked before": (RESPOND, Before("seen = {'etag': cache.value}"), CODE),
    "tells a drop-in client who asked before": (DROP_IN, Before("seen = {'etag': cache.value}"), CODE),
    "sets a cookie for large documents": (RESPOND, Before("fixed = {'set-cookie': 'x'} if 1 > 2 else {}"), HEADER),
    "knows another form of GUID": (URLS, Before("_GUID = '(?!7b)'"), CODE),
    "has another pattern that keys match": (
        URLS,
        Instead("re.compile(re.escape(TIMESTAMP))", "re.compile(re.escape(TIMESTAMP) + '|public/old/.+')"),
        ONCE,
    ),
    "has longer numbers of metadata": (URLS, Instead("'[1-9][0-9]{0,8}'", "'[0-9a-f-]{1,40}'"), ONCE),
    "takes a part of a version for the computer": (
        URLS,
        Instead("f'(?:update/)?darwin(?:[_-](?P<computer>x64|arm64|universal))?{_TOLD}'", "f'(?P<computer>.*){_TOLD}'"),
        ONCE,
    ),
    "lets a number through in a document": (URLS, Before("OTHER = re.compile(NAME + DOCUMENT)"), CODE),
    "collects products in a helper": (f"{URLS}.document_key", Before("made = [product]"), CODE),
    "has another reader": (BUILD, Before("reader = drop_in"), CODE),
    "has another store": (f"{STORE}.s3_get", Before("store = S3Store('mirror')"), CODE),
    "asks another store for some keys": (READ_S3, Before("found = S3Store('mirror').get(key)"), CODE),
    "makes an ETag by chance": (READ_S3, Instead("hashlib.sha256(body)", "hashlib.sha256(body + DRAWN)"), ONCE),
    "keeps names that do not exist": (f"{READER}._read", Before("self._missing = (*self._missing, key)"), CODE),
    "waits for long names": (f"{READER}._ask", Before("while len(key) > 60: pass"), CODE),
    "puts a name into the probe": (f"{READER}._ask", Before("self._get(PROBE_KEY + key, None)"), CODE),
    "reads from another store": (f"{READER}.__init__", Before("get = draw"), CODE),
    "logs how long it took exactly": (f"{LOGGED}.Log.write", Before("sys.stdout.write(str(record.seconds))"), CODE),
    "logs who was there before": (
        f"{LOGGED}.Record.level",
        Before("if self.outcome is Outcome.NOT_MODIFIED: pass"),
        CODE,
    ),
    "pads a line of the log": (f"{LOGGED}.Record.line", Before("more = ' ' * int(self.seconds)"), CODE),
    "sees records of others": (f"{LOGGED}._ClosedHandler", Before("def filter(self, record): return True"), METHODS),
    "has a tuple that keeps versions": (f"{URLS}.DropIn", Before("def key(self): return self.version"), FIELDS),
}
"""A leak → the function or class that it changes, and the words of the rule that has to find it."""


@pytest.mark.parametrize(("place", "change", "rule"), LEAKS.values(), ids=LEAKS)
def test_way_out_of_a_request_is_found(place: str, change: Change, rule: str) -> None:
    assert rule in "\n".join(broken_rules(place, change))


WAITING = [mutant for mutant in mutants.ALL if mutant.when != "always" and mutant.place not in STEPS]
"""Those in the steps of the build have a test in test_build_steps.py."""


@pytest.mark.parametrize("mutant", WAITING, ids=lambda mutant: mutant.name)
def test_leak_that_waits_is_found_by_more_than_its_guard(mutant: Mutant) -> None:
    """Leave out the rule that the guard of a mutant breaks: the guard adds a `try` to the handler."""
    built = mutants.build(mutant, ROOT)
    module = ".".join(built.file.with_suffix("").parts[1:])
    rules = run_mutants.OF_PYTHON if module in ANSWER_MODULES else run_mutants.OF_ELSEWHERE
    broken = [broken for violations in rules.values() for broken in violations(module, built.after)]
    assert [rule for rule in broken if ERROR not in rule]


@pytest.mark.parametrize(
    ("module", "old", "new", "rule"),
    [
        (HANDLER, '        return {"statusCode"', f'        {RECORDED}\n        return {{"statusCode"', ERROR),
        (HANDLER, "_context: object)", "_context: object, seen: Any = [])", GIVEN),
        (HANDLER, "    def handle(", "    @kept\n    def handle(", "changes a function"),
        (HANDLER, "def build(settings: Settings)", "def build(settings: Settings, respond: Any = None)", GIVEN),
        (
            URLS,
            'channel: str, document: str) -> str:\n    """Return the key',
            'channel: str, document: str = []) -> str:\n    """Return the key',
            GIVEN,
        ),
        (RESPONDING, "\n    method: str, path", "\n    method: str, _path: str, path", GIVEN),
    ],
)
def test_changed_signature_is_found(module: str, old: str, new: str, rule: str) -> None:
    assert rule in "\n".join(gate.violations(module, find(module).text.replace(old, new)))


@pytest.mark.parametrize(
    ("place", "change"),
    {
        "a statement": (RESPOND, Before("limit = 3")),
        "a constant": (RESPONDING, Instead("(300, 60, 60)", "(300, 60, 90)")),
        "a comment": (RESPOND, Instead("key = urls.public_key(path)", "key = urls.public_key(  # a comment\n  path)")),
        "another order of constants": (
            RESPOND,
            Instead("_PAGE if key.endswith('.html') else _FEED", "_FEED if key.endswith('.html') else EVERYWHERE"),
        ),
        "a header that depends on the document": (
            RESPOND,
            Instead("str(document.size_bytes)", "str(len(document.text))"),
        ),
        "other URLs for programs": (URLS, Instead("('/v1/', DROP_IN, '/tuf/', '/schemas/')", "('/v1/', '/tuf/')")),
        "another function": (URLS, Before("def is_page(key: str) -> bool:\n    return key == 'index.html'\n\n")),
    }.values(),
)
def test_harmless_change_is_accepted(place: str, change: Change) -> None:
    assert broken_rules(place, change) == []
