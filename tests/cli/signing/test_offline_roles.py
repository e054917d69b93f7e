"""Test the changes that owners of offline keys make, as the next version of root or targets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tuf.api.metadata import Root, Targets

from comet_updates.errors import DecisionError
from comet_updates_cli.signing import offline_roles
from comet_updates_cli.signing.key_folder import create_private

if TYPE_CHECKING:
    from pathlib import Path

    from securesystemslib.signer import SSlibKey

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
A_YEAR = timedelta(days=365)
PRODUCT, ROLE = "comet-cursor", "product.comet-cursor"
Make = Callable[[str], "SSlibKey"]


@pytest.fixture
def key(tmp_path: Path) -> Make:
    """Return a function that gives the public half of a key by name. The same name gives the same key."""
    made: dict[str, SSlibKey] = {}

    def of(name: str) -> SSlibKey:
        if name not in made:
            made[name] = create_private(tmp_path / f"{name}.pem")
        return made[name]

    return of


@pytest.fixture
def root(key: Make) -> Root:
    return offline_roles.first_root([key("a"), key("b"), key("c")], 2, [key("targets")], key("online"), NOW)


@pytest.fixture
def targets(key: Make) -> Targets:
    return offline_roles.delegated(offline_roles.first_targets(NOW), PRODUCT, [key("product")], 1, NOW)


def test_the_first_root_names_who_signs_what_and_lives_for_a_year(root: Root, key: Make) -> None:
    assert {role: [root.get_key(keyid) for keyid in of.keyids] for role, of in root.roles.items()} == {
        "root": [key("a"), key("b"), key("c")],
        "targets": [key("targets")],
        "snapshot": [key("online")],
        "timestamp": [key("online")],
    }
    assert (root.version, root.expires, root.consistent_snapshot) == (1, NOW + A_YEAR, True)
    assert {role: of.threshold for role, of in root.roles.items()} == {
        "root": 2, "targets": 1, "snapshot": 1, "timestamp": 1,
    }  # fmt: skip


@pytest.mark.parametrize("threshold", [0, 4])
def test_more_signatures_than_keys_cannot_be_asked_for_nor_none(key: Make, threshold: int) -> None:
    with pytest.raises(DecisionError, match=f"root has 3 keys, and {threshold} of them would have to sign"):
        offline_roles.first_root([key("a"), key("b"), key("c")], threshold, [key("targets")], key("online"), NOW)
    with pytest.raises(DecisionError, match="has 1 keys, and 2 of them"):
        offline_roles.delegated(offline_roles.first_targets(NOW), PRODUCT, [key("a")], 2, NOW)


def test_a_product_has_a_role_for_its_own_files_only(targets: Targets, key: Make) -> None:
    assert targets.delegations
    assert targets.delegations.roles
    role = targets.delegations.roles[ROLE]
    assert (role.keyids, role.threshold, role.terminating) == ([key("product").keyid], 1, True)
    assert role.is_delegated_path("comet-cursor/stable/manifest.json")
    assert role.is_delegated_path("comet-cursor/stable/comet-cursor-4.2.1.tar.gz")
    for other in ("comet-cursor2/stable/manifest.json", "comet-cursor/manifest.json", "comet-cursor/a/b/manifest.json"):
        assert not role.is_delegated_path(other)


def test_second_delegation_replaces_the_keys_and_drops_unused_ones(targets: Targets, key: Make) -> None:
    again = offline_roles.delegated(targets, PRODUCT, [key("x"), key("y")], 2, LATER)
    assert again.delegations
    assert again.delegations.roles
    assert again.delegations.roles[ROLE].keyids == [key("x").keyid, key("y").keyid]
    assert set(again.delegations.keys) == {key("x").keyid, key("y").keyid}
    assert (again.version, again.expires) == (targets.version + 1, LATER + A_YEAR)


def test_a_key_of_two_products_stays_while_one_of_them_has_it(targets: Targets, key: Make) -> None:
    two = offline_roles.delegated(targets, "comet-other", [key("product")], 1, NOW)
    one = offline_roles.undelegated(two, PRODUCT, NOW)
    assert one.delegations
    assert one.delegations.roles
    assert (set(one.delegations.roles), set(one.delegations.keys)) == ({"product.comet-other"}, {key("product").keyid})


def test_nothing_changes_what_it_is_given(root: Root, targets: Targets, key: Make) -> None:
    before = root.to_dict(), targets.to_dict()
    offline_roles.renewed(root, LATER)
    offline_roles.rotated(root, "root", [key("d")], [key("a").keyid], LATER)
    offline_roles.delegated(targets, PRODUCT, [key("x")], 1, LATER)
    offline_roles.undelegated(targets, PRODUCT, LATER)
    offline_roles.without(root, targets, key("product").keyid, LATER)
    assert (root.to_dict(), targets.to_dict()) == before


def test_renewed_is_the_same_for_another_year(root: Root) -> None:
    renewed = offline_roles.renewed(root, LATER)
    assert (renewed.version, renewed.expires) == (2, LATER + A_YEAR)
    assert (renewed.roles, renewed.keys) == (root.roles, root.keys)


def test_the_online_key_is_exchanged_for_both_of_its_roles(root: Root, key: Make) -> None:
    rotated = offline_roles.rotated(root, "online", [key("new")], [key("online").keyid], NOW)
    assert [rotated.roles[role].keyids for role in ("snapshot", "timestamp")] == [[key("new").keyid]] * 2
    assert key("online").keyid not in rotated.keys


def test_no_role_is_left_with_too_few_keys(root: Root, key: Make) -> None:
    with pytest.raises(DecisionError, match="snapshot has 0 keys"):
        offline_roles.rotated(root, "online", [], [key("online").keyid], NOW)
    with pytest.raises(DecisionError, match="root has 1 keys, and 2 of them"):
        offline_roles.rotated(root, "root", [], [key("a").keyid, key("b").keyid], NOW)


def test_a_key_that_is_not_there_cannot_be_taken_away(root: Root, key: Make) -> None:
    with pytest.raises(DecisionError, match=f"targets has no key {key('a').keyid}; it has: {key('targets').keyid}"):
        offline_roles.rotated(root, "targets", [], [key("a").keyid], NOW)


class TestWithout:
    """The removal of a stolen key."""

    def test_of_a_key_of_root_is_the_next_root(self, root: Root, targets: Targets, key: Make) -> None:
        next_root, next_targets = offline_roles.without(root, targets, key("a").keyid, NOW)
        assert next_root
        assert (next_root.version, next_root.roles["root"].keyids) == (2, [key("b").keyid, key("c").keyid])
        assert next_targets is None

    def test_of_a_key_of_a_product_is_the_next_targets(self, root: Root, targets: Targets, key: Make) -> None:
        both = offline_roles.delegated(targets, PRODUCT, [key("product"), key("other")], 2, NOW)
        next_root, next_targets = offline_roles.without(root, both, key("product").keyid, NOW)
        assert next_root is None
        assert next_targets
        assert next_targets.version == both.version + 1
        role = next_targets.get_delegated_role(ROLE)
        assert (role.keyids, role.threshold) == ([key("other").keyid], 1)

    def test_of_the_only_one_is_a_product_without_any(self, root: Root, targets: Targets, key: Make) -> None:
        _, next_targets = offline_roles.without(root, targets, key("product").keyid, NOW)
        assert next_targets
        assert next_targets.delegations
        assert (next_targets.delegations.roles, next_targets.delegations.keys) == ({}, {})

    def test_of_one_for_several_things_is_one_version_of_each(self, root: Root, key: Make) -> None:
        everywhere = offline_roles.rotated(root, "targets", [key("a")], [], NOW)
        targets = offline_roles.first_targets(NOW)
        for product in (PRODUCT, "comet-other"):
            targets = offline_roles.delegated(targets, product, [key("a"), key("b")], 1, NOW)
        next_root, next_targets = offline_roles.without(everywhere, targets, key("a").keyid, NOW)
        assert next_root
        assert next_targets
        assert (next_root.version, next_targets.version) == (everywhere.version + 1, targets.version + 1)
        assert key("a").keyid not in next_root.keys
        assert next_targets.delegations
        assert key("a").keyid not in next_targets.delegations.keys

    def test_of_a_key_of_nobody_is_nothing(self, root: Root, targets: Targets, key: Make) -> None:
        with pytest.raises(DecisionError, match="no role has the key"):
            offline_roles.without(root, targets, key("thief").keyid, NOW)

    def test_the_online_key_cannot_just_be_taken_away(self, root: Root, targets: Targets, key: Make) -> None:
        with pytest.raises(DecisionError, match="snapshot has 0 keys"):
            offline_roles.without(root, targets, key("online").keyid, NOW)
