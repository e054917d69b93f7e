"""Create the bytes of a request from a URL. This client sends nothing else. Pure.

A request depends only on the URL that the app was built with. So every copy on every machine sends the same bytes: no
User-Agent, version, language or cookie, and no If-None-Match, which would show what a copy received last.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from comet_updates.answer import urls
from comet_updates.errors import AddressError

LOOPBACK = ("localhost", "127.0.0.1")
"""The hosts that may be used without TLS: a service on this machine, for a trial."""

URL_MAX_CHARS = 2_000  # as in the model of a release

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_CHANNEL = re.compile(rf"/v1/(?P<product>{urls.NAME})/(?P<channel>{urls.NAME})")


class Address(NamedTuple):
    """The address of a document. `path` is the path in the request, including the query."""

    host: str
    port: int
    path: str
    is_tls: bool

    @property
    def name(self) -> str:
        """The host in the request, with its port unless that is the default port."""
        return self.host if self.port == (443 if self.is_tls else 80) else f"{self.host}:{self.port}"


class Channel(NamedTuple):
    """A channel of a product at a service."""

    address: Address
    product: str
    channel: str


def channel(url: str) -> Channel:
    """Return the channel at `https://{host}/v1/{product}/{channel}`.

    Raises:
        AddressError: the URL has another form.
    """
    address = _address(url, schemes=("https", "http"))
    found = _CHANNEL.fullmatch(address.path)
    if not found or not (address.is_tls or address.host in LOOPBACK):
        raise AddressError(
            "write it as https://updates.example.com/v1/{product}/{channel}, with names that do not look like a GUID "
            "or a download number"
        )
    return Channel(address, found["product"], found["channel"])


def file(url: str) -> Address:
    """Return the address of an artifact.

    Raises:
        AddressError: the URL is not a plain https:// URL.
    """
    return _address(url, schemes=("https",))


def ask(address: Address) -> bytes:
    """Return the request for a document."""
    return _get(address)


def download(address: Address, offset: int) -> bytes:
    """Return the request for a file without its first `offset` bytes. It contains no other header."""
    return _get(address, *((f"Range: bytes={offset}-",) if offset else ()))


def _get(address: Address, *headers: str) -> bytes:
    lines = (f"GET {address.path} HTTP/1.1", f"Host: {address.name}", *headers, "Connection: close", "", "")
    return "\r\n".join(lines).encode("ascii")


def _address(url: str, schemes: tuple[str, ...]) -> Address:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise AddressError("it is not a URL") from error
    if parts.scheme not in schemes or not _HOST.fullmatch(host) or port == 0 or len(url) > URL_MAX_CHARS:
        raise AddressError(f"it must begin with {schemes[0]}:// and a host")
    if parts.username is not None or parts.password is not None:
        raise AddressError("it must not contain a user name")
    is_tls = parts.scheme == "https"
    # Real URLs contain spaces and letters of all scripts. Percent-encoded parts stay as they are.
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~", errors="replace")
    query = f"?{quote(parts.query, safe='/?%:@!$&()*+,;=~', errors='replace')}" if parts.query else ""
    return Address(host, port or (443 if is_tls else 80), path + query, is_tls)
