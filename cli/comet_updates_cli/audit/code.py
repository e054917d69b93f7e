"""Audits the code: compares the packages of the functions and layers that run with those of a build, file by file."""

from __future__ import annotations

import base64
import hashlib
import io
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from comet_updates.errors import FetchError
from comet_updates_cli import files as person_files
from comet_updates_cli.audit.allowed import HANDLERS, LAYERS, LIVE
from comet_updates_cli.audit.stack import Difference, Differences, NotComparedError, Read, Stack
from comet_updates_cli.fetch import fetch

PACKAGE_MAX_BYTES = 262_144_000
"""Lambda's limit for the unpacked files of a function with its layers. No package is larger."""
DOWNLOAD_LONGEST_S = 300.0
FILES_SHOWN = 50
"""The number of files to name for each package. A package of other code differs in thousands."""

_ANSWERING = "AnswerFunction"
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError)
"""The errors of `zipfile` for damaged or encrypted entries, and for unknown compressions."""


def answering(stack: Stack, read: Read) -> Differences:
    """Compare each version of the answering function that gets requests, and its layer."""
    _need_build(stack)
    alias = read("lambda", "GetAlias", FunctionName=stack.of(_ANSWERING), Name=LIVE)
    versions = [alias["FunctionVersion"]] if "FunctionVersion" in alias else []
    versions += sorted((alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or ())
    if not versions:
        yield Difference(_ANSWERING, "has no version that answers")
    for version in versions:
        yield from _function(stack, read, _ANSWERING, Qualifier=version)


def publishing(stack: Stack, read: Read) -> Differences:
    """Compare the publishing function, which runs without versions, and its layer."""
    return _function(stack, read, "PublishFunction")


def differences(built: Path, package: bytes) -> Iterator[str]:
    """Yield how the files of a `package` differ from those of the folder `built`, in the order of their names."""
    files = {path.relative_to(built).as_posix(): path for path in built.rglob("*") if path.is_file()}
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            yield from _compared(files, archive)
    except _UNREADABLE as error:
        yield f"cannot be read as a zip file ({type(error).__name__})"


def missing_packages(build: Path) -> list[str]:
    """Return the names of the packages that `build` lacks. A build of `sam build` has a folder for each."""
    return [name for name in (*HANDLERS, *LAYERS.values()) if not (build / name).is_dir()]


def _need_build(stack: Stack) -> Path:
    if stack.build is None:
        raise NotComparedError(
            "",
            "was not compared, because no build was given",
            "build the deployed commit with `make build`, and add `--build .aws-sam/build`",
        )
    return stack.build


def _function(stack: Stack, read: Read, name: str, **qualifier: str) -> Differences:
    build = _need_build(stack)
    found = read("lambda", "GetFunction", FunctionName=stack.of(name), **qualifier)
    configuration = found.get("Configuration", {})
    version = f"version {configuration.get('Version')}"
    package = _package(name, found.get("Code", {}).get("Location"), configuration.get("CodeSha256"))
    yield from (Difference(name, f"{version} {says}") for says in _shown(differences(build / name, package)))
    for layer in configuration.get("Layers", ()):  # `functions` checks that it is one, and of this stack
        yield from _layer(build, read, LAYERS[name], layer["Arn"])


def _layer(build: Path, read: Read, name: str, arn: str) -> Differences:
    layer, _, version = arn.rpartition(":")
    content = read("lambda", "GetLayerVersion", LayerName=layer, VersionNumber=int(version)).get("Content", {})
    package = _package(name, content.get("Location"), content.get("CodeSha256"))
    yield from (Difference(name, f"version {version} {says}") for says in _shown(differences(build / name, package)))


def _package(name: str, location: str | None, sha256: str | None) -> bytes:
    """Return the package at `location`: the one whose hash Lambda gives as `CodeSha256`.

    Raises:
        NotComparedError: it cannot be downloaded, or is another one.
    """
    again = "try again; a URL of Lambda is valid for ten minutes"
    if not location:
        raise NotComparedError(name, "has no package to download", "deploy the template again")
    try:
        package = fetch(location, PACKAGE_MAX_BYTES, DOWNLOAD_LONGEST_S).body
    except FetchError as error:  # its text has the URL, which is as good as a password while it is valid
        raise NotComparedError(name, f"cannot be downloaded: {error.reason}", again) from error
    if base64.b64encode(hashlib.sha256(package).digest()).decode() != sha256:
        raise NotComparedError(name, "was downloaded, but its hash is not the CodeSha256 of the code that runs", again)
    return package


def _shown(differences: Iterator[str]) -> Iterator[str]:
    yield from islice(differences, FILES_SHOWN)
    if more := sum(1 for _ in differences):
        yield f"differs from the build in {more} more files"


def _compared(files: Mapping[str, Path], archive: zipfile.ZipFile) -> Iterator[str]:
    entries: dict[str, list[zipfile.ZipInfo]] = {}
    for entry in archive.infolist():
        if not entry.is_dir():
            entries.setdefault(entry.filename, []).append(entry)
    for name in sorted(files.keys() | entries.keys()):
        if name not in entries:
            yield f"lacks {name}"
        elif name not in files:
            yield f"has {name}, which is not in the build"
        elif len(entries[name]) > 1:  # programs do not agree which of them counts
            yield f"has {name} more than once"
        elif not _same(person_files.read(files[name], PACKAGE_MAX_BYTES), archive, entries[name][0]):
            yield f"differs from the build in {name}"


def _same(content: bytes, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bool:
    # The size first: a small package may hold a huge file.
    if stat.S_ISLNK(entry.external_attr >> 16) or entry.file_size != len(content):
        return False
    try:
        return archive.read(entry) == content
    except _UNREADABLE:
        return False
