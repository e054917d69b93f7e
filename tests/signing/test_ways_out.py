"""Test what to do after the theft of a key: the functions behind the commands, in the order of docs/security.md.

At the end clients get the honest state again: new clients, and those that saw what the attacker signed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tuf.api.exceptions import RepositoryError, UnsignedMetadataError
from tuf.api.metadata import Targets

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.errors import DecisionError, SigningError
from comet_updates.signing import sign
from comet_updates_cli.signing import key_folder, offline_roles
from tests.signing.conftest import PATH, PRODUCT, Client, HttpServer
from tests.signing.thief import EVIL, ROLE, Attacker, signed, targets_of, version_of

if TYPE_CHECKING:
    from tests.signing.conftest import TufPublisher


@pytest.fixture
def thief(house: TufPublisher) -> Attacker:
    house.release("4.2.1")
    house.sweep()
    return Attacker(house)


@pytest.mark.http
def test_of_a_stolen_key_of_root(house: TufPublisher, client: Client, newcomer: Client, thief: Attacker) -> None:
    assert version_of(client.check()) == "4.2.1"

    house.rotate("root", "root-d", "root-a", "root-b", "root-c")
    house.sweep()

    for each in (client, newcomer):
        assert version_of(each.check()) == "4.2.1"
    # The old key is out. The attacker needs two keys of root again, and the next stolen one is only the first.
    root = thief.read(object_keys.metadata_key("root", 2))
    mine = offline_roles.rotated(root, "targets", [sign.public_key(thief.own)], [], house.now)
    house.s3.put(object_keys.metadata_key("root", 3), signed(mine, house.key("root-a"), house.key("root-b")))
    with pytest.raises(UnsignedMetadataError):
        client.check()


def test_a_new_root_that_too_few_signed_is_not_published(house: TufPublisher, client: Client, thief: Attacker) -> None:
    """Interrupt a ceremony, which must harm nobody."""
    key_folder.rotate(
        house.folder, "root", [house.public("root-d")], [house.keyid("root-a")], now=house.now, is_dry=False
    )
    house.sign("root-b")
    with pytest.raises(Exception, match="is not signed with enough of the keys"):
        house.publish_trust()
    house.sweep()
    assert version_of(client.check()) == "4.2.1"

    house.sign("root-c")
    house.publish_trust()
    house.sweep()
    assert version_of(client.check()) == "4.2.1"


def test_of_a_stolen_key_of_targets(house: TufPublisher, client: Client, newcomer: Client, thief: Attacker) -> None:
    before = thief.metadata(Targets.type)
    evil = offline_roles.delegated(before, PRODUCT, [sign.public_key(thief.own)], 1, house.now)
    theirs = object_keys.trust_key(Targets.type, evil.version)
    house.s3.put(theirs, signed(evil, house.key("targets")))
    thief.product(2, thief.own)
    house.sweep()
    assert client.check() == EVIL

    house.delete(theirs)
    house.rotate("targets", "targets-2", "targets", "root-a", "root-b", "targets-2", bucket=house.bucket)
    house.seal(is_renewal=True)
    house.sweep()

    for each in (client, newcomer):
        assert version_of(each.check()) == "4.2.1"
    house.s3.put(object_keys.trust_key(Targets.type, evil.version + 1), signed(evil, house.key("targets")))
    house.sweep()
    for each in (client, newcomer):
        assert version_of(each.check()) == "4.2.1"


def test_uploads_of_a_stolen_targets_key_must_be_deleted_first(house: TufPublisher, thief: Attacker) -> None:
    evil = offline_roles.delegated(thief.metadata(Targets.type), PRODUCT, [sign.public_key(thief.own)], 1, house.now)
    house.s3.put(object_keys.trust_key(Targets.type, evil.version), signed(evil, house.key("targets")))
    with pytest.raises(DecisionError, match="already exists with different content"):
        house.rotate("targets", "targets-2", "targets", "root-a", "root-b", "targets-2")


def test_of_a_stolen_key_of_a_product(house: TufPublisher, client: Client, newcomer: Client, thief: Attacker) -> None:
    thief.product(2, house.key("product"))
    house.sweep()
    assert client.check() == EVIL

    house.delegate(PRODUCT, "product-2")
    house.seal(key="product-2")
    house.sweep()

    for each in (client, newcomer):
        assert version_of(each.check()) == "4.2.1"
    # The attacker's signature has no effect any more, wherever it is uploaded.
    house.s3.put(object_keys.signed_key(PRODUCT, 9), signed(targets_of(9, house, {PATH: EVIL}), house.key("product")))
    thief.product(9, house.key("product"))
    house.sweep()
    for each in (client, newcomer):
        assert version_of(each.check()) == "4.2.1"


def test_between_a_new_key_of_a_product_and_its_signature_clients_refuse(
    house: TufPublisher, client: Client, thief: Attacker
) -> None:
    assert version_of(client.check()) == "4.2.1"
    house.delegate(PRODUCT, "product-2")
    house.sweep()
    with pytest.raises(UnsignedMetadataError):
        client.check()

    house.seal(key="product-2")
    house.sweep()
    assert version_of(client.check()) == "4.2.1"


def test_revoking_the_only_key_of_a_product_ends_it_until_another_is_named(
    house: TufPublisher, client: Client, newcomer: Client, thief: Attacker
) -> None:
    thief.product(2, house.key("product"))
    house.sweep()
    assert client.check() == EVIL

    key_folder.revoke(house.folder, house.keyid("product"), now=house.now, is_dry=False)
    house.sign("targets")
    house.publish_trust()
    house.sweep()
    assert (client.check(), newcomer.check()) == (None, None)

    house.delegate(PRODUCT, "product-2")
    house.seal(key="product-2")
    house.sweep()
    for each in (client, newcomer):
        assert version_of(each.check()) == "4.2.1"


def test_of_a_stolen_online_key(house: TufPublisher, client: Client, newcomer: Client, thief: Attacker) -> None:
    house.release("4.3.0")
    house.sweep()
    assert version_of(client.check()) == "4.3.0"
    thief.fresh(house.online, **{ROLE: 1})
    with pytest.raises(RepositoryError):
        client.check()
    assert version_of(newcomer.check()) == "4.2.1"

    stolen = house.online
    house.rotate("online", "online-2", "online", "root-a", "root-b")
    house.use_online("online-2")
    house.sweep()

    for each in (client, newcomer):
        assert version_of(each.check()) == "4.3.0"
    thief.fresh(stolen)
    with pytest.raises(UnsignedMetadataError):
        client.check()
    house.sweep()
    assert version_of(client.check()) == "4.3.0"


def test_revoking_one_of_two_targets_keys_needs_the_other(house: TufPublisher, client: Client, thief: Attacker) -> None:
    key_folder.rotate(house.folder, "targets", [house.public("targets-2")], [], now=house.now, is_dry=False)
    house.sign("root-a", "root-b", "targets")
    house.publish_trust()
    house.sweep()
    assert version_of(client.check()) == "4.2.1"

    key_folder.revoke(house.folder, house.keyid("targets"), now=house.now, is_dry=False)
    house.sign("root-a", "root-b", "targets-2")
    house.publish_trust()
    house.sweep()
    assert thief.metadata(Targets.type).version == 4
    assert version_of(client.check()) == "4.2.1"


class TestPlannedExchange:
    """The online key is replaced while clients check at any moment: add, deploy, remove."""

    def check(self, *clients: Client) -> None:
        assert [version_of(each.check()) for each in clients] == ["4.2.1"] * len(clients)

    @pytest.fixture(autouse=True)
    def released(self, thief: Attacker) -> None:
        """Publish a release. Nobody steals a key here."""

    def test_no_client_notices_a_planned_exchange(
        self, house: TufPublisher, client: Client, web: HttpServer, tmp_path: Path
    ) -> None:
        late = Client(web, house.first_root, tmp_path / "late")  # knows what the old key signed, and nothing in between
        self.check(client, late)
        now, deployed = house.now, house.keys / "online.pem"
        old = house.keyid("online")

        def publish(added: list[str], removed: list[str]) -> None:
            new = [house.public(name) for name in added]
            key_folder.rotate(house.folder, "online", new, removed, now=now, is_dry=False)
            house.sign("root-a", "root-b")
            house.publish_trust()

        steps: list[Callable[[], object]] = [
            lambda: publish(["online-2"], []),
            house.sweep,
            lambda: shutil.copy(house.keys / "online-2.pem", deployed),
            house.sweep,
            lambda: publish([], [old]),
        ]
        for number, step in enumerate(steps):
            step()
            self.check(client, Client(web, house.first_root, tmp_path / f"new-{number}"))
        self.check(late)
        house.writes()
        house.sweep()
        assert house.writes(urls.TIMESTAMP) == []  # it was signed before

    def test_exchange_signs_once_with_each_key(self, house: TufPublisher) -> None:
        """Positive control: nothing is signed again in each sweep while root names two keys."""
        key_folder.rotate(house.folder, "online", [house.public("online-2")], [], now=house.now, is_dry=False)
        house.sign("root-a", "root-b")
        house.publish_trust()
        house.sweep()
        for name in ("online", "online-2"):
            house.use_online(name)
            house.sweep()
            house.writes()
            house.sweep()
            assert house.writes() == []
        (signature,) = house.s3.json(urls.TIMESTAMP)["signatures"]
        assert signature["keyid"] == house.keyid("online-2")


class TestSkippedNumbers:
    """A thief of a product's key uploads metadata under a number that is far above the last one."""

    @pytest.mark.parametrize("is_cleaned", [False, True], ids=["left", "cleaned up"])
    @pytest.mark.parametrize("place", ["signed", "public"])
    def test_new_key_of_product_brings_every_client_back(
        self, house: TufPublisher, client: Client, newcomer: Client, thief: Attacker, place: str, *, is_cleaned: bool
    ) -> None:
        theirs = object_keys.signed_key(PRODUCT, 20)
        body = thief.product(20, house.key("product"))
        if place == "signed":
            thief.put(theirs, body)
        house.sweep()
        assert client.check() == EVIL

        house.delegate(PRODUCT, "product-2")
        if is_cleaned:  # an administrator deletes what the thief uploaded
            house.delete(theirs)
            house.delete(object_keys.metadata_key(ROLE, 20))
        assert house.seal(key="product-2", is_renewal=True) == [object_keys.signed_key(PRODUCT, 21)]
        house.sweep()
        for each in (client, newcomer):
            assert version_of(each.check()) == "4.2.1"

    def test_metadata_that_was_published_and_lost_is_numbered_over(
        self, house: TufPublisher, client: Client, thief: Attacker
    ) -> None:
        thief.put(object_keys.signed_key(PRODUCT, 20), thief.product(20, house.key("product")))
        house.sweep()
        assert client.check() == EVIL
        house.delegate(PRODUCT, "product-2")
        house.delete("public/")
        house.seal(key="product-2", is_renewal=True)
        house.later(minutes=5)
        house.sweep()
        assert version_of(client.check()) == "4.2.1"

    @pytest.mark.parametrize("is_published", [True, False])
    def test_new_targets_key_brings_every_client_back(
        self, house: TufPublisher, client: Client, newcomer: Client, thief: Attacker, *, is_published: bool
    ) -> None:
        """Also if the thief uploads more between the root and the new targets."""
        evil = offline_roles.delegated(
            thief.metadata(Targets.type), PRODUCT, [sign.public_key(thief.own)], 1, house.now
        )
        evil.version = 20
        thief.put(object_keys.trust_key(Targets.type, 20), signed(evil, house.key("targets")))
        thief.product(2, thief.own)
        if is_published:
            house.sweep()
            assert client.check() == EVIL
            with pytest.raises(DecisionError, match=r"because TUF clients know version 20\. Run comet-updates keys"):
                house.rotate("targets", "targets-2", "targets", "root-a", "root-b", "targets-2")
            key_folder.rotate(house.folder, Targets.type, [], [], now=house.now, is_dry=False, bucket=house.bucket)
            house.sign("targets-2")
            house.publish_trust()
        else:
            house.rotate("targets", "targets-2", "targets", "root-a", "root-b", "targets-2", bucket=house.bucket)
        house.seal(is_renewal=True)
        house.sweep()
        assert thief.metadata(Targets.type).version == 21
        for each in (client, newcomer):
            assert version_of(each.check()) == "4.2.1"

    def test_new_targets_key_after_the_highest_number_needs_a_new_online_key(
        self, house: TufPublisher, client: Client, newcomer: Client, thief: Attacker
    ) -> None:
        evil = offline_roles.renewed(thief.metadata(Targets.type), house.now)
        evil.version = object_keys.NUMBER_MAX
        thief.put(object_keys.trust_key(Targets.type, evil.version), signed(evil, house.key("targets")))
        house.sweep()
        assert version_of(client.check()) == "4.2.1"  # and it remembers
        house.rotate("targets", "targets-2", "targets", "root-a", "root-b", "targets-2", bucket=house.bucket)
        house.sweep()
        with pytest.raises(RepositoryError):
            client.check()

        house.rotate("online", "online-2", "online", "root-a", "root-b")
        house.use_online("online-2")
        house.sweep()
        for each in (client, newcomer):
            assert version_of(each.check()) == "4.2.1"

    @pytest.mark.parametrize("number", [20, 999_999_999])
    def test_junk_without_a_key_uses_no_number_up(
        self, house: TufPublisher, client: Client, thief: Attacker, number: int
    ) -> None:
        thief.put(object_keys.signed_key(PRODUCT, number), b"junk")
        house.release("4.3.0")
        house.release("4.4.0")
        house.sweep()
        assert version_of(client.check()) == "4.4.0"


class TestFastForward:
    """Versions so high that no honest version can follow, for a client that has seen them."""

    @pytest.mark.parametrize("deletes", [True, False])
    def test_by_the_online_key(
        self, house: TufPublisher, client: Client, newcomer: Client, thief: Attacker, *, deletes: bool
    ) -> None:
        """Recover without deleting anything. Deleting harms nothing."""
        thief.fresh(house.online, version=900_000_000)
        thief.timestamp(house.online, 2**31, 900_000_000)
        assert version_of(client.check()) == "4.2.1"  # and the client remembers the high versions
        house.release("4.3.0")
        house.s3.delete(urls.TIMESTAMP)
        house.sweep()
        with pytest.raises(RepositoryError):
            client.check()

        house.rotate("online", "online-2", "online", "root-a", "root-b")
        house.use_online("online-2")
        if deletes:
            house.delete(urls.METADATA)
        house.sweep()

        for each in (client, newcomer):
            assert version_of(each.check()) == "4.3.0"
        house.release("4.4.0")
        house.sweep()
        for each in (client, newcomer):
            assert version_of(each.check()) == "4.4.0"

    @pytest.mark.parametrize("deletes", [True, False])
    def test_by_the_key_of_a_product(
        self, house: TufPublisher, client: Client, newcomer: Client, thief: Attacker, *, deletes: bool
    ) -> None:
        """After the online key has been exchanged, metadata may be deleted, but need not be."""
        body = thief.product(999_999_999, house.key("product"))
        house.s3.put(object_keys.signed_key(PRODUCT, 999_999_999), body)
        house.sweep()
        assert client.check() == EVIL

        house.delegate(PRODUCT, "product-2")
        with pytest.raises(SigningError, match="Replace the online key"):
            house.seal(key="product-2")
        house.sweep()
        with pytest.raises(RepositoryError):
            client.check()  # the client refuses an older snapshot

        house.rotate("online", "online-2", "online", "root-a", "root-b")
        house.use_online("online-2")
        if deletes:
            house.delete(urls.METADATA)
        house.sweep()
        for each in (client, newcomer):
            assert version_of(each.check()) == "4.2.1"
        house.release("4.3.0", "product-2")
        house.sweep()
        for each in (client, newcomer):
            assert version_of(each.check()) == "4.3.0"

    @pytest.mark.parametrize("what", ["a snapshot", "a product", "the timestamp"])
    def test_without_a_key_nobody_can_bring_the_online_key_to_it(
        self, house: TufPublisher, client: Client, newcomer: Client, thief: Attacker, what: str
    ) -> None:
        assert version_of(client.check()) == "4.2.1"
        key = {
            "a snapshot": object_keys.metadata_key("snapshot", 999_999_999),
            "a product": object_keys.metadata_key(ROLE, 999_999_999),
            "the timestamp": urls.TIMESTAMP,
        }[what]
        thief.put(key, signed(targets_of(999_999_999, house, {PATH: EVIL}), thief.own))
        house.later(minutes=1)
        house.release("4.3.0")
        house.sweep()
        for each in (client, newcomer):
            assert version_of(each.check()) == "4.3.0"
