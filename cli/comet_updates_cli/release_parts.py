"""A release that several jobs build: each job uploads its part, and the job that finds all parts joins them.

A part is a document in `parts/`, which nothing publishes. See docs/decisions/0007-parts-of-a-release.md.
"""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.errors import DecisionError
from comet_updates.publish.bucket import Bucket, retry_conflicts
from comet_updates.publish.uploads import parse

Wire = dict[str, Any]
_OWN = ("artifacts", "released_at")
"""The fields of a release in which parts may differ."""


class Part(NamedTuple):
    """The files that one job adds to a release, and the options on which all jobs must agree.

    Attributes:
        name: its name, such as `windows`.
        of: the names of all parts of the release; empty if the job does not know them.
        percent: the percentage of users that the release reaches first; `None` for all.
        release: the release with the files of this job.
    """

    name: str
    of: tuple[str, ...]
    percent: int | None
    release: Wire

    def as_wire(self) -> Wire:
        """Return the part as the document for the bucket."""
        wire = {"schema": 1, "part": self.name, "of": list(self.of), "percent": self.percent, "release": self.release}
        return {name: value for name, value in wire.items() if value not in ([], None)}

    def agreed(self) -> Wire:
        """Return what all parts of a release must have in common."""
        common = {name: value for name, value in self.release.items() if name not in _OWN}
        return common | {"percent": self.percent}

    @property
    def artifacts(self) -> list[Wire]:
        """The files of the part."""
        return list(self.release["artifacts"])


class Parts:
    """The parts of one version in the bucket. All methods raise `StoreUnavailableError` if S3 fails.

    Args:
        bucket: the bucket of the service.
        product: the product.
        channel: the channel.
        version: the version.
        names: the names of all parts; empty if they are not known.
    """

    def __init__(self, bucket: Bucket, product: str, channel: str, version: str, names: tuple[str, ...]) -> None:
        self._bucket = bucket
        self._of = (product, channel, version)
        self._names = names
        self._folder = self.key("").removesuffix(".json")

    def key(self, name: str) -> str:
        """Return the key of a part."""
        return object_keys.part_key(*self._of, name)

    def uploaded(self) -> Wire | None:
        """Return the release in the bucket, or None if it is not uploaded yet.

        Raises:
            DecisionError: it is not a JSON object.
        """
        key = object_keys.release_key(*self._of)
        found = self._bucket.current(key)
        return _wire(key, found.body) if found else None

    def check_contained(self, part: Part, uploaded: Wire) -> None:
        """Check that the uploaded release contains a part.

        Raises:
            DecisionError: it does not, and it can never change.
        """
        key = object_keys.release_key(*self._of)
        files = uploaded.get("artifacts", [])
        if missing := [file["url"] for file in part.artifacts if file not in files]:
            raise DecisionError(
                f"{key}: was uploaded without {missing[0]}, and a release never changes. "
                "Release the next version with --part and --parts in every job."
            )
        if differing := _differing(Part("", (), None, part.release), Part("", (), None, uploaded)):
            raise DecisionError(
                f"{key}: was uploaded with different {', '.join(differing)}, and a release never changes. "
                "Run this job with the same options and notes."
            )

    def preview(self, part: Part, *, replaces: bool) -> Wire:
        """Return the release with `part` and the parts that are in the bucket.

        Raises:
            DecisionError: the part contradicts another part; or a different part has its name, unless it `replaces` it.
        """
        parts = self._load(part if replaces else None)
        if part.name in parts:
            self._check_same(part, parts[part.name])
        return _join(self._ordered(parts | {part.name: part}))

    def save(self, part: Part, *, replaces: bool) -> bool:
        """Upload a part. Return False if it is in the bucket already.

        Raises:
            DecisionError: a different part has its name, which stays. With `replaces`, it is replaced.
        """
        key = self.key(part.name)

        def attempt() -> bool:
            found = self._bucket.current(key)
            if found and not replaces:
                self._check_same(part, _part(key, found.body))
                return False
            body = parse.as_json(part.as_wire())
            self._bucket.put(key, body, urls.CONTENT_TYPES[".json"], replaces=found.etag if found else None)
            return True

        return retry_conflicts(attempt)

    def join(self, newest: Part | None = None) -> tuple[list[str], Part | None]:
        """Return the names of the missing parts, and the release of all parts if none is missing.

        The release is the same for every job that joins the same parts.

        Args:
            newest: a part to use in place of what the bucket has. Parts with other options wait to be replaced, too.

        Raises:
            DecisionError: the parts contradict each other, or the bucket has a part that is not among `names`.
        """
        parts = self._load(newest)
        if newest:
            parts[newest.name] = newest
        ordered = self._ordered(parts)
        missing = [name for name in self._names if name not in parts]
        return missing, None if missing else Part("", self._names, ordered[0].percent, _join(ordered))

    def _load(self, newest: Part | None) -> dict[str, Part]:
        """Return the parts in the bucket by name, without those that are replaced because of `newest`."""
        found = {}
        for key in sorted(self._bucket.etags(self._folder).keys() - {self.key(newest.name) if newest else ""}):
            if current := self._bucket.current(key):
                part = _part(key, current.body)
                if newest is None or not _differing(part, newest):
                    found[part.name] = part
        return found

    def _ordered(self, parts: dict[str, Part]) -> list[Part]:
        """Return the parts in the order of their names, so that each job makes the same release of them."""
        ordered = [parts[name] for name in sorted(parts)]
        for part in ordered[1:]:
            if differing := _differing(part, ordered[0]):
                raise DecisionError(
                    f"{self._folder}: the parts {ordered[0].name} and {part.name} differ in {', '.join(differing)}. "
                    "Use the same options and notes in every job. To replace a part, add --replace-part."
                )
        if self._names and (others := sorted(parts.keys() - {*self._names})):
            raise DecisionError(
                f"{self.key(others[0])}: is a part that --parts does not name. Add {others[0]} to --parts in every job."
            )
        _check_places(ordered)
        return ordered

    def _check_same(self, part: Part, existing: Part) -> None:
        if _same(part, existing):
            return
        key = self.key(part.name)
        differing = _differing(part, existing) or ["files"]
        raise DecisionError(
            f"{key}: already exists with different {', '.join(differing)}. To replace it, add --replace-part."
        )


def _same(part: Part, other: Part) -> bool:
    return not _differing(part, other) and part.artifacts == other.artifacts


def _differing(part: Part, other: Part) -> list[str]:
    """Return the names of the options that two jobs were given differently."""
    one, two = part.agreed(), other.agreed()
    differing = sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))
    return differing + (["parts"] if part.of and other.of and part.of != other.of else [])


def _check_places(parts: list[Part]) -> None:
    """Check that no two parts have different files for the same computers."""
    taken: dict[tuple[object, ...], tuple[Part, Wire]] = {}
    for part in parts:
        for file in part.artifacts:
            owner, other = taken.setdefault(_place(file), (part, file))
            if owner is not part and other != file:
                what = f"{file['platform']} {file['arch']} {file['kind']}"
                raise DecisionError(
                    f"the parts {owner.name} and {part.name} both have a file for {what}: {other['url']} and "
                    f"{file['url']}. Leave one of them out, and add --replace-part."
                )


def _place(file: Wire) -> tuple[object, ...]:
    """Return the place that a file takes in a release, as `recognise.decide.slot` does for the files of one job."""
    arch = "universal" if file["arch"] == "any" else file["arch"]
    package = file.get("bundle") or PurePosixPath(file["url"]).suffix.lower()
    return file["platform"], arch, file["kind"], package, file.get("from_version")


def _join(parts: list[Part]) -> Wire:
    """Return the release of parts that agree. A file that is in several parts is in it once."""
    artifacts: list[Wire] = []
    for part in parts:
        artifacts += [file for file in part.artifacts if file not in artifacts]
    latest = max(part.release["released_at"] for part in parts)
    return {**parts[0].release, "released_at": latest, "artifacts": artifacts}


def _part(key: str, body: bytes) -> Part:
    """Return the part in a document.

    Raises:
        DecisionError: it is not a part.
    """
    wire = _wire(key, body)
    try:
        name, of, percent, release = wire["part"], wire.get("of", []), wire.get("percent"), wire["release"]
        part = Part(name, tuple(of), percent, release)
        is_valid = wire["schema"] == 1 and key.endswith(f"/{name}.json") and all(map(_is_file, part.artifacts))
    except (KeyError, TypeError):
        is_valid = False
    if not is_valid or not isinstance(release.get("released_at"), str):
        raise DecisionError(f"{key}: is not a part of a release. To replace it, add --replace-part.")
    return part


def _is_file(file: object) -> bool:
    return isinstance(file, dict) and {"platform", "arch", "kind", "url"} <= file.keys()


def _wire(key: str, body: bytes) -> Wire:
    try:
        wire = json.loads(body)
    except (ValueError, RecursionError):
        wire = None
    if not isinstance(wire, dict):
        raise DecisionError(f"{key}: is not a JSON object. Delete it, or upload it again.")
    return wire
