"""The attacks that TUF protects from. Each attacker has exactly the right or the key that was stolen.

The names are those of the specification, sections 1.5.2 and 5: https://theupdateframework.github.io/specification/
`test_ways_out` has the recovery from them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    SlowRetrievalError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Snapshot, Targets
from tuf.ngclient import UpdaterConfig

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.signing import sign as signing_sign
from comet_updates_cli.signing import offline_roles
from tests.signing.conftest import PATH, PRODUCT
from tests.signing.thief import EVIL, ROLE, Attacker, signed, targets_of, version_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.signing.conftest import Client, HttpServer, TufPublisher

OTHER = "comet-other"
LIMITS = UpdaterConfig()
IN_THE_PIPES = 8_000_000
"""The most bytes that a server can send without a reader, in the buffers of two sockets."""


@pytest.fixture
def thief(house: TufPublisher) -> Attacker:
    """Return an attacker who may write to the bucket."""
    return Attacker(house)


@pytest.fixture
def released(house: TufPublisher) -> TufPublisher:
    """Return a publisher who has released and published 4.2.1 and then 4.3.0."""
    for version in ("4.2.1", "4.3.0"):
        house.release(version)
        house.sweep()
    return house


class TestArbitrarySoftware:
    """'An attacker installs anything they want on the client system.'"""

    @pytest.mark.http
    def test_other_bytes_in_the_place_of_a_manifest_are_refused(
        self, released: TufPublisher, client: Client, thief: Attacker
    ) -> None:
        key = object_keys.target_key(PATH, signing_sign.sha256(released.s3.get(f"public/v1/{PATH}")))
        honest = released.s3.get(key)

        thief.put(key, EVIL)
        with pytest.raises((DownloadLengthMismatchError, LengthOrHashMismatchError)):
            client.check()
        thief.put(key, honest.replace(b"4.3.0", b"4.9.9"))  # of the same length
        with pytest.raises(LengthOrHashMismatchError):
            client.check()

        thief.put(key, honest)
        assert version_of(client.check()) == "4.3.0"

    @pytest.mark.parametrize("key", ["thief", "online"])
    def test_metadata_of_a_product_that_another_key_signed_is_refused(
        self, released: TufPublisher, client: Client, newcomer: Client, thief: Attacker, key: str
    ) -> None:
        assert version_of(client.check()) == "4.3.0"

        thief.product(3, released.key(key))
        thief.fresh(released.online, **{ROLE: 3})

        for each in (client, newcomer):
            with pytest.raises(UnsignedMetadataError):
                each.check()

    def test_the_same_with_the_key_of_the_product_is_not(
        self, released: TufPublisher, client: Client, thief: Attacker
    ) -> None:
        """Positive control: with both keys the attack succeeds."""
        thief.product(3, released.key("product"))
        thief.fresh(released.online, **{ROLE: 3})

        assert client.check() == EVIL

    def test_without_the_online_key_nobody_is_told_of_it(
        self, released: TufPublisher, client: Client, thief: Attacker
    ) -> None:
        """Nor does the publishing function, which has the online key, sign it."""
        thief.product(3, thief.own)
        assert version_of(client.check()) == "4.3.0"
        released.sweep()
        assert version_of(client.check()) == "4.3.0"

    @pytest.mark.usefixtures("released")
    def test_a_snapshot_of_another_key_than_the_online_one_is_refused(self, client: Client, thief: Attacker) -> None:
        thief.fresh(thief.own)
        with pytest.raises(UnsignedMetadataError):
            client.check()

    def test_a_thief_of_the_cdn_can_do_no_more(
        self, released: TufPublisher, client: Client, web: HttpServer, thief: Attacker
    ) -> None:
        made = signed(targets_of(2, released, {PATH: EVIL}), thief.own, released.online)
        web.replaced[f"/tuf/metadata/2.{ROLE}.json"] = made
        web.replaced[object_keys.target_key(PATH, signing_sign.sha256(EVIL)).removeprefix("public")] = EVIL
        with pytest.raises(UnsignedMetadataError):
            client.check()

        web.replaced.clear()
        assert version_of(client.check()) == "4.3.0"


class TestRollback:
    """'An attacker presents a software update system with older files than those the client has already seen.'"""

    def test_an_older_timestamp_is_refused(self, released: TufPublisher, client: Client, thief: Attacker) -> None:
        once = released.s3.get(urls.TIMESTAMP)
        released.release("4.4.0")
        released.sweep()
        assert version_of(client.check()) == "4.4.0"

        thief.put(urls.TIMESTAMP, once)
        with pytest.raises(BadVersionNumberError):
            client.check()

    def test_an_older_snapshot_is_refused(self, released: TufPublisher, client: Client, thief: Attacker) -> None:
        assert version_of(client.check()) == "4.3.0"
        timestamp = thief.read(urls.TIMESTAMP)
        older = min(
            known.version
            for key in released.s3.keys(urls.METADATA)
            if (known := object_keys.metadata(key)) and known.role == Snapshot.type
        )
        thief.timestamp(released.online, timestamp.version + 1, older)
        with pytest.raises(BadVersionNumberError):
            client.check()

    def test_older_metadata_of_a_product_is_refused(
        self, released: TufPublisher, client: Client, thief: Attacker
    ) -> None:
        assert version_of(client.check()) == "4.3.0"
        thief.fresh(released.online, **{ROLE: 1})
        with pytest.raises(BadVersionNumberError):
            client.check()

    def test_a_product_cannot_be_made_to_disappear(
        self, released: TufPublisher, client: Client, thief: Attacker
    ) -> None:
        assert version_of(client.check()) == "4.3.0"
        timestamp = thief.read(urls.TIMESTAMP)
        number = timestamp.snapshot_meta.version + 1
        empty = signing_sign.snapshot(number, released.now, {Targets.type: thief.metadata(Targets.type).version})
        thief.put(object_keys.metadata_key(Snapshot.type, number), signed(empty, released.online))
        thief.timestamp(released.online, timestamp.version + 1, number)
        with pytest.raises(RepositoryError, match="missing info"):
            client.check()

    def test_new_client_can_be_shown_an_older_release_but_no_other(
        self, released: TufPublisher, newcomer: Client, thief: Attacker
    ) -> None:
        """Use the online key. `TestFreeze` shows how long this works."""
        thief.fresh(released.online, **{ROLE: 1})
        assert version_of(newcomer.check()) == "4.2.1"


LONG_AGO = {"released_at": "2026-01-01T12:00:00Z"}


class TestFreeze:
    """'An attacker continues to present a software update system with files that the client has already seen.'"""

    @pytest.mark.parametrize(("hours", "is_noticed"), [(71, False), (73, True)])
    def test_it_is_noticed_after_three_days(
        self, house: TufPublisher, client: Client, *, hours: int, is_noticed: bool
    ) -> None:
        house.now = datetime.now(UTC) - timedelta(hours=hours)
        house.set_s3_time()
        house.release("4.2.1", **LONG_AGO)
        house.sweep()  # the last sweep

        if is_noticed:
            with pytest.raises(ExpiredMetadataError, match="timestamp"):
                client.check()
        else:
            assert version_of(client.check()) == "4.2.1"

    @pytest.mark.parametrize(("days", "is_noticed"), [(89, False), (91, True)])
    def test_it_is_noticed_after_ninety_days_if_the_online_key_is_stolen(
        self, house: TufPublisher, client: Client, thief: Attacker, *, days: int, is_noticed: bool
    ) -> None:
        house.now = datetime.now(UTC) - timedelta(days=days)
        house.release("4.2.1", **LONG_AGO)
        house.sweep()

        house.now = datetime.now(UTC)
        thief.fresh(house.online)  # and as often again as the attacker likes
        if is_noticed:
            with pytest.raises(ExpiredMetadataError, match=ROLE):
                client.check()
        else:
            assert version_of(client.check()) == "4.2.1"

    def test_a_timestamp_that_lives_for_ever_is_no_way_round_that(
        self, house: TufPublisher, client: Client, thief: Attacker
    ) -> None:
        house.now = datetime.now(UTC) - timedelta(days=91)
        house.release("4.2.1", **LONG_AGO)
        house.sweep()
        house.now = datetime.now(UTC)
        timestamp = thief.read(urls.TIMESTAMP)
        thief.fresh(house.online)
        thief.timestamp(
            house.online, timestamp.version + 2, timestamp.snapshot_meta.version + 1, lives=timedelta(days=9999)
        )
        with pytest.raises(ExpiredMetadataError, match=ROLE):
            client.check()


class TestEndlessData:
    """'An attacker responds to a file download request with an endless stream of data.'"""

    @pytest.mark.usefixtures("released")
    @pytest.mark.parametrize(
        ("role", "limit_bytes"),
        [
            ("timestamp", LIMITS.timestamp_max_length),
            (Snapshot.type, LIMITS.snapshot_max_length),
            (Targets.type, LIMITS.targets_max_length),
            (ROLE, LIMITS.targets_max_length),
        ],
    )
    def test_metadata_is_read_up_to_a_limit(
        self, client: Client, web: HttpServer, thief: Attacker, role: str, limit_bytes: int
    ) -> None:
        if role == "timestamp":
            path = urls.TIMESTAMP.removeprefix("public")
        else:
            version = thief.metadata(role).version
            path = object_keys.metadata_key(role, version).removeprefix("public")
        web.endless = {path}

        with pytest.raises(DownloadLengthMismatchError, match=f"maximum allowed length of {limit_bytes}$"):
            client.check()
        assert web.sent_bytes < limit_bytes + IN_THE_PIPES

        web.endless = set()
        assert version_of(client.check()) == "4.3.0"

    def test_a_manifest_is_read_up_to_its_length(self, released: TufPublisher, client: Client, web: HttpServer) -> None:
        honest = released.s3.get(f"public/v1/{PATH}")
        web.endless = {object_keys.target_key(PATH, signing_sign.sha256(honest)).removeprefix("public")}

        with pytest.raises(DownloadLengthMismatchError, match=f"maximum allowed length of {len(honest)}$"):
            client.check()
        assert web.sent_bytes < IN_THE_PIPES


@pytest.mark.usefixtures("released")
def test_slow_retrieval_ends_when_nothing_comes_any_more(client: Client, web: HttpServer) -> None:
    """'An attacker responds to clients with a very slow stream of data.'

    python-tuf waits 30 s for the next byte; the test waits one. If a byte comes now and then, only the limits above
    help.
    """
    web.stalled = {urls.TIMESTAMP.removeprefix("public")}
    with pytest.raises(SlowRetrievalError):
        client.check(patience_s=1)

    web.stalled = set()
    assert version_of(client.check(patience_s=1)) == "4.3.0"


class TestMixAndMatch:
    """'An attacker presents a client with a view of a repository that includes files that never existed there
    together at the same time.'
    """

    def test_old_metadata_of_a_product_under_a_new_snapshot_is_refused(
        self, released: TufPublisher, client: Client, web: HttpServer
    ) -> None:
        web.replaced[f"/tuf/metadata/2.{ROLE}.json"] = released.s3.get(object_keys.metadata_key(ROLE, 1))
        with pytest.raises(BadVersionNumberError):
            client.check()

        web.replaced.clear()
        assert version_of(client.check()) == "4.3.0"

    def test_new_metadata_of_a_product_under_an_old_snapshot_is_refused(
        self, house: TufPublisher, client: Client, web: HttpServer
    ) -> None:
        house.release("4.2.1")
        house.sweep()
        web.replaced = {  # the metadata of that time
            key.removeprefix("public"): house.s3.get(key) for key in house.s3.keys(urls.METADATA) if ROLE not in key
        }
        house.release("4.3.0")
        house.sweep()
        web.replaced[f"/tuf/metadata/1.{ROLE}.json"] = house.s3.get(object_keys.metadata_key(ROLE, 2))
        with pytest.raises(BadVersionNumberError):
            client.check()

        del web.replaced[f"/tuf/metadata/1.{ROLE}.json"]
        assert version_of(client.check()) == "4.2.1"

    def test_an_old_snapshot_under_a_new_timestamp_is_refused(
        self, released: TufPublisher, client: Client, web: HttpServer
    ) -> None:
        snapshots = sorted(
            (known.version, key)
            for key in released.s3.keys(urls.METADATA)
            if (known := object_keys.metadata(key)) and known.role == Snapshot.type
        )
        web.replaced[snapshots[-1][1].removeprefix("public")] = released.s3.get(snapshots[0][1])
        with pytest.raises(BadVersionNumberError):
            client.check()


class TestWrongProduct:
    """'An attacker provides a client with a trusted file that is not the one the client wanted.'"""

    @pytest.fixture
    def two(self, released: TufPublisher) -> TufPublisher:
        released.delegate(OTHER, "other")
        released.release("1.0.0", "other", product=OTHER)
        released.sweep()
        return released

    def test_the_key_of_another_product_cannot_sign_in_the_bucket(
        self, two: TufPublisher, client: Client, thief: Attacker
    ) -> None:
        thief.product(3, two.key("other"))
        two.sweep()
        assert version_of(client.check()) == "4.3.0"

        thief.fresh(two.online, **{ROLE: 3})
        with pytest.raises(UnsignedMetadataError):
            client.check()

    def test_the_key_of_another_product_cannot_sign_as_a_pipeline(self, two: TufPublisher, client: Client) -> None:
        key = object_keys.signed_key(PRODUCT, 3)
        two.s3.put(key, signed(targets_of(3, two, {PATH: EVIL}), two.key("other")))
        two.sweep()

        (problem,) = two.s3.json(object_keys.rejected_key(key))["problems"]
        assert problem["path"] == "$.signatures"
        assert object_keys.metadata_key(ROLE, 3) not in two.s3.keys(urls.METADATA)
        assert version_of(client.check()) == "4.3.0"

    def test_what_another_product_says_of_this_one_is_not_heard(
        self, two: TufPublisher, client: Client, thief: Attacker
    ) -> None:
        role, path = object_keys.product_role(OTHER), object_keys.target_path(OTHER, "stable")
        thief.file(EVIL)
        both = signed(targets_of(2, two, {PATH: EVIL, path: EVIL}), two.key("other"))
        thief.put(object_keys.metadata_key(role, 2), both)
        thief.file(EVIL, path)
        thief.fresh(two.online, **{role: 2})

        assert version_of(client.check()) == "4.3.0"
        assert client.check(path) == EVIL  # positive control: the key may sign anything for its own product

    def test_the_manifest_of_another_product_does_not_pass_for_this_one(
        self, two: TufPublisher, client: Client, web: HttpServer
    ) -> None:
        honest = two.s3.get(f"public/v1/{PATH}")
        other = two.s3.get(f"public/v1/{object_keys.target_path(OTHER, 'stable')}")
        web.replaced[object_keys.target_key(PATH, signing_sign.sha256(honest)).removeprefix("public")] = other
        with pytest.raises((DownloadError, LengthOrHashMismatchError)):
            client.check()


class TestKeyCompromise:
    """'An attacker who compromises some of the keys': what each key allows."""

    def test_one_key_of_root_is_good_for_nothing(
        self, released: TufPublisher, client: Client, web: HttpServer, thief: Attacker
    ) -> None:
        root = thief.metadata("root")
        mine = offline_roles.rotated(root, "targets", [signing_sign.public_key(thief.own)], [], released.now)
        made = signed(mine, released.key("root-a"))

        web.replaced["/tuf/metadata/2.root.json"] = made
        with pytest.raises(UnsignedMetadataError):
            client.check()

        web.replaced.clear()
        released.s3.put(object_keys.trust_key("root", 2), made)
        released.sweep()
        (problem,) = released.s3.json(object_keys.rejected_key(object_keys.trust_key("root", 2)))["problems"]
        assert problem["path"] == "$.signatures"
        assert version_of(client.check()) == "4.3.0"

    def test_two_of_them_are_all_there_is(self, released: TufPublisher, client: Client, thief: Attacker) -> None:
        """Positive control of the test above."""
        root = thief.metadata("root")
        mine = offline_roles.rotated(root, "targets", [signing_sign.public_key(thief.own)], [], released.now)
        released.s3.put(object_keys.trust_key("root", 2), signed(mine, released.key("root-a"), released.key("root-b")))
        _take_over(released, thief, thief.own)
        released.sweep()
        assert client.check() == EVIL

    def test_the_key_of_targets_alone_cannot_reach_clients(
        self, released: TufPublisher, client: Client, thief: Attacker
    ) -> None:
        """Use neither the right to upload to trust/, nor the online key."""
        targets = offline_roles.delegated(
            thief.metadata(Targets.type), PRODUCT, [signing_sign.public_key(thief.own)], 1, released.now
        )
        thief.put(object_keys.metadata_key(Targets.type, targets.version), signed(targets, released.key("targets")))
        thief.product(3, thief.own)
        released.sweep()
        assert version_of(client.check()) == "4.3.0"

    def test_the_key_of_targets_with_the_right_to_upload_is_all_there_is(
        self, released: TufPublisher, client: Client, thief: Attacker
    ) -> None:
        _take_over(released, thief, released.key("targets"))
        released.sweep()
        assert client.check() == EVIL

    def test_the_key_of_a_product_speaks_for_that_product_only(
        self, released: TufPublisher, client: Client, thief: Attacker
    ) -> None:
        released.delegate(OTHER, "other")
        released.release("1.0.0", "other", product=OTHER)
        thief.product(3, released.key("product"))
        path = object_keys.target_path(OTHER, "stable")
        thief.product(2, released.key("product"), path=path, role=object_keys.product_role(OTHER))
        released.sweep()
        assert client.check() == EVIL
        assert version_of(client.check(path)) == "1.0.0"

    def test_the_key_of_a_product_without_the_bucket_is_good_for_nothing(
        self, released: TufPublisher, client: Client
    ) -> None:
        """Use the pipeline's right to sign, but not to release. What nobody decided is not published."""
        released.s3.put(
            object_keys.signed_key(PRODUCT, 3), signed(targets_of(3, released, {PATH: EVIL}), released.key("product"))
        )
        released.sweep()
        assert version_of(client.check()) == "4.3.0"


def _take_over(house: TufPublisher, thief: Attacker, targets_key: str) -> None:
    """Delegate the product to the attacker's own key, and release with it."""
    targets = offline_roles.delegated(
        thief.metadata(Targets.type), PRODUCT, [signing_sign.public_key(thief.own)], 1, house.now
    )
    house.s3.put(object_keys.trust_key(Targets.type, targets.version), signed(targets, targets_key))
    thief.product(3, thief.own)


def test_nothing_is_installed_without_the_products_signature(
    released: TufPublisher, client: Client, web: HttpServer, thief: Attacker, tmp_path: Path
) -> None:
    """Try the claim of docs/security.md on clients that know the root.

    The attacker has the bucket, the online key and the CDN, and tries one attack after another.
    """
    honest = released.s3.get(f"public/v1/{PATH}")
    older = released.s3.get(_target_of(thief, 1))
    before = released.s3.tree("public/tuf/")
    snapshot = thief.read(urls.TIMESTAMP).snapshot_meta.version
    replaced = {f"/tuf/metadata/2.{ROLE}.json": EVIL, "/tuf/metadata/2.root.json": EVIL}

    def sign(version: int, key: str) -> None:
        thief.product(version, key)
        thief.fresh(released.online, **{ROLE: version})

    attacks: dict[str, Callable[[], object]] = {
        "none": lambda: None,
        "a key of his own": lambda: sign(3, thief.own),
        "the same in the place of what is there": lambda: sign(2, thief.own),
        "the online key": lambda: sign(3, released.online),
        "the online key in the place of what is there": lambda: sign(2, released.online),
        "the release before": lambda: thief.fresh(released.online, **{ROLE: 1}),
        "other bytes": lambda: thief.put(object_keys.target_key(PATH, signing_sign.sha256(honest)), EVIL),
        "a high timestamp": lambda: thief.timestamp(released.online, 2**31, snapshot),
        "a high snapshot": lambda: thief.fresh(released.online, version=900_000_000),
        "the CDN": lambda: web.replaced.update(replaced),
    }
    got = {}
    for number, (attack, do) in enumerate(attacks.items()):
        for key, body in before.items():
            released.s3.put(key, body)
        web.replaced.clear()
        knowing, new = (client._replace(folder=tmp_path / f"{number}-{who}") for who in ("knowing", "new"))
        assert knowing.check() == honest
        do()
        got[attack] = (_installed(knowing), _installed(new))
    assert got == {
        **dict.fromkeys(attacks, (None, None)),
        "none": (honest, honest),
        "the same in the place of what is there": (honest, None),  # a client that has it does not request it again
        "the online key in the place of what is there": (honest, None),
        "the release before": (None, older),
        "other bytes": (honest, None),
        "a high timestamp": (honest, honest),  # `test_ways_out` has the consequences
        "a high snapshot": (honest, honest),
    }


def _installed(client: Client) -> bytes | None:
    try:
        return client.check()
    except (RepositoryError, DownloadError):
        return None


def _target_of(thief: Attacker, version: int) -> str:
    target = thief.read(object_keys.metadata_key(ROLE, version)).targets[PATH]
    return object_keys.target_key(PATH, target.hashes["sha256"])
