"""Test decisions as commands: each writes one small document, prints the result, and has a dry run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from comet_updates.errors import ConcurrentPublishError
from comet_updates.formats import encode
from comet_updates.publish.bucket import ATTEMPTS, Bucket
from comet_updates.publish.uploads.accept import AcceptedUploads
from comet_updates_cli import policy_edits
from tests.cli.conftest import Shop

STABLE = ("comet-cursor", "stable")
POLICY = "channels/comet-cursor/stable.json"


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """Return a shop with published releases: 4.2.0 and 4.2.1 on stable, 4.3.0-beta.1 on beta, which includes stable."""
    for version in ("4.2.0", "4.2.1"):
        shop.release(version)
    shop.release("4.3.0-beta.1", "beta")
    shop.policy("beta", includes=["stable"])
    shop.publish()
    return shop


def latest(shop: Shop, channel: str = "stable") -> str | None:
    shop.publish()
    found: str | None = shop.channel(channel)["latest"]
    return found


@pytest.mark.http
def test_a_yank_offers_the_release_before_and_says_so(stocked: Shop) -> None:
    done = stocked.run("yank", *STABLE, "4.2.1", "--reason", "Crashes.")
    assert done.exit_code == 0, done.output
    assert f"wrote {POLICY}" in done.output
    assert "changes /v1/comet-cursor/stable/manifest.json" in done.output
    assert latest(stocked) == "4.2.0"
    assert stocked.run("unyank", *STABLE, "4.2.1").exit_code == 0
    assert latest(stocked) == "4.2.1"
    assert "yanked" not in stocked.s3.json(POLICY)


def test_a_rollback_withdraws_the_latest_and_says_what_follows(stocked: Shop) -> None:
    done = stocked.run("rollback", *STABLE, "--reason", "Crashes.")
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "4.2.1 is withdrawn from comet-cursor/stable; 4.2.0 is offered now." in said
    assert "copies that have 4.2.1 keep it until a higher version is released" in said
    assert "release a version above 4.2.1" in said
    assert latest(stocked) == "4.2.0"
    assert stocked.s3.json(POLICY)["yanked"] == [{"version": "4.2.1", "reason": "Crashes."}]


def test_a_second_rollback_does_not_withdraw_the_release_before(stocked: Shop) -> None:
    stocked.run("rollback", *STABLE, "--reason", "Crashes.")
    again = stocked.run("rollback", *STABLE, "--reason", "Crashes.")
    assert (again.exit_code, "nothing to do" in again.output) == (0, True)
    assert latest(stocked) == "4.2.0"
    stocked.run("yank", *STABLE, "4.2.0", "--reason", "Too.")
    assert json.loads(stocked.run("rollback", *STABLE, "--reason", "x", "--json").output)["offered"] is None


def test_a_rollback_where_nothing_was_offered_is_refused(stocked: Shop) -> None:
    stocked.policy("nightly")
    refused = stocked.run("rollback", "comet-cursor", "nightly", "--reason", "x")
    assert (refused.exit_code, "none was offered yet" in refused.output) == (1, True)


def test_a_rollout_is_widened_and_ended_by_the_same_command(stocked: Shop) -> None:
    for percent, words in ((10, "10 %"), (50, "50 %"), (100, "")):
        assert stocked.run("rollout", *STABLE, "4.2.1", "--percent", str(percent)).exit_code == 0
        assert stocked.channel()["rollout"] == words


def test_a_pin_and_a_pause_hold_until_they_are_taken_back(stocked: Shop) -> None:
    assert stocked.run("pin", *STABLE, "4.2.0").exit_code == 0
    assert latest(stocked) == "4.2.0"
    assert stocked.run("unpin", *STABLE).exit_code == 0
    assert stocked.run("pause", *STABLE).exit_code == 0
    stocked.release("4.2.2", available_at="2026-11-23T12:00:00Z")
    assert latest(stocked) == "4.2.2", "releases due before the pause are still offered"
    assert stocked.channel()["held"].startswith("paused since")
    assert stocked.run("resume", *STABLE).exit_code == 0
    assert stocked.s3.json(POLICY) == {"schema": 1, "product": "comet-cursor", "channel": "stable"}


@pytest.mark.parametrize(
    ("how", "decided"),
    [
        (["--percent", "25"], {"percent": 25}),
        (
            ["--every", "12h", "--groups", "4", "--start", "2026-11-20T12:00:00Z"],
            {"start": "2026-11-20T12:00:00Z", "interval": 43_200, "groups": 4},
        ),
    ],
)
def test_a_rollout_is_of_one_release(stocked: Shop, how: list[str], decided: dict[str, object]) -> None:
    assert stocked.run("rollout", *STABLE, "4.2.1", *how).exit_code == 0
    assert stocked.s3.json(POLICY)["rollout"] == {"version": "4.2.1", **decided}
    assert latest(stocked) == "4.2.1"


def test_rollout_keeps_unfinished_rollouts_of_other_releases(stocked: Shop) -> None:
    """Drop a rollout once it reaches everyone."""
    for version, percent in (("4.2.0", 100), ("4.2.1", 5), ("4.2.1", 10)):
        stocked.run("rollout", *STABLE, version, "--percent", str(percent))
    assert stocked.s3.json(POLICY)["rollout"] == {"version": "4.2.1", "percent": 10}
    stocked.run("rollout", *STABLE, "4.2.0", "--percent", "50")
    assert stocked.s3.json(POLICY)["rollout"] == [
        {"version": "4.2.1", "percent": 10},
        {"version": "4.2.0", "percent": 50},
    ]
    assert stocked.channel()["rollout"] == "10 %"


def test_a_release_that_waits_can_be_offered_earlier_or_later(stocked: Shop) -> None:
    stocked.release("4.3.0", available_at="2098-01-01T00:00:00Z")
    scheduled = ("schedule", *STABLE, "4.3.0", "--at")
    assert stocked.run(*scheduled, "2099-01-01T00:00:00Z").exit_code == 0
    assert stocked.channel()["due"] == {"4.3.0": "2099-01-01T00:00:00+00:00"}
    assert latest(stocked) == "4.2.1"
    assert not [key for key, body in stocked.s3.tree("public/").items() if b'4.3.0"' in body]
    assert stocked.run("unschedule", *STABLE, "4.3.0").exit_code == 0
    assert stocked.channel()["due"] == {"4.3.0": "2098-01-01T00:00:00+00:00"}
    assert "available_at" not in stocked.s3.json(POLICY)
    assert stocked.run(*scheduled, "2026-01-01T00:00:00Z").exit_code == 0
    assert latest(stocked) == "4.3.0"
    late = stocked.run(*scheduled, "2099-01-01T00:00:00Z")
    assert late.exit_code == 1
    assert "stable already offers 4.3.0. To withdraw it, run comet-updates yank" in late.output


def test_a_promoted_release_has_the_same_files(stocked: Shop) -> None:
    done = stocked.run("promote", "comet-cursor", "4.3.0-beta.1", "--from", "beta", "--to", "stable")
    assert done.exit_code == 0, done.output
    before, after = (stocked.s3.json(f"releases/comet-cursor/{at}/4.3.0-beta.1.json") for at in ("beta", "stable"))
    assert after == before | {"channel": "stable", "available_at": after["available_at"]}
    assert latest(stocked) == "4.3.0-beta.1"
    again = stocked.run("promote", "comet-cursor", "4.3.0-beta.1", "--from", "beta", "--to", "stable")
    assert (again.exit_code, "nothing to do" in again.output) == (0, True)


PROMOTE = ("promote", "comet-cursor", "4.3.0-beta.1", "--from", "beta", "--to", "stable")


@pytest.mark.parametrize(
    ("options", "rollout"),
    [
        (["--percent", "10"], {"percent": 10}),
        (
            ["--every", "12h", "--groups", "3", "--start", "2026-12-01T00:00:00Z"],
            {"start": "2026-12-01T00:00:00Z", "interval": 43_200, "groups": 3},
        ),
        (
            ["--every", "1d", "--not-before", "2099-01-01T00:00:00Z"],
            {"start": "2099-01-01T00:00:00Z", "interval": 86_400, "groups": 7},
        ),
    ],
)
def test_promotion_can_begin_a_rollout(stocked: Shop, options: list[str], rollout: dict[str, Any]) -> None:
    done = stocked.run(*PROMOTE, *options)
    assert done.exit_code == 0, done.output
    decided = stocked.s3.json("channels/comet-cursor/stable.json")["rollout"]
    assert decided == {"version": "4.3.0-beta.1", **rollout}
    assert done.output.index("wrote channels/") < done.output.index("wrote releases/")
    again = stocked.run(*PROMOTE, "--percent", "90")
    assert "stable has 4.3.0-beta.1 already. Its rollout stays at " in again.output
    assert "run comet-updates rollout comet-cursor stable 4.3.0-beta.1 with --percent or --every." in again.output
    assert stocked.s3.json("channels/comet-cursor/stable.json")["rollout"] == decided


@pytest.mark.parametrize("options", [["--percent", "5"], ["--every", "1d"], ["--every", "1d", "--groups", "3"]])
def test_promotion_run_twice_keeps_the_rollout(stocked: Shop, options: list[str]) -> None:
    assert stocked.run(*PROMOTE, *options).exit_code == 0
    stocked.run("rollout", *STABLE, "4.3.0-beta.1", "--percent", "50")
    again = stocked.run(*PROMOTE, *options)
    assert (again.exit_code, "Its rollout stays at 50 %." in again.output) == (0, True)
    assert stocked.s3.json(POLICY)["rollout"] == {"version": "4.3.0-beta.1", "percent": 50}


def test_promotion_of_an_included_release_run_twice_keeps_the_rollout(stocked: Shop) -> None:
    """Positive control of the test above: the first promotion decides, also over an earlier rollout."""
    stocked.policy("beta", includes=["stable"])
    stocked.run("rollout", "comet-cursor", "beta", "4.2.1", "--percent", "50")
    promote = ("promote", "comet-cursor", "4.2.1", "--from", "stable", "--to", "beta", "--percent", "5")
    for percent in (5, 20):
        assert stocked.run(*promote).exit_code == 0
        assert stocked.s3.json("channels/comet-cursor/beta.json")["rollout"]["percent"] == percent
        stocked.run("rollout", "comet-cursor", "beta", "4.2.1", "--percent", "20")


def test_rollout_in_groups_run_twice_goes_on(stocked: Shop) -> None:
    every = ("rollout", *STABLE, "4.2.1", "--every", "1d")
    assert stocked.run(*every, "--start", "2026-11-20T12:00:00Z").exit_code == 0
    before = stocked.s3.json(POLICY)
    assert "nothing to do" in stocked.run(*every).output
    assert stocked.s3.json(POLICY) == before
    stocked.run(*every, "--groups", "3")
    assert stocked.s3.json(POLICY)["rollout"]["start"] > "2026-11-20T12:00:00Z", "other groups are another rollout"


def test_promotion_can_wait_for_its_time(stocked: Shop) -> None:
    assert stocked.run(*PROMOTE, "--not-before", "2099-01-01T00:00:00Z").exit_code == 0
    assert stocked.channel()["due"] == {"4.3.0-beta.1": "2099-01-01T00:00:00+00:00"}
    assert stocked.run(*PROMOTE).exit_code == 0
    other = stocked.run(*PROMOTE, "--not-before", "2099-01-02T00:00:00Z")
    assert (other.exit_code, "run comet-updates schedule" in other.output) == (1, True)


def test_promotion_with_both_kinds_of_rollout_is_wrong_usage(stocked: Shop) -> None:
    assert stocked.run(*PROMOTE, "--percent", "10", "--every", "1d").exit_code == 2
    assert stocked.run(*PROMOTE, "--wait").exit_code == 2


def test_promotion_to_a_paused_channel_waits(stocked: Shop) -> None:
    """Test a release that is older than the pause: it is new on the channel."""
    stocked.policy(paused_at=encode.moment(datetime.now(UTC) - timedelta(minutes=1)))
    assert stocked.run(*PROMOTE).exit_code == 0
    assert stocked.channel()["latest"] != "4.3.0-beta.1"
    stocked.run("resume", "comet-cursor", "stable")
    assert stocked.channel()["latest"] == "4.3.0-beta.1"


def test_withdrawn_release_is_not_promoted(stocked: Shop) -> None:
    stocked.run("yank", "comet-cursor", "beta", "4.3.0-beta.1", "--reason", "It crashes")
    done = stocked.run(*PROMOTE)
    assert done.exit_code == 1
    assert "beta has withdrawn 4.3.0-beta.1: It crashes. Promote another release." in done.output


def test_promoted_release_is_one_entry_on_a_channel_that_includes_its_own(stocked: Shop) -> None:
    stocked.policy("beta", includes=["stable"])
    stocked.publish()
    assert stocked.run(*PROMOTE).exit_code == 0
    stocked.publish()
    for channel in ("beta", "stable"):
        history = stocked.s3.json(f"public/v1/comet-cursor/{channel}/releases.json")["releases"]
        assert [past["version"] for past in history].count("4.3.0-beta.1") == 1
        news = stocked.s3.tree("public/")[f"public/v1/comet-cursor/{channel}/feed.atom"].decode()
        assert news.count("<title>Version 4.3.0-beta.1</title>") == 1
    assert stocked.s3.tree("public/")["public/pages/comet-cursor.atom"].decode().count("4.3.0-beta.1</title>") == 1


def test_another_release_of_that_version_is_never_promoted_over(stocked: Shop) -> None:
    stocked.release("4.2.1", "beta", title="Another")
    done = stocked.run("promote", "comet-cursor", "4.2.1", "--from", "beta", "--to", "stable")
    assert done.exit_code == 1
    assert "already exists with different content" in done.output


COMMANDS = [
    ("yank", *STABLE, "4.2.1", "--reason", "Crashes."),
    ("rollback", *STABLE, "--reason", "Crashes."),
    ("pin", *STABLE, "4.2.0"),
    ("pause", *STABLE),
    ("rollout", *STABLE, "4.2.1", "--percent", "5"),
    ("promote", "comet-cursor", "4.3.0-beta.1", "--from", "beta", "--to", "stable"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_dry_run_writes_nothing_and_shows_what_clients_would_see(stocked: Shop, command: tuple[str, ...]) -> None:
    before = stocked.s3.tree()
    done = stocked.run(*command, "--dry-run")
    assert done.exit_code == 0, done.output
    assert "would write" in done.output
    assert ("+++ public/v1/comet-cursor/stable/manifest.json" in done.output) == (command[0] != "pause")
    assert stocked.s3.tree() == before


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_second_time_changes_nothing(stocked: Shop, command: tuple[str, ...]) -> None:
    assert json.loads(stocked.run(*command, "--json").output)["written"] is True
    before = stocked.s3.tree()
    assert json.loads(stocked.run(*command, "--json").output)["written"] is False
    assert stocked.s3.tree() == before


@pytest.mark.parametrize(
    ("before", "command"),
    [
        (None, ("rollback", *STABLE, "--reason", "Crashes.")),
        (None, ("yank", *STABLE, "4.2.1", "--reason", "Crashes.")),
        (("yank", *STABLE, "4.2.1", "--reason", "Crashes."), ("unyank", *STABLE, "4.2.1")),
        (None, ("pin", *STABLE, "4.2.0")),
        (("pin", *STABLE, "4.2.0"), ("unpin", *STABLE)),
        (None, ("pause", *STABLE)),
        (("pause", *STABLE), ("resume", *STABLE)),
        (None, ("rollout", *STABLE, "4.2.1", "--percent", "5")),
        (None, ("rollout", *STABLE, "4.2.1", "--every", "1d", "--start", "2026-11-20T12:00:00Z")),
        (None, ("schedule", *STABLE, "4.9.0", "--at", "2098-01-01T00:00:00Z")),
        (("schedule", *STABLE, "4.9.0", "--at", "2098-01-01T00:00:00Z"), ("unschedule", *STABLE, "4.9.0")),
        (None, ("promote", "comet-cursor", "4.3.0-beta.1", "--from", "beta", "--to", "stable")),
    ],
    ids=lambda given: given[0] if given else "",
)
def test_every_decision_says_the_second_time_that_there_is_nothing_to_do(
    stocked: Shop, before: tuple[str, ...] | None, command: tuple[str, ...]
) -> None:
    stocked.release("4.9.0", available_at="2099-01-01T00:00:00Z")
    if before:
        stocked.run(*before)
    assert "wrote " in stocked.run(*command).output
    again = stocked.run(*command)
    assert (again.exit_code, "nothing to do: " in again.output) == (0, True), again.output


def test_what_a_dry_run_shows_is_what_is_published(stocked: Shop) -> None:
    said = json.loads(stocked.run(*COMMANDS[0], "--dry-run", "--json").output)
    before = stocked.s3.tree("public/v1/")
    stocked.run(*COMMANDS[0])
    stocked.publish()
    after = stocked.s3.tree("public/v1/")
    assert {key for key in {**before, **after} if before.get(key) != after.get(key)} == set(said["changes"])


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("yank", *STABLE, "4.2.9", "--reason", "x"), "stable has no release 4.2.9. Choose one of: 4.2.1, 4.2.0."),
        (("pin", "comet-cursor", "stabel", "4.2.1"), "has no channel 'stabel'. Choose one of: beta, stable."),
        (
            ("rollback", "comet-cursor", "stabel", "--reason", "x"),
            "has no channel 'stabel'. Choose one of: beta, stable.",
        ),
        (("pause", "comet", "stable"), "has no channel 'stable'. Choose one of: none."),
        (("promote", "comet-cursor", "4.2.1", "--from", "beta", "--to", "stable"), "beta has no release 4.2.1"),
        (("yank", *STABLE, "4.2.1", "--reason", ""), "$.yanked[0].reason"),
        (("rollout", *STABLE, "4.2.1", "--every", "1d", "--start", "today"), "$.rollout.start"),
        (("schedule", *STABLE, "4.2.9", "--at", "2099-01-01T00:00:00Z"), "stable has no release 4.2.9"),
        (("schedule", *STABLE, "4.2.1", "--at", "2099-01-01T00:00:00Z"), "stable already offers 4.2.1"),
    ],
    ids=lambda given: given[0] if isinstance(given, tuple) else "",
)
def test_what_makes_no_sense_is_refused_with_the_reason(stocked: Shop, command: tuple[str, ...], reason: str) -> None:
    before = stocked.s3.tree()
    done = stocked.run(*command)
    assert done.exit_code == 1
    assert reason in " ".join(done.output.split())
    assert stocked.s3.tree() == before


@pytest.mark.parametrize(
    "command",
    [
        ("rollout", *STABLE, "4.2.1"),
        ("rollout", *STABLE, "4.2.1", "--percent", "5", "--every", "1d"),
        ("rollout", *STABLE, "4.2.1", "--every", "often"),
        ("pause", "My App", "stable"),
    ],
)
def test_wrong_usage_is_said_as_such(stocked: Shop, command: tuple[str, ...]) -> None:
    assert stocked.run(*command).exit_code == 2


@pytest.mark.parametrize(
    "zone", [UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))], ids=str
)
def test_time_of_another_zone_is_written_in_utc(zone: timezone) -> None:
    """Documents are public, and a local time would show the author's time zone."""
    at = datetime(2026, 11, 20, 23, 30, 15, 999_999, UTC).astimezone(zone)
    assert encode.moment(at) == "2026-11-20T23:30:15Z"
    assert policy_edits.pause(at)({}, AcceptedUploads()) == {"paused_at": "2026-11-20T23:30:15Z"}


@pytest.mark.http
def test_what_somebody_else_decides_meanwhile_is_kept(stocked: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type(stocked.s3.as_bucket())
    put: Callable[..., None] = kind.put

    def overtaken(self: Bucket, *args: object, **options: object) -> None:
        monkeypatch.setattr(kind, "put", put)
        stocked.policy(yanked=[{"version": "4.2.0", "reason": "Somebody else."}])
        put(self, *args, **options)

    monkeypatch.setattr(kind, "put", overtaken)
    assert stocked.run("yank", *STABLE, "4.2.1", "--reason", "Crashes.").exit_code == 0
    assert [known["version"] for known in stocked.s3.json(POLICY)["yanked"]] == ["4.2.0", "4.2.1"]


def test_who_keeps_being_overtaken_is_told(stocked: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type(stocked.s3.as_bucket())
    put: Callable[..., None] = kind.put
    written: list[int] = []

    def overtaken(self: Bucket, *args: object, **options: object) -> None:
        written.append(len(written))
        stocked.policy(yanked=[{"version": "4.2.0", "reason": f"{len(written)}"}])
        put(self, *args, **options)

    monkeypatch.setattr(kind, "put", overtaken)
    done = stocked.run("pin", *STABLE, "4.2.1")
    assert (done.exit_code, len(written)) == (1, ATTEMPTS)
    assert "others changed it at the same time" in done.output


def test_conflict_while_planning_is_retried(stocked: Shop) -> None:
    """Plan again, since a version was deleted between the listing and the read."""
    planned = policy_edits.Plan(POLICY, None, None, {})
    outcomes: Iterator[policy_edits.Plan | Exception] = iter(
        [ConcurrentPublishError("somebody else wrote first"), planned]
    )

    def make_plan() -> policy_edits.Plan:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert policy_edits.carry_out(stocked.s3.as_bucket(), make_plan) is planned


def test_a_policy_that_is_refused_as_it_is_is_to_be_mended_first(stocked: Shop) -> None:
    stocked.s3.put("channels/comet-cursor/beta.json", b"{}")
    stocked.s3.put("channels/comet-cursor/nightly.json", b"{}")
    done = stocked.run("pause", "comet-cursor", "nightly")
    assert done.exit_code == 1
    assert "the policy in the bucket is refused. Fix it first" in done.output
    assert stocked.run("pause", "comet-cursor", "beta").exit_code == 0, "releases accepted before still count"
    assert stocked.s3.json("channels/comet-cursor/beta.json")["includes"] == ["stable"]
