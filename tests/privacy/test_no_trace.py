"""What a request shows of a person changes nothing and stays nowhere (promises P1, P2, P4 and P7)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import SWEEP, fresh_import, release, request
from tests.privacy import leaks
from tests.privacy.identify import found, identified, person
from tests.privacy.observe import Observation, moto_state, observe

if TYPE_CHECKING:
    from tests.conftest import S3, Handler, Wire

CHANNEL = "/v1/comet-cursor/stable"
THOUSANDS = 2_000
REQUESTS = {
    "the latest release": (CHANNEL, "GET"),
    "a document": (f"{CHANNEL}/releases.json", "GET"),
    "headers only": (CHANNEL, "HEAD"),
    "an unknown product": ("/v1/unknown/stable", "GET"),
    "a wrong method": (CHANNEL, "POST"),
}


@pytest.fixture
def handler(
    s3: S3, publish: Handler, environment: None, open_sinks: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Handler:
    """The answering function, warm, with every line of its log on and its clock stopped, in front of one release."""
    s3.put("releases/comet-cursor/stable/4.2.1.json", release())
    publish(SWEEP, None)
    monkeypatch.setenv("MEMORY_TTL_S", "0")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where nobody else leaves files
    module = fresh_import("comet_updates.answer.handler")
    module.time = SimpleNamespace(monotonic=lambda: 0.0)
    started: Handler = module.handler
    for event in plain_events():
        started(event, None)
    moto_state()  # moto makes parts of itself when they are first looked at
    return started


def plain_events() -> list[dict[str, Any]]:
    return [request(path, method) for path, method in REQUESTS.values()]


def events_of(number: int) -> list[dict[str, Any]]:
    return [identified(path, person(number), method) for path, method in REQUESTS.values()]


def pair(handler: Handler, wire: Wire, capfd: pytest.CaptureFixture[str]) -> tuple[Observation, Observation]:
    """The same requests from one person and from another. One person alone makes no difference."""
    once, again = (observe(handler, events_of(6), wire, capfd) for _ in range(2))
    assert once == again
    return once, observe(handler, events_of(7), wire, capfd)


@pytest.mark.parametrize("what", REQUESTS)
def test_who_asks_makes_no_difference(
    handler: Handler, wire: Wire, capfd: pytest.CaptureFixture[str], what: str
) -> None:
    path, method = REQUESTS[what]
    nobody = observe(handler, [request(path, method)], wire, capfd)
    assert nobody.stdout.count("\n") == 1, "the log is on, or this test proves nothing"
    for number in range(20):
        assert observe(handler, [identified(path, person(number), method)], wire, capfd) == nobody


def test_who_asks_makes_no_difference_while_s3_is_down(
    handler: Handler, wire: Wire, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "outage", True)
    nobody = observe(handler, plain_events(), wire, capfd)
    one, other = pair(handler, wire, capfd)
    assert nobody == one == other
    assert '"cache":"stale"' in nobody.stdout
    assert '"outcome":"unavailable"' in nobody.stdout


@pytest.mark.parametrize("leak", leaks.ALL, ids=lambda leak: leak.__name__)
def test_a_leaky_handler_makes_a_difference(
    handler: Handler, wire: Wire, capfd: pytest.CaptureFixture[str], leak: leaks.Leak
) -> None:
    leaky = leaks.leaky(handler, leak)
    assert observe(leaky, events_of(6), wire, capfd) != observe(leaky, events_of(7), wire, capfd)


def test_after_thousands_of_requests_nothing_of_anyone_stands_anywhere(
    handler: Handler, wire: Wire, capfd: pytest.CaptureFixture[str]
) -> None:
    everyone = [events_of(number) for number in range(THOUSANDS // len(REQUESTS))]
    seen = observe(handler, [event for events in everyone for event in events], wire, capfd)
    sinks = seen.sinks()
    assert len(seen.stdout.splitlines()) == len(everyone) * len(REQUESTS)
    # Every line, request and answer is one of a handful, so that one search covers all people.
    assert len(set(seen.answers)) == len(REQUESTS)
    assert len(set(seen.stdout.splitlines())) == len(REQUESTS) - 1  # GET and HEAD are one line
    sinks |= {"answers": "\n".join(set(seen.answers)).encode(), "requests to S3": repr(set(seen.wire)).encode()}
    sinks["stdout"] = "\n".join(set(seen.stdout.splitlines())).encode()
    for number in range(0, len(everyone), 20):
        assert found(person(number), sinks) == []


@pytest.mark.parametrize(
    "leak", [leak for leak in leaks.ALL if leak not in leaks.DERIVED], ids=lambda leak: leak.__name__
)
def test_what_a_leaky_handler_leaves_behind_is_found(
    handler: Handler, wire: Wire, capfd: pytest.CaptureFixture[str], leak: leaks.Leak
) -> None:
    seen = observe(leaks.leaky(handler, leak), events_of(7), wire, capfd)
    assert found(person(7), seen.sinks()) != []


def test_what_one_client_gets_does_not_depend_on_another_having_asked(
    handler: Handler, wire: Wire, capfd: pytest.CaptureFixture[str]
) -> None:
    alone = observe(handler, events_of(1), wire, capfd)
    observe(handler, events_of(2) + events_of(3), wire, capfd)
    assert observe(handler, events_of(1), wire, capfd) == alone
