"""Test what the built packages ask of the system, in Lambda's own runtime: every system call, and every byte sent.

The functions run as on Lambda, with the real runtime client, Lambda's own environment variables and ids in the context.
Random numbers are real. From one request to the next, the clock moves by a day. `testkit/system_calls.py` has the
closed list.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from botocore.auth import EMPTY_SHA256_HASH, S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from checks.privacy_proof.report_data import log_lines
from comet_updates.answer import urls
from testkit import packages, system_calls
from testkit.documents import release
from testkit.events import SWEEP
from testkit.lambda_runtime import PYTHON, TOOLS, free_port, lambda_runtime
from testkit.people import UPLOADER, Ask, Person, marked, notification_of, request_of
from testkit.project import ROOT
from testkit.s3 import ON_THIS_MACHINE, REGION
from testkit.search import found
from testkit.system_calls import Call
from tests.privacy.conftest import tally
from tests.template.test_build import locked_files, other_byte_code, other_libraries, other_sources

if TYPE_CHECKING:
    from testkit.s3 import S3

pytestmark = pytest.mark.full

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), Path("/usr/lib/faketime"))
DAY_S, MINUTE_S = 86_400, 60
LINGER_S = 0.3
"""How long the function goes on after the last answer, so that a late call is seen."""
TRIES = 3
"""How often a request is tried while this machine is too busy to answer in a second as S3."""
SYSTEM = (
    *("/lib", "/usr/lib", "/usr/share/zoneinfo", "/usr/share/locale", "/etc/ld.so.cache", "/etc/ld.so.preload"),
    *(
        "/etc/ssl",
        "/etc/pki",
        "/etc/security",
        "/etc/localtime",
        "/etc/locale.alias",
        "/proc/self",
        "/proc/sys/vm",
        "/sys/fs/cgroup",
        "/dev/null",
    ),
)
"""The files and folders of the system that Python, libc and obstore read."""
TOKEN = "session-token"
AS_ON_LAMBDA = {
    **ON_THIS_MACHINE,
    "AWS_SESSION_TOKEN": TOKEN,
    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
    "AWS_LAMBDA_FUNCTION_NAME": "comet-Function-Ab3dEf6h",
    "AWS_LAMBDA_FUNCTION_VERSION": "7",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_LOG_GROUP_NAME": "comet-Log-Ab3dEf6h",
    "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/29/[7]0123456789abcdef0123456789abcdef",
    "AWS_LAMBDA_LOG_FORMAT": "JSON",
    "AWS_LAMBDA_LOG_LEVEL": "INFO",
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "HOME": "/",  # otherwise Python asks the system's services for the home of the user
}
"""The environment that Lambda documents as its own. The emulator adds the rest."""


def _need_tools() -> None:
    packages.need(system_calls.can_record(), "strace", "type `apt-get install strace`; it exists for Linux only")
    packages.need(FAKETIME.exists(), "libfaketime", "type `apt-get install libfaketime`; it exists for Linux only")


class Window(NamedTuple):
    """An invocation, and the time until the next one.

    Attributes:
        event: the number of the event. An event comes again if the answer is that S3 does not answer.
        start: its time.
        end: the start of the next invocation, or the end of the run.
        moved_s: how far the function's clock is moved.
        answer: the function's answer.
    """

    event: int
    start: float
    end: float
    moved_s: float
    answer: Any


class Run(NamedTuple):
    """A run of a built function.

    Attributes:
        calls: all its system calls.
        windows: the invocations.
        refused: the calls that are not on the closed list.
        port: of the runtime API.
        log: the file that is standard output and standard error.
    """

    calls: list[Call]
    windows: list[Window]
    refused: list[str]
    port: int
    log: Path

    def answers(self) -> list[Any]:
        """Return the last answer to each event."""
        return list({window.event: window.answer for window in self.windows}.values())

    def sent(self, port: int) -> list[tuple[Call, bytes]]:
        """Return what was sent to a port of this machine."""
        return list(system_calls.written(self.calls, system_calls.connection(port)))

    def lines(self) -> set[str]:
        """Return the lines on standard output and standard error."""
        fds = rf"[12]<{re.escape(str(self.log))}>"
        return set(b"".join(data for _, data in system_calls.written(self.calls, fds)).decode().splitlines())


def run(
    function: str, path: list[Path], events: Sequence[Any], ports: Iterable[int], folder: Path, **settings: str
) -> Run:
    """Give `events` to a built function in the sandbox. It may connect to `ports` of this machine, and nowhere else."""
    _need_tools()
    folder = folder / uuid.uuid4().hex
    record, clock, log, port = folder / "record", folder / "clock", folder / "log", free_port()
    record.mkdir(parents=True)
    clock.touch()
    now = time.time()
    moved = [f"LD_PRELOAD={FAKETIME}", "FAKETIME=%", f"FAKETIME_FOLLOW_FILE={clock}"]
    moved += ["FAKETIME_DONT_RESET=1", "FAKETIME_NO_CACHE=1"]
    handler = f"comet_updates.{'answer' if function == 'AnswerFunction' else 'publish'}.handler.handler"
    started: list[tuple[int, float, float, Any]] = []
    wrapper = system_calls.strace(record, *moved)
    with lambda_runtime(handler, path, AS_ON_LAMBDA | settings, log, wrapper, port) as invoke:
        for number, event in enumerate(events):
            for _ in range(TRIES):
                # Publishing stops if its clock and that of S3 differ by minutes.
                moved_s = (len(started) + 1) * DAY_S if function == "AnswerFunction" else 0
                os.utime(clock, (now + moved_s,) * 2)
                start = time.time()
                answer = invoke(event, context_of(number))
                started.append((number, start, moved_s, answer))
                if answer.get("statusCode") != HTTPStatus.SERVICE_UNAVAILABLE:
                    break
        time.sleep(LINGER_S)
        end = time.time()
        invoke.stop()
    ends = [start for _, start, *_ in started[1:]] + [end]
    windows = [Window(number, start, end, *more) for (number, start, *more), end in zip(started, ends, strict=True)]
    calls = system_calls.read(record)
    first, *others = calls
    for kept in ("faketime_shm", "sem.faketime_sem"):  # a killed process cannot delete them
        Path(f"/dev/shm/{kept}_{first.thread}").unlink(missing_ok=True)
    assert first.name == "execve", "the runtime client starts"
    installed = PYTHON.resolve().parents[1]
    python = [PYTHON.parents[1], PYTHON.parents[1].resolve(), installed]
    python += [parent / "lib" / "python313.zip" for parent in installed.parents]  # where Python looks for itself
    allowed = system_calls.rules([*path, *python, *map(Path, SYSTEM)], log, [port, *ports])
    allowed += system_calls.faketime(FAKETIME, clock)
    if function == "PublishFunction":
        allowed += system_calls.publishing(ports)
    return Run(calls, windows, system_calls.refused(others, allowed), port, log)


def context_of(number: int) -> dict[str, str]:
    """Return the headers of an invocation that give the function's context ids."""
    client = {"client": {"installation_id": f"installation-{number}"}, "custom": {"id": f"custom-{number}"}}
    return {
        "X-Amz-Client-Context": base64.b64encode(json.dumps(client).encode()).decode(),
        "X-Amzn-Trace-Id": f"Root=1-5759e988-{number:024x};Parent=53995c3f42cd8ad8;Sampled=1",
    }


@pytest.fixture(scope="module")
def answering(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the built answering function and its layer."""
    return packages.build("AnswerFunction", tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def publishing(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the built publishing function and its layer."""
    return packages.build("PublishFunction", tmp_path_factory.mktemp("built"))


# ------------------------------------------------------------------ the files


@pytest.mark.parametrize("function", ["answering", "publishing"])
def test_the_built_packages_hold_only_reviewed_and_locked_files(function: str, request: pytest.FixtureRequest) -> None:
    """Compare each file, so that no step of the build can change one. `test_build.py` has the positive controls."""
    package, layer = request.getfixturevalue(function)
    added = [] if function == "answering" else ["comet_updates/pages/built.json"]
    assert other_sources(package, ROOT / "functions") == added
    locked = locked_files(function.removesuffix("ing"), TOOLS / ".wheels")
    assert other_libraries(layer.parent, locked) == []
    assert other_byte_code(package) + other_byte_code(layer.parent) == []


# ------------------------------------------------------------------ threads, and the bytes that are sent

AGENT = b"User-Agent: aws-lambda-python/3.13.0-4.2.2\r\n"
NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: */*\r\n" + AGENT + b"\r\n"
POST = (
    b"POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: */*\r\n"
    b"content-type: application/json\r\n" + AGENT + b"content-length: %d\r\n\r\n%s"
)
GET = (
    "GET {path} HTTP/1.1\r\n{condition}x-amz-security-token: {token}\r\nx-amz-date: {date}\r\n"
    "x-amz-content-sha256: {sha256}\r\nauthorization: AWS4-HMAC-SHA256 Credential={key}/{date:.8}/{region}/s3/"
    "aws4_request, SignedHeaders={names}, Signature={signature}\r\naccept: */*\r\n"
    "user-agent: object_store/{version}\r\nhost: {host}\r\n\r\n"
)


def unlisted_threads(run: Run) -> list[str]:
    """Return the threads that are neither obstore's nor the runtime client's.

    obstore starts its threads before the first request, and names them. After each answer, the runtime client starts a
    thread that asks for the next request, and ends.
    """
    asked = {call.thread: call.at for call, data in run.sent(run.port) if data == NEXT % run.port}
    named = {call.thread for call in run.calls if call.name == "prctl"}
    started = {call.thread: call.at for call in reversed(run.calls)}
    first = min(asked.values())
    own = {run.calls[0].thread, *asked} | {thread for thread in named if started[thread] < first}
    return [f"a thread of its own: {call}" for call in run.calls if call.thread in started.keys() - own]


def to_s3(host: str, path: str, validator: str, date: str, version: str) -> bytes:
    """Return the bytes with which obstore asks for an object. The signature is computed, as it may hide something."""
    headers = {"if-none-match": validator} if validator else {}
    headers |= {"x-amz-security-token": TOKEN, "x-amz-date": date, "x-amz-content-sha256": EMPTY_SHA256_HASH}
    request = AWSRequest("GET", f"http://{host}{path}", headers | {"host": host})
    request.context["timestamp"] = date
    key = AS_ON_LAMBDA["AWS_ACCESS_KEY_ID"]
    auth = S3SigV4Auth(Credentials(key, AS_ON_LAMBDA["AWS_SECRET_ACCESS_KEY"]), "s3", REGION)
    return GET.format(
        path=path,
        condition=f"if-none-match: {validator}\r\n" if validator else "",
        token=TOKEN,
        date=date,
        sha256=EMPTY_SHA256_HASH,
        key=key,
        region=REGION,
        names=";".join(sorted(["host", *headers])),
        signature=auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request),
        version=version,
        host=host,
    ).encode()


class Exchange(NamedTuple):
    """The paths and validators that a request made the function send to S3, and the answer to the runtime API."""

    asked: frozenset[tuple[str, str]]
    answer: bytes


def exchanges(run: Run, s3_port: int) -> tuple[dict[int, Exchange], list[str]]:
    """Return what the last invocation for each event sent, and everything sent that is not such a request or answer."""
    made: dict[int, Exchange] = {}
    first, last = run.windows[0].start, run.windows[-1].end
    everything = run.sent(s3_port) + run.sent(run.port)
    odd = [f"sent outside an invocation: {data!r}" for call, data in everything if not first <= call.at < last]
    host = f"127.0.0.1:{s3_port}"
    ids = set(re.findall(r"START RequestId: (\S+)", run.log.read_text()))
    for window in run.windows:
        asked = set()
        for _, data in _during(window, run.sent(s3_port)):
            parts = re.match(rb"GET (\S+) HTTP/1.1\r\n(?:if-none-match: (\S+)\r\n)?", data)
            date, version = (re.search(p, data) for p in (rb"x-amz-date: (\w+)", rb"object_store/([0-9.]+)"))
            if not (parts and date and version) or not _is_now(date[1].decode(), window):
                odd.append(f"sent to S3: {data!r}")
                continue
            path, validator = parts[1].decode(), (parts[2] or b"").decode()
            if data != to_s3(host, path, validator, date[1].decode(), version[1].decode()):
                odd.append(f"sent to S3: {data!r}")
            asked.add((path, validator))
        posted = b"".join(data for _, data in _during(window, run.sent(run.port)) if data != NEXT % run.port)
        body = posted.partition(b"\r\n\r\n")[2]
        if posted not in {POST % (name.encode(), run.port, len(body), body) for name in ids}:
            odd.append(f"sent to the runtime: {posted!r}")
        made[window.event] = Exchange(frozenset(asked), body)
    return made, odd


def _during(window: Window, sent: list[tuple[Call, bytes]]) -> list[tuple[Call, bytes]]:
    return [(call, data) for call, data in sent if window.start <= call.at < window.end]


def _is_now(date: str, window: Window) -> bool:
    """Return whether the function's clock shows this time during an invocation, give or take a minute."""
    at = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp() - window.moved_s
    return window.start - MINUTE_S < at < window.end + MINUTE_S


# ------------------------------------------------------------------ answering

PEOPLE: tuple[Person, ...] = ({}, marked(1), marked(2), {})
"""Who asks for each document: at first nobody in particular, so that the function has read it before."""
ASKS = (
    *(Ask("/v1/comet-cursor/stable"), Ask("/v1/comet-cursor/stable", "HEAD"), Ask("/v1/comet-cursor/stable", "POST")),
    *(Ask("/v1/comet-cursor/stable/releases.json"), Ask("/v1/a/b"), Ask("/privacy"), Ask("/comet-cursor")),
    *(Ask("/drop-in/comet-cursor/stable/darwin/4.2.0"), Ask("/550e8400-e29b-41d4-a716-446655440000")),
)
PLACES = [
    *(urls.NO_DOCUMENT, urls.DocumentId("comet-cursor", "", "")),
    *(urls.DocumentId("comet-cursor", "stable", document) for document in ("manifest.json", "releases.json")),
    *(urls.DocumentId("", "", f"pages/{page}.html") for page in ("privacy", "comet-cursor")),
]
POSSIBLE = {line for place in PLACES for line in log_lines(place)}
"""The lines that the log can have about what is asked for and published here."""


def settings_of(bucket: S3) -> dict[str, str]:
    """Return the settings of a deployment, as they are by default."""
    return {
        "BUCKET": bucket.bucket,
        "S3_ENDPOINT": bucket.endpoint,
        "MEMORY_TTL_S": "60",
        "LOG_LEVEL": "INFO",
        "LOG_SUCCESSES": "false",
        "ONLINE_KEY": "none",
        "SERVICE_URL": "none",
    }


def answered(path: list[Path], bucket: S3, folder: Path, asks: Iterable[Ask]) -> tuple[Run, list[str]]:
    """Let different people ask the built function. Return the run, and everything by which something may leave."""
    port = int(urlsplit(bucket.endpoint).port or 0)
    events: list[Any] = [request_of(person, ask) for ask in asks for person in PEOPLE]
    ran = run("AnswerFunction", path, [*events, {}], [port], folder, **settings_of(bucket))
    sent, odd = exchanges(ran, port)
    seen = [f"not listed: {call}" for call in ran.refused] + odd + unlisted_threads(ran)
    seen += [f"logged: {line}" for line in sorted(ran.lines() - POSSIBLE)]
    for start in range(0, len(events), len(PEOPLE)):
        group = {sent[number] for number in range(start + 1, start + len(PEOPLE))}
        seen += [f"differs between people: {group}"] if len(group) > 1 else []
    return ran, seen


def test_the_built_answering_function_reaches_only_its_bucket_and_log(
    answering: list[Path], bucket: S3, tmp_path: Path
) -> None:
    ran, seen = answered(answering, bucket, tmp_path, ASKS)
    assert seen == []
    statuses = [answer["statusCode"] for answer in ran.answers()[:: len(PEOPLE)]]
    assert statuses == [200, 200, 405, 200, 404, 200, 200, 404, 404, 500], "or this test proves nothing"
    assert any('"outcome":"failed"' in line for line in ran.lines()), "the last request is broken, which is logged"
    tally(pairs=2 * len(ASKS))


LEAKS = {
    "UDP": "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
    "sendmsg": "import socket; socket.socket(type=2).sendmsg([b'x'], [], 0, ('127.0.0.1', 9))",
    "name": "import socket; socket.gethostbyname('x.localhost')",
    "host": "import socket; socket.create_connection(('127.0.0.1', 9))",
    "file": "open('/tmp/comet-updates-leak', 'w').close()",
    "folder": "os.mkdir('/tmp')",
    "time of a file": "os.utime('/tmp')",
    "program": "import subprocess; subprocess.run(['true'])",
    "process": "os.fork() or os._exit(0)",
    "signal": "os.kill(os.getpid(), 0)",
    "shared memory": "import mmap; mmap.mmap(-1, 4096)",
    "call by number": "import ctypes; ctypes.CDLL(None).syscall(425, 1, 0)",
    "timer": "import threading; threading.Timer(900, print, [event]).start()",
    "sleep": "time.sleep(len(event['headers'].get('user-agent', '')) / 10_000)",
    "output": "print(event['rawPath'])",
    "error output": "os.write(2, event['rawPath'].encode())",
    "context": "print(_context.aws_request_id)",
    "ids in the context": "print(_context.client_context.custom['id'])",
    "variable": "if os.environ.get('AWS_LAMBDA_FUNCTION_NAME', '').startswith('comet-'): print(1)",
    "date": f"if time.time() > {{now}} + {2 * DAY_S}: print(1)",
    "uptime": f"if time.monotonic() > globals().setdefault('first', time.monotonic()) + {2 * DAY_S}: print(1)",
    "key": "reader.read('public/' + event['headers'].get('user-agent', '')[:8])",
    "header": (
        "import http.client as c; s3 = c.HTTPConnection(os.environ['S3_ENDPOINT'].removeprefix('http://')); "
        "s3.request('GET', '/', headers={'x-agent': event['headers'].get('user-agent', '')})"
    ),
    "answer": "answer.headers['etag'] = event['headers'].get('user-agent', '')",
}
"""What leaks → the code of the leak, in the handler."""
SHOWN = {
    "timer": "a thread of its own",
    "output": "logged: /v1",
    "error output": "logged: /v1",
    "context": "logged: ",
    "ids in the context": "logged: custom-1",
    "variable": "logged: 1",
    "date": "logged: 1",
    "uptime": "logged: 1",
    "key": "differs between people",
    "header": "sent to S3: b'GET / ",
    "answer": "differs between people",
}
"""What leaks → what shows it. Anything else is shown by a system call that is not listed."""

BEFORE = {"answer": '        return {"statusCode": answer.status', "publish": "    try:\n"}


def leaky(path: list[Path], which: str, leak: str, folder: Path) -> list[Path]:
    """Return a copy of a built function, "answer" or "publish", that runs the code `leak` for each event."""
    package = shutil.copytree(path[0], folder / "leaky")
    source = package / "comet_updates" / which / "handler.py"
    text, before = source.read_text(), BEFORE[which]
    assert text.count(before) == 1
    indent = before[: len(before) - len(before.lstrip())]
    code = leak.replace("{now}", str(time.time()))
    guarded = f"{indent}try:\n{indent}    {code}\n{indent}except Exception: pass\n"
    source.write_text(text.replace(before, guarded + before))
    packages.compile_again(package)
    return [package, *path[1:]]


@pytest.mark.parametrize("what", LEAKS)
def test_leak_in_the_built_answering_function_is_seen(
    answering: list[Path], bucket: S3, tmp_path: Path, what: str
) -> None:
    _, seen = answered(leaky(answering, "answer", LEAKS[what], tmp_path), bucket, tmp_path, ASKS[:1])
    assert any(line.startswith(SHOWN.get(what, "not listed: ")) for line in seen), seen


def test_leak_in_byte_code_alone_is_seen(answering: list[Path], bucket: S3, tmp_path: Path) -> None:
    path = leaky(answering, "answer", LEAKS["output"], tmp_path)
    source = Path("comet_updates", "answer", "handler.py")
    shutil.copyfile(answering[0] / source, path[0] / source)
    _, seen = answered(path, bucket, tmp_path, ASKS[:1])
    assert [line for line in seen if line.startswith("logged: /v1")]


# ------------------------------------------------------------------ publishing


def published(path: list[Path], bucket: S3, folder: Path) -> tuple[Run, list[str]]:
    """Let somebody upload to the built function. Return the run, and everything by which something may leave."""
    port = int(urlsplit(bucket.endpoint).port or 0)
    keys = [f"releases/comet-cursor/stable/{version}.json" for version in ("4.2.2", "4.2.3")]
    bucket.put(keys[0], release(version="4.2.2"))
    bucket.put(keys[1], b"{}")
    uploader = marked(1, UPLOADER)
    events = [notification_of(uploader, *keys), SWEEP]
    ran = run("PublishFunction", path, events, [port], folder, **settings_of(bucket))
    sent = b"".join(data for _, data in [*ran.sent(port), *ran.sent(ran.port)])
    seen = [f"not listed: {call}" for call in ran.refused]
    seen += [f"logged: {line}" for line in sorted(ran.lines() - POSSIBLE)]
    return ran, seen + found(uploader, {"what is sent": sent})


def test_the_built_publishing_function_reaches_only_its_bucket_and_log(
    publishing: list[Path], bucket: S3, tmp_path: Path
) -> None:
    ran, seen = published(publishing, bucket, tmp_path)
    assert seen == []
    assert ran.answers() == [{"batchItemFailures": []}, {}]
    assert any('"outcome":"refused"' in line for line in ran.lines()), "something happens, or this test proves nothing"
    assert bucket.json("public/v1/comet-cursor/stable/manifest.json")["version"] == "4.2.2"


PUBLISHING_LEAKS = {
    "host": ("import socket; socket.create_connection(('127.0.0.1', 9))", "not listed: "),
    "output": ("print(event['Records'][0]['attributes']['SenderId'])", "logged: "),
    "bucket": (
        (
            "import boto3; s3 = boto3.client('s3', endpoint_url=os.environ['S3_ENDPOINT']); "
            "who = event['Records'][0]['attributes']['SenderId']; "
            "s3.put_object(Bucket=os.environ['BUCKET'], Key='public/last', Body=who)"
        ),
        "sender in what is sent",
    ),
}
"""What leaks → the code of the leak, in the handler, and what shows it."""


@pytest.mark.parametrize("what", PUBLISHING_LEAKS)
def test_leak_in_the_built_publishing_function_is_seen(
    publishing: list[Path], bucket: S3, tmp_path: Path, what: str
) -> None:
    code, shown = PUBLISHING_LEAKS[what]
    _, seen = published(leaky(publishing, "publish", code, tmp_path), bucket, tmp_path)
    assert any(line.startswith(shown) for line in seen), seen
