"""Test the lines that `serve` prints about changes of the bucket."""

from __future__ import annotations

import json

from comet_updates_cli.local.news import changes

MANIFEST, HISTORY = "public/v1/nova/stable/manifest.json", "public/v1/nova/stable/releases.json"
REFUSAL = "rejected/releases/nova/stable/2.json.json"


def read(key: str) -> bytes:
    problem = {"path": "$.version", "problem": "is wrong", "remedy": "Correct it"}
    refusal = {"schema": 1, "key": "releases/nova/stable/2.json", "problems": [problem, problem]}
    return json.dumps(refusal if key == REFUSAL else {"version": "1.1.0"}).encode()


def test_new_manifest_is_one_line() -> None:
    before, after = {MANIFEST: "1", HISTORY: "1"}, {MANIFEST: "2", HISTORY: "2"}
    assert [*changes(before, after, read)] == ["published nova/stable: offers 1.1.0"]
    assert [*changes({}, after, read)] == ["published nova/stable: offers 1.1.0"]


def test_change_behind_the_manifest_names_the_release_that_stays() -> None:
    lines = [*changes({MANIFEST: "1", HISTORY: "1"}, {MANIFEST: "1", HISTORY: "2"}, read)]
    assert lines == ["published nova/stable: still offers 1.1.0; other documents changed"]


def test_removed_manifest_offers_nothing() -> None:
    assert [*changes({MANIFEST: "1"}, {}, read)] == ["published nova/stable: offers nothing"]


def test_refusal_is_a_line_for_each_problem_once() -> None:
    line = "refused releases/nova/stable/2.json: $.version: is wrong. Correct it."
    assert [*changes({}, {REFUSAL: "1"}, read)] == [line, line]
    assert [*changes({REFUSAL: "1"}, {REFUSAL: "1"}, read)] == []
    assert [*changes({REFUSAL: "1"}, {}, read)] == []
