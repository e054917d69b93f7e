"""The decisions of the owners of the offline keys, as the next version of root or targets for them to sign. Pure.

No function changes its argument. Each returns a new version without a signature, which expires a year after `now`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from typing import Any, TypeVar

from securesystemslib.signer import Key
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Root, Snapshot, Targets, Timestamp

from comet_updates import object_keys
from comet_updates.errors import DecisionError
from comet_updates.signing.sign import OFFLINE_LIFE, later

ROLES = {"root": (Root.type,), "targets": (Targets.type,), "online": (Snapshot.type, Timestamp.type)}
"""Who signs what, by the name that people use."""

_Offline = TypeVar("_Offline", Root, Targets)


def first_root(root: Sequence[Key], threshold: int, targets: Sequence[Key], online: Key, now: datetime) -> Root:
    """Return the first root, which clients are shipped with.

    Args:
        root: the keys that sign the next root.
        threshold: how many of them must sign.
        targets: the keys that may sign the targets, which delegate each product to its keys. One of them is enough.
        online: the key that signs snapshot and timestamp.
        now: aware.

    Raises:
        DecisionError: there are fewer keys than the threshold.
    """
    made = Root(1, expires=later(now, OFFLINE_LIFE), consistent_snapshot=True)
    for name, keys in (("root", root), ("targets", targets), ("online", [online])):
        for role in ROLES[name]:
            for key in keys:
                made.add_key(key, role)
    return _with_threshold(made, Root.type, threshold)


def first_targets(now: datetime) -> Targets:
    """Return the first targets, which delegate no product."""
    return Targets(1, expires=later(now, OFFLINE_LIFE), delegations=Delegations({}, roles={}))


def delegated(targets: Targets, product: str, keys: Sequence[Key], threshold: int, now: datetime) -> Targets:
    """Delegate a product to these keys alone. Raises `DecisionError` if there are fewer keys than `threshold`."""
    if not 1 <= threshold <= len(keys):
        raise DecisionError(f"{product} has {len(keys)} keys, and {threshold} of them would have to sign")
    role, everything = object_keys.product_role(product), object_keys.target_path(product, "*", "*")
    speaking = DelegatedRole(role, [key.keyid for key in keys], threshold, terminating=True, paths=[everything])
    return _with_speakers(targets, {**speakers(targets), product: speaking}, keys, now)


def renewed(metadata: _Offline, now: datetime) -> _Offline:
    """Return the next version of `metadata` with the same content, for another year."""
    made = deepcopy(metadata)
    made.version += 1
    made.expires = later(now, OFFLINE_LIFE)
    return made


def rotated(root: Root, who: str, added: Sequence[Key], removed: Sequence[str], now: datetime) -> Root:
    """Other keys for a part of `ROLES`.

    Args:
        root: as it is.
        who: `root`, `targets` or `online`.
        added: new keys.
        removed: ids of keys that count no longer.
        now: aware.

    Raises:
        DecisionError: one of those is not there, or too few would be left.
    """
    made = renewed(root, now)
    for role in ROLES[who]:
        for keyid in removed:
            if keyid not in made.roles[role].keyids:
                raise DecisionError(f"{who} has no key {keyid}; it has: {', '.join(made.roles[role].keyids)}")
            made.revoke_key(keyid, role)
        for key in added:
            made.add_key(key, role)
        _with_threshold(made, role, made.roles[role].threshold)
    return made


def without(root: Root, targets: Targets, keyid: str, now: datetime) -> tuple[Root | None, Targets | None]:
    """Return the next root and the next targets without a stolen key, each `None` if it did not contain the key.

    A product whose only key was stolen cannot release until it is delegated to another key.

    Raises:
        DecisionError: root, targets or the online key would be left without enough keys: `rotated` takes new ones.
    """
    parts = [who for who, roles in ROLES.items() if keyid in root.roles[roles[0]].keyids]
    next_root: Root | None = None
    for who in parts:
        next_root = rotated(next_root or root, who, [], [keyid], now)
    if next_root is not None:
        next_root.version = root.version + 1
    # A signature of a revoked key becomes invalid: the other keys need new targets to sign.
    next_targets = renewed(targets, now) if Targets.type in parts else None
    for product, role in speakers(targets).items():
        if keyid not in role.keyids:
            continue
        left = [targets.get_key(other) for other in role.keyids if other != keyid]
        if left:
            next_targets = delegated(next_targets or targets, product, left, min(role.threshold, len(left)), now)
        else:
            next_targets = undelegated(next_targets or targets, product, now)
    if next_targets is not None:
        next_targets.version = targets.version + 1
    if next_root is None and next_targets is None:
        raise DecisionError(f"no role has the key {keyid}")
    return next_root, next_targets


def undelegated(targets: Targets, product: str, now: datetime) -> Targets:
    """Return the next targets without the delegation of a product."""
    others = {name: role for name, role in speakers(targets).items() if name != product}
    return _with_speakers(targets, others, [], now)


def unsigned(metadata: Root | Targets) -> bytes:
    """Return the metadata as the bytes of a file, for its signers."""
    made: Metadata[Any] = Metadata(metadata)
    return made.to_bytes()


def speakers(targets: Targets) -> dict[str, DelegatedRole]:
    """Return the role that each product is delegated to, by the product's name."""
    roles = (targets.delegations and targets.delegations.roles) or {}
    return {name.removeprefix(object_keys.product_role("")): role for name, role in roles.items()}


def _with_speakers(
    targets: Targets, roles: Mapping[str, DelegatedRole], added: Sequence[Key], now: datetime
) -> Targets:
    """Return the next targets with only these roles, and with the existing and `added` keys that they name."""
    made = renewed(targets, now)
    known = {**(made.delegations.keys if made.delegations else {}), **{key.keyid: key for key in added}}
    used = {keyid for role in roles.values() for keyid in role.keyids}
    kept = {keyid: key for keyid, key in known.items() if keyid in used}
    made.delegations = Delegations(kept, {role.name: role for role in roles.values()})
    return made


def _with_threshold(root: Root, role: str, threshold: int) -> Root:
    keys = len(root.roles[role].keyids)
    if not 1 <= threshold <= keys:
        raise DecisionError(f"{role} has {keys} keys, and {threshold} of them would have to sign")
    root.roles[role].threshold = threshold
    return root
