"""Test the ways to recover from each loss, as `docs/operating.md` describes them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID

from comet_updates import object_keys
from testkit.documents import release
from testkit.events import SWEEP
from testkit.project import ROOT
from testkit.s3 import S3
from tests.flows.documented import Command, UnknownCommandError, commands

if TYPE_CHECKING:
    from testkit.fresh import Handler

GUIDE = (ROOT / "docs" / "operating.md").read_text()
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
RELEASE = "releases/comet-cursor/stable/4.2.1.json"
POLICY = "channels/comet-cursor/stable.json"
MANIFEST = "public/v1/comet-cursor/stable/manifest.json"

pytestmark = pytest.mark.http


@pytest.fixture
def live(s3: S3, publish: Handler) -> S3:
    """Return a bucket with two releases (one overwritten later), a changed yank, and refused uploads."""
    policy = {"schema": 1, "product": "comet-cursor", "channel": "stable"}
    yanked = {"yanked": [{"version": "4.2.0", "reason": "Crashes."}]}
    uploads: list[tuple[str, bytes | dict[str, Any]]] = [
        ("releases/comet-cursor/stable/4.2.0.json", release("4.2.0")),
        (RELEASE, release()),
        (RELEASE, release(title="not what was accepted")),
        (POLICY, policy | {"paused_at": "2026-11-20T12:00:00Z"}),
        (POLICY, policy | yanked),
        ("products/comet-cursor.json", {"schema": 1, "product": "comet-cursor", "only_higher_on": ["stable"]}),
        ("releases/comet-cursor/stable/4.3.0.json", b"{"),
    ]
    for second, (key, document) in enumerate(uploads):
        s3.put(key, document, NOW + timedelta(seconds=second))
    publish(SWEEP, None)
    return s3


def as_s3_replicates(source: S3, target: S3) -> None:
    """Copy every version of every upload, the oldest first, with the time at which it was written."""
    versions = [
        version
        for page in source.client.get_paginator("list_object_versions").paginate(Bucket=source.bucket)
        for version in page.get("Versions", ())
        if version["Key"].startswith(object_keys.UPLOAD_PREFIXES)
    ]
    for version in reversed(versions):
        body = source.client.get_object(Bucket=source.bucket, Key=version["Key"], VersionId=version["VersionId"])
        target.put(version["Key"], body["Body"].read(), version["LastModified"])


def test_a_second_region_publishes_the_same_bytes_from_replicated_uploads(
    live: S3, publish: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = S3(live.endpoint)
    as_s3_replicates(live, other)
    publish.__globals__["_run"].cache_clear()
    monkeypatch.setenv("BUCKET", other.bucket)
    publish(SWEEP, None)
    assert other.tree("public/") == live.tree("public/")
    assert other.tree("rejected/") == live.tree("rejected/")
    assert len(other.tree("public/v1/")) > 2, "both have documents to compare"


@pytest.mark.parametrize("prefix", ["public/", "rejected/"])
def test_what_the_publisher_wrote_can_be_deleted_and_comes_back(live: S3, publish: Handler, prefix: str) -> None:
    before = live.tree()
    for key in live.keys(prefix):
        live.delete(key)
    publish(SWEEP, None)
    assert live.tree() == before


def run(live: S3, heading: str, number: int, **values: str) -> Any:
    """Run one command of the guide, with the S3 of the test and its bucket."""
    command = commands(GUIDE, heading)[number]
    return command.run(lambda service: boto3.client(service, endpoint_url=live.endpoint), BUCKET=live.bucket, **values)  # type: ignore[call-overload]


COPYING = range(1, 4)
"""The commands of the guide that let S3 copy the uploads. The one before copies the key."""

DELETED, LOST = "How do I get a deleted release back?", "What do I do when a region is lost?"


def test_a_deleted_release_comes_back_by_deleting_its_delete_marker(live: S3, publish: Handler) -> None:
    before = live.tree("public/")
    live.delete(RELEASE)
    publish(SWEEP, None)
    assert live.keys(MANIFEST) == [], "4.2.0 is yanked"
    (marker,) = run(live, DELETED, 0)
    run(live, DELETED, 1, VERSION=marker)
    publish(SWEEP, None)
    assert live.tree("public/") == before


def test_a_policy_that_was_written_over_comes_back_as_a_copy(live: S3, publish: Handler) -> None:
    before = live.tree("public/")
    live.put(POLICY, {"schema": 1, "product": "comet-cursor", "channel": "stable"})
    publish(SWEEP, None)
    assert live.tree("public/") != before
    _, last, *_ = run(live, DELETED, 2)
    run(live, DELETED, 3, VERSION=last)
    publish(SWEEP, None)
    assert live.tree("public/") == before


class TestTheCopyInASecondRegion:
    """The replication of S3, set up by the guide's own commands and files."""

    @pytest.fixture
    def second(self, live: S3) -> S3:
        second = S3(live.endpoint)
        words = {"FIRST": live.bucket, "SECOND": second.bucket, "ACCOUNT": DEFAULT_ACCOUNT_ID}
        for number in COPYING:
            run(live, LOST, number, **words)
        return second

    def test_is_of_every_kind_of_upload_and_its_deletion_and_of_nothing_else(self, live: S3, second: S3) -> None:
        copied = live.client.get_bucket_replication(Bucket=live.bucket)["ReplicationConfiguration"]
        said = json.loads(commands(GUIDE, LOST)[COPYING[-1]].files["copies.json"])[
            "Rules"
        ]  # moto does not keep all of it
        assert len(said) == len(copied["Rules"])
        assert {rule["Filter"]["Prefix"] for rule in said} == set(object_keys.UPLOAD_PREFIXES)
        assert {rule["DeleteMarkerReplication"]["Status"] for rule in said} == {"Enabled"}
        assert {rule["Destination"]["Bucket"] for rule in copied["Rules"]} == {f"arn:aws:s3:::{second.bucket}"}
        assert len({rule["Priority"] for rule in copied["Rules"]}) == len(copied["Rules"])

    def test_has_a_role_that_writes_just_these(self, live: S3, second: S3) -> None:
        iam = boto3.client("iam", endpoint_url=live.endpoint)
        copied = live.client.get_bucket_replication(Bucket=live.bucket)["ReplicationConfiguration"]
        role = copied["Role"].rpartition("/")[2]
        assert iam.get_role(RoleName=role)["Role"]["Arn"] == copied["Role"]
        *_, write = iam.get_role_policy(RoleName=role, PolicyName="copy")["PolicyDocument"]["Statement"]
        written = {place.removeprefix(f"arn:aws:s3:::{second.bucket}/") for place in write["Resource"]}
        assert written == {f"{prefix}*" for prefix in object_keys.UPLOAD_PREFIXES}

    @pytest.mark.usefixtures("second")
    def test_ends_when_the_region_is_back(self, live: S3) -> None:
        run(live, LOST, -1, FIRST=live.bucket)
        with pytest.raises(live.client.exceptions.ClientError, match="ReplicationConfigurationNotFound"):
            live.client.get_bucket_replication(Bucket=live.bucket)

    @pytest.fixture(autouse=True)
    def without_the_role(self, live: S3) -> Iterator[None]:
        """Delete the role after the test, since the S3 of the tests and its IAM outlive it."""
        yield
        iam = boto3.client("iam", endpoint_url=live.endpoint)
        iam.delete_role_policy(RoleName="comet-copies", PolicyName="copy")
        iam.delete_role(RoleName="comet-copies")


@pytest.mark.parametrize("command", [*commands(GUIDE, DELETED), *commands(GUIDE, LOST)], ids=lambda c: c.line[:60])
def test_every_command_of_the_guide_is_one_that_aws_knows(command: Command) -> None:
    command.check()


@pytest.mark.parametrize(
    "line",
    [
        "aws s3apy delete-object --bucket BUCKET --key x",
        "aws s3api delete-objekt --bucket BUCKET --key x",
        "aws s3api delete-object --bucket BUCKET --key x --version VERSION",
        "aws s3api delete-object --bucket BUCKET",
        "aws kms create-key --key-spec ECC_NIST_P256 --multi-regional",
        "aws acm request-certificate --region eu-central-1 --domain-nam updates.example.com",
    ],
)
def test_a_command_that_aws_does_not_know_is_found(line: str) -> None:
    with pytest.raises(UnknownCommandError):
        Command(line, {}).check()


def test_the_guide_names_the_tests_that_show_it() -> None:
    named = re.findall(r"`(test_\w+)`", GUIDE)
    assert len(named) == 2
    assert all(name in globals() for name in named)
