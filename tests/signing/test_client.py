"""Test a stock TUF client against the service over HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.signing.conftest import PATH

if TYPE_CHECKING:
    from tests.signing.conftest import Client, TufPublisher


@pytest.mark.http
def test_a_client_that_knows_the_root_gets_just_what_is_published(house: TufPublisher, client: Client) -> None:
    house.release("4.2.1")
    house.sweep()

    assert client.check() == house.s3.get(f"public/v1/{PATH}")
    assert json.loads(client.check() or b"")["version"] == "4.2.1"

    house.release("4.3.0")
    house.sweep()
    assert json.loads(client.check() or b"")["version"] == "4.3.0"
