"""Test imports of feeds as publishers have them: nothing of a feed is lost without a remark."""

from __future__ import annotations

import json

import pytest

from tests.feeds.conftest import Move

NAMESPACE = "http://www.andymatuschak.org/xml-namespaces/sparkle"
SHA512 = "pKvURIxJVi2CgRXROh/M6pJ/UrTVRZKX+LQ+QtqJI4vBNibkPcs43bCCSIkn7JBPtCBXRDmD6IWFF51QVRr+Yg=="


def appcast(*items: str, namespace: str = NAMESPACE, head: str = "") -> str:
    return f'<rss version="2.0" xmlns:sparkle="{namespace}"><channel>{head}{"".join(items)}</channel></rss>'


def item(version: str, file: str = "https://dl.example.com/nova.zip", more: str = "", **attributes: str) -> str:
    said = "".join(f' {name.replace("_", ":")}="{value}"' for name, value in attributes.items())
    return f"<item><sparkle:version>{version}</sparkle:version>{more}<enclosure url='{file}' length='9'{said}/></item>"


def channel_file(name: str, version: str = "1.0.0", more: str = "", file: str = "") -> str:
    return f"version: {version}\nfiles:\n  - url: {name}\n    sha512: {SHA512}\n    size: 9\n{file}{more}"


class TestSystems:
    @pytest.mark.parametrize(
        ("file", "attributes", "expected", "remark"),
        [
            ("nova.exe", {}, ("windows", "any"), "It is taken for Windows: files of its type are for Windows"),
            ("nova.msi?dl=1", {}, ("windows", "any"), "files of its type are for Windows"),
            ("nova.dmg", {}, ("macos", "any"), ""),
            ("nova.zip", {}, ("macos", "any"), "It is taken for macOS: Sparkle does so, but WinSparkle and NetSparkle"),
            ("nova-win.zip", {}, ("windows", "any"), "its name says so"),
            ("nova.zip", {"sparkle_signature": "c2ln"}, ("windows", "any"), "WinSparkle or NetSparkle"),
            ("nova.zip", {"sparkle_os": "osx"}, ("macos", "any"), ""),
            ("nova.zip", {"sparkle_os": "linux-arm64"}, ("linux", "aarch64"), ""),
            ("nova.exe", {"sparkle_os": "windows-x86"}, ("windows", "i686"), ""),
        ],
    )
    def test_system_follows_from_the_feed_or_the_file(
        self, move: Move, file: str, attributes: dict[str, str], expected: tuple[str, str], remark: str
    ) -> None:
        feed = move.write("appcast.xml", appcast(item("1.0.0", f"https://dl.example.com/{file}", **attributes)))
        said = move.succeed(feed)
        assert move.systems("1.0.0") == {expected}
        assert remark in said
        assert ("It is taken for" in said) == bool(remark)

    def test_option_names_the_system(self, move: Move) -> None:
        said = move.succeed(move.write("appcast.xml", appcast(item("1.0.0"))), "--os", "windows")
        assert move.systems("1.0.0") == {("windows", "any")}
        assert "is taken for" not in said

    def test_later_release_keeps_the_names_that_copies_look_for(self, move: Move) -> None:
        feed = appcast(item("1.0.0", sparkle_os="macos-arm64"), item("1.0.0", sparkle_os="linux-x64"))
        move.succeed(move.write("appcast.xml", feed))
        file = {"platform": "macos", "arch": "aarch64", "kind": "archive", "url": "https://dl.example.com/2.zip"}
        move.release("2.0.0", file)
        assert next((i["version"], i["os"]) for i in move.items()) == ("2.0.0", "macos-arm64")


class TestItems:
    """Sparkle rejects a feed with an item that it cannot read; WinSparkle and NetSparkle skip the item."""

    BAD = (
        "<item><title>Broken</title><enclosure url='https://dl.example.com/{0}' length='9'/></item>",
        "<item><sparkle:version>3.0.0</sparkle:version></item>",
        "<item><sparkle:version>3.0.0</sparkle:version><enclosure url='ftp://dl.example.com/{0}'/></item>",
    )

    @pytest.mark.parametrize("bad", BAD)
    def test_bad_item_refuses_a_feed_of_sparkle(self, move: Move, bad: str) -> None:
        feed = move.write("appcast.xml", appcast(item("1.0.0"), bad.format("nova.zip")))
        assert "item 2" in (said := move.fail(feed))
        assert "Sparkle rejects a feed with such an item (SUAppcastItem.m)" in said

    @pytest.mark.parametrize("bad", BAD)
    def test_bad_item_is_left_out_of_a_feed_for_windows(self, move: Move, bad: str) -> None:
        feed = move.write("appcast.xml", appcast(item("1.0.0", "https://dl.example.com/a.exe"), bad.format("nova.exe")))
        assert "item 2" in (said := move.succeed(feed))
        assert "WinSparkle and NetSparkle do not offer it either" in said
        assert [found["version"] for found in move.items()] == ["1.0.0"]

    def test_fields_for_people_never_sink_a_release(self, move: Move) -> None:
        more = (
            "<pubDate>yesterday</pubDate><link>mailto:a@example.com</link>"
            f"<title>{'x' * 201}</title><sparkle:releaseNotesLink>file:///notes.html</sparkle:releaseNotesLink>"
            f"<description xml:lang='not a language'>{'x' * 9}</description>"
        )
        said = move.succeed(move.write("appcast.xml", appcast(item("1.0.0", more=more, type="a&#10;b"))))
        for place in ("pubDate 'yesterday'", "mailto:a@example.com", "title", "file:///notes.html", "description"):
            assert place in said
        assert "$." not in said
        assert {"title", "link", "notes_url", "notes", "released_at"}.isdisjoint(move.released("1.0.0"))

    def test_refusal_names_the_place_in_the_feed(self, move: Move) -> None:
        feed = appcast(
            item("1.0.0"),
            item("2.0.0", more=f"<sparkle:minimumSystemVersion>{'1' * 201}</sparkle:minimumSystemVersion>"),
        )
        said = move.fail(move.write("appcast.xml", feed))
        assert "item 2 (2.0.0), enclosure, sparkle:minimumSystemVersion: String should have at most 200" in said
        assert "$." not in said
        assert "/schemas/" not in said

    def test_channel_of_another_name_than_stable_is_explained(self, move: Move) -> None:
        feed = move.write("appcast.xml", appcast(item("1", more="<sparkle:channel>beta</sparkle:channel>")))
        assert "Import it with --channel stable" in move.fail(feed, "--channel", "production")

    def test_several_channels_share_one_document(self, move: Move) -> None:
        items = [
            item(str(n), more=f"<sparkle:channel>{n_}</sparkle:channel>") for n, n_ in ((3, "nightly"), (2, "Beta"))
        ]
        said = move.succeed(move.write("appcast.xml", appcast(*items, item("1"))))
        assert "/v1/nova/all/appcast-channels.xml" in said
        assert "sparkle:channel 'Beta' became 'beta'" in said
        found = move.items("all", "appcast-channels.xml")
        assert [(one["version"], one["channel"]) for one in found] == [("3", "nightly"), ("2", "beta"), ("1", None)]
        assert [one["version"] for one in move.items("nightly")] == ["3", "1"]

    def test_signature_of_the_feed_is_told(self, move: Move) -> None:
        feed = appcast(item("1.0.0")) + "<!-- sparkle-signatures:\nedSignature: x\nlength: 1\n-->"
        assert "SURequireSignedFeed" in move.succeed(move.write("appcast.xml", feed))

    def test_newest_phased_rollout_becomes_the_policy(self, move: Move) -> None:
        interval = "<sparkle:phasedRolloutInterval>{1}</sparkle:phasedRolloutInterval>"
        more = "<pubDate>Mon, 02 Nov 2026 10:00:00 {0}</pubDate>" + interval
        feed = appcast(item("1.0", more=more.format("GMT", 7)), item("2.0", more=more.format("EST", 8)))
        move.succeed(move.write("appcast.xml", feed))
        rollout = {"version": "2.0", "start": "2026-11-02T10:00:00-05:00", "interval": 8, "groups": 7}
        assert move.s3.json("channels/nova/stable.json")["rollout"] == rollout


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("https://dl.example.com/a b.zip", "https://dl.example.com/a%20b.zip"),
        ("https://dl.example.com/a%20b.zip?x=1&amp;y=%2B#z", "https://dl.example.com/a%20b.zip?x=1&y=%2B#z"),
        ("https://dl.example.com/1.0+2/a.zip", "https://dl.example.com/1.0+2/a.zip"),
        ("1.0+2\\a b.zip", "https://dl.example.com/1.0%2B2/a%20b.zip"),
        ("https://dl.example.com\\1.0\\caf\u00e9.zip", "https://dl.example.com/1.0/caf%C3%A9.zip"),
    ],
    ids=["space", "encoded", "plus", "relative", "backslash"],
)
def test_url_is_written_as_updaters_request_it(move: Move, written: str, url: str) -> None:
    move.succeed(move.write("appcast.xml", appcast(item("1.0.0", written))))
    assert move.released("1.0.0")["artifacts"][0]["url"] == url


class TestDates:
    @pytest.mark.parametrize(
        ("written", "expected"),
        [
            ("Mon, 02 Nov 2026 10:00:00 EST", "2026-11-02T10:00:00-05:00"),
            ("Mon, 02 Nov 2026 10:00:00 PDT", "2026-11-02T10:00:00-07:00"),
            ("Mon, 02 Nov 2026 10:00:00 +05:30", "2026-11-02T10:00:00+05:30"),
            ("Mon, 2 Nov 2026 10:00:00 -0000", "2026-11-02T10:00:00+00:00"),
            ("2026-11-02T10:00:00Z", "2026-11-02T10:00:00+00:00"),
        ],
    )
    def test_date_is_read_with_its_zone(self, move: Move, written: str, expected: str) -> None:
        said = move.succeed(move.write("appcast.xml", appcast(item("1.0.0", more=f"<pubDate>{written}</pubDate>"))))
        assert move.released("1.0.0")["released_at"] == expected
        assert "pubDate" not in said

    @pytest.mark.parametrize("zone", ["CEST", ""])
    def test_unknown_zone_is_told(self, move: Move, zone: str) -> None:
        feed = appcast(item("1.0.0", more=f"<pubDate>Mon, 02 Nov 2026 10:00:00 {zone}</pubDate>"))
        assert "has no time zone that RFC 822 knows. It is read as UTC" in move.succeed(move.write("a.xml", feed))

    @pytest.mark.parametrize("date", ["Mon, 02 Nov 2098 10:00:00 GMT", "Fri, 05 Oct 2012 12:30 -7000"])
    def test_date_that_would_hold_a_release_back_is_left_out(self, move: Move, date: str) -> None:
        assert "left out" in move.succeed(
            move.write("a.xml", appcast(item("1.0.0", more=f"<pubDate>{date}</pubDate>")))
        )
        assert [found["version"] for found in move.items()] == ["1.0.0"]


class TestElectronUpdater:
    def test_name_of_the_file_names_the_channel(self, move: Move) -> None:
        feed = move.write("beta.yml", channel_file("Nova Setup.exe", "1.0.0-beta.1"))
        assert "is the file of the channel beta" in move.succeed(feed)
        assert {"beta.yml", "latest.yml"} <= move.documents("beta")

    def test_chosen_channel_comes_first(self, move: Move) -> None:
        move.succeed(move.write("beta.yml", channel_file("Nova.exe")), "--channel", "stable")
        assert "latest.yml" in move.documents()

    @pytest.mark.parametrize("place", ["of the file", "of the document"])
    def test_installer_for_all_users_keeps_its_mark(self, move: Move, place: str) -> None:
        more = "isAdminRightsRequired: true\n"
        in_file = place == "of the file"
        feed = channel_file("Nova.exe", more="" if in_file else more, file=f"    {more}" if in_file else "")
        move.succeed(move.write("latest.yml", feed))
        assert move.yaml("latest.yml")["files"][0]["isAdminRightsRequired"] is True

    @pytest.mark.parametrize(
        ("feed", "reason"),
        [
            (channel_file("Nova.exe", "1.0"), "is not a semantic version. electron-updater rejects such a file"),
            ("version: 1.0.0\nfiles:\n  - url: a.exe\n", "files[0] has no `sha512`. electron-updater rejects"),
            ("version: 1.0.0\nfiles:\n  - sha512: a\n", "files[0] has no `url`. electron-updater rejects"),
            (channel_file("a.exe").replace(SHA512, "QUJD"), "files[0].sha512 has 3 bytes in place of 64"),
        ],
    )
    def test_file_that_the_client_rejects_is_refused(self, move: Move, feed: str, reason: str) -> None:
        assert reason in move.fail(move.write("latest.yml", feed))

    def test_name_of_another_computer_is_told(self, move: Move) -> None:
        said = move.succeed(move.write("latest-linux.yml", channel_file("Nova-arm64.AppImage")))
        assert "its name says aarch64, but latest-linux.yml is for x86_64" in said
        assert move.systems("1.0.0") == {("linux", "aarch64")}

    def test_packages_of_the_web_installer_are_told(self, move: Move) -> None:
        more = "packages:\n  x64:\n    path: a.7z\n"
        assert "nsis-web (x64)" in move.succeed(move.write("latest.yml", channel_file("Nova.exe", more=more)))


class TestTauri:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"version": "1.0"}, "is not a semantic version"),
            ({"pub_date": "2026-11-02"}, "pub_date '2026-11-02' is not a date with an offset"),
            ({"pub_date": ""}, "pub_date '' is not a date"),
            ({"platforms": {"freebsd-x86_64": {"url": "https://e.example/a"}}}, "freebsd-x86_64 has no `signature`"),
            ({"platforms": {"linux-x86_64": {"url": "a", "signature": "c2ln"}}}, "not an absolute https:// URL"),
        ],
    )
    def test_document_that_the_client_rejects_is_refused(
        self, move: Move, change: dict[str, object], reason: str
    ) -> None:
        entry = {"url": "https://e.example/a.AppImage", "signature": "c2ln"}
        good = {"version": "v1.0.0", "pub_date": "2026-11-02T10:00:00Z", "platforms": {"linux-x86_64": entry}}
        said = move.fail(move.write("latest.json", json.dumps(good | change)))
        assert reason in said
        assert "Tauri's updater rejects the whole document then (updater.rs)" in said
        move.succeed(move.write("latest.json", json.dumps(good)))

    @pytest.mark.parametrize("signature", ["https://e.example/a.AppImage.sig", "c2ln", "RWQ"])
    def test_text_that_is_not_a_signature_is_told(self, move: Move, signature: str) -> None:
        def said(text: str) -> str:
            entry = {"url": "https://e.example/a.AppImage", "signature": text}
            feed = {"version": "1.0.0", "platforms": {"linux-x86_64": entry}}
            return move.succeed(move.write("latest.json", json.dumps(feed)), "--dry-run")

        remark = "linux-x86_64: its `signature` is not the content of a .sig file, so the client cannot install it"
        assert remark in said(signature)
        assert remark not in said("dW50cnVzdGVkIGNvbW1lbnQ6IGFib3V0IE5vdmE=")


class TestVelopack:
    @pytest.mark.parametrize(
        ("name", "channel", "documents", "system"),
        [
            ("releases.osx-arm64.json", "stable", {"releases.osx-arm64.json"}, ("macos", "aarch64")),
            ("releases.win-x64-light.json", "light", {"releases.win-x64-light.json"}, ("windows", "x86_64")),
            ("releases.linux-beta.json", "beta", {"releases.linux-beta.json", "releases.beta.json"}, ("linux", "any")),
        ],
    )
    def test_name_tells_system_architecture_and_channel(
        self, move: Move, name: str, channel: str, documents: set[str], system: tuple[str, str]
    ) -> None:
        asset = {"PackageId": "Nova", "Version": "1.0.0", "Type": "Full", "FileName": "Nova-1.0.0-full.nupkg"}
        feed = {"Assets": [asset | {"SHA1": "AB" * 20, "Size": 9}]}
        move.succeed(move.write(name, json.dumps(feed)))
        (artifact,) = move.released("1.0.0", channel)["artifacts"]
        assert (artifact["platform"], artifact["arch"]) == system
        assert documents <= move.documents(channel)

    def test_names_in_another_case_and_other_files_are_read_as_by_the_client(self, move: Move) -> None:
        full = {"version": "1.0.0", "type": "full", "fileName": "Nova-1.0.0-full.nupkg", "sha1": "ab" * 20, "size": 9}
        other = {"version": "1.0.0", "type": "Portable", "fileName": "Nova-Portable.zip"}
        said = move.succeed(move.write("releases.win.json", json.dumps({"assets": [full, other]})))
        assert "Assets[1]: left out: Nova-Portable.zip is not an update package" in said
        assert len(move.released("1.0.0")["artifacts"]) == 1

    def test_space_in_a_url_is_encoded_in_every_document(self, move: Move) -> None:
        """Squirrel rejects a list with a space in a URL."""
        asset = {"PackageId": "Nova", "Version": "1.0.0", "Type": "Full", "SHA1": "AB" * 20, "Size": 9}
        url = "https://dl.example.com/Nova\u00e9 Beta-1.0.0-full.nupkg"
        move.succeed(move.write("releases.win.json", json.dumps({"Assets": [asset | {"FileName": url}]})))
        encoded = "https://dl.example.com/Nova%C3%A9%20Beta-1.0.0-full.nupkg"
        listed = move.s3.get("public/v1/nova/stable/RELEASES").decode()
        assert f" {encoded} 9" in listed
        assert move.json("releases.win.json")["Assets"][0]["FileName"] == encoded

    def test_unknown_type_is_refused_as_by_the_client(self, move: Move) -> None:
        asset = {"Version": "1.0.0", "Type": "Patch", "FileName": "a.nupkg"}
        assert "Assets[0] has the unknown Type 'Patch'" in move.fail(
            move.write("releases.win.json", json.dumps({"Assets": [asset]}))
        )


def test_netsparkle_json_is_refused_with_the_way_to_move(move: Move) -> None:
    """Refuse it: the service serves only XML, so copies that read JSON would never update again."""
    entry = {"version": "2.0.0", "url": "https://dl.example.com/nova.exe", "os": "windows", "size": 1000}
    said = move.fail(move.write("appcast.json", json.dumps({"title": "Nova", "items": [entry]})))
    assert "it is NetSparkle's JSON appcast" in said
    assert "First release a version with XMLAppCastGenerator at the old place" in said
    move.succeed(move.write("appcast.xml", appcast(item("2.0.0"))))


class TestBucket:
    FEED = appcast(
        item("3.0", more="<sparkle:channel>beta</sparkle:channel>"), item("2.0"), item("1.0", type="application/zip")
    )

    def test_dry_run_uploads_nothing_and_prints_the_same_summary(self, move: Move) -> None:
        feed = move.write("appcast.xml", self.FEED)
        dry = move.succeed(feed, "--dry-run")
        assert move.s3.keys("releases/") == []
        assert f"would write s3://{move.s3.bucket}/releases/nova/stable/2.0.json" in dry
        assert dry.replace("would write", "wrote") == move.succeed(feed)

    def test_second_run_changes_nothing(self, move: Move) -> None:
        feed = move.write("appcast.xml", self.FEED)
        move.succeed(feed)
        before = move.s3.tree()
        assert json.loads(move.run(feed, "--json").output)["written"] == []
        assert move.s3.tree() == before

    def test_json_lists_the_documents_and_what_each_updater_gets(self, move: Move) -> None:
        said = json.loads(move.run(move.write("appcast.xml", self.FEED), "--json").output)
        assert said["documents"] == said["written"]
        assert said["channels"]["stable"]["documents"]["/v1/nova/stable/appcast.xml"] == "2.0"
        assert said["channels"]["beta"]["offered"] == "3.0"

    def test_decisions_in_the_bucket_stay(self, move: Move) -> None:
        policy = {
            "schema": 1,
            "product": "nova",
            "channel": "beta",
            "includes": ["alpha"],
            "paused_at": "2099-01-01T00:00:00Z",
        }
        move.s3.put("channels/nova/beta.json", policy)
        move.succeed(move.write("appcast.xml", self.FEED))
        assert move.s3.json("channels/nova/beta.json") == policy | {"includes": ["alpha", "stable"]}

    def test_rollout_that_has_grown_stays(self, move: Move) -> None:
        feed = move.write("latest.yml", f"{channel_file('Nova.exe')}stagingPercentage: 25\n")
        move.succeed(feed)
        policy = move.s3.json("channels/nova/stable.json")
        assert policy["rollout"]["percent"] == 25
        for rollout in ({**policy["rollout"], "percent": 50}, {"version": "0.9.0", "percent": 100}):
            move.s3.put("channels/nova/stable.json", {**policy, "rollout": rollout})
            move.succeed(feed)
            assert move.s3.json("channels/nova/stable.json")["rollout"] == rollout

    def test_another_release_of_a_version_is_not_replaced(self, move: Move) -> None:
        move.succeed(move.write("appcast.xml", self.FEED))
        before = move.s3.tree("releases/")
        done = move.run(move.write("appcast.xml", self.FEED.replace("nova.zip", "other.zip")))
        assert done.exit_code == 1
        assert "already exists with different content" in done.output
        assert move.s3.tree("releases/") == before

    def test_product_with_another_scheme_is_explained(self, move: Move) -> None:
        move.succeed(move.write("latest.yml", channel_file("Nova.exe")))
        done = move.run(move.write("appcast.xml", self.FEED))
        assert "nova compares versions as 'semver', but the feed's versions are 'dotted'" in " ".join(
            done.output.split()
        )

    def test_bucket_and_folder_exclude_each_other(self, move: Move) -> None:
        assert move.run(move.write("appcast.xml", self.FEED), "--to", str(move.folder)).exit_code == 2
