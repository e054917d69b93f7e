"""Test `comet-updates release`: built files become a release, once every statement about them is true."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import minisign
import pytest
import trustme
import yaml
from typer.testing import Result

from comet_updates.formats import electron_updater, tauri
from comet_updates.model.offer import Offer
from comet_updates.model.release import Release
from comet_updates.publish.uploads import parse
from testkit.s3 import Wire
from tests.cli.conftest import Shop
from tests.clients.servers import Server
from tests.formats import offers

KEY = "releases/comet-cursor/stable/4.2.1.json"
BUILT = {
    "App-4.2.1.AppImage": b"\x7fELF" + b"linux" * 1000,
    "App Setup 4.2.1.exe": b"MZ" + b"windows" * 1000,
    "App-4.2.1-arm64-mac.zip": b"PK" + b"mac" * 1000,
    "App-4.2.1-full.nupkg": b"PK" + b"package" * 1000,
}


class Build:
    """Built files, the server that hands them out, and the command that releases them."""

    def __init__(self, folder: Path, shop: Shop, server: Server) -> None:
        self.folder, self.shop, self.server = folder, shop, server
        for name, body in BUILT.items():
            self.save(name, body)

    def save(self, name: str, body: bytes) -> Path:
        file = self.folder / name
        file.write_bytes(body)
        if not name.endswith((".sig", ".minisig", ".edsig", ".yml", ".md")):
            self.server.files[name] = body
        return file

    def run(self, *arguments: str, files: list[str] | None = None) -> Result:
        named = [str(self.folder / name) for name in (BUILT if files is None else files)]
        said = ["--product", "comet-cursor", "--version", "4.2.1", "--base-url", self.server.url]
        return self.shop.run("release", *named, *said, *arguments)

    def released(self) -> dict[str, Any]:
        document: dict[str, Any] = self.shop.s3.json(KEY)
        parse.parse(Release, KEY, json.dumps(document).encode())
        return document


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """Yield a server for the files, and the certificate that makes clients trust it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    file = tmp_path_factory.mktemp("authority") / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    with Server(context) as running:
        yield running, file


@pytest.fixture
def build(tmp_path: Path, shop: Shop, server: tuple[Server, Path], monkeypatch: pytest.MonkeyPatch) -> Build:
    monkeypatch.setenv("SSL_CERT_FILE", str(server[1]))
    server[0].files.clear()
    return Build(tmp_path, shop, server[0])


@pytest.mark.http
def test_built_files_become_a_release_that_is_accepted(build: Build) -> None:
    done = build.run("--title", "Comet Cursor 4.2.1", "--critical")
    assert done.exit_code == 0, done.output
    document = build.released()
    assert (document["title"], document["critical"]) == ("Comet Cursor 4.2.1", True)
    assert [(a["platform"], a["arch"], a["kind"]) for a in document["artifacts"]] == [
        ("linux", "x86_64", "archive"),
        ("windows", "x86_64", "installer"),
        ("macos", "aarch64", "archive"),
        ("windows", "x86_64", "archive"),
    ]
    for artifact, (name, body) in zip(document["artifacts"], BUILT.items(), strict=True):
        assert artifact["size"] == len(body)
        assert artifact["sha256"] == hashlib.sha256(body).hexdigest()
        assert artifact["sha512"] == hashlib.sha512(body).hexdigest()
        assert ("sha1" in artifact) == name.endswith(".nupkg")
        assert artifact["url"] == f"{build.server.url}/{name.replace(' ', '%20')}"


def test_a_second_time_changes_nothing_and_is_no_fault(build: Build) -> None:
    assert build.run().exit_code == 0
    before = build.shop.s3.tree()
    again = build.run()
    assert (again.exit_code, "nothing to do" in again.output) == (0, True)
    assert build.shop.s3.tree() == before
    other = build.run("--title", "Another")
    assert other.exit_code == 1
    assert "already exists with different content" in other.output
    assert "--part" not in other.output


def test_second_job_of_a_matrix_is_told_of_parts(build: Build) -> None:
    assert build.run(files=["App Setup 4.2.1.exe"]).exit_code == 0
    second = build.run(files=["App-4.2.1.AppImage"])
    assert second.exit_code == 1
    assert "If several jobs build one version, run each of them with --part and --parts." in second.stderr


def test_signatures_beside_the_files_are_picked_up(build: Build) -> None:
    pair = minisign.KeyPair.generate()
    signed = bytes(pair.secret_key.sign(BUILT["App-4.2.1.AppImage"]))
    build.save("App-4.2.1.AppImage.sig", base64.b64encode(signed))
    build.save("App Setup 4.2.1.exe.minisig", signed)
    ed25519 = base64.b64encode(b"x" * 64).decode()
    build.save("App-4.2.1-arm64-mac.zip.edsig", f'sparkle:edSignature="{ed25519}" length="3002"\n'.encode())
    assert build.run(files=[*BUILT, "App-4.2.1.AppImage.sig"]).exit_code == 0
    linux, windows, mac, _ = (artifact.get("signatures") for artifact in build.released()["artifacts"])
    assert base64.b64decode(linux["minisign"]) == signed
    assert base64.b64decode(windows["minisign"]).strip() == signed.strip()
    assert mac == {"ed25519": ed25519}


def test_what_is_released_is_what_updaters_take(build: Build) -> None:
    signed = bytes(minisign.KeyPair.generate().secret_key.sign(b"x"))
    build.save("App-4.2.1.AppImage.sig", base64.b64encode(signed))
    build.run("--notes", str(build.save("CHANGELOG.md", b"# Changes\n\n## 4.2.1\n\n- New.\n\n## 4.2.0\n\n- Old.\n")))
    release = parse.parse(Release, KEY, build.shop.s3.get(KEY))
    offer = Offer("comet-cursor", "stable", release, None, ((release, None),))
    assert json.loads(tauri.render(offer)["tauri.json"])["notes"] == "- New."
    assert set(electron_updater.render(offer)) >= {"latest.yml", "latest-mac.yml", "latest-linux.yml"}


def test_electron_builders_own_word_is_taken_and_held_against_the_file(build: Build) -> None:
    name = "App Setup 4.2.1.exe"
    sha512 = base64.b64encode(hashlib.sha512(BUILT[name]).digest()).decode()
    entry = {"url": name, "sha512": sha512, "size": len(BUILT[name]), "blockMapSize": 77}
    build.save("latest.yml", yaml.safe_dump({"version": "4.2.1", "files": [entry]}).encode())
    assert build.run(files=[name, "latest.yml"]).exit_code == 0
    assert build.released()["artifacts"][0]["block_map_size"] == 77
    build.save(name, BUILT[name] + b"signed afterwards")
    refused = build.run(files=[name, "latest.yml"])
    assert refused.exit_code == 1
    assert "changed after electron-builder hashed it" in refused.output


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"files: &a [*a]", "line 1 has a YAML alias. Write the value itself in its place. Build it again"),
        (b"files: " + b"[" * 10_000, "is nested too deeply"),
        (b"x: " + b"y" * 512_000, "is longer than 512000 bytes"),
        (b"a: \x01", "not YAML"),
        (b"files: {a: b}", "not a channel file of electron-builder"),
        (b"files: [a]", "not a channel file of electron-builder"),
        (
            b"version: 4.2.1\nfiles: [{url: App.exe, sha512: %s, blockMapSize: many}]" % (b"a" * 128),
            "blockMapSize is 'many'",
        ),
    ],
)
def test_channel_file_that_is_wrong_is_named(build: Build, body: bytes, problem: str) -> None:
    build.save("latest.yml", body)
    refused = build.run(files=["App Setup 4.2.1.exe", "latest.yml"])
    assert (refused.exit_code, refused.output.count("\n")) == (1, 1)
    assert problem in refused.output


def test_nobody_is_told_of_a_file_that_is_not_there_yet(build: Build) -> None:
    body = build.server.files.pop("App-4.2.1.AppImage")
    refused = build.run()
    assert refused.exit_code == 1
    assert f"{build.server.url}/App-4.2.1.AppImage: does not answer: Not Found" in refused.output
    build.server.files["App-4.2.1.AppImage"] = body + b"more"
    refused = build.run()
    assert refused.exit_code == 1
    assert "bytes, but the local file has" in refused.output
    assert build.shop.s3.keys() == []
    assert build.run("--no-check-urls").exit_code == 0


def test_a_dry_run_uploads_nothing_and_shows_what_clients_would_see(build: Build) -> None:
    done = build.run("--dry-run")
    assert done.exit_code == 0
    assert "+++ public/v1/comet-cursor/stable/latest.yml" in done.output
    assert build.shop.s3.keys() == []


def test_a_first_share_is_decided_before_anybody_can_see_the_release(build: Build) -> None:
    build.shop.release("4.2.0")
    assert build.run("--percent", "5").exit_code == 0
    assert build.shop.s3.json("channels/comet-cursor/stable.json")["rollout"] == {"version": "4.2.1", "percent": 5}
    written = build.shop.s3.as_bucket().listed("")
    assert written["channels/comet-cursor/stable.json"].written_at <= written[KEY].written_at


@pytest.mark.http
@pytest.mark.parametrize(
    "options",
    [
        ["--percent", "5"],
        ["--every", "1d"],
        ["--every", "1d", "--groups", "3"],
        ["--every", "1d", "--start", "2026-11-20T12:00:00Z"],
        ["--every", "1d", "--not-before", "2026-11-20T12:00:00Z"],
    ],
)
def test_release_run_twice_keeps_the_rollout_and_says_so(build: Build, options: list[str]) -> None:
    policy = "channels/comet-cursor/stable.json"
    assert build.run(*options).exit_code == 0
    first = build.shop.s3.json(policy)["rollout"]
    again = build.run(*options)
    assert (again.exit_code, build.shop.s3.json(policy)["rollout"]) == (0, first)
    build.shop.run("rollout", "comet-cursor", "stable", "4.2.1", "--percent", "50")
    again = build.run(*options)
    assert again.exit_code == 0
    assert build.shop.s3.json(policy)["rollout"] == {"version": "4.2.1", "percent": 50}
    assert (
        "stable has 4.2.1 already. Its rollout stays at 50 %. To change it, run comet-updates rollout" in again.output
    )


@pytest.mark.http
def test_release_run_twice_with_a_first_rollout_keeps_serving_everyone(build: Build) -> None:
    assert build.run().exit_code == 0
    again = build.run("--percent", "5")
    assert (again.exit_code, "It has no rollout, as before." in again.output) == (0, True)
    assert "channels/comet-cursor/stable.json" not in build.shop.s3.tree()
    assert "It has no rollout" in json.loads(build.run("--percent", "5", "--json").stdout)["note"]


@pytest.mark.http
def test_release_run_before_its_upload_changes_the_rollout(build: Build) -> None:
    """Positive control: a run that was killed before the upload can be run again with another percentage."""
    build.shop.policy(rollout={"version": "4.2.1", "percent": 5})
    assert build.run("--percent", "10").exit_code == 0
    assert build.shop.s3.json("channels/comet-cursor/stable.json")["rollout"] == {"version": "4.2.1", "percent": 10}


@pytest.mark.http
def test_release_run_twice_from_another_time_on_is_refused_with_the_remedy(build: Build) -> None:
    assert build.run("--not-before", "2099-01-01T00:00:00Z").exit_code == 0
    before = build.shop.s3.tree()
    other = build.run("--not-before", "2099-01-02T00:00:00Z")
    assert (other.exit_code, "run comet-updates schedule" in other.output) == (1, True)
    assert build.shop.s3.tree() == before


@pytest.mark.parametrize(
    ("name", "body", "reason"),
    [
        ("App.exe", b"<html>Not found", "not a valid .exe: it begins with"),
        ("App.zip", b"", "not a valid .zip"),
        ("App.bin", b"x", "its name does not contain the operating system. Add --as App.bin=linux/x86_64/archive"),
        ("App.AppImage", b"\x7fELF", "not a signature of minisign, Tauri or Sparkle"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_named(build: Build, name: str, body: bytes, reason: str) -> None:
    build.save(name, body)
    build.save("App.AppImage.sig", b"nonsense")
    refused = build.run(files=[name])
    assert refused.exit_code == 1
    assert reason in " ".join(refused.output.split())
    assert build.shop.s3.keys() == []


def test_what_a_name_does_not_tell_can_be_said(build: Build) -> None:
    build.save("App.bin", b"x")
    build.save("App.delta", b"x")
    told = ["--as", "App.bin=linux/aarch64/archive", "--as", "App.delta=macos/universal/delta/4.2.0"]
    assert build.run(*told, files=["App.bin", "App.delta"]).exit_code == 0
    one, other = build.released()["artifacts"]
    assert (one["platform"], one["arch"]) == ("linux", "aarch64")
    assert (other["kind"], other["from_version"]) == ("delta", "4.2.0")
    assert build.run("--as", "App.bin=linux", files=["App.bin"]).exit_code == 2
    assert build.run("--as", "Other.bin=linux/any/archive", files=["App.bin"]).exit_code == 1


def wait(build: Build, *arguments: str) -> Result:
    return build.run("--wait", "--service-url", build.server.url, "--timeout", "0.1", *arguments)


def serve_what_is_public(build: Build, channel: str = "stable") -> None:
    """Publish, and serve the documents of a channel at their URLs, as the service would."""
    build.shop.publish()
    for key, body in build.shop.s3.tree(f"public/v1/comet-cursor/{channel}/").items():
        build.server.files[key.rpartition("/")[2]] = body


def test_wait_for_a_live_release_shows_what_each_client_sees(build: Build) -> None:
    build.shop.release("4.2.0", artifacts=[offers.artifact("linux", "x86_64", "App.AppImage", bundle="appimage")])
    late = wait(build)
    assert (late.exit_code, "not live after" in late.output) == (3, True)
    serve_what_is_public(build)
    done = wait(build)
    assert done.exit_code == 0, done.output
    assert f"live at {build.server.url}/v1/comet-cursor/stable\n" in done.output
    assert re.search(r"^  manifest.json +4.2.1$", done.output, re.MULTILINE)
    lacks = "because the files have no `minisign` signature, without which Tauri's updater installs nothing$"
    assert re.search(rf"^  tauri.json +4.2.0, {lacks}", done.output, re.MULTILINE)
    assert (
        "\n  no latest-linux-arm.yml, stable-linux-arm.yml: this release has no file for Linux on armv7\n"
        in done.output
    )
    assert " releases.osx.json: this release has no -full.nupkg file for macOS, which Velopack installs" in done.output
    said = json.loads(wait(build, "--json").output)
    assert (said["written"], said["live"]["state"]) == (False, "offered")
    assert {sight["document"]: sight["version"] for sight in said["live"]["documents"]}["tauri.json"] == "4.2.0"


def test_release_is_not_live_before_its_last_document_is_written(build: Build) -> None:
    """Publishing writes the manifest last. Stop it before that."""
    key = "public/v1/comet-cursor/stable/manifest.json"
    build.run()
    serve_what_is_public(build)
    assert wait(build).exit_code == 0, "positive control"
    build.shop.s3.delete(key)
    del build.server.files["manifest.json"]
    late = wait(build)
    assert (late.exit_code, "not live after" in late.output) == (3, True)


def test_a_document_that_the_service_still_tells_otherwise_is_not_live(build: Build) -> None:
    build.run()
    serve_what_is_public(build)
    assert wait(build).exit_code == 0
    build.server.files["latest.yml"] = b"older"
    late = wait(build, "--json")
    assert late.exit_code == 3
    documents = json.loads(late.stdout)["live"]["documents"]
    assert [sight["document"] for sight in documents if not sight["is_live"]] == ["latest.yml"]


def test_wait_for_a_scheduled_release_exits_with_code_3(build: Build) -> None:
    done = wait(build, "--not-before", "2099-01-01T00:00:00Z", "--quiet")
    assert done.exit_code == 3
    assert f"{KEY} is scheduled for 2099-01-01T00:00:00+00:00." in done.output


@pytest.mark.parametrize(
    ("decided", "says"),
    [
        ({"pin": "4.2.0"}, "waits: stable is pinned to 4.2.0. To offer it, run comet-updates unpin."),
        ({"paused_at": "2026-01-01T00:00:00Z"}, "waits: stable is paused since"),
        (
            {"yanked": [{"version": "4.2.1", "reason": "It crashes"}]},
            f"{KEY} is withdrawn: It crashes. To offer it, run comet-updates unyank.",
        ),
    ],
)
def test_wait_for_a_held_release_gives_the_reason_and_code_3(build: Build, decided: dict[str, str], says: str) -> None:
    build.shop.release("4.2.0")
    build.shop.policy(**decided)
    done = wait(build)
    assert (done.exit_code, says in done.output) == (3, True)


def test_wait_for_a_lower_release_names_the_higher_one(build: Build) -> None:
    """SemVer compares `beta9` and `beta11` as texts."""
    build.shop.release("4.2.1-beta9")
    done = build.shop.run(
        "release", str(build.save("App.x86_64.AppImage", b"\x7fELF")), "--product", "comet-cursor",
        "--version", "4.2.1-beta11", "--base-url", build.server.url,
        "--wait", "--service-url", build.server.url, "--timeout", "0.1",
    )  # fmt: skip
    assert done.exit_code == 3
    assert "4.2.1-beta9 is higher by SemVer, and stays offered" in done.output
    assert "compares beta9 and beta11 as texts" in done.output


@pytest.mark.parametrize(
    ("higher", "says"),
    [
        ("5.0.0", f"{KEY} is not live: 5.0.0 is higher by SemVer, and stays offered. Release a version above it."),
        ("4.2.2-rc.1", f"{KEY} is not live: 4.2.2-rc.1 is higher by SemVer, and stays offered."),
    ],
)
def test_release_below_the_latest_is_said_not_to_be_live(build: Build, higher: str, says: str) -> None:
    build.shop.release(higher)
    done = wait(build)
    assert (done.exit_code, says in done.output) == (3, True)
    assert json.loads(wait(build, "--json").stdout)["live"]["state"] == "lower"


@pytest.mark.parametrize(
    ("build_number", "says"),
    [
        ([], "4.2.1 without a build is lower than build 100 of 4.2.0, so no copy of 4.2.0 would get this release"),
        (["--build", "99"], "build 99 of 4.2.1 is lower than build 100 of 4.2.0"),
        (["--build", "100"], "build 100 of 4.2.1 is also that of 4.2.0"),
    ],
)
def test_build_that_contradicts_the_version_is_refused_before_upload(
    build: Build, build_number: list[str], says: str
) -> None:
    mac = [offers.artifact("macos", "universal", "a.zip", "archive")]
    build.shop.release("4.2.0", build="100", released_at="2026-01-01T00:00:00Z", artifacts=mac)
    names = ["App-4.2.1-arm64-mac.zip"]
    told = ["--as", f"{names[0]}=macos/universal/archive"]
    refused = build.run(*told, *build_number, files=names)
    assert (refused.exit_code, says in refused.output) == (1, True)
    assert KEY not in build.shop.s3.tree("releases/")
    assert build.run(*told, "--build", "101", files=names).exit_code == 0, "positive control"


def test_hot_fix_below_the_latest_with_a_higher_build_is_refused(build: Build) -> None:
    mac = [offers.artifact("macos", "universal", "a.zip", "archive")]
    build.shop.release("4.3.0", build="100", released_at="2026-01-01T00:00:00Z", artifacts=mac)
    told = ["--as", "App-4.2.1-arm64-mac.zip=macos/universal/archive", "--build", "101"]
    refused = build.run(*told, files=["App-4.2.1-arm64-mac.zip"])
    assert refused.exit_code == 1
    assert "build 101 of 4.2.1 is higher than build 100 of 4.3.0, so copies of 4.3.0 would go back" in refused.output


def test_release_can_begin_a_rollout_in_groups(build: Build) -> None:
    assert build.run("--every", "1d", "--groups", "3", "--start", "2026-11-20T12:00:00Z").exit_code == 0
    rollout = {"version": "4.2.1", "start": "2026-11-20T12:00:00Z", "interval": 86_400, "groups": 3}
    assert build.shop.s3.json("channels/comet-cursor/stable.json")["rollout"] == rollout
    assert build.run("--every", "1d", "--percent", "5").exit_code == 2


def test_a_refusal_is_told_with_every_problem(build: Build) -> None:
    """Make the product stricter between the check and the upload."""
    build.run()
    key = "products/comet-cursor.json"
    build.shop.s3.put(key, {"schema": 1, "product": "comet-cursor", "version_scheme": "build"})
    refused = wait(build)
    assert refused.exit_code == 1
    assert "$.build: does not parse under the product's version scheme `build`" in " ".join(refused.output.split())
    assert build.run("--wait").exit_code == 2


def test_file_name_that_is_not_utf8_is_named(build: Build) -> None:
    name = os.fsdecode(b"App-linux\xff.zip")
    build.save(name, b"PK")
    refused = build.run(files=[name])
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert "App-linux\\udcff.zip: its name is not UTF-8 text. Rename it." in refused.stderr


@pytest.mark.parametrize("url", ["nonsense", "file:///etc/hostname#", "ftp://a.example"])
def test_service_that_is_not_at_a_url_is_refused_at_once(build: Build, url: str) -> None:
    refused = build.run("--wait", "--service-url", url)
    assert (refused.exit_code, build.shop.s3.keys("releases/")) == (2, [])


FROZEN = {
    "products/comet-cursor.json": "products/comet-cursor.json: refused: $: is not JSON",
    "channels/comet-cursor/stable.json": "channels/comet-cursor/stable.json: refused: $: is not JSON",
}


@pytest.mark.parametrize("key", FROZEN)
def test_first_document_that_freezes_the_channel_is_named(build: Build, key: str) -> None:
    build.shop.s3.put(key, b"{")
    refused = wait(build)
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert FROZEN[key] in refused.stderr
    assert json.loads(wait(build, "--json").stdout)["live"]["says"][0].startswith(FROZEN[key])


def test_pin_that_cannot_be_compared_is_named(build: Build) -> None:
    build.shop.policy(pin="four")
    refused = wait(build)
    assert refused.exit_code == 1
    assert "channels/comet-cursor/stable.json: refused: $.pin: does not parse under the product's" in refused.stderr


def test_missing_signature_is_named_when_the_release_is_late(build: Build) -> None:
    product = {"schema": 1, "product": "comet-cursor", "requires_signature": True}
    build.shop.s3.put("products/comet-cursor.json", product)
    late = wait(build)
    assert (late.exit_code, "not live after" in late.stderr) == (1, True)
    assert "which is required (requires_signature). Sign it: comet-updates keys renew comet-cursor." in late.stderr


def test_a_first_share_is_shown_with_what_clients_see(build: Build) -> None:
    build.run("--percent", "5")
    serve_what_is_public(build)
    assert "  reaches 5 %\n" in wait(build, "--percent", "5").output


@pytest.mark.http
class TestUploadingTheFiles:
    """`--upload-to` uploads the files, then checks their URLs, then releases."""

    def run(self, build: Build, *arguments: str) -> Result:
        return build.run("--upload-to", f"s3://{build.shop.s3.bucket}/files/4.2.1/", *arguments)

    def test_the_files_are_up_before_anybody_is_told_of_them(self, build: Build, wire: Wire) -> None:
        before = len(wire)
        done = self.run(build, "--json")
        assert done.exit_code == 0, done.output
        assert [url.rpartition("/")[2] for url in json.loads(done.stdout)["uploaded"]] == list(BUILT)
        for name, body in BUILT.items():
            assert build.shop.s3.get(f"files/4.2.1/{name}") == body
        put = [unquote(path) for method, path, *_ in wire[before:] if method == "PUT"]
        assert [path.rpartition("/")[2] for path in put] == [*BUILT, "4.2.1.json"]

    def test_a_second_time_changes_nothing(self, build: Build) -> None:
        assert self.run(build).exit_code == 0
        before = build.shop.s3.tree()
        again = json.loads(self.run(build, "--json").output)
        assert (again["uploaded"], again["written"]) == ([], False)
        assert build.shop.s3.tree() == before

    def test_what_would_be_refused_sends_nothing(self, build: Build) -> None:
        build.shop.s3.put("products/comet-cursor.json", {"schema": 1, "product": "comet-cursor", "max_size": 10})
        before = build.shop.s3.keys()
        assert self.run(build).exit_code == 1
        assert build.shop.s3.keys() == before

    def test_files_that_do_not_answer_at_their_url_are_told_to_nobody(self, build: Build) -> None:
        build.server.files.clear()
        refused = self.run(build)
        assert (refused.exit_code, "does not answer" in refused.output) == (1, True)
        assert build.shop.s3.keys(KEY) == []
        assert len(build.shop.s3.keys("files/")) == len(BUILT)

    def test_a_dry_run_says_what_is_missing_there_and_sends_nothing(self, build: Build) -> None:
        build.shop.s3.put("files/4.2.1/App-4.2.1.AppImage", BUILT["App-4.2.1.AppImage"])
        before = build.shop.s3.keys()
        done = self.run(build, "--dry-run")
        assert (done.exit_code, done.output.count("would upload s3://")) == (0, 3)
        assert build.shop.s3.keys() == before

    def test_another_file_in_the_place_is_named(self, build: Build) -> None:
        build.shop.s3.put("files/4.2.1/App-4.2.1.AppImage", b"another")
        refused = self.run(build)
        assert refused.exit_code == 1
        assert "already exists with different content" in " ".join(refused.output.split())
        assert build.shop.s3.keys(KEY) == []

    def test_no_place_is_wrong_usage(self, build: Build) -> None:
        assert build.run("--upload-to", "https://example.com/").exit_code == 2


def test_quiet_says_nothing_unless_something_is_wrong(build: Build) -> None:
    assert build.run("-q").output == ""
    refused = build.run("-q", "--title", "Another")
    assert "already exists with different content" in refused.output


def test_changelog_without_the_version_is_refused_before_an_upload(build: Build) -> None:
    changelog = str(build.save("CHANGELOG.md", b"# Changes\n\n## 4.2.0\n\n- Old.\n"))
    refused = build.run("--notes", changelog)
    assert (refused.exit_code, build.shop.s3.keys()) == (1, [])
    assert f"{changelog}: has no section for 4.2.1. Add a heading such as: ## 4.2.1." in refused.stderr


def test_notes_with_a_control_character_are_refused_before_an_upload(build: Build) -> None:
    refused = build.run("--notes", str(build.save("notes.md", "Don\x92t".encode())))
    assert (refused.exit_code, build.shop.s3.keys()) == (1, [])
    assert f"{KEY}: $.notes.en: has the control character U+0092. Remove it, or save the text" in refused.stderr


def test_version_without_notes_in_its_changelog_is_released_without(build: Build) -> None:
    assert build.run("--notes", str(build.save("CHANGELOG.md", b"## 4.2.1\n\n## 4.2.0\n\n- Old.\n"))).exit_code == 0
    assert "notes" not in build.released()
