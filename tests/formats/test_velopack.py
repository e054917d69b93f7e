"""Test Velopack's releases, as its client reads them."""

from __future__ import annotations

import json
from typing import Any

from comet_updates.formats import velopack
from comet_updates.formats.imported import RELEASE_BEFORE, Feed
from comet_updates.model.offer import Offer
from tests.formats.offers import HOST, artifact, offer, percent, release


def package(version: str, kind: str = "full", platform: str = "windows", arch: str = "x86_64") -> dict[str, Any]:
    more = {"from_version": "1.0.0"} if kind == "delta" else {}
    return artifact(platform, arch, f"App-{version}-{kind}.nupkg", "delta" if more else "archive", **more)


def assets(given: Offer, name: str = "releases.win.json") -> list[tuple[str, str]]:
    return [(asset["Version"], asset["Type"]) for asset in json.loads(velopack.render(given)[name])["Assets"]]


def test_golden_document() -> None:
    given = release("1.0.0", package("1.0.0"), notes={"en": "New"})
    assert json.loads(velopack.render(offer(given))["releases.win.json"]) == {
        "Assets": [
            {
                "PackageId": "App",
                "Version": "1.0.0",
                "Type": "Full",
                "FileName": f"{HOST}/App-1.0.0-full.nupkg",
                "SHA1": "EF" * 20,
                "SHA256": "AB" * 32,
                "Size": 1000,
                "NotesMarkdown": "New",
            }
        ]
    }


def test_full_package_comes_before_delta_and_latest_release_first() -> None:
    newer = release("2.0.0", package("2.0.0", "delta"), package("2.0.0"))
    given = offer(newer, release("1.0.0", package("1.0.0")))
    assert assets(given) == [("2.0.0", "Full"), ("2.0.0", "Delta"), ("1.0.0", "Full")]


def test_a_release_with_a_delta_alone_is_left_out() -> None:
    given = offer(release("2.0.0", package("2.0.0", "delta")), release("1.0.0", package("1.0.0")))
    assert assets(given) == [("1.0.0", "Full")]


def test_delta_from_the_release_before_is_listed_beside_that_release() -> None:
    """Builders do not write from which version a delta starts: it is the release before."""
    newest, middle, oldest = (
        release(version, package(version), package(version, "delta") | {"from_version": RELEASE_BEFORE}, **fields)
        for version, fields in (("3.0.0", {}), ("2.0.0", {"minimum_version": "1.0.0"}), ("1.0.0", {}))
    )
    whole = [("1.0.0", "Full"), ("1.0.0", "Delta")]
    assert assets(offer(newest, oldest)) == [("3.0.0", "Full"), ("3.0.0", "Delta"), *whole]
    # The document leaves out 2.0.0, or it is withdrawn: the delta of 3.0.0 would not fit 1.0.0.
    assert assets(offer(newest, middle, oldest)) == [("3.0.0", "Full"), *whole]
    plain = release("2.0.0", package("2.0.0"))
    assert assets(offer(newest, plain, oldest, yanked=("2.0.0",))) == [("3.0.0", "Full"), *whole]


def test_imported_document_with_deltas_comes_back() -> None:
    asset = {"PackageId": "App", "SHA1": "EF" * 20, "SHA256": "AB" * 32, "Size": 1000}
    before = [
        {**asset, "Version": version, "Type": kind, "FileName": f"{HOST}/App-{version}-{kind.lower()}.nupkg"}
        for version, kind in (("2.0.0", "Full"), ("2.0.0", "Delta"), ("1.0.0", "Full"))
    ]
    feed = Feed("p", "stable", document="releases.win.json")
    velopack.parse({"Assets": before}, feed)
    given = offer(*(release(wire["version"], *wire["artifacts"]) for wire in feed.releases))
    assert json.loads(velopack.render(given)["releases.win.json"])["Assets"] == [
        {name: asset[name] for name in ("PackageId", "Version", "Type", "FileName", "SHA1", "SHA256", "Size")}
        for asset in before
    ]


def test_each_system_and_architecture_has_a_document() -> None:
    given = offer(
        release(
            "1.0.0",
            package("1.0.0"),
            package("1.0.0", platform="macos", arch="universal"),
            package("1.0.0", platform="linux", arch="aarch64"),
        )
    )
    names = ("win", "win-x64", "osx", "linux", "linux-arm64")
    assert set(velopack.render(given)) == {
        *(f"releases.{name}.json" for name in names),
        *(f"releases.{name}-stable.json" for name in names),
    }


def test_product_with_one_system_has_a_document_named_as_the_channel() -> None:
    """Copies built with `vpk --channel beta` request `releases.beta.json` on every system."""
    given = offer(release("1.0.0", package("1.0.0"), package("1.0.0", arch="aarch64")), channel="beta")
    documents = velopack.render(given)
    assert documents["releases.beta.json"] == documents["releases.win-beta.json"] == documents["releases.win.json"]
    assert documents["releases.win-arm64-beta.json"] == documents["releases.win-arm64.json"]
    several = offer(release("1.0.0", package("1.0.0"), package("1.0.0", platform="macos")), channel="beta")
    assert "releases.beta.json" not in velopack.render(several)


def test_a_package_beside_the_document_is_told_of_by_its_name() -> None:
    """CDNs may serve `*.nupkg` from the host of the files, and everything else from this service."""
    at = f"{HOST}/v1/p/stable/App-1.0.0-full.nupkg"
    given = release("1.0.0", package("1.0.0") | {"url": at})
    for channel, told in (("stable", "App-1.0.0-full.nupkg"), ("beta", at)):
        document = json.loads(velopack.render(offer(given, channel=channel))["releases.win.json"])
        assert document["Assets"][0]["FileName"] == told


def test_nothing_is_null() -> None:
    file = {name: value for name, value in package("1.0.0").items() if name != "sha1"}
    assert b"null" not in velopack.render(offer(release("1.0.0", file)))["releases.win.json"]


def test_unfinished_rollout_offers_the_previous_release() -> None:
    """Velopack's format cannot express a rollout."""
    both = (release(version, package(version)) for version in ("2.0.0", "1.0.0"))
    assert assets(offer(*both, rollout=percent(25), is_complete=False)) == [("1.0.0", "Full")]
