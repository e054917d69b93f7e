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
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from securesystemslib.signer import ED25519, Key, SSlibKey
from tuf.api.metadata import Metadata, Root, Targets, Timestamp

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.errors import DecisionError, FileInTheWayError, SigningError, UnknownKeyError, refuse
from comet_updates.publish.bucket import Bucket, retry_conflicts
from comet_updates.publish.online_roles import current_online
from comet_updates.publish.signed_states import SignedStates
from comet_updates.publish.stored import etag_of
from comet_updates.signing import minisig
from comet_updates.signing import sign as signing_sign
from comet_updates.signing.verify import check_keys, check_size, parse, read_anchor
from comet_updates_cli import files as person_files
from comet_updates_cli.signing import offline_roles

FILE_MAX_BYTES = 50_000_000  # far more than the service accepts
KEY_MAX_BYTES = 100_000

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
        SigningError: `file` exists. No key was made.
        FileInTheWayError: the file for the public half exists. No key was made.
        UnwritableFileError: one of them cannot be written.
    """
    public_file = file.with_name(f"{file.name}.pub")
    if file.exists() or file.is_symlink():
        export_it = f"comet-updates keys export file2:{file} {public_file}"
        raise SigningError(str(file), f"already exists. To write its public half, run {export_it}")
    if public_file.exists() or public_file.is_symlink():
        raise FileInTheWayError(str(public_file))
    return _export(create_private(file), f"file2:{file}", public_file)


def create_private(file: Path) -> SSlibKey:
    """Make a key in `file`, which nobody else can read. Return its public half.

    Raises:
        FileInTheWayError: `file` exists. No key was made.
        UnwritableFileError: `file` cannot be written.
    """
    body, public_key = signing_sign.generate()
    person_files.create(file, body, is_private=True)
    return public_key


def export(uri: str, file: Path) -> list[str]:
    """Write the public half of a key to `file`; return lines that describe it.

    Raises:
        SigningError: the key cannot be read.
        FileInTheWayError: `file` holds something else, such as the private half. It stays as it is.
        UnwritableFileError: `file` cannot be written.
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
        RefusedUploadError: a file is not metadata, or a role names one public key twice.
        UnwritableFileError: a file cannot be written.
        ConcurrentPublishError: somebody else changed a file again and again.
    """
    files, says = [], []
    for kind in (Root, Targets):
        newest = _newest(folder, kind.type)
        # Somebody else may sign the same file at this moment. Read it again then, so that both signatures are in it.
        metadata = newest and retry_conflicts(partial(_sign, folder, newest, kind, uri, is_dry=is_dry))
        if newest and metadata:
            files.append(str(newest))
            says.append(f"{newest}: {_missing(folder, metadata) or 'has enough signatures'}")
    if not files:
        raise UnknownKeyError(uri, f"has nothing to sign in {folder}: it may not sign, or has signed already")
    return Written(files, says, not is_dry)


def _sign(folder: Path, file: Path, kind: type[Root | Targets], uri: str, *, is_dry: bool) -> Metadata[Any] | None:
    """Add a signature to a file. Return its metadata, or None if the key may not sign it or has signed already.

    Raises:
        SigningError: the key cannot be used.
        RefusedUploadError: the file is not metadata, or a role names one public key twice.
        ConcurrentPublishError: somebody else changed the file at the same time.
    """
    body = _read(file)
    metadata = _parsed(file, kind, body)
    check_keys(str(file), metadata.signed)
    before = dict(metadata.signatures)
    for delegator in _delegators(folder, metadata.signed):
        with suppress(UnknownKeyError):
            signing_sign.sign(metadata, delegator, kind.type, uri)
    if metadata.signatures == before:
        return None
    if not is_dry:
        person_files.replace(file, metadata.to_bytes(), body)
    return metadata


def show(folder: Path) -> list[Line]:
    """Return the keys of each role.

    Raises:
        DecisionError: the folder has no root or targets yet.
    """
    root, targets = _root(folder), _targets(folder)
    lines = []
    for signed in (root, targets):
        found, role = _newest(folder, signed.type), root.get_delegated_role(signed.type)
        signatures = list(_parsed(found, type(signed), _read(found)).signatures) if found else []
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
    documents = {_key(folder, file): _read(file) for file in sorted(_files(folder))}
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
    person_files.create(file, body.encode())
    lines = [f"key {key.keyid}", f"sign with {uri}", f"wrote {file}"]
    if key.scheme == ED25519:
        raw = bytes.fromhex(key.keyval["public"])
        minisign = minisig.public_key(signing_sign.key_number(key), raw).splitlines()[1]
        lines += [f"for minisign {minisign}", f"for Sparkle {base64.b64encode(raw).decode()}"]
    return lines


def public(file: Path) -> Key:
    """Return a public key that `create` or `export` wrote.

    Raises:
        SigningError: the file is not such a key.
        UnreadableFileError: the file cannot be read.
    """
    try:
        told = json.loads(person_files.read(file, KEY_MAX_BYTES).decode())
        return Key.from_dict(told.pop("keyid"), told)
    except (RecursionError, ValueError, KeyError, TypeError, AttributeError) as error:
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
    root: Root = _parsed(file, Root, _read(file)).signed
    return root


def _targets(folder: Path) -> Targets:
    file = _newest(folder, Targets.type)
    if file is None:
        raise DecisionError(f"{folder}: has no targets. Run comet-updates keys begin first.")
    targets: Targets = _parsed(file, Targets, _read(file)).signed
    return targets


def _delegators(folder: Path, signed: Root | Targets) -> list[Root]:
    """Return the roots whose keys must sign `signed`: for a root, the previous root and the root itself."""
    if isinstance(signed, Targets):
        return [_root(folder)]
    before = folder / Root.type / f"{signed.version - 1}.json"
    return [*([_parsed(before, Root, _read(before)).signed] if before.exists() else []), signed]


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

    The root is written last: if the command is interrupted before, it can be run again.

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
        ConcurrentPublishError: somebody else changed a draft at the same time.
        UnwritableFileError: a file cannot be written.
    """
    drafts: dict[Path, tuple[bytes, bytes]] = {}
    new: dict[Path, bytes] = {}
    unused: dict[Path, bytes] = {}
    for metadata in sorted(made, key=lambda each: each.type == Root.type):
        check_keys(str(folder / metadata.type / f"{metadata.version}.json"), metadata)
        draft = _newest(folder, metadata.type)
        body = _read(draft) if draft else b""
        if draft and _parsed(draft, type(metadata), body).signatures:
            draft = None
        if draft:
            metadata.version = int(draft.stem)
        if bucket is not None and isinstance(metadata, Targets):
            metadata.version = _free_number(bucket, _root(folder), metadata.version - 1)
        file = folder / metadata.type / f"{metadata.version}.json"
        if file == draft:
            drafts[file] = body, offline_roles.unsigned(metadata)
        else:
            new[file] = offline_roles.unsigned(metadata)
            unused |= {draft: body} if draft else {}
    for file, unsigned in new.items():
        person_files.check_free(file, unsigned)
    for file, (body, unsigned) in () if is_dry else drafts.items():
        person_files.replace(file, unsigned, body)
    for file, unsigned in () if is_dry else new.items():
        person_files.create(file, unsigned)
    for file, body in () if is_dry else unused.items():
        person_files.remove(file, body)
    files = [str(folder / metadata.type / f"{metadata.version}.json") for metadata in made]
    return Written(files, ["next step for everyone who must sign: comet-updates --sign-with KEY keys sign"], not is_dry)


def _read(file: Path) -> bytes:
    """Return the content of a file.

    Raises:
        UnreadableFileError: it cannot be read.
    """
    return person_files.read(file, FILE_MAX_BYTES)


def _parsed(file: Path, kind: type[Root | Targets], body: bytes) -> Metadata[Any]:
    """Return the metadata in a file.

    Raises:
        RefusedUploadError: it is not metadata of this kind, or its version is not the number in its name.
    """
    metadata: Metadata[Any] = parse(str(file), body, Root) if kind is Root else parse(str(file), body, Targets)
    if metadata.signed.version != int(file.stem):
        wrong = f"is {metadata.signed.version}, but the name of the file says {file.stem}"
        refuse(str(file), wrong, "Do not sign it. Ask the person who gave you the file", path="$.signed.version")
    return metadata
