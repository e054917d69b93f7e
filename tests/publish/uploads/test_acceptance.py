"""Test which releases are accepted besides others: a table of times, and the law that acceptance only grows."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comet_updates import object_keys
from comet_updates.errors import RefusedUploadError
from comet_updates.publish.decide import decide
from comet_updates.publish.stored import Stored, etag_of
from comet_updates.publish.uploads import parse, rules
from comet_updates.publish.uploads.accept import AcceptedUploads, accept_uploads
from testkit.documents import release

PRODUCT = "comet-cursor"
AFTER = int((rules.CHECKED_SINCE - datetime(2026, 11, 20, 12, tzinfo=UTC)).total_seconds())
START = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Uploads:
    """Uploads in memory, each at a second that the test chooses."""

    def __init__(self) -> None:
        self._bodies: dict[Stored, bytes] = {}

    def put(self, second: int, key: str, document: dict[str, Any]) -> bytes:
        body = json.dumps(document).encode()
        at = START + timedelta(seconds=second)
        self._bodies[Stored(key, str(len(self._bodies)), etag_of(body), len(body), at)] = body
        return body

    def product(self, second: int, **rules: Any) -> None:
        self.put(second, object_keys.product_key(PRODUCT), {"schema": 1, "product": PRODUCT, **rules})

    def policy(self, second: int, channel: str = "stable", **decided: Any) -> None:
        said = {"schema": 1, "product": PRODUCT, "channel": channel, **decided}
        self.put(second, object_keys.channel_key(PRODUCT, channel), said)

    def yank(self, second: int, *versions: str) -> None:
        self.policy(second, yanked=[{"version": version, "reason": "Crashes."} for version in versions])

    def release(self, second: int, version: str, channel: str = "stable", **fields: Any) -> bytes:
        return self.put(second, object_keys.release_key(PRODUCT, channel, version), release(version, channel, **fields))

    def approve(self, second: int, version: str, body: bytes, channel: str = "stable") -> None:
        said = {"schema": 1, "product": PRODUCT, "channel": channel, "version": version}
        digest = hashlib.sha256(body).hexdigest()
        self.put(second, object_keys.approval_key(PRODUCT, channel, version), said | {"sha256": digest})

    def inputs(self) -> AcceptedUploads:
        listing: dict[str, tuple[Stored, ...]] = {}
        for stored in sorted(self._bodies, key=lambda stored: (stored.written_at, int(stored.version_id))):
            listing[stored.key] = (stored, *listing.get(stored.key, ()))
        return accept_uploads(PRODUCT, listing, self._read)

    def _read(self, stored: Stored) -> Any:
        upload = object_keys.parse_upload(stored.key)
        assert upload
        try:
            return parse.parse(parse.MODELS[upload.kind], stored.key, self._bodies[stored])
        except RefusedUploadError as refusal:
            return refusal

    def accepted(self) -> set[tuple[str, str]]:
        return {(found.channel, found.version) for found in self.inputs().releases}

    def versions(self) -> list[str]:
        return sorted(version for _, version in self.accepted())

    def problem(self, version: str, channel: str = "stable") -> str:
        return str(self.inputs().refusals[object_keys.release_key(PRODUCT, channel, version)])


@pytest.fixture
def bucket() -> Uploads:
    return Uploads()


class TestOnlyHigherVersions:
    @pytest.fixture
    def rising(self, bucket: Uploads) -> Uploads:
        """Return a product with rising versions on stable, which is at 4.2.0."""
        bucket.product(0, only_higher_on=["stable"])
        bucket.release(1, "4.2.0")
        return bucket

    def test_a_lower_one_is_refused_with_the_way_out(self, rising: Uploads) -> None:
        rising.release(2, "4.1.9")
        assert rising.versions() == ["4.2.0"]
        assert "$.version: is not higher than 4.2.0, which was released on stable before" in rising.problem("4.1.9")
        assert "yank 4.2.0 first, with a reason" in rising.problem("4.1.9")

    def test_a_higher_one_and_one_on_another_channel_are_accepted(self, rising: Uploads) -> None:
        rising.release(2, "4.2.1")
        rising.release(2, "4.1.9", "beta")
        assert rising.versions() == ["4.1.9", "4.2.0", "4.2.1"]

    def test_one_of_equal_precedence_is_not_higher(self, rising: Uploads) -> None:
        rising.release(2, "4.2.0+b")
        assert rising.versions() == ["4.2.0"]

    def test_two_of_one_second_are_both_accepted(self, rising: Uploads) -> None:
        """Accept both of two pipelines: S3 does not show which was first, and neither may be lost."""
        rising.release(2, "4.4.0")
        rising.release(2, "4.3.0")
        assert rising.versions() == ["4.2.0", "4.3.0", "4.4.0"]

    def test_a_yank_makes_room_and_taking_it_back_loses_nothing(self, rising: Uploads) -> None:
        rising.release(2, "4.1.9")
        rising.yank(3, "4.2.0")
        assert rising.versions() == ["4.1.9", "4.2.0"]
        rising.policy(4)
        assert rising.versions() == ["4.1.9", "4.2.0"]

    def test_every_higher_one_must_be_yanked(self, rising: Uploads) -> None:
        rising.release(2, "4.3.0")
        rising.yank(3, "4.3.0")
        rising.release(4, "4.1.9")
        assert rising.versions() == ["4.2.0", "4.3.0"]
        rising.yank(5, "4.2.0", "4.3.0")
        assert "4.1.9" in rising.versions()

    def test_a_yank_that_was_taken_back_before_makes_no_room(self, rising: Uploads) -> None:
        rising.yank(2, "4.2.0")
        rising.policy(3)
        rising.release(4, "4.1.9")
        assert rising.versions() == ["4.2.0"]

    def test_what_came_before_the_rule_stays(self, bucket: Uploads) -> None:
        bucket.release(1, "4.2.0")
        bucket.release(2, "4.1.9")
        bucket.product(3, only_higher_on=["stable"])
        bucket.release(4, "4.1.10")
        assert bucket.versions() == ["4.1.9", "4.2.0"]

    def test_one_that_is_refused_for_another_reason_blocks_nobody(self, bucket: Uploads) -> None:
        bucket.product(0, only_higher_on=["stable"], max_size=1)
        bucket.release(1, "5.0.0")
        bucket.release(2, "4.0.0", artifacts=[])
        assert bucket.versions() == ["4.0.0"]
        bucket.product(3, only_higher_on=["stable"], max_size=48_213_001)
        assert bucket.versions() == ["4.0.0", "5.0.0"], "5.0.0 was accepted after it"


class TestVersionScheme:
    """A product's document that would remove accepted releases is refused; see `rules.unaccepting`."""

    def test_scheme_without_order_for_accepted_releases_is_refused(self, bucket: Uploads) -> None:
        bucket.release(0, "1.0.0")
        bucket.release(1, "1.1.0", "beta")
        bucket.product(5, name="Comet Cursor")
        bucket.product(10, version_scheme="build")
        inputs = bucket.inputs()
        assert bucket.accepted() == {("stable", "1.0.0"), ("beta", "1.1.0")}
        assert inputs.product
        assert inputs.product.name == "Comet Cursor"
        (problem,) = inputs.refusals[object_keys.product_key(PRODUCT)].problems
        assert problem.path == "$.version_scheme"
        assert "beta 1.1.0, stable 1.0.0" in problem.problem
        assert problem.remedy == "Keep `semver`, or release under another product name"

    def test_first_document_with_such_a_scheme_leaves_the_defaults(self, bucket: Uploads) -> None:
        bucket.release(0, "1.0.0")
        bucket.product(10, version_scheme="build")
        inputs = bucket.inputs()
        assert inputs.product
        assert inputs.product.version_scheme == "semver"
        assert bucket.accepted() == {("stable", "1.0.0")}

    def test_scheme_of_every_accepted_release_is_taken(self, bucket: Uploads) -> None:
        """Positive control: a release that was refused under the old scheme does not count as accepted."""
        bucket.release(0, "1.0.0")
        bucket.release(1, "1.0")
        bucket.product(10, version_scheme="dotted")
        inputs = bucket.inputs()
        assert inputs.product
        assert inputs.product.version_scheme == "dotted"
        assert bucket.accepted() == {("stable", "1.0.0"), ("stable", "1.0")}

    def test_scheme_that_comes_before_the_releases_decides(self, bucket: Uploads) -> None:
        bucket.product(0, version_scheme="build")
        bucket.release(5, "1.0.0")
        bucket.release(6, "1.1.0", build="11")
        assert bucket.accepted() == {("stable", "1.1.0")}
        assert object_keys.product_key(PRODUCT) not in bucket.inputs().refusals

    def test_scheme_that_breaks_the_order_of_accepted_releases_is_refused(self, bucket: Uploads) -> None:
        """PEP 440 orders 1.1.0+b above 1.1.0, and semver does not."""
        bucket.product(0, version_scheme="pep440", only_higher_on=["stable"])
        bucket.release(1, "1.1.0")
        bucket.release(2, "1.1.0+b")
        bucket.product(10, version_scheme="semver", only_higher_on=["stable"])
        assert bucket.accepted() == {("stable", "1.1.0"), ("stable", "1.1.0+b")}
        (problem,) = bucket.inputs().refusals[object_keys.product_key(PRODUCT)].problems
        assert "stable 1.1.0+b" in problem.problem

    def test_refused_document_was_never_in_effect(self, bucket: Uploads) -> None:
        bucket.product(0, release_hosts=["downloads.example.com"])
        bucket.release(1, "1.0.0")
        bucket.product(10, version_scheme="build")  # refused, so its missing `release_hosts` allow nothing
        bucket.release(11, "1.1.0", artifacts=[release()["artifacts"][0] | {"url": "https://elsewhere.example/1.1.0"}])
        bucket.product(20, release_hosts=["downloads.example.com"], name="Comet Cursor")
        assert bucket.accepted() == {("stable", "1.0.0")}

    def test_many_lost_releases_are_counted_not_listed(self, bucket: Uploads) -> None:
        for number in range(9):
            bucket.release(number, f"1.{number}.0")
        bucket.product(20, version_scheme="build")
        (problem,) = bucket.inputs().refusals[object_keys.product_key(PRODUCT)].problems
        assert problem.problem.endswith("stable 1.4.0 and 4 more")


class TestVersionsInPolicies:
    """A policy names only versions that the product's scheme can read, now and under a later scheme."""

    POLICY = object_keys.channel_key(PRODUCT, "stable")
    DOCUMENT = object_keys.product_key(PRODUCT)

    def test_policy_with_an_unreadable_pin_is_refused_and_the_one_before_stays(self, bucket: Uploads) -> None:
        bucket.policy(1, pin="4.2.0")
        bucket.policy(2, pin="4.2")
        inputs = bucket.inputs()
        assert inputs.policies["stable"].pin == "4.2.0"
        (problem,) = inputs.refusals[self.POLICY].problems
        assert (problem.path, problem.problem) == (
            "$.pin",
            "does not parse under the product's version scheme `semver`",
        )

    def test_policy_counts_once_the_scheme_can_read_it(self, bucket: Uploads) -> None:
        bucket.policy(1, pin="4.2")
        assert bucket.inputs().undecided == {"stable"}
        bucket.product(2, version_scheme="dotted")
        assert bucket.inputs().policies["stable"].pin == "4.2"

    @pytest.mark.parametrize(
        ("decided", "path"),
        [
            ({"pin": "4.2"}, "$.pin"),
            ({"yanked": [{"version": "4.2", "reason": "Crashes."}]}, "$.yanked[0].version"),
            ({"available_at": {"4.2": "2026-11-20T12:00:00Z"}}, "$.available_at.4.2"),
            ({"rollout": {"version": "4.2", "percent": 1}}, "$.rollout.version"),
        ],
    )
    def test_scheme_that_cannot_read_a_decision_is_refused(
        self, bucket: Uploads, decided: dict[str, Any], path: str
    ) -> None:
        bucket.product(0, version_scheme="dotted")
        bucket.policy(1, **decided)
        bucket.product(2)
        inputs = bucket.inputs()
        assert inputs.product
        assert inputs.product.version_scheme == "dotted"
        (problem,) = inputs.refusals[self.DOCUMENT].problems
        assert problem.problem == f"is `semver`, which would make accepted decisions invalid: {path} of stable"
        assert problem.remedy == "Keep `dotted`, or remove that version from the channel's policy first"
        bucket.policy(3)
        bucket.product(4)
        assert bucket.inputs().refusals == {}, "the way out"

    def test_decision_that_was_never_valid_does_not_keep_a_scheme(self, bucket: Uploads) -> None:
        """Positive control: neither does one that a later policy replaced."""
        bucket.policy(0, pin="zebra")
        bucket.product(1, version_scheme="pep440")
        bucket.policy(2, pin="4.2rc1")
        bucket.policy(3)
        bucket.product(4, version_scheme="dotted")
        inputs = bucket.inputs()
        assert inputs.product
        assert inputs.product.version_scheme == "dotted"

    @pytest.mark.parametrize(("pinned", "scheme"), [("4.2.0", "build"), ("4.3.0", "semver")])
    def test_scheme_build_is_refused_while_a_pin_names_no_release(
        self, bucket: Uploads, pinned: str, scheme: str
    ) -> None:
        bucket.release(0, "4.2.0", build="42")
        bucket.policy(1, pin=pinned)
        bucket.product(2, version_scheme="build")
        inputs = bucket.inputs()
        assert inputs.product
        assert inputs.product.version_scheme == scheme

    def test_yank_of_a_refused_policy_makes_no_room(self, bucket: Uploads) -> None:
        bucket.product(0, only_higher_on=["stable"])
        bucket.release(1, "4.2.0")
        bucket.yank(2, "4.2.0", "zebra")
        bucket.release(3, "4.1.9")
        assert bucket.versions() == ["4.2.0"]
        bucket.yank(4, "4.2.0")
        assert bucket.versions() == ["4.1.9", "4.2.0"]

    def test_yank_from_under_an_earlier_scheme_keeps_its_room(self, bucket: Uploads) -> None:
        bucket.product(0, only_higher_on=["stable"], version_scheme="pep440")
        bucket.release(1, "4.2.0")
        bucket.yank(2, "4.2.0", "4.2rc1")
        bucket.release(3, "4.1.9")
        bucket.policy(4)
        bucket.product(5, only_higher_on=["stable"])
        assert bucket.versions() == ["4.1.9", "4.2.0"]
        assert bucket.inputs().refusals == {}


class TestWithdrawals:
    """A policy withdraws a release by a yank, a pin or a pause, and by nothing else."""

    KEY = object_keys.channel_key(PRODUCT, "stable")
    PAST, FUTURE = "2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z"

    def problem(self, bucket: Uploads) -> str:
        (problem,) = bucket.inputs().refusals[self.KEY].problems
        return str(problem)

    def test_later_time_of_an_offered_release_is_refused_with_the_way_out(self, bucket: Uploads) -> None:
        bucket.release(0, "4.2.1")
        bucket.policy(1, rollout={"version": "4.2.1", "percent": 10})
        bucket.policy(2, available_at={"4.2.1": self.FUTURE})
        assert self.problem(bucket) == (
            "$.available_at: would withdraw releases that are offered: stable 4.2.1. "
            "Keep them, or withdraw them first: comet-updates yank comet-cursor stable."
        )
        assert bucket.inputs().policies["stable"].rollouts, "the policy before stays in effect"
        bucket.policy(3, available_at={"4.2.1": self.FUTURE})
        assert "would withdraw" in self.problem(bucket), "a second time, too"
        bucket.yank(4, "4.2.1")
        bucket.policy(5, available_at={"4.2.1": self.FUTURE})
        assert bucket.inputs().refusals == {}, "the way out"

    def test_earlier_time_that_is_taken_back_is_refused(self, bucket: Uploads) -> None:
        bucket.release(0, "4.2.1", available_at=self.FUTURE)
        bucket.policy(1, available_at={"4.2.1": self.PAST})
        bucket.policy(2)
        assert "stable 4.2.1" in self.problem(bucket)

    def test_includes_that_leave_nothing_to_offer_are_refused(self, bucket: Uploads) -> None:
        bucket.release(0, "4.2.1", "beta")
        bucket.policy(1, includes=["beta"])
        bucket.policy(2, pin="4.2.1")
        assert self.problem(bucket).startswith(
            "$.includes: would withdraw all releases that are offered: beta 4.2.1. Keep them"
        )
        bucket.release(3, "4.2.0")
        bucket.policy(4)
        assert bucket.inputs().refusals == {}, "the channel has a release of its own"

    def test_many_withdrawn_releases_are_counted_not_listed(self, bucket: Uploads) -> None:
        for number in range(9):
            bucket.release(number, f"1.{number}.0")
        bucket.policy(10, available_at={f"1.{number}.0": self.FUTURE for number in range(9)})
        assert "stable 1.4.0 and 4 more. Keep" in self.problem(bucket)

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ({}, {"yanked": [{"version": "4.2.1", "reason": "Crashes."}], "available_at": {"4.2.0": PAST}}),
            ({}, {"pin": "4.2.0"}),
            ({}, {"paused_at": PAST}),
            ({"available_at": {"4.3.0": "2031-01-01T00:00:00Z"}}, {"available_at": {"4.3.0": FUTURE}}),
            ({"available_at": {"4.3.0": FUTURE}}, {}),
            ({"paused_at": PAST}, {"available_at": {"4.2.1": FUTURE}}),
            ({"pin": "4.2.0"}, {"available_at": {"4.2.1": FUTURE}}),
        ],
        ids=["yank", "pin", "pause", "schedule", "unschedule", "schedule what a pause holds", "or a pin"],
    )
    def test_deliberate_decision_is_taken(self, bucket: Uploads, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Positive control."""
        bucket.policy(0, **before)
        bucket.release(1, "4.2.0")
        bucket.release(1, "4.2.1")
        bucket.release(1, "4.3.0", available_at=self.FUTURE)
        bucket.policy(2, **after)
        assert bucket.inputs().refusals == {}

    def test_time_for_a_release_of_the_same_second_is_taken(self, bucket: Uploads) -> None:
        bucket.release(1, "4.2.1")
        bucket.policy(1, available_at={"4.2.1": self.FUTURE})
        assert bucket.inputs().refusals == {}

    def test_time_that_was_set_before_the_approval_stays(self, bucket: Uploads) -> None:
        bucket.product(0, approved_on=["stable"])
        body = bucket.release(1, "4.2.1")
        bucket.policy(2, available_at={"4.2.1": self.FUTURE})
        bucket.approve(3, "4.2.1", body)
        assert bucket.inputs().refusals == {}
        bucket.policy(4, available_at={"4.2.1": self.PAST})
        bucket.policy(5)
        bucket.policy(6, available_at={"4.2.1": self.FUTURE})
        assert "stable 4.2.1" in self.problem(bucket), "positive control"

    def test_time_that_was_set_for_a_refused_release_stays(self, bucket: Uploads) -> None:
        bucket.product(0, max_size=1)
        bucket.release(1, "4.2.1")
        bucket.policy(2, available_at={"4.2.1": self.FUTURE})
        bucket.product(3)
        assert bucket.versions() == ["4.2.1"]
        assert bucket.inputs().refusals == {}


class TestTheSameFile:
    def said(self, **facts: Any) -> list[dict[str, Any]]:
        return [release()["artifacts"][0] | facts]

    def test_has_the_same_bytes_on_every_channel(self, bucket: Uploads) -> None:
        bucket.release(1, "4.2.1", "beta")
        bucket.release(2, "4.2.1", "stable", artifacts=self.said(sha256="f" * 64))
        assert bucket.accepted() == {("beta", "4.2.1")}
        assert "$.artifacts[0].sha256: differs from 4.2.1 on beta for the same file" in bucket.problem("4.2.1")

    @pytest.mark.parametrize(
        "spelling",
        [
            "https://DOWNLOADS.example.com/setup.exe",
            "https://downloads.example.com:443/setup.exe",
            "https://downloads.example.com/%73etup.exe",
            "https://downloads.example.com/setup.exe#other",
            "https://downloads.example.com/a/../setup.exe",
        ],
    )
    def test_url_in_another_spelling_is_the_same_url(self, bucket: Uploads, spelling: str) -> None:
        file = self.said(url="https://downloads.example.com/setup.exe")
        other = self.said(url=spelling, arch="aarch64", sha256="f" * 64)
        bucket.release(1, "4.2.0", artifacts=[*file, *other])
        bucket.release(2, "4.2.1", "beta", artifacts=file)
        bucket.release(3, "4.2.1", "stable", artifacts=other)
        bucket.release(4, "4.2.2", artifacts=[*file, *self.said(url=f"{file[0]['url']}?2", arch="i686", size=1)])
        assert bucket.accepted() == {("beta", "4.2.1"), ("stable", "4.2.2")}

    @pytest.mark.parametrize(
        "facts",
        [
            {},
            {"sha256": "0123456789ABCDEF" * 4},
            {"sha512": "0" * 128},
            {"url": "https://downloads.example.com/stable/setup.exe", "sha256": "f" * 64, "size": 1},
        ],
        ids=["unchanged", "written in capitals", "more is told", "another file"],
    )
    def test_may_be_released_again(self, bucket: Uploads, facts: dict[str, Any]) -> None:
        bucket.release(1, "4.2.1", "beta")
        bucket.release(2, "4.2.1", "stable", artifacts=self.said(**facts))
        assert bucket.accepted() == {("beta", "4.2.1"), ("stable", "4.2.1")}

    @pytest.mark.parametrize(
        "other",
        [
            {"arch": "aarch64"},
            {"sha256": "0123456789ABCDEF" * 4, "size": None},
            {"url": "https://mirror.example.com/setup-x64.exe"},
            {"url": "https://downloads.example.com/arm64/setup-x64.exe", "arch": "aarch64", "size": 1},
            {"url": "https://downloads.example.com/setup-x64.msi", "size": 1},
        ],
        ids=["for two computers", "less is told", "a mirror", "one name for two computers", "another name"],
    )
    def test_release_without_contradictions_is_accepted(self, bucket: Uploads, other: dict[str, Any]) -> None:
        """Positive control of the attacks `two hashes for one URL` and their like."""
        told = self.said()[0] | other
        bucket.release(1, "4.2.1", artifacts=[*self.said(), {name: told[name] for name in told if told[name]}])
        assert bucket.inputs().refusals == {}

    def test_of_another_version_may_be_another(self, bucket: Uploads) -> None:
        """Real feeds have one URL for all versions, and the file behind it changes."""
        bucket.release(1, "4.2.1", artifacts=self.said())
        bucket.release(2, "4.2.2", artifacts=self.said(sha256="f" * 64))
        assert bucket.versions() == ["4.2.1", "4.2.2"]


class TestApprovals:
    @pytest.fixture
    def careful(self, bucket: Uploads) -> Uploads:
        """Return a product with 4.2.0 on stable, which requires approvals there from then on. beta includes stable."""
        bucket.release(0, "4.2.0")
        bucket.policy(1, "beta", includes=["stable"])
        bucket.product(2, approved_on=["stable"])
        return bucket

    def offered(self, uploaded: Uploads, channel: str = "stable") -> list[str]:
        return sorted(found.version for found in uploaded.inputs().releases_for(channel))

    def test_a_release_waits_for_one_everywhere(self, careful: Uploads) -> None:
        careful.release(3, "4.2.1")
        assert careful.versions() == ["4.2.0", "4.2.1"], "it is accepted"
        assert self.offered(careful) == self.offered(careful, "beta") == ["4.2.0"]
        assert careful.inputs().refusals == {}

    def test_an_approved_one_is_offered(self, careful: Uploads) -> None:
        careful.approve(4, "4.2.1", careful.release(3, "4.2.1"))
        assert self.offered(careful) == ["4.2.0", "4.2.1"]

    def test_an_approval_may_come_first(self, careful: Uploads) -> None:
        body = json.dumps(release("4.2.1")).encode()
        careful.approve(3, "4.2.1", body)
        assert careful.inputs().refusals == {}
        careful.release(4, "4.2.1")
        assert self.offered(careful) == ["4.2.0", "4.2.1"]

    def test_an_approval_is_for_just_these_bytes(self, careful: Uploads) -> None:
        careful.release(3, "4.2.1")
        careful.approve(4, "4.2.1", b"what somebody was shown")
        assert self.offered(careful) == ["4.2.0"]
        (refusal,) = careful.inputs().refusals.values()
        assert "$.sha256: is not the hash of the accepted release" in str(refusal)

    def test_a_wrong_approval_does_not_undo_a_right_one(self, careful: Uploads) -> None:
        careful.approve(4, "4.2.1", careful.release(3, "4.2.1"))
        careful.approve(5, "4.2.1", b"other")
        assert self.offered(careful) == ["4.2.0", "4.2.1"]

    def test_including_a_channel_that_needs_none_is_no_way_around(self, careful: Uploads) -> None:
        careful.release(3, "4.3.0", "nightly")
        careful.policy(4, "stable", includes=["nightly"])
        assert self.offered(careful) == ["4.2.0"]
        assert self.offered(careful, "nightly") == ["4.2.0", "4.3.0"]

    def test_a_release_from_before_the_rule_needs_none(self, careful: Uploads) -> None:
        assert self.offered(careful) == ["4.2.0"]


VERSIONS = st.sampled_from(["1.0.0", "1.1.0", "1.1.0+b", "2.0.0"])
CHANNELS = st.sampled_from(["stable", "beta"])
RULES = st.fixed_dictionaries(
    {},
    optional={
        "only_higher_on": st.just(["stable"]),
        "max_size": st.sampled_from([1, 100]),
        "approved_on": st.just(["stable"]),
        "version_scheme": st.sampled_from(["semver", "pep440", "dotted", "build", "sparkle"]),
    },
)
STEPS = st.one_of(
    st.tuples(st.just("product"), RULES),
    st.tuples(st.just("pin"), st.sampled_from(["1.0.0", "2.0", "2.0rc1"])),
    st.tuples(st.just("yank"), st.lists(VERSIONS, max_size=3, unique=True)),
    st.tuples(st.just("release"), VERSIONS, CHANNELS, st.sampled_from([1, 50])),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(STEPS, st.booleans()), max_size=12))
def test_what_was_accepted_stays_accepted_whatever_comes(steps: list[Any]) -> None:
    """Neither a release nor a decision is lost: a policy gives way only to a later one."""
    bucket, second, before, newest = Uploads(), 0, set[tuple[str, str]](), -1
    for number, ((kind, *said), pause) in enumerate(steps):
        if pause:  # S3 shows times in whole seconds, so the uploads of a second are settled at its end
            inputs = bucket.inputs()
            now = {(found.channel, found.version) for found in inputs.releases}
            assert before <= now, "something was lost"
            in_effect = inputs.policies["stable"].paused_at if "stable" in inputs.policies else None
            assert newest <= (in_effect.microsecond if in_effect else -1), "a decision was lost"
            before, second, newest = now, second + 1, in_effect.microsecond if in_effect else -1
        marked = {"paused_at": f"2026-11-20T12:00:00.{number:06}Z"}
        if kind == "product":
            bucket.product(second, **said[0])
        elif kind == "pin":
            bucket.policy(second, pin=said[0], **marked)
        elif kind == "yank":
            bucket.policy(second, yanked=[{"version": version, "reason": "Crashes."} for version in said[0]], **marked)
        else:
            version, channel, size = said
            file = release(version)["artifacts"][0] | {"size": size, "sha256": f"{size:064}"}
            bucket.release(second, version, channel, artifacts=[file])
    assert before <= bucket.accepted(), "something was lost"


TIMES = st.sampled_from(["2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z"])
POLICIES = st.fixed_dictionaries(
    {"channel": CHANNELS},
    optional={"available_at": st.dictionaries(VERSIONS, TIMES, max_size=2), "includes": st.just(["stable"])},
)
UPLOADS = st.one_of(
    st.tuples(st.just("policy"), POLICIES),
    st.tuples(st.just("release"), st.tuples(VERSIONS, CHANNELS, TIMES)),
    st.tuples(st.just("product"), st.sampled_from([{}, {"approved_on": ["beta"]}])),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(UPLOADS, max_size=12))
def test_what_is_offered_stays_offered_without_yank_pin_and_pause(uploads: list[Any]) -> None:
    """Expect that each channel keeps its own releases, and has something to offer."""
    bucket, before = Uploads(), dict[str, set[str]]()
    for second, (kind, said) in enumerate(uploads):
        if kind == "policy":
            bucket.policy(second, **said)
        elif kind == "product":
            bucket.product(second, **said)
        else:
            version, channel, at = said
            bucket.release(second, version, channel, released_at=at)
        for channel in ("stable", "beta"):
            offered = offered_by(bucket, channel, second)
            lost = before.get(channel, set()) - offered
            assert all(name.startswith("stable ") for name in lost if channel == "beta"), "something was lost"
            assert not lost or (channel == "beta" and offered), "something was lost"
            before[channel] = offered


def test_policy_that_leaves_only_a_release_without_approval_is_refused() -> None:
    bucket = Uploads()
    bucket.release(0, "1.0.0")
    bucket.policy(1, "beta", includes=["stable"])
    bucket.product(2, approved_on=["beta"])
    body = bucket.release(3, "2.0.0", "beta")
    bucket.policy(4, "beta")
    assert offered_by(bucket, "beta", 5) == {"stable 1.0.0"}
    bucket.approve(6, "2.0.0", body, "beta")
    assert offered_by(bucket, "beta", 7) == {"beta 2.0.0"}


def test_signature_of_another_key_is_refused_unless_it_was_accepted_before() -> None:
    made = release("1.0.0")["artifacts"]
    made[0]["signatures"] = {"ed25519": "too short"}
    uploads = Uploads()
    uploads.product(0, signing_keys={"ed25519": base64.b64encode(bytes(32)).decode()})
    uploads.release(AFTER - 1, "1.0.0", artifacts=made)
    uploads.release(AFTER, "1.0.1", artifacts=made)
    assert uploads.versions() == ["1.0.0"]
    assert "$.artifacts[0].signatures.ed25519: is not an Ed25519 signature in base64" in uploads.problem("1.0.1")


def offered_by(bucket: Uploads, channel: str, second: int) -> set[str]:
    """Return the releases that a channel offers, each with the channel that it was uploaded to."""
    inputs, now = bucket.inputs(), START + timedelta(seconds=second)
    assert inputs.product
    offer = decide(inputs.product, channel, inputs.policies, inputs.releases_for(channel), now)
    return {f"{release.channel} {release.version}" for release, _ in offer.history}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        pytest.param({"notes": {"en": "Next\x85line"}}, "$.notes.en", id="next line"),
        pytest.param({"notes": {"de": "Don\x92t"}, "notes_format": "html"}, "$.notes.de", id="wrong encoding"),
        pytest.param({"notes": {"en": "\x9b31mred"}}, "$.notes.en", id="terminal"),
        pytest.param({"notes": {"en": "a\x7fb"}}, "$.notes.en", id="delete"),
        pytest.param({"signature": "abc\x80"}, "$.artifacts[0].signatures.other", id="signature"),
        pytest.param({"signature": "abc\x00"}, "$.artifacts[0].signatures.other", id="null"),
    ],
)
def test_control_characters_are_refused_unless_they_were_accepted_before(fields: dict[str, Any], path: str) -> None:
    made = release("1.0.0")
    if "signature" in fields:
        made["artifacts"][0]["signatures"] = {"other": fields["signature"]}
        fields = {"artifacts": made["artifacts"]}
    uploads = Uploads()
    uploads.release(AFTER - 1, "1.0.0", **fields)
    uploads.release(AFTER, "1.0.1", **fields)
    uploads.release(AFTER, "1.0.2", notes={"en": "Tabs,\tlines\r\nand \u00a0\u2028 letters stay."})
    inputs = uploads.inputs()
    assert [one.version for one in inputs.releases] == ["1.0.0", "1.0.2"]
    (refusal,) = inputs.refusals.values()
    assert [problem.path for problem in refusal.problems] == [path]
    assert "has the control character U+00" in refusal.problems[0].problem
