"""Test the folder that holds root and targets until enough people have signed them."""

from __future__ import annotations

import errno
import json
import re
import resource
import shutil
import stat
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import Key, SSlibKey
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Root, Snapshot, Targets

from comet_updates import object_keys
from comet_updates.errors import (
    DecisionError,
    FileInTheWayError,
    RefusedUploadError,
    SigningError,
    UnknownKeyError,
    UnwritableFileError,
)
from comet_updates.signing import sign
from comet_updates.signing.verify import METADATA_MAX_BYTES
from comet_updates_cli.signing import key_folder, offline_roles
from testkit.project import ROOT
from tests.signing.conftest import PRODUCT
from tests.signing.thief import signed, version_of

if TYPE_CHECKING:
    from tests.signing.conftest import Client, HttpServer, TufPublisher


def tree(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def signers_of(body: bytes) -> set[str]:
    return set(Metadata.from_bytes(body).signatures)


def signers(house: TufPublisher, file: str) -> set[str]:
    return signers_of((house.folder / file).read_bytes())


def test_a_key_is_for_its_owner_alone_and_is_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    said = key_folder.create(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [line.split(" ")[0] for line in said] == ["key", "sign", "wrote", "for", "for"]
    private = file.read_bytes()
    with pytest.raises(SigningError, match=r"already exists.* run comet-updates keys export file2:.*key\.pem "):
        key_folder.create(file)
    assert file.read_bytes() == private


def test_export_over_a_private_key_is_refused(tmp_path: Path) -> None:
    file, link = tmp_path / "key.pem", tmp_path / "key.pub"
    key_folder.create(file)
    private = file.read_bytes()
    link.symlink_to(file)
    for place in (file, link):
        with pytest.raises(FileInTheWayError, match="different content"):
            key_folder.export(f"file2:{file}", place)
    assert file.read_bytes() == private
    assert link.is_symlink()


def test_export_twice_writes_the_same_file(tmp_path: Path) -> None:
    """Positive control: a file with the same content does not conflict, and a new name is written."""
    key_folder.create(tmp_path / "key.pem")
    for _ in range(2):
        key_folder.export(f"file2:{tmp_path / 'key.pem'}", tmp_path / "copy.pub")
    assert (tmp_path / "copy.pub").read_bytes() == (tmp_path / "key.pem.pub").read_bytes()


def test_create_beside_a_file_named_as_its_public_half_makes_no_key(tmp_path: Path) -> None:
    (tmp_path / "key.pem.pub").write_text("mine")
    with pytest.raises(FileInTheWayError, match=r"key\.pem\.pub"):
        key_folder.create(tmp_path / "key.pem")
    assert [file.name for file in tmp_path.iterdir()] == ["key.pem.pub"]
    assert (tmp_path / "key.pem.pub").read_text() == "mine"


def test_create_on_a_full_disk_leaves_no_key(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(UnwritableFileError, match="File too large"):
            key_folder.create(tmp_path / "key.pem")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert tree(tmp_path) == {}
    key_folder.create(tmp_path / "key.pem")
    assert tree(tmp_path).keys() == {"key.pem", "key.pem.pub"}, "positive control"


def test_begin_keeps_signed_targets_that_have_no_root(house: TufPublisher) -> None:
    for file in (house.folder / "targets" / "2.json", *(house.folder / "root").iterdir()):
        file.unlink()
    before = tree(house.folder)
    with pytest.raises(FileInTheWayError, match=r"targets/1.json"):
        house.begin()
    assert tree(house.folder) == before


def test_sign_that_cannot_write_keeps_the_other_signatures(
    house: TufPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_folder.rotate(
        house.folder, "root", [house.public("root-d")], [house.keyid("root-c")], now=house.now, is_dry=False
    )
    house.sign("root-a")
    before = tree(house.folder)

    def full(_file: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UnwritableFileError, match="No space"):
        house.sign("root-b")
    assert tree(house.folder) == before
    monkeypatch.undo()
    house.sign("root-b")
    assert len(signers(house, "root/2.json")) == len(signers_of(before["root/2.json"])) + 1


def test_the_public_half_holds_nothing_of_the_private_one(tmp_path: Path) -> None:
    key_folder.create(tmp_path / "key.pem")
    public = (tmp_path / "key.pem.pub").read_text()
    assert "PRIVATE" not in public
    key_folder.export(f"file2:{tmp_path / 'key.pem'}", tmp_path / "again.pub")
    assert (tmp_path / "again.pub").read_text() == public


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"keyid": 7}', '{"keyid": "x", "keytype": "ed25519"}'])
def test_what_is_no_public_key_is_refused_by_its_name(tmp_path: Path, body: str) -> None:
    (tmp_path / "x.pub").write_text(body)
    with pytest.raises(SigningError, match=r"x.pub is not a public key from comet-updates keys create"):
        key_folder.public(tmp_path / "x.pub")


@pytest.mark.http
def test_it_is_laid_out_like_the_bucket(house: TufPublisher) -> None:
    mine = {f"trust/{name}": body for name, body in tree(house.folder).items()}
    assert house.s3.tree("trust/") == mine
    assert set(mine) == {
        object_keys.trust_key("root", 1),
        object_keys.trust_key("targets", 1),
        object_keys.trust_key("targets", 2),
    }


def test_it_begins_but_once(house: TufPublisher) -> None:
    with pytest.raises(DecisionError, match="already has a root"):
        house.begin()


def test_there_is_nothing_to_decide_before_it_began(house: TufPublisher, tmp_path: Path) -> None:
    for decide in (
        lambda: key_folder.delegate(tmp_path / "x", PRODUCT, [], 1, now=house.now, is_dry=False),
        lambda: key_folder.rotate(tmp_path / "x", "root", [], [], now=house.now, is_dry=False),
        lambda: key_folder.show(tmp_path / "x"),
        lambda: key_folder.publish(tmp_path / "x", house.bucket, is_dry=False),
    ):
        with pytest.raises(DecisionError, match="Run comet-updates keys begin first"):
            decide()


def test_a_dry_run_says_what_it_would_write_and_writes_nothing(house: TufPublisher) -> None:
    before = tree(house.folder), house.s3.tree()
    new = [house.public("new")]
    done = [
        key_folder.delegate(house.folder, "comet-other", new, 1, now=house.now, is_dry=True),
        key_folder.rotate(house.folder, "root", new, [], now=house.now, is_dry=True),
        key_folder.revoke(house.folder, house.keyid("root-a"), now=house.now, is_dry=True),
    ]
    house.rotate("online", "new", "online", "root-a", "root-b")
    (house.folder / "root" / "2.json").rename(house.folder / "root-2")
    assert (tree(house.folder).keys() - {"root-2"}) == before[0].keys()
    assert [[name.rpartition("trust/")[2] for name in each.files] for each in done] == [
        ["targets/3.json"],
        ["root/2.json"],
        ["root/2.json"],
    ]
    assert not any(each.is_done for each in done)


def test_a_dry_run_of_publishing_uploads_nothing(house: TufPublisher) -> None:
    house.s3.delete(object_keys.trust_key("targets", 2))
    told = key_folder.publish(house.folder, house.bucket, is_dry=True)
    assert told.files == [object_keys.trust_key("targets", 2)]
    assert object_keys.trust_key("targets", 2) not in house.s3.keys("trust/")
    assert key_folder.publish(house.folder, house.bucket, is_dry=False).files == told.files
    assert key_folder.publish(house.folder, house.bucket, is_dry=False).says == [
        "nothing to do: everything is uploaded already"
    ]


class TestSamePublicKey:
    """One public key under a second id: its owner alone would reach a threshold of two."""

    @pytest.fixture
    def twin(self, house: TufPublisher, tmp_path: Path) -> Path:
        public = json.loads(house.public("root-a").read_text())
        (tmp_path / "twin.pub").write_text(json.dumps({**public, "keyid": "twin"}))
        return tmp_path / "twin.pub"

    def test_keys_refuse_the_second_id_and_write_nothing(self, house: TufPublisher, twin: Path, tmp_path: Path) -> None:
        before, mine, now = tree(house.folder), house.public("root-a"), house.now
        other = tmp_path / "other"
        decisions: list[Callable[[], object]] = [
            lambda: key_folder.begin(other, [mine, twin], [mine], mine, threshold=2, now=now, is_dry=False),
            lambda: key_folder.begin(other, [mine], [mine, twin], mine, threshold=1, now=now, is_dry=False),
            lambda: key_folder.rotate(house.folder, "root", [twin], [], now=now, is_dry=True),
            lambda: key_folder.delegate(house.folder, PRODUCT, [twin, mine], 2, now=now, is_dry=False),
        ]
        for decide in decisions:
            with pytest.raises(RefusedUploadError, match="the same public key twice"):
                decide()
        assert (tree(house.folder), other.exists()) == (before, False)

    def test_sign_and_publish_refuse_a_root_of_somebody_else(self, house: TufPublisher, twin: Path) -> None:
        made = offline_roles.rotated(
            Metadata[Root].from_bytes(house.first_root).signed, "root", [key_folder.public(twin)], [], house.now
        )
        file = house.folder / "root" / "2.json"
        file.write_bytes(offline_roles.unsigned(made))
        with pytest.raises(RefusedUploadError, match="the same public key twice"):
            house.sign("root-a")
        file.write_bytes(signed(made, house.key("root-a"), house.key("root-b")))
        with pytest.raises(RefusedUploadError, match="the same public key twice"):
            house.publish_trust()

    def test_another_key_of_the_same_owner_is_accepted(self, house: TufPublisher) -> None:
        """Positive control."""
        house.rotate("root", "root-d", "root-c", "root-a", "root-b")
        assert object_keys.trust_key("root", 2) in house.s3.keys("trust/")


class TestSigning:
    """Each person signs the metadata of their role, and no signature is lost."""

    def test_each_adds_a_signature_to_what_is_newest(self, house: TufPublisher) -> None:
        key_folder.rotate(house.folder, "root", [house.public("root-d")], [], now=house.now, is_dry=False)
        told = [key_folder.sign(house.folder, house.key(f"root-{name}"), is_dry=False).says for name in "db"]
        assert [line.partition(": ")[2] for says in told for line in says] == [
            "signatures still missing: 2",  # the root before does not have the new key
            "signatures still missing: 1",
        ]
        house.sign("root-a")
        assert signers(house, "root/2.json") == {house.keyid(f"root-{name}") for name in "abd"}
        assert signers(house, "root/1.json") == {house.keyid(f"root-{name}") for name in "ab"}

    def test_who_has_nothing_to_sign_is_told_so(self, house: TufPublisher) -> None:
        before = tree(house.folder)
        for name in ("thief", "online", "product"):
            with pytest.raises(UnknownKeyError, match="has nothing to sign"):
                house.sign(name)
        assert tree(house.folder) == before

    def test_what_is_signed_is_not_written_over_by_the_next_decision(self, house: TufPublisher) -> None:
        before = tree(house.folder)
        key_folder.delegate(house.folder, "comet-other", [house.public("x")], 1, now=house.now, is_dry=False)
        after = tree(house.folder)
        assert {name: after[name] for name in before} == before
        assert after.keys() - before.keys() == {"targets/3.json"}


def test_draft_of_targets_is_replaced_under_a_number_that_is_free(house: TufPublisher) -> None:
    house.s3.put(object_keys.trust_key("targets", 3), b"junk")
    for bucket in (None, house.bucket):  # the second one finds the draft of the first under a number that is taken
        key_folder.rotate(house.folder, "targets", [], [], now=house.now, is_dry=False, bucket=bucket)
        assert ("targets/3.json" in tree(house.folder)) == (bucket is None)
    assert "targets/4.json" in tree(house.folder)
    key_folder.delegate(house.folder, "comet-other", [house.public("x")], 1, now=house.now, is_dry=False)
    house.sign("targets")
    house.publish_trust()
    assert tree(house.folder).keys() == {"root/1.json", "targets/1.json", "targets/2.json", "targets/4.json"}


class TestPublishing:
    """Either everything has enough signatures and is published, or nothing is."""

    def test_what_too_few_signed_keeps_everything_back(self, house: TufPublisher) -> None:
        key_folder.rotate(house.folder, "root", [house.public("root-d")], [], now=house.now, is_dry=False)
        key_folder.delegate(house.folder, "comet-other", [house.public("x")], 1, now=house.now, is_dry=False)
        house.sign("targets", "root-a")
        before = house.s3.tree()
        with pytest.raises(RefusedUploadError, match=r"trust/root/2.json: \$.signatures"):
            house.publish_trust()
        assert house.s3.tree() == before
        house.sign("root-b")
        house.publish_trust()
        assert len(house.s3.keys("trust/")) == 5

    def test_what_another_owner_signed_is_not_written_over(self, house: TufPublisher, tmp_path: Path) -> None:
        other = copy(house)
        other.folder = shutil.copytree(house.folder, tmp_path / "other")
        other.delegate("comet-other", "y")
        theirs = house.s3.get(object_keys.trust_key("targets", 3))
        wrong = r"trust/targets/3.json: already exists with different content.* If a thief did, run comet-updates"
        with pytest.raises(DecisionError, match=wrong):
            house.delegate("comet-other", "x")
        assert house.s3.get(object_keys.trust_key("targets", 3)) == theirs

    @pytest.mark.parametrize("body", [b"junk", b" " * (METADATA_MAX_BYTES + 1)], ids=["junk", "too large"])
    @pytest.mark.parametrize("role", ["root", "targets"])
    def test_junk_without_a_signature_is_written_over(
        self, house: TufPublisher, client: Client, role: str, body: bytes
    ) -> None:
        key = object_keys.trust_key(role, {"root": 2, "targets": 3}[role])
        house.s3.put(key, body)
        house.release("4.2.1")
        house.sweep()
        assert object_keys.rejected_key(key) in house.s3.keys("rejected/")

        house.rotate(role, f"{role}-x", {"root": "root-c"}.get(role, role), "root-a", "root-b", f"{role}-x")
        house.s3.put(key, b"more junk")  # also over what is signed
        house.seal()
        house.sweep()
        assert house.s3.keys("rejected/") == []
        assert version_of(client.check()) == "4.2.1"
        assert key_folder.publish(house.folder, house.bucket, is_dry=False).files == []

    def test_targets_that_publishing_would_not_read_are_refused(self, house: TufPublisher) -> None:
        newest = Metadata[Targets].from_bytes((house.folder / "targets" / "2.json").read_bytes()).signed
        before = house.s3.tree("trust/")
        for products, is_refused in ((PRODUCTS_MAX, False), (PRODUCTS_MAX + 1, True)):
            made = targets_of(newest, products)
            (house.folder / "targets" / "3.json").write_bytes(signed(made, house.key("targets")))
            if is_refused:
                with pytest.raises(RefusedUploadError, match=f"larger than {METADATA_MAX_BYTES} bytes"):
                    house.publish_trust()
            else:
                told = key_folder.publish(house.folder, house.bucket, is_dry=True)
                assert told.files == [object_keys.trust_key("targets", 3)]
            assert house.s3.tree("trust/") == before


PRODUCTS_MAX = 1_335
"""How many products with a key each and names of twenty characters targets can have: docs/keys.md."""


def targets_of(newest: Targets, products: int, keys_each: bool = True) -> Targets:  # noqa: FBT001, FBT002
    """Return the next targets, for many products."""
    keys = [SSlibKey(f"{n:064x}", "ed25519", "ed25519", {"public": f"{n:064x}"}) for n in range(products)]
    keys = keys if keys_each else keys[:1] * products
    roles = {}
    for number, key in enumerate(keys):
        product = f"comet-cursor-{number:07}"
        role, everything = object_keys.product_role(product), object_keys.target_path(product, "*", "*")
        roles[role] = DelegatedRole(role, [key.keyid], 1, terminating=True, paths=[everything])
    made = offline_roles.renewed(newest, newest.expires)
    made.delegations = Delegations({key.keyid: key for key in keys}, roles)
    return made


def delegated(targets: Targets) -> tuple[dict[str, Key], dict[str, DelegatedRole]]:
    """Return the keys and the roles that targets metadata names."""
    found = targets.delegations
    return (found.keys, found.roles or {}) if found else ({}, {})


def test_docs_name_the_sizes_for_many_products(house: TufPublisher) -> None:
    docs = (ROOT / "docs" / "keys.md").read_text()
    newest = Metadata[Targets].from_bytes((house.folder / "targets" / "2.json").read_bytes()).signed

    def kilobytes(made: Targets | Snapshot) -> int:
        return round(len(signed(made, house.key("targets"))) / 1_000)

    for products, keys_each in ((100, True), (1_000, True), (1_000, False)):
        made = targets_of(newest, products, keys_each)
        versions = dict.fromkeys(made.delegations.roles or (), 1) if made.delegations else {}
        snapshot = kilobytes(sign.snapshot(1, house.now, versions))
        how = "each with a key of its own" if keys_each else "that share a key"
        row = rf"\| {products:,},? {how} \| {kilobytes(made)} kB \| {snapshot} kB \|"
        assert re.search(row, docs), row
    assert f"about {PRODUCTS_MAX // 100 * 100:,} products with a key each" in docs


def test_decision_names_what_a_check_downloads(house: TufPublisher, client: Client, web: HttpServer) -> None:
    """Measure a stock client with one product, and add the sizes of targets and snapshot for more products."""
    newest = Metadata[Targets].from_bytes((house.folder / "targets" / "2.json").read_bytes()).signed
    house.release("4.2.1")
    house.sweep()
    assert version_of(client.check()) == "4.2.1"
    first = web.sent_bytes
    assert version_of(client.check()) == "4.2.1"
    unchanged = web.sent_bytes - first

    def sizes(products: int) -> tuple[int, int]:
        made = targets_of(newest, products)
        snapshot = sign.snapshot(1, house.now, dict.fromkeys(["targets", *delegated(made)[1]], 1))
        return len(signed(made, house.key("targets"))), len(signed(snapshot, house.key("online")))

    docs = (ROOT / "docs" / "decisions" / "0008-no-hash-bins.md").read_text()
    rest = first - sum(sizes(1))
    for products in (1, 100, 1_000):
        targets, snapshot = sizes(products)
        downloads = (rest + targets + snapshot, unchanged + snapshot, unchanged + targets + snapshot)
        row = f"| {products:,} | {' | '.join(f'{round(each / 1_000)} kB' for each in downloads)} |"
        assert row in docs, row


def test_stock_client_takes_the_largest_targets_that_are_published(house: TufPublisher, client: Client) -> None:
    newest = Metadata[Targets].from_bytes((house.folder / "targets" / "2.json").read_bytes()).signed
    made = targets_of(newest, PRODUCTS_MAX - 1)
    (keys, roles), (real_keys, real_roles) = delegated(made), delegated(newest)
    made.delegations = Delegations(keys | real_keys, roles | real_roles)
    (house.folder / "targets" / "3.json").write_bytes(signed(made, house.key("targets")))
    house.publish_trust()
    house.release("4.2.1")
    house.sweep()
    assert version_of(client.check()) == "4.2.1"


def test_show_says_who_may_sign_what_until_when_and_who_did(house: TufPublisher) -> None:
    lines = {line.what: line for line in key_folder.show(house.folder)}
    assert list(lines) == ["root/1", "targets/2", "online", PRODUCT]
    root = lines["root/1"]
    assert (root.threshold, set(root.keys)) == (2, {house.keyid(f"root-{name}") for name in "abc"})
    assert set(root.signed) == {house.keyid("root-a"), house.keyid("root-b")}
    assert lines[PRODUCT].keys == [house.keyid("product")]
    assert str(lines["targets/2"]).endswith(f"1 of: {house.keyid('targets')[:16]} signed")
