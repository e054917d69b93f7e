"""TUF metadata, read and verified: who may say what, and what the key of a product said. Pure.

The Update Framework, specification 1.0, https://theupdateframework.github.io/specification/. python-tuf reads the
metadata, and securesystemslib verifies each signature. Which roles there are, and why, is in docs/security.md.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from securesystemslib.exceptions import Error as SecureSystemsLibError
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from comet_updates import object_keys
from comet_updates.errors import Problem, RefusedUploadError, printable, refuse

MINISIGN_MAX_CHARS = 1_000  # of a file of four lines
_ED25519_BYTES = 64

_Kind = TypeVar("_Kind", Root, Targets, Snapshot, Timestamp)


class TrustAnchor(NamedTuple):
    """Who may say what.

    Attributes:
        root: the newest root that the one before it vouches for; `None` as long as nobody signed a first one.
        targets: the newest metadata that its keys signed: which key speaks for which product; `None` for none.
        documents: what clients read of these, by key, in the order in which it is to be written.
        refusals: why an upload does not count, by its key.
    """

    root: Root | None
    targets: Targets | None
    documents: Mapping[str, bytes]
    refusals: Mapping[str, RefusedUploadError]


class AppcastSignature(NamedTuple):
    """Sparkle's signature (base64) of an appcast whose bytes without it have this SHA-256 (hexadecimal)."""

    sha256: str
    signature: str


class Target(NamedTuple):
    """What is signed of a manifest, and beside it for clients without TUF.

    Attributes:
        sha256: of its bytes, in hexadecimal.
        minisign: the file of a detached signature.
        appcasts: signatures of what the appcast of its channel is meanwhile.
    """

    sha256: str
    minisign: str | None
    appcasts: tuple[AppcastSignature, ...]


class Seal(NamedTuple):
    """One state of a product, as its key signed it.

    Attributes:
        version: of this metadata. Of two, the higher one was signed later.
        body: its bytes, as they were uploaded.
        manifests: all that it speaks of, by `object_keys.target_path`.
        expires: when clients stop taking it, aware.
    """

    version: int
    body: bytes
    manifests: Mapping[str, Target]
    expires: datetime

    @property
    def state(self) -> dict[str, str]:
        """The SHA-256 of each manifest, by its path: equal for equal states."""
        return {path: target.sha256 for path, target in self.manifests.items()}


NO_TRUST = TrustAnchor(None, None, {}, {})
"""That nobody may say anything."""


def read_anchor(uploaded: Mapping[str, bytes]) -> TrustAnchor:
    """Who may say what.

    Args:
        uploaded: what the owners of the offline keys signed, by key.
    """
    documents: dict[str, bytes] = {}
    refusals: dict[str, RefusedUploadError] = {}
    root: Root | None = None
    for version in range(1, len(uploaded) + 1):
        key = object_keys.trust_key(Root.type, version)
        if key not in uploaded:
            break
        try:
            root = _next_root(key, uploaded[key], version, root)
        except RefusedUploadError as refusal:
            refusals[key] = refusal
            break
        documents[object_keys.metadata_key(Root.type, version)] = uploaded[key]
    for version in _versions(uploaded, Root.type):
        key = object_keys.trust_key(Root.type, version)
        if object_keys.metadata_key(Root.type, version) not in documents and key not in refusals:
            problem = Problem("$", f"does not count as long as version {version - 1} does not", "Upload that one, too")
            refusals[key] = RefusedUploadError(key, (problem,))
    if root is None:
        return TrustAnchor(None, None, documents, refusals)
    targets: Targets | None = None
    for version in sorted(_versions(uploaded, Targets.type), reverse=True):
        key = object_keys.trust_key(Targets.type, version)
        try:
            metadata = read(key, uploaded[key], version, Targets)
            targets = vouched(key, metadata, root, Targets.type).signed
        except RefusedUploadError as refusal:
            refusals[key] = refusal
            continue
        documents[object_keys.metadata_key(Targets.type, version)] = uploaded[key]
        break
    return TrustAnchor(root, targets, documents, refusals)


def read_seal(targets: Targets, key: str, body: bytes) -> Seal:
    """What a pipeline signed of a product.

    Args:
        targets: which key speaks for which product.
        key: of the upload, which says the product and the version.
        body: its bytes.

    Raises:
        RefusedUploadError: it is no such metadata, or not signed with the key of the product.
    """
    upload = object_keys.parse_upload(key)
    assert upload is not None  # noqa: S101 (whoever reads it looked at the key first)
    metadata = read(key, body, int(upload.version), Targets)
    signed = vouched(key, metadata, targets, object_keys.product_role(upload.product)).signed
    manifests = {
        path: _target(key, path, target)
        for path, target in signed.targets.items()
        if object_keys.target_product(object_keys.target_key(path, target.hashes.get("sha256", ""))) == upload.product
    }
    return Seal(signed.version, body, manifests, signed.expires)


def read(key: str, body: bytes, version: int, kind: type[_Kind]) -> Metadata[_Kind]:
    """As `parse`; also raises `RefusedUploadError` if it is another version than the key says."""
    metadata = parse(key, body, kind)
    if metadata.signed.version != version:
        wrong = f"is {metadata.signed.version}, but the key says {version}"
        refuse(key, wrong, "Make them agree", path="$.signed.version")
    return metadata


def parse(key: str, body: bytes, kind: type[_Kind]) -> Metadata[_Kind]:
    """Metadata of one kind, with whatever signatures. Raises `RefusedUploadError` if it is none."""
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(body)
    except DeserializationError:
        refuse(key, "is no TUF metadata", "Make it with comet-updates keys, or with release")
    if not isinstance(metadata.signed, kind):
        refuse(key, f"is not {kind.type!r}", "Upload it under the key that is its own", path="$.signed._type")
    return metadata


def vouched(key: str, metadata: Metadata[_Kind], delegator: Root | Targets, role: str) -> Metadata[_Kind]:
    """The metadata, if enough of those signed it whom `delegator` names for `role`; or raises `RefusedUploadError`."""
    try:
        delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, SecureSystemsLibError, ValueError):
        by = f"version {delegator.version} of {delegator.type} names for {role}"
        wrong = f"is not signed with enough of the keys that {by}"
        refuse(key, wrong, "Sign it with these", path="$.signatures")
    return metadata


def _versions(uploaded: Mapping[str, bytes], role: str) -> list[int]:
    found = (object_keys.parse_upload(key) for key in uploaded)
    return [int(upload.version) for upload in found if upload and upload.kind == "trust" and upload.channel == role]


def _next_root(key: str, body: bytes, version: int, before: Root | None) -> Root:
    metadata = read(key, body, version, Root)
    root = metadata.signed
    for delegator in (before or root, root):  # as section 5.3 of the specification has it
        vouched(key, metadata, delegator, Root.type)
    if not root.consistent_snapshot:
        refuse(key, "has to be true", "Make it with comet-updates keys", path="$.signed.consistent_snapshot")
    return root


def _target(key: str, path: str, target: TargetFile) -> Target:
    custom: Any = target.custom if isinstance(target.custom, dict) else {}
    minisign, appcasts = custom.get("minisign"), custom.get("appcast", [])
    try:
        minisign = minisign if minisign is None else _text(minisign)
        signatures = tuple(_appcast_signature(said["sha256"], said["signature"]) for said in appcasts)
    except (AttributeError, KeyError, TypeError, ValueError):  # of base64, too
        place = f"$.signed.targets['{printable(path)}'].custom"
        refuse(key, "is of no form that can be passed on", "Sign with comet-updates", path=place)
    return Target(target.hashes["sha256"], minisign, signatures)


def _text(minisign: str) -> str:
    if not minisign.isascii() or len(minisign) > MINISIGN_MAX_CHARS:
        raise ValueError
    return minisign


def _appcast_signature(sha256: str, signature: str) -> AppcastSignature:
    if len(base64.b64decode(signature, validate=True)) != _ED25519_BYTES:
        raise ValueError
    return AppcastSignature(sha256, signature)
