"""Read and verify TUF metadata: the trusted keys, and the metadata that the key of a product signed. Pure.

Source: The Update Framework, specification 1.0, https://theupdateframework.github.io/specification/. python-tuf reads
the metadata, and securesystemslib verifies each signature. docs/security.md explains the roles.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from securesystemslib.exceptions import Error as SecureSystemsLibError
from securesystemslib.signer import KEY_TYPE_ED25519, Key, SSlibKey
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Role, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from comet_updates import object_keys
from comet_updates.errors import Problem, RefusedUploadError, printable, refuse

METADATA_MAX_BYTES = 512_000
"""The largest root, targets or product's metadata. python-tuf accepts no larger root, and larger targets."""

MINISIGN_MAX_CHARS = 1_000  # the file has four lines
_ED25519_BYTES = 64

_Kind = TypeVar("_Kind", Root, Targets, Snapshot, Timestamp)


class TrustAnchor(NamedTuple):
    """The trusted root and targets metadata.

    Attributes:
        root: the newest root in an unbroken chain of verified roots, or None without a valid first root.
        targets: the newest targets metadata that is signed with the root's keys, or None. It names the key of each
            product.
        documents: the documents that clients read, by key, in the order in which to write them.
        refusals: the reasons why uploads are ignored, by their keys.
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
    """The signed hash of a manifest, and signatures for clients without TUF.

    Attributes:
        sha256: the hash of the manifest's bytes, in hexadecimal.
        minisign: the content of a detached signature file.
        appcasts: signatures of the appcasts that its channel can have while this manifest is published.
    """

    sha256: str
    minisign: str | None
    appcasts: tuple[AppcastSignature, ...]


class Seal(NamedTuple):
    """One state of a product, signed with the product's key.

    Attributes:
        version: the version of this metadata. A higher version was signed later.
        body: the uploaded bytes.
        manifests: all targets of this product in the metadata, by `object_keys.target_path`.
        expires: when clients stop accepting it, aware.
    """

    version: int
    body: bytes
    manifests: Mapping[str, Target]
    expires: datetime

    @property
    def state(self) -> dict[str, str]:
        """The SHA-256 of each manifest, by its path. Equal states have equal values."""
        return {path: target.sha256 for path, target in self.manifests.items()}


NO_TRUST = TrustAnchor(None, None, {}, {})
"""No key is trusted."""


def read_anchor(uploaded: Mapping[str, Iterable[bytes]]) -> TrustAnchor:
    """Return the trusted root and targets metadata.

    Anyone who may upload can take a key, so the first valid version of each key counts. Invalid and later ones are
    ignored.

    Args:
        uploaded: the versions of the metadata that the owners of the offline keys signed and uploaded, by key, the
            oldest first. A version is read only if those before it are not valid.
    """
    documents: dict[str, bytes] = {}
    refusals: dict[str, RefusedUploadError] = {}
    root: Root | None = None
    for version in range(1, len(uploaded) + 1):
        key = object_keys.trust_key(Root.type, version)
        if key not in uploaded:
            break
        try:
            root, body = _first(uploaded[key], partial(_next_root, key, version, root))
        except RefusedUploadError as refusal:
            refusals[key] = refusal
            break
        documents[object_keys.metadata_key(Root.type, version)] = body
    for version in _versions(uploaded, Root.type):
        key = object_keys.trust_key(Root.type, version)
        if object_keys.metadata_key(Root.type, version) not in documents and key not in refusals:
            problem = Problem("$", f"is ignored, since version {version - 1} is not valid", "Upload that version first")
            refusals[key] = RefusedUploadError(key, (problem,))
    if root is None:
        return TrustAnchor(None, None, documents, refusals)
    targets: Targets | None = None
    for version in sorted(_versions(uploaded, Targets.type), reverse=True):
        key = object_keys.trust_key(Targets.type, version)
        try:
            targets, body = _first(uploaded[key], partial(_targets, key, version, root))
        except RefusedUploadError as refusal:
            refusals[key] = refusal
            continue
        documents[object_keys.metadata_key(Targets.type, version)] = body
        break
    return TrustAnchor(root, targets, documents, refusals)


def check_size(key: str, size_bytes: int) -> None:
    """Check the size of metadata before it is read, and before it is uploaded.

    Raises:
        RefusedUploadError: it is too large.
    """
    if size_bytes > METADATA_MAX_BYTES:
        wrong = f"is larger than {METADATA_MAX_BYTES} bytes"
        refuse(key, wrong, "Sign for fewer products or channels. See docs/keys.md")


def read_seal(targets: Targets, key: str, body: bytes) -> Seal:
    """Return the state of a product that a pipeline signed.

    Args:
        targets: the metadata that names the key of each product.
        key: the key of the upload. It contains the product and the version.
        body: the bytes of the upload.

    Raises:
        RefusedUploadError: the upload is not a product's metadata, or is not signed with the product's key.
    """
    upload = object_keys.parse_upload(key)
    assert upload is not None  # noqa: S101 (the caller has checked the key)
    metadata = read(key, body, int(upload.version), Targets)
    signed = vouched(key, metadata, targets, object_keys.product_role(upload.product)).signed
    manifests = {
        path: _target(key, path, target)
        for path, target in signed.targets.items()
        if object_keys.target_product(object_keys.target_key(path, target.hashes.get("sha256", ""))) == upload.product
    }
    return Seal(signed.version, body, manifests, signed.expires)


def read(key: str, body: bytes, version: int, kind: type[_Kind]) -> Metadata[_Kind]:
    """Return metadata of one kind and version, without verifying its signatures.

    Raises:
        RefusedUploadError: the upload is not metadata of this kind, or its version differs from `version`.
    """
    metadata = parse(key, body, kind)
    if metadata.signed.version != version:
        wrong = f"is {metadata.signed.version}, but the key has {version}"
        refuse(key, wrong, "Use the same version in both", path="$.signed.version")
    return metadata


def parse(key: str, body: bytes, kind: type[_Kind]) -> Metadata[_Kind]:
    """Return metadata of one kind, without verifying its signatures.

    Raises:
        RefusedUploadError: the upload is not metadata of this kind.
    """
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(body)
    except DeserializationError:
        refuse(key, "is not TUF metadata", "Create it with comet-updates keys or comet-updates release")
    if not isinstance(metadata.signed, kind):
        refuse(key, f"is not {kind.type!r}", "Upload it under the key for its type", path="$.signed._type")
    return metadata


def vouched(key: str, metadata: Metadata[_Kind], delegator: Root | Targets, role: str) -> Metadata[_Kind]:
    """Verify the metadata's signatures and return it.

    Raises:
        RefusedUploadError: it is not signed with enough of the keys that `delegator` names for `role`.
    """
    try:
        delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, SecureSystemsLibError, ValueError):
        by = f"version {delegator.version} of {delegator.type} names for {role}"
        wrong = f"is not signed with enough of the keys that {by}"
        refuse(key, wrong, "Sign it with these keys", path="$.signatures")
    return metadata


def check_keys(key: str, delegator: Root | Targets) -> None:
    """Check that no role of `delegator` names one public key twice. Its owner alone could reach a threshold of two.

    Key ids do not show this: anyone can choose the id of a key, and write one public key in several ways.

    Args:
        key: the key of the upload, or the file.
        delegator: the root or targets metadata.

    Raises:
        RefusedUploadError: a role names one public key twice, or several keys that cannot be compared.
    """
    path, keys, roles = _named(delegator)
    for role in roles:
        named = [keys[keyid] for keyid in role.keyids if keyid in keys]
        ids: dict[bytes, str] = {}
        for each in named if len(named) > 1 else ():
            public, keyid = _public_bytes(each), printable(each.keyid)
            if public is None:
                wrong = f"the key {keyid} cannot be compared with other keys"
                refuse(key, wrong, "Use an Ed25519, ECDSA or RSA key", path=path)
            if public in ids:
                wrong = f"one role names the same public key twice, as {ids[public]} and {keyid}"
                refuse(key, wrong, "Name different keys", path=path)
            ids[public] = keyid


def _named(delegator: Root | Targets) -> tuple[str, Mapping[str, Key], list[Role]]:
    """Return the JSON path of the keys and roles in the metadata, the keys by id, and the roles."""
    if isinstance(delegator, Root):
        return "$.signed.roles", delegator.keys, list(delegator.roles.values())
    found = delegator.delegations
    roles = [*(found.roles or {}).values(), *filter(None, [found.succinct_roles])] if found else []
    return "$.signed.delegations", found.keys if found else {}, roles


def _public_bytes(key: Key) -> bytes | None:
    """Return the same bytes for each way to write one public key, or None if the key is of another kind or broken."""
    if not isinstance(key, SSlibKey):
        return None
    text = key.keyval["public"]
    try:
        if key.keytype == KEY_TYPE_ED25519:
            public: Any = Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
        else:
            public = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        return None
    found: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return found


def _first(versions: Iterable[bytes], read: Callable[[bytes], _Kind]) -> tuple[_Kind, bytes]:
    """Return the first version that `read` accepts, and its bytes.

    Raises:
        RefusedUploadError: it accepts none. The error is that of the first version.
    """
    refusals = []
    for body in versions:
        try:
            return read(body), body
        except RefusedUploadError as refusal:
            refusals.append(refusal)
    raise refusals[0]


def _versions(uploaded: Iterable[str], role: str) -> list[int]:
    found = (object_keys.parse_upload(key) for key in uploaded)
    return [int(upload.version) for upload in found if upload and upload.kind == "trust" and upload.channel == role]


def _next_root(key: str, version: int, before: Root | None, body: bytes) -> Root:
    metadata = read(key, body, version, Root)
    root = metadata.signed
    for delegator in (before or root, root):  # section 5.3 of the specification
        vouched(key, metadata, delegator, Root.type)
    check_keys(key, root)
    if not root.consistent_snapshot:
        refuse(key, "must be true", "Create it with comet-updates keys", path="$.signed.consistent_snapshot")
    return root


def _targets(key: str, version: int, root: Root, body: bytes) -> Targets:
    targets = vouched(key, read(key, body, version, Targets), root, Targets.type).signed
    check_keys(key, targets)
    return targets


def _target(key: str, path: str, target: TargetFile) -> Target:
    custom: Any = target.custom if isinstance(target.custom, dict) else {}
    minisign, appcasts = custom.get("minisign"), custom.get("appcast", [])
    try:
        minisign = minisign if minisign is None else _text(minisign)
        signatures = tuple(_appcast_signature(said["sha256"], said["signature"]) for said in appcasts)
    except (AttributeError, KeyError, TypeError, ValueError):  # base64 raises ValueError
        place = f"$.signed.targets['{printable(path)}'].custom"
        refuse(key, "is not valid", "Sign it with comet-updates", path=place)
    return Target(target.hashes["sha256"], minisign, signatures)


def _text(minisign: str) -> str:
    if not minisign.isascii() or len(minisign) > MINISIGN_MAX_CHARS:
        raise ValueError
    return minisign


def _appcast_signature(sha256: str, signature: str) -> AppcastSignature:
    if len(base64.b64decode(signature, validate=True)) != _ED25519_BYTES:
        raise ValueError
    return AppcastSignature(sha256, signature)
