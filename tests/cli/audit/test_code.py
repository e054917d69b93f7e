"""Test the comparison of the code that runs with a build: it names each file that differs, in every running version."""

from __future__ import annotations

import base64
import hashlib
import stat
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from comet_updates_cli.audit import code
from comet_updates_cli.audit.compare import Finding, Status, audit_area
from comet_updates_cli.audit.stack import Stack
from tests.cli.audit.deployed import BUILT, hosted, packages, write_build, zipped
from tests.clients.servers import CHANGED, CUT_SHORT

ANSWER, PUBLISH, LAYER = "AnswerFunction", "PublishFunction", "AnswerLayer"
HANDLER = "comet_updates/answer/handler.py"
BYTE_CODE = "comet_updates/answer/__pycache__/handler.cpython-313.pyc"
EQUAL = [Finding("code", "", Status.HOLDS, "", "")]
FILES = BUILT[ANSWER]


class Lambda:
    """Lambda as the audit sees it: functions, their versions and layers, and an alias.

    Attributes:
        code: function and version → its package.
        layers: version of a layer → its package.
        alias: the answer to `GetAlias`.
    """

    def __init__(self, build: Path) -> None:
        self.build: Path | None = build
        self.code = {(ANSWER, "1"): zipped(FILES), (PUBLISH, "$LATEST"): zipped(BUILT[PUBLISH])}
        self.layers = {name: zipped(BUILT[name]) for name in ("AnswerLayer", "PublishLayer")}
        self.alias: dict[str, Any] = {"FunctionVersion": "1"}
        self.answers: dict[str, dict[str, Any]] = {}

    def read(self, _service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        if operation in self.answers:
            return self.answers[operation]
        if operation == "GetAlias":
            return self.alias
        if operation == "GetFunction":
            name, version = parameters["FunctionName"], parameters.get("Qualifier", "$LATEST")
            located, sha256 = _where(self.code[name, version])
            layers = [{"Arn": f"arn:aws:lambda:us-east-1:1:layer:{name.replace('Function', 'Layer')}:7"}]
            return {
                "Configuration": {"Version": version, "CodeSha256": sha256, "Layers": layers},
                "Code": {"Location": located},
            }
        if operation == "GetLayerVersion":
            assert parameters["VersionNumber"] == 7
            located, sha256 = _where(self.layers[parameters["LayerName"].rpartition(":")[2]])
            return {"Content": {"Location": located, "CodeSha256": sha256}}
        return {}

    def audit(self) -> list[Finding]:
        return list(audit_area("code", Stack({}, {name: name for name in BUILT}, self.build), self.read))

    def differences(self) -> list[str]:
        """Return the differences, and check that there is nothing else."""
        found = self.audit()
        assert {finding.status for finding in found} <= {Status.DIFFERS}
        return [f"{finding.resource} {finding.says}" for finding in found]


def _where(package: bytes) -> tuple[str, str]:
    sha256 = hashlib.sha256(hosted(package))
    return f"{packages().url}/{sha256.hexdigest()}?signature=secret", base64.b64encode(sha256.digest()).decode()


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_build(tmp_path_factory.mktemp("build"))


@pytest.fixture
def account(build: Path) -> Iterator[Lambda]:
    yield Lambda(build)
    packages().fault = ""


def test_code_as_it_was_built_holds(account: Lambda) -> None:
    assert account.audit() == EQUAL


def test_code_without_a_build_is_not_compared(account: Lambda) -> None:
    account.build = None
    (found,) = account.audit()
    assert (found.status, found.says) == (Status.UNSEEN, "was not compared, because no build was given")
    assert "--build .aws-sam/build" in found.remedy


def _entry(name: str, content: bytes, attributes: int = 0, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return the built package of the answering function, with one entry replaced."""
    package = BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        for other in FILES.keys() - {name}:
            archive.writestr(zipfile.ZipInfo(other), FILES[other])
        entry = zipfile.ZipInfo(name)
        entry.external_attr, entry.compress_type = attributes << 16, method
        archive.writestr(entry, content)
    return package.getvalue()


def _encrypted() -> bytes:
    """Return the built package, whose entries say that they are encrypted."""
    package = bytearray(zipped(FILES))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = package.find(mark)
        while at >= 0:
            package[at + flags] |= 1
            at = package.find(mark, at + 1)
    return bytes(package)


OTHERS: dict[str, tuple[bytes, list[str]]] = {
    "a byte of the source": (
        zipped(FILES | {HANDLER: b"handler = Build()\n"}),
        [f"differs from the build in {HANDLER}"],
    ),
    "a byte of the byte code": (
        zipped(FILES | {BYTE_CODE: b"byte code of the Handler"}),
        [f"differs from the build in {BYTE_CODE}"],
    ),
    "a byte at the end": (zipped(FILES | {HANDLER: FILES[HANDLER] + b"\n"}), [f"differs from the build in {HANDLER}"]),
    "a file added": (zipped(FILES | {"sitecustomize.py": b""}), ["has sitecustomize.py, which is not in the build"]),
    "a file removed": (zipped({n: f for n, f in FILES.items() if n != BYTE_CODE}), [f"lacks {BYTE_CODE}"]),
    "a file twice": (
        zipped(FILES | {f"{HANDLER[:-1]}z": FILES[HANDLER]}).replace(b"/handler.pz", b"/handler.py"),
        [f"has {HANDLER} more than once"],
    ),
    "a path of another spelling": (
        zipped(FILES | {f"./{HANDLER}": b"x"}),
        [f"has ./{HANDLER}, which is not in the build"],
    ),
    "a link in place of a file": (
        _entry(HANDLER, FILES[HANDLER], stat.S_IFLNK | 0o777),
        [f"differs from the build in {HANDLER}"],
    ),
    "a damaged file": (
        _entry(HANDLER, FILES[HANDLER], method=zipfile.ZIP_STORED).replace(b"handler = b", b"handler = B"),
        [f"differs from the build in {HANDLER}"],
    ),
    "encrypted files": (_encrypted(), [f"differs from the build in {name}" for name in sorted(FILES)]),
    "something else than a zip file": (b"#!/bin/sh\n", ["cannot be read as a zip file (BadZipFile)"]),
}
"""Other code → the package, and what the audit says of it."""


@pytest.mark.parametrize("other", OTHERS)
def test_other_code_is_named_by_its_files(account: Lambda, other: str) -> None:
    package, expected = OTHERS[other]
    account.code[ANSWER, "1"] = package
    assert account.differences() == [f"AnswerFunction version 1 {says}" for says in expected]


EQUALS: dict[str, bytes] = {
    "other compression": _entry(HANDLER, FILES[HANDLER], method=zipfile.ZIP_STORED),
    "other modes": _entry(HANDLER, FILES[HANDLER], stat.S_IFREG | 0o600),
    "folders of their own": zipped(FILES | {"comet_updates/": b"", "comet_updates/answer/": b""}),
    "another order": zipped(dict(reversed(FILES.items()))),
}


@pytest.mark.parametrize("equal", EQUALS)
def test_the_same_files_in_another_zip_hold(account: Lambda, equal: str) -> None:
    account.code[ANSWER, "1"] = EQUALS[equal]
    assert account.audit() == EQUAL


def test_other_code_of_publishing_is_found(account: Lambda) -> None:
    account.code[PUBLISH, "$LATEST"] = zipped(FILES)
    said = account.differences()
    assert "PublishFunction version $LATEST lacks comet_updates/publish/handler.py" in said
    assert len(said) == 1 + len(FILES)


@pytest.mark.parametrize("layer", ["AnswerLayer", "PublishLayer"])
def test_another_layer_is_found(account: Lambda, layer: str) -> None:
    account.layers[layer] = zipped(BUILT[layer] | {"python/sitecustomize.py": b"import socket\n"})
    says = "version 7 has python/sitecustomize.py, which is not in the build"
    assert account.differences() == [f"{layer} {says}"]


def test_layers_that_changed_places_are_found(account: Lambda) -> None:
    account.layers = dict(zip(account.layers, reversed(account.layers.values()), strict=True))
    assert {said.partition(" ")[0] for said in account.differences()} == {"AnswerLayer", "PublishLayer"}


def _version_two(account: Lambda) -> None:
    account.code[ANSWER, "2"] = zipped(FILES | {HANDLER: b"other"})


def test_a_version_that_gets_no_requests_is_not_compared(account: Lambda) -> None:
    """Positive control of the two tests below."""
    _version_two(account)
    account.code[ANSWER, "$LATEST"] = b""
    assert account.audit() == EQUAL


def test_another_version_under_the_alias_is_found(account: Lambda) -> None:
    _version_two(account)
    account.alias = {"FunctionVersion": "2"}
    assert account.differences() == [f"AnswerFunction version 2 differs from the build in {HANDLER}"]


def test_another_version_that_gets_some_requests_is_found(account: Lambda) -> None:
    _version_two(account)
    account.alias = {"FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.01}}}
    assert account.differences() == [f"AnswerFunction version 2 differs from the build in {HANDLER}"]


def test_an_alias_that_is_gone_does_not_hold(account: Lambda) -> None:
    account.alias = {}
    assert account.differences() == ["AnswerFunction has no version that answers"]


def test_many_differing_files_are_counted(account: Lambda) -> None:
    account.code[ANSWER, "1"] = zipped(FILES | {f"a{number}.py": b"" for number in range(60)})
    *named, last = account.differences()
    assert (len(named), last) == (code.FILES_SHOWN, "AnswerFunction version 1 differs from the build in 10 more files")


UNSEEN: dict[str, tuple[str, Callable[[Lambda], Any]]] = {
    "a package that is gone": (
        "cannot be downloaded: Not Found",
        lambda a: a.answers.update(GetFunction={"Code": {"Location": f"{packages().url}/gone?signature=secret"}}),
    ),
    "half a package": ("cannot be downloaded: was cut off", lambda _: setattr(packages(), "fault", CUT_SHORT)),
    "another package": ("its hash is not the CodeSha256", lambda _: setattr(packages(), "fault", CHANGED)),
    "an image": ("has no package to download", lambda a: a.answers.update(GetFunction={"Code": {"ImageUri": "x"}})),
    "no function": ("has no package to download", lambda a: a.answers.update(GetFunction={})),
    "no layer": ("has no package to download", lambda a: a.answers.update(GetLayerVersion={})),
}


@pytest.mark.parametrize("case", UNSEEN)
def test_a_package_that_cannot_be_read_is_unseen(account: Lambda, case: str) -> None:
    says, plant = UNSEEN[case]
    plant(account)
    found = account.audit()
    assert {finding.status for finding in found} == {Status.UNSEEN}
    assert all(says in finding.says and finding.remedy for finding in found)
    assert "secret" not in repr(found)


def test_folder_without_packages_is_not_a_build(build: Path) -> None:
    assert code.missing_packages(build) == []
    assert sorted(code.missing_packages(build / ANSWER)) == sorted(BUILT)
