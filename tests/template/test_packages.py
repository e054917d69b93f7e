"""Test the rules for the packages: all code is built here, and the libraries are listed, locked and tested."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checks.template_rules.packages import lock_findings
from testkit.project import ROOT
from tests.template.expand import Fault, Template, findings_in, findings_with
from tests.template.test_expanded import SAYS_WHERE_WHAT_AND_HOW

ELSEWHERE = "s3://elsewhere/code.zip"


def _properties(template: Template, name: str = "AnswerFunction") -> Any:
    return template["Resources"][name]["Properties"]


def _metadata(name: str, **metadata: Any) -> Fault:
    return lambda t: t["Resources"][name].update(Metadata=metadata)


def _only_publishing(template: Template, **settings: str) -> None:
    """Move these settings of all functions to the publishing function, so that the answering function has none."""
    for name in settings:
        del template["Globals"]["Function"][name]
    _properties(template, "PublishFunction").update(settings)


def _in_template(template: Template) -> None:
    _only_publishing(template, CodeUri="functions/")
    _properties(template).update(InlineCode="pass")


def _image(template: Template) -> None:
    _only_publishing(template, CodeUri="functions/", Runtime="python3.13")
    del _properties(template)["Handler"], _properties(template)["Layers"]
    _properties(template).update(PackageType="Image", ImageUri="1.dkr.ecr.us-east-1.amazonaws.com/x:1")


FAULTS: dict[str, tuple[str, Fault]] = {
    "another folder": ("E9516", lambda t: t["Globals"]["Function"].update(CodeUri="elsewhere/")),
    "another folder for one function": ("E9516", lambda t: _properties(t).update(CodeUri="functions/comet_updates/")),
    "another folder for publishing": ("E9516", lambda t: _properties(t, "PublishFunction").update(CodeUri="../x/")),
    "code in a bucket": ("E9516", lambda t: _properties(t).update(CodeUri=ELSEWHERE)),
    "code in a version of an object": (
        "E9516",
        lambda t: _properties(t).update(CodeUri={"Bucket": "elsewhere", "Key": "functions/", "Version": "1"}),
    ),
    "code that a parameter names": (
        "E9516",
        lambda t: _properties(t).update(CodeUri={"Bucket": {"Ref": "LogLevel"}, "Key": "functions/"}),
    ),
    "code in the template": ("E9516", _in_template),
    "an image": ("E9516", _image),
    "a builder of SAM": ("E9516", _metadata("AnswerFunction", BuildMethod="python3.13")),
    "a builder of publishing": ("E9516", _metadata("PublishFunction", BuildMethod="python3.13")),
    "no builder": ("E9516", lambda t: t["Resources"]["AnswerFunction"].pop("Metadata")),
    "a builder in another folder": (
        "E9516",
        _metadata("AnswerFunction", BuildMethod="makefile", ContextPath="elsewhere"),
    ),
    "a step after the build": (
        "E9516",
        _metadata("AnswerFunction", BuildMethod="makefile", BuildProperties={"PostBuild": "x"}),
    ),
    "another folder of a layer": ("E9516", lambda t: _properties(t, "AnswerLayer").update(ContentUri="elsewhere/")),
    "a layer in a bucket": ("E9516", lambda t: _properties(t, "PublishLayer").update(ContentUri=ELSEWHERE)),
    "a builder of a layer": ("E9516", _metadata("AnswerLayer", BuildMethod="python3.13")),
    "no builder of a layer": ("E9516", lambda t: t["Resources"]["PublishLayer"].pop("Metadata")),
}
"""Fault → the rule that must find it, and a function that plants it."""


@pytest.mark.parametrize("fault", FAULTS)
def test_package_from_elsewhere_is_found(fault: str, tmp_path: Path) -> None:
    rule, plant = FAULTS[fault]
    found = findings_with(plant, tmp_path)
    assert rule in {finding.rule for finding in found}
    assert [finding for finding in found if not SAYS_WHERE_WHAT_AND_HOW.fullmatch(finding.message)] == []


ANSWER, PUBLISH, TESTED = "layers/answer/requirements.txt", "layers/publish/requirements.txt", "requirements/dev.txt"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the template and the lock files."""
    for name in ("template.yaml", ANSWER, PUBLISH, TESTED):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


Change = Callable[[str], str]
HASH = f"--hash=sha256:{'0' * 64}"


def _added(*lines: str) -> Change:
    return lambda text: text + "".join(f"{line}\n" for line in lines)


def _put(before: str, now: str) -> Change:
    def change(text: str) -> str:
        assert re.search(before, text, re.MULTILINE)
        return re.sub(before, now, text, count=1, flags=re.MULTILINE)

    return change


def _without(name: str) -> Change:
    return _put(rf"^{name}==(.*\\\n)*.*\n", "")


LOCKS: dict[str, tuple[str, str, Change]] = {
    "a library more": (ANSWER, "requests is not a listed library", _added(f"requests==2.0 {HASH}")),
    "a library more for publishing": (PUBLISH, "requests is not a listed library", _added(f"requests==2.0 {HASH}")),
    "a library of publishing": (ANSWER, "urllib3 is not a listed library", _added(f"urllib3==2.8.0 {HASH}")),
    "a library less": (ANSWER, "semver is missing", _without("semver")),
    "another version": (ANSWER, "obstore has the version 0.0.1, but", _put(r"^obstore==\S+", "obstore==0.0.1")),
    "another build of a version": (ANSWER, "version 3.1.1+x, but", _put(r"^semver==\S+", "semver==3.1.1+x")),
    "a version that was not tested": (
        TESTED,
        "obstore has the version 0.12.1, but requirements/dev.txt has 0.0.1",
        _put(r"^obstore==\S+", "obstore==0.0.1"),
    ),
    "a library that was not tested": (TESTED, "but requirements/dev.txt has None", _without("boto3")),
    "another hash": (
        ANSWER,
        "jmespath has hashes that",
        _put(r"(?<=jmespath==1.1.0 \\\n    --hash=sha256:)\w{4}", "0000"),
    ),
    "a hash more": (ANSWER, "semver has hashes that", _put(r"^(semver==\S+)", rf"\1 {HASH}")),
    "no hash": (ANSWER, "'semver==3.1.1' is not one", _put(r"^semver==.*(\\\n.*)+\n", "semver==3.1.1\n")),
    "a weak hash": (ANSWER, "--hash=md5", _put(r"^semver==.*(\\\n.*)+\n", f"semver==3.1.1 --hash=md5:{'0' * 32}\n")),
    "a range": (ANSWER, "'semver>=3.1.1", _put(r"^semver==", "semver>=")),
    "any version": (ANSWER, "'semver==3.*", _put(r"^semver==\S+", "semver==3.*")),
    "a URL": (
        ANSWER,
        "is not one name==version",
        _put(r"^semver==\S+", "semver @ https://elsewhere.example/semver-3.1.1-py3-none-any.whl"),
    ),
    "a URL alone": (ANSWER, "https://elsewhere", _added(f"https://elsewhere.example/semver.whl {HASH}")),
    "a repository": (ANSWER, "git+https", _added("semver @ git+https://elsewhere.example/semver@0123abc")),
    "a folder": (ANSWER, "./semver", _added("./semver")),
    "a folder that stays": (ANSWER, "-e ./semver", _added("-e ./semver")),
    "another index": (ANSWER, "--index-url", _added("--index-url https://elsewhere.example/simple")),
    "an index more": (ANSWER, "--extra-index-url", _added("--extra-index-url https://elsewhere.example/simple")),
    "an index after a marker": (
        ANSWER,
        "is not one name==version",
        _put(r"^semver==\S+", "semver==3.1.1 ; os_name == 'posix' --index-url https://elsewhere.example"),
    ),
    "a place for wheels": (PUBLISH, "--find-links", _added("--find-links https://elsewhere.example")),
    "another file": (ANSWER, "-r more.txt", _added("-r more.txt")),
    "a source in place of a wheel": (ANSWER, "--no-binary", _added("--no-binary :all:")),
    "a library twice": (
        ANSWER,
        "is not one name==version",
        _added(f"semver==3.1.1 ; os_name == 'posix' {HASH}"),
    ),
    "a name in another spelling": (ANSWER, "'SemVer==", _put(r"^semver==", "SemVer==")),
}
"""Fault of a lock file → the file, words of the finding, and how to plant it."""


def test_locks_as_they_are_hold(project: Path) -> None:
    assert list(lock_findings(project)) == []


@pytest.mark.parametrize("fault", LOCKS)
def test_fault_in_a_lock_file_is_found(project: Path, fault: str) -> None:
    file, words, change = LOCKS[fault]
    (project / file).write_text(change((project / file).read_text()))
    found = list(lock_findings(project))
    assert words in "\n".join(finding.problem for finding in found)
    assert all(finding.place in ("AnswerLayer", "PublishLayer") and finding.remedy for finding in found)


@pytest.mark.parametrize("file", [ANSWER, PUBLISH, TESTED])
def test_lock_file_that_is_missing_is_found(project: Path, file: str) -> None:
    (project / file).unlink()
    assert list(lock_findings(project)) != []


def test_make_policy_reads_the_lock_files(project: Path) -> None:
    (project / ANSWER).write_text(LOCKS["another index"][2]((project / ANSWER).read_text()))
    (found,) = findings_in(project / "template.yaml")
    assert found.rule == "E9517"
    assert SAYS_WHERE_WHAT_AND_HOW.fullmatch(found.message)
