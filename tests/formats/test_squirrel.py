"""Test Squirrel's documents, as the clients of Windows and macOS read them."""

from __future__ import annotations

import json

from comet_updates.formats import encode, squirrel
from comet_updates.model.offer import Offer
from tests.formats.offers import HOST, PHASED, artifact, complete, offer, percent, release


def lines(given: Offer) -> list[str]:
    return squirrel.render(given)["RELEASES"].decode().splitlines()


def package(version: str, kind: str = "installer") -> dict[str, object]:
    more = {"from_version": "1.0.0"} if kind == "delta" else {}
    return artifact("windows", "x86_64", f"App-{version}-{'delta' if more else 'full'}.nupkg", kind, **more)


class TestWindows:
    def test_golden_bytes_the_oldest_first(self) -> None:
        given = offer(release("2.0.0", package("2.0.0"), package("2.0.0", "delta")), complete("1.0.0"))
        assert squirrel.render(given)["RELEASES"].decode() == (
            f"{'ef' * 20} {HOST}/App-1.0.0-full.nupkg 1000\n"
            f"{'ef' * 20} {HOST}/App-2.0.0-full.nupkg 1000\n"
            f"{'ef' * 20} {HOST}/App-2.0.0-delta.nupkg 1000\n"
        )

    def test_a_share_ends_the_lines_of_the_latest(self) -> None:
        given = offer(complete("2.0.0"), complete("1.0.0"), rollout=percent(25), is_complete=False)
        assert [line.partition(" # ")[2] for line in lines(given)] == ["", "25%"]

    def test_groups_cannot_be_said_so_that_the_release_before_is_the_last(self) -> None:
        given = offer(complete("2.0.0"), complete("1.0.0"), rollout=PHASED, is_complete=False)
        assert ["1.0.0" in line for line in lines(given)] == [True]

    def test_it_is_cut_at_its_oldest_end_to_what_can_be_served(self) -> None:
        """Lambda answers with 6 MB at most, so a longer list would be an error for everyone."""
        long = [f"{major}.0.0" for major in range(3, 0, -1)]
        given = offer(*(release(version, *[package(f"{version}-{'x' * 1_900}")] * 500) for version in long))
        assert len(squirrel.render(given)["RELEASES"]) < encode.MAX_BYTES
        assert {line.partition("/App-")[2].partition("-")[0] for line in lines(given)} == {"3.0.0", "2.0.0"}

    def test_a_delta_without_a_full_package_is_left_out(self) -> None:
        given = offer(release("2.0.0", package("2.0.0", "delta")), complete("1.0.0"))
        assert len(lines(given)) == 1

    def test_a_url_that_would_break_a_line_is_left_out(self) -> None:
        odd = package("2.0.0") | {"url": f"{HOST}/a b/App-2.0.0-full.nupkg"}
        assert len(lines(offer(release("2.0.0", odd), complete("1.0.0")))) == 1


class TestMac:
    def test_golden_document(self) -> None:
        assert json.loads(squirrel.render(offer(complete("1.0.0")))["RELEASES.json"]) == {
            "currentRelease": "1.0.0",
            "releases": [
                {
                    "version": "1.0.0",
                    "updateTo": {
                        "version": "1.0.0",
                        "url": f"{HOST}/App-1.0.0-universal.zip",
                        "name": "Version 1.0.0",
                        "notes": "Größer\n",
                        "pub_date": "2026-11-20T12:00:00+00:00",
                    },
                }
            ],
        }

    def test_without_an_archive_for_all_macs_the_release_before_is_offered(self) -> None:
        one_arch = release("2.0.0", artifact("macos", "aarch64", "a.zip", "archive"))
        document = json.loads(squirrel.render(offer(one_arch, complete("1.0.0")))["RELEASES.json"])
        assert document["currentRelease"] == "1.0.0"
