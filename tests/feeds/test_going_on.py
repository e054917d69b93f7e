"""Test that a fleet that moved here with an import gets the next release, one test for each family of updaters."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

from typer.testing import CliRunner

from comet_updates_cli import app
from tests.feeds.conftest import Move
from tests.feeds.test_import import appcast, channel_file, item

MINISIGN = base64.b64encode(
    b"untrusted comment: signature from tauri secret key\n"
    + base64.b64encode(b"ED" + bytes(72))
    + b"\ntrusted comment: timestamp:1\n"
    + base64.b64encode(bytes(64))
    + b"\n"
).decode()


def release(move: Move, version: str, files: dict[str, bytes], *arguments: str) -> None:
    """Release built files with the command, and publish."""
    folder = move.folder / version
    folder.mkdir()
    for name, body in files.items():
        (folder / name).write_bytes(body)
    named = [str(Path(folder) / name) for name in files if not name.endswith(".sig")]
    where = ["--bucket", move.s3.bucket, "--endpoint-url", move.s3.endpoint, "--base-url", "https://dl.example.com"]
    what = ["--product", "nova", "--version", version, "--no-check-urls"]
    done = CliRunner().invoke(app, ["release", *named, *what, *where, *arguments])
    assert done.exit_code == 0, done.output
    move.publish()
    assert move.s3.keys("rejected/") == []


def test_fleet_of_sparkle_gets_the_next_release(move: Move) -> None:
    move.succeed(move.write("appcast.xml", appcast(item("2.1.0"), item("2.0.0"))))
    release(move, "2.2.0", {"Nova-2.2.0.dmg": b"koly"}, "--as", "Nova-2.2.0.dmg=macos/universal/archive")
    assert [found["version"] for found in move.items()] == ["2.2.0", "2.1.0", "2.0.0"]


def test_fleet_of_sparkle_with_builds_gets_the_next_release(move: Move) -> None:
    more = "<sparkle:shortVersionString>2.1 beta</sparkle:shortVersionString>"
    move.succeed(move.write("appcast.xml", appcast(item("210", more=more))))
    kind = ("--as", "Nova-2.2.dmg=macos/universal/archive")
    release(move, "2.2", {"Nova-2.2.dmg": b"koly"}, "--build", "220", *kind)
    assert [found["version"] for found in move.items()] == ["220", "210"]


def test_fleet_of_versions_with_letters_gets_the_next_release(move: Move) -> None:
    move.succeed(move.write("appcast.xml", appcast(item("3.7.0beta9"))))
    kind = ("--as", "Nova-3.7.0beta11.dmg=macos/universal/archive")
    release(move, "3.7.0beta11", {"Nova-3.7.0beta11.dmg": b"koly"}, *kind)
    assert [found["version"] for found in move.items()] == ["3.7.0beta11", "3.7.0beta9"]


def test_fleet_of_winsparkle_gets_the_next_release(move: Move) -> None:
    move.succeed(move.write("appcast.xml", appcast(item("2.1.0", "https://dl.example.com/nova.exe"))))
    kind = ("--as", "Nova-2.2.0-setup.exe=windows/any/installer")
    release(move, "2.2.0", {"Nova-2.2.0-setup.exe": b"MZ"}, *kind)
    assert [(found["version"], found["os"]) for found in move.items()] == [("2.2.0", "windows"), ("2.1.0", "windows")]


def test_fleet_of_electron_updater_gets_the_next_release(move: Move) -> None:
    linux = move.write("latest-linux.yml", channel_file("Nova-1.0.0.AppImage"))
    move.succeed(move.write("latest.yml", channel_file("Nova-Setup-1.0.0.exe")), linux)
    files = {"Nova-Setup-1.1.0.exe": b"MZ", "Nova-1.1.0.AppImage": b"\x7fELF"}
    kinds = ("Nova-Setup-1.1.0.exe=windows/any/installer", "Nova-1.1.0.AppImage=linux/x86_64/archive")
    release(move, "1.1.0", files, *(text for kind in kinds for text in ("--as", kind)))
    for name, body in (("latest.yml", b"MZ"), ("latest-linux.yml", b"\x7fELF")):
        document = move.yaml(name)
        digest = base64.b64encode(hashlib.sha512(body).digest()).decode()
        assert (document["version"], document["sha512"]) == ("1.1.0", digest)


def test_fleet_of_tauri_gets_the_next_release(move: Move) -> None:
    entry = {"url": "https://dl.example.com/nova.app.tar.gz", "signature": MINISIGN}
    feed = {"version": "v1.0.0", "platforms": {"darwin-universal": entry}}
    move.succeed(move.write("latest.json", json.dumps(feed)))
    files = {"Nova.app.tar.gz": b"\x1f\x8b", "Nova.app.tar.gz.sig": MINISIGN.encode()}
    release(move, "1.1.0", files, "--as", "Nova.app.tar.gz=macos/universal/archive")
    document = move.json("tauri.json")
    assert document["version"] == "1.1.0"
    assert document["platforms"]["darwin-universal"]["url"] == "https://dl.example.com/Nova.app.tar.gz"


def test_fleet_of_squirrel_gets_the_next_release(move: Move) -> None:
    move.succeed(move.write("RELEASES", f"{'ab' * 20} https://dl.example.com/Nova-1.0.0-full.nupkg 9\n"))
    kind = ("--as", "Nova-1.1.0-full.nupkg=windows/any/archive")
    release(move, "1.1.0", {"Nova-1.1.0-full.nupkg": b"PK"}, *kind)
    names = [line.split()[1] for line in move.s3.get("public/v1/nova/stable/RELEASES").decode().splitlines()]
    assert names == [f"https://dl.example.com/Nova-1.{minor}.0-full.nupkg" for minor in (0, 1)]


def test_fleet_of_velopack_gets_the_next_release(move: Move) -> None:
    asset = {"PackageId": "Nova", "Version": "1.0.0", "Type": "Full", "FileName": "Nova-1.0.0-beta-full.nupkg"}
    feed = {"Assets": [asset | {"SHA1": "AB" * 20, "Size": 9}]}
    move.succeed(move.write("releases.beta.json", json.dumps(feed)))
    kind = ("--as", "Nova-1.1.0-beta-full.nupkg=windows/any/archive")
    release(move, "1.1.0", {"Nova-1.1.0-beta-full.nupkg": b"PK"}, "--channel", "beta", *kind)
    versions = [found["Version"] for found in move.json("releases.beta.json", "beta")["Assets"]]
    assert versions == ["1.1.0", "1.0.0"]
