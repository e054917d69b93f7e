"""The folder in which root and targets lie until enough people signed them: read, written, published.

It is laid out like `trust/` in the bucket: `root/1.json`, `targets/1.json` and so on. Nothing in it is secret, so it
can be kept in a repository and handed around; what has signatures is never written over, but to add another one.
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

from comet_updates import names
from comet_updates.cli import files
from comet_updates.errors import (
    DecisionError,
    FileInTheWayError,
    FileNotWrittenError,
    SigningError,
    UnknownKeyError,
)
from comet_updates.publish.bucket import Bucket, etag_of
from comet_updates.trust import ceremony, minisig, signing
from comet_updates.trust.metadata import parse, read_anchor


class Written(NamedTuple):
    """What a command wrote, or would, and what is to be known of it, a line each."""

    files: list[str]
    says: list[str]
    is_done: bool


class Line(NamedTuple):
    """Who may sign something.

    Attributes:
        what: the file, or the product.
        expires: the day on which the file does.
        threshold: how many have to sign.
        keys: the ids of those who may.
        signed: the ids of those who did; of a product nothing is known here.
    """

    what: str
    expires: str
    threshold: int
    keys: list[str]
    signed: list[str]

    def __str__(self) -> str:
        """A line for people."""
        keys = ", ".join(f"{key[:16]}{' signed' if key in self.signed else ''}" for key in self.keys)
        return f"{self.what}  until {self.expires}  {self.threshold} of: {keys}"


def create(file: Path) -> list[str]:
    """Make a key, and return what is to be known of it.

    Raises:
        SigningError: the private key cannot be written, or its file exists.
        FileInTheWayError: the file for the public key exists. No private key is made then.
        FileNotWrittenError: the public key cannot be written.
    """
    beside = file.with_name(f"{file.name}.pub")
    if files.exists(beside) and not files.exists(file):  # which the next line refuses
        raise FileInTheWayError(str(beside), "FILE")
    return _export(signing.create(file), f"file2:{file}", beside)


def export(uri: str, file: Path) -> list[str]:
    """Write the public half of a key to `file`, and return what is to be known of it.

    Raises:
        SigningError: the key cannot be read.
        FileInTheWayError: the file exists and is not this public key.
        FileNotWrittenError: the file cannot be written.
    """
    return _export(signing.public_key(uri), uri, file)


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
    """Write the first root and the first targets. Raises `DecisionError`, also if there are any."""
    if _newest(folder, Root.type):
        raise DecisionError(f"{folder} has a root already. To exchange its keys: comet-updates keys rotate")
    keys = [[public(file) for file in named] for named in (root, targets)]
    first = ceremony.first_root(keys[0], threshold, keys[1], public(online), now)
    return _write(folder, [first, ceremony.first_targets(now)], is_dry=is_dry)


def delegate(
    folder: Path, product: str, keys: Sequence[Path], threshold: int, *, now: datetime, is_dry: bool
) -> Written:
    """Write the next targets, in which only `keys` speak for `product`. Raises `DecisionError`."""
    speaking = [public(file) for file in keys]
    return _write(folder, [ceremony.delegated(_targets(folder), product, speaking, threshold, now)], is_dry=is_dry)


def rotate(
    folder: Path, who: str, add: Sequence[Path], remove: Sequence[str], *, now: datetime, is_dry: bool
) -> Written:
    """Write the next root, with other keys; or without, the next of that for another year. Raises `DecisionError`."""
    made: list[Root | Targets] = []
    if add or remove or who != Targets.type:
        made.append(ceremony.rotated(_root(folder), who, [public(file) for file in add], remove, now))
    if who == Targets.type:  # what keys signed that are gone counts no longer: there is to be something to sign
        made.append(ceremony.renewed(_targets(folder), now))
    return _write(folder, made, is_dry=is_dry)


def revoke(folder: Path, keyid: str, *, now: datetime, is_dry: bool) -> Written:
    """Write the next root or targets, or both, without a key. Raises `DecisionError`."""
    root, targets = ceremony.without(_root(folder), _targets(folder), keyid, now)
    return _write(folder, [metadata for metadata in (root, targets) if metadata], is_dry=is_dry)


def sign(folder: Path, uri: str, *, is_dry: bool) -> Written:
    """Sign the newest root and the newest targets with a key, as far as it may. Raises `UnknownKeyError` for none."""
    signed, says = [], []
    for kind in (Root.type, Targets.type):
        newest = _newest(folder, kind)
        if newest is None:
            continue
        metadata: Metadata[Any] = Metadata.from_bytes(newest.read_bytes())
        before = dict(metadata.signatures)
        for delegator in _delegators(folder, metadata.signed):
            with suppress(UnknownKeyError):
                signing.sign(metadata, delegator, kind, uri)
        if metadata.signatures == before:
            continue
        signed.append(str(newest))
        if not is_dry:
            files.rewrite(newest, metadata.to_bytes())
        says.append(f"{newest}: {_missing(folder, metadata) or 'is signed by enough'}")
    if not signed:
        raise UnknownKeyError(uri, f"has nothing to sign in {folder}: it may not, or it did already")
    return Written(signed, says, not is_dry)


def show(folder: Path) -> list[Line]:
    """Who may sign what. Raises `DecisionError` if there is no root yet."""
    root, targets = _root(folder), _targets(folder)
    lines = []
    for signed in (root, targets):
        found, role = _newest(folder, signed.type), root.get_delegated_role(signed.type)
        signatures = list(Metadata.from_bytes(found.read_bytes()).signatures) if found else []
        lines.append(Line(f"{signed.type}/{signed.version}", _day(signed), role.threshold, role.keyids, signatures))
    online = root.get_delegated_role(Timestamp.type)
    lines.append(Line("online", _day(root), online.threshold, online.keyids, []))
    for product, of in ceremony.speakers(targets).items():
        lines.append(Line(product, _day(targets), of.threshold, of.keyids, []))
    return lines


def publish(folder: Path, bucket: Bucket, *, is_dry: bool) -> Written:
    """Upload what is not there yet.

    Raises:
        RefusedUploadError: something of it is not signed by enough; nothing is uploaded then.
        DecisionError: there is no root, or the bucket has another one of the same number.
        StoreUnavailableError: S3 fails.
    """
    documents = {_key(folder, file): file.read_bytes() for file in sorted(_files(folder))}
    _root(folder)
    there = bucket.etags("trust/")
    for key, body in documents.items():
        if key in there and there[key] != etag_of(body):
            remedy = "If one of you uploaded it, fetch it and begin anew from there; if not, have it deleted"
            raise DecisionError(f"{key} is there already and says something else. {remedy}")
    for refusal in read_anchor(documents).refusals.values():
        raise refusal
    missing = {key: body for key, body in documents.items() if key not in there}
    for key, body in () if is_dry else missing.items():
        bucket.put(key, body, names.CONTENT_TYPES[".json"], replaces=None)
    return Written(list(missing), [] if missing else ["nothing to do: all of it is there"], not is_dry)


def _export(key: SSlibKey, uri: str, file: Path) -> list[str]:
    """Write a public key for others to name it, and tell it as minisign and Sparkle write it, if it can be theirs."""
    body = json.dumps({"keyid": key.keyid, **key.to_dict()}, indent=2) + "\n"
    files.write_new(file, body.encode(), "FILE")
    lines = [f"key {key.keyid}", f"sign with {uri}", f"wrote {file}"]
    if key.scheme == ED25519:
        raw = bytes.fromhex(key.keyval["public"])
        minisign = minisig.public_key(signing.key_number(key), raw).splitlines()[1]
        lines += [f"for minisign {minisign}", f"for Sparkle {base64.b64encode(raw).decode()}"]
    return lines


def public(file: Path) -> Key:
    """A public key that `create` or `export` wrote. Raises `SigningError`."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return Key.from_dict(told.pop("keyid"), told)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SigningError(str(file), "is no public key that comet-updates keys create or export wrote") from error


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.glob("*/*.json") if names.parse_upload(_key(folder, file))]


def _key(folder: Path, file: Path) -> str:
    return f"trust/{file.relative_to(folder).as_posix()}"


def _day(signed: Root | Targets) -> str:
    return f"{signed.expires:%Y-%m-%d}"


def _newest(folder: Path, kind: str) -> Path | None:
    mine = [file for file in _files(folder) if file.parent.name == kind]
    return max(mine, key=lambda file: int(file.stem), default=None)


def _root(folder: Path) -> Root:
    file = _newest(folder, Root.type)
    if file is None:
        raise DecisionError(f"{folder} has no root: comet-updates keys begin comes first")
    return parse(str(file), file.read_bytes(), Root).signed


def _targets(folder: Path) -> Targets:
    file = _newest(folder, Targets.type)
    if file is None:
        raise DecisionError(f"{folder} has no targets: comet-updates keys begin comes first")
    return parse(str(file), file.read_bytes(), Targets).signed


def _delegators(folder: Path, signed: Root | Targets) -> list[Root]:
    """By whose word the signatures of `signed` count: for a root, the one before it and itself."""
    if isinstance(signed, Targets):
        return [_root(folder)]
    before = folder / Root.type / f"{signed.version - 1}.json"
    return [*([parse(str(before), before.read_bytes(), Root).signed] if before.exists() else []), signed]


def _missing(folder: Path, metadata: Metadata[Any]) -> str:
    """How many signatures are missing, in words; empty for none."""
    signed = metadata.signed
    results = [
        delegator.get_verification_result(signed.type, metadata.signed_bytes, metadata.signatures)
        for delegator in _delegators(folder, signed)
    ]
    missing = max(result.missing for result in results)
    return f"{missing} more of its keys have to sign" if missing else ""


def _write(folder: Path, made: Sequence[Root | Targets], *, is_dry: bool) -> Written:
    """Write the next versions, all or none. One that nobody signed yet is still being decided: it takes its place.

    Raises:
        FileInTheWayError: a file exists that is not the newest, such as targets without a root.
        FileNotWrittenError: a file cannot be written.
    """
    undecided, new = {}, {}
    for metadata in made:
        newest = _newest(folder, metadata.type)
        if newest is not None and not Metadata.from_bytes(newest.read_bytes()).signatures:
            metadata.version = int(newest.stem)
            undecided[newest] = ceremony.unsigned(metadata)
        else:
            new[folder / metadata.type / f"{metadata.version}.json"] = ceremony.unsigned(metadata)
    for file, body in new.items():
        files.check_free(file, body, "FOLDER")
    for file, body in () if is_dry else undecided.items():
        files.rewrite(file, body)
    for file, body in () if is_dry else new.items():
        _make_folder(file.parent)
        files.write_new(file, body, "FOLDER")
    written = [str(folder / metadata.type / f"{metadata.version}.json") for metadata in made]
    return Written(written, ["now each of those who have to sign: comet-updates --sign-with KEY keys sign"], not is_dry)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileNotWrittenError(str(folder), error) from error
