"""Recognises the files of a release: sorts them, collects the evidence about each, and lets `decide` decide.

A feed or checksum file among the files says something about the others. A file that a feed lists for another version is
left out, as Sparkle's and Velopack's output folders keep the files of earlier versions.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from comet_updates.errors import ArtifactError, RefusedFilesError, UnreadableFileError
from comet_updates.formats import file_names
from comet_updates_cli import files, hash_files
from comet_updates_cli.hash_files import Sums
from comet_updates_cli.recognise import builder_feeds, checksum_files, decide, headers, skipped
from comet_updates_cli.recognise.collect import collect
from comet_updates_cli.recognise.decide import Decision, Question
from comet_updates_cli.recognise.evidence import Evidence, Kind

Ask = Callable[[str, Question], Evidence | None]
"""Asks a person what a file is. Returns the answer, or None to leave the file out."""

_PROBLEMS_MAX = 20
_ONE_VERSION = re.compile(r"\.ya?ml$|^latest\.json$|^tauri\.json$", re.IGNORECASE)
"""Feeds with one version each. One of another version was written for other files."""


@dataclass(frozen=True)
class Recognised:
    """A file to release.

    Attributes:
        file: the file.
        decision: what it is.
        stated: what feeds and checksum files say about its bytes and its signatures.
        companions: the files that updaters read beside it.
    """

    file: Path
    decision: Decision
    stated: tuple[Evidence, ...] = ()
    companions: tuple[Path, ...] = ()


@dataclass
class Files:
    """The files of a release.

    Attributes:
        recognised: the files to release.
        skipped: a line for each file that is left out, and why.
    """

    recognised: list[Recognised] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def recognise(
    given: Iterable[Path],
    told: Mapping[str, Evidence],
    version: str,
    build: str | None,
    ask: Ask | None = None,
) -> Files:
    """Return what each of the files is.

    Args:
        given: files, and folders with files.
        told: what `--as` says, by file name.
        version: the version to release.
        build: its build number, or None.
        ask: asks a person about a file that is not clear; None to refuse it.

    Raises:
        ArtifactError: a feed is not valid, or is for another version.
        RefusedFilesError: a file is broken or not clear, two files take one place, or a name has another version.
    """
    collected = collect(given)
    found = Files(skipped=list(collected.skipped))
    candidates, notes = _sort(collected.files, told, found)
    _check_names(candidates)
    evidence = _Evidence(candidates, notes, version, build)
    found.skipped += evidence.skipped
    decisions: dict[str, Decision] = {}
    problems: list[ArtifactError] = []
    for file in candidates:
        name = file.name
        if name in evidence.of_another and name not in told:
            found.skipped.append(f"{name}: {evidence.of_another[name]}")
            continue
        problems += _broken(file)
        decided = _decide(file, told.get(name), evidence.feeds.get(name, []), ask)
        if decided is None:
            found.skipped.append(f"{name}: left out")
        elif isinstance(decided, Question):
            problems.append(ArtifactError(name, decided.problem, decided.remedy(name)))
        else:
            decisions[name] = decided
            if not decided.is_told and name not in evidence.feeds:
                problems += _other_version(name, decided, version)
    decisions = decide.with_siblings(decisions, evidence.installers)
    problems += _shared_places(decisions) + _unnamed_installers(decisions, evidence.installers)
    if problems:
        raise RefusedFilesError(problems[:_PROBLEMS_MAX])
    for file in candidates:
        if decision := decisions.get(file.name):
            stated = tuple(evidence.feeds.get(file.name, [])) + tuple(evidence.checksums.get(file.name, []))
            found.recognised.append(Recognised(file, decision, stated, _companions(file)))
    return found


def _broken(file: Path) -> list[ArtifactError]:
    """Return a problem if a file is empty, or does not begin as its ending requires."""
    try:
        hash_files.check_head(file)
    except ArtifactError as error:
        return [error]
    return []


def _decide(
    file: Path, told: Evidence | None, feeds: Sequence[Evidence], ask: Ask | None
) -> Decision | Question | None:
    """Return what a file is, the question that nobody answered, or None if the person leaves the file out."""
    decided = decide.decide(file.name, told, feeds, _header(file))
    if isinstance(decided, Question) and ask:
        answer = ask(file.name, decided)
        return decide.decide(file.name, answer, feeds, None) if answer else None
    return decided


def _other_version(name: str, decided: Decision, version: str) -> list[ArtifactError]:
    """Return a problem if a file is named after another version."""
    other = file_names.other_version(name, version)
    said = shlex.quote(f"{name}={'/'.join(decided.kind)}")
    remedy = f"Leave it out, or add --as {said} if it belongs to this release"
    return [ArtifactError(name, f"is named after version {other}, not {version}", remedy)] if other else []


def check_unchanged(file: Path, sums: Sums, stated: Iterable[Evidence]) -> None:
    """Check that a file is the one that the builder saw.

    Raises:
        ArtifactError: its size or hash differs from a feed or checksum file.
    """
    for one in stated:
        wrong = None
        if one.size_bytes is not None and one.size_bytes != sums.size_bytes:
            wrong = f"{one.source} says {one.size_bytes} bytes, and the file has {sums.size_bytes}"
        for name, digest in one.hashes.items():
            ours = getattr(sums, name, None)
            if ours is not None and ours != digest:
                wrong = wrong or f"its {name} differs from {one.source}"
        if wrong:
            raise ArtifactError(
                str(file),
                f"changed after {_writer(one.source)} hashed it: {wrong}",
                "Sign it during the build, or build it again",
            )


_WRITERS = (
    (r"\.ya?ml$", "electron-builder"),
    (r"^(?:latest|tauri)\.json$", "Tauri's builder"),
    (r"^(?:releases|assets)\..*\.json$", "Velopack"),
    (r"^RELEASES", "Squirrel"),
    (r"\.xml$", "generate_appcast"),
)


def _writer(source: str) -> str:
    return next((writer for pattern, writer in _WRITERS if re.search(pattern, source)), f"the writer of {source}")


def _sort(
    files: Sequence[Path], told: Mapping[str, Evidence], found: Files
) -> tuple[list[Path], list[tuple[str, Evidence]]]:
    """Return the files that may be released, and what the feeds and checksum files among the files say."""
    candidates: list[Path] = []
    notes: list[tuple[str, Evidence]] = []
    names = {file.name for file in files}
    for file in files:
        name = file.name
        if name in told:
            candidates.append(file)
        elif builder_feeds.is_feed(name) and skipped.reason(name) != "a note of electron-builder":
            read = builder_feeds.read(file)
            notes += read or []
            why = "a feed of the builder, compared with the files" if read else skipped.reason(name)
            found.skipped.append(f"{name}: {why or 'not a file to install'}")
        elif checksum_files.is_checksum_file(name):
            notes += checksum_files.read(file)
            found.skipped.append(f"{name}: checksums, compared with the files")
        elif name.lower().endswith((*skipped.COMPANIONS, *skipped.SIGNATURES)):
            is_beside = name.rpartition(".")[0] in names
            found.skipped.append(
                f"{name}: {'belongs to the file beside it' if is_beside else 'its file is not among these files'}"
            )
        elif why := skipped.reason(name):
            found.skipped.append(f"{name}: {why}")
        else:
            candidates.append(file)
    return candidates, notes


def _check_names(files: Sequence[Path]) -> None:
    """Check that each file has its own name, which can be a part of a URL.

    Raises:
        ArtifactError: a name is not text in UTF-8, or two files have the same name.
    """
    seen: dict[str, Path] = {}
    for file in files:
        try:
            file.name.encode()
        except UnicodeEncodeError as error:
            raise ArtifactError(str(file), "its name is not UTF-8 text", "Rename it") from error
        if (other := seen.setdefault(file.name, file)) != file:
            raise ArtifactError(str(file), f"has the same name as {other}", "Rename one of them, or leave it out")


class _Evidence:
    """The evidence in feeds and checksum files, by the name of the file."""

    def __init__(
        self, files: Sequence[Path], notes: Sequence[tuple[str, Evidence]], version: str, build: str | None
    ) -> None:
        self.feeds: dict[str, list[Evidence]] = {}
        self.checksums: dict[str, list[Evidence]] = {}
        self.of_another: dict[str, str] = {}
        self.installers: set[str] = set()
        self.skipped: list[str] = []
        by_key = {_key(file.name): file.name for file in reversed(files)}
        exact = {file.name for file in files}
        missing: list[tuple[str, Evidence]] = []
        for named, one in notes:
            name = named if named in exact else by_key.get(_key(named))
            is_ours = _is_of(one, version, build)
            if not is_ours and _ONE_VERSION.search(one.source):
                raise ArtifactError(
                    one.source,
                    f"is for version {one.version}, and this release is {version}",
                    "Correct --version, or leave out the files of the other version",
                )
            if name is None:
                missing += [(named, one)] if is_ours and _is_feed(one) else []
            elif not is_ours:
                self.of_another.setdefault(name, f"{one.source} lists it for version {one.version}")
            else:
                self._add(name, one)
        for name in self.feeds:
            self.of_another.pop(name, None)
        for named, one in missing:
            self._match_by_hash(named, one, files)

    def _add(self, name: str, one: Evidence) -> None:
        (self.feeds if _is_feed(one) else self.checksums).setdefault(name, []).append(one)
        if one.kind == "installer" and one.platform == "windows":
            self.installers.add(name)

    def _match_by_hash(self, named: str, one: Evidence, files: Sequence[Path]) -> None:
        """Find a file that a feed names differently. electron-builder names files for GitHub after the package."""
        for file in files:
            if (
                file.name not in self.feeds
                and file.suffix.lower() == Path(named).suffix.lower()
                and _has_hash(file, one)
            ):
                self._add(file.name, one)
                return
        self.skipped.append(f"{named}: not here, although {one.source} names it")


def _is_feed(one: Evidence) -> bool:
    return bool(one.version or one.platform or one.kind)


def _has_hash(file: Path, one: Evidence) -> bool:
    if not one.hashes or (one.size_bytes is not None and one.size_bytes != file.stat().st_size):
        return False
    name, digest = max(one.hashes.items())  # sha512 rather than sha256 rather than sha1
    with files.opened(file) as opened:
        return hashlib.file_digest(opened, name).hexdigest() == digest


def _key(name: str) -> str:
    """Return what all spellings of a file's name share: electron-builder and GitHub replace spaces in names."""
    return re.sub(r"[\s._-]+", "-", unicodedata.normalize("NFC", name)).lower()


def _is_of(one: Evidence, version: str, build: str | None) -> bool:
    """Return whether evidence is about a version. Two builds may show the same version, so the build comes first."""
    its_build = one.fields.get("build")
    if build and its_build:
        return its_build == build
    its_versions = [str(said) for said in (one.version, its_build) if said]
    return not its_versions or any(_comparable(said) == _comparable(version) for said in its_versions)


def _comparable(version: str) -> tuple[str, str]:
    """Return a version without what builders add or leave out: a `v`, zeros at its end, dots in a pre-release."""
    core, _, pre = version.removeprefix("v").partition("+")[0].partition("-")
    return re.sub(r"(?:\.0)+$", "", core), re.sub(r"[^0-9a-z]", "", pre.lower())


def _header(file: Path) -> Evidence | None:
    try:
        return headers.read(file)
    except UnreadableFileError:
        return None  # hashing the file reports it


def _companions(file: Path) -> tuple[Path, ...]:
    beside = (file.with_name(file.name + ending) for ending in skipped.COMPANIONS)
    return tuple(one for one in beside if one.is_file())


def _shared_places(decisions: Mapping[str, Decision]) -> list[ArtifactError]:
    """Return a problem for each file that takes the place of an earlier one."""
    taken: dict[tuple[object, ...], str] = {}
    problems = []
    for name, decision in decisions.items():
        other = taken.setdefault(decide.slot(name, decision), name)
        if other != name:
            place = "/".join(decision.kind)
            problems.append(
                ArtifactError(name, f"{other} and this file both claim {place}", _to_choose(name, decision))
            )
    return problems


def _unnamed_installers(decisions: dict[str, Decision], installers: set[str]) -> list[ArtifactError]:
    """Return a problem for each program that may be an installer whose `latest.yml` another job replaced."""
    problems = []
    for name in decide.unnamed_installers(decisions, installers):
        is_installer = shlex.quote(f"{name}={'/'.join(decisions[name].kind)}")
        problems.append(
            ArtifactError(
                name,
                "latest.yml names an installer only for other computers. Perhaps another job replaced latest.yml",
                f"Add --as {is_installer}. If this one is a portable program, write archive in place of installer",
            )
        )
    return problems


def _to_choose(name: str, decision: Decision) -> str:
    platform, arch, kind = decision.kind
    if name.lower().endswith(".exe") and kind == "installer":
        said = shlex.quote(f"{name}={platform}/{arch}/archive")
        return f"Leave one of them out. If this one is a portable program, add --as {said}"
    said = shlex.quote(f"{name}={platform}/ARCHITECTURE/{kind}")
    return f"Leave one of them out. If this one is for other computers, add --as {said}"


def as_told(kind: Kind, from_version: str | None, source: str) -> Evidence:
    """Return what a person says about a file, by `--as` or at the terminal."""
    fields: dict[str, object] = {"from_version": from_version} if from_version else {}
    return replace(Evidence(source), platform=kind.platform, arch=kind.arch, kind=kind.kind, fields=fields)
