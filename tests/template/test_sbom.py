"""Test the list of each layer's content that `make sbom` makes.

The answering function's list is short and explained.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from testkit.packages import need
from testkit.project import ROOT

CYCLONEDX = ROOT / ".venv-sbom" / "bin" / "cyclonedx-py"
ANSWER_MAX = 5
"""The largest number of packages between a request and its answer."""


def locked(layer: str) -> dict[str, set[str]]:
    """Return the hashes of each package of a layer, by its name and version."""
    text = (ROOT / "layers" / layer / "requirements.txt").read_text()
    lines = re.findall(r"^([a-z0-9-]+)==(\S+?)(?: ;[^\\]*)? \\\n((?:    --hash=.+\n?)+)", text, re.MULTILINE)
    return {f"{name}@{version}": set(re.findall("sha256:([0-9a-f]{64})", hashes)) for name, version, hashes in lines}


def listed(layer: str, folder: Path) -> bytes:
    """Return the bill of materials, made as the Makefile does."""
    need(CYCLONEDX.exists(), "cyclonedx-py")
    (command,) = re.findall(r"(\.venv-sbom/bin/cyclonedx-py .*);", (ROOT / "Makefile").read_text())
    arguments = command.replace("$$layer", layer).replace(f"sbom/{layer}.json", str(folder / "sbom.json")).split()
    subprocess.run(arguments, cwd=ROOT, check=True, capture_output=True)
    return (folder / "sbom.json").read_bytes()


@pytest.mark.full
@pytest.mark.parametrize("layer", ["answer", "publish"])
def test_list_has_each_package_with_its_hashes_and_is_always_the_same(layer: str, tmp_path: Path) -> None:
    """Make the list twice."""
    body = listed(layer, tmp_path)
    bill: dict[str, Any] = json.loads(body)
    found = {
        component["purl"].removeprefix("pkg:pypi/"): {
            said["content"] for reference in component["externalReferences"] for said in reference.get("hashes", ())
        }
        for component in bill["components"]
    }
    assert bill["bomFormat"] == "CycloneDX"
    assert found == locked(layer)
    assert all(found.values())
    assert listed(layer, tmp_path) == body


def test_answering_layer_has_few_packages_each_with_a_reason() -> None:
    packages = {package.partition("@")[0] for package in locked("answer")}
    explained = re.findall(
        r"^\| `([a-z0-9-]+)` \| .{20,} \|$", (ROOT / "docs/supply-chain.md").read_text(), re.MULTILINE
    )
    assert sorted(packages) == sorted(explained)
    assert len(packages) <= ANSWER_MAX
