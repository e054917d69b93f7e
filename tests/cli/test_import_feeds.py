"""Test `comet-updates import`: a feed becomes documents to upload, or nothing is written."""

from __future__ import annotations

import base64
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from comet_updates import object_keys
from comet_updates.errors import ForeignFeedError
from comet_updates.formats import sparkle, squirrel
from comet_updates.formats.appcast import NAMESPACE
from comet_updates.model.channel import ChannelPolicy, ReleaseRollout
from comet_updates.model.offer import Offer
from comet_updates.model.release import Release
from comet_updates.publish.uploads import parse
from comet_updates_cli import app
from comet_updates_cli.import_feeds import load

APPCAST = """<?xml version="1.0"?>
<rss version="2.0" xmlns:sparkle="http://www.andymatuschak.org/xml-namespaces/sparkle"><channel><title>App</title>
  <item><title>2.0</title><sparkle:version>200</sparkle:version>
    <sparkle:shortVersionString>2.0.0</sparkle:shortVersionString>
    <sparkle:colour>red</sparkle:colour>
    <enclosure url="http://d.example.com/App-2.zip" length="10" type="application/zip"
      sparkle:edSignature="c2ln"/></item>
  <item><title>1.0</title><sparkle:version>100</sparkle:version><sparkle:channel>beta</sparkle:channel>
    <enclosure url="https://d.example.com/App-1.zip" length="10"/></item>
</channel></rss>"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["import", *arguments])


@pytest.fixture
def appcast(tmp_path: Path) -> str:
    file = tmp_path / "appcast.xml"
    file.write_text(APPCAST)
    return str(file)


def tree(folder: Path) -> dict[str, Any]:
    return {p.relative_to(folder).as_posix(): json.loads(p.read_bytes()) for p in folder.rglob("*.json")}


def test_each_release_becomes_a_document_that_would_be_accepted(tmp_path: Path, appcast: str) -> None:
    done = run(appcast, "--product", "app", "--to", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    documents = tree(tmp_path / "out")
    assert set(documents) == {
        *("products/app.json", "releases/app/stable/2.0.0.json", "releases/app/beta/100.json"),
        "channels/app/beta.json",
    }
    for key, document in documents.items():
        if key.startswith("releases/"):
            parse.parse(Release, key, json.dumps(document).encode())
    release = documents["releases/app/stable/2.0.0.json"]
    assert release["build"] == "200"
    assert release["artifacts"][0]["signatures"] == {"ed25519": "c2ln"}
    assert documents["products/app.json"]["version_scheme"] == "build"


def test_what_is_changed_or_left_out_is_said(tmp_path: Path, appcast: str) -> None:
    done = run(appcast, "--product", "app", "--to", str(tmp_path / "out"))
    assert "item 1 (200): left out: `sparkle:colour`. Releases have no such field" in done.output
    assert "enclosure 'http://d.example.com/App-2.zip': http:// became https://" in done.output
    assert "2 releases, 5 notes\n" in done.output


def test_a_dry_run_writes_nothing(tmp_path: Path, appcast: str) -> None:
    done = run(appcast, "--product", "app", "--to", str(tmp_path / "out"), "--dry-run")
    assert "would write" in done.output
    assert tree(tmp_path / "out") == {}


def test_json_says_the_same(tmp_path: Path, appcast: str) -> None:
    said = json.loads(run(appcast, "--product", "app", "--to", str(tmp_path / "out"), "--json").output)
    assert said["documents"] == said["written"] == sorted(tree(tmp_path / "out"))
    assert len(said["remarks"]) == 5
    assert said["channels"]["beta"]["documents"]["/v1/app/beta/appcast-channels.xml"] == "2.0.0"


def test_a_second_time_does_nothing(tmp_path: Path, appcast: str) -> None:
    run(appcast, "--product", "app", "--to", str(tmp_path / "out"))
    before = tree(tmp_path / "out")
    again = run(appcast, "--product", "app", "--to", str(tmp_path / "out"), "--json")
    assert json.loads(again.output)["written"] == []
    assert tree(tmp_path / "out") == before


def test_a_file_that_says_something_else_is_never_written_over(tmp_path: Path, appcast: str) -> None:
    key = object_keys.release_key("app", "stable", "2.0.0")
    (tmp_path / "out" / key).parent.mkdir(parents=True)
    (tmp_path / "out" / key).write_text("{}")
    done = run(appcast, "--product", "app", "--to", str(tmp_path / "out"))
    assert done.exit_code == 1
    assert "already exists with different content" in done.output
    assert tree(tmp_path / "out") == {key: {}}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("<rss", "not XML"),
        ("<html/>", "not an appcast: it begins with <html>"),
        ("<rss><channel/></rss>", "contains no release"),
        ('{"version": "1.0.0"}', "not a feed of a known updater"),
        ('{"url": "https://e.example/a.zip", "name": "1.0.0"}', "it has one `url`"),
        ('{"currentRelease": "1.0.0", "releases": [{"version": "1.0.0"}]}', "no `updateTo` with a `url`"),
        ('{"currentRelease": "1.0.0", "releases": []}', "`currentRelease` is not in `releases`"),
        ("{", "not JSON"),
        ("[" * 100_000, "is nested too deeply"),
        (f"version: 1.0.0\n{'a' * 512_000}: b", "is longer than 512000 bytes"),
        ("version: 1.0.0\nfiles: [a.exe]\n", "a field has a wrong type"),
        ('{"Assets": [[]]}', "Assets[0] is not an object"),
        ('{"Assets": {}}', "`Assets` is missing"),
        ("version: 1.0.0", "not a channel file of electron-updater"),
        (
            "version: 1.0.0\nfiles:\n  - url: a.exe\n    sha512: aaaa\n",
            "is the relative URL 'a.exe'. Give the URL of the feed with --base-url",
        ),
        ("da39a3ee5e6b4b0d3255bfef95601890afd80709 a.nupkg", "line 1 is not `SHA-1 file size`"),
        ('{"Assets": [{"Version": "1.0.0"}]}', "Assets[0] has no `FileName`"),
        ('{"version": "1.0.0", "platforms": {"linux-x86_64": 1}}', "platforms.linux-x86_64 is not an object"),
        (
            '{"version": "1.0.0", "platforms": {"linux-x86_64": {"url": "ftp://e.example/a", "signature": "s"}}}',
            "platforms.linux-x86_64.url is 'ftp://e.example/a', which is not an absolute https:// URL",
        ),
    ],
)
def test_what_is_no_such_feed_is_refused_with_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "feed").write_text(text)
    done = run(str(tmp_path / "feed"), "--product", "app", "--to", str(tmp_path / "out"))
    assert done.exit_code == 1
    assert reason in " ".join(done.output.split())
    assert tree(tmp_path / "out") == {}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    done = run(str(tmp_path / "none.xml"), "--product", "app")
    assert done.exit_code == 1
    assert "none.xml: cannot be read: No such file or directory" in done.output
    assert "cannot be read: is not a regular file" in run(str(tmp_path), "--product", "app").output


@pytest.mark.parametrize("source", ["http://127.0.0.1:1/latest.yml", "file:///etc/hostname", "HTTPS://a.example/x"])
def test_url_of_another_kind_is_not_taken_for_a_file(source: str) -> None:
    with pytest.raises(ForeignFeedError, match=r"does not begin with https://"):
        load(source)


def test_a_name_that_no_product_can_have_is_refused(appcast: str) -> None:
    for arguments, reason in (
        (("--product", "My App"), "is not a valid name"),
        (("--product", "app", "--channel", "Stable!"), "is not a valid name"),
        (("--product", "privacy"), "is a reserved name"),
        (("--product", "app", "--channel", "1234567"), "looks like a GUID or a download number"),
    ):
        done = run(appcast, *arguments)
        assert done.exit_code == 2
        assert reason in " ".join(done.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("name", "platform"), [("releases.win.json", "windows"), ("releases.osx.json", "macos"), ("feed.json", "windows")]
)
def test_the_name_of_velopacks_file_tells_the_system(tmp_path: Path, name: str, platform: str) -> None:
    asset = {"PackageId": "A", "Version": "1.0.0", "Type": "Full", "FileName": "https://e.example/A-1.0.0-full.nupkg"}
    (tmp_path / name).write_text(json.dumps({"Assets": [asset | {"Size": 3, "SHA1": "ab" * 20}]}))
    run(str(tmp_path / name), "--product", "app", "--to", str(tmp_path / "out"))
    (release,) = tree(tmp_path / "out").values()
    assert release["artifacts"][0]["platform"] == platform


def test_items_of_one_release_for_several_systems_become_one_release(tmp_path: Path) -> None:
    item = (
        "<item><sparkle:version>1.0</sparkle:version><enclosure url='https://e.example/{0}' sparkle:os='{0}'/></item>"
    )
    head, _, _ = APPCAST.partition("<item>")
    (tmp_path / "a.xml").write_text(head + item.format("macos") + item.format("windows-x64") + "</channel></rss>")
    done = run(str(tmp_path / "a.xml"), "--product", "app", "--to", str(tmp_path / "out"))
    artifacts = tree(tmp_path / "out")["releases/app/stable/1.0.json"]["artifacts"]
    assert [(a["platform"], a["arch"]) for a in artifacts] == [("macos", "any"), ("windows", "x86_64")]
    assert "1 releases, 0 notes" in done.output
    assert "stable: 1 releases, 1.0 is offered\n  /v1/app/stable/appcast.xml  1.0\n" in done.output


def released(folder: Path) -> dict[str, Any]:
    """Return the only release that was written."""
    (release,) = (document for key, document in tree(folder).items() if key.startswith("releases/"))
    return dict(release)


class TestSeveralFeeds:
    YML = "version: 1.0.0\nfiles:\n  - {{url: {0}, sha512: {1}, size: 3}}\nreleaseNotes: New\n"

    def test_of_one_version_become_one_release(self, tmp_path: Path) -> None:
        sha512 = "z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="
        files = {"latest.yml": "a.exe", "latest-mac.yml": "a.zip", "latest-linux.yml": "a.AppImage"}
        for name, file in files.items():
            (tmp_path / name).write_text(self.YML.format(f"https://e.example/{file}", sha512))
        done = run(*(str(tmp_path / name) for name in files), "--product", "app", "--to", str(tmp_path / "out"))
        assert done.exit_code == 0, done.output
        release = released(tmp_path / "out")
        assert [artifact["platform"] for artifact in release["artifacts"]] == ["windows", "macos", "linux"]
        assert release["notes"] == {"und": "New"}

    def test_of_which_one_is_broken_are_none(self, tmp_path: Path, appcast: str) -> None:
        (tmp_path / "latest.yml").write_text("version: 1.0.0")
        done = run(appcast, str(tmp_path / "latest.yml"), "--product", "app", "--to", str(tmp_path / "out"))
        assert done.exit_code == 1
        assert "latest.yml: not a channel file of electron-updater" in " ".join(done.output.split())
        assert tree(tmp_path / "out") == {}

    def test_that_order_versions_differently_do_not_belong_together(self, tmp_path: Path, appcast: str) -> None:
        (tmp_path / "RELEASES").write_text(f"{'ab' * 20} https://e.example/A-1.0.0-full.nupkg 3\n")
        done = run(appcast, str(tmp_path / "RELEASES"), "--product", "app", "--to", str(tmp_path / "out"))
        assert done.exit_code == 1
        assert "order versions differently" in done.output


def test_a_static_document_of_squirrel_for_macs_is_taken_over(tmp_path: Path) -> None:
    update = {"version": "1.0.0", "url": "https://e.example/a.zip", "name": "One", "pub_date": "2026-01-01T12:00:00Z"}
    document = {"currentRelease": "1.0.0", "releases": [{"version": "1.0.0", "updateTo": update}]}
    (tmp_path / "RELEASES.json").write_text(json.dumps(document))
    done = run(str(tmp_path / "RELEASES.json"), "--product", "app", "--to", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    release = released(tmp_path / "out")
    key = object_keys.release_key("app", "stable", "1.0.0")
    read = parse.parse(Release, key, json.dumps(release).encode())
    again = json.loads(squirrel.render(Offer("app", "stable", read, None, ((read, None),)))["RELEASES.json"])
    assert again == document | {
        "releases": [{"version": "1.0.0", "updateTo": update | {"pub_date": "2026-01-01T12:00:00+00:00"}}]
    }


ITEM = """<rss version="2.0" xmlns:sparkle="http://www.andymatuschak.org/xml-namespaces/sparkle"><channel><item>
  <title>2.0</title><pubDate>Fri, 20 Nov 2026 12:00:00 +0000</pubDate>
  <sparkle:version>2.0</sparkle:version><sparkle:minimumAutoupdateVersion>1.5</sparkle:minimumAutoupdateVersion>
  <sparkle:ignoreSkippedUpgradesBelowVersion>1.6</sparkle:ignoreSkippedUpgradesBelowVersion>
  <sparkle:fullReleaseNotesLink>https://e.example/all</sparkle:fullReleaseNotesLink>
  <sparkle:phasedRolloutInterval>86400</sparkle:phasedRolloutInterval>
  <sparkle:hardwareRequirements>arm64</sparkle:hardwareRequirements>
  <enclosure url="https://e.example/a.zip" length="10" type="application/zip" sparkle:installationType="package"/>
  <sparkle:deltas><enclosure url="https://e.example/a.delta" length="3" type="application/octet-stream"
    sparkle:deltaFrom="1.9" sparkle:deltaFromSparkleExecutableSize="862656" sparkle:deltaFromSparkleLocales="de,he"/>
  </sparkle:deltas></item></channel></rss>"""


class TestWhatNewerAppcastsSay:
    def test_comes_back_as_it_was(self, tmp_path: Path) -> None:
        (tmp_path / "appcast.xml").write_text(ITEM)
        run(str(tmp_path / "appcast.xml"), "--product", "app", "--to", str(tmp_path / "out"))
        key = object_keys.release_key("app", "stable", "2.0")
        read = parse.parse(Release, key, json.dumps(released(tmp_path / "out")).encode())
        before = ET.fromstring(ITEM)
        after = ET.fromstring(
            sparkle.render(Offer("app", "stable", read, None, ((read, None),)))["appcast.xml"].decode()
        )
        for element in before.iter():
            name = element.tag.removeprefix(f"{{{NAMESPACE}}}")
            if (element.text or "").strip() and name != "phasedRolloutInterval":
                assert element.text in [found.text for found in after.iter(element.tag)], name
            if name == "enclosure":
                (same,) = (found for found in after.iter("enclosure") if found.get("url") == element.get("url"))
                assert element.attrib.items() <= same.attrib.items()

    def test_of_a_rollout_is_said_as_the_policy_to_upload(self, tmp_path: Path) -> None:
        (tmp_path / "appcast.xml").write_text(ITEM)
        done = run(str(tmp_path / "appcast.xml"), "--product", "app", "--json", "--dry-run")
        remark, _ = sorted(json.loads(done.output)["remarks"], key=lambda remark: "keeps this setting" not in remark)
        key, _, policy = remark.partition("keeps this setting: ")[2].partition(": ")
        read = parse.parse(ChannelPolicy, key, policy.encode())
        (rollout,) = read.rollouts
        assert (rollout.version, rollout.interval, rollout.groups) == ("2.0", 86_400, 7)


LATEST = (
    "version: 1.0.0\nfiles:\n  - url: https://e.example/a.exe\n    sha512: {}\n    size: 1\nstagingPercentage: {}\n"
)


def remarks_of_latest(tmp_path: Path, percentage: str) -> list[str]:
    sha512 = base64.b64encode(b"x" * 64).decode()
    (tmp_path / "latest.yml").write_text(LATEST.format(sha512, percentage))
    done = run(str(tmp_path / "latest.yml"), "--product", "app", "--json", "--dry-run")
    assert done.exit_code == 0, done.output
    found: list[str] = json.loads(done.output)["remarks"]
    return found


@pytest.mark.parametrize(
    ("percentage", "percent"),
    [
        *(("25", 25), ("0", 0), ("'100'", 100)),
        *(("12.5", 12), ("0.5", 0), ("20%", 20), ("-1", 0), ("101", 100), ("1" * 5_000, 100)),
    ],
    ids=["part", "none", "text", "fraction", "below one", "sign", "negative", "too much", "long"],
)
def test_staging_percentage_is_said_as_a_policy_to_upload(tmp_path: Path, percentage: str, percent: int) -> None:
    (remark,) = remarks_of_latest(tmp_path, percentage)
    key, _, policy = remark.partition("keeps this setting: ")[2].partition(": ")
    read = parse.parse(ChannelPolicy, key, policy.encode())
    assert read.rollout == ReleaseRollout(version="1.0.0", percent=percent)


@pytest.mark.parametrize("percentage", ["many", "%20", "m" * 5_000], ids=["word", "sign", "long"])
def test_staging_percentage_of_another_form_is_left_out_and_said(tmp_path: Path, percentage: str) -> None:
    (remark,) = remarks_of_latest(tmp_path, f"'{percentage}'")
    assert "is not a number and is left out" in remark
    assert len(remark) < 120


@pytest.mark.parametrize("nothing", ["", "~", "null"])
def test_staging_percentage_without_a_value_is_none(tmp_path: Path, nothing: str) -> None:
    assert remarks_of_latest(tmp_path, nothing) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [("RELEASES", f"{'AB' * 20} Nova-1.0.0-full.nupkg 9\n"), ("latest.json", "{}"), ("latest.yml", "version: 1.0.0\n")],
)
def test_feed_in_utf_16_is_refused_by_its_encoding(tmp_path: Path, name: str, text: str) -> None:
    """PowerShell writes UTF-16. Only Sparkle's parser reads it."""
    (tmp_path / name).write_text(text, encoding="utf-16")
    done = run(str(tmp_path / name), "--product", "app", "--base-url", "https://e.example/", "--dry-run")
    assert done.exit_code == 1
    assert "is UTF-16 text, which its updater does not read. Save it as UTF-8 text" in " ".join(done.output.split())


def test_without_a_version_the_files_name_tells_it_as_it_does_the_client(tmp_path: Path) -> None:
    item = '<item><enclosure url="https://e.example/My_App_1.3.4.zip"/></item>'
    (tmp_path / "appcast.xml").write_text(f"<rss><channel>{item}</channel></rss>")
    run(str(tmp_path / "appcast.xml"), "--product", "app", "--to", str(tmp_path / "out"))
    assert released(tmp_path / "out")["version"] == "1.3.4"


ENTITIES = """<?xml version="1.0"?><!DOCTYPE rss [{0}]><rss version="2.0"
 xmlns:s="http://www.andymatuschak.org/xml-namespaces/sparkle"><channel><item><title>{1}</title><s:version>1.0</s:version>
 <enclosure url="https://e.example/a.zip"/></item></channel></rss>"""


@pytest.mark.parametrize(
    ("declared", "used"),
    [
        ('<!ENTITY x SYSTEM "file:///etc/passwd">', "&x;"),
        ("".join(f'<!ENTITY x{n} "{f"&x{n - 1};" * 10 if n else "lol"}">' for n in range(12)), "&x11;"),
    ],
    ids=["a file", "a bomb"],
)
def test_what_an_appcast_declares_is_not_fetched_and_does_not_grow(tmp_path: Path, declared: str, used: str) -> None:
    (tmp_path / "appcast.xml").write_text(ENTITIES.format(declared, used))
    done = run(str(tmp_path / "appcast.xml"), "--product", "app", "--to", str(tmp_path / "out"))
    assert done.exit_code == 1
    assert "not XML" in done.output
    (tmp_path / "appcast.xml").write_text(ENTITIES.format('<!ENTITY x "fine">', "&x;"))
    assert run(str(tmp_path / "appcast.xml"), "--product", "app", "--to", str(tmp_path / "out")).exit_code == 0
    assert released(tmp_path / "out")["title"] == "fine"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_appcast_is_read_in_the_encoding_that_it_declares(tmp_path: Path, encoding: str) -> None:
    declared = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>'
    text = declared + ITEM.replace("<title>2.0", "<title>Größer")
    (tmp_path / "appcast.xml").write_bytes(text.encode(encoding))
    done = run(str(tmp_path / "appcast.xml"), "--product", "app", "--to", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    assert released(tmp_path / "out")["title"] == "Größer"
