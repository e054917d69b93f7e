"""Test appcasts, as Sparkle, WinSparkle and NetSparkle read them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comet_updates.formats import appcast, encode, sparkle, xml_writer
from comet_updates.model.channel import Rollout
from comet_updates.model.offer import Offer
from comet_updates.model.release import Release
from tests.formats.offers import HOST, artifact, complete, offer, percent, release

S = f"{{{appcast.NAMESPACE}}}"
START = datetime(2026, 11, 23, 8, tzinfo=UTC)


def mac(version: str, **fields: Any) -> dict[str, Any]:
    return artifact("macos", "universal", f"App-{version}.zip", "archive", **fields)


def one_file(version: str, file: dict[str, Any] | None = None, **fields: Any) -> Release:
    return release(version, file or mac(version), **fields)


def items(given: Offer, name: str = "appcast.xml") -> list[ET.Element]:
    return list(ET.fromstring(sparkle.render(given)[name].decode()).iter("item"))


def item(release: Release) -> ET.Element:
    (found,) = items(offer(release))
    return found


def said(element: ET.Element, name: str) -> str | None:
    return element.findtext(f"{S}{name}")


def enclosures(given: Offer) -> list[tuple[str | None, str]]:
    return [
        (found.get(f"{S}os"), (found.get("url") or "").removeprefix(f"{HOST}/"))
        for element in items(given)
        for found in element.findall("enclosure")
    ]


def test_golden_bytes() -> None:
    signed = mac("1.0.0", signatures={"ed25519": "c2ln"}, min_os="13.0")
    given = one_file("1.0.0", signed, build="100", released_at="2026-11-20T12:00:00Z", notes={"en": "<b>New</b>"})
    assert sparkle.render(offer(given))["appcast.xml"].decode() == (
        "<?xml version='1.0' encoding='utf-8'?>\n"
        '<rss xmlns:sparkle="http://www.andymatuschak.org/xml-namespaces/sparkle" version="2.0">\n'
        "  <channel>\n"
        "    <title>p stable</title>\n"
        "    <item>\n"
        "      <title>Version 1.0.0</title>\n"
        "      <pubDate>Fri, 20 Nov 2026 12:00:00 +0000</pubDate>\n"
        "      <sparkle:version>100</sparkle:version>\n"
        "      <sparkle:shortVersionString>1.0.0</sparkle:shortVersionString>\n"
        '      <description sparkle:format="markdown" xml:lang="en">&lt;b&gt;New&lt;/b&gt;</description>\n'
        "      <sparkle:minimumSystemVersion>13.0</sparkle:minimumSystemVersion>\n"
        f'      <enclosure url="{HOST}/App-1.0.0.zip" length="1000" type="application/octet-stream"'
        ' sparkle:edSignature="c2ln" sparkle:os="macos" />\n'
        "    </item>\n"
        "  </channel>\n"
        "</rss>\n"
    )


class TestFiles:
    def test_each_system_has_an_item_of_its_own_that_names_it(self) -> None:
        assert enclosures(offer(complete("1.0.0"))) == [
            ("macos", "App-1.0.0-universal.zip"),
            ("windows-x64", "Setup-1.0.0-x64.exe"),
            ("windows-arm64", "Setup-1.0.0-arm64.exe"),
        ]

    @pytest.mark.parametrize("arch", ["x86_64", "aarch64", "any"])
    def test_linux_has_an_item_if_the_channel_has_one_architecture(self, arch: str) -> None:
        assert enclosures(offer(one_file("1.0.0", artifact("linux", arch, "App.AppImage")))) == [
            ("linux", "App.AppImage")
        ]

    def test_the_signed_file_is_preferred(self) -> None:
        plain, signed = mac("1.0.0"), mac("1.0.0") | {"url": f"{HOST}/App.dmg", "signatures": {"ed25519": "c2ln"}}
        assert enclosures(offer(release("1.0.0", plain, signed))) == [("macos", "App.dmg")]

    def test_where_no_file_is_for_all_macs_the_one_that_all_can_run_is_offered(self) -> None:
        arm, intel = (artifact("macos", arch, f"{arch}.zip", "archive") for arch in ("aarch64", "x86_64"))
        assert enclosures(offer(release("1.0.0", arm, intel))) == [("macos", "x86_64.zip")]

    def test_a_file_for_apple_silicon_alone_says_so(self) -> None:
        given = one_file("1.0.0", artifact("macos", "aarch64", "a.zip", "archive"))
        assert said(item(given), "hardwareRequirements") == "arm64"

    def test_a_delta_stands_beside_the_full_file_and_says_what_it_starts_from(self) -> None:
        delta = mac("1.0.0") | {"kind": "delta", "from_version": "99", "url": f"{HOST}/99.delta"}
        found = item(release("1.0.0", mac("1.0.0"), delta)).findall(f"{S}deltas/enclosure")
        assert [(e.get("url"), e.get(f"{S}deltaFrom")) for e in found] == [(f"{HOST}/99.delta", "99")]

    def test_installer_arguments_and_the_systems_are_passed_on(self) -> None:
        setup = artifact("windows", "x86_64", "setup.exe", installer_arguments="/S", min_os="10.0.19041")
        found = item(one_file("1.0.0", setup))
        enclosure = found.find("enclosure")
        assert enclosure is not None
        assert enclosure.get(f"{S}installerArguments") == "/S"
        assert said(found, "minimumSystemVersion") == "10.0.19041"
        assert said(item(one_file("1.0.0", mac("1.0.0", max_os="26.1"))), "maximumSystemVersion") == "26.1"

    @pytest.mark.parametrize(("kind", "version"), [("netsparkle", "1.0.0"), ("ed25519", "2.0.0")])
    def test_lowest_windows_is_for_clients_that_read_it(self, kind: str, version: str) -> None:
        """NetSparkle reads no system version, and a signature of its kind says that the app uses it."""
        signed: dict[str, Any] = {"signatures": {kind: "c2ln"}}
        newer = artifact("windows", "x86_64", "2.0.0.exe", min_os="10.0.22000", **signed)
        given = offer(one_file("2.0.0", newer), one_file("1.0.0", artifact("windows", "x86_64", "1.0.0.exe", **signed)))
        assert enclosures(given)[0] == ("windows-x64", f"{version}.exe")

    def test_an_unsigned_release_above_signed_ones_is_left_out(self) -> None:
        """Leave it out, since a client with a key would refuse it.

        Older unsigned releases, below the signed ones, stay.
        """
        signed = one_file("2.0.0", mac("2.0.0", signatures={"ed25519": "c2ln"}))
        given = offer(one_file("3.0.0"), signed, one_file("1.0.0"))
        assert [url for _, url in enclosures(given)] == ["App-2.0.0.zip", "App-1.0.0.zip"]


class TestWords:
    def test_notes_and_their_links_are_told_by_language(self) -> None:
        links = {"en": f"{HOST}/en.html", "de": f"{HOST}/de.html"}
        found = item(one_file("1.0.0", notes={"en": "New", "de": "Neu"}, notes_format="text", notes_url=links))
        told = {(e.get(xml_writer.LANGUAGE), e.get(f"{S}format"), e.text) for e in found.findall("description")}
        assert told == {("en", "plain-text", "New"), ("de", "plain-text", "Neu")}
        assert {e.get(xml_writer.LANGUAGE): e.text for e in found.findall(f"{S}releaseNotesLink")} == links

    @pytest.mark.parametrize(("critical", "below"), [(True, None), ({"below_version": "0.9"}, "0.9")])
    def test_a_critical_release_says_for_whom(self, critical: object, below: str | None) -> None:
        told = item(one_file("1.0.0", critical=critical)).find(f"{S}criticalUpdate")
        assert told is not None
        assert told.get(f"{S}version") == below

    def test_an_ordinary_release_is_not_critical(self) -> None:
        assert item(one_file("1.0.0")).find(f"{S}criticalUpdate") is None

    def test_the_lowest_version_that_may_upgrade_is_told(self) -> None:
        assert said(item(one_file("2.0.0", minimum_version="1.5")), "minimumUpdateVersion") == "1.5"

    def test_an_informational_release_points_to_its_page(self) -> None:
        told = {"versions": ["1.0"], "below_version": "0.9"}
        found = item(one_file("2.0.0", informational=told, link=f"{HOST}/why"))
        assert found.findtext("link") == f"{HOST}/why"
        assert [e.text for e in found.findall(f"{S}informationalUpdate/*")] == ["1.0", "0.9"]

    def test_informational_release_without_a_page_is_left_out(self) -> None:
        """Otherwise clients would install it."""
        assert sparkle.render(offer(one_file("2.0.0", informational=True))) == {}

    def test_a_release_without_files_needs_a_page(self) -> None:
        assert item(release("2.0.0", link=f"{HOST}/why")).find("enclosure") is None
        assert sparkle.render(offer(release("2.0.0"))) == {}


class TestChannels:
    def test_the_channels_own_document_names_none_and_the_other_all_but_stable(self) -> None:
        """WinSparkle ignores channels. Sparkle hides the items of a channel that an app does not allow."""
        beta = one_file("2.0.0-beta.1", mac("2"), channel="beta")
        given = offer(beta, one_file("1.0.0"), channel="beta")
        assert [said(i, "channel") for i in items(given)] == [None, None]
        assert [said(i, "channel") for i in items(given, "appcast-channels.xml")] == ["beta", None]

    def test_a_channel_that_includes_no_other_has_one_document(self) -> None:
        assert set(sparkle.render(offer(one_file("1.0.0")))) == {"appcast.xml"}


class TestRollouts:
    def phased(self, groups: int, *, is_complete: bool = False) -> Offer:
        rollout = Rollout(start=None, interval=None, groups=None, percent=1).model_copy(
            update={"percent": None, "start": START, "interval": 3600, "groups": groups}
        )
        return offer(complete("2.0.0"), complete("1.0.0"), rollout=rollout, is_complete=is_complete)

    @pytest.mark.parametrize(("groups", "interval_s"), [(7, 3600), (4, 1800), (13, 7200)])
    def test_groups_become_sparkles_seven_which_end_together_with_ours(self, groups: int, interval_s: int) -> None:
        first = items(self.phased(groups))[0]
        assert said(first, "phasedRolloutInterval") == str(interval_s)
        assert first.findtext("pubDate") == "Mon, 23 Nov 2026 08:00:00 +0000"

    def test_systems_whose_client_knows_no_groups_stay_at_the_release_before(self) -> None:
        offered = enclosures(self.phased(7))
        assert ("macos", "App-2.0.0-universal.zip") in offered
        assert {url.partition("-")[2][:5] for system, url in offered if system != "macos"} == {"1.0.0"}

    def test_complete_rollout_offers_the_release_without_groups(self) -> None:
        complete_items = items(self.phased(7, is_complete=True))
        assert ("windows-x64", "Setup-2.0.0-x64.exe") in enclosures(self.phased(7, is_complete=True))
        assert {said(i, "phasedRolloutInterval") for i in complete_items} == {None}

    def test_a_share_cannot_be_said_so_that_all_stay_at_the_release_before(self) -> None:
        offered = enclosures(offer(complete("2.0.0"), complete("1.0.0"), rollout=percent(25), is_complete=False))
        assert offered
        assert not [url for _, url in offered if "2.0.0" in url]


class TestSize:
    def test_a_long_history_is_cut_at_its_oldest_end(self) -> None:
        many = offer(*(one_file(f"{n}.0.0", notes={"en": "x" * 50_000}) for n in range(99, 0, -1)))
        found = items(many)
        assert len(sparkle.render(many)["appcast.xml"]) < 1.1 * encode.MAX_BYTES
        assert said(found[0], "version") == "99.0.0"
        assert 30 < len(found) < 99

    def test_notes_in_very_many_languages_are_cut_to_one_and_the_release_stays(self) -> None:
        notes = {"en": "New"} | {f"x{a}-{b}": "y" * 90_000 for a in "abcde" for b in "abcde"}
        found = item(one_file("1.0.0", notes=notes))
        assert [note.text for note in found.findall("description")] == ["New"]


@given(notes=st.text(st.characters(exclude_categories=["Cs"], exclude_characters=[chr(c) for c in range(32)])))
def test_whatever_the_notes_hold_they_come_back(notes: str) -> None:
    if notes:
        found = item(one_file("1.0.0", notes={"en": notes})).findtext("description")
        assert found == xml_writer.characters(notes)
