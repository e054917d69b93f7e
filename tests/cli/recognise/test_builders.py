"""Test that each builder's output folder is what its own feed says, over versions and architectures.

Each generator follows the builder's source and names files and feeds as it does. electron-builder's own code runs in
`tests/clients/test_electron_builder.py`. Sources:

- Tauri: tauri-apps/tauri `crates/tauri-bundler/src/bundle/` (`linux/rpm.rs`@074b9b2, `macos/dmg/mod.rs`@0e6e8f4,
  `updater_bundle.rs`@23ef50a); tauri-apps/tauri-action `src/upload-version-json.ts`@035674a.
- Velopack: velopack/velopack `src/vpk/Velopack.Core/DefaultName.cs`@6eb35b8 and
  `src/vpk/Velopack.Packaging/ReleaseEntryHelper.cs`@48b0ece.
- Sparkle: sparkle-project/Sparkle `generate_appcast/Appcast.swift`@073ca3d and `FeedXML.swift`@0900d09.
- Squirrel.Windows: Squirrel/Squirrel.Windows `src/Squirrel/ReleaseEntry.cs`@51f5e2c.
- Flutter: leanflutter/flutter_distributor `packages/flutter_app_packager/lib/src/api/make_config.dart`@18fa032.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from comet_updates.errors import ArtifactError
from comet_updates_cli import hash_files, release_document
from comet_updates_cli.recognise import recognised
from tests.cli.recognise.builds import deb, elf, mac_app, pe, rpm, tarred, zipped

VERSIONS = ["1.2.3", "2.0.0-beta.1", "10.20.30"]


def write(folder: Path, files: Mapping[str, bytes | str]) -> None:
    for name, body in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body.encode() if isinstance(body, str) else body)


def read(folder: Path, version: str, build: str | None = None) -> dict[str, str]:
    """Return what each file of the folder is, after all comparisons with what the feeds say."""
    found = {}
    for one in recognised.recognise([folder], {}, version, build).recognised:
        recognised.check_unchanged(one.file, hash_files.sums(one.file), one.stated)
        found[one.file.name] = "/".join(one.decision.kind)
    return found


def sha(name: str, body: bytes) -> str:
    return hashlib.new(name, body).hexdigest()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("arch", "x64", "deb_arch", "rpm_arch", "ours"),
    [("x86_64", "x64", "amd64", "x86_64", "x86_64"), ("aarch64", "arm64", "arm64", "aarch64", "aarch64")],
)
def test_tauri(tmp_path: Path, version: str, arch: str, x64: str, deb_arch: str, rpm_arch: str, ours: str) -> None:
    """Include the unpacked packages, scripts and pictures that the bundler leaves in the folder."""
    bundle = tmp_path / "bundle"
    base = f"Comet Nova_{version}"
    dmg = "x64" if arch == "x86_64" else arch
    appimage = "amd64" if arch == "x86_64" else arch
    bodies: dict[str, bytes] = {
        f"nsis/{base}_{x64}-setup.exe": pe("i686", b"Nullsoft"),
        f"msi/{base}_{x64}_en-US.msi": b"\xd0\xcf\x11\xe0",
        f"appimage/{base}_{appimage}.AppImage": elf(arch),
        f"deb/{base}_{deb_arch}.deb": deb(deb_arch),
        f"rpm/Comet Nova-{version}-1.{rpm_arch}.rpm": rpm(rpm_arch),
        f"dmg/{base}_{dmg}.dmg": b"dmg",
        "macos/Comet Nova.app.tar.gz": tarred(mac_app(arch)),
    }
    left: tuple[str, ...] = ("dmg/bundle_dmg.sh", "dmg/icon.icns", "share/create-dmg/support/template.applescript")
    left += (f"deb/{base}_{deb_arch}/control.tar.gz", "macos/Comet Nova.app/Contents/MacOS/nova")
    left += (f"rpm/Comet Nova-{version}-1.{rpm_arch}/empty", "appimage/Comet Nova.AppDir/AppRun")
    write(bundle, {**bodies, **dict.fromkeys(left, b"x")})
    signed = {name: base64.b64encode(b"untrusted comment: " + name.encode()).decode() for name in bodies}
    write(bundle, {f"{name}.sig": text for name, text in signed.items()})
    systems = {"nsis": "windows", "appimage": "linux", "macos": "darwin"}
    platforms = {
        f"{systems[folder]}-{arch}": {"signature": signed[name], "url": f"https://x.example/{asset}"}
        for name in bodies
        for folder, _, file in [name.partition("/")]
        for asset in [file.replace(" ", ".")]  # GitHub replaces spaces in the names of assets
        if folder in systems
    }
    write(bundle, {"latest.json": json.dumps({"version": version, "notes": "", "platforms": platforms})})
    kinds = {"windows": "installer", "linux": "archive", "darwin": "archive"}
    found = read(bundle, version)
    assert len(found) == len(bodies)
    assert {kind.split("/")[1] for kind in found.values()} == {ours}
    for key, entry in platforms.items():
        named = next(name for name in found if name.replace(" ", ".") == entry["url"].rpartition("/")[2])
        system = key.split("-")[0]
        assert found[named] == f"{system.replace('darwin', 'macos')}/{ours}/{kinds[system]}"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("channel", ["win", "win-arm64", "osx", "osx-x64", "linux", "linux-arm64", "beta"])
@pytest.mark.parametrize("is_list", [True, False], ids=["assets with types", "assets with paths"])
def test_velopack(tmp_path: Path, version: str, channel: str, *, is_list: bool) -> None:
    """Include the packages of an earlier version, from which `vpk` makes the delta."""
    system = {"win": "windows", "osx": "macos", "linux": "linux"}.get(channel.partition("-")[0], "windows")
    arch = {"x64": "x86_64", "arm64": "aarch64"}.get(channel.partition("-")[2])
    infix = "" if channel == "win" else f"-{channel}"
    names = {
        f"Nova-{version}{infix}-full.nupkg": ("Full", "archive"),
        f"Nova-{version}{infix}-delta.nupkg": ("Delta", "delta"),
        **({f"Nova-{channel}-Setup.exe": ("Installer", "installer")} if system == "windows" else {}),
        **({f"Nova-{channel}-Setup.pkg": ("Installer", "installer")} if system == "macos" else {}),
        **({f"Nova-{channel}-Portable.zip": ("Portable", "archive")} if system != "linux" else {}),
        **(
            {f"Nova{'' if channel == 'linux' else infix}.AppImage": ("Portable", "archive")}
            if system == "linux"
            else {}
        ),
    }
    start = {"exe": b"MZ", "pkg": b"xar!", "AppImage": b"\x7fELF"}
    program = {"windows": {"Nova.exe": pe(arch or "x86_64")}, "macos": mac_app(arch or "aarch64"), "linux": {}}[system]
    bodies = {
        name: zipped(program) if name.endswith("zip") else start.get(name.rpartition(".")[2], b"PK") + name.encode()
        for name in names
    }
    old = f"Nova-0.9.0{infix}-full.nupkg"
    write(tmp_path, {**bodies, old: b"PK old"})
    assets = [
        {
            "PackageId": "Nova",
            "Version": of,
            "Type": "Delta" if "-delta" in name else "Full",
            "FileName": name,
            "SHA1": sha("sha1", body).upper(),
            "SHA256": sha("sha256", body).upper(),
            "Size": len(body),
        }
        for name, of, body in [(old, "0.9.0", b"PK old"), *((name, version, bodies[name]) for name in names)]
        if name.endswith(".nupkg")
    ]
    lines = [f"{asset['SHA1']} {asset['FileName']} {asset['Size']}" for asset in assets if asset["Type"] == "Full"]
    listed = [{"RelativeFileName": name, "Type": kind} for name, (kind, _) in names.items()]
    write(
        tmp_path,
        {
            f"releases.{channel}.json": json.dumps({"Assets": assets}),
            f"assets.{channel}.json": json.dumps(
                listed if is_list else {"Files": [f"C:\\out\\{name}" for name in names]}
            ),
            f"RELEASES{infix}": "\n".join(lines),
        },
    )
    found = read(tmp_path, version)
    assert {name: kind.split("/")[2] for name, kind in found.items()} == {n: kind for n, (_, kind) in names.items()}
    assert {kind.split("/")[0] for kind in found.values()} == {system}
    if arch:
        assert {kind.split("/")[1] for kind in found.values()} == {arch}
    write(tmp_path, {f"Nova-{version}{infix}-full.nupkg": b"PK repacked"})
    with pytest.raises(ArtifactError, match=r"changed after (?:Velopack|Squirrel) hashed it"):
        read(tmp_path, version)


@pytest.mark.parametrize("version", ["1.2.3", "2.0.0-beta1", "10.20.30"])
def test_squirrel_windows(tmp_path: Path, version: str) -> None:
    names = [f"nova-{of}-{kind}.nupkg" for of, kind in ((version, "full"), (version, "delta"), ("0.9.0", "full"))]
    write(
        tmp_path,
        {name: b"PK" + name.encode() for name in names} | {"Setup.exe": b"MZ", "Setup.msi": b"\xd0\xcf\x11\xe0"},
    )
    lines = [f"{sha('sha1', b'PK' + name.encode()).upper()} {name} {2 + len(name)}" for name in names]
    write(tmp_path, {"RELEASES": "\ufeff" + "\n".join(lines)})
    assert read(tmp_path, version.replace("beta1", "beta.1")) == {
        "Setup.exe": "windows/x86_64/installer",
        "Setup.msi": "windows/x86_64/installer",
        f"nova-{version}-delta.nupkg": "windows/x86_64/delta",
        f"nova-{version}-full.nupkg": "windows/x86_64/archive",
    }


@pytest.mark.parametrize("arches", [("x86_64", "aarch64"), ("aarch64",)], ids=["universal", "Apple silicon"])
@pytest.mark.parametrize("ending", [".zip", ".dmg", ".tar.xz"])
@pytest.mark.parametrize("build", [None, "42"])
def test_generate_appcast(tmp_path: Path, arches: tuple[str, ...], ending: str, build: str | None) -> None:
    """Include older archives, their notes and their deltas."""
    packs: dict[str, Callable[[dict[str, bytes]], bytes]] = {
        ".zip": zipped,
        ".tar.xz": lambda members: tarred(members, "w:xz"),
        ".dmg": lambda _: b"dmg",
    }
    bodies = {f"Nova {number}{ending}": packs[ending](mac_app(*arches)) + number.encode() for number in ("2.0", "1.9")}
    bodies |= {f"Nova{build or '2.0'}-41.delta": b"spk!delta", "Nova41-40.delta": b"spk!old"}
    write(tmp_path, {**bodies, "Nova 2.0.html": "notes", f"old_updates/Nova 1.0{ending}": b"old"})

    def enclosure(name: str, number: str, delta_from: str = "") -> str:
        more = f'sparkle:deltaFrom="{delta_from}"' if delta_from else ""
        signature = base64.b64encode(bytes(64)).decode()
        return (
            f'<enclosure url="https://x.example/{quote(name)}" length="{len(bodies[name])}" sparkle:version="{number}"'
            f' sparkle:edSignature="{signature}" {more}/>'
        )

    items = "".join(
        f"<item><title>{shown}</title><sparkle:shortVersionString>{shown}</sparkle:shortVersionString>"
        f"<sparkle:minimumSystemVersion>11.0</sparkle:minimumSystemVersion>{enclosure(f'Nova {shown}{ending}', number)}"
        f"<sparkle:deltas>{enclosure(delta, number, base)}</sparkle:deltas></item>"
        for shown, number, delta, base in [
            ("2.0", build or "2.0", f"Nova{build or '2.0'}-41.delta", "41"),
            ("1.9", "41", "Nova41-40.delta", "40"),
        ]
    )
    namespace = 'xmlns:sparkle="http://www.andymatuschak.org/xml-namespaces/sparkle"'
    write(tmp_path, {"appcast.xml": f'<?xml version="1.0"?><rss {namespace}><channel>{items}</channel></rss>'})
    arch = "any" if ending == ".dmg" else "universal" if len(arches) > 1 else arches[0]
    kind = "installer" if ending == ".dmg" else "archive"
    found = recognised.recognise([tmp_path], {}, "2.0", build)
    assert {one.file.name: "/".join(one.decision.kind) for one in found.recognised} == {
        f"Nova 2.0{ending}": f"macos/{arch}/{kind}",
        f"Nova{build or '2.0'}-41.delta": f"macos/{arch}/delta",
    }
    for one in found.recognised:
        assert one.decision.fields["min_os"] == "11.0"
        assert one.decision.fields.get("from_version") == ("41" if one.decision.kind.kind == "delta" else None)
        assert release_document.signatures(one.file, one.stated) == {"ed25519": base64.b64encode(bytes(64)).decode()}


@pytest.mark.parametrize(
    ("version", "shown"), [("1.2.3", "1.2.3"), ("1.2.3+4", "1.2.3"), ("2.0.0-beta.1+7", "2.0.0-beta.1")]
)
def test_flutter_distributor(tmp_path: Path, version: str, shown: str) -> None:
    base = f"{version}/nova-{version}"
    write(
        tmp_path / "dist",
        {
            f"{base}-windows-setup.exe": pe("i686", b"Inno Setup"),
            f"{base}-windows.zip": zipped({"nova.exe": pe("x86_64"), "flutter_windows.dll": pe("x86_64")}),
            f"{base}-macos.dmg": b"dmg",
            f"{base}-macos.zip": zipped(mac_app("x86_64", "aarch64")),
            f"{base}-linux.deb": deb("amd64"),
            f"{base}-linux.rpm": rpm("x86_64"),
            f"{base}-linux.AppImage": elf("x86_64"),
            f"{base}-linux.zip": zipped({"nova": elf("x86_64"), "lib/libflutter.so": elf("x86_64")}),
            f"{base}-android.apk": zipped({"classes.dex": b"dex"}),
            f"{base}-web/index.html": b"page",
        },
    )
    assert sorted(read(tmp_path / "dist", shown).values()) == [
        *("linux/x86_64/archive", "linux/x86_64/archive", "linux/x86_64/installer", "linux/x86_64/installer"),
        *("macos/any/installer", "macos/universal/archive", "windows/x86_64/archive", "windows/x86_64/installer"),
    ]


@pytest.mark.parametrize(
    ("name", "file", "body"),
    [
        ("latest-mac.x64.yml", "App-1.0.0-mac.zip", zipped(mac_app("x86_64"))),
        ("latest-mac-arm64.yml", "App-1.0.0-arm64.zip", zipped(mac_app("aarch64"))),
        ("latest-arm64-mac.yml", "App-1.0.0-arm64.zip", zipped(mac_app("aarch64"))),
        ("latest-linux.arm64.yml", "App-1.0.0-arm64.AppImage", elf("aarch64")),
        ("latest-linux-arm64.yml", "App-1.0.0-arm64.AppImage", elf("aarch64")),
    ],
    ids=["mac.x64", "mac-arm64", "arm64-mac", "linux.arm64", "linux-arm64"],
)
def test_renamed_channel_file_states_its_system(tmp_path: Path, name: str, file: str, body: bytes) -> None:
    """Read channel files that a pipeline renamed to keep one for each job."""
    entry = f"url: {file}\n    sha512: {sha('sha512', body)}\n    size: {len(body)}"
    write(tmp_path, {file: body, name: f"version: 1.0.0\nfiles:\n  - {entry}\n"})
    (kind,) = read(tmp_path, "1.0.0").values()
    assert kind.startswith("linux/aarch64" if "linux" in name else "macos/")


def test_list_in_utf_16_is_refused_by_its_encoding(tmp_path: Path) -> None:
    write(tmp_path, {"App-1.0.0-full.nupkg": zipped({"App.nuspec": b""})})
    write(tmp_path, {"RELEASES": f"{'AB' * 20} App-1.0.0-full.nupkg 9".encode("utf-16")})
    with pytest.raises(ArtifactError, match="RELEASES: is not UTF-8 text"):
        read(tmp_path, "1.0.0")
