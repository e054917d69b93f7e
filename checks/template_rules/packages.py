"""The rules for the packages: what is deployed is built from this repository, with the libraries that the tests use."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from cfnlint.template import Template as Linted

from comet_updates_cli.audit import allowed

HERE = Path(__file__).parent
sys.path.append(str(HERE.parents[1]))  # cfn-lint loads the files of this folder by their paths

from checks.template_rules.expansion import SAM_HASH, Template, folder_of, load  # noqa: E402
from checks.template_rules.rule import Finding, PolicyRule  # noqa: E402

LISTED = load((HERE / "packages.yaml").read_text(encoding="utf-8"))
IN_PACKAGES = "checks/template_rules/packages.yaml after a review"
BUILD = {"BuildMethod": "makefile"}
TESTED = "requirements/dev.txt"
"""The lock file of the environment in which the tests run."""

_ENTRY = re.compile(
    r"(?P<name>[a-z0-9]+(-[a-z0-9]+)*)==(?P<version>[A-Za-z0-9.!+]+)"
    r"( +; [\w .'!=<>()]+?)?"  # a marker, such as `platform_python_implementation != 'PyPy'`
    r"(?P<hashes>( +--hash=sha256:[0-9a-f]{64})+)"
)


class PackagesAreBuiltHere(PolicyRule):
    id = "E9516"
    shortdesc = "All code is built from this repository"
    description = "The Makefile in a folder of checks/template_rules/packages.yaml builds each function and layer."

    def findings(self, expanded: Template) -> Iterator[Finding]:
        for name, folder in LISTED["folders"].items():
            made = next((n for n in expanded["Resources"] if re.fullmatch(f"{name}({SAM_HASH})?", n)), None)
            if made is None:
                yield Finding("Resources", f"{name} does not exist", f"Add it, or remove it from {IN_PACKAGES}")
                continue
            resource = expanded["Resources"][made]
            properties = resource.get("Properties", {})
            if (code := properties.get("Code", properties.get("Content"))) != folder_of(folder):
                found = code["S3Key"] if code == folder_of((code or {}).get("S3Key", "")) else code
                yield Finding(name, f"is made of {found} instead of {folder}", f"Set {folder}, or change {IN_PACKAGES}")
            if (how := resource.get("Metadata")) != BUILD:
                yield Finding(name, f"is built as {how}, so another program may change the code", f"Set {BUILD}")


class LibrariesAreLocked(PolicyRule):
    id = "E9517"
    shortdesc = "Layers hold only listed libraries, in the tested version, locked by hash"
    description = (
        "The lock file of each layer has the libraries of checks/template_rules/packages.yaml, in the version and with "
        f"the hashes of {TESTED}. It has no URL, no folder and no option."
    )

    def all(self, cfn: Linted) -> Iterator[Finding]:
        yield from lock_findings(Path(cfn.filename).resolve().parent)

    def findings(self, expanded: Template) -> Iterator[Finding]:  # noqa: ARG002 (the template has no libraries)
        yield from ()


class Pin(NamedTuple):
    """An entry of a lock file."""

    version: str
    hashes: frozenset[str]


def lock_findings(project: Path) -> Iterator[Finding]:
    """Yield each breach in the lock files of a project, which are beside its template."""
    tested, _ = _read(project / TESTED)
    for (file, libraries), layer in zip(LISTED["libraries"].items(), allowed.LAYERS.values(), strict=True):
        pins, others = _read(project / file)
        for problem, remedy in (*_form(others), *_names(pins, libraries), *_versions(pins, tested)):
            yield Finding(layer, f"{file}: {problem}", remedy)


def _read(file: Path) -> tuple[Mapping[str, Pin], list[str]]:
    """Return the entries of a lock file, and what is not an entry; nothing of a file that does not exist."""
    if not file.is_file():
        return {}, []
    lines = file.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    lines = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    found = [(_ENTRY.fullmatch(line), line) for line in lines]
    pins = {entry["name"]: Pin(entry["version"], frozenset(entry["hashes"].split())) for entry, _ in found if entry}
    names = [entry["name"] for entry, _ in found if entry]
    others = [line for entry, line in found if entry is None or names.count(entry["name"]) > 1]
    return pins, others


def _form(others: list[str]) -> Iterator[tuple[str, str]]:
    for line in others:
        yield f"{line[:100]!r} is not one name==version with SHA-256 hashes", "Make the file again with `make lock`"


def _names(pins: Mapping[str, Pin], libraries: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in sorted(pins.keys() - libraries.keys()):
        yield f"{name} is not a listed library", f"Remove it, or add it with the reason to {IN_PACKAGES}"
    for name in sorted(libraries.keys() - pins.keys()):
        yield f"{name} is missing", f"Add it, or remove it from {IN_PACKAGES}"


def _versions(pins: Mapping[str, Pin], tested: Mapping[str, Pin]) -> Iterator[tuple[str, str]]:
    remedy = "Make both files again with `make lock`"
    for name, pin in pins.items():
        version = tested[name].version if name in tested else None
        if pin.version != version:
            yield f"{name} has the version {pin.version}, but {TESTED} has {version}", remedy
        elif extra := sorted(pin.hashes - tested[name].hashes):
            yield f"{name} has hashes that {TESTED} does not have: {extra[0].removeprefix('--hash=')}", remedy
