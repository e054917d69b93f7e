"""Test `comet-updates history`: the changes and their times, from the versions of the objects in the bucket."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Shop


def told(shop: Shop) -> list[str]:
    done = shop.run("history", "comet-cursor", "stable", "--json")
    assert done.exit_code == 0, done.output
    return [event["what"] for event in json.loads(done.output)]


def test_releases_and_decisions_are_told_with_their_time(shop: Shop) -> None:
    assert told(shop) == []
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


def test_what_was_not_understood_or_came_again_is_told_as_such(shop: Shop) -> None:
    shop.release("4.2.1")
    shop.release("4.2.1", title="Another")
    shop.s3.put("channels/comet-cursor/stable.json", b"{")
    assert sorted(told(shop)) == [
        "released 4.2.1",
        "uploaded 4.2.1 again",
        "uploaded a policy that is not valid",
    ]


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
