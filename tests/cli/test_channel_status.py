"""Test `comet-updates status`: it reports what is live, from the bucket alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from botocore.exceptions import EndpointConnectionError
from typer.testing import CliRunner

from comet_updates.answer.errors import StoreUnavailableError
from comet_updates.errors import UnreadableObjectError
from comet_updates.publish.bucket import Bucket
from comet_updates.publish.stored import Stored
from comet_updates_cli import app
from testkit.documents import release
from testkit.memory_bucket import MemoryBucket
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


@pytest.mark.http
def test_object_in_an_archive_is_named_and_the_rest_is_shown(shop: Shop) -> None:
    shop.release("4.2.1")
    shop.publish()
    key = "releases/other/stable/1.0.0.json"
    body = json.dumps(release("1.0.0", product="other"))
    shop.s3.client.put_object(Bucket=shop.s3.bucket, Key=key, Body=body, StorageClass="GLACIER")
    done = shop.run("status")
    assert done.exit_code == 1
    assert "comet-cursor  stable   4.2.1" in done.output
    assert f"unreadable  {key}: S3 refused a request for the bucket" in done.output
    assert "InvalidObjectState. The object is in an archive. Restore it, or upload it again." in done.output
    said = json.loads(shop.run("status", "--json").output)
    assert ([*said], [*said["unreadable"]]) == (["channels", "refused", "unreadable", "expiring"], [key])
    assert shop.run("status", "comet-cursor").exit_code == 0, "positive control"
    assert key in shop.run("history", "other", "stable").output


def test_product_that_cannot_be_listed_is_named_and_the_rest_is_shown(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some keys, such as one with an escape character, break the listings of moto that contain them."""
    shop.release("4.2.1")
    shop.publish()
    key = "releases/other/stable/1\x1b.json"
    shop.s3.put(key, release("1.0.0", product="other"))
    versions = MemoryBucket.versions

    def fail(bucket: MemoryBucket, prefix: str, *, deletions: bool = False) -> dict[str, tuple[Stored, ...]]:
        if key.startswith(prefix) or prefix.startswith(key):
            raise StoreUnavailableError("S3 refused a request")
        return versions(bucket, prefix, deletions=deletions)

    monkeypatch.setattr(MemoryBucket, "versions", fail)
    done = shop.run("status")
    assert done.exit_code == 1
    assert "comet-cursor  stable   4.2.1" in done.output
    assert "unreadable  other: its objects cannot be listed: S3 refused a request" in done.output
    assert [*json.loads(shop.run("status", "--json").output)["unreadable"]] == ["other"]
    key = "releases/"
    assert shop.run("status").output == "comet-updates: S3 refused a request\n"


def test_product_that_is_not_there_is_not_reported_as_live(shop: Shop) -> None:
    shop.release("4.2.1")
    done = shop.run("status", "comet-curser")
    assert (done.exit_code, done.output) == (
        1,
        "comet-updates: comet-curser: the bucket has no such product. Check the spelling.\n",
    )


def test_trust_that_cannot_be_read_is_named_and_the_rest_is_shown(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.release("4.2.1")
    shop.publish()
    shop.s3.put("trust/root/1.json", b"{}")
    get = MemoryBucket.get

    def refuse(bucket: MemoryBucket, stored: Stored) -> bytes:
        if stored.key.startswith("trust/"):
            raise UnreadableObjectError(stored.key, "S3 refused it.")
        return get(bucket, stored)

    monkeypatch.setattr(MemoryBucket, "get", refuse)
    done = shop.run("status")
    assert (done.exit_code, "unreadable  trust/root/1.json: S3 refused it." in done.output) == (1, True)
    assert "comet-cursor  stable   4.2.1" in done.output


def test_s3_that_gives_no_answer_is_not_blamed_on_an_object() -> None:
    class Silent:
        def get_object(self, **_: str) -> None:
            raise EndpointConnectionError(endpoint_url="https://s3.example")

    with pytest.raises(StoreUnavailableError, match="S3 did not answer") as raised:
        Bucket(Silent(), "bucket").get(Stored("key", "1", "etag", 1, datetime.now(UTC)))  # type: ignore[arg-type]
    assert not isinstance(raised.value, UnreadableObjectError)


def test_what_an_updater_lacks_is_said(shop: Shop) -> None:
    shop.release("4.2.0", artifacts=SIGNED)
    shop.release("4.2.1")
    shop.publish()
    why = "the files have no `minisign` signature, without which Tauri's updater installs nothing"
    assert {"document": "tauri.json", "version": "4.2.0", "why": why} in shop.channel()["lags"]
    said = f"behind   comet-cursor/stable tauri.json: stays at 4.2.0, because {why}\n"
    assert said in shop.run("status").output


def test_documents_that_do_not_exist_are_said_for_one_product(shop: Shop) -> None:
    shop.release("4.2.0", artifacts=SIGNED)
    shop.publish()
    documents = "RELEASES, latest.yml, releases.win-stable.json, releases.win.json, stable.yml"
    said = f"missing  comet-cursor/stable {documents}: this release has no file for Windows\n"
    assert said in shop.run("status", "comet-cursor").output
    assert "missing" not in shop.run("status").output
    assert {"document": "latest.yml", "why": "this release has no file for Windows"} in shop.channel()["missing"]


def test_promotion_leaves_no_document_behind(shop: Shop) -> None:
    """Test a channel that includes the one to which its release was promoted: it has the release once."""
    shop.policy("beta", includes=["stable"])
    shop.release("2.0.0", "beta", artifacts=SIGNED)
    shop.publish()
    assert shop.run("promote", "comet-cursor", "2.0.0", "--from", "beta", "--to", "stable").exit_code == 0
    shop.publish()
    for channel in ("beta", "stable"):
        assert (shop.channel(channel)["latest"], shop.channel(channel)["lags"]) == ("2.0.0", [])


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
