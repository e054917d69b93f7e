"""Velopack's own library, as an app uses it.

`driver.py '{"url", "version", "folder", "base", "download"}'` → one line of JSON.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import velopack

# Velopack's tool comes with the program that applies deltas; the library does not. This one records its arguments and
# fails.
UPDATE = """#!/bin/sh
printf '%s\\n' "$@" > "$0.told"
exit 1
"""


def main(url: str, version: str, folder: str, *, base: str, download: bool) -> dict[str, Any]:
    """Check as version `version`, installed in `folder`, and download the update.

    Args:
        url: the URL of the releases.
        version: the installed version.
        folder: its folder.
        base: the package that it was installed from, in base64; empty if it is missing, so that no delta can be used.
        download: whether to download.
    """
    root = Path(folder)
    updater, packages, current = root / "UpdateNix", root / "packages", root / "current"
    for made in (packages, current):
        made.mkdir(parents=True, exist_ok=True)
    updater.write_text(UPDATE)
    updater.chmod(0o755)
    if base:
        (packages / f"App-{version}-full.nupkg").write_bytes(base64.b64decode(base))
    manifest = current / "sq.version"
    manifest.write_text(
        f"<package><metadata><id>App</id><version>{version}</version><title>App</title><authors>Example</authors>"
        "<channel>linux</channel><mainExe>App</mainExe><os>linux</os><rid>linux-x64</rid></metadata></package>"
    )
    locator = velopack.VelopackLocatorConfig(
        RootAppDir=str(root),
        UpdateExePath=str(updater),
        PackagesDir=str(packages),
        ManifestPath=str(manifest),
        CurrentBinaryDir=str(current),
        IsPortable=True,
    )
    manager = velopack.UpdateManager(url, None, locator)
    update = manager.check_for_updates()
    if update is None:
        return {"version": None}
    said: dict[str, Any] = {
        "version": update.TargetFullRelease.Version,
        "notes": update.TargetFullRelease.NotesMarkdown,
        "deltas": [delta.FileName for delta in update.DeltasToTarget],
    }
    if download:
        manager.download_updates(update)
        told = updater.with_suffix(".told")
        said["told"] = [Path(word).name for word in told.read_text().split()] if told.exists() else []
        said["content"] = base64.b64encode((packages / update.TargetFullRelease.FileName).read_bytes()).decode()
    return said


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    try:
        result = main(asked["url"], asked["version"], asked["folder"], base=asked["base"], download=asked["download"])
    except Exception as error:  # noqa: BLE001 (whatever the library refuses with)
        result = {"error": str(error)}
    sys.stdout.write(json.dumps(result) + "\n")
