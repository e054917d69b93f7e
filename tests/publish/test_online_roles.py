"""Test that snapshot and timestamp are signed if they are missing, wrong or close to their end, and never otherwise."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Snapshot, Targets, Timestamp

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.answer.errors import StoreUnavailableError
from comet_updates.errors import SigningError
from comet_updates.publish.online_roles import (
    Fresh,
    OnlineRoles,
    next_snapshot,
    next_timestamp,
    next_version,
    outdated,
)
from comet_updates.publish.publisher import Publisher
from comet_updates.publish.run import SweepFailedError
from comet_updates.publish.signed_states import SignedStates
from comet_updates.publish.stored import Listed
from comet_updates.signing import sign
from testkit.documents import release
from testkit.watched_bucket import WRITES, watched
from tests.signing.conftest import PATH, PRODUCT
from tests.signing.thief import ROLE, Attacker, version_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.signing.conftest import Client, TufPublisher

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTES = int(NOW.timestamp()) // 60
DAY = timedelta(days=1)
WAYS = {"ahead": 1, "behind": -1}


class TestNumbers:
    """Section 5.4 and 5.5 of the specification: no version that a client knows may decrease."""

    def test_they_follow_the_time_and_one_another(self) -> None:
        assert next_version(0, NOW) == MINUTES
        assert next_version(MINUTES, NOW) == MINUTES + 1
        assert next_version(MINUTES + 7, NOW) == MINUTES + 8
        assert next_version(MINUTES + 7, NOW + DAY) == MINUTES + 24 * 60

    def test_a_snapshot_has_none_that_is_there_already(self) -> None:
        there = {object_keys.metadata_key(Snapshot.type, MINUTES + number): None for number in (0, 1)}
        made = next_snapshot(Fresh(), {ROLE: 1}, there, NOW)
        assert made
        assert made.version == MINUTES + 2

    def test_it_is_not_led_ahead_by_what_anybody_may_put_there(self) -> None:
        made = next_snapshot(Fresh(), {ROLE: 1}, {object_keys.metadata_key(Snapshot.type, 999_999_999): None}, NOW)
        assert made
        assert made.version == MINUTES

    def test_they_have_as_many_digits_as_a_key_may(self) -> None:
        in_a_hundred_years = NOW.replace(year=NOW.year + 100)
        assert object_keys.metadata(object_keys.metadata_key(Snapshot.type, next_version(0, in_a_hundred_years)))

    def test_a_wrong_clock_of_any_year_does_not_use_them_up(self) -> None:
        """Expect that the next run with the right clock has a number left that clients can ask for."""
        for year in (2101, 3900, 9999):
            ahead = next_version(MINUTES, NOW.replace(year=year))
            assert object_keys.metadata(object_keys.metadata_key(Snapshot.type, ahead + 1_000_000))
            assert next_version(ahead, NOW) == ahead + 1


class TestSnapshot:
    """The newest version of each role."""

    def of(self, **versions: int) -> Fresh:
        return Fresh(sign.timestamp(5, NOW, 7), sign.snapshot(7, NOW, versions))

    def test_the_same_is_not_signed_again_until_half_of_its_life_is_over(self) -> None:
        said = self.of(targets=2)
        assert next_snapshot(said, {"targets": 2}, {}, NOW + 6 * DAY) is None
        assert next_snapshot(said, {"targets": 2}, {}, NOW + 7 * DAY) is not None

    def test_a_newer_version_is_said_at_once(self) -> None:
        made = next_snapshot(self.of(targets=2), {"targets": 3}, {}, NOW)
        assert made
        assert {name: meta.version for name, meta in made.meta.items()} == {"targets.json": 3}

    def test_no_version_goes_back_and_no_role_goes_missing(self) -> None:
        made = next_snapshot(self.of(targets=2, a=9, b=1), {"targets": 3, "a": 4}, {}, NOW)
        assert made
        assert {name: meta.version for name, meta in made.meta.items()} == {"targets.json": 3, "a.json": 9, "b.json": 1}

    def test_of_a_timestamp_it_is_one_day_of_three(self) -> None:
        said = self.of(targets=2)
        assert next_timestamp(said, None, NOW + DAY - timedelta(seconds=1)) is None
        made = next_timestamp(said, None, NOW + DAY)
        assert made
        assert (made.expires, made.snapshot_meta.version) == (NOW + 4 * DAY, 7)


class TestOutdated:
    """Metadata that clients no longer request."""

    def listed(self, **ages: timedelta) -> dict[str, Listed]:
        """Return a listing. Names are role and version, with a `_` between; values are ages."""
        return {
            object_keys.metadata_key(role, int(version)): Listed("etag", NOW - age)
            for (role, version), age in ((name.split("_"), age) for name, age in ages.items())
        }

    def test_it_is_what_was_replaced_more_than_a_day_ago(self) -> None:
        listed = self.listed(snapshot_1=9 * DAY, snapshot_2=2 * DAY, snapshot_3=DAY / 2)
        # 1 was replaced two days ago. 2 was replaced half a day ago, although it is older than a day.
        assert outdated(listed, {"snapshot": 3}, NOW) == [object_keys.metadata_key("snapshot", 1)]

    def test_it_is_never_a_root(self) -> None:
        listed = self.listed(root_1=99 * DAY, root_2=98 * DAY, root_3=97 * DAY)
        assert outdated(listed, {"snapshot": 3, "targets": 1}, NOW) == []

    def test_it_is_what_lies_above_the_newest_for_a_day_without_counting(self) -> None:
        listed = self.listed(snapshot_3=9 * DAY, snapshot_4=DAY / 2, snapshot_9=2 * DAY)
        assert outdated(listed, {"snapshot": 3}, NOW) == [object_keys.metadata_key("snapshot", 9)]

    def test_of_what_no_snapshot_speaks_of_nothing_is_known(self) -> None:
        assert outdated(self.listed(targets_1=9 * DAY, targets_2=9 * DAY), {"snapshot": 3}, NOW) == []


@pytest.fixture
def released(house: TufPublisher) -> TufPublisher:
    house.release("4.2.1")
    house.sweep()
    house.writes()
    return house


class TestSweeps:
    """Sweeps of a real bucket."""

    def test_nothing_is_written_nor_signed_when_nothing_changed(self, released: TufPublisher) -> None:
        for _ in range(3):
            released.later(minutes=5)
            released.sweep()
        assert released.writes() == []

    def test_a_timestamp_is_signed_once_a_day_and_a_snapshot_once_a_week(
        self, released: TufPublisher, client: Client
    ) -> None:
        signatures = []
        for _ in range(14 * 4):
            released.later(hours=6, seconds=1)
            released.sweep()
            signatures += [key for key in released.writes(urls.METADATA) if key in released.s3.keys(key)]
        assert signatures.count(urls.TIMESTAMP) == 14
        assert len(signatures) == 14 + 2
        assert version_of(client.check()) == "4.2.1"

    @pytest.mark.http
    def test_a_release_is_two_signatures_of_the_online_key(self, released: TufPublisher) -> None:
        released.release("4.3.0")
        released.writes()
        released.sweep()
        written = released.writes(urls.METADATA)
        assert [key.rpartition("/")[2].partition(".")[2] for key in written] == [
            f"{ROLE}.json",
            "snapshot.json",
            "json",
        ]

    def test_outdated_metadata_goes_after_a_day_but_no_root(self, released: TufPublisher, client: Client) -> None:
        released.rotate("root", "root-d", "root-a", "root-b", "root-c")
        released.release("4.3.0")
        released.sweep()
        before = set(released.s3.keys(urls.METADATA))
        released.later(hours=20)
        released.sweep()
        assert before <= set(released.s3.keys(urls.METADATA))

        released.later(hours=5)
        released.sweep()
        left = [known for key in released.s3.keys(urls.METADATA) if (known := object_keys.metadata(key))]
        assert sorted(known.version for known in left if known.role == "root") == [1, 2]
        assert {known.role: known.version for known in left if known.role in (ROLE, "targets")} == {
            ROLE: 2,
            "targets": 2,
        }
        assert len([known for known in left if known.role == "snapshot"]) == 1
        assert version_of(client.check()) == "4.3.0"

    @pytest.mark.parametrize("what", ["public/", "public/tuf/", urls.METADATA, urls.TARGETS, urls.TIMESTAMP])
    def test_what_is_deleted_comes_back_and_clients_that_knew_it_go_on(
        self, released: TufPublisher, client: Client, newcomer: Client, what: str
    ) -> None:
        released.release("4.3.0")
        released.sweep()
        assert version_of(client.check()) == "4.3.0"

        released.delete(what)
        released.later(minutes=5)
        released.sweep()
        for each in (client, newcomer):
            assert version_of(each.check()) == "4.3.0"
        released.release("4.4.0")
        released.sweep()
        for each in (client, newcomer):
            assert version_of(each.check()) == "4.4.0"

    @pytest.mark.parametrize("body", [b"junk", b"", b'{"signed": {"_type": "root"}}'], ids=["junk", "empty", "no root"])
    def test_false_root_in_public_is_deleted(
        self, released: TufPublisher, client: Client, newcomer: Client, body: bytes
    ) -> None:
        """Expect that clients go on. They ask for the next root, and stop at one that they cannot verify."""
        key = object_keys.metadata_key("root", 2)
        released.s3.put(key, body)
        with pytest.raises(RepositoryError):
            client.check()
        released.sweep()
        assert key not in released.s3.keys("public/tuf/")
        for each in (client, newcomer):
            assert version_of(each.check()) == "4.2.1"

    def test_run_that_knows_only_the_first_root_keeps_the_second(self, released: TufPublisher, client: Client) -> None:
        anchor = SignedStates(released.bucket).look()
        released.rotate("root", "root-d", "root-c", "root-a", "root-b", "root-d")
        released.sweep()
        OnlineRoles(released.bucket, lambda: released.now, released.online).publish(anchor, lambda: False)
        assert object_keys.metadata_key("root", 2) in released.s3.keys("public/tuf/")
        assert version_of(client.check()) == "4.2.1"

    def test_it_all_begins_anew_in_another_bucket_from_what_was_uploaded(
        self, released: TufPublisher, client: Client
    ) -> None:
        """Start from the uploads alone, as after the loss of a region."""
        assert version_of(client.check()) == "4.2.1"
        uploaded = {key: body for key, body in released.s3.tree().items() if not key.startswith("public/")}
        released.delete("")
        for key, body in uploaded.items():
            released.s3.put(key, body)
        released.later(minutes=5)
        released.sweep()
        assert version_of(client.check()) == "4.2.1"

    @pytest.mark.parametrize("online_key", [None, "other"])
    def test_without_the_online_key_the_sweep_fails_and_all_else_is_published(
        self, released: TufPublisher, client: Client, online_key: str | None
    ) -> None:
        uri = released.key(online_key) if online_key else None
        released.publisher = Publisher(released.bucket, lambda: released.now, uri)
        released.release("4.3.0")
        with pytest.raises(SweepFailedError):
            released.sweep()
        assert version_of(released.s3.get(f"public/v1/{PATH}")) == "4.3.0"
        assert version_of(client.check()) == "4.2.1"
        released.publisher.load_trust()
        with pytest.raises(SigningError, match="ONLINE_KEY is not set" if uri is None else "is not one of the keys"):
            released.publisher.publish_trust()

    def test_where_nobody_signs_nothing_is_below_tuf(self, house: TufPublisher) -> None:
        house.delete("trust/")
        house.s3.put(object_keys.release_key(PRODUCT, "stable", "4.2.1"), release("4.2.1"))
        house.sweep()
        assert house.s3.keys("public/tuf/") == []
        assert house.s3.keys("public/v1/")


class TestFailingProducts:
    """A product that fails, or ends the process, does not let the timestamp expire for all products."""

    @pytest.mark.parametrize("error", [SystemExit, MemoryError, RuntimeError])
    def test_timestamp_is_signed_although_a_product_fails(
        self, released: TufPublisher, client: Client, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
    ) -> None:
        def fail(*_: Any) -> Any:
            raise error

        for _ in range(4):
            released.later(days=2)
            monkeypatch.setattr(released.publisher, "publish", fail)
            with pytest.raises(SystemExit if error is SystemExit else released.failed):
                released.sweep()
        signed = Timestamp.from_dict(released.s3.json(urls.TIMESTAMP)["signed"])
        assert signed.expires > released.now + 2 * DAY
        assert version_of(client.check()) == "4.2.1"

    def test_timestamp_is_signed_although_the_products_cannot_be_listed(
        self, released: TufPublisher, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail() -> Any:
            raise StoreUnavailableError

        released.later(days=1, seconds=1)
        monkeypatch.setattr(released.publisher, "list_all_products", fail)
        with pytest.raises(released.failed, match="could not be listed"):
            released.sweep()
        assert urls.TIMESTAMP in released.writes()  # besides deletions of outdated metadata

    def test_sweep_without_changes_looks_at_the_metadata_once(self, released: TufPublisher) -> None:
        released.sweep()
        assert released.bucket.operations.count(("listed", urls.METADATA)) == 1

    def test_sweep_with_changes_signs_after_them(self, released: TufPublisher) -> None:
        """Positive control of the test above: see also `test_a_release_is_two_signatures_of_the_online_key`."""
        released.release("4.3.0")
        released.bucket.operations.clear()
        released.sweep()
        assert released.bucket.operations.count(("listed", urls.METADATA)) == 2


CLOCKS = {
    f"{days} days {way}": timedelta(days=days * factor) for days in (0.01, 4, 3650) for way, factor in WAYS.items()
}


class TestWrongClock:
    """A run signs while its clock is wrong. The next one has the right time."""

    @pytest.mark.parametrize("error", CLOCKS.values(), ids=CLOCKS)
    def test_next_run_with_the_right_time_repairs_it(
        self, released: TufPublisher, client: Client, newcomer: Client, error: timedelta
    ) -> None:
        assert version_of(client.check()) == "4.2.1"
        right = released.now
        released.set_s3_time()
        released.release("4.3.0")
        released.now = right + error
        released.sweep()

        released.now = right + timedelta(minutes=5)
        released.sweep()
        timestamp = Timestamp.from_dict(released.s3.json(urls.TIMESTAMP)["signed"])
        key = object_keys.metadata_key(Snapshot.type, timestamp.snapshot_meta.version)
        snapshot = Snapshot.from_dict(released.s3.json(key)["signed"])
        assert 2 * DAY < timestamp.expires - released.now <= sign.TIMESTAMP_LIFE
        assert 7 * DAY < snapshot.expires - released.now <= sign.SNAPSHOT_LIFE
        for each in (client, newcomer):
            assert version_of(each.check()) == "4.3.0"

        released.writes()
        released.sweep()
        assert released.writes() == []

    @pytest.mark.parametrize("is_due", [True, False])
    def test_clock_that_is_behind_ends_nothing_early(
        self, released: TufPublisher, client: Client, *, is_due: bool
    ) -> None:
        """S3's own times show that the clock is wrong."""
        released.set_s3_time()
        released.s3.put(urls.TIMESTAMP, released.s3.get(urls.TIMESTAMP))
        if is_due:
            released.s3.put(object_keys.metadata_key("targets", 9), b"written at the same time")
            released.delete(urls.TIMESTAMP)
        released.writes()
        released.later(days=-3650)
        released.sweep()
        assert (urls.TIMESTAMP in released.writes()) == is_due
        assert version_of(client.check()) == "4.2.1"


class TestExchangedWhileRunning:
    """The online key is exchanged, and its deployment signs, while a run of the deployment before goes on."""

    def operations(self, house: TufPublisher) -> list[tuple[str, Any]]:
        """Return the S3 operations of a run that has something to sign."""
        house.later(days=8)
        before = house.s3.tree()
        house.bucket.operations.clear()
        house.sweep()
        done = [*house.bucket.operations]
        house.delete("public/")
        for key, body in before.items():
            house.s3.put(key, body)
        return done

    def exchange(self, house: TufPublisher) -> None:
        other = copy(house)
        other.bucket = watched(house.s3)
        other.rotate("online", "online-2", "online", "root-a", "root-b")
        other.use_online("online-2")
        other.sweep()

    def test_old_run_never_replaces_the_new_timestamp(
        self, released: TufPublisher, client: Client, tmp_path: Path
    ) -> None:
        released.key("online-2")
        steps = self.operations(released)
        assert ("put", urls.TIMESTAMP) in steps
        trust = released.s3.tree("trust/")
        public = released.s3.tree("public/")
        folder = shutil.copytree(released.folder, tmp_path / "before")
        last = steps.index(("put", urls.TIMESTAMP))
        for at in (at for at, (_, key) in enumerate(steps[: last + 1]) if key.startswith(("trust/", urls.METADATA))):
            house = copy(released)
            house.folder = shutil.copytree(folder, tmp_path / f"folder-{at}")
            house.delete("trust/")
            house.delete("public/")
            for key, body in {**trust, **public}.items():
                house.s3.put(key, body)
            house.bucket = watched(house.s3)
            house.use_online("online")
            house.bucket.after = self.at(at, house)
            with suppress(house.failed):
                house.sweep()
            client = client._replace(folder=tmp_path / f"client-{at}")
            assert version_of(client.check()) == "4.2.1", steps[at]

    def at(self, number: int, house: TufPublisher) -> Callable[[str, Any], None]:
        def after(_name: str, _key: Any) -> None:
            if len(house.bucket.operations) == number + 1:
                self.exchange(house)

        return after

    def test_run_after_the_exchange_reports_that_its_key_is_not_named(self, released: TufPublisher) -> None:
        """Positive control: the old deployment notices, and leaves the timestamp of the new one."""
        released.key("online-2")
        self.exchange(released)
        before = released.s3.get(urls.TIMESTAMP)
        released.later(days=8)
        with pytest.raises(released.failed):
            released.sweep()
        assert released.s3.get(urls.TIMESTAMP) == before


class KilledError(SystemExit):
    """The error by which Lambda's end of a publisher is shown."""


class TestKilled:
    """The next run completes a run that ended after any of its writes."""

    def test_after_each_write(self, released: TufPublisher, client: Client) -> None:
        assert version_of(client.check()) == "4.2.1"
        released.release("4.3.0")
        before = released.s3.tree()
        released.sweep()
        done = len(released.writes("public/")) or 1
        for after in range(1, done + 1):
            released.delete("public/")
            for key, body in before.items():
                released.s3.put(key, body)
            count = 0

            def kill(name: str, _key: Any, after: int = after) -> None:
                nonlocal count
                count += name in WRITES
                if count == after:
                    raise KilledError

            released.bucket.after = kill
            with pytest.raises(KilledError):
                released.sweep()
            released.bucket.after = lambda _name, _key: None
            # During this time a client gets one of the two releases, or nothing yet; afterwards, the new one.
            meanwhile, then = (
                client._replace(folder=client.folder / f"{after}-{when}") for when in ("meanwhile", "then")
            )
            assert version_of(meanwhile.check()) in {"4.2.1", "4.3.0"}
            released.later(minutes=1)
            released.sweep()
            assert version_of(then.check()) == "4.3.0"
        assert done > 5
        assert version_of(client.check()) == "4.3.0"


class TestTwoAtOnce:
    """Publishers that overtake each other."""

    @pytest.mark.parametrize("before", ["targets", ROLE, "snapshot", "timestamp"])
    def test_clients_get_what_was_decided_last(
        self, released: TufPublisher, client: Client, newcomer: Client, before: str
    ) -> None:
        """Before one publisher writes metadata of that role, another publishes a new decision."""
        assert version_of(client.check()) == "4.2.1"
        other = Publisher(watched(released.s3), lambda: released.now, released.online)
        overtaken: list[str] = []

        def overtake(name: str, key: Any) -> None:
            if name == "put" and f"{before}.json" in str(key) and str(key).startswith(urls.METADATA) and not overtaken:
                overtaken.append(key)
                released.release("4.4.0")
                other.load_trust()
                other.publish(PRODUCT)
                other.publish_trust()

        released.release("4.3.0")
        if before == "targets":
            released.delegate("comet-other", "other")
        released.bucket.before = overtake
        released.sweep()
        released.bucket.before = lambda _name, _key: None
        assert overtaken
        released.sweep()

        for each in (client, newcomer):
            assert version_of(each.check()) == "4.4.0"
        timestamp = Attacker(released).read(urls.TIMESTAMP)
        assert isinstance(timestamp, Timestamp)
        assert isinstance(Attacker(released).metadata(Targets.type), Targets)
