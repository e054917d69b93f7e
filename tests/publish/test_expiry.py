"""Signatures that end soon are reported weeks before: in the log, for the alarm, and by `status`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tuf.api.exceptions import ExpiredMetadataError, UnsignedMetadataError
from typer.testing import CliRunner

from comet_updates.answer.log import Cache, Outcome, Record
from comet_updates.publish.expiry import OFFLINE_WARNED, PRODUCT_WARNED, expiries
from comet_updates.publish.publisher import Publisher
from comet_updates.publish.run import Run
from comet_updates.signing.sign import OFFLINE_LIFE, PRODUCT_LIFE
from comet_updates.signing.verify import NO_TRUST
from comet_updates_cli.channel_status import status
from comet_updates_cli.commands import status as command
from comet_updates_cli.signing import key_folder
from tests.signing.conftest import PRODUCT
from tests.signing.thief import version_of

if TYPE_CHECKING:
    from tests.signing.conftest import Client, TufPublisher

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def released(house: TufPublisher) -> TufPublisher:
    house.release("4.2.1")
    house.sweep()
    return house


class Lines(list[Record]):
    """A log that keeps its records."""

    write = list.append


def logged(house: TufPublisher) -> list[tuple[Outcome, str, str]]:
    """Return what a sweep logs about signatures: outcome, product and document."""
    lines = Lines()
    Run(house.publisher, lines).sweep()  # type: ignore[arg-type]
    return [(one.outcome, one.document.product, one.document.document) for one in lines if one.cache is Cache.STALE]


def shown(house: TufPublisher, product: str | None = None) -> list[tuple[str, bool]]:
    """Return what `status` reports about signatures: the role, and whether its signature has ended."""
    return [(expiry.role, expiry.has_ended) for expiry in status(house.bucket, product, house.now).expiries]


def test_expiries_without_any_metadata_are_none() -> None:
    assert list(expiries(NO_TRUST, {}, NOW)) == []


@pytest.mark.parametrize(
    ("left", "is_reported", "has_ended"),
    [
        (PRODUCT_WARNED, False, False),
        (PRODUCT_WARNED - SECOND, True, False),
        (SECOND, True, False),
        (timedelta(0), True, True),
        (None, True, True),
    ],
)
def test_product_is_reported_three_weeks_before_its_end(
    left: timedelta | None, *, is_reported: bool, has_ended: bool
) -> None:
    expires = None if left is None else NOW + left
    found = list(expiries(NO_TRUST, {PRODUCT: expires}, NOW))
    assert [(expiry.role, expiry.has_ended) for expiry in found] == ([(PRODUCT, has_ended)] if is_reported else [])
    assert [expiry.remedy for expiry in found] == [f"Sign it: comet-updates keys renew {PRODUCT}"] * is_reported


def test_monthly_and_bimonthly_renewals_are_never_reported(released: TufPublisher) -> None:
    for _ in range(3):
        released.later(days=61)
        assert [place for _, *place in logged(released) if place[0]] == []
        released.seal(is_renewal=True)
        released.sweep()


def test_product_is_reported_until_it_is_renewed(released: TufPublisher, client: Client) -> None:
    assert (logged(released), shown(released)) == ([], [])
    released.later(days=(PRODUCT_LIFE - PRODUCT_WARNED).days, seconds=1)
    assert logged(released) == [(Outcome.UNCHANGED, PRODUCT, "")]
    assert shown(released) == shown(released, PRODUCT) == [(PRODUCT, False)]

    released.later(days=PRODUCT_WARNED.days)
    assert logged(released) == [(Outcome.UNAVAILABLE, PRODUCT, "")]
    assert shown(released) == [(PRODUCT, True)]

    released.seal(is_renewal=True)
    released.sweep()
    assert (logged(released), shown(released)) == ([], [])
    assert version_of(client.check()) == "4.2.1"


def test_product_that_stays_behind_is_reported_for_what_is_public(released: TufPublisher) -> None:
    """Report the signed state that TUF clients keep while a release has no signature."""
    released.later(days=70)
    released.put("releases/comet-cursor/stable/4.3.0.json", **_unsigned("4.3.0"))
    released.sweep()
    assert logged(released) == [(Outcome.UNCHANGED, PRODUCT, "")]


def _unsigned(version: str) -> dict[str, object]:
    return {"channel": "stable", "version": version, "released_at": "2026-11-20T12:00:00Z", "artifacts": []}


def test_product_whose_new_key_has_not_signed_is_reported(released: TufPublisher, client: Client) -> None:
    released.delegate(PRODUCT, "product-2")
    released.sweep()
    assert logged(released) == [(Outcome.UNAVAILABLE, PRODUCT, "")]
    assert shown(released) == [(PRODUCT, True)]
    with pytest.raises(UnsignedMetadataError):
        client.check()


def test_root_and_targets_are_reported_until_they_are_renewed(released: TufPublisher) -> None:
    released.later(days=(OFFLINE_LIFE - OFFLINE_WARNED).days, hours=-12)
    released.seal(is_renewal=True)
    assert logged(released) == []
    released.later(days=1)
    assert logged(released) == [(Outcome.UNCHANGED, "", "tuf/metadata")] * 2
    assert shown(released) == [("root", False), ("targets", False)]
    released.later(days=OFFLINE_WARNED.days)
    assert logged(released) == [(Outcome.UNAVAILABLE, "", "tuf/metadata")] * 2

    for role in ("root", "targets"):
        key_folder.rotate(released.folder, role, [], [], now=released.now, is_dry=False)
    released.sign("root-a", "root-b", "targets")
    released.publish_trust()
    assert (logged(released), shown(released)) == ([], [])


def test_root_that_has_ended_stops_clients(house: TufPublisher, client: Client) -> None:
    """Positive control: the warnings are about something that harms."""
    house.folder.joinpath("root", "1.json").unlink()
    for file in house.folder.joinpath("targets").iterdir():
        file.unlink()
    house.delete("trust/")
    house.now -= OFFLINE_LIFE + timedelta(days=1)
    house.begin()
    house.now += OFFLINE_LIFE + timedelta(days=1)
    house.release("4.2.1")
    house.sweep()
    with pytest.raises(ExpiredMetadataError):
        client._replace(root=house.first_root).check()


def test_unsigned_product_without_a_key_is_not_reported(released: TufPublisher) -> None:
    released.s3.put("releases/comet-other/stable/1.0.0.json", _unsigned("1.0.0") | {"product": "comet-other"})
    released.sweep()
    assert (logged(released), shown(released)) == ([], [])


def test_status_prints_the_day_and_the_command(released: TufPublisher, monkeypatch: pytest.MonkeyPatch) -> None:
    released.later(days=85)
    released.sweep()
    monkeypatch.setattr("comet_updates.publish.bucket.open_bucket", lambda *_: released.bucket)
    monkeypatch.setattr(command, "datetime", type("Clock", (), {"now": lambda _: released.now}))
    done = CliRunner().invoke(command.app, ["--bucket", "b"])
    ends = released.now + timedelta(days=5)
    assert f"expires  {PRODUCT}: {ends:%Y-%m-%d}. Sign it: comet-updates keys renew {PRODUCT}." in done.output
    assert done.exit_code == 0

    released.later(days=6)
    done = CliRunner().invoke(command.app, ["--bucket", "b", "--json"])
    assert done.exit_code == 1
    (expiring,) = json.loads(done.output)["expiring"]
    assert (expiring["role"], expiring["has_ended"], expiring["expires"][:10]) == (PRODUCT, True, f"{ends:%Y-%m-%d}")


def test_expiries_of_products_that_are_gone_are_forgotten(released: TufPublisher) -> None:
    released.later(days=85)
    publisher: Publisher = released.publisher
    released.sweep()
    assert [expiry.role for expiry in publisher.expiries({PRODUCT})] == [PRODUCT]
    assert publisher.expiries({"comet-other"}) == []
