"""Test the requests of a TUF client, and the bytes that it gets, as the tables of docs/clients/tuf.md show them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from comet_updates import object_keys
from comet_updates.answer import urls
from testkit.project import ROOT
from tests.signing.conftest import PATH
from tests.signing.thief import ROLE

if TYPE_CHECKING:
    from tests.signing.conftest import Client, HttpServer, TufPublisher

ROOT_2, TIMESTAMP, SNAPSHOT = "metadata/2.root.json", "metadata/timestamp.json", "metadata/N.snapshot.json"
MANIFEST = "targets/comet-cursor/stable/HASH.manifest.json"


@pytest.fixture
def asked(house: TufPublisher, client: Client, web: HttpServer) -> HttpServer:
    """Return the server after a client's first check."""
    house.release("4.2.1")
    house.sweep()
    client.check()
    return web


def told(web: HttpServer) -> tuple[list[str], int]:
    """Return the requests and the bytes since the last call.

    Version numbers made from the time, and hashes, have names.
    """
    paths = [re.sub(r"/[0-9]{7,}\.", "/N.", re.sub("[0-9a-f]{64}", "HASH", path)) for path, _ in web.asked]
    sent_bytes = web.sent_bytes
    web.asked, web.sent_bytes = [], 0
    return [path.removeprefix("/tuf/") for path in paths], sent_bytes


@pytest.mark.http
def test_a_first_check_is_six_requests(house: TufPublisher, asked: HttpServer) -> None:
    paths, sent_bytes = told(asked)
    assert paths == [ROOT_2, TIMESTAMP, SNAPSHOT, "metadata/2.targets.json", f"metadata/1.{ROLE}.json", MANIFEST]
    assert sent_bytes < 5_000


def test_a_following_check_is_two_requests_when_nothing_is_new(
    house: TufPublisher, asked: HttpServer, client: Client
) -> None:
    told(asked)
    client.check()
    paths, sent_bytes = told(asked)
    assert paths == [ROOT_2, TIMESTAMP]
    assert sent_bytes < 700


def test_so_it_is_when_the_timestamp_is_renewed(house: TufPublisher, asked: HttpServer, client: Client) -> None:
    told(asked)
    house.later(days=1, minutes=1)
    house.sweep()
    client.check()
    assert told(asked)[0] == [ROOT_2, TIMESTAMP]


def test_after_a_release_it_is_five(house: TufPublisher, asked: HttpServer, client: Client) -> None:
    told(asked)
    house.release("4.3.0")
    house.sweep()
    client.check()
    paths, sent_bytes = told(asked)
    assert paths == [ROOT_2, TIMESTAMP, SNAPSHOT, f"metadata/2.{ROLE}.json", MANIFEST]
    assert sent_bytes < 4_000


def test_after_a_release_of_another_product_it_is_the_snapshot_besides(
    house: TufPublisher, asked: HttpServer, client: Client
) -> None:
    house.delegate("comet-other", "other")
    house.sweep()
    client.check()
    told(asked)
    house.release("1.0.0", "other", product="comet-other")
    house.sweep()
    client.check()
    assert told(asked)[0] == [ROOT_2, TIMESTAMP, SNAPSHOT]


def test_new_root_costs_one_more_request_until_the_app_ships_with_it(
    house: TufPublisher, asked: HttpServer, client: Client
) -> None:
    house.rotate("root", "root-d", "root-a", "root-b", "root-c")
    house.sweep()
    told(asked)
    client.check()
    assert told(asked)[0] == [ROOT_2, "metadata/3.root.json", TIMESTAMP]
    client.check()
    assert told(asked)[0] == ["metadata/3.root.json", TIMESTAMP]


def test_what_it_asks_for_is_the_same_for_every_copy(house: TufPublisher, asked: HttpServer, newcomer: Client) -> None:
    first = told(asked)
    newcomer.check()
    assert told(asked) == first


def test_it_says_its_own_name_and_version_and_nothing_else(asked: HttpServer) -> None:
    assert {re.sub(r"[0-9.]+$", "", headers.pop("user-agent")) for headers in asked.headers} == {"python-tuf/"}
    assert {name for headers in asked.headers for name in headers} == {"host", "accept-encoding"}


def test_the_page_of_these_clients_names_each_of_these_documents() -> None:
    page = (ROOT / "docs" / "clients" / "tuf.md").read_text()
    for path in (ROOT_2, TIMESTAMP, "….snapshot.json", "….targets.json", "….product.{product}.json"):
        assert f"`{path.rpartition('/')[2]}`" in page
    assert object_keys.target_path("{product}", "{channel}") in page
    assert PATH.endswith(urls.MANIFEST)
