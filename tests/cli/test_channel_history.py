"""Test `comet-updates history`: the changes and their times, from the versions of the objects in the bucket."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from comet_updates_cli.channel_history import VALUE_MAX_CHARS
from tests.cli.conftest import Shop


def told(shop: Shop) -> list[str]:
    done = shop.run("history", "comet-cursor", "stable", "--json")
    assert done.exit_code == 0, done.output
    return [event["what"] for event in json.loads(done.output)]


def test_releases_and_decisions_are_told_with_their_time(shop: Shop) -> None:
    shop.release("4.2.1")
    shop.policy(pin="4.2.1")
    shop.policy(pin="4.2.1", paused_at="2026-11-20T12:00:00Z")
    shop.policy()
    assert sorted(told(shop)) == [
        "released 4.2.1",
        "removed paused_at",
        "removed pin",
        'set paused_at = "2026-11-20T12:00:00Z"',
        'set pin = "4.2.1"',
    ]
    assert shop.run("history", "comet-cursor", "stable").output.count("  released 4.2.1") == 1


def test_channel_that_does_not_exist_is_an_error(shop: Shop) -> None:
    shop.release("4.2.1")
    for product, names in (("comet-cursor", "stable"), ("comet-cusror", "none")):
        done = shop.run("history", product, "stabel")
        assert done.exit_code == 1, done.output
        assert f"{product} has no channel 'stabel'. Choose one of: {names}." in done.output
    shop.policy("stabel")
    done = shop.run("history", "comet-cursor", "stabel")
    assert (done.exit_code, done.output) == (0, ""), "positive control"


def test_release_that_came_again_is_told_as_such(shop: Shop) -> None:
    shop.release("4.2.1")
    shop.release("4.2.1", title="Another")
    assert sorted(told(shop)) == ["released 4.2.1", "uploaded 4.2.1 again"]


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (b"{", "$: is not JSON"),
        ({"pin": "4.2.1", "pni": "4.2.1"}, "$.pni: Extra inputs are not permitted."),
        ({"pin": 7, "paused": True}, "And 1 more problems."),
        ({"product": "other", "pin": "4.2.1"}, "$.product: is 'other', but the key has 'comet-cursor'"),
    ],
)
def test_policy_that_publishing_refuses_is_not_told_as_decided(
    shop: Shop, policy: bytes | dict[str, Any], reason: str
) -> None:
    shop.policy(pin="4.2.0")
    if isinstance(policy, bytes):
        shop.s3.put("channels/comet-cursor/stable.json", policy)
    else:
        shop.policy(**policy)
    shop.policy(pin="4.2.2")
    decided = told(shop)
    assert [event for event in decided if event.startswith("set")] == ['set pin = "4.2.2"', 'set pin = "4.2.0"']
    (refused,) = set(decided) - {'set pin = "4.2.2"', 'set pin = "4.2.0"'}
    assert refused.startswith("uploaded a policy that is refused: $")
    assert reason in refused


def test_release_that_publishing_refuses_is_not_told_as_released(shop: Shop) -> None:
    shop.release("4.2.1", titel="A typo")
    shop.release("4.2.2", titel="A typo")
    shop.release("4.2.2")
    assert [event[:70] for event in sorted(told(shop))] == [
        "released 4.2.2",
        "uploaded 4.2.1, which is refused: $.titel: Extra inputs are not permit",
        "uploaded 4.2.2, which is refused",
    ]


def test_approval_of_other_bytes_is_not_told_as_approved(shop: Shop) -> None:
    shop.release("4.2.1")
    key = "approvals/comet-cursor/stable/4.2.1.json"
    approval = {"schema": 1, "product": "comet-cursor", "channel": "stable", "version": "4.2.1"}
    shop.s3.put(key, approval | {"sha256": "0" * 64})
    shop.s3.put(key, approval | {"sha256": sha256(shop.s3.get("releases/comet-cursor/stable/4.2.1.json")).hexdigest()})
    refused, *others = sorted(told(shop), reverse=True)
    assert refused.startswith("uploaded an approval of 4.2.1 that is refused: $.sha256: is not the hash")
    assert others == ["released 4.2.1", "approved 4.2.1"]


def test_long_value_is_cut(shop: Shop) -> None:
    shop.policy(yanked=[{"version": f"1.0.{number}", "reason": "x" * 100} for number in range(100)])
    (event,) = told(shop)
    assert len(event) < VALUE_MAX_CHARS + 100


@pytest.mark.http
def test_nobody_is_named(shop: Shop) -> None:
    """S3 knows the owner of each version, which is the account.

    The command does not ask for it, and does not print it.
    """
    shop.release("4.2.1")
    (version,) = shop.s3.client.list_object_versions(Bucket=shop.s3.bucket)["Versions"]
    owner = version["Owner"]
    said = shop.run("history", "comet-cursor", "stable", "--json").output
    assert owner["ID"]
    assert owner["ID"] not in said
