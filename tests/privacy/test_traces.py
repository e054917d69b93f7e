"""Test that the functions and the client leave no trace: in all of their memory, and in all that they ask of Python.

`testkit/memory.py` and `testkit/recorder.py` fail on what they do not know.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from testkit import leaks
from testkit.documents import release
from testkit.memory import UnknownStateError, state
from testkit.observe import ANSWER, CLIENT, PUBLISH, Lambda, Observation, differences
from testkit.people import UPLOADER, Ask, marked, notification_of, request_of
from testkit.reviewed import READ
from testkit.search import found
from tests.client.conftest import Server, http, manifest
from tests.privacy.conftest import settings_for, tally
from tests.privacy.test_log import possible
from tests.privacy.test_non_interference import ASKS

if TYPE_CHECKING:
    from testkit.s3 import S3

QUICKLY = {12}
"""Which of the leaks into memory `make test` tries: a table of texts, which Python's collector does not know."""
DROP_IN = Ask("/drop-in/comet-cursor/stable/linux/x86_64/4.2.0")


# ------------------------------------------------------------------ the answering function


@pytest.fixture
def asked(aws_lambda: Lambda, published: dict[str, str]) -> Callable[..., Observation]:
    """Return a function that lets a person ask for everything, most of it twice, and returns all traces."""

    def observed(number: int, **more: Any) -> Observation:
        who = marked(number)
        unknown = Ask(f"/{who['guid']}/{who['cookie']}")
        everything = [request_of(who, ask) for ask in (*ASKS.values(), *ASKS.values(), DROP_IN, unknown)]
        options: dict[str, Any] = {"memory": True, "reads": True, "events": everything} | more
        return aws_lambda.observe(ANSWER, published, **options)

    return observed


def test_request_leaves_no_trace(asked: Callable[..., Observation]) -> None:
    """Look at all sinks but the memory, which takes longer."""
    one, other = (asked(number, memory=False) for number in (1, 2))
    assert one.seen["system"] == []
    assert set(one.seen["read"]) == READ
    assert differences(one, other) == {}
    assert set(one.seen["stdout"].splitlines()) <= possible()
    assert one.seen["stderr"] == ""
    assert found(marked(1), one.sinks()) == []
    tally(pairs=2 * len(ASKS) + 2, canaries=len(marked(1)), sinks=list(one.sinks()))


def test_request_leaves_no_trace_in_memory(asked: Callable[..., Observation]) -> None:
    one, other = asked(1), asked(2)
    assert len(one.seen["memory"]) > len(ASKS), "what is new is listed, or this test proves nothing"
    assert differences(one, other) == {}
    assert found(marked(1), one.sinks()) == []
    tally(pairs=2 * len(ASKS) + 2, canaries=len(marked(1)), sinks=list(one.sinks()))


@pytest.mark.parametrize("kind", leaks.KEPT)
def test_what_is_kept_in_our_modules_is_found(kind: str) -> None:
    """Positive control: an object of an unknown kind is an error, and the state shows what all others hold."""
    if kind == "end_of_process":
        pytest.skip("this is a hook: see the next test")
    try:
        shown = [json.dumps(state(SimpleNamespace(last=leaks.KEPT[kind](text)))) for text in ("canary-1", "canary-2")]
    except UnknownStateError:
        return
    assert shown[0] != shown[1]


@pytest.mark.parametrize(
    "leak",
    [
        pytest.param(leak.__name__, marks=() if number in QUICKLY else pytest.mark.full)
        for number, leak in enumerate(leaks.IN_MEMORY)
    ],
)
def test_what_is_kept_in_any_object_is_found(asked: Callable[..., Observation], leak: str) -> None:
    """Positive control, in our modules and in those of libraries."""
    try:
        one, other = (asked(number, leak=leak) for number in (1, 2))
    except UnknownStateError:
        return
    assert differences(one, other) or one.seen["system"]


def test_what_is_asked_of_the_system_is_recorded(asked: Callable[..., Observation]) -> None:
    """Positive control: every leak adds something."""
    names = [leak.__name__ for leak in leaks.ASKING]
    events = [request_of(marked(1), Ask("/"))]
    recorded = asked(1, leak=" ".join(names), events=events, memory=False, reads=False).seen["system"]
    expected = (
        *("socket.connect", "socket.sendmsg", "socket.sendto", "socket.gethostbyname", "os.system", "time.sleep"),
        *("threading._start_new_thread", "ctypes.dlopen", "open ['/proc/self/status'", "sys._getframe", "open ["),
    )
    assert [event for event in expected if not any(line.startswith(event) for line in recorded)] == []


# ------------------------------------------------------------------ the publishing function


def published_for(aws_lambda: Lambda, s3: S3, leak: str = "") -> Observation:
    """Upload two releases, publish them for a marked person, and return all traces."""
    keys = [f"releases/comet-cursor/stable/{version}.json" for version in ("4.2.1", "4.2.2")]
    s3.put(keys[0], release())
    s3.put(keys[1], b"{}")
    event = notification_of(marked(1, UPLOADER), *keys)
    return aws_lambda.observe(PUBLISH, settings_for(s3), [event], leak=leak)


def test_publishing_talks_to_its_own_bucket_and_to_nobody_else(aws_lambda: Lambda, s3: S3) -> None:
    seen = published_for(aws_lambda, s3)
    assert '"outcome":"refused"' in seen.seen["stdout"], "something is published, or this test proves nothing"
    assert seen.seen["system"] == []
    assert {path.split("/")[1] for _, path, *_ in seen.wire} == {s3.bucket}
    assert found(marked(1, UPLOADER), seen.sinks()) == []


OTHERS = ("calls_somebody_else", "drops_a_temporary_file", "looks_a_name_up", "starts_a_process")
ASKED = ("socket.connect", "open", "socket.gethostbyname", "os.system")


def test_what_publishing_asks_of_the_system_is_recorded(aws_lambda: Lambda, s3: S3) -> None:
    recorded = published_for(aws_lambda, s3, " ".join(OTHERS)).seen["system"]
    assert {line.split()[0] for line in recorded} >= {*ASKED}


# ------------------------------------------------------------------ the reference client

FIELDS_OF_STATE = {"group", "skipped", "never", "next_check", "failures"}


class Machine(NamedTuple):
    """A machine with a client, as its environment and Python show it."""

    name: str
    system: str
    settings: dict[str, str]


def machine(number: int) -> Machine:
    """Return a machine with a marker in everything that can identify it or its user."""
    who = marked(number, ("node", "user", "home", "language", "browser", "proxy", "host"))
    settings = {
        "USER": who["user"],
        "LOGNAME": who["user"],
        "HOME": f"/home/{who['home']}",
        "LANG": who["language"],
        "HTTP_USER_AGENT": who["browser"],
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HOSTNAME": who["host"],
        "SSL_CERT_FILE": "/dev/null",
    }
    return Machine(who["node"], ("Linux", "Darwin")[number % 2], settings)


class Service(NamedTuple):
    """A service, and the host of the file that it offers."""

    service: Server
    files: Server


@pytest.fixture
def service() -> Iterator[Service]:
    with Server(lambda _: http(b"new")) as files, Server(lambda _: b"") as server:
        kinds = [{"platform": system, "arch": "any", "kind": "archive"} for system in ("linux", "macos")]
        url = f"https://localhost:{files.port}/app.bin"
        file = {"url": url, "size": 3, "sha256": hashlib.sha256(b"new").hexdigest()}
        told = iter(range(1_000_000))
        server.answer = lambda _: http(
            manifest(artifacts=[kind | file for kind in kinds]), etag=f'"{next(told)}"', set_cookie=f"id={next(told)}"
        )
        yield Service(server, files)


def checked_on(aws_lambda: Lambda, service: Service, who: Machine, folder: Path, leak: str = "") -> Observation:
    """Let a client on a machine check twice, the second time with a download, and return all traces."""
    memory = folder / "state" / "state.json"
    memory.parent.mkdir(parents=True)
    url = f"http://127.0.0.1:{service.service.port}/v1/comet-cursor/stable"
    arguments = ["ask", url, "--installed", "4.1.0", "--state", str(memory), "--to", str(memory.parent)]
    events = [{"arguments": [*arguments, *more], "machine": who.name, "system": who.system} for more in ([], ["--yes"])]
    hosts = [("127.0.0.1", service.service.port), ("localhost", service.files.port), ("127.0.0.1", service.files.port)]
    settings = who.settings | {"STATE": str(memory), "PATH": "/usr/bin"}
    return aws_lambda.observe(CLIENT, settings, events, hosts=hosts, leak=leak)


def test_client_contacts_only_the_two_hosts_and_keeps_listed_fields(
    aws_lambda: Lambda, service: Service, tmp_path: Path
) -> None:
    for number in (1, 2):
        who, folder = machine(number), tmp_path / str(number)
        seen = checked_on(aws_lambda, service, who, folder)
        assert seen.seen["system"] == []
        assert [file.name for file in (folder / "state").iterdir()] == ["state.json"]
        kept = json.loads((folder / "state" / "state.json").read_text())
        assert kept.keys() == FIELDS_OF_STATE
        assert isinstance(kept["group"], int)
        assert found({"machine": who.name, **who.settings}, {"state": json.dumps(kept).encode()}) == []
    assert service.files.connections == 2, "the file's host is reached, or this test proves less"
    assert len(set(service.service.received)) == 1, "every check of both machines sends the same bytes"


def test_what_the_client_asks_of_the_system_is_recorded(aws_lambda: Lambda, service: Service, tmp_path: Path) -> None:
    recorded = checked_on(aws_lambda, service, machine(1), tmp_path, " ".join(OTHERS)).seen["system"]
    assert {line.split()[0] for line in recorded} >= {*ASKED}
