"""Decides what each file is from all evidence about it. Pure.

For each field, the first source in this order that states it decides:

1. `--as`.
2. The builder's own feed, such as `latest.yml`.
3. The file's header: the architecture of the program in it.
4. The file's name.
5. What builders mean by a name without an architecture.

Two sources that contradict each other, and a name that is not clear, are a question. Nothing is guessed.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from comet_updates.formats import file_names, imported
from comet_updates_cli.recognise.evidence import Evidence, Kind

BY_NAME = "its name"


@dataclass(frozen=True)
class Decision:
    """A decision about a file.

    Attributes:
        kind: its system, architecture and kind.
        how: how it was recognised, as people read it.
        bundle: its type of package, or None.
        fields: further fields of the artifact.
        is_arch_stated: whether a source states the architecture; otherwise it follows from what builders mean.
        is_told: whether `--as` says what it is.
    """

    kind: Kind
    how: str
    bundle: str | None
    fields: dict[str, object]
    is_arch_stated: bool = True
    is_told: bool = False


class Question(NamedTuple):
    """A file that the evidence does not tell enough about.

    Attributes:
        problem: what is not known.
        suggestion: an example of the value for `--as`.
    """

    problem: str
    suggestion: Kind

    def remedy(self, name: str) -> str:
        """Return the `--as` to add, as a shell takes it."""
        said = shlex.quote(f"{name}={'/'.join(self.suggestion)}")
        return f"Add --as {said}, or what it is. Architectures are {', '.join(file_names.ARCHES)}"


def decide(name: str, told: Evidence | None, feeds: Sequence[Evidence], header: Evidence | None) -> Decision | Question:
    """Return what a file is, or the question to ask.

    Args:
        name: the file's name.
        told: what `--as` says.
        feeds: what the builder's feeds say about the file.
        header: what its content says.
    """
    named = _by_name(name)
    content = [_weighed(header, [*feeds, named])] if header else []
    sources = [told] if told else [*_united(feeds), *content, named]
    if not told and (question := _contradiction(name, sources)):
        return question
    platform, by_platform = _first(sources, "platform")
    stated, by_arch = _first(sources, "arch")
    kind, by_kind = _first(sources, "kind")
    kind = kind or "archive"
    if not platform:
        problem = "its name does not contain the operating system"
        return Question(problem, Kind("linux", stated or "x86_64", kind))
    doubt = next((one.doubt for one in (named, *content) if one.doubt), "")
    arch = stated or (None if doubt else _assumed(name, platform))
    if not arch:
        problem = f"{doubt!r} is not an architecture, or means several" if doubt else "nothing shows its architecture"
        return Question(problem, Kind(platform, _likely(doubt, platform), kind))
    fields = {field: value for one in reversed(sources) for field, value in one.fields.items() if field != "build"}
    if kind == "delta" and not fields.setdefault("from_version", _from_version(name)):
        return Question("the version that this delta updates is not known", Kind(platform, arch, "delta/1.0.0"))
    if kind != "delta":
        fields.pop("from_version", None)
    how = _how(by_platform, by_arch, by_kind, "" if stated else arch)
    return Decision(Kind(platform, arch, kind), how, _bundle(name, kind, sources), fields, bool(stated), bool(told))


def _likely(doubt: str, platform: str) -> str:
    """Return an architecture for the example in a question."""
    if not doubt.startswith("arm"):
        return "x86_64"
    return "armv7" if platform == "linux" and not doubt.startswith("arm64") else "aarch64"


def _weighed(header: Evidence, others: Sequence[Evidence]) -> Evidence:
    """Return what a header says. The program of an installer may be 32-bit, so other sources about it come first."""
    is_weak = (header.platform, header.arch) == ("windows", "i686") and any(one.arch for one in others)
    return replace(header, arch=None) if is_weak else header


def _assumed(name: str, platform: str) -> str | None:
    """Return the architecture that builders mean by a name without one, or None if they always write it."""
    if platform == "macos":
        return "any"
    return "x86_64" if name.lower().endswith(file_names.ASSUMED_X86_64) else None


def _from_version(name: str) -> str | None:
    """Return which version a delta updates. Those of Squirrel and Velopack update the version before."""
    return imported.RELEASE_BEFORE if name.lower().endswith(file_names.PACKAGE) else None


def with_siblings(decisions: dict[str, Decision], named_installers: set[str]) -> dict[str, Decision]:
    """Return the decisions again, with what only the other files show.

    - A delta without an architecture is for the computers of the full file.
    - A Mac file without an architecture beside one for Apple silicon is for Intel Macs. Source: electron-updater
      `MacUpdater.ts`, and electron-builder `getArchSuffix`, which writes none for x64.
    - A Windows installer without an architecture beside those for x64 and others is for all of them. Source:
      electron-builder `NsisTarget.ts` (`shouldBuildUniversalInstaller`).
    - A Windows program that no feed names, beside an installer for the same computers that `latest.yml` names, is a
      portable program.

    Args:
        decisions: the decisions by file name.
        named_installers: the files that electron-builder's feeds name as installers.
    """
    return {name: _with_siblings(name, one, decisions, named_installers) for name, one in decisions.items()}


def _with_siblings(name: str, one: Decision, decisions: dict[str, Decision], installers: set[str]) -> Decision:
    if one.kind.kind == "delta" and not one.is_arch_stated:
        return _with_arch_of_full(name, one, decisions)
    ending = file_names.ending(name)
    others = {
        other.kind.arch
        for its_name, other in decisions.items()
        if its_name != name
        and (other.kind.platform, other.kind.kind) == (one.kind.platform, one.kind.kind)
        and _package(its_name) == _package(name)
    }
    if one.kind.platform == "macos" and not one.is_arch_stated and "aarch64" in others:
        others_say = f"{one.how}, beside a file for Apple silicon"
        return replace(one, kind=one.kind._replace(arch="x86_64"), how=others_say)
    if ending is None or not ending.text.endswith(".exe"):
        return one
    if not one.is_arch_stated and name in installers and "x86_64" in others and len(others) > 1:
        return replace(one, kind=one.kind._replace(arch="any"), how=f"{one.how}, beside one for each architecture")
    if _is_unnamed(name, one, installers) and _is_covered(one, decisions, installers):
        how = "latest.yml names another file as the installer"
        return replace(one, kind=one.kind._replace(kind="archive"), how=how, bundle=file_names.PORTABLE)
    return one


def unnamed_installers(decisions: dict[str, Decision], named_installers: set[str]) -> list[str]:
    """Return the Windows programs for computers that no installer in `latest.yml` is for.

    Each is the installer of another job, whose `latest.yml` was replaced, or a portable program.
    """
    return [
        name
        for name, one in decisions.items()
        if _is_unnamed(name, one, named_installers) and not _is_covered(one, decisions, named_installers)
    ]


def _is_unnamed(name: str, one: Decision, installers: set[str]) -> bool:
    ending = file_names.ending(name)
    is_program = ending is not None and ending.text.endswith(".exe")
    return bool(installers) and is_program and name not in installers and not _is_settled(one)


def _is_settled(one: Decision) -> bool:
    return one.is_told or one.kind.kind != "installer"


def _is_covered(one: Decision, decisions: dict[str, Decision], installers: set[str]) -> bool:
    return bool({one.kind.arch, "any"} & {decisions[name].kind.arch for name in installers if name in decisions})


def _with_arch_of_full(name: str, one: Decision, decisions: dict[str, Decision]) -> Decision:
    """Return a delta with the architecture of the full file that it belongs to, if there is only one."""
    is_package = name.lower().endswith(file_names.PACKAGE)
    arches = {
        full.kind.arch
        for its_name, full in decisions.items()
        if (full.kind.platform, full.kind.kind) == (one.kind.platform, "archive")
        and its_name.lower().endswith(file_names.PACKAGE) == is_package
    }
    return replace(one, kind=one.kind._replace(arch=arches.pop())) if len(arches) == 1 else one


def slot(name: str, one: Decision) -> tuple[object, ...]:
    """Return the place that a file takes in a release. Two files in one place would be offered to the same users."""
    arch = "universal" if one.kind.arch == "any" else one.kind.arch
    return one.kind.platform, arch, one.kind.kind, one.bundle or _package(name), one.fields.get("from_version")


def _package(name: str) -> str:
    ending = file_names.ending(name)
    if ending is None:
        return ""
    return ".exe" if ending.text.endswith(".exe") else ending.text.replace("-delta", "")


def _by_name(name: str) -> Evidence:
    ending, found = file_names.ending(name), file_names.arch(name)
    bundle = file_names.PORTABLE if file_names.is_portable(name) else ending.bundle if ending else None
    return Evidence(BY_NAME, file_names.platform(name), found.arch, file_names.kind(name), bundle, doubt=found.doubt)


def _united(feeds: Sequence[Evidence]) -> list[Evidence]:
    """Return one evidence for each feed. A file with several entries in a feed is for all of their computers."""
    by_source: dict[str, list[Evidence]] = {}
    for one in feeds:
        by_source.setdefault(one.source, []).append(one)
    united = []
    for several in by_source.values():
        arches = {one.arch for one in several if one.arch}
        first = several[0]
        if len(arches) > 1:
            first = replace(first, arch="universal" if first.platform == "macos" else "any")
        united.append(first)
    return united


def _contradiction(name: str, sources: Sequence[Evidence]) -> Question | None:
    for field in ("platform", "arch"):
        said = [(one.source, value) for one in sources if (value := getattr(one, field)) and value != "any"]
        for source, value in said[1:]:
            if value != said[0][1] and not (field == "arch" and _is_part(value, said[0][1])):
                problem = f"{said[0][0]} says {said[0][1]}, but {source} says {value}"
                by_content_first = [*sources[1:], sources[0]]  # the content of a file is surer than a feed beside it
                platform = _first(by_content_first, "platform")[0] or "linux"
                arch = _first(by_content_first, "arch")[0] or "x86_64"
                return Question(problem, Kind(platform, arch, file_names.kind(name)))
    return None


def _is_part(one: str, other: str) -> bool:
    """Return whether two architectures of a Mac file agree: a name may say less than the file."""
    return "universal" in (one, other) and {one, other} <= {"universal", "x86_64", "aarch64"}


def _first(sources: Sequence[Evidence], field: str) -> tuple[str | None, str]:
    for one in sources:
        if value := getattr(one, field):
            return value, one.source
    return None, ""


def _how(by_platform: str, by_arch: str, by_kind: str, assumed: str) -> str:
    sources = dict.fromkeys(source for source in (by_platform, by_arch, by_kind) if source)
    if len(sources) > 1 and BY_NAME in sources and by_platform != BY_NAME and by_arch not in (BY_NAME, ""):
        del sources[BY_NAME]
    text = " and ".join(sources)
    if assumed == "any":
        return f"{text}, for all Macs"
    return f"{text}, which has no architecture" if assumed else text


def _bundle(name: str, kind: str, sources: Sequence[Evidence]) -> str | None:
    if name.lower().endswith(".exe") and kind == "archive":
        return file_names.PORTABLE
    named = next((one.bundle for one in sources if one.bundle), None)
    ending = file_names.ending(name)
    return named or (ending.bundle if ending else None)
