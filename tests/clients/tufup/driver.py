"""tufup as an app uses it, with the class that docs/clients/tuf.md shows. Prints its result as JSON.

Run by the Python of `.venv-tufup`, with one argument: the task, in JSON.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from tuf.ngclient import UpdaterConfig

from client import ProductClient  # type: ignore[attr-defined]  # what the page shows, written beside this by the test

wish = json.loads(sys.argv[1])
folder = Path(wish["folder"])
for name in ("metadata", "targets", "extracted", "installed"):
    (folder / name).mkdir(parents=True, exist_ok=True)
if not (folder / "metadata" / "root.json").exists():
    shutil.copy(wish["root"], folder / "metadata" / "root.json")  # an app ships with it
said: dict[str, Any] = {"found": None, "installed": None, "error": None}


def install(src_dir: Path, dst_dir: Path, **_: object) -> None:
    """Report the unpacked files. tufup calls this function at the end, with these names of arguments."""
    said["installed"] = {file.name: file.read_text() for file in Path(src_dir).iterdir()}


client = ProductClient(
    app_name=wish["product"],
    channel="stable",
    app_install_dir=folder / "installed",
    current_version=wish["version"],
    metadata_dir=folder / "metadata",
    metadata_base_url=f"{wish['service']}/tuf/metadata/",
    target_dir=folder / "targets",
    target_base_url=wish["files"],
    extract_dir=folder / "extracted",
    config=UpdaterConfig(prefix_targets_with_hash=False),
)
try:
    found = client.check_for_updates()
    said["found"] = str(found.version) if found else None
    client.download_and_apply_update(skip_confirmation=True, install=install)
except Exception as error:  # noqa: BLE001 (whatever it raises is what the test asks for)
    said["error"] = type(error).__name__
sys.stdout.write(json.dumps(said) + "\n")
