"""Test hostile requests: they cause no exception and take no memory, and no answer or log has a byte of them."""

from __future__ import annotations

import itertools
import json
import random
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comet_updates.answer import store, urls
from testkit.counts import IS_FULL
from testkit.events import request
from tests.hostile.counts import Counts
from tests.hostile.requests import DOCUMENTS, ODD, PATHS, Function, as_text, hostile, possible, run

if TYPE_CHECKING:
    from testkit.fresh import Handler

REQUESTS = 1_000_000 if IS_FULL else 20_000
pytestmark = pytest.mark.usefixtures("environment", "open_sinks")


def test_answers_and_log_of_hostile_requests_are_from_a_fixed_list() -> None:
    """Make the list before the first hostile request."""
    assert run(seed=1, budget=REQUESTS).told() == Counts(inputs=REQUESTS, answers=REQUESTS)


def echoes_the_path(handler: Handler) -> Handler:
    def echo(event: Any, context: object) -> Any:
        answer = handler(event, context)
        return answer | {"headers": answer["headers"] | {"x-path": str(event["rawPath"])}}

    return echo


def raises_for_a_surrogate(handler: Handler) -> Handler:
    def raising(event: Any, context: object) -> Any:
        event["rawPath"].encode()
        return handler(event, context)

    return raising


def prints_the_query(handler: Handler) -> Handler:
    def printing(event: Any, context: object) -> Any:
        sys.stdout.write(f"{event['rawQueryString']}\n")
        return handler(event, context)

    return printing


@pytest.mark.parametrize("wrong", [echoes_the_path, raises_for_a_surrogate, prints_the_query])
def test_a_handler_that_lets_something_out_is_noticed(wrong: Any) -> None:
    """Positive control of the test above."""
    assert run(seed=1, budget=500, disguise=wrong).wrong > 0


def test_what_is_asked_is_as_hostile_as_it_should_be() -> None:
    events = [*itertools.islice(hostile(random.Random(1)), 5_000)]
    asked = [event for event in events if isinstance(event, dict) and isinstance(event.get("rawPath"), str)]
    paths = {event["rawPath"] for event in asked}
    found = {urls.public_key(path) or urls.drop_in(path) for path in paths}
    assert len(paths) > 3_000
    assert len(found & set(DOCUMENTS)) > 8, "many of the paths have a document"
    assert len({len(path) // 100 for path in paths}) > 5
    for part in ("%2e", "%252e", "//", "\0", "\r\n", "\ud800", "http://", "\\", "%ff", ";"):
        assert any(part in path for path in paths), part
    assert any(event.get("isBase64Encoded") for event in asked)


TEXTS = st.text(st.characters(exclude_categories=[]), max_size=30) | st.sampled_from(PATHS)
ANYTHING = st.recursive(
    st.sampled_from(ODD) | TEXTS | st.integers() | st.floats(), lambda inner: st.dictionaries(TEXTS, inner, max_size=3)
)
EVENTS = st.fixed_dictionaries(
    {
        "version": st.just("2.0") | ANYTHING,
        "rawPath": TEXTS | st.lists(TEXTS, max_size=5).map("/".join) | ANYTHING,
        "requestContext": st.fixed_dictionaries({"http": st.fixed_dictionaries({"method": TEXTS | ANYTHING})})
        | ANYTHING,
    },
    optional={
        "headers": st.dictionaries(st.just("if-none-match") | TEXTS, ANYTHING, max_size=3) | ANYTHING,
        "rawQueryString": ANYTHING,
        "cookies": st.lists(TEXTS, max_size=3) | ANYTHING,
        "body": ANYTHING,
        "isBase64Encoded": ANYTHING,
    },
)


def test_no_event_of_any_form_makes_it_raise_or_say_anything_else(capsys: pytest.CaptureFixture[str]) -> None:
    handler, right = Function().handler, possible(Function())

    @settings(deadline=None, max_examples=300)
    @given(EVENTS | ANYTHING)
    def asked(event: Any) -> None:
        assert as_text(handler(event, None)) in right

    asked()


@pytest.mark.parametrize(
    "path",
    [
        "http://comet.example/v1/comet-cursor/stable",
        "//v1/comet-cursor/stable",
        "/v1//comet-cursor/stable",
        "/v1/comet-cursor/stable?x",
        "/v1/comet-cursor/stable#x",
        "/v1/comet-cursor/stable;x=1",
        "/v1/comet-cursor/./stable",
        "/v1/x/../comet-cursor/stable",
        "/v1%2fcomet-cursor%2fstable",
        "/v1/comet-cursor/stable%20",
        "/v1/comet-cursor/stable\r\nx: y",
        "/v1/comet-cursor/stable HTTP/1.1\r\n\r\nGET /v1/comet-cursor/stable",
        "/v1/comet%2dcursor/stable",
        "/drop-in/comet-cursor/stable/../stable/linux/x86_64/4.2.0",
    ],
)
def test_what_another_host_might_take_for_a_known_url_is_none_here(path: str) -> None:
    """Request smuggling needs a cache and a function that see different documents under one URL."""
    handler = Function().handler
    assert handler(request(path), None)["statusCode"] == 404
    assert handler(request("/v1/comet-cursor/stable"), None)["statusCode"] == 200


def test_a_flood_of_names_leaves_nothing_in_memory_and_pushes_nothing_out() -> None:
    function = Function()
    handler = function.handler
    known = [request(path) for path in PATHS]
    for event in known:
        handler(event, None)
    flood = [request(f"/v1/p{number}/stable") for number in range(5_000)]
    tracemalloc.start()
    try:
        for event in flood[:100]:
            handler(event, None)
        before, _ = tracemalloc.get_traced_memory()
        for event in flood[100:]:
            handler(event, None)
        function.asked.clear()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    for event in known:
        handler(event, None)
    assert grown < 100_000
    # A name that does not exist causes a read of the probe object: docs/decisions/0001-missing-or-denied.md.
    assert set(function.asked) & set(DOCUMENTS) <= {store.PROBE_KEY}, "all documents are still answered from memory"


def test_memory_has_a_bound_however_many_documents_there_are() -> None:
    text = "x" * 1_000_000
    reader = store.CachedStore(lambda key, _: store.Document(key, text, len(text), '"x"', "x"), ttl_s=60)
    for number in range(100):
        reader.read(f"public/v1/p{number}/stable/manifest.json")
    assert reader._size_bytes <= store.MEMORY_MAX_BYTES
    assert len(reader._entries) == store.MEMORY_MAX_BYTES // len(text)


def test_an_answer_is_json_that_the_gateway_can_read() -> None:
    assert all(isinstance(json.loads(text)["statusCode"], int) for text in possible(Function()))
