"""Built files, ready to release: what each is, its hashes and its signatures, compared with what the builder wrote."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from comet_updates.errors import ArtifactError
from comet_updates_cli import hash_files, output, release_document
from comet_updates_cli.hash_files import Sums
from comet_updates_cli.recognise import recognised
from comet_updates_cli.recognise.evidence import Evidence
from comet_updates_cli.recognise.recognised import Ask
from comet_updates_cli.release_document import Wire

_REASONS_MAX = 3  # in one error


@dataclass(frozen=True)
class Built:
    """A built file.

    Attributes:
        file: the file.
        sums: its size and hashes.
        wire: its artifact.
        how: how it was recognised.
        companions: the files to upload beside it, with their size and hashes.
    """

    file: Path
    sums: Sums
    wire: Wire
    how: str
    companions: tuple[tuple[Path, Sums], ...] = ()


@dataclass(frozen=True)
class BuiltFiles:
    """The files of a release, and a line for each file that is left out."""

    built: list[Built]
    skipped: list[str]

    def uploads(self) -> list[tuple[Path, Sums]]:
        """Return all files to upload. The files beside a file come before it, so that clients find them."""
        return [one for each in self.built for one in (*each.companions, (each.file, each.sums))]


def read(
    given: Iterable[Path],
    told: Mapping[str, Evidence],
    version: str,
    build: str | None,
    base_url: str,
    *,
    ask: Ask | None,
    quiet: bool,
) -> BuiltFiles:
    """Recognise, hash and check the files.

    Args:
        given: files, and folders with files.
        told: what `--as` says, by file name.
        version: the version to release.
        build: its build number, or None.
        base_url: the URL of the folder from which clients download the files.
        ask: asks a person about a file that is not clear; None to refuse it.
        quiet: whether to show no progress.

    Raises:
        ArtifactError: a file or feed is wrong, or a file changed after the builder wrote its feed.
        RefusedFilesError: files are not clear, or contradict each other.
    """
    files = recognised.recognise(given, told, version, build, ask)
    if not files.recognised:
        reasons = "; ".join(files.skipped[:_REASONS_MAX])
        problem = f"none of the files is one to release{f' ({reasons})' if reasons else ''}"
        raise ArtifactError("FILE", problem, "Name the built files, or use --as")
    made = []
    with output.in_bytes("Hashing", sum(_size(one.file) for one in files.recognised), quiet=quiet) as advance:
        for one in files.recognised:
            sums = hash_files.sums(one.file, advance)
            recognised.check_unchanged(one.file, sums, one.stated)
            signed = release_document.signatures(one.file, one.stated)
            wire = release_document.artifact(one.file, one.decision, sums, base_url, signed)
            companions = tuple((beside, hash_files.sums(beside)) for beside in one.companions)
            made.append(Built(one.file, sums, wire, one.decision.how, companions))
    return BuiltFiles(made, files.skipped)


def verify_signatures(built: Iterable[Built], keys: Mapping[str, str], product_key: str) -> None:
    """Verify the signatures of all files with the product's public keys.

    Raises:
        ArtifactError: a signature is not of its file, or not by the product's key.
    """
    for each in built:
        release_document.verify_signatures(each.file, each.wire.get("signatures", {}), keys, product_key)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0  # hashing the file reports it
