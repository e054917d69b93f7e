"""`comet-updates import`: an existing feed becomes documents to upload, or nothing happens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from comet_updates import names
from comet_updates.cli import app
from comet_updates.model import Release
from comet_updates.publish import uploads

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
    }
    for key, document in documents.items():
        if key.startswith("releases/"):
            uploads.parse(Release, key, json.dumps(document).encode())
    release = documents["releases/app/stable/2.0.0.json"]
    assert release["build"] == "200"
    assert release["artifacts"][0]["signatures"] == {"ed25519": "c2ln"}
    assert documents["products/app.json"]["version_scheme"] == "build"


def test_what_is_changed_or_left_out_is_said(tmp_path: Path, appcast: str) -> None:
    done = run(appcast, "--product", "app", "--to", str(tmp_path / "out"))
    assert "`sparkle:colour` has no place in a release and is left out" in done.output
    assert "http:// became https:// in 'http://d.example.com/App-2.zip'" in done.output
    assert done.output.endswith("2 releases, 2 notes\n")


def test_a_dry_run_writes_nothing(tmp_path: Path, appcast: str) -> None:
    done = run(appcast, "--product", "app", "--to", str(tmp_path / "out"), "--dry-run")
    assert "would write" in done.output
    assert tree(tmp_path / "out") == {}


def test_json_says_the_same(tmp_path: Path, appcast: str) -> None:
    said = json.loads(run(appcast, "--product", "app", "--to", str(tmp_path / "out"), "--json").output)
    assert said["documents"] == said["written"] == sorted(tree(tmp_path / "out"))
    assert len(said["remarks"]) == 2


def test_a_second_time_does_nothing(tmp_path: Path, appcast: str) -> None:
    run(appcast, "--product", "app", "--to", str(tmp_path / "out"))
    before = tree(tmp_path / "out")
    again = run(appcast, "--product", "app", "--to", str(tmp_path / "out"), "--json")
    assert json.loads(again.output)["written"] == []
    assert tree(tmp_path / "out") == before


def test_a_file_that_says_something_else_is_never_written_over(tmp_path: Path, appcast: str) -> None:
    key = names.release_key("app", "stable", "2.0.0")
    (tmp_path / "out" / key).parent.mkdir(parents=True)
    (tmp_path / "out" / key).write_text("{}")
    done = run(appcast, "--product", "app", "--to", str(tmp_path / "out"))
    assert done.exit_code == 1
    assert "is there already and says something else" in done.output
    assert tree(tmp_path / "out") == {key: {}}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("<rss", "not XML"),
        ("<html/>", "no appcast: it begins with <html>"),
        ("<rss><channel/></rss>", "holds no release"),
        ('{"version": "1.0.0"}', "no feed of a known updater"),
        ("{", "not JSON"),
        ("[" * 100_000, "a part of it has a form that no such feed has"),
        ("version: 1.0.0\nfiles: [a.exe]\n", "a part of it has a form that no such feed has"),
        ('{"Assets": [[]]}', "Assets[0] has no `FileName`"),
        ('{"Assets": {}}', "`Assets` is missing"),
        ("version: 1.0.0", "no channel file of electron-updater"),
        (
            "version: 1.0.0\nfiles:\n  - url: a.exe\n    sha512: aaaa\n",
            "is the relative URL 'a.exe'. Say with --base-url",
        ),
        ("da39a3ee5e6b4b0d3255bfef95601890afd80709 a.nupkg", "line 1 is not `SHA-1 file size`"),
        ('{"Assets": [{"Version": "1.0.0"}]}', "Assets[0] has no `FileName`"),
        ('{"version": "1.0.0", "platforms": {"linux-x86_64": 1}}', "platforms.linux-x86_64 is not an object"),
        (
            '{"version": "1.0.0", "platforms": {"linux-x86_64": {"url": "ftp://e.example/a", "signature": "s"}}}',
            "1.0.0: $.artifacts[0].url",
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
    assert "none.xml: cannot be read" in done.output


def test_a_name_that_no_product_can_have_is_refused(appcast: str) -> None:
    done = run(appcast, "--product", "My App")
    assert done.exit_code == 1
    assert "'My App' is no name" in done.output


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
