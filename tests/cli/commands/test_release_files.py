"""Test how `comet-updates release` recognises files, with folders as people have them. Nothing is guessed."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from datetime import UTC, datetime
from typing import Any

import minisign
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner, Result

from comet_updates.publish.publisher import Publisher
from comet_updates_cli import app, terminal
from testkit import documents
from tests.cli.commands.test_release import Build, build, server
from tests.cli.recognise.builds import elf, mac_app, pe, tarred, zipped
from tests.formats.offers import artifact

__all__ = ["build", "server"]

EXE, PACKAGE, APPIMAGE, ZIP = b"MZ windows", b"PK package", b"\x7fELF linux", b"PK archive"


def release(build: Build, *arguments: str, version: str = "1.0.0", folder: str = "dist/") -> Result:
    """Run `release dist/` for the product `nova`."""
    said = ["--product", "nova", "--version", version, "--base-url", build.server.url, "--no-check-urls"]
    return build.shop.run("release", f"{build.folder}/{folder}", *said, *arguments)


def dist(build: Build, files: dict[str, bytes]) -> None:
    for name, body in files.items():
        file = build.folder / "dist" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
        build.server.files[name] = body


def artifacts(build: Build, version: str = "1.0.0") -> dict[str, dict[str, Any]]:
    """Return the artifacts of the release by file name."""
    document = build.shop.s3.json(f"releases/nova/stable/{version}.json")
    return {artifact["url"].rpartition("/")[2].replace("%20", " "): artifact for artifact in document["artifacts"]}


def computers(build: Build, version: str = "1.0.0") -> dict[str, str]:
    return {name: "/".join((a["platform"], a["arch"], a["kind"])) for name, a in artifacts(build, version).items()}


def refusal(done: Result) -> str:
    assert done.exit_code == 1, done.output
    return done.stderr


def latest_yml(version: str, **files: bytes | dict[str, Any]) -> bytes:
    """Return electron-builder's channel file. A file is given by its content, or by its entry."""
    entries = [
        {"url": name, "sha512": base64.b64encode(hashlib.sha512(body).digest()).decode(), "size": len(body)}
        if isinstance(body, bytes)
        else {"url": name, **body}
        for name, body in files.items()
    ]
    return yaml.safe_dump({"version": version, "files": entries, "path": entries[0]["url"]}).encode()


def read(build: Build, document: str) -> bytes:
    Publisher(build.shop.s3.as_bucket(), lambda: datetime.now(UTC)).publish("nova")
    return build.shop.s3.tree("public/v1/nova/stable/").get(f"public/v1/nova/stable/{document}", b"")


class TestTwoFilesForOnePlace:
    def test_left_over_of_another_version_is_refused(self, build: Build) -> None:
        dist(build, {"Glow Setup 1.9.0.exe": EXE, "Glow Setup 2.0.0.exe": EXE + b"2"})
        said = refusal(release(build, version="2.0.0"))
        assert "Glow Setup 1.9.0.exe: is named after version 1.9.0, not 2.0.0. Leave it out" in said
        assert "both claim windows/x86_64/installer. Leave one of them out" in said
        assert build.shop.s3.keys() == []

    def test_portable_program_beside_the_named_installer_is_for_no_updater(self, build: Build) -> None:
        """electron-builder replaces spaces in the names in its feed."""
        dist(build, {"Ember 1.0.0.exe": EXE, "Ember Setup 1.0.0.exe": EXE + b"setup"})
        dist(build, {"latest.yml": latest_yml("1.0.0", **{"Ember-Setup-1.0.0.exe": EXE + b"setup"})})
        done = release(build, "--json")
        assert done.exit_code == 0, done.output
        assert {row["file"]: row["updaters"] for row in json.loads(done.stdout)["files"]} == {
            "Ember 1.0.0.exe": "",
            "Ember Setup 1.0.0.exe": "WinSparkle, NetSparkle, electron-updater",
        }
        offered = yaml.safe_load(read(build, "latest.yml"))
        assert [file["url"].rpartition("/")[2] for file in offered["files"]] == ["Ember%20Setup%201.0.0.exe"]

    def test_installer_for_computers_that_latest_yml_leaves_out_is_a_question(self, build: Build) -> None:
        """Give the `latest.yml` of the last job of a matrix, which replaced the others."""
        last = pe("aarch64", b"last job")
        dist(build, {"Fern-1.0.0-x64.exe": pe("x86_64"), "Fern-1.0.0-arm64.exe": last})
        dist(build, {"latest.yml": latest_yml("1.0.0", **{"Fern-1.0.0-arm64.exe": last})})
        said = refusal(release(build))
        assert "Fern-1.0.0-x64.exe: latest.yml names an installer only for other computers" in said
        assert "Add --as Fern-1.0.0-x64.exe=windows/x86_64/installer" in said
        assert build.shop.s3.keys() == []
        done = release(build, "--as", "Fern-1.0.0-x64.exe=windows/x86_64/installer")
        assert done.exit_code == 0, done.output
        assert len(yaml.safe_load(read(build, "latest.yml"))["files"]) == 2

    def test_two_installers_are_refused_until_one_is_called_portable(self, build: Build) -> None:
        dist(build, {"Ember 1.0.0.exe": EXE, "Ember Setup 1.0.0.exe": EXE + b"setup"})
        assert "--as 'Ember Setup 1.0.0.exe=windows/x86_64/archive'" in refusal(release(build))
        done = release(build, "--as", "Ember 1.0.0.exe=windows/x86_64/archive")
        assert done.exit_code == 0, done.output
        assert b"Ember%201.0.0.exe" not in read(build, "latest.yml")

    def test_types_of_package_are_not_one_place(self, build: Build) -> None:
        names = ("App-1.0.0.exe", "App-1.0.0.AppImage", "App-1.0.0.dmg", "App-1.0.0-mac.zip", "app_1.0.0_amd64.deb")
        bodies = (EXE, APPIMAGE, b"dmg", ZIP, b"!<arch>\n")
        dist(build, dict(zip(names, bodies, strict=True)))
        assert release(build).exit_code == 0
        assert len(computers(build)) == len(names)

    def test_one_file_given_twice_is_one_artifact(self, build: Build) -> None:
        dist(build, {"App-1.0.0-mac.zip": ZIP})
        file = str(build.folder / "dist" / "App-1.0.0-mac.zip")
        assert release(build, folder="dist/App-1.0.0-mac.zip").exit_code == 0
        assert release(build, file, file).exit_code == 0
        assert len(build.shop.s3.json("releases/nova/stable/1.0.0.json")["artifacts"]) == 1

    @pytest.mark.parametrize("folder", ["dist/", "dist/*"])
    def test_link_to_a_file_or_folder_adds_nothing(self, build: Build, folder: str) -> None:
        """Expect the file's own name: with the next release, a link such as `App-1-latest.zip` leads elsewhere."""
        dist(build, {"App-1.0.0-mac.zip": ZIP, "sub/notes.txt": b"text"})
        at = build.folder / "dist"
        (at / "App-1-latest.zip").symlink_to("App-1.0.0-mac.zip")
        (at / "sub" / "around").symlink_to("..")
        given = sorted(str(one.relative_to(build.folder)) for one in at.iterdir()) if "*" in folder else [folder]
        done = release(build, *(str(build.folder / one) for one in given[1:]), folder=given[0])
        assert done.exit_code == 0, done.output
        assert list(computers(build)) == ["App-1.0.0-mac.zip"]

    def test_one_name_in_two_folders_is_refused(self, build: Build) -> None:
        dist(build, {"x64/App.exe": EXE, "arm64/App.exe": EXE + b"arm64"})
        assert "has the same name as" in refusal(release(build))


class TestEvidenceOfTheBuilder:
    def test_feed_of_another_version_is_refused(self, build: Build) -> None:
        dist(build, {"App Setup.exe": EXE, "latest.yml": latest_yml("7.7.7", **{"App-Setup.exe": EXE})})
        assert "latest.yml: is for version 7.7.7, and this release is 1.0.0" in refusal(release(build))

    @pytest.mark.parametrize(
        ("entry", "reason"),
        [
            ({"sha512": base64.b64encode(bytes(64)).decode()}, "its sha512 differs from latest.yml"),
            ({"sha512": base64.b64encode(hashlib.sha512(EXE).digest()).decode(), "size": 9}, "latest.yml says 9 bytes"),
        ],
    )
    def test_file_that_changed_after_the_builder_saw_it_is_named(
        self, build: Build, entry: dict[str, Any], reason: str
    ) -> None:
        dist(build, {"App Setup 1.0.0.exe": EXE, "latest.yml": latest_yml("1.0.0", **{"App-Setup-1.0.0.exe": entry})})
        said = refusal(release(build))
        assert "App Setup 1.0.0.exe: changed after electron-builder hashed it" in said
        assert reason in said

    @pytest.mark.parametrize("name", ["SHA256SUMS", "checksums.txt", "App-1.0.0.exe.sha256", "sha256sums.txt"])
    def test_checksums_are_compared(self, build: Build, name: str) -> None:
        right = f"{hashlib.sha256(EXE).hexdigest()} *App-1.0.0.exe\n".encode()
        dist(build, {"App-1.0.0.exe": EXE, name: right})
        assert release(build, "--dry-run").exit_code == 0
        dist(build, {name: f"{'0' * 64}  App-1.0.0.exe\n".encode()})
        assert f"its sha256 differs from {name}" in refusal(release(build))

    def test_header_of_a_program_decides(self, build: Build) -> None:
        dist(build, {"App-Windows-ARM.exe": pe("aarch64"), "App-1.0.0.AppImage": elf("riscv64")})
        dist(build, {"Nova.app.tar.gz": tarred(mac_app("aarch64")), "Nova-1.0.0.zip": zipped(mac_app("x86_64"))})
        assert release(build).exit_code == 0
        assert computers(build) == {
            "App-Windows-ARM.exe": "windows/aarch64/installer",
            "App-1.0.0.AppImage": "linux/riscv64/archive",
            "Nova.app.tar.gz": "macos/aarch64/archive",
            "Nova-1.0.0.zip": "macos/x86_64/archive",
        }


class TestNothingIsGuessed:
    @pytest.mark.parametrize(
        ("name", "body"),
        [("App_linux_armv6.tar.gz", b"\x1f\x8b"), ("App-Windows-ARM.exe", EXE), ("app-linux.tar.gz", b"\x1f\x8b")],
    )
    def test_refusal_shows_the_option_that_settles_it(self, build: Build, name: str, body: bytes) -> None:
        dist(build, {name: body})
        option, value = shlex.split(refusal(release(build)).partition("Add ")[2].partition(", or what it is")[0])
        assert release(build, option, value).exit_code == 0
        assert value == f"{name}={computers(build)[name]}"

    def test_person_at_a_terminal_is_asked(self, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
        dist(build, {"App-Windows-ARM.exe": EXE, "app-linux.tar.gz": b"\x1f\x8b"})
        monkeypatch.setattr("comet_updates_cli.commands.release.can_ask", lambda: True)
        shop = build.shop
        said = ["--product", "nova", "--version", "1.0.0", "--base-url", build.server.url, "--no-check-urls"]
        where = ["--bucket", shop.s3.bucket, "--endpoint-url", shop.s3.endpoint]
        typed = "windows/arm/installer\nwindows/aarch64/installer\n\n"
        done = CliRunner().invoke(app, ["release", f"{build.folder}/dist", *said, *where], input=typed)
        assert done.exit_code == 0, done.output
        assert "'arm' is not an architecture" in done.stderr
        assert computers(build) == {"App-Windows-ARM.exe": "windows/aarch64/installer"}
        assert "skipped  app-linux.tar.gz: left out" in done.stdout

    def test_nobody_is_asked_without_a_terminal(self) -> None:
        assert not terminal.can_ask()

    def test_names_of_the_field_are_read_as_their_builders_mean_them(self, build: Build) -> None:
        names = {
            "App-1.0-riscv64.AppImage": "linux/riscv64/archive",
            "App-1.0-x86-64.exe": "windows/x86_64/installer",
            "Lumo-1.0.0-delta.nupkg": "windows/x86_64/delta",
            "Lumo-1.0.0-full.nupkg": "windows/x86_64/archive",
            "App-1.0.0-linux-arm64-full.nupkg": "linux/aarch64/archive",
            "App-1.0.0-osx-x64-full.nupkg": "macos/x86_64/archive",
            "Nova.app.tar.gz": "macos/any/archive",
        }
        dist(build, {n: EXE if n.endswith("exe") else APPIMAGE if "AppImage" in n else PACKAGE for n in names})
        dist(build, {"Nova.app.tar.gz": b"\x1f\x8b"})
        done = release(build)
        assert done.exit_code == 0, done.output
        assert computers(build) == names

    def test_empty_file_is_named(self, build: Build) -> None:
        dist(build, {"App-1.0.0.exe": b""})
        assert "not a valid .exe" in refusal(release(build))


class TestFoldersAsTheyAre:
    def test_unpacked_apps_and_notes_of_the_builder_are_skipped_in_a_line_each(self, build: Build) -> None:
        dist(build, {"App Setup 1.0.0.exe": EXE, "App Setup 1.0.0.exe.blockmap": b"map", "builder-debug.yml": b"x: y"})
        dist(build, {"win-unpacked/App.exe": EXE, "builder-effective-config.yaml": b"x: y", ".icon-ico/icon.ico": b"x"})
        dist(build, {"latest.yml": latest_yml("1.0.0", **{"App-Setup-1.0.0.exe": EXE})})
        done = release(build)
        assert done.exit_code == 0, done.output
        skipped = [line.removeprefix("skipped  ") for line in done.stdout.splitlines() if line.startswith("skipped")]
        assert [line.removeprefix(f"{build.folder}/dist/") for line in skipped] == [
            ".icon-ico/: a folder of the builder",
            "win-unpacked/: an unpacked app",
            "App Setup 1.0.0.exe.blockmap: belongs to the file beside it",
            "builder-debug.yml: a note of electron-builder",
            "builder-effective-config.yaml: a note of electron-builder",
            "latest.yml: a feed of the builder, compared with the files",
        ]
        assert list(computers(build)) == ["App Setup 1.0.0.exe"]

    def test_files_of_a_release_page_go_in_as_they_are(self, build: Build) -> None:
        pair = minisign.KeyPair.generate()
        signature = base64.b64encode(bytes(pair.secret_key.sign(EXE))).decode()
        platforms = {"windows-x86_64": {"url": "https://x.example/App_1.0.0_x64-setup.exe", "signature": signature}}
        asset = {"PackageId": "App", "Version": "1.0.0", "Type": "Full", "FileName": "App-1.0.0-full.nupkg"}
        sha1 = hashlib.sha1(PACKAGE).hexdigest()
        item = (
            '<enclosure url="https://x.example/App-1.0.0.zip" length="10" sparkle:version="1.0.0" sparkle:os="macos"/>'
        )
        namespace = 'xmlns:sparkle="http://www.andymatuschak.org/xml-namespaces/sparkle"'
        dist(
            build,
            {
                "App_1.0.0_x64-setup.exe": EXE,
                "App_1.0.0_x64-setup.exe.sig": b"-----BEGIN PGP SIGNATURE-----\n",
                "App-1.0.0-full.nupkg": PACKAGE,
                "App-1.0.0.zip": ZIP,
                "latest.json": json.dumps({"version": "v1.0.0", "platforms": platforms}).encode(),
                "RELEASES": f"{sha1} App-1.0.0-full.nupkg {len(PACKAGE)}".encode(),
                "releases.win.json": json.dumps({"Assets": [asset | {"Size": len(PACKAGE), "SHA1": sha1}]}).encode(),
                "appcast.xml": f"<rss {namespace}><channel><item>{item}</item></channel></rss>".encode(),
                "checksums.txt": f"{hashlib.sha256(ZIP).hexdigest()}  App-1.0.0.zip\n".encode(),
                "App-1.0.0.zip.asc": b"\x89\x02",
                "App-1.0.0.zip.sig": b"\x30\x45cosign"[:0] + base64.b64encode(b"\x30\x45" + bytes(60)),
                "LICENSE": b"text",
                "sbom.spdx.json": b"{}",
            },
        )
        done = release(build)
        assert done.exit_code == 0, done.output
        assert computers(build) == {
            "App-1.0.0-full.nupkg": "windows/x86_64/archive",
            "App-1.0.0.zip": "macos/any/archive",
            "App_1.0.0_x64-setup.exe": "windows/x86_64/installer",
        }
        assert artifacts(build)["App_1.0.0_x64-setup.exe"]["signatures"] == {"minisign": signature}
        assert artifacts(build)["App-1.0.0-full.nupkg"]["package_id"] == "App"
        assert done.stdout.count("skipped  ") == 10

    def test_file_that_a_feed_lists_for_an_earlier_version_is_skipped(self, build: Build) -> None:
        lines = [
            f"{hashlib.sha1(PACKAGE + v).hexdigest()} App-{v.decode()}-full.nupkg 15" for v in (b"0.9.0", b"1.0.0")
        ]
        dist(build, {f"App-{v}-full.nupkg": PACKAGE + v.encode() for v in ("0.9.0", "1.0.0")})
        dist(build, {"RELEASES": "\n".join(lines).encode()})
        done = release(build)
        assert done.exit_code == 0, done.output
        assert "skipped  App-0.9.0-full.nupkg: RELEASES lists it for version 0.9.0" in done.stdout
        assert list(computers(build)) == ["App-1.0.0-full.nupkg"]

    def test_folder_without_a_file_to_release_is_refused(self, build: Build) -> None:
        dist(build, {"README.md": b"text"})
        said = refusal(release(build))
        assert "none of the files is one to release (README.md: a text)" in said

    @pytest.mark.http
    def test_block_map_is_uploaded_beside_its_file(self, build: Build) -> None:
        dist(build, {"Reed-Setup.exe": EXE, "Reed-Setup.exe.blockmap": b"map"})
        done = release(build, "--upload-to", f"s3://{build.shop.s3.bucket}/files")
        assert done.exit_code == 0, done.output
        assert build.shop.s3.get("files/Reed-Setup.exe.blockmap") == b"map"
        assert list(computers(build)) == ["Reed-Setup.exe"]

    def test_table_shows_each_file_before_the_upload(self, build: Build) -> None:
        dist(build, {"App-1.0.0-full.nupkg": PACKAGE, "App-1.0.0-arm64.AppImage": APPIMAGE})
        lines = release(build, "--dry-run").stdout.splitlines()
        assert lines[0].split("  ")[0] == "file"
        assert lines[1].split() == [
            *(
                "App-1.0.0-arm64.AppImage",
                "linux",
                "aarch64",
                "archive",
                "its",
                "name",
                "NetSparkle,",
                "electron-updater",
            )
        ]
        assert lines[2].endswith("its name, which has no architecture  Squirrel.Windows, Velopack")
        assert "32-bit" not in "".join(lines), "no release was for it"

    def test_copies_that_are_offered_a_file_they_cannot_run_are_named(self, build: Build) -> None:
        """Release without a file for 32-bit Windows, after a release that has one."""
        file = artifact("windows", "i686", "App-ia32.exe")
        build.shop.s3.put(
            "releases/nova/stable/0.9.0.json", documents.release("0.9.0", "stable", "nova", artifacts=[file])
        )
        dist(build, {"App-1.0.0-x64.exe": EXE})
        found = release(build, "--dry-run").stdout
        said = "behind   latest.yml (32-bit Windows): stays at 0.9.0, because this release has no file for 32-bit"
        assert said in found
        behind = json.loads(release(build, "--dry-run", "--json").stdout)["behind"]
        assert {lag["document"] for lag in behind} == {"latest.yml (32-bit Windows)", "stable.yml (32-bit Windows)"}
        dist(build, {"App-1.0.0-ia32.exe": EXE})
        assert "32-bit" not in release(build, "--dry-run").stdout


SIGNED = bytes(minisign.KeyPair.generate().secret_key.sign(b"any file"))


class TestSignatures:
    """`release` verifies each file; publishing verifies what it can without the file."""

    def product(self, build: Build, **keys: str) -> None:
        build.shop.s3.put("products/nova.json", {"schema": 1, "product": "nova", "signing_keys": keys})

    def test_minisign_signature_of_another_key_is_refused(self, build: Build) -> None:
        ours, other = minisign.KeyPair.generate(), minisign.KeyPair.generate()
        self.product(build, minisign=bytes(ours.public_key).decode())
        dist(build, {"App-1.0.0.exe": EXE, "App-1.0.0.exe.sig": base64.b64encode(bytes(other.secret_key.sign(EXE)))})
        assert "its minisign signature is of the key" in refusal(release(build))
        dist(build, {"App-1.0.0.exe.sig": base64.b64encode(bytes(ours.secret_key.sign(EXE)))})
        assert release(build).exit_code == 0

    @pytest.mark.parametrize("is_base64", [True, False])
    def test_file_that_was_repacked_after_signing_is_refused(self, build: Build, *, is_base64: bool) -> None:
        pair = minisign.KeyPair.generate()
        public = bytes(pair.public_key)
        self.product(build, minisign=(base64.b64encode(public) if is_base64 else public).decode())
        signature = bytes(pair.secret_key.sign(EXE))
        dist(build, {"App-1.0.0.exe": EXE + b"repacked", "App-1.0.0.exe.minisig": signature})
        assert "its minisign signature is not of this file" in refusal(release(build))
        assert build.shop.s3.keys("releases/") == []

    def test_sparkle_signature_is_verified(self, build: Build) -> None:
        key = Ed25519PrivateKey.generate()
        self.product(build, ed25519=base64.b64encode(key.public_key().public_bytes_raw()).decode())
        dist(build, {"App-1.0.0-mac.zip": ZIP, "App-1.0.0-mac.zip.edsig": base64.b64encode(key.sign(ZIP + b"x"))})
        assert "its ed25519 signature is not of this file" in refusal(release(build))
        dist(build, {"App-1.0.0-mac.zip.edsig": base64.b64encode(key.sign(ZIP))})
        assert release(build).exit_code == 0

    def test_file_that_is_longer_than_when_it_was_signed_is_refused(self, build: Build) -> None:
        """`sign_update` prints the length of the file, which shows this without a key of the product."""
        signature = base64.b64encode(b"s" * 64).decode()

        def signed(length: int) -> dict[str, bytes]:
            return {"App-1.0.0-mac.zip.edsig": f'sparkle:edSignature="{signature}" length="{length}"'.encode()}

        dist(build, {"App-1.0.0-mac.zip": ZIP} | signed(len(ZIP) - 1))
        assert f"it had {len(ZIP) - 1} bytes then, and has {len(ZIP)}" in refusal(release(build))
        dist(build, signed(len(ZIP)))
        assert release(build).exit_code == 0

    def test_signature_in_a_feed_that_differs_from_the_file_is_refused(self, build: Build) -> None:
        pair = minisign.KeyPair.generate()
        old, new = (base64.b64encode(bytes(pair.secret_key.sign(body))).decode() for body in (EXE, EXE + b"x"))
        platforms = {"windows-x86_64": {"url": "https://x.example/App-1.0.0.exe", "signature": old}}
        dist(build, {"App-1.0.0.exe": EXE, "App-1.0.0.exe.sig": new.encode()})
        dist(build, {"latest.json": json.dumps({"version": "1.0.0", "platforms": platforms}).encode()})
        assert "its signature in latest.json differs from the signature file" in refusal(release(build))

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            (base64.b64encode(b"untrusted comment: minisign secret key\nRWQAAA==\n"), "not a signature of minisign"),
            (base64.b64encode(SIGNED[:-40]), "not a signature of minisign"),
            (SIGNED.decode().encode("utf-16"), "is UTF-16 text, as `>` of PowerShell writes it. Save it as UTF-8"),
            (b"\xe9" + SIGNED, "not a signature of minisign"),
        ],
        ids=["key", "part", "utf-16", "latin-1"],
    )
    def test_file_that_is_not_a_signature_is_refused(self, build: Build, text: bytes, reason: str) -> None:
        """Give a text that Tauri's updater could never use. The product has no key."""
        dist(build, {"App-1.0.0.exe": EXE, "App-1.0.0.exe.sig": text})
        assert reason in refusal(release(build))
        assert build.shop.s3.keys() == []
        dist(build, {"App-1.0.0.exe.sig": base64.b64encode(SIGNED) + b"\n"})
        assert release(build).exit_code == 0

    def test_url_in_place_of_a_signature_is_refused(self, build: Build) -> None:
        entry = {"url": "https://x.example/App-1.0.0.exe", "signature": "https://x.example/App-1.0.0.exe.sig"}
        feed = {"version": "1.0.0", "platforms": {"windows-x86_64": entry}}
        dist(build, {"App-1.0.0.exe": EXE, "latest.json": json.dumps(feed).encode()})
        said = refusal(release(build))
        assert "its signature in latest.json is not a minisign signature: 'https://x.example/App-1.0.0.exe.sig'" in said


class TestTypingErrors:
    def test_product_that_does_not_exist_wants_an_option(self, build: Build) -> None:
        build.shop.release("4.2.1")
        dist(build, {"App-1.0.0.exe": EXE})
        assert "Check --product, or add --new-product to create it" in refusal(release(build))
        assert release(build, "--new-product").exit_code == 0
        assert release(build, "--title", "Another").exit_code == 1
        assert release(build).exit_code == 0

    def test_similar_product_is_named(self, build: Build) -> None:
        build.shop.s3.put("products/novas.json", {"schema": 1, "product": "novas"})
        dist(build, {"App-1.0.0.exe": EXE})
        assert "The most similar product is novas." in refusal(release(build))

    def test_first_product_of_a_bucket_needs_no_option(self, build: Build) -> None:
        dist(build, {"App-1.0.0.exe": EXE})
        assert release(build).exit_code == 0

    @pytest.mark.parametrize("url", ["https://x.example/a?b", "https://x.example/a#b"])
    def test_base_url_that_is_not_a_folder_is_wrong_usage(self, build: Build, url: str) -> None:
        assert build.run("--base-url", url).exit_code == 2

    @pytest.mark.parametrize("version", ["", "refs/tags/v1.0.0", " 1.0.0", "../1.0.0"])
    def test_text_that_is_not_a_version_is_wrong_usage(self, build: Build, version: str) -> None:
        dist(build, {"App.exe": EXE})
        done = release(build, version=version)
        assert (done.exit_code, build.shop.s3.keys()) == (2, [])
        assert "--version" in done.stderr

    def test_architecture_that_does_not_exist_is_wrong_usage(self, build: Build) -> None:
        assert build.run("--as", "App.bin=linux/sparc/archive").exit_code == 2
