"""Test the real answering code in front of an S3 over HTTP that fails, in every way, at each of its requests.

The table does not list what must never happen: a wrong document, 404 for one that exists, or an exception.
"""

from __future__ import annotations

import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import boto3
import pytest

from comet_updates.answer import store, urls
from comet_updates.answer.errors import StoreUnavailableError
from comet_updates.answer.respond import respond
from comet_updates.answer.store import PROBE_KEY, CachedStore, Document, Unchanged
from comet_updates.publish.stored import etag_of
from testkit import proxy
from testkit.counts import tally
from testkit.proxy import proxied

if TYPE_CHECKING:
    from testkit.s3 import S3

TTL_S = 60.0
CLIENT_S = 5.0  # the longest that a client waits
GETS_MAX = 3  # for one answer: the missing key, the probe object, and the key again
PATIENCE_S = 3.0  # as `TRY_TIMEOUT_S`, on a machine that may be busy
NO_SUCH_HOST = f"http://{'x' * 64}.invalid"  # longer than a name may be, so that no name server is asked
NO_NAME = "no name"

TABLE = """
S3           | new          | known        | missing      | witness      | again        | removed
refused      | 503          | last         | 503          | 503          | 503          | last
black hole   | 503          | last         | 503          | 503          | 503          | last
reset        | next, 503    | next, last   | 404, 503     | 404, 503     | 404, 503     | 404, last
closed       | next, 503    | next, last   | 404, 503     | 404, 503     | 404, 503     | 404, last
silent       | next, 503    | next, last   | 404, 503     | 404, 503     | 404, 503     | 404, last
slow         | next         | next         | 404          | 404          | 404          | 404
trickling    | next, 503    | next, last   | 503          | 404, 503     | 503          | last
500          | next, 503    | next, last   | 404, 503     | 404, 503     | 404, 503     | 404, last
503          | next, 503    | next, last   | 404, 503     | 404, 503     | 404, 503     | 404, last
403          | next, 503    | next, last   | 404, 503     | 503          | 404          | 404, last
clock skew   | next, 503    | next, last   | 404, 503     | 503          | 404          | 404, last
no bucket    | next, 503    | next, last   | 404, 503     | 503          | 404          | 404, last
not S3       | next, 503    | next, last   | 404, 503     | 503          | 404          | 404, last
400          | 503          | last         | 503          | 503          | 503          | last
sent on      | next, 503    | next, last   | 404, 503     | 404, 503     | 404, 503     | 404, last
wrong region | 503          | last         | 503          | 503          | 503          | last
cut short    | next, 503    | next, last   | 503          | 404, 503     | 503          | last
in part      | 503          | last         | 503          | 503          | 503          | last
as if packed | next         | next         | 404          | 404          | 404          | 404
far too long | 503          | last         | 503          | 503          | 503          | last
error in 200 | 503          | last         | 503          | 503          | 503          | last
corrupted    | 503          | last         | 404, 503     | 503          | 404          | 404, last
wrong etag   | 503          | last         | 404, 503     | 503          | 404          | 404, last
empty        | 503          | last         | 503          | 503          | 503          | last
not HTTP     | 503          | last         | 503          | 503          | 503          | last
answer lost  | next, 503    | next, last   | 404, 503     | 404, 503     | 404, 503     | 404, last
no name      | 503          | last         | 503          | 503          | 503          | last
"""
"""What a client gets if one request to S3 fails, and if all requests from that one on fail. One word stands for both.

`next` is the present document, `last` the one that was answered before.
"""


class Environment:
    """An execution environment: the answering code with the test's own clock, in front of a proxy."""

    def __init__(self, s3: S3, own: ExitStack) -> None:
        port = urlsplit(s3.endpoint).port
        assert port
        self.s3 = s3
        self.proxy = own.enter_context(proxied(port, hides_missing=True))
        self.now = 0.0
        self.gets = 0
        self._nameless = range(0)
        self._get = store.s3_get(s3.bucket, self.proxy.url)
        self._lost = store.s3_get(s3.bucket, NO_SUCH_HOST)
        self.reader = CachedStore(self.get, ttl_s=TTL_S, clock=lambda: self.now, draw=lambda: 0.0)

    def get(self, key: str, validator: str | None) -> Document | Unchanged:
        self.gets += 1
        return (self._lost if self.gets in self._nameless else self._get)(key, validator)

    def misbehave(self, fault: str, after: int = 0, *, lasting: bool = True) -> None:
        times = 1_000_000 if lasting else 1
        if fault == NO_NAME:
            self._nameless = range(self.gets + after + 1, self.gets + after + 1 + times)
        else:
            self.proxy.misbehave(fault, after=after, times=times)

    def heal(self) -> int:
        """Let S3 work again. Return the number of faults so far."""
        self.proxy.heal()
        faults = self.proxy.faults + len(set(range(1, self.gets + 1)) & set(self._nameless))
        self._nameless = range(0)
        return faults

    def start(self) -> None:
        """Start as `build` in the handler does."""
        try:
            self.reader.read(PROBE_KEY)
        except StoreUnavailableError:
            return

    def ask(self, path: str) -> tuple[int, str]:
        before = self.gets
        answer = respond("GET", path, None, self.reader.read)
        assert self.gets - before <= GETS_MAX
        return answer.status, answer.body


class Site(NamedTuple):
    """A request to S3 that fails.

    Attributes:
        is_known: whether the document was answered before.
        exists: whether the document exists now.
        after: how many requests of the same answer succeed before it.
    """

    is_known: bool
    exists: bool
    after: int


SITES = {
    "new": Site(is_known=False, exists=True, after=0),
    "known": Site(is_known=True, exists=True, after=0),
    "missing": Site(is_known=False, exists=False, after=0),
    "witness": Site(is_known=False, exists=False, after=1),
    "again": Site(is_known=False, exists=False, after=2),
    "removed": Site(is_known=True, exists=False, after=0),
}
"""The code reads a missing key twice, with the probe object between. A known document has changed, or was removed."""

FAULTS = (*proxy.ALL, NO_NAME)
QUICK = ("refused", "503", "403", "no bucket", "corrupted", "answer lost", NO_NAME)
"""One of each kind that does not wait for a time-out; `make test-all` tries all."""
HARMLESS = ("slow", "as if packed")
"""Faults that leave the bytes right and in time."""
PADDING = " " * 100  # sent byte by byte, it takes longer than the time-out
LAST, NEXT = f'{{"it is": "the last"}}{PADDING}', f'{{"it is": "the next"}}{PADDING}'
WORDS = {(200, LAST): "last", (200, NEXT): "next"}


def outcome(s3: S3, fault: str, number: int, site: Site, *, lasting: bool) -> str:
    """Return what a client gets: `next` or `last` of two documents, or a status; then the same for a working S3."""
    path = f"/v1/fault-{number}/{'lasting' if lasting else 'once'}"
    key = urls.public_key(path)
    assert key
    with ExitStack() as own:
        environment = Environment(s3, own)
        environment.start()
        if site.is_known:
            s3.put(key, LAST.encode())
            assert environment.ask(path) == (200, LAST)
        if site.exists:
            s3.put(key, NEXT.encode())
        elif site.is_known:
            s3.delete(key)
        environment.now += TTL_S
        environment.misbehave(fault, site.after, lasting=lasting)
        got = environment.ask(path)
        faults = environment.heal()
        environment.now += store.RETRY_PAUSE_S
        status, body = environment.ask(path)
        right = (200, NEXT) if site.exists else (404, environment.ask("/v1/no/where")[1])
        allowed = {right, (503, got[1])} | ({(200, LAST)} if site.is_known else set())
        tally(faults=faults, answers=2, wrong=(got not in allowed) + ((status, body) != right))
        assert faults
        assert got in allowed
        assert (status, body) == right
        return WORDS.get(got, str(got[0]))


def cell(s3: S3, fault: str, site: str) -> str:
    number = FAULTS.index(fault) * len(SITES) + list(SITES).index(site)
    once, lasting = (outcome(s3, fault, number, SITES[site], lasting=lasting) for lasting in (False, True))
    return once if once == lasting else f"{once}, {lasting}"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "TRY_TIMEOUT_S", PATIENCE_S)


def test_all_tries_of_an_answer_end_before_a_client_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rely on the budget: a test in answer/test_store.py shows that no GET begins after it."""
    monkeypatch.undo()
    assert store.BUDGET_S + 2 * store.TRY_TIMEOUT_S < CLIENT_S


QUICK_OR_ALL = pytest.mark.parametrize(
    "faults", [pytest.param(QUICK, id="quick"), pytest.param(FAULTS, id="all", marks=pytest.mark.full)]
)


@QUICK_OR_ALL
def test_answers_follow_the_table_for_each_fault_at_each_request(s3: S3, faults: tuple[str, ...]) -> None:
    """Cause each fault at each request to S3, once and lastingly."""
    s3.put(PROBE_KEY, b"{}")
    cells = [(fault, site) for fault in faults for site in SITES]
    with ThreadPoolExecutor(16) as pool:
        got = dict(zip(cells, pool.map(lambda where: cell(s3, *where), cells), strict=True))
    lines = [["S3", *SITES], *([fault, *(got[fault, site] for site in SITES)] for fault in faults)]
    table = "\n".join(" | ".join(f"{text:12}" for text in line).rstrip() for line in lines)
    shown = [line for line in TABLE.strip().splitlines() if line.partition(" |")[0].strip() in ("S3", *faults)]
    assert sorted(table.splitlines()) == sorted(shown), table


@QUICK_OR_ALL
def test_known_documents_are_answered_for_a_week_and_no_longer(s3: S3, faults: tuple[str, ...]) -> None:
    """Let S3 fail for an hour, up to a week, and then longer."""
    harmful = [fault for fault in faults if fault not in HARMLESS]
    with ThreadPoolExecutor(len(harmful)) as pool:  # most of the time is spent waiting for an S3 that does not answer
        running = {fault: pool.submit(_through_an_outage, s3, fault) for fault in harmful}
        wrong = {fault: done.exception() for fault, done in running.items()}
    assert wrong == dict.fromkeys(harmful)


def _through_an_outage(s3: S3, fault: str) -> None:
    path = f"/v1/hour-{FAULTS.index(fault)}/stable"
    key = str(urls.public_key(path))
    s3.put(key, LAST.encode())
    with ExitStack() as own:
        environment = Environment(s3, own)
        assert environment.ask(path) == (200, LAST)
        s3.put(key, NEXT.encode())
        environment.misbehave(fault)
        for now in (TTL_S, 3600.0, store.STALE_MAX_S - 1):
            environment.now = now
            assert environment.ask(path) == (200, LAST)
        environment.now += 1
        status, _ = environment.ask(path)
        tally(faults=environment.heal(), answers=5, wrong=status != 503)
        assert status == 503
        environment.now += store.RETRY_PAUSE_S
        assert environment.ask(path) == (200, NEXT)


@pytest.mark.parametrize("fault", ["500", pytest.param("silent", marks=pytest.mark.full), "refused", "403"])
def test_many_who_ask_at_once_are_one_attempt(s3: S3, fault: str) -> None:
    with ExitStack() as own:
        environment = Environment(s3, own)
        environment.misbehave(fault)
        with ThreadPoolExecutor(32) as pool:
            statuses = list(pool.map(lambda n: environment.ask(f"/v1/many-{n}/stable")[0], range(64)))
        tally(faults=environment.heal(), answers=64, wrong=sum(status != 503 for status in statuses))
        assert set(statuses) == {503}
        assert environment.gets == (2 if fault == "403" else 1), "after a 403, the probe object is read"


def test_a_client_that_checks_nothing_would_pass_on_a_flipped_byte(s3: S3) -> None:
    """Positive control: the proxy changes a byte, and sends the length and the ETag of the real answer."""
    s3.put("a", LAST.encode())
    with ExitStack() as own:
        environment = Environment(s3, own)
        environment.misbehave("corrupted")
        client = boto3.client("s3", endpoint_url=environment.proxy.url)
        signed = client.generate_presigned_url("get_object", Params={"Bucket": s3.bucket, "Key": "a"})
        with urllib.request.urlopen(signed) as found:
            body, etag = found.read(), found.headers["etag"]
    assert etag == etag_of(LAST.encode())
    assert len(body) == len(LAST)
    assert sum(ours != theirs for ours, theirs in zip(LAST.encode(), body, strict=True)) == 1
