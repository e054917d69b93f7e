"""The source for apps with TUF: python-tuf verifies the manifest as a target, starting from the root in the app.

python-tuf runs twice:

1. The first run knows only the root that shipped with the app, like a new installation. Only this run sends requests.
2. The second run knows all metadata that this copy has seen. It reads the answers of the first run, and decides.

So an attacker cannot roll back metadata, and requests never depend on what a copy has seen. A single run would skip
metadata that the copy already has. A server could then recognise the copy by its metadata versions, as by an ETag.
"""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from securesystemslib.exceptions import Error as SecureSystemsLibError
from tuf.api import exceptions
from tuf.api.metadata import Metadata, Root, Snapshot, Targets
from tuf.api.serialization import DeserializationError
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.errors import NoAnswerError, StateError, TrustFailure, UntrustedAnswerError, UnusableRootError
from comet_updates_client import manifest, request
from comet_updates_client.source import NOT_FOUND, Answer, document

METADATA = urls.METADATA.removeprefix("public")
TIMESTAMP = urls.TIMESTAMP.removeprefix("public")

SIGNED_MAX_BYTES = 512_000  # for metadata that people and pipelines sign: the service accepts no larger upload
SNAPSHOT_MAX_BYTES = 2_000_000  # about 30 000 products
TIMESTAMP_MAX_BYTES = 16_384
ROOTS_MAX = 100
"""How many roots may follow the one in the app: fifty years of renewals, and fifty replacements of stolen keys."""

_LIMITS = UpdaterConfig(
    max_root_rotations=ROOTS_MAX,
    max_delegations=1,  # targets delegate to the product's role, which delegates no further
    root_max_length=SIGNED_MAX_BYTES,
    timestamp_max_length=TIMESTAMP_MAX_BYTES,
    snapshot_max_length=SNAPSHOT_MAX_BYTES,
    targets_max_length=SIGNED_MAX_BYTES,
)
_WHY: tuple[tuple[type[Exception], TrustFailure], ...] = (
    (exceptions.ExpiredMetadataError, TrustFailure.OUT_OF_DATE),
    (exceptions.BadVersionNumberError, TrustFailure.ROLLED_BACK),
    (exceptions.UnsignedMetadataError, TrustFailure.FORGED),
    (exceptions.LengthOrHashMismatchError, TrustFailure.FORGED),
    (exceptions.DownloadLengthMismatchError, TrustFailure.TOO_LARGE),
    (DeserializationError, TrustFailure.UNREADABLE),
)


@dataclass(frozen=True)
class Tuf:
    """The source that trusts the keys in a TUF root.

    Attributes:
        root: the bytes of the root that shipped with the app; see `shipped`.
        version: the version of this root.
    """

    root: bytes
    version: int
    vouching = "tuf"

    def requests(self, channel: request.Channel) -> tuple[bytes, ...]:
        """See `source.Source`. All roots after the first are requested, whichever root shipped with the app."""
        role = object_keys.product_role(channel.product)
        versioned = ("2.root", "<number>.snapshot", f"<number>.{Targets.type}", f"<number>.{role}")
        first, *others = (f"{METADATA}{name}.json" for name in versioned)
        target = _target(channel, "<sha256>")
        return tuple(request.ask(channel.address._replace(path=path)) for path in (first, TIMESTAMP, *others, target))

    def ask(self, channel: request.Channel, memory: Path, tls: ssl.SSLContext, now: datetime) -> Answer:
        """See `source.Source`. python-tuf compares expiry dates with this machine's clock, not with `now`."""
        folder, service = memory.with_suffix(".tuf"), _Service(channel.address, tls, now)
        with _told(channel.address.name, folder), tempfile.TemporaryDirectory() as nothing:
            folder.mkdir(parents=True, exist_ok=True)
            for version in range(2, self.version + 1):
                service.download_bytes(_metadata(Root.type, version), SIGNED_MAX_BYTES)
            _manifest(channel, self.root, Path(nothing), service)
            body = _manifest(channel, self.root, folder, _Retold(channel.address, service.heard))
        return Answer(body, service.heard[TIMESTAMP].wait_s)


def shipped(root: bytes) -> Tuf:
    """Return the source for an app that ships with the bytes `root`.

    Raises:
        UnusableRootError: the bytes are not a TUF root that is signed with its own keys.
    """
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(root)
        if not isinstance(metadata.signed, Root):
            raise UnusableRootError
        metadata.signed.verify_delegate(Root.type, metadata.signed_bytes, metadata.signatures)
    except (exceptions.RepositoryError, SecureSystemsLibError, ValueError) as error:
        raise UnusableRootError from error
    return Tuf(root, metadata.signed.version)


class _Service(FetcherInterface):
    """Sends requests to the service, with our own bytes and only for the service's own paths.

    Attributes:
        heard: the answers, by path.
    """

    def __init__(self, address: request.Address, tls: ssl.SSLContext, now: datetime) -> None:
        self.heard: dict[str, Answer] = {}
        self._address, self._tls, self._now = address, tls, now

    def _fetch(self, url: str) -> Iterator[bytes]:
        if urls.public_key(url) is None:  # a signer can choose any role name, but it must not get into a request
            raise UntrustedAnswerError(self._address.name, TrustFailure.UNREADABLE)
        self.heard[url] = document(self._address._replace(path=url), self._tls, SNAPSHOT_MAX_BYTES, self._now)
        yield _body(self.heard[url])


class _Retold(FetcherInterface):
    """Returns the answers of the first run again, without requests."""

    def __init__(self, address: request.Address, heard: Mapping[str, Answer]) -> None:
        self._address, self._heard = address, heard

    def _fetch(self, url: str) -> Iterator[bytes]:
        if url not in self._heard:  # the copy has newer metadata than the service
            raise UntrustedAnswerError(self._address.name, TrustFailure.ROLLED_BACK)
        yield _body(self._heard[url])


def _manifest(channel: request.Channel, root: bytes, folder: Path, fetcher: FetcherInterface) -> bytes | None:
    """Return the manifest that the product's key signed, or None if it signed none for this channel.

    Args:
        channel: the channel.
        root: the bytes of the root that shipped with the app.
        folder: the folder with the metadata that was seen before. python-tuf updates it.
        fetcher: fetches metadata.

    Raises:
        RepositoryError: the metadata or the manifest cannot be verified.
        DownloadError: `fetcher` does not find a document.
    """
    updater = Updater(str(folder), METADATA, fetcher=fetcher, config=_LIMITS, bootstrap=root)
    updater.refresh()
    snapshot: Metadata[Snapshot] = Metadata.from_bytes((folder / f"{Snapshot.type}.json").read_bytes())
    if f"{object_keys.product_role(channel.product)}.json" not in snapshot.signed.meta:
        return None  # the product has a key, but has not signed anything yet
    target = updater.get_targetinfo(object_keys.target_path(channel.product, channel.channel))
    if target is None:
        return None
    path = _target(channel, target.hashes.get("sha256", ""))
    body: bytes = fetcher.download_bytes(path, min(target.length, manifest.MANIFEST_MAX_BYTES))
    target.verify_length_and_hashes(body)
    return body


def _metadata(role: str, version: int) -> str:
    return object_keys.metadata_key(role, version).removeprefix("public")


def _target(channel: request.Channel, sha256: str) -> str:
    key = object_keys.target_key(object_keys.target_path(channel.product, channel.channel), sha256)
    return key.removeprefix("public")


def _body(answer: Answer) -> bytes:
    if answer.body is None:  # for a root, python-tuf reads 404 as "this is the newest"
        raise exceptions.DownloadHTTPError("", NOT_FOUND)
    return answer.body


@contextmanager
def _told(host: str, folder: Path) -> Iterator[None]:
    """Raise our own errors in place of those of python-tuf and the file system."""
    try:
        yield
    except exceptions.DownloadHTTPError as error:
        raise NoAnswerError(host, f"answers with status {error.status_code}") from error
    except OSError as error:
        raise StateError(str(folder), error.strerror or type(error).__name__) from error
    except (exceptions.RepositoryError, exceptions.DownloadError, SecureSystemsLibError, ValueError) as error:
        why = next((why for kind, why in _WHY if isinstance(error, kind)), TrustFailure.UNREADABLE)
        raise UntrustedAnswerError(host, why) from error
