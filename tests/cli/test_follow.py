"""Test `--wait`: commands wait until clients get the change, and the exit code says whether they do."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import Result

from comet_updates_cli import app, follow
from tests.cli.conftest import Shop
from tests.clients.servers import Server

DECISIONS = {
    "pause": ["stable"],
    "resume": ["stable"],
    "pin": ["stable", "4.2.0"],
    "unpin": ["stable"],
    "yank": ["stable", "4.2.1", "--reason", "It crashes."],
    "unyank": ["stable", "4.1.0"],
    "rollback": ["stable", "--reason", "It crashes."],
    "rollout": ["stable", "4.2.1", "--percent", "5"],
    "schedule": ["stable", "4.3.0", "--at", "2099-02-01T00:00:00Z"],
    "unschedule": ["stable", "4.3.0"],
}
"""The commands that change the policy of a channel, with their arguments after the product's name."""

DECIDED: dict[str, Any] = {
    "yanked": [{"version": "4.1.0", "reason": "It crashes."}],
    "available_at": {"4.3.0": "2099-01-01T00:00:00Z"},
}


class Answers(Server):
    """A service that answers with what is published."""

    def __init__(self, shop: Shop) -> None:
        super().__init__()
        self.shop = shop

    def answer(self, request: BaseHTTPRequestHandler, _headers: dict[str, str]) -> None:
        body = self.shop.s3.tree(f"public{request.path}").get(f"public{request.path}")
        self.send(request, 404 if body is None else 200, {}, body or b"")


class Scene:
    """A channel with releases and a policy, and its service. Publishing runs while a command waits, or not at all."""

    def __init__(self, shop: Shop, server: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shop, self.server = shop, server
        for version in ("4.1.0", "4.2.0", "4.2.1"):
            shop.release(version)
        shop.release("4.3.0", available_at="2099-01-01T00:00:00Z")
        shop.policy(**DECIDED)
        shop.publish()
        self.publishes = True
        monkeypatch.setattr(follow, "time", SimpleNamespace(monotonic=time.monotonic, sleep=self.wait))

    def wait(self, _seconds: float) -> None:
        if self.publishes:
            self.shop.publish()

    def run(self, command: str, *arguments: str, timeout: str = "60") -> Result:
        waits = ["--wait", "--service-url", self.server.url, "--timeout", timeout]
        return self.shop.run(command, "comet-cursor", *arguments, *waits)


@pytest.fixture
def scene(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    with Answers(shop) as server:
        yield Scene(shop, server, monkeypatch)


@pytest.mark.parametrize("command", DECISIONS)
def test_decision_is_live_when_the_command_ends(scene: Scene, command: str) -> None:
    done = scene.run(command, *DECISIONS[command])
    assert done.exit_code == 0, done.output
    assert f"live at {scene.server.url}/v1/comet-cursor/stable: 4." in done.output
    assert scene.shop.channel()["is_live"]


def test_decision_that_is_not_published_in_time_exits_with_code_3(scene: Scene) -> None:
    scene.publishes = False
    late = scene.run("yank", *DECISIONS["yank"], "--json", timeout="0.05")
    assert late.exit_code == 3
    assert "channels/comet-cursor/stable.json: not live after 0 s. Run comet-updates status." in late.stderr
    live = json.loads(late.stdout)["live"]
    assert live["state"] == "late"
    assert "/v1/comet-cursor/stable/manifest.json" in {each["document"] for each in live["documents"]}


def test_decision_that_the_service_does_not_answer_with_exits_with_3(scene: Scene) -> None:
    """Let the service answer from its memory while the bucket has the new documents."""
    scene.shop.run("yank", "comet-cursor", *DECISIONS["yank"])
    scene.shop.publish()
    known = scene.shop.s3.tree("public/")
    assert scene.run("yank", *DECISIONS["yank"], timeout="0").exit_code == 0, "positive control"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Answers, "answer", lambda self, request, _: self.send(request, 200, {}, b"old"))
        assert scene.run("yank", *DECISIONS["yank"], timeout="0").exit_code == 3
    assert scene.shop.s3.tree("public/") == known


def test_decision_shows_each_channel_that_it_changes(scene: Scene) -> None:
    scene.shop.policy("beta", includes=["stable"])
    scene.shop.publish()
    done = scene.run("yank", *DECISIONS["yank"])
    offered = [line for line in done.output.splitlines() if line.startswith("live at ")]
    assert [line.rpartition("/")[2] for line in offered] == ["beta: 4.2.0", "stable: 4.2.0"]


def test_rollout_that_is_live_tells_whom_it_reaches(scene: Scene) -> None:
    assert "stable: 4.2.1, reaches 5 %\n" in scene.run("rollout", *DECISIONS["rollout"]).output


def test_approval_waits_for_its_release(scene: Scene) -> None:
    scene.shop.s3.put("products/comet-cursor.json", {"schema": 1, "product": "comet-cursor", "approved_on": ["stable"]})
    scene.shop.release("4.4.0")
    scene.shop.release("4.5.0", available_at="2099-01-01T00:00:00Z")
    done = scene.run("approve", "stable", "4.4.0")
    assert done.exit_code == 0, done.output
    assert "manifest.json  4.4.0" in done.output
    waits = scene.run("approve", "stable", "4.5.0")
    assert (waits.exit_code, "4.5.0.json is scheduled for 2099" in waits.output) == (3, True)


def test_dry_run_waits_for_nothing(scene: Scene) -> None:
    scene.publishes = False
    assert scene.run("yank", *DECISIONS["yank"], "--dry-run", timeout="0").exit_code == 0


def test_wait_without_a_service_is_wrong_usage(shop: Shop) -> None:
    assert shop.run("pause", "comet-cursor", "stable", "--wait").exit_code == 2
    assert shop.run("pause", "comet-cursor", "stable", "--wait", "--service-url", "example.com").exit_code == 2


def test_every_command_that_changes_what_clients_get_can_wait() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    writing = {name for name, command in commands.items() if any("--dry-run" in each.opts for each in command.params)}
    waiting = {name for name, command in commands.items() if any("--wait" in each.opts for each in command.params)}
    assert writing - waiting <= {"import", "publisher"}, "publisher writes a page for people"
    assert waiting - {"import"} == {*DECISIONS, "release", "approve", "promote"}
