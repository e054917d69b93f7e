"""A manifest as a target of TUF, verified from the root that the app was shipped with; python-tuf verifies.

It is done twice. First by a client that was installed just now: it knows the shipped root alone, and only it asks. Then
what it heard is told to one that remembers all that this copy saw, which opens no connection and has the last word. So
nothing can be rolled back, and still a request never depends on what a copy saw before: python-tuf alone leaves out
what it has already, and whoever chose the numbers of what it has could know it again, as by an ETag.
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

SIGNED_MAX_BYTES = 512_000  # of what people and pipelines sign: the service takes no larger upload
SNAPSHOT_MAX_BYTES = 2_000_000  # thirty thousand products
TIMESTAMP_MAX_BYTES = 16_384
ROOTS_MAX = 100
"""How many roots may follow the one that was shipped: fifty years of renewals, and as many thefts."""

_LIMITS = UpdaterConfig(
    max_root_rotations=ROOTS_MAX,
    max_delegations=1,  # targets name the role of the product, and that is all
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
    """The word of those whom a root names.

    Attributes:
        root: its bytes, as the app was shipped with them; see `shipped`.
        version: of it.
    """

    root: bytes
    version: int
    vouching = "tuf"

    def requests(self, channel: request.Channel) -> tuple[bytes, ...]:
        """See `source.Source`. Whichever root was shipped, all that came after the first are asked for."""
        role = object_keys.product_role(channel.product)
        versioned = ("2.root", "<number>.snapshot", f"<number>.{Targets.type}", f"<number>.{role}")
        first, *others = (f"{METADATA}{name}.json" for name in versioned)
        target = _target(channel, "<sha256>")
        return tuple(request.ask(channel.address._replace(path=path)) for path in (first, TIMESTAMP, *others, target))

    def ask(self, channel: request.Channel, memory: Path, tls: ssl.SSLContext, now: datetime) -> Answer:
        """See `source.Source`. Whether something is out of date, this machine's clock says, not `now`."""
        folder, service = memory.with_suffix(".tuf"), _Service(channel.address, tls, now)
        with _told(channel.address.name, folder), tempfile.TemporaryDirectory() as nothing:
            folder.mkdir(parents=True, exist_ok=True)
            for version in range(2, self.version + 1):
                service.download_bytes(_metadata(Root.type, version), SIGNED_MAX_BYTES)
            _manifest(channel, self.root, Path(nothing), service)
            body = _manifest(channel, self.root, folder, _Retold(channel.address, service.heard))
        return Answer(body, service.heard[TIMESTAMP].wait_s)


def shipped(root: bytes) -> Tuf:
    """The source for an app that was shipped with `root`, the bytes of a root. Raises `UnusableRootError`."""
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(root)
        if not isinstance(metadata.signed, Root):
            raise UnusableRootError
        metadata.signed.verify_delegate(Root.type, metadata.signed_bytes, metadata.signatures)
    except (exceptions.RepositoryError, SecureSystemsLibError, ValueError) as error:
        raise UnusableRootError from error
    return Tuf(root, metadata.signed.version)


class _Service(FetcherInterface):
    """Asks, in our words and within our grammar.

    Attributes:
        heard: what was answered, by path.
    """

    def __init__(self, address: request.Address, tls: ssl.SSLContext, now: datetime) -> None:
        self.heard: dict[str, Answer] = {}
        self._address, self._tls, self._now = address, tls, now

    def _fetch(self, url: str) -> Iterator[bytes]:
        if urls.public_key(url) is None:  # who signs can name a role as he likes, but nothing gets into a request
            raise UntrustedAnswerError(self._address.name, TrustFailure.UNREADABLE)
        self.heard[url] = document(self._address._replace(path=url), self._tls, SNAPSHOT_MAX_BYTES, self._now)
        yield _body(self.heard[url])


class _Retold(FetcherInterface):
    """Says again what was heard."""

    def __init__(self, address: request.Address, heard: Mapping[str, Answer]) -> None:
        self._address, self._heard = address, heard

    def _fetch(self, url: str) -> Iterator[bytes]:
        if url not in self._heard:  # who remembers more wants what follows that, and there was less
            raise UntrustedAnswerError(self._address.name, TrustFailure.ROLLED_BACK)
        yield _body(self._heard[url])


def _manifest(channel: request.Channel, root: bytes, folder: Path, fetcher: FetcherInterface) -> bytes | None:
    """What the key of the product signed; `None` if it signed nothing for this channel. Raises what python-tuf raises.

    Args:
        channel: what to ask for.
        root: what the app was shipped with.
        folder: what was seen before, and will have been.
        fetcher: what asks.
    """
    updater = Updater(str(folder), METADATA, fetcher=fetcher, config=_LIMITS, bootstrap=root)
    updater.refresh()
    snapshot: Metadata[Snapshot] = Metadata.from_bytes((folder / f"{Snapshot.type}.json").read_bytes())
    if f"{object_keys.product_role(channel.product)}.json" not in snapshot.signed.meta:
        return None  # the product has a key, and never signed anything
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
    if answer.body is None:  # of a root, this says that there is no newer one
        raise exceptions.DownloadHTTPError("", NOT_FOUND)
    return answer.body


@contextmanager
def _told(host: str, folder: Path) -> Iterator[None]:
    """Tells in our own words what goes wrong."""
    try:
        yield
    except exceptions.DownloadHTTPError as error:
        raise NoAnswerError(host, f"answers with status {error.status_code}") from error
    except OSError as error:
        raise StateError(str(folder), error.strerror or type(error).__name__) from error
    except (exceptions.RepositoryError, exceptions.DownloadError, SecureSystemsLibError, ValueError) as error:
        why = next((why for kind, why in _WHY if isinstance(error, kind)), TrustFailure.UNREADABLE)
        raise UntrustedAnswerError(host, why) from error
