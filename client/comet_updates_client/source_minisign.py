"""A manifest with a detached signature of minisign, for apps without TUF: `manifest.json.minisig` beside it.

What is signed with it, in the trusted comment, says until when it counts and of which channel it is. So whoever stands
in between can neither forge, nor swap channels, nor hold back what is newer for longer than that.
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

SIGNATURE_MAX_BYTES = 10_000  # four lines; a service passes on a thousand characters


@dataclass(frozen=True)
class Minisign:
    """The word of a key.

    Attributes:
        key: whose.
    """

    key: PublicKey
    vouching = "minisign"

    def requests(self, channel: request.Channel) -> tuple[bytes, ...]:
        """See `source.Source`."""
        return request.ask(channel.address), request.ask(_signature(channel))

    def ask(self, channel: request.Channel, memory: Path, tls: ssl.SSLContext, now: datetime) -> Answer:  # noqa: ARG002
        """See `source.Source`. That nothing is offered is signed nowhere, so it is not believed."""
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
    """`timestamp:… expires:… file:…` → until when it counts, and of what it is; `None` for what is not said once."""
    said = [field.partition(":") for field in comment.split()]
    expires = [value for name, _, value in said if name == "expires"]
    files = [value for name, _, value in said if name == "file"]
    try:
        (end,) = expires
        at = datetime.strptime(end, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        at = None
    return at, files[0] if len(files) == 1 else None
