"""Test the way from uploads to public documents and refusals."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jsonschema
import minisign
import pytest

from comet_updates import object_keys
from comet_updates.publish import render
from comet_updates.publish.uploads.parse import UPLOAD_MAX_BYTES
from testkit.documents import release
from tests.publish.conftest import NOW, PublisherFixture

if TYPE_CHECKING:
    from testkit.s3 import S3

INDEX = "public/pages/index.html"
OTHER = "public/pages/other.html"
PAGE = "public/pages/comet-cursor.html"
ENTRY = "public/pages/comet-cursor.json"
GATHERED = "public/pages/index.json"
NEWS = "public/pages/comet-cursor.atom"
STABLE = "public/v1/comet-cursor/stable"


def key(version: str, channel: str = "stable", product: str = "comet-cursor") -> str:
    return f"releases/{product}/{channel}/{version}.json"


def policy(channel: str = "stable", **fields: Any) -> dict[str, Any]:
    return {"schema": 1, "product": "comet-cursor", "channel": channel, **fields}


@pytest.fixture
def published(s3: S3, rig: PublisherFixture) -> S3:
    """Return a bucket with 4.2.0 and 4.2.1 on stable, published."""
    for version in ("4.2.0", "4.2.1"):
        s3.put(key(version), release(version))
    rig.publisher.publish("comet-cursor")
    del rig.bucket.operations[:]
    return s3


@pytest.mark.http
def test_a_release_becomes_the_documents_of_its_channel(published: S3) -> None:
    documents = ("appcast.xml", "feed.atom", "manifest.json", "releases.json")
    assert published.keys("public/") == [NEWS, PAGE, ENTRY, *(f"{STABLE}/{name}" for name in documents)]
    assert published.json(f"{STABLE}/manifest.json") == release("4.2.1")
    assert published.json(f"{STABLE}/releases.json")["releases"] == [release("4.2.1"), release("4.2.0")]


def test_the_manifest_is_written_after_what_it_could_be_compared_with(s3: S3, rig: PublisherFixture) -> None:
    s3.put(key("4.2.1"), release())
    rig.publisher.publish("comet-cursor")
    *before, manifest, _news, _entry, page = rig.bucket.writes
    assert f"{STABLE}/releases.json" in before
    assert (manifest, page) == (f"{STABLE}/manifest.json", PAGE)


def test_publishing_again_writes_nothing_and_reads_no_upload_again(published: S3, rig: PublisherFixture) -> None:
    change = rig.publisher.publish("comet-cursor")
    assert (change.written, change.deleted, rig.bucket.writes) == ((), (), [])
    assert [name for name, _ in rig.bucket.operations if name == "get"] == []
    assert [name for name, _ in rig.bucket.operations] == ["etags"] * 9 + ["versions"] * 6, "and lists only once"


def test_only_what_changed_is_written(published: S3, rig: PublisherFixture) -> None:
    published.put(key("4.3.0-beta.1", "beta"), release("4.3.0-beta.1", "beta"))
    published.put(key("4.1.0"), release("4.1.0"))
    rig.publisher.publish("comet-cursor")
    new = [
        f"public/v1/comet-cursor/beta/{name}" for name in ("appcast.xml", "feed.atom", "releases.json", "manifest.json")
    ]
    # The manifest of stable does not change: it offers a release newer than 4.1.0.
    changed = [f"{STABLE}/{name}" for name in ("appcast.xml", "feed.atom", "releases.json")]
    assert rig.bucket.writes == [*new, *changed, NEWS, ENTRY, PAGE]


@pytest.mark.http
def test_deleting_all_that_is_public_is_mended_byte_for_byte(published: S3, rig: PublisherFixture) -> None:
    rig.sweep()
    before = published.tree("public/")
    for public in before:
        published.delete(public)
    rig.sweep()
    assert published.tree("public/") == before


def test_a_timed_release_appears_once_it_is_due_and_nowhere_before(published: S3, rig: PublisherFixture) -> None:
    published.put(key("5.0.0"), release("5.0.0", available_at="2026-12-24T18:00:00+01:00"))
    rig.publisher.publish("comet-cursor")
    assert b"5.0.0" not in b"".join(published.tree("public/").values())
    rig.now = datetime(2026, 12, 24, 17, tzinfo=UTC)
    rig.publisher.publish("comet-cursor")
    assert published.json(f"{STABLE}/manifest.json")["version"] == "5.0.0"


def test_a_channel_that_offers_nothing_any_more_has_no_manifest(published: S3, rig: PublisherFixture) -> None:
    yanked = [{"version": version, "reason": "broken"} for version in ("4.2.0", "4.2.1")]
    published.put("channels/comet-cursor/stable.json", policy(yanked=yanked))
    rig.publisher.publish("comet-cursor")
    assert published.keys("public/") == [PAGE, ENTRY, f"{STABLE}/releases.json"]


def test_a_sweep_after_a_sweep_writes_nothing(published: S3, rig: PublisherFixture) -> None:
    published.put(key("4.3.0"), b"{")
    published.put("releases/x.json", b"{")
    published.put(f"releases/comet-cursor/stable/{'9' * 990}.json", b"{")
    rig.sweep()
    assert "public/schemas/manifest.json" in rig.bucket.writes
    del rig.bucket.operations[:]
    rig.sweep()
    assert rig.bucket.writes == []


def test_a_phased_rollout_is_published_beside_the_release(published: S3, rig: PublisherFixture) -> None:
    phased = {"start": "2026-11-20T12:00:00Z", "interval": 86_400, "groups": 7}
    published.put("channels/comet-cursor/stable.json", policy(rollout={"version": "4.2.1", **phased}))
    rig.publisher.publish("comet-cursor")
    assert published.json(f"{STABLE}/manifest.json") == release("4.2.1") | {"rollout": phased}


def test_what_an_administrator_leaves_below_public_is_cleared_away(published: S3, rig: PublisherFixture) -> None:
    before = published.tree("public/")
    for left in ("public/v1/comet-cursor/", f"{STABLE}/", f"{STABLE}/old/feed.xml", "public/v1/comet-cursor/notes.txt"):
        published.put(left, b"")
    rig.publisher.publish("comet-cursor")
    assert published.tree("public/") == before


def test_sweep_removes_a_product_without_uploads(published: S3, rig: PublisherFixture) -> None:
    published.put(key("4.3.0"), b"{")
    rig.publisher.publish("comet-cursor")
    for version in ("4.2.0", "4.2.1", "4.3.0"):
        published.purge(key(version))
    rig.sweep()
    assert published.keys("public/v1/") == []
    assert published.keys("rejected/") == []


def test_drop_in_urls_have_documents_while_the_product_turns_them_on(published: S3, rig: PublisherFixture) -> None:
    mac = {"platform": "macos", "arch": "any", "kind": "archive", "url": "https://downloads.example.com/a.zip"}
    published.put(key("4.2.2"), release("4.2.2", artifacts=[mac]))
    document = f"{STABLE}/drop-in-darwin.json"
    for forms, there in ((None, False), (["electron"], True), (["tauri"], False), (["electron"], True), ([], False)):
        if forms is not None:
            published.put("products/comet-cursor.json", {"product": "comet-cursor", "drop_in": forms})
        rig.publisher.publish("comet-cursor")
        assert (document in published.keys("public/")) is there


def test_drop_in_urls_are_for_versions_that_can_be_compared(s3: S3, rig: PublisherFixture) -> None:
    about = {"product": "comet-cursor", "version_scheme": "dotted", "drop_in": ["electron"]}
    s3.put("products/comet-cursor.json", about)
    rig.publisher.publish("comet-cursor")
    (problem,) = s3.json("rejected/products/comet-cursor.json.json")["problems"]
    assert "semver" in problem["problem"]


NUMBERS = ("3f2504e0-4f89-11d3-9a0c-0305e82c3301", "3f2504e04f8911d39a0c0305e82c3301", "1234567", "dn1", "a.1234567")


class TestForbiddenNames:
    """A release, a product and a policy with such a name are refused. The release with a valid name is published."""

    def test_product_of_a_forbidden_name_is_refused_by_name(self, published: S3, rig: PublisherFixture) -> None:
        rig.sweep()
        before = published.tree("public/")
        for product in (*NUMBERS, *object_keys.RESERVED):
            published.put(key("1.0.0", product=product), release("1.0.0", product=product))
            published.put(object_keys.product_key(product), {"product": product})
            published.put(object_keys.channel_key(product, "stable"), policy(product=product))
            published.put(object_keys.signed_key(product, 1), {})
        rig.sweep()
        assert published.tree("public/") == before
        rejected = [published.json(refusal) for refusal in published.keys("rejected/")]
        assert len(rejected) == 4 * len((*NUMBERS, *object_keys.RESERVED))
        for refusal in rejected:
            named = str(object_keys.product_of(refusal["key"]))
            (problem,) = refusal["problems"]
            reason = object_keys.forbidden(named, product=True)
            assert problem["problem"] == f"the key names the product '{named}', which {reason}"
            assert problem["remedy"] == "Choose another name for the product, in the key and in the document"

    def test_channel_of_a_forbidden_name_is_refused_by_name(self, published: S3, rig: PublisherFixture) -> None:
        before = published.tree("public/")
        for channel in NUMBERS:
            published.put(key("9.0.0", channel), release("9.0.0", channel))
            published.put(object_keys.channel_key("comet-cursor", channel), policy(channel))
        rig.publisher.publish("comet-cursor")
        assert published.tree("public/") == before
        rejected = [published.json(refusal) for refusal in published.keys("rejected/")]
        assert len(rejected) == 2 * len(NUMBERS)
        for refusal in rejected:
            (problem,) = refusal["problems"]
            channel = refusal["key"].split("/")[2].removesuffix(".json")
            assert f"the channel '{channel}', which looks like a GUID or a download number" in problem["problem"]

    def test_channel_that_was_published_under_such_a_name_goes_away(self, published: S3, rig: PublisherFixture) -> None:
        published.put("public/v1/comet-cursor/1234567/manifest.json", b"{}")
        rig.sweep()
        assert [made for made in published.keys("public/") if "1234567" in made] == []


class TestThePageOfAProduct:
    def test_is_not_made_where_no_url_leads_to_it(self, s3: S3, rig: PublisherFixture) -> None:
        s3.put("releases/2026/stable/1.0.0.json", release("1.0.0", product="2026"))
        rig.sweep()
        assert "public/v1/2026/stable/manifest.json" in s3.keys("public/v1/")
        assert s3.keys("public/pages/") == [INDEX, GATHERED, "public/pages/privacy.html"]
        assert b"Nothing is published yet" in s3.get(INDEX)

    def test_stays_as_it_is_while_a_channel_is_undecided(self, published: S3, rig: PublisherFixture) -> None:
        before = published.get(PAGE)
        published.put(key("4.3.0-beta.1", "beta"), release("4.3.0-beta.1", "beta"))
        published.put("channels/comet-cursor/stable.json", b"{")
        rig.publisher.publish("comet-cursor")
        assert published.get(PAGE) == before
        published.put("channels/comet-cursor/stable.json", policy())
        rig.publisher.publish("comet-cursor")
        assert b"4.3.0-beta.1" in published.get(PAGE)

    def test_goes_away_with_the_last_release_and_no_others_page_does(
        self, published: S3, rig: PublisherFixture
    ) -> None:
        for product in ("comet-cursor.html", "comet-cursor-2"):
            published.put(key("1.0.0", product=product), release("1.0.0", product=product))
        rig.sweep()
        for version in ("4.2.0", "4.2.1"):
            published.delete(key(version))
        rig.sweep()
        of_others = [
            f"public/pages/comet-cursor{name}.{kind}" for name in ("-2", ".html") for kind in ("atom", "html", "json")
        ]
        assert published.keys("public/pages/") == [*of_others, INDEX, GATHERED, "public/pages/privacy.html"]


class TestTheListOfProducts:
    def test_names_those_that_have_a_page_and_nothing_else_that_lies_there(
        self, published: S3, rig: PublisherFixture
    ) -> None:
        for left in ("public/pages/notes.txt", "public/pages/Draft.html", "public/pages/old/x.html"):
            published.put(left, b"")
        rig.sweep()
        hrefs = published.get(INDEX).decode().split('href="/')[1:]
        assert [href.split('"')[0] for href in hrefs] == ["", "", "privacy", "comet-cursor", "privacy"]

    @pytest.mark.parametrize("stop_at", range(3), ids=["before it lists", "before it writes", "before it looks again"])
    @pytest.mark.parametrize("is_there", [True, False], ids=["added", "gone"])
    @pytest.mark.parametrize("is_first", [True, False], ids=["first", "replaced"])
    def test_is_right_however_its_publisher_is_overtaken(
        self, published: S3, *, is_first: bool, is_there: bool, stop_at: int
    ) -> None:
        if not is_first:
            published.put(INDEX, b"an old one")
        if not is_there:
            published.put(OTHER, b"")
        slower, faster = PublisherFixture(published), PublisherFixture(published)

        def overtake(_name: str, _argument: Any) -> None:
            if len(slower.bucket.operations) == stop_at + 1:
                published.put(OTHER, b"") if is_there else published.delete(OTHER)
                faster.publisher.publish_index()

        slower.bucket.before = overtake
        slower.publisher.publish_index()
        assert faster.bucket.operations, "it was overtaken"
        assert (b'href="/other"' in published.get(INDEX)) is is_there

    def test_that_was_replaced_by_an_older_one_is_mended_by_who_replaced_it(
        self, published: S3, rig: PublisherFixture
    ) -> None:
        """Write twice, since the faster publisher read a list that still had its product and wrote nothing."""
        published.put(OTHER, b"")
        rig.publisher.publish_index()
        published.delete(OTHER)
        slower, faster = PublisherFixture(published), PublisherFixture(published)

        def overtake(name: str, _: Any) -> None:
            if name == "put" and not faster.bucket.operations:
                published.put(OTHER, b"")
                faster.publisher.publish_index()

        slower.bucket.before = overtake
        slower.publisher.publish_index()
        looked = [("etags", "public/pages/"), ("versions", object_keys.PUBLISHER), ("current", GATHERED)]
        assert (faster.bucket.operations, faster.bucket.writes) == (looked, [])
        assert slower.bucket.writes == [INDEX, INDEX], "stale, then right; the gathered entries stay"
        assert b'href="/other"' in published.get(INDEX)


class TestARefusedUpload:
    def test_says_which_field_is_wrong_and_what_to_do(self, published: S3, rig: PublisherFixture) -> None:
        published.put(key("4.3.0"), release("4.3.0", colour="red"))
        rig.publisher.publish("comet-cursor")
        assert published.json(f"rejected/{key('4.3.0')}.json") == {
            "schema": 1,
            "key": key("4.3.0"),
            "problems": [
                {
                    "path": "$.colour",
                    "problem": "Extra inputs are not permitted",
                    "remedy": "Remove the field, or check its spelling. See /schemas/release.json",
                }
            ],
        }

    def test_has_every_problem_named(self, published: S3, rig: PublisherFixture) -> None:
        wrong = release("4.3.0", title="", released_at="yesterday")
        wrong["artifacts"][0] |= {"url": "http://example.com/a", "size": -1}
        published.put(key("4.3.0"), wrong)
        rig.publisher.publish("comet-cursor")
        problems = published.json(f"rejected/{key('4.3.0')}.json")["problems"]
        wanted = {"$.title", "$.released_at", "$.artifacts[0].url", "$.artifacts[0].size"}
        assert {problem["path"] for problem in problems} == wanted
        assert all(problem["problem"] and problem["remedy"] for problem in problems)

    @pytest.mark.parametrize(
        ("document", "path"),
        [
            (release("4.3.1"), "$.version"),
            (release("4.3.0", "beta"), "$.channel"),
            (release("4.3.0", product="other"), "$.product"),
        ],
        ids=["version", "channel", "product"],
    )
    def test_says_where_document_and_key_disagree(
        self, published: S3, rig: PublisherFixture, document: dict[str, Any], path: str
    ) -> None:
        published.put(key("4.3.0"), document)
        rig.publisher.publish("comet-cursor")
        assert [problem["path"] for problem in published.json(f"rejected/{key('4.3.0')}.json")["problems"]] == [path]

    def test_is_of_the_form_that_its_schema_tells(self, published: S3, rig: PublisherFixture) -> None:
        rig.publisher.publish_site()
        published.put(key("4.3.0"), b"{")
        rig.publisher.publish("comet-cursor")
        schema = published.json("public/schemas/rejection.json")
        jsonschema.validate(published.json(f"rejected/{key('4.3.0')}.json"), schema)

    def test_changes_nothing_that_is_public(self, published: S3, rig: PublisherFixture) -> None:
        before = published.tree("public/")
        published.put(key("4.3.0"), b"{")
        published.put(key("4.4.0"), release("4.4.1"))
        published.put("channels/comet-cursor/beta.json", policy("beta", includes="stable"))
        rig.publisher.publish("comet-cursor")
        assert published.tree("public/") == before
        assert len(published.keys("rejected/")) == 3

    def test_of_a_product_with_a_longer_name_is_not_mistaken_for_ones_own(
        self, published: S3, rig: PublisherFixture
    ) -> None:
        published.put("products/comet-cursor.json.json", b"{")
        rig.sweep()
        rig.publisher.publish("comet-cursor")
        assert published.keys("rejected/") == ["rejected/products/comet-cursor.json.json.json"]

    def test_is_forgotten_once_it_is_mended(self, published: S3, rig: PublisherFixture) -> None:
        published.put("channels/comet-cursor/stable.json", policy(pin=7))
        rig.publisher.publish("comet-cursor")
        assert published.keys("rejected/") == ["rejected/channels/comet-cursor/stable.json.json"]
        published.put("channels/comet-cursor/stable.json", policy(pin="4.2.0"))
        rig.publisher.publish("comet-cursor")
        assert published.keys("rejected/") == []
        assert published.json(f"{STABLE}/manifest.json")["version"] == "4.2.0"

    def test_is_forgotten_once_the_product_allows_it(self, s3: S3, rig: PublisherFixture) -> None:
        s3.put(key("2.0.9.1"), release("2.0.9.1"))
        rig.publisher.publish("comet-cursor")
        assert s3.keys("rejected/") == [f"rejected/{key('2.0.9.1')}.json"]
        s3.put("products/comet-cursor.json", {"schema": 1, "product": "comet-cursor", "version_scheme": "dotted"})
        rig.publisher.publish("comet-cursor")
        assert s3.keys("rejected/") == []
        assert s3.json(f"{STABLE}/manifest.json")["version"] == "2.0.9.1"

    def test_is_not_read_if_it_is_too_large(self, published: S3, rig: PublisherFixture) -> None:
        published.put(key("4.3.0"), b" " * (UPLOAD_MAX_BYTES + 1))
        rig.publisher.publish("comet-cursor")
        assert "larger than" in published.json(f"rejected/{key('4.3.0')}.json")["problems"][0]["problem"]
        assert key("4.3.0") not in [argument for name, argument in rig.bucket.operations if name == "get"]

    def test_on_a_host_that_the_product_does_not_allow_is_refused(self, s3: S3, rig: PublisherFixture) -> None:
        product = {"schema": 1, "product": "comet-cursor", "release_hosts": ["cdn.example.com"]}
        s3.put("products/comet-cursor.json", product)
        s3.put(key("4.2.1"), release())
        rig.publisher.publish("comet-cursor")
        (problem,) = s3.json(f"rejected/{key('4.2.1')}.json")["problems"]
        assert problem["path"] == "$.artifacts[0].url"
        assert "cdn.example.com" in problem["remedy"]
        assert s3.keys("public/") == []


class TestTheRulesOfAProduct:
    @pytest.mark.parametrize(
        ("rule", "path"),
        [
            ({"release_hosts": ["cdn.example.com"]}, "$.artifacts[0].url"),
            ({"signed_with": {"stable": ["minisign", "ed25519"]}}, "$.artifacts[0].signatures"),
            ({"max_size": 1000}, "$.artifacts[0].size"),
        ],
        ids=lambda rule: min(rule) if isinstance(rule, dict) else "",
    )
    def test_are_for_what_is_uploaded_after_them(
        self, published: S3, rig: PublisherFixture, rule: dict[str, Any], path: str
    ) -> None:
        later = datetime.now(UTC) + timedelta(seconds=2)
        published.put("products/comet-cursor.json", {"product": "comet-cursor", **rule}, later)
        published.put(key("4.3.0"), release("4.3.0"), later)
        rig.publisher.publish("comet-cursor")
        (problem,) = published.json(f"rejected/{key('4.3.0')}.json")["problems"]
        assert problem["path"] == path
        assert published.keys("rejected/") == [f"rejected/{key('4.3.0')}.json"]
        assert published.json(f"{STABLE}/manifest.json")["version"] == "4.2.1", "accepted releases stay"
        published.put("products/comet-cursor.json", {"product": "comet-cursor"}, later + timedelta(seconds=1))
        rig.publisher.publish("comet-cursor")
        assert published.json(f"{STABLE}/manifest.json")["version"] == "4.3.0", "and those allowed again count"

    @pytest.mark.parametrize("fact", ["size", "sha256"])
    def test_file_without_size_or_hash_is_refused_if_the_product_requires_both(
        self, published: S3, rig: PublisherFixture, fact: str
    ) -> None:
        later = datetime.now(UTC) + timedelta(seconds=2)
        rule = {"requires_size_and_hash": True}
        published.put("products/comet-cursor.json", {"product": "comet-cursor", **rule}, later)
        complete = release("4.3.0")["artifacts"][0]
        lacking = {name: value for name, value in complete.items() if name != fact}
        published.put(key("4.3.0"), release("4.3.0", artifacts=[complete]), later)
        published.put(key("4.3.1"), release("4.3.1", artifacts=[lacking]), later)
        rig.publisher.publish("comet-cursor")
        assert published.keys("rejected/") == [f"rejected/{key('4.3.1')}.json"]
        (problem,) = published.json(f"rejected/{key('4.3.1')}.json")["problems"]
        assert problem["path"] == f"$.artifacts[0].{fact}"
        published.put("products/comet-cursor.json", {"product": "comet-cursor"}, later + timedelta(seconds=1))
        rig.publisher.publish("comet-cursor")
        assert published.keys("rejected/") == [], "positive control: it is off by default"

    def test_ask_for_a_signature_of_one_of_the_kinds_on_that_channel(self, s3: S3, rig: PublisherFixture) -> None:
        rule = {"signed_with": {"stable": ["minisign", "ed25519"]}}
        s3.put("products/comet-cursor.json", {"product": "comet-cursor", **rule})
        signed = [release()["artifacts"][0] | {"signatures": {"ed25519": "c2ln"}}]
        s3.put(key("4.2.1"), release(artifacts=signed))
        s3.put(key("4.2.1", "beta"), release(channel="beta"))
        rig.publisher.publish("comet-cursor")
        assert s3.keys("rejected/") == []

    def test_signature_by_another_key_than_the_products_is_refused(self, s3: S3, rig: PublisherFixture) -> None:
        """Publishing has no file. It verifies the key id and the trusted comment, as far as they go."""
        ours, other = minisign.KeyPair.generate(), minisign.KeyPair.generate()
        keys = {"minisign": bytes(ours.public_key).decode(), "dsa": "not verified"}
        s3.put("products/comet-cursor.json", {"product": "comet-cursor", "signing_keys": keys})
        for version, pair in (("4.2.1", ours), ("4.2.2", other)):
            signature = base64.b64encode(bytes(pair.secret_key.sign(b"file"))).decode()
            signed = [release()["artifacts"][0] | {"signatures": {"minisign": signature, "dsa": "any"}}]
            s3.put(key(version), release(version, artifacts=signed))
        rig.publisher.publish("comet-cursor")
        assert s3.keys("rejected/") == [f"rejected/{key('4.2.2')}.json"]
        (problem,) = s3.json(f"rejected/{key('4.2.2')}.json")["problems"]
        assert problem["path"] == "$.artifacts[0].signatures.minisign"
        assert problem["problem"].startswith("is of the key ")


class TestNothingAcceptedIsLost:
    @pytest.mark.parametrize("overwritten", [b"{", release(title="other")], ids=["junk", "other content"])
    def test_a_release_counts_as_it_was_first_accepted(
        self, published: S3, rig: PublisherFixture, overwritten: bytes | dict[str, Any]
    ) -> None:
        before = published.tree("public/")
        published.put(key("4.2.1"), overwritten)
        rig.publisher.publish("comet-cursor")
        assert published.tree("public/") == before
        assert published.keys("rejected/") == [f"rejected/{key('4.2.1')}.json"]

    def test_the_same_bytes_again_are_no_fault(self, published: S3, rig: PublisherFixture) -> None:
        published.put(key("4.2.1"), release("4.2.1"))
        rig.publisher.publish("comet-cursor")
        assert published.keys("rejected/") == []

    def test_release_that_was_refused_first_counts_from_its_valid_version(self, s3: S3, rig: PublisherFixture) -> None:
        s3.put(key("4.2.1"), b"{")
        s3.put(key("4.2.1"), release(title="first"))
        s3.put(key("4.2.1"), release(title="second"))
        rig.publisher.publish("comet-cursor")
        assert s3.json(f"{STABLE}/manifest.json")["title"] == "first"

    def test_a_policy_counts_as_it_was_last_accepted(self, published: S3, rig: PublisherFixture) -> None:
        published.put("channels/comet-cursor/stable.json", policy(pin="4.2.0"))
        published.put("channels/comet-cursor/stable.json", b"oops")
        rig.publisher.publish("comet-cursor")
        assert published.json(f"{STABLE}/manifest.json")["version"] == "4.2.0"
        assert published.keys("rejected/") == ["rejected/channels/comet-cursor/stable.json.json"]

    def test_a_product_counts_as_it_was_last_accepted(self, s3: S3, rig: PublisherFixture) -> None:
        s3.put("products/comet-cursor.json", {"schema": 1, "product": "comet-cursor", "version_scheme": "dotted"})
        s3.put(key("2.0.9.1"), release("2.0.9.1"))
        s3.put("products/comet-cursor.json", b"oops")
        rig.publisher.publish("comet-cursor")
        assert s3.json(f"{STABLE}/manifest.json")["version"] == "2.0.9.1"
        assert s3.keys("rejected/") == ["rejected/products/comet-cursor.json.json"]

    def test_a_release_that_came_back_counts_as_it_was_first_accepted_since(
        self, published: S3, rig: PublisherFixture
    ) -> None:
        published.delete(key("4.2.1"))
        later = datetime.now(UTC) + timedelta(seconds=1)  # S3 shows the time of a version in whole seconds
        for title in ("second", "third"):
            published.put(key("4.2.1"), release(title=title), later)
        rig.publisher.publish("comet-cursor")
        assert published.json(f"{STABLE}/manifest.json")["title"] == "second"
        assert published.keys("rejected/") == [f"rejected/{key('4.2.1')}.json"]

    def test_a_refused_policy_keeps_its_channel_as_it_is_until_it_is_mended(
        self, published: S3, rig: PublisherFixture
    ) -> None:
        published.put("channels/comet-cursor/stable.json", b"oops")
        published.delete(key("4.2.1"))
        rig.publisher.publish("comet-cursor")
        assert published.json(f"{STABLE}/manifest.json")["version"] == "4.2.1"
        published.put("channels/comet-cursor/stable.json", policy())
        rig.publisher.publish("comet-cursor")
        assert published.json(f"{STABLE}/manifest.json")["version"] == "4.2.0"
        assert published.keys("rejected/") == []

    def test_a_policy_that_was_never_valid_leaves_its_channel_as_it_is(
        self, published: S3, rig: PublisherFixture
    ) -> None:
        before = published.tree("public/")
        published.put("channels/comet-cursor/stable.json", b"oops")
        published.put(key("4.3.0"), release("4.3.0"))
        published.put(key("4.3.0", "beta"), release("4.3.0", "beta"))
        rig.publisher.publish("comet-cursor")
        after = published.tree("public/")
        assert {public: after[public] for public in before} == before
        assert "public/v1/comet-cursor/beta/manifest.json" in after

    def test_a_product_that_was_never_valid_leaves_everything_as_it_is(
        self, published: S3, rig: PublisherFixture
    ) -> None:
        before = published.tree("public/")
        published.put("products/comet-cursor.json", b"oops")
        published.put(key("4.3.0"), release("4.3.0"))
        published.delete(key("4.2.1"))
        rig.publisher.publish("comet-cursor")
        assert published.tree("public/") == before
        assert published.keys("rejected/") == ["rejected/products/comet-cursor.json.json"]

    def test_pin_that_cannot_be_compared_is_refused_and_changes_nothing(
        self, published: S3, rig: PublisherFixture
    ) -> None:
        before = published.tree("public/")
        published.put("channels/comet-cursor/stable.json", policy(pin="four"))
        rig.publisher.publish("comet-cursor")
        assert published.tree("public/") == before
        assert published.json("rejected/channels/comet-cursor/stable.json.json")["problems"][0]["path"] == "$.pin"

    def test_a_release_that_an_administrator_deletes_is_gone_and_may_come_back(
        self, published: S3, rig: PublisherFixture
    ) -> None:
        published.delete(key("4.2.1"))
        rig.publisher.publish("comet-cursor")
        assert published.json(f"{STABLE}/manifest.json")["version"] == "4.2.0"
        published.put(key("4.2.1"), release(title="again"))
        rig.publisher.publish("comet-cursor")
        assert published.json(f"{STABLE}/manifest.json")["title"] == "again"


class TestAStrayUpload:
    STRAYS = (
        "releases/x.json",
        "products/readme.txt",
        "products/a/b.json",
        "channels/stable.json",
        "releases/Comet Cursor/stable/1.0.0.json",
        "releases/comet-cursor/stable/extra/1.0.0.json",
        "releases/comet-cursor/Stable/1.0.0.json",
        "products/Comet.json",
        "channels/Comet/stable.json",
        "releases//stable/1.0.0.json",
        "releases/comet-cursor/stable/1..0.json",
        "releases/comet-cursor/stable/1.0.0.JSON",
        "releases/комета/stable/1.0.0.json",
        f"releases/comet-cursor/stable/{'9' * 900}.json",
        f"releases/comet-cursor/stable/{'9' * 990}.json",
    )

    @pytest.mark.parametrize("stray", STRAYS, ids=lambda stray: stray[:50])
    def test_is_refused_and_harms_nobody(self, published: S3, rig: PublisherFixture, stray: str) -> None:
        rig.sweep()
        before = published.tree("public/")
        published.put(stray, release())
        rig.sweep()
        assert published.tree("public/") == before
        (rejected,) = published.keys("rejected/")
        assert published.json(rejected)["key"] == stray
        rig.sweep()
        assert published.keys("rejected/") == [rejected]

    @pytest.mark.parametrize("stray", STRAYS, ids=lambda stray: stray[:50])
    def test_that_goes_away_takes_its_refusal_with_it(self, published: S3, rig: PublisherFixture, stray: str) -> None:
        published.put(stray, release())
        rig.sweep()
        published.purge(stray)
        rig.sweep()
        assert published.keys("rejected/") == []

    def test_with_a_long_key_leaves_the_refusal_of_another(self, published: S3, rig: PublisherFixture) -> None:
        one, other = (f"releases/comet-cursor/stable/{digit * 990}.json" for digit in "89")
        for stray in (one, other):
            published.put(stray, b"{")
        rig.sweep()
        published.purge(one)
        rig.sweep()
        assert [published.json(rejected)["key"] for rejected in published.keys("rejected/")] == [other]

    def test_that_is_only_a_consoles_folder_is_no_upload(self, published: S3, rig: PublisherFixture) -> None:
        for folder in (
            "products/",
            "products/comet-cursor/",
            "releases/",
            "releases/comet-cursor/",
            "releases/comet-cursor/stable/",
            "channels/comet-cursor/",
        ):
            published.put(folder, b"")
        rig.sweep()
        assert published.keys("rejected/") == []


def test_the_schemas_are_published_as_they_are_checked_in(
    published: S3, rig: PublisherFixture, request: pytest.FixtureRequest
) -> None:
    rig.sweep()
    served = {key.rpartition("/")[2]: body for key, body in published.tree("public/schemas/").items()}
    checked_in = {path.name: path.read_bytes() for path in (request.config.rootpath / "schemas").glob("*.json")}
    assert served == checked_in, "run `make schemas`"


@pytest.mark.http
def test_objects_are_written_with_their_type_and_nothing_about_the_writer(published: S3) -> None:
    head = published.client.head_object(Bucket=published.bucket, Key=f"{STABLE}/manifest.json")
    assert (head["ContentType"], head["Metadata"]) == ("application/json", {})


def test_a_document_says_what_was_uploaded_to_the_letter(s3: S3, rig: PublisherFixture) -> None:
    odd = release(
        released_at="2026-11-20T13:00:00.123456789+01:00",
        title="„Größer“ \\ </script> 🚀",
        critical={"below_version": "4.0.0"},
        notes_url={"en": "https://example.com/a?b=c&d=%20#e"},
    )
    odd["artifacts"][0] |= {"sha256": "ABCDEF0123456789" * 4, "signatures": {"ed25519": "a+/="}}
    body = json.dumps(odd, indent=3).encode()
    s3.put(key("4.2.1"), body)
    rig.publisher.publish("comet-cursor")
    served = json.loads(s3.get(f"{STABLE}/manifest.json"))
    assert served == odd
    assert list(served) == list(odd)


def test_channel_beyond_the_size_of_all_documents_is_refused_and_stays(
    published: S3, rig: PublisherFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many channels that include a large one must not end the process, which publishes other products, too."""
    before = published.tree("public/")
    published.put(key("4.3.0", "beta"), release("4.3.0", "beta"))
    published.put(key("4.3.0"), release("4.3.0"))
    with monkeypatch.context() as limited:
        limited.setattr(render, "DOCUMENTS_MAX_BYTES", 1)
        rig.publisher.publish("comet-cursor")
    after = published.tree("public/")
    assert published.json("public/v1/comet-cursor/beta/manifest.json")["version"] == "4.3.0", "the first channel fits"
    assert {name: after[name] for name in before} == before
    (rejected,) = published.keys("rejected/")
    assert rejected == object_keys.rejected_key(object_keys.channel_key("comet-cursor", "stable"))
    rig.publisher.publish("comet-cursor")
    assert published.keys("rejected/") == [], "positive control"
    assert published.json(f"{STABLE}/manifest.json")["version"] == "4.3.0"


WRONG_CLOCKS = {
    "ten years ahead": timedelta(days=3653),
    "ten years behind": timedelta(days=-3653),
    "five minutes ahead": timedelta(minutes=5),
    "five minutes behind": timedelta(minutes=-5),
    "at the end of all dates": datetime.max.replace(tzinfo=UTC) - NOW,
    "at the beginning of all dates": datetime.min.replace(tzinfo=UTC) - NOW,
}


class TestWrongClock:
    """A run reads the time once and keeps nothing of it, so the next run with the right clock repairs everything."""

    @pytest.fixture
    def timed(self, s3: S3) -> S3:
        """Everything that depends on the time, on several channels: due, not due, just due, in a rollout, paused."""
        product = {"schema": 1, "product": "comet-cursor", "approved_on": ["careful"]}
        s3.put("products/comet-cursor.json", product, NOW - timedelta(days=9))
        moments = {"4.1.0": "2020-01-01T00:00:00Z", "4.2.0": "2026-11-23T11:58:00Z", "4.2.1": "2026-11-23T12:02:00Z"}
        for channel in ("stable", "beta", "paused", "careful"):
            for version, at in moments.items():
                uploaded = NOW - timedelta(days=8)
                s3.put(key(version, channel), release(version, channel, available_at=at, released_at=at), uploaded)
        rollout = {"version": "4.2.0", "start": "2026-11-23T11:59:00Z", "interval": 86_400, "groups": 7}
        s3.put(object_keys.channel_key("comet-cursor", "stable"), policy(rollout=rollout), NOW)
        later = {"4.2.0": "2026-11-23T12:01:00Z"}
        s3.put(object_keys.channel_key("comet-cursor", "beta"), policy("beta", available_at=later), NOW)
        paused = policy("paused", paused_at="2026-11-23T11:59:00Z")
        s3.put(object_keys.channel_key("comet-cursor", "paused"), paused, NOW)
        return s3

    @pytest.mark.parametrize("wrong", WRONG_CLOCKS.values(), ids=WRONG_CLOCKS)
    @pytest.mark.parametrize("is_first", [False, True], ids=["a later run", "the first run"])
    def test_run_with_a_wrong_clock_is_repaired_by_the_next(
        self, timed: S3, wrong: timedelta, *, is_first: bool
    ) -> None:
        wanted = self.swept_at(timed, NOW)
        if is_first:
            for written in (*timed.keys("public/"), *timed.keys("rejected/")):
                timed.delete(written)
        assert self.swept_at(timed, NOW + wrong) != wanted, "positive control: the wrong clock is seen"
        assert self.swept_at(timed, NOW) == wanted

    def swept_at(self, s3: S3, now: datetime) -> dict[str, bytes]:
        """Return what is published after a sweep of a new process."""
        rig = PublisherFixture(s3)
        rig.now = now
        rig.sweep()
        return s3.tree("public/") | s3.tree("rejected/")
