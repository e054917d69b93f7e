"""Compare two people, one process each, everything else equal: all traces afterwards are equal, byte for byte."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from testkit import leaks
from testkit.documents import release
from testkit.faults import FAULTS as ALL_FAULTS
from testkit.observe import ANSWER, Lambda, Observation, differences
from testkit.people import Ask, Person, marked, people, request_of
from tests.privacy.conftest import EVERY_SO_MANY_CALLS, FULL, THOROUGH, tally, tried

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from testkit.s3 import Wire

CHANNEL = "/v1/comet-cursor/stable"
MANIFEST = json.dumps(release(), separators=(",", ":")).encode() + b"\n"
KNOWN = f'"{hashlib.sha256(MANIFEST).hexdigest()[:32]}"'
ASKS = {
    "the latest release": Ask(CHANNEL),
    "a document": Ask(f"{CHANNEL}/releases.json"),
    "headers only": Ask(CHANNEL, "HEAD"),
    "a copy that is known": Ask(CHANNEL, validator=KNOWN),
    "an unknown product": Ask("/v1/unknown/stable"),
    "a wrong method": Ask(CHANNEL, "POST"),
    "the older payload": Ask(CHANNEL, payload="1.0"),
}
STATUSES = [200, 200, 200, 304, 404, 405, 500]
SLOW = {"silent", "trickling"}  # the client library waits for seconds
QUICK = {"503", "500", "403", "cut short", "corrupted", "slow"}
FAULTS = sorted(ALL_FAULTS if THOROUGH == FULL else QUICK)
NOBODY: Person = {}
START = re.compile(r"^bytes=\d\d?-(?=\d+$)")  # a byte comes each tenth of a second, and the time-out is one second


@pytest.fixture
def observe(aws_lambda: Lambda, published: dict[str, str]) -> Callable[..., Observation]:
    """Return `observe(events, **options)`, which runs a new environment in front of a published release."""
    return lambda events, **options: aws_lambda.observe(ANSWER, published, events, **options)


def requests(person: Person, asks: Iterable[Ask] = ASKS.values()) -> list[dict[str, Any]]:
    return [request_of(person, ask) for ask in asks]


def without_progress(seen: Observation) -> Observation:
    """Return `seen` without the place at which obstore goes on after a time-out.

    It is the number of bytes that had arrived in a second, which depends on how busy this machine is.
    """
    return seen._replace(
        wire=tuple(
            (*rest, tuple((name, START.sub("bytes=?-", value)) for name, value in headers), body)
            for *rest, headers, body in seen.wire
        )
    )


def test_who_asks_makes_no_difference(observe: Callable[..., Observation]) -> None:
    nobody = observe(requests(NOBODY))
    assert [answer["statusCode"] for answer in nobody.answers] == STATUSES
    assert nobody.seen["stdout"].count("\n") == len(ASKS), "the log is on, or this test proves nothing"

    @tried(12)
    @given(people(), people())
    def compared(one: Person, other: Person) -> None:
        first, second = observe(requests(one)), observe(requests(other))
        assert differences(first, second) == differences(first, nobody) == {}
        assert first.state_before == first.state_after
        tally(pairs=len(ASKS))

    compared()


@pytest.mark.parametrize("ttl_s", ["0", "60"], ids=["forgetful", "remembering"])
@pytest.mark.parametrize("fault", FAULTS)
def test_who_asks_makes_no_difference_while_s3_fails(
    aws_lambda: Lambda, published: dict[str, str], wire: Wire, fault: str, ttl_s: str
) -> None:
    asks = list(ASKS.values())[: 1 if fault in SLOW else None]

    def failing(person: Person) -> Observation:
        wire.fault, wire.fault_after = fault, 0 if fault in SLOW else 2  # one document is in memory, others are read
        try:
            seen = aws_lambda.observe(ANSWER, published | {"MEMORY_TTL_S": ttl_s}, requests(person, asks))
        finally:
            wire.fault = ""
        return without_progress(seen) if fault == "trickling" else seen

    nobody = failing(NOBODY)
    assert len(nobody.wire) > (0 if fault in SLOW else 2), "S3 was asked while it failed, or this test proves nothing"

    @tried(1, times=1 if fault in SLOW else min(THOROUGH, 3))
    @given(people(), people())
    @example(marked(1), marked(2))  # the first that hypothesis draws has no field
    def compared(one: Person, other: Person) -> None:
        first, second = failing(one), failing(other)
        assert differences(first, second) == differences(first, nobody) == {}
        tally(pairs=len(asks))

    compared()


def test_a_fault_of_any_call_reveals_nothing_of_the_request(observe: Callable[..., Observation]) -> None:
    """Raise an error that quotes the event, at each call of the handler and of its libraries."""
    asks = [
        ASKS["the latest release"],
        ASKS["a copy that is known"],
        ASKS["an unknown product"],
        ASKS["a wrong method"],
    ]
    one, other = (observe(requests(marked(number), asks), faults=EVERY_SO_MANY_CALLS) for number in (1, 2))
    assert differences(one, other) == {}
    assert one.seen["errors"] == []
    assert one.seen["calls"] > 100
    assert len(one.seen["posted"]) > one.seen["calls"] / EVERY_SO_MANY_CALLS
    whole = {json.dumps(answer) for answer in observe(requests(NOBODY, asks)).answers}
    broken = {json.dumps(answer) for answer in one.answers} - whole
    assert {json.loads(answer)["statusCode"] for answer in broken} == {500}
    assert len(broken) == 1
    tally(pairs=len(one.seen["posted"]), faults=len(one.seen["posted"]))


@pytest.mark.parametrize("ttl_s", ["0", "60"], ids=["forgetful", "remembering"])
def test_what_one_client_gets_does_not_depend_on_another_having_asked(
    aws_lambda: Lambda, published: dict[str, str], ttl_s: str
) -> None:
    asks = [ASKS[what] for what in ("the latest release", "a copy that is known", "an unknown product")]

    def observed(*askers: Person) -> Observation:
        events = [event for person in askers for event in requests(person, asks)]
        return aws_lambda.observe(ANSWER, published | {"MEMORY_TTL_S": ttl_s}, events)

    alone = observed(NOBODY).answers

    @tried(2)
    @given(st.lists(people(), min_size=1, max_size=4), people())
    def compared(earlier: list[Person], last: Person) -> None:
        among = observed(*earlier, last)
        assert among.answers[-len(asks) :] == alone
        # Earlier requests may show in what is kept, but not who sent them.
        assert differences(observed(*[marked(3)] * len(earlier), last), among) == {}
        tally(pairs=2 * len(asks))

    compared()


class TestALeak:
    """Positive controls: each comparison notices the leaks that it is for."""

    @pytest.mark.parametrize(
        "leak", [leak for leak in leaks.ALL if leak not in leaks.HIDDEN], ids=lambda leak: leak.__name__
    )
    def test_of_the_answering_function_makes_a_difference(
        self, observe: Callable[..., Observation], leak: leaks.Leak
    ) -> None:
        asks = [ASKS["the latest release"]]
        once, again, other = (observe(requests(marked(number), asks), leak=leak.__name__) for number in (1, 1, 2))
        unstable = {"state of S3", "requests to S3"}  # a second write has another id
        boto3 = {"files and processes"}  # some leaks load it, and then it asks the system for random ids
        assert differences(once, again).keys() <= unstable | boto3, "the same person makes no difference"
        assert differences(once, other).keys() - unstable or once.wire != other.wire

    def test_while_a_call_fails_makes_a_difference(self, observe: Callable[..., Observation]) -> None:
        asks = [ASKS["an unknown product"]]
        one, other = (observe(requests(marked(n), asks), faults=1, leak="raises_with_the_path") for n in (1, 2))
        assert one.seen["errors"] != other.seen["errors"]
