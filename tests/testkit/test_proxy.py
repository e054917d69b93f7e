"""Test that the misbehaving proxy fails every request that it should, even if many come at once."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from testkit import proxy
from testkit.proxy import Proxy, proxied

if TYPE_CHECKING:
    from testkit.s3 import S3


def ask(between: Proxy) -> int:
    """Return the status of an answer, on a new connection."""
    connection = http.client.HTTPConnection(proxy.HOST, between.port, timeout=5)
    connection.request("GET", "/")
    return connection.getresponse().status


@pytest.mark.parametrize("fault", proxy.BEFORE_ANY_CONNECTION)
def test_a_request_that_comes_while_the_door_is_being_shut_is_not_answered(
    s3: S3, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    with proxied(urlsplit(s3.endpoint).port or 0) as between:
        monkeypatch.setattr(between, "_close_the_door_if_due", lambda: None)  # as if closing took long
        between.misbehave(fault, after=1)
        assert ask(between) < http.HTTPStatus.INTERNAL_SERVER_ERROR
        with pytest.raises(http.client.RemoteDisconnected):
            ask(between)
