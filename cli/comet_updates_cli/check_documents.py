"""Checks documents before they are uploaded: lists all problems, each with its line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import yaml

from comet_updates import object_keys
from comet_updates.errors import Problem, RefusedUploadError, UnreadableFileError, refuse
from comet_updates.model.channel import ChannelPolicy
from comet_updates.model.product import Product
from comet_updates.model.release import Release
from comet_updates.publish.uploads import parse, rules
from comet_updates_cli import files

LINES_MAX_BYTES = 100_000  # some seconds


class Finding(NamedTuple):
    """One problem of one file."""

    file: str
    line: int
    path: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        """Return the problem as compilers print it, so that editors find the place."""
        return f"{self.file}:{self.line}: {Problem(self.path, self.problem, self.remedy)}"


def files_in(given: Iterable[Path]) -> list[Path]:
    """Return the given files, and the JSON files below the given folders."""
    return [file for path in given for file in (sorted(path.rglob("*.json")) if path.is_dir() else [path])]


def check(given: Iterable[Path]) -> list[Finding]:
    """Return the problems of these files.

    A release or policy is checked with its product's document, and a product's document with its releases, if the same
    tree has them. What was accepted in a bucket is not known here.

    """
    return [finding for file in given for finding in _check(file)]


def _check(file: Path) -> Iterable[Finding]:
    try:
        body = _read(file)
    except UnreadableFileError as error:
        yield Finding(str(file), 1, "$", f"cannot be read: {error.problem}", "Check the file")
        return
    key = _key_by_place(file) or _key_by_content(body) or file.name
    try:
        parse.check_size(key, len(body))
        upload = parse.check_key(key)
        document = parse.parse(parse.ALL_MODELS[upload.kind], key, body)
        if isinstance(document, Release):
            rules.check_release(key, document, _product(file, key))
        elif isinstance(document, ChannelPolicy):
            rules.check_policy(key, document, _product(file, key))
        elif isinstance(document, Product) and (lost := _not_ordered_by(document, file, key)):
            wrong = (
                f"is `{document.version_scheme}`, but releases beside it do not parse under it: {rules.some_of(lost)}"
            )
            remedy = (
                "Write the scheme of these versions. Publishing refuses one under which accepted releases do not count"
            )
            refuse(key, wrong, remedy, path="$.version_scheme")
    except RefusedUploadError as refusal:
        tree = _tree(body, refusal.problems)
        for problem in refusal.problems:
            yield Finding(str(file), _line(tree, problem), problem.path, problem.problem, problem.remedy)


def _read(file: Path) -> bytes:
    return files.read(file, parse.UPLOAD_MAX_BYTES)


def _key_by_place(file: Path) -> str | None:
    """Return the key of a file in a folder with the layout of the bucket."""
    parts = file.absolute().parts
    for start in range(len(parts) - 1, -1, -1):
        key = "/".join(parts[start:])
        if object_keys.parse_upload(key):
            return key
    return None


def _key_by_content(body: bytes) -> str | None:
    """Return the key that follows from the document's fields."""
    with suppress(ValueError, RecursionError):
        said = json.loads(body)
        if isinstance(said, dict) and {"name", "contact"} <= said.keys():
            return object_keys.PUBLISHER
        if isinstance(said, dict) and isinstance(said.get("product"), str):
            product, channel, version = (str(said.get(field, "")) for field in ("product", "channel", "version"))
            if "sha256" in said:
                return object_keys.approval_key(product, channel, version)
            if "version" in said or "artifacts" in said:
                return object_keys.release_key(product, channel, version)
            return object_keys.channel_key(product, channel) if "channel" in said else object_keys.product_key(product)
    return None


def _product(file: Path, key: str) -> Product:
    """Return the document's product from the same tree; the defaults if it is missing or not valid."""
    name = parse.check_key(key).product
    own = object_keys.product_key(name)
    beside = Path(str(file.absolute()).removesuffix(key)) / own
    with suppress(UnreadableFileError, RefusedUploadError):
        return parse.parse(Product, own, _read(beside))
    return Product(product=name)


def _not_ordered_by(product: Product, file: Path, key: str) -> list[Release]:
    """Return the valid releases in the same tree whose versions do not parse under `product`."""
    found = []
    place = str(file.absolute())
    folder = Path(place.removesuffix(key)) / "releases" / product.product
    for beside in sorted(folder.glob("*/*.json")) if place.endswith(key) else ():
        with suppress(UnreadableFileError, RefusedUploadError):
            release = parse.parse(Release, beside.relative_to(folder.parents[1]).as_posix(), _read(beside))
            found += [release] if any(rules.version_problems(release, product)) else []
    return found


def _tree(body: bytes, problems: Iterable[Problem]) -> yaml.Node | None:
    """Return a document with the lines of its fields; None if it is not needed, not valid or too large."""
    if len(body) > LINES_MAX_BYTES or all(problem.path == "$" for problem in problems):
        return None
    try:
        return yaml.compose(body.decode(), Loader=yaml.SafeLoader)  # JSON is YAML, and this parser keeps line numbers
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def _line(tree: yaml.Node | None, problem: Problem) -> int:
    """Return the line of the field, or of the object that lacks it; the first line if that is unknown."""
    if found := re.search(r": line ([0-9]+) column", problem.problem):  # of JSON's own errors
        return int(found[1])
    node = tree
    for name, index in re.findall(r"\.([^.\[]+)|\[([0-9]+)\]", problem.path):
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == name), node)
        elif isinstance(node, yaml.SequenceNode) and index and int(index) < len(node.value):
            node = node.value[int(index)]
    return int(node.start_mark.line) + 1 if node else 1
