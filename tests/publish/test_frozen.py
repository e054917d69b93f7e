"""Lost documents come back as they were decided last, also while an upload without a valid version stops a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.publish.publisher import Publisher
from testkit.documents import release
from tests.signing.conftest import PATH, PRODUCT
from tests.signing.thief import version_of

if TYPE_CHECKING:
    from tests.signing.conftest import Client, TufPublisher

POLICY, BETA, DOCUMENT = (
    object_keys.channel_key(PRODUCT, "stable"),
    object_keys.channel_key(PRODUCT, "beta"),
    object_keys.product_key(PRODUCT),
)
PLAIN = f"public/v1/{PATH}"


@pytest.fixture
def released(house: TufPublisher) -> TufPublisher:
    """Return a publisher with a product that has two signed channels."""
    tick(house)
    house.release("4.3.0-beta.1", channel="beta")
    house.release("4.2.1")
    house.sweep()
    tick(house)
    return house


def tick(house: TufPublisher) -> None:
    """Let the time go on, for S3 and for everybody."""
    house.later(minutes=1)
    house.set_s3_time()


def public(house: TufPublisher) -> dict[str, bytes]:
    """Return what is public of the product, in the order of the keys."""
    tree: dict[str, bytes] = house.s3.tree("public/")
    return {key: body for key, body in tree.items() if PRODUCT in key}


REFUSED: dict[str, dict[str, bytes]] = {
    "the policy": {POLICY: b"{"},
    "the product": {DOCUMENT: b"{"},
    "both policies": {POLICY: b"{", BETA: b"[]"},
    "a policy that cannot be applied": {
        POLICY: b'{"schema":1,"product":"comet-cursor","channel":"stable","pin":"zebra"}'
    },
}


@pytest.mark.parametrize("uploads", REFUSED.values(), ids=REFUSED)
def test_frozen_product_comes_back_byte_for_byte(
    released: TufPublisher, client: Client, newcomer: Client, uploads: dict[str, bytes]
) -> None:
    before = public(released)
    for key, body in uploads.items():
        released.s3.put(key, body)
    released.sweep()
    assert version_of(client.check()) == "4.2.1"
    assert public(released) == before

    released.delete("public/")
    tick(released)
    released.sweep()
    assert public(released) == before
    for each in (client, newcomer):
        assert version_of(each.check()) == "4.2.1"
    released.writes()
    released.sweep()
    assert released.writes() == []


@pytest.mark.parametrize("place", ["public/v1/", urls.PAGES, urls.METADATA, urls.TARGETS, PLAIN, f"{PLAIN}.minisig"])
def test_lost_document_of_a_frozen_product_comes_back(released: TufPublisher, place: str) -> None:
    before = public(released)
    released.s3.put(POLICY, b"{")
    released.sweep()
    released.delete(place)
    released.sweep()
    assert public(released) == before


@pytest.mark.parametrize("key", [POLICY, DOCUMENT])
def test_page_of_a_frozen_product_comes_back_with_the_service_url(released: TufPublisher, key: str) -> None:
    url = "https://updates.example.com"
    released.publisher = Publisher(released.bucket, lambda: released.now, released.online, url)
    released.sweep()
    before = public(released)
    assert url.encode() in before[urls.page_key(PRODUCT)], "positive control"
    tick(released)
    released.s3.put(key, b"{")
    released.delete(urls.PAGES)
    released.sweep()
    assert public(released) == before


def test_upload_after_the_refused_policy_stays_unpublished(released: TufPublisher, client: Client) -> None:
    """Keep what is public: the policy might say anything about the new release."""
    before = public(released)
    released.s3.put(POLICY, b"{")
    tick(released)
    released.s3.put(object_keys.release_key(PRODUCT, "stable", "4.4.0"), release("4.4.0"))
    released.sweep()
    released.delete("public/")
    tick(released)
    released.sweep()
    assert public(released) == before
    assert version_of(client.check()) == "4.2.1"


def test_other_channel_goes_on_while_one_is_frozen(released: TufPublisher, client: Client) -> None:
    """TUF clients keep what was signed of both channels; plain clients get the newer one of the other."""
    frozen = released.s3.get(PLAIN)
    released.s3.put(POLICY, b"{")
    tick(released)
    beta = release("4.4.0-beta.1", channel="beta")
    released.s3.put(object_keys.release_key(PRODUCT, "beta", "4.4.0-beta.1"), beta)
    released.sweep()
    before = public(released)
    released.delete("public/")
    tick(released)
    released.sweep()
    assert public(released) == before
    assert released.s3.get(PLAIN) == frozen
    assert version_of(released.s3.get(urls.document_key(PRODUCT, "beta", urls.MANIFEST))) == "4.4.0-beta.1"
    assert version_of(client.check()) == "4.2.1"


def test_refused_policy_before_any_release_publishes_nothing(house: TufPublisher) -> None:
    """Positive control: nothing was decided before."""
    house.s3.put(POLICY, b"{")
    tick(house)
    house.s3.put(object_keys.release_key(PRODUCT, "stable", "4.2.1"), release("4.2.1"))
    house.sweep()
    assert public(house) == {}


def test_corrected_policy_decides_again(released: TufPublisher) -> None:
    released.s3.put(POLICY, b"{")
    tick(released)
    released.release("4.3.0")
    released.delete("public/")
    released.sweep()
    assert version_of(released.s3.get(PLAIN)) == "4.2.1"
    policy: dict[str, Any] = {"schema": 1, "product": PRODUCT, "channel": "stable"}
    released.s3.put(POLICY, policy)
    released.sweep()
    assert version_of(released.s3.get(PLAIN)) == "4.3.0"


def test_public_documents_that_differ_stay_as_they_are(released: TufPublisher) -> None:
    """Keep what is public of a stopped channel, even if something else was decided before."""
    released.s3.put(POLICY, b"{")
    released.s3.put(PLAIN, b"{}")
    released.sweep()
    assert released.s3.get(PLAIN) == b"{}"


def test_refused_policy_does_not_publish_what_is_not_signed(released: TufPublisher) -> None:
    """Hold back an unsigned release if the product requires signatures and another channel's policy is refused."""
    released.put(DOCUMENT, requires_signature=True)
    released.sweep()
    released.s3.put(object_keys.channel_key(PRODUCT, "other"), b"{")
    released.s3.put(object_keys.release_key(PRODUCT, "stable", "6.6.6"), release("6.6.6"))
    released.sweep()
    assert version_of(released.s3.get(PLAIN)) == "4.2.1"
    assert object_keys.rejected_key(object_keys.release_key(PRODUCT, "stable", "6.6.6")) in released.s3.keys(
        "rejected/"
    )


def test_signed_state_comes_back_if_something_unsigned_is_offered(
    released: TufPublisher, client: Client, newcomer: Client
) -> None:
    """Restore what TUF clients had, also if no upload was refused."""
    assert version_of(client.check()) == "4.2.1"
    released.s3.put(object_keys.release_key(PRODUCT, "stable", "4.4.0"), release("4.4.0"))
    released.sweep()
    before = public(released)
    tick(released)
    for place in ("public/", "public/tuf/"):
        released.delete(place)
        released.sweep()
        assert public(released) == before
        for each in (client, newcomer):
            assert version_of(each.check()) == "4.2.1"
