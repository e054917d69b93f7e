"""The source for apps without TUF: a manifest and its detached minisign signature, `manifest.json.minisig`.

The signed comment of the signature contains its expiry date and its channel. So an attacker on the network cannot forge
a manifest, cannot swap channels, and cannot hide newer releases after that date.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.errors import TrustFailure, UntrustedAnswerError
from comet_updates_client import request, verify
from comet_updates_client.manifest import MANIFEST_MAX_BYTES
from comet_updates_client.source import Answer, document
from comet_updates_client.verify import PublicKey

SIGNATURE_MAX_BYTES = 10_000  # the file has four lines, and a service publishes up to 1000 characters


@dataclass(frozen=True)
class Minisign:
    """The source that trusts a minisign key.

    Attributes:
        key: the public key.
    """

    key: PublicKey
    vouching = "minisign"

    def requests(self, channel: request.Channel) -> tuple[bytes, ...]:
        """See `source.Source`."""
        return request.ask(channel.address), request.ask(_signature(channel))

    def ask(self, channel: request.Channel, memory: Path, tls: ssl.SSLContext, now: datetime) -> Answer:  # noqa: ARG002
        """See `source.Source`. An empty offer has no signature, so it is an `UntrustedAnswerError`."""
        manifest = document(channel.address, tls, MANIFEST_MAX_BYTES, now)
        signature = document(_signature(channel), tls, SIGNATURE_MAX_BYTES, now)
        host = channel.address.name
        if manifest.body is None or signature.body is None:
            raise UntrustedAnswerError(host, TrustFailure.UNSIGNED)
        try:
            comment = verify.trusted_comment(manifest.body, signature.body, self.key)
        except ValueError as error:
            raise UntrustedAnswerError(host, TrustFailure.FORGED) from error
        expires, path = _read(comment)
        if path != object_keys.target_path(channel.product, channel.channel):
            raise UntrustedAnswerError(host, TrustFailure.OF_ANOTHER)
        if expires is None or expires <= now:
            raise UntrustedAnswerError(host, TrustFailure.OUT_OF_DATE)
        return manifest


def _signature(channel: request.Channel) -> request.Address:
    document = f"{urls.MANIFEST}.minisig"
    return channel.address._replace(path=urls.document_path(channel.product, channel.channel, document))


def _read(comment: str) -> tuple[datetime | None, str | None]:
    """Return the expiry date and the path from `timestamp:… expires:… file:…`.

    Each is None unless the comment contains it exactly once.
    """
    said = [field.partition(":") for field in comment.split()]
    expires = [value for name, _, value in said if name == "expires"]
    files = [value for name, _, value in said if name == "file"]
    try:
        (end,) = expires
        at = datetime.strptime(end, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        at = None
    return at, files[0] if len(files) == 1 else None
