"""Test both paths together: what a pipeline uploads, and what a client gets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from testkit.documents import release
from testkit.events import SWEEP, notification, request

if TYPE_CHECKING:
    from testkit.fresh import Handler
    from testkit.s3 import S3

STABLE, BETA = "/v1/comet-cursor/stable", "/v1/comet-cursor/beta"


class World:
    """A pipeline, the two functions, and a client."""

    def __init__(self, s3: S3, publish: Handler, answer: Handler) -> None:
        self._s3 = s3
        self._publish = publish
        self._answer = answer

    def upload(self, key: str, document: dict[str, Any]) -> None:
        self._s3.put(key, document)
        assert self._publish(notification(key), None) == {"batchItemFailures": []}

    def release(self, version: str, channel: str = "stable", **fields: Any) -> None:
        self.upload(f"releases/comet-cursor/{channel}/{version}.json", release(version, channel, **fields))

    def decide(self, channel: str = "stable", **fields: Any) -> None:
        document = {"schema": 1, "product": "comet-cursor", "channel": channel, **fields}
        self.upload(f"channels/comet-cursor/{channel}.json", document)

    def sweep(self) -> None:
        assert self._publish(SWEEP, None) == {}

    def ask(self, path: str = STABLE) -> dict[str, Any]:
        return self._answer(request(path), None)

    def latest(self, path: str = STABLE) -> str:
        return str(json.loads(self.ask(path)["body"])["version"])


@pytest.fixture
def world(s3: S3, publish: Handler, answer: Handler) -> World:
    made = World(s3, publish, answer)
    made.sweep()  # Before the first sweep, the probe object is missing, so every answer is 503.
    return made


@pytest.mark.http
def test_the_first_release_of_a_product_needs_nothing_else(world: World) -> None:
    assert world.ask()["statusCode"] == 404
    world.release("4.2.1")
    assert json.loads(world.ask()["body"]) == release("4.2.1")


def test_a_newer_release_is_offered_and_an_older_one_is_not(world: World) -> None:
    for version in ("4.2.1", "4.10.0", "4.9.0"):
        world.release(version)
    assert world.latest() == "4.10.0"


def test_an_invalid_release_leaves_the_answer_as_it_was(world: World, s3: S3) -> None:
    world.release("4.2.1")
    before = world.ask()
    world.release("4.3.0", notes="text")
    assert world.ask() == before
    rejected = s3.json("rejected/releases/comet-cursor/stable/4.3.0.json.json")
    assert rejected["key"] == "releases/comet-cursor/stable/4.3.0.json"
    (problem,) = rejected["problems"]
    assert problem["path"] == "$.notes"
    assert problem["remedy"] == "See /schemas/release.json"


def test_what_a_refusal_points_to_can_be_read(world: World) -> None:
    world.sweep()
    served = world.ask("/schemas/release.json")
    assert served["statusCode"] == 200
    assert json.loads(served["body"])["title"] == "Release"


def test_an_invalid_policy_leaves_the_answer_as_it_was(world: World) -> None:
    world.release("4.2.0")
    world.release("4.2.1")
    world.decide(pin="4.2.0")
    before = world.ask()
    world.decide(pin="4.2.0", yank=["4.2.0"])
    assert world.ask() == before


def test_a_release_that_is_written_over_stays_what_it_was(world: World) -> None:
    world.release("4.2.1")
    before = world.ask()
    world.release("4.2.1", title="other")
    assert world.ask() == before


def test_stable_does_not_see_beta(world: World) -> None:
    world.decide("beta", includes=["stable"])
    world.release("4.2.1")
    before = world.ask()
    world.release("4.3.0-beta.1", "beta")
    assert world.ask() == before


def test_a_yank_on_stable_reaches_beta(world: World) -> None:
    world.decide("beta", includes=["stable"])
    world.release("4.3.0-beta.1", "beta")
    world.release("4.3.0")
    world.decide(yanked=[{"version": "4.3.0", "reason": "Crashes at start."}])
    assert world.latest(BETA) == "4.3.0-beta.1"


def test_a_pin_holds_the_channel_until_it_is_gone(world: World) -> None:
    world.release("4.2.0")
    world.release("4.2.1")
    world.decide(pin="4.2.0")
    assert world.latest() == "4.2.0"
    world.decide()
    assert world.latest() == "4.2.1"


def test_channel_with_everything_withdrawn_serves_only_its_history(world: World) -> None:
    world.release("4.2.1")
    world.decide(yanked=[{"version": "4.2.1", "reason": "Crashes at start."}])
    assert world.ask()["statusCode"] == 404
    assert json.loads(world.ask(f"{STABLE}/releases.json")["body"])["releases"][0]["yanked"] == "Crashes at start."


def test_what_no_event_told_of_comes_with_the_sweep(world: World, s3: S3) -> None:
    s3.put("releases/comet-cursor/stable/4.2.1.json", release())
    world.sweep()
    assert world.latest() == "4.2.1"


def test_beta_follows_stable_once_that_is_newer(world: World) -> None:
    world.decide("beta", includes=["stable"])
    world.release("4.3.0-beta.1", "beta")
    assert world.latest(BETA) == "4.3.0-beta.1"
    world.release("4.3.0")
    assert world.latest(BETA) == "4.3.0"


@pytest.mark.http
def test_a_yank_offers_the_previous_release_again_and_says_why(world: World) -> None:
    world.release("4.2.0")
    world.release("4.2.1")
    world.decide(yanked=[{"version": "4.2.1", "reason": "Crashes at start."}])
    assert world.latest() == "4.2.0"
    history = json.loads(world.ask(f"{STABLE}/releases.json")["body"])["releases"]
    assert [(past["version"], past.get("yanked")) for past in history] == [
        ("4.2.1", "Crashes at start."),
        ("4.2.0", None),
    ]
    world.decide()
    assert world.latest() == "4.2.1"


def test_a_pause_holds_back_what_comes_and_lets_it_go(world: World) -> None:
    world.release("4.2.0", released_at="2026-10-01T00:00:00Z")
    world.decide(paused_at="2026-10-02T00:00:00Z")
    world.release("4.2.1", released_at="2026-10-03T00:00:00Z")
    assert world.latest() == "4.2.0"
    assert "held back since" in world.ask("/comet-cursor")["body"]
    world.decide()
    assert world.latest() == "4.2.1"
    assert "held back" not in world.ask("/comet-cursor")["body"]


@pytest.mark.parametrize(
    "rollout",
    [{"percent": 10}, {"start": "2026-11-20T12:00:00Z", "interval": 86_400, "groups": 7}],
    ids=["a share", "one group after another"],
)
def test_a_rollout_reaches_the_client_with_the_release(world: World, rollout: dict[str, Any]) -> None:
    world.release("4.2.1")
    world.decide(rollout={"version": "4.2.1", **rollout})
    assert json.loads(world.ask()["body"]) == release("4.2.1") | {"rollout": rollout}
