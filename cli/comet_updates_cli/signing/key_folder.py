"""The folder of root and targets until they have enough signatures: reads, writes and publishes its files.

It has the layout of `trust/` in the bucket: `root/1.json`, `targets/1.json` and so on. It contains no secrets, so it
can be kept in a repository and shared. A signed file is only rewritten to add another signature.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from securesystemslib.signer import ED25519, Key, SSlibKey
from tuf.api.metadata import Metadata, Root, Targets, Timestamp

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.errors import DecisionError, FileInTheWayError, SigningError, UnknownKeyError
from comet_updates.publish.bucket import Bucket
from comet_updates.publish.online_roles import current_online
from comet_updates.publish.signed_states import SignedStates
from comet_updates.publish.stored import etag_of
from comet_updates.signing import minisig
from comet_updates.signing import sign as signing_sign
from comet_updates.signing.verify import check_keys, check_size, parse, read_anchor
from comet_updates_cli import files as person_files
from comet_updates_cli.signing import offline_roles

_OURS = "If one of you uploaded it, download it and start again from there"
_THEIRS = f"{_OURS}. If a thief did, run comet-updates keys rotate"


class Written(NamedTuple):
    """The files that a command wrote, or would write, and the lines to print."""

    files: list[str]
    says: list[str]
    is_done: bool


class Line(NamedTuple):
    """The keys of a role.

    Attributes:
        what: the file, or the product.
        expires: the day on which the file expires.
        threshold: the number of keys that must sign.
        keys: the ids of the keys that may sign.
        signed: the ids of the keys that have signed; always empty for a product.
    """

    what: str
    expires: str
    threshold: int
    keys: list[str]
    signed: list[str]

    def __str__(self) -> str:
        """Return the line to print."""
        keys = ", ".join(f"{key[:16]}{' signed' if key in self.signed else ''}" for key in self.keys)
        return f"{self.what}  until {self.expires}  {self.threshold} of: {keys}"


def create(file: Path) -> list[str]:
    """Make a key in `file`, its public half beside it; return lines that describe it.

    Raises:
        SigningError: `file` exists, or cannot be written.
        FileInTheWayError: the file for the public half exists. No key was made.
    """
    public_file = file.with_name(f"{file.name}.pub")
    if not file.exists() and (public_file.exists() or public_file.is_symlink()):
        raise FileInTheWayError(str(public_file))
    return _export(signing_sign.create(file), f"file2:{file}", public_file)


def export(uri: str, file: Path) -> list[str]:
    """Write the public half of a key to `file`; return lines that describe it.

    Raises:
        SigningError: the key cannot be read, or `file` cannot be written.
        FileInTheWayError: `file` holds something else, such as the private half. It stays as it is.
    """
    return _export(signing_sign.public_key(uri), uri, file)


def begin(
    folder: Path,
    root: Sequence[Path],
    targets: Sequence[Path],
    online: Path,
    *,
    threshold: int,
    now: datetime,
    is_dry: bool,
) -> Written:
    """Write the first root and the first targets.

    Raises:
        DecisionError: the folder already has a root, or there are fewer keys than must sign.
        SigningError: a public key cannot be read.
    """
    if _newest(folder, Root.type):
        raise DecisionError(f"{folder}: already has a root. To replace its keys, run comet-updates keys rotate.")
    keys = [[public(file) for file in files] for files in (root, targets)]
    first = offline_roles.first_root(keys[0], threshold, keys[1], public(online), now)
    return _write(folder, [first, offline_roles.first_targets(now)], is_dry=is_dry)


def delegate(
    folder: Path, product: str, keys: Sequence[Path], threshold: int, *, now: datetime, is_dry: bool
) -> Written:
    """Write the next targets, in which only `keys` sign for `product`.

    Raises:
        DecisionError: the folder has no targets, or there are fewer keys than must sign.
        SigningError: a public key cannot be read.
    """
    speaking = [public(file) for file in keys]
    return _write(folder, [offline_roles.delegated(_targets(folder), product, speaking, threshold, now)], is_dry=is_dry)


def rotate(
    folder: Path,
    who: str,
    add: Sequence[Path],
    remove: Sequence[str],
    *,
    now: datetime,
    is_dry: bool,
    bucket: Bucket | None = None,
) -> Written:
    """Write the next root with other keys; without other keys, renew the root or the targets for another year.

    Args:
        folder: the folder of root and targets.
        who: `root`, `targets` or `online`.
        add: the files of new public keys.
        remove: the ids of keys to remove.
        now: aware.
        is_dry: whether to write nothing.
        bucket: where others may have uploaded targets. The number of the next targets is above all of those there.

    Raises:
        DecisionError: the folder has no root or targets, a key to remove is unknown, or too few keys or numbers are
            left.
        SigningError: a public key cannot be read.
        StoreUnavailableError: S3 fails.
    """
    made: list[Root | Targets] = []
    if add or remove or who != Targets.type:
        made.append(offline_roles.rotated(_root(folder), who, [public(file) for file in add], remove, now))
    if who == Targets.type:  # signatures of removed keys become invalid: the other keys need new targets to sign
        made.append(offline_roles.renewed(_targets(folder), now))
    return _write(folder, made, is_dry=is_dry, bucket=bucket)


def revoke(folder: Path, keyid: str, *, now: datetime, is_dry: bool) -> Written:
    """Write the next root or targets, or both, without a key.

    Raises:
        DecisionError: no role has the key, or fewer keys than must sign are left.
    """
    root, targets = offline_roles.without(_root(folder), _targets(folder), keyid, now)
    return _write(folder, [metadata for metadata in (root, targets) if metadata], is_dry=is_dry)


def sign(folder: Path, uri: str, *, is_dry: bool) -> Written:
    """Sign the newest root and the newest targets with a key, as far as it may sign them.

    Raises:
        UnknownKeyError: the key may not sign them, or has signed them already.
        SigningError: the key cannot be used.
        RefusedUploadError: a role names one public key twice.
    """
    files, says = [], []
    for kind in (Root.type, Targets.type):
        newest = _newest(folder, kind)
        if newest is None:
            continue
        metadata: Metadata[Any] = Metadata.from_bytes(newest.read_bytes())
        check_keys(str(newest), metadata.signed)
        before = dict(metadata.signatures)
        for delegator in _delegators(folder, metadata.signed):
            with suppress(UnknownKeyError):
                signing_sign.sign(metadata, delegator, kind, uri)
        if metadata.signatures == before:
            continue
        files.append(str(newest))
        if not is_dry:
            person_files.replace(newest, metadata.to_bytes())
        says.append(f"{newest}: {_missing(folder, metadata) or 'has enough signatures'}")
    if not files:
        raise UnknownKeyError(uri, f"has nothing to sign in {folder}: it may not sign, or has signed already")
    return Written(files, says, not is_dry)


def show(folder: Path) -> list[Line]:
    """Return the keys of each role.

    Raises:
        DecisionError: the folder has no root or targets yet.
    """
    root, targets = _root(folder), _targets(folder)
    lines = []
    for signed in (root, targets):
        found, role = _newest(folder, signed.type), root.get_delegated_role(signed.type)
        signatures = list(Metadata.from_bytes(found.read_bytes()).signatures) if found else []
        lines.append(Line(f"{signed.type}/{signed.version}", _day(signed), role.threshold, role.keyids, signatures))
    online = root.get_delegated_role(Timestamp.type)
    lines.append(Line("online", _day(root), online.threshold, online.keyids, []))
    for product, of in offline_roles.speakers(targets).items():
        lines.append(Line(product, _day(targets), of.threshold, of.keyids, []))
    return lines


def publish(folder: Path, bucket: Bucket, *, is_dry: bool) -> Written:
    """Upload the files that the bucket does not have yet. Replace uploads that have no valid signature.

    Raises:
        RefusedUploadError: a file is too large or does not have enough signatures; nothing is uploaded.
        DecisionError: the folder has no root, the bucket has a different file of the same name, or TUF clients know
            targets with a higher number.
        StoreUnavailableError: S3 fails.
    """
    documents = {_key(folder, file): file.read_bytes() for file in sorted(_files(folder))}
    _root(folder)
    for key, body in documents.items():
        check_size(key, len(body))
    there = bucket.etags(object_keys.TRUST)
    published = SignedStates(bucket).look().documents
    missing = {}
    for key, body in documents.items():
        accepted = published.get(_public_key(key))
        if accepted not in (None, body):
            remedy = f"{_THEIRS} {folder} targets --bucket BUCKET." if Targets.type in key else f"{_OURS}."
            raise DecisionError(f"{key}: already exists with different content. {remedy}")
        if accepted is None and there.get(key) != etag_of(body):
            missing[key] = body
    anchor = read_anchor({key: [body] for key, body in documents.items()})
    for refusal in anchor.refusals.values():
        raise refusal
    if anchor.root and anchor.targets:
        key = object_keys.trust_key(Targets.type, anchor.targets.version)
        known = current_online(bucket, anchor.root).version_of(Targets.type) or 0
        if key in missing and anchor.targets.version <= known < object_keys.NUMBER_MAX:
            remedy = f"Run comet-updates keys rotate {folder} targets --bucket BUCKET, sign again, and publish that"
            raise DecisionError(f"{key}: is too low, because TUF clients know version {known}. {remedy}.")
    for key, body in () if is_dry else missing.items():  # what is there now has no valid signature
        bucket.put(key, body, urls.CONTENT_TYPES[".json"], replaces=there.get(key))
    return Written(list(missing), [] if missing else ["nothing to do: everything is uploaded already"], not is_dry)


def _export(key: SSlibKey, uri: str, file: Path) -> list[str]:
    """Write a public key. Return the lines to print, for Ed25519 keys also in the forms of minisign and Sparkle."""
    body = json.dumps({"keyid": key.keyid, **key.to_dict()}, indent=2) + "\n"
    try:
        person_files.create(file, body.encode())
    except OSError as error:
        raise SigningError(str(file), f"cannot be written: {error.strerror}") from error
    lines = [f"key {key.keyid}", f"sign with {uri}", f"wrote {file}"]
    if key.scheme == ED25519:
        raw = bytes.fromhex(key.keyval["public"])
        minisign = minisig.public_key(signing_sign.key_number(key), raw).splitlines()[1]
        lines += [f"for minisign {minisign}", f"for Sparkle {base64.b64encode(raw).decode()}"]
    return lines


def public(file: Path) -> Key:
    """Return a public key that `create` or `export` wrote.

    Raises:
        SigningError: the file cannot be read, or is not such a key.
    """
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return Key.from_dict(told.pop("keyid"), told)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SigningError(str(file), "is not a public key from comet-updates keys create or keys export") from error


def _free_number(bucket: Bucket, root: Root, signed: int) -> int:
    """Return the number for the targets after version `signed`, above all that were uploaded or published."""
    uploads = (object_keys.parse_upload(key) for key in bucket.etags(object_keys.TRUST))
    taken = {int(upload.version) for upload in uploads if upload and upload.channel == Targets.type}
    known = current_online(bucket, root).version_of(Targets.type) or 0
    numbers = object_keys.free_numbers(taken, signed, known, 1)
    if not numbers:
        raise DecisionError(
            "targets: no version number is left. Begin in another folder, and ship its root in your app."
        )
    return numbers[0]


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.glob("*/*.json") if object_keys.parse_upload(_key(folder, file))]


def _key(folder: Path, file: Path) -> str:
    return f"trust/{file.relative_to(folder).as_posix()}"


def _public_key(key: str) -> str:
    """Return the key under which the upload at `key` is published."""
    upload = object_keys.parse_upload(key)
    assert upload is not None  # noqa: S101 (see `_files`)
    return object_keys.metadata_key(upload.channel, int(upload.version))


def _day(signed: Root | Targets) -> str:
    return f"{signed.expires:%Y-%m-%d}"


def _newest(folder: Path, kind: str) -> Path | None:
    mine = [file for file in _files(folder) if file.parent.name == kind]
    return max(mine, key=lambda file: int(file.stem), default=None)


def _root(folder: Path) -> Root:
    file = _newest(folder, Root.type)
    if file is None:
        raise DecisionError(f"{folder}: has no root. Run comet-updates keys begin first.")
    return parse(str(file), file.read_bytes(), Root).signed


def _targets(folder: Path) -> Targets:
    file = _newest(folder, Targets.type)
    if file is None:
        raise DecisionError(f"{folder}: has no targets. Run comet-updates keys begin first.")
    return parse(str(file), file.read_bytes(), Targets).signed


def _delegators(folder: Path, signed: Root | Targets) -> list[Root]:
    """Return the roots whose keys must sign `signed`: for a root, the previous root and the root itself."""
    if isinstance(signed, Targets):
        return [_root(folder)]
    before = folder / Root.type / f"{signed.version - 1}.json"
    return [*([parse(str(before), before.read_bytes(), Root).signed] if before.exists() else []), signed]


def _missing(folder: Path, metadata: Metadata[Any]) -> str:
    """Return the number of missing signatures, in words; empty for none."""
    signed = metadata.signed
    results = [
        delegator.get_verification_result(signed.type, metadata.signed_bytes, metadata.signatures)
        for delegator in _delegators(folder, signed)
    ]
    missing = max(result.missing for result in results)
    return f"signatures still missing: {missing}" if missing else ""


def _write(folder: Path, made: Sequence[Root | Targets], *, is_dry: bool, bucket: Bucket | None = None) -> Written:
    """Write the next versions. A version without signatures is replaced, because it is still a draft.

    Args:
        folder: the folder of root and targets.
        made: the next versions.
        is_dry: whether to write nothing.
        bucket: the number of the next targets is above all that were uploaded or published there.

    Raises:
        DecisionError: no number is left.
        FileInTheWayError: another file has the name of a new version. Nothing is written.
        RefusedUploadError: a role names one public key twice. Nothing is written.
        StoreUnavailableError: S3 fails.
    """
    drafts: dict[Path, bytes] = {}
    new: dict[Path, bytes] = {}
    unused = []
    for metadata in made:
        check_keys(str(folder / metadata.type / f"{metadata.version}.json"), metadata)
        draft = _newest(folder, metadata.type)
        if draft is not None and Metadata.from_bytes(draft.read_bytes()).signatures:
            draft = None
        if draft is not None:
            metadata.version = int(draft.stem)
        if bucket is not None and isinstance(metadata, Targets):
            metadata.version = _free_number(bucket, _root(folder), metadata.version - 1)
        file = folder / metadata.type / f"{metadata.version}.json"
        (drafts if file == draft else new)[file] = offline_roles.unsigned(metadata)
        unused += [draft] if draft is not None and file != draft else []
    for file, body in new.items():
        person_files.check_free(file, body)
    for file, body in () if is_dry else drafts.items():
        person_files.replace(file, body)
    for file, body in () if is_dry else new.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        person_files.create(file, body)
    for file in () if is_dry else unused:
        file.unlink()
    files = [str(folder / metadata.type / f"{metadata.version}.json") for metadata in made]
    return Written(files, ["next step for everyone who must sign: comet-updates --sign-with KEY keys sign"], not is_dry)
