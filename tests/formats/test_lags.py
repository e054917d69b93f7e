"""Test which documents stay behind the latest release, and the reason that `status` shows."""

from __future__ import annotations

from comet_updates import formats
from tests.formats.offers import artifact, complete, offer, percent, release

DATE = {"released_at": "2026-11-20T12:00:00Z"}


def behind(*args: object, **fields: object) -> dict[str, tuple[str, str]]:
    return {lag.document: (lag.version, lag.why) for lag in formats.outdated_documents(offer(*args, **fields))}  # type: ignore[arg-type]


def test_a_release_that_has_what_every_client_needs_leaves_none_behind() -> None:
    assert behind(complete("2.0.0"), complete("1.0.0")) == {}


def test_what_a_release_lacks_is_said_with_the_release_that_has_it() -> None:
    file = artifact("linux", "x86_64", "App.AppImage", signatures={})
    found = behind(release("3.0.0", file, **DATE), release("2.0.0", file, **DATE), complete("1.0.0"))
    assert found["tauri.json"] == ("1.0.0", "needs a semver version and a `minisign` signature")
    assert found["latest-mac.yml"][0] == "1.0.0"
    assert "latest-linux.yml" not in found
    assert "manifest.json" not in found


def test_the_release_is_found_however_far_behind_it_is() -> None:
    bare = [release(f"2.{minor}.0", **DATE) for minor in range(40, 0, -1)]
    found = behind(*bare, complete("1.1.0"), complete("1.0.0"))
    assert {version for version, _ in found.values()} == {"1.1.0"}
    assert {"tauri.json", "latest.yml", "appcast.xml", "RELEASES"} <= set(found)


def test_a_rollout_that_cannot_be_said_is_the_reason_while_it_lasts() -> None:
    found = behind(complete("2.0.0"), complete("1.0.0"), rollout=percent(10), is_complete=False)
    assert found["tauri.json"] == ("1.0.0", "does not support rollouts")
    assert "latest.yml" not in found


def test_a_channel_that_includes_others_leaves_none_behind() -> None:
    assert behind(complete("2.0.0", channel="beta"), complete("1.0.0"), channel="beta") == {}


def test_where_nothing_is_offered_nothing_stays_behind() -> None:
    assert behind(complete("1.0.0"), yanked=("1.0.0",)) == {}
