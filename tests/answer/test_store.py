"""Test memory, revalidation and stale answers, with the test's own clock and against a real S3 over HTTP."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

import pytest

from comet_updates.answer import store as answer_store
from comet_updates.answer.errors import StoreUnavailableError
from comet_updates.answer.log import Cache
from comet_updates.answer.respond import respond
from comet_updates.answer.store import PROBE_KEY, BrokenDocumentError, CachedStore, DeniedError, Document, Unchanged

if TYPE_CHECKING:
    from testkit.s3 import S3, Wire

KEY = "public/v1/comet-cursor/stable/manifest.json"
TTL_S = 60.0


class Store:
    """An S3 whose objects, failures and clock the test sets. It counts the requests."""

    def __init__(self) -> None:
        self.objects = {PROBE_KEY: "schema"}
        self.error: Exception | None = None
        self.asked: list[str] = []
        self.now = self.drawn = 0.0
        self.reader = CachedStore(self.get, ttl_s=TTL_S, clock=lambda: self.now, draw=lambda: self.drawn)

    def get(self, key: str, validator: str | None) -> Document | Unchanged:
        self.asked.append(key)
        if self.error:
            raise self.error
        text = self.objects.get(key)
        if text is None:
            raise DeniedError
        return Unchanged() if validator == text else Document(key, text, len(text), f'"{text}"', text)

    def read(self, key: str = KEY) -> tuple[str | None, Cache]:
        document, cache = self.reader.read(key)
        return (document.text if document else None), cache


@pytest.fixture
def store() -> Store:
    return Store()


def test_a_document_is_fetched_once_within_its_time_to_live(store: Store) -> None:
    store.objects[KEY] = "a"
    assert store.read() == ("a", Cache.FETCHED)
    store.now = TTL_S - 1
    assert store.read() == ("a", Cache.MEMORY)
    assert store.asked == [KEY]


def test_after_its_time_to_live_a_document_is_revalidated_by_its_etag(store: Store) -> None:
    store.objects[KEY] = "a"
    store.read()
    store.now = TTL_S
    assert store.read() == ("a", Cache.REVALIDATED)
    store.now = 2 * TTL_S - 1
    assert store.read() == ("a", Cache.MEMORY)


def test_a_changed_document_is_seen_after_the_time_to_live(store: Store) -> None:
    store.objects[KEY] = "a"
    store.read()
    store.objects[KEY] = "b"
    store.now = TTL_S
    assert store.read() == ("b", Cache.FETCHED)


def test_a_removed_document_is_forgotten(store: Store) -> None:
    store.objects[KEY] = "a"
    store.read()
    del store.objects[KEY]
    store.now = TTL_S
    assert store.read() == (None, Cache.FETCHED)
    store.error = StoreUnavailableError()
    with pytest.raises(StoreUnavailableError):
        store.read()


def test_known_documents_are_answered_while_s3_is_down_for_an_hour(store: Store) -> None:
    """Fail for unknown documents, since only S3 can tell whether they exist."""
    store.objects[KEY] = "a"
    store.read()
    store.error = StoreUnavailableError()
    for minute in range(1, 61):
        store.now = 60.0 * minute
        assert store.read() == ("a", Cache.STALE)
        with pytest.raises(StoreUnavailableError):
            store.read("public/v1/other/stable/manifest.json")


def test_what_s3_has_not_confirmed_for_a_week_is_answered_no_more(store: Store) -> None:
    store.objects[KEY] = "a"
    store.read()
    store.error = StoreUnavailableError()
    store.now = answer_store.STALE_MAX_S - 1
    assert store.read() == ("a", Cache.STALE)
    store.now += 1
    with pytest.raises(StoreUnavailableError):
        store.read()


def test_memory_answers_for_as_long_as_caches_on_the_way_may(store: Store) -> None:
    store.objects[KEY] = "a"
    answer = respond("GET", "/v1/comet-cursor/stable", None, store.reader.read)
    assert f"stale-if-error={answer_store.STALE_MAX_S}" in answer.headers["cache-control"]


def test_environments_started_together_revalidate_at_different_times(store: Store) -> None:
    """Draw the time of revalidation. It is never later than the time to live."""
    store.objects[KEY] = "a"
    store.drawn = 0.5
    store.read()
    store.now = TTL_S * (1 - answer_store.JITTER / 2) - 0.1
    assert store.read() == ("a", Cache.MEMORY)
    store.now += 0.1
    store.drawn = 0.0
    assert store.read() == ("a", Cache.REVALIDATED)
    store.now += TTL_S
    assert store.read() == ("a", Cache.REVALIDATED)


def test_a_broken_document_is_not_the_others_outage(store: Store) -> None:
    store.objects[KEY] = "a"
    store.error = BrokenDocumentError()
    with pytest.raises(StoreUnavailableError):
        store.read("public/v1/broken/stable/manifest.json")
    store.error = None
    assert store.read() == ("a", Cache.FETCHED)


def test_once_s3_is_back_answers_are_fresh_within_the_time_to_live(store: Store) -> None:
    store.objects[KEY] = "a"
    store.read()
    store.now, store.error = 3600.0, StoreUnavailableError()
    store.read()
    store.error, store.objects[KEY] = None, "b"
    store.now += answer_store.RETRY_PAUSE_S
    assert store.read() == ("b", Cache.FETCHED)


def test_one_failure_is_one_attempt_until_the_pause_is_over(store: Store) -> None:
    store.error = StoreUnavailableError()
    for _ in range(100):
        with pytest.raises(StoreUnavailableError):
            store.read()
    assert len(store.asked) == 1
    store.now += answer_store.RETRY_PAUSE_S
    with pytest.raises(StoreUnavailableError):
        store.read()
    assert len(store.asked) == 2


def test_unknown_names_do_not_push_known_documents_out_of_memory(store: Store) -> None:
    store.objects[KEY] = "a"
    store.read()
    for number in range(10_000):
        assert store.read(f"public/v1/p{number}/stable/manifest.json") == (None, Cache.FETCHED)
    assert store.read() == ("a", Cache.MEMORY)
    assert len(store.reader._entries) == 1


def test_memory_is_bounded_and_keeps_what_was_asked_for_last(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_store, "MEMORY_MAX_BYTES", 30)
    for name in ("a", "b", "c"):
        store.objects[name] = name * 10
        store.read(name)
    store.read("a")
    store.objects["d"] = "d" * 10
    store.read("d")
    assert list(store.reader._entries) == ["c", "a", "d"]
    assert store.reader._size_bytes <= 30


def test_a_document_larger_than_the_memory_is_answered_and_not_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_store, "MEMORY_MAX_BYTES", 5)
    store.objects[KEY] = "a" * 10
    assert store.read() == ("a" * 10, Cache.FETCHED)
    assert store.reader._size_bytes == 0


class TestWhereS3DoesNotSayWhatIsMissing:
    """S3 answers 403 for a missing key if the role may not list the bucket, and 404 if the bucket is gone."""

    def test_missing_document_is_not_found_if_the_probe_object_is_readable(self, store: Store) -> None:
        assert store.read() == (None, Cache.FETCHED)

    def test_a_role_that_can_read_nothing_is_an_outage(self, store: Store) -> None:
        store.objects = {}
        with pytest.raises(StoreUnavailableError):
            store.read()

    def test_a_role_that_lost_its_right_leaves_known_documents_as_they_are(self, store: Store) -> None:
        store.objects[KEY] = "a"
        store.read(PROBE_KEY)
        store.read()
        store.objects, store.now = {}, TTL_S
        assert store.read() == ("a", Cache.STALE)

    def test_a_right_that_was_lost_just_now_is_no_missing_document(self, store: Store) -> None:
        """Fail, although the probe object is in memory.

        An earlier read of it does not prove that S3 can be read now.
        """
        store.now = TTL_S
        store.read(PROBE_KEY)
        store.error = DeniedError()
        with pytest.raises(StoreUnavailableError):
            store.read()

    def test_one_denial_that_passes_is_no_missing_document(self, store: Store) -> None:
        store.objects = {PROBE_KEY: "schema", KEY: "a"}
        denials = [DeniedError()]

        def get(key: str, validator: str | None) -> Document | Unchanged:
            if denials:
                raise denials.pop()
            return store.get(key, validator)

        assert CachedStore(get, ttl_s=TTL_S).read(KEY)[1] is Cache.FETCHED

    def test_what_takes_long_is_given_up_before_the_client_gives_up(self, store: Store) -> None:
        def get(key: str, _: str | None) -> Document | Unchanged:
            store.asked.append(key)
            store.now += 2.2
            raise DeniedError if key == KEY else StoreUnavailableError

        with pytest.raises(StoreUnavailableError):
            CachedStore(get, ttl_s=TTL_S, clock=lambda: store.now).read(KEY)
        assert store.now < 5
        store.now, fetched = 10.0, Document(PROBE_KEY, "", 0, "", "")

        def slow_witness(key: str, _: str | None) -> Document | Unchanged:
            store.now += 2.2
            if key == PROBE_KEY:
                return fetched
            raise DeniedError

        with pytest.raises(StoreUnavailableError):
            CachedStore(slow_witness, ttl_s=TTL_S, clock=lambda: store.now).read(KEY)
        assert store.now < 15

    def test_a_removed_document_is_forgotten_there_too(self, store: Store) -> None:
        store.objects[KEY] = "a"
        store.read()
        del store.objects[KEY]
        store.now = TTL_S
        assert store.read() == (None, Cache.FETCHED)


def test_without_an_endpoint_the_s3_of_aws_is_meant(aws: str) -> None:
    """Use the S3 of AWS, as on Lambda. The client sends nothing before the first read."""
    assert callable(answer_store.s3_get("bucket", None))


class TestAgainstARealS3:
    def test_a_document_comes_with_the_hash_of_its_bytes_as_etag(self, s3: S3) -> None:
        s3.put(KEY, "größe".encode())
        document = answer_store.s3_get(s3.bucket, s3.endpoint)(KEY, None)
        assert isinstance(document, Document)
        assert (document.text, document.size_bytes) == ("größe", 7)
        assert document.etag == '"d353a2671b67afff0941ae456e5c76e9"'  # sha256sum, first half

    def test_an_unchanged_document_is_not_sent_again(self, s3: S3) -> None:
        s3.put(KEY, b"a")
        get = answer_store.s3_get(s3.bucket, s3.endpoint)
        document = get(KEY, None)
        assert isinstance(document, Document)
        assert isinstance(get(KEY, document.validator), Unchanged)

    def test_a_missing_document_is_none_while_another_can_be_read(self, s3: S3) -> None:
        s3.put(PROBE_KEY, b"{}")
        reader = CachedStore(answer_store.s3_get(s3.bucket, s3.endpoint), ttl_s=TTL_S)
        assert reader.read(KEY) == (None, Cache.FETCHED)

    def test_bucket_that_is_gone_leaves_known_documents_as_they_are(self, s3: S3, store: Store) -> None:
        """S3 answers 404 for it, as for a missing key."""
        gets = {name: answer_store.s3_get(name, s3.endpoint) for name in (s3.bucket, "gone-bucket")}
        bucket = s3.bucket

        def get(key: str, validator: str | None) -> Document | Unchanged:
            return gets[bucket](key, validator)

        reader = CachedStore(get, ttl_s=TTL_S, clock=lambda: store.now)
        s3.put(KEY, b"a")
        assert reader.read(KEY)[0]
        bucket, store.now = "gone-bucket", TTL_S
        document, cache = reader.read(KEY)
        assert document
        assert (document.text, cache) == ("a", Cache.STALE)
        with pytest.raises(StoreUnavailableError):
            reader.read("public/v1/other/stable/manifest.json")

    def test_bytes_that_are_not_what_the_etag_says_are_not_what_we_wrote(self, s3: S3, wire: Wire) -> None:
        s3.put(KEY, b"a")
        wire.fault = "corrupted"
        try:
            with pytest.raises(BrokenDocumentError):
                answer_store.s3_get(s3.bucket, s3.endpoint)(KEY, None)
        finally:
            wire.fault = ""

    def test_bytes_that_are_not_utf_8_are_not_what_we_wrote(self, s3: S3) -> None:
        s3.put(KEY, b"\xff\xfe")
        with pytest.raises(StoreUnavailableError):
            answer_store.s3_get(s3.bucket, s3.endpoint)(KEY, None)


def _listen(behave: Callable[[socket.socket], None]) -> str:
    server = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        for _ in count():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                behave(connection)

    threading.Thread(target=accept, daemon=True).start()
    return f"http://127.0.0.1:{server.getsockname()[1]}"


def _status(line: bytes, body: bytes = b"", length: int | None = None) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        size = len(body) if length is None else length
        head = b"HTTP/1.1 " + line + b"\r\ncontent-length: %d\r\netag: " % size + b'"x"\r\nlast-modified: '
        connection.sendall(head + b"Mon, 23 Nov 2026 12:00:00 GMT\r\nconnection: close\r\n\r\n" + body)

    return behave


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(lambda connection: connection.close(), id="reset"),
        pytest.param(_status(b"500 Internal Server Error"), id="500"),
        pytest.param(_status(b"503 Slow Down"), id="503 SlowDown"),
        pytest.param(_status(b"301 Moved Permanently"), id="wrong region"),
        pytest.param(_status(b"200 OK", b'{"versi', length=100), id="cut short"),
        pytest.param(_status(b"304 Not Modified"), id="not modified, though nobody asked"),
        pytest.param(lambda connection: connection.sendall(b"SSH-2.0-nonsense\r\n"), id="not HTTP"),
        pytest.param(lambda _: time.sleep(6), id="silent"),
    ],
)
def test_misbehaving_s3_is_unavailable_before_clients_give_up(
    aws: str, behave: Callable[[socket.socket], None]
) -> None:
    get = answer_store.s3_get("bucket", _listen(behave))
    started = time.monotonic()
    with pytest.raises(StoreUnavailableError):
        get(KEY, None)
    assert time.monotonic() - started < 5


def test_what_lambda_could_not_hand_out_is_not_read(aws: str) -> None:
    with pytest.raises(BrokenDocumentError):
        answer_store.s3_get("bucket", _listen(_status(b"200 OK", length=answer_store.DOCUMENT_MAX_BYTES + 1)))(
            KEY, None
        )


def test_an_s3_that_refuses_connections_is_unavailable(aws: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(StoreUnavailableError):
        answer_store.s3_get("bucket", f"http://127.0.0.1:{port}")(KEY, None)
