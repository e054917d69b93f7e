"""Print the folder of a working Python of one version, as `sam build` needs it on PATH: `find_python.py 3.13`.

Searches PATH, then the folders of pyenv and uv. A pyenv shim on PATH counts only if it starts.
If there is none, it prints a message and exits with 1.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


def candidates(version: str) -> Iterator[Path]:
    """Yield the paths where an interpreter of `version` (such as `3.13`) may be."""
    if on_path := shutil.which(f"python{version}"):
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    uv = Path.home() / ".local/share/uv/python"
    for root, pattern in ((pyenv, f"{version}*"), (uv, f"cpython-{version}*")):
        yield from sorted(root.glob(f"{pattern}/bin/python{version}"), reverse=True)


def find(version: str) -> Path | None:
    """Return the folder of the first interpreter of `version` that starts, or `None`."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    for python in candidates(version):
        run = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
        if run.stdout.strip() == version:
            return python.parent
    return None


if __name__ == "__main__":
    folder = find(sys.argv[1])
    if folder is None:
        sys.exit(f"no working python{sys.argv[1]} on PATH, in pyenv or in uv: `pyenv install {sys.argv[1]}` gets one")
    print(folder)
