"""The options that commands share, and what they hold."""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import Annotated, NamedTuple

import typer

from comet_updates import object_keys
from comet_updates.answer import urls


def product_name(text: str) -> str:
    """Return `text` if it can name a product.

    Raises:
        typer.BadParameter: it cannot; the exit code is 2.
    """
    return _name(text, object_keys.forbidden(text, product=True))


def channel_name(text: str) -> str:
    """Return `text` if it can name a channel.

    Raises:
        typer.BadParameter: it cannot; the exit code is 2.
    """
    return _name(text, object_keys.forbidden(text, product=False))


def version_name(text: str) -> str:
    """Return `text` if it can be a version.

    Raises:
        typer.BadParameter: it cannot; the exit code is 2.
    """
    if not text:
        raise typer.BadParameter("the version is empty. Check that the variable with the version is set.")
    if not re.fullmatch(object_keys.VERSION, text):
        advice = "Write only the version, such as 4.2.1 or 5.0.0-beta.1."
        raise typer.BadParameter(f"{text!r} is not a version. {advice}")
    return text


def _name(text: str, reason: str | None) -> str:
    if reason:
        raise typer.BadParameter(f"{text!r} {reason}. Choose another name.")
    if not urls.is_name(text):
        raise typer.BadParameter(f"{text!r} is not a valid name. Use lower-case letters, digits, dots and dashes.")
    return text


PRODUCT_HELP, CHANNEL_HELP, VERSION_HELP = "Product name, such as nova.", "Channel, such as stable.", "Release version."


BucketName = Annotated[str, typer.Option("--bucket", envvar="BUCKET", help="Name of the S3 bucket.")]
EndpointUrl = Annotated[
    str | None, typer.Option("--endpoint-url", help="URL to use instead of AWS, such as http://localhost:9090.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")]
Wait = Annotated[
    bool, typer.Option("--wait", help="Wait until clients get the change. Exit code 3: they do not get it yet.")
]
ServiceUrl = Annotated[str | None, typer.Option(help="With --wait: URL of the service.")]
Timeout = Annotated[float, typer.Option(min=0, help="With --wait: seconds to wait.")]
TIMEOUT_S = 120.0
DryRun = Annotated[bool, typer.Option("--dry-run", help="Write nothing; print what would change.")]
Product = Annotated[str, typer.Argument(callback=product_name, help=PRODUCT_HELP)]
Channel = Annotated[str, typer.Argument(callback=channel_name, help=CHANNEL_HELP)]
Version = Annotated[str, typer.Argument(callback=version_name, help=VERSION_HELP)]


DONE, REFUSED, NOT_LIVE = 0, 1, 3
"""Exit codes. `NOT_LIVE`: everything is well, but clients do not get it yet. Typer uses 2 for wrong usage."""


class Waiting(NamedTuple):
    """The options of `--wait`: the URL of the service, and the longest time."""

    service_url: str
    timeout_s: float


def waiting(wait: bool, service_url: str | None, timeout_s: float) -> Waiting | None:  # noqa: FBT001 (an option)
    """Return what the options of `--wait` say, or None without it.

    Raises:
        typer.BadParameter: the URL of the service is missing or wrong; the exit code is 2.
    """
    if wait and not service_url:
        raise typer.BadParameter("--wait needs --service-url. Add the URL of the service.")
    if service_url and not service_url.startswith(("https://", "http://")):
        raise typer.BadParameter(f"--service-url {service_url!r} is not a URL. Write it with https://.")
    return Waiting(service_url, timeout_s) if wait and service_url else None


class SignWith(NamedTuple):
    """The URIs of the keys that sign manifests and appcasts; empty for none.

    Attributes:
        uri: the product's key, for TUF and minisign.
        appcast_uri: the key that the product's copies of Sparkle trust.
    """

    uri: str = ""
    appcast_uri: str = ""


SIGNS_WITH = ContextVar("SIGNS_WITH", default=SignWith())  # noqa: B039 (it cannot change)
"""The keys from the options before the command's name."""


class Where(NamedTuple):
    """The options that these commands share."""

    bucket: str
    endpoint_url: str | None
    dry_run: bool
    as_json: bool
    quiet: bool = False
    waiting: Waiting | None = None
