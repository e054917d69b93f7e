"""Test that `release DIST/*` offers what electron-builder's own feeds say: its code, from npm, writes folder and feeds.

`electron/build.js` calls the naming and the feed writer of app-builder-lib 26. Only the packing of an app is left out.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from testkit.memory_bucket import s3  # noqa: F401 (a bucket in memory)
from tests.cli.commands.test_release import Build, build, server
from tests.cli.conftest import shop
from tests.cli.recognise.builds import deb, elf, mac_app, pe, rpm, zipped
from tests.clients.conftest import need

__all__ = ["build", "server", "shop"]

DRIVER = Path(__file__).parent / "electron" / "build.js"
ARCHES = {"x64": "x86_64", "arm64": "aarch64", "ia32": "i686", "armv7l": "armv7", "universal": "universal"}
SYSTEMS = {"win": "windows", "mac": "macos", "linux": "linux"}
Target = tuple[str, str, str]

TARGETS: dict[str, list[Target]] = {
    "one of each": [
        *(("win", "nsis", "x64"), ("mac", "zip", "x64"), ("mac", "dmg", "x64"), ("linux", "AppImage", "x64")),
    ],
    "every architecture": [
        *(("win", "nsis", arch) for arch in ("x64", "arm64", "ia32")),
        *(("mac", kind, arch) for kind in ("zip", "dmg") for arch in ("x64", "arm64")),
        *(("linux", kind, arch) for kind in ("AppImage", "deb") for arch in ("x64", "arm64", "armv7l")),
        ("linux", "rpm", "x64"),
    ],
    "a universal Mac app and a portable program": [
        *(("mac", "zip", "universal"), ("win", "nsis", "x64"), ("win", "portable", "x64"), ("win", "zip", "x64")),
    ],
}


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    need(found is not None, "node is not on PATH: install Node.js to try electron-builder")
    need((DRIVER.parent / "node_modules/app-builder-lib").exists(), "Install app-builder-lib with: make test-clients")
    return str(found)


def body(target: Target, *, has_headers: bool) -> bytes:
    """Return the content of a file: a real header, or only the first bytes, which say nothing."""
    system, kind, arch = target
    ours = ARCHES[arch]
    macs = ("x86_64", "aarch64") if ours == "universal" else (ours,)
    if not has_headers:
        start = {"AppImage": b"\x7fELF", "deb": b"!<arch>\n", "rpm": b"\xed\xab\xee\xdb", "zip": b"PK", "dmg": b"dmg"}
        return start.get(kind, b"MZ") + repr(target).encode()
    made: dict[str, Callable[[], bytes]] = {
        "nsis": lambda: pe("i686", b"NullsoftInst"),
        "portable": lambda: pe("i686", b"NullsoftInst"),
        "zip": lambda: zipped(mac_app(*macs) if system == "mac" else {"Nova.exe": pe(ours)}),
        "dmg": lambda: b"koly",
        "AppImage": lambda: elf(ours),
        "deb": lambda: deb({"x86_64": "amd64", "aarch64": "arm64", "armv7": "armhf"}[ours]),
        "rpm": lambda: rpm(ours),
    }
    return made[kind]() + repr(target).encode()


@pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize(
    ("version", "name", "product", "provider"),
    [
        ("1.2.3", "nova", "Nova", "generic"),
        ("2.0.0-beta.1", "comet-nova", "Comet Nova", "github"),
        ("10.0.0", "desktop", "Größe Kit", "github"),
    ],
)
@pytest.mark.parametrize("has_headers", [True, False], ids=["headers", "names"])
def test_release_of_the_output_folder_equals_the_feeds(
    build: Build,
    node: str,
    targets: list[Target],
    version: str,
    name: str,
    product: str,
    provider: str,
    *,
    has_headers: bool,
) -> None:
    dist = build.folder / "dist"
    dist.mkdir()
    bodies = [
        {"os": system, "target": kind, "arch": arch, "body": base64.b64encode(content).decode()}
        for system, kind, arch in targets
        for content in [body((system, kind, arch), has_headers=has_headers)]
    ]
    job = {"out": str(dist), "version": version, "name": name, "productName": product, "provider": provider}
    ran = subprocess.run(
        [node, DRIVER], input=json.dumps(job | {"targets": bodies}), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    built: dict[str, dict[str, str]] = json.loads(ran.stdout)
    said = ["--product", "nova", "--version", version, "--base-url", "https://x.example", "--no-check-urls"]
    done = build.shop.run("release", str(dist), *said)
    assert done.exit_code == 0, done.output
    check(build, dist, version, built)


def check(build: Build, dist: Path, version: str, built: dict[str, dict[str, str]]) -> None:
    """Check each file of the release against what was built, and against every entry of every feed."""
    artifacts: dict[str, Any] = {}
    for artifact in build.shop.s3.json(f"releases/nova/stable/{version}.json")["artifacts"]:
        artifacts[artifact["sha512"]] = artifact
    assert len(artifacts) == len(built)
    computers = sorted((a["platform"], a["arch"]) for a in artifacts.values())
    wanted = [(SYSTEMS[one["os"]], ARCHES[one["arch"]]) for one in built.values()]
    alone = [one for one in built.values() if one["os"] == "mac" and one["target"] in ("dmg", "zip")]
    if {one["arch"] for one in alone} == {"x64"}:  # a name without an architecture is for all Macs, as to the client
        computers = [(system, "x86_64" if arch == "any" else arch) for system, arch in computers]
    assert computers == sorted(wanted)
    for feed in dist.glob("*.yml"):
        for entry in yaml.safe_load(feed.read_text())["files"]:
            artifact = artifacts[base64.b64decode(entry["sha512"]).hex()]
            assert artifact.get("bundle") != "portable"
            assert artifact["platform"] == {"-m": "macos", "-l": "linux"}.get(feed.stem[6:8], "windows")
