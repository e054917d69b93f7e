"""Test `comet-updates status`: it reports what is live, from the bucket alone."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from comet_updates_cli import app
from tests.cli.conftest import Shop
from tests.formats.offers import artifact

SIGNED = [artifact("linux", "x86_64", "App.AppImage", bundle="appimage")]


@pytest.mark.http
def test_a_published_release_is_live(shop: Shop) -> None:
    shop.release("4.2.1")
    shop.publish()
    done = shop.run("status")
    assert done.exit_code == 0, done.output
    assert "comet-cursor  stable   4.2.1" in done.output


def test_an_upload_that_is_not_published_yet_is_not_called_live(shop: Shop) -> None:
    shop.release("4.2.1")
    assert shop.run("status").exit_code == 1
    assert (shop.channel()["is_live"], shop.channel()["published_at"]) == (False, None)


def test_a_document_that_somebody_else_changed_is_not_called_live(shop: Shop) -> None:
    shop.release("4.2.1")
    shop.publish()
    shop.s3.put("public/v1/comet-cursor/stable/manifest.json", b"{}")
    assert shop.run("status").exit_code == 1


def test_what_an_updater_lacks_is_said(shop: Shop) -> None:
    shop.release("4.2.0", artifacts=SIGNED)
    shop.release("4.2.1")
    shop.publish()
    lag = {"document": "tauri.json", "version": "4.2.0", "why": "needs a semver version and a `minisign` signature"}
    assert lag in shop.channel()["lags"]
    assert "behind   comet-cursor/stable tauri.json: stays at 4.2.0, needs a semver" in shop.run("status").output


def test_decisions_are_said(shop: Shop) -> None:
    for version in ("4.2.0", "4.2.1", "4.2.2"):
        shop.release(version)
    shop.release("4.3.0", available_at="2099-01-01T00:00:00Z")
    rollout = {"version": "4.2.1", "percent": 10}
    shop.policy(pin="4.2.1", yanked=[{"version": "4.2.0", "reason": "Crashes."}], rollout=rollout)
    shop.publish()
    found = shop.channel()
    assert (found["latest"], found["held"], found["rollout"]) == ("4.2.1", "pinned to 4.2.1", "10 %")
    assert found["due"] == {"4.3.0": "2099-01-01T00:00:00+00:00"}
    assert found["yanked"] == {"4.2.0": "Crashes."}
    shop.policy(paused_at="2026-11-20T12:00:00Z")
    assert shop.channel()["held"] == "paused since 2026-11-20T12:00:00+00:00"


def test_a_refused_upload_is_said_with_its_remedy(shop: Shop) -> None:
    shop.release("4.2.1")
    shop.s3.put("releases/comet-cursor/stable/4.2.2.json", {"schema": 1})
    shop.publish()
    done = shop.run("status", "comet-cursor")
    assert done.exit_code == 1
    assert "refused  releases/comet-cursor/stable/4.2.2.json: $.product: " in done.output


@pytest.mark.http
def test_a_bucket_that_does_not_answer_is_said(shop: Shop) -> None:
    done = CliRunner().invoke(app, ["status", "--bucket", "no-such-bucket", "--endpoint-url", shop.s3.endpoint])
    assert done.exit_code == 1
    assert "comet-updates: S3 refused a request" in done.output
