"""Test the examples for CI: they ask for the smallest rights, hold no key, and their own commands release."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from comet_updates_cli.audit import allowed
from testkit.project import ROOT
from tests.cli.local.test_serve import BUCKET, Service, service
from tests.clients.servers import Server
from tests.template.expand import expand, source

__all__ = ["service"]

CI = ROOT / "examples" / "ci"
GITHUB = yaml.safe_load((CI / "github-release.yml").read_text())
GITLAB = yaml.safe_load((CI / "gitlab-release.yml").read_text())
MATRIX = yaml.safe_load((CI / "github-matrix.yml").read_text())
JOB = GITHUB["jobs"]["release"]
GUIDE = (ROOT / "docs" / "releasing.md").read_text()
NOTES = 'Fixes `a crash`; $(exit 1) and "quotes" are text.'
BUILT = {"App-4.9.0.AppImage": b"\x7fELF" + b"linux" * 1000, "App Setup 4.9.0.exe": b"MZ" + b"windows" * 1000}


SHA512 = base64.b64encode(hashlib.sha512(BUILT["App Setup 4.9.0.exe"]).digest()).decode()
OTHER_ASSETS = {
    "latest.yml": yaml.safe_dump(
        {"version": "4.9.0", "files": [{"url": "App-Setup-4.9.0.exe", "sha512": SHA512, "size": 7002}]}
    ).encode(),
    "checksums.txt": f"{hashlib.sha256(BUILT['App-4.9.0.AppImage']).hexdigest()}  App-4.9.0.AppImage\n".encode(),
    "App-4.9.0.AppImage.sig": b"-----BEGIN PGP SIGNATURE-----\n",
    "App Setup 4.9.0.exe.blockmap": b"map",
    "sbom.spdx.json": b"{}",
    "LICENSE": b"text",
}
"""What else is on a release page. None of it is an artifact."""


def steps(kind: str) -> list[str]:
    return [step[kind] for step in JOB["steps"] if kind in step]


class TestTheWorkflowForGitHub:
    def test_may_do_what_it_needs_and_nothing_else(self) -> None:
        assert GITHUB["permissions"] == {}
        assert JOB["permissions"] == {"id-token": "write", "contents": "read"}
        assert list(GITHUB["jobs"]) == ["release"]

    def test_pins_each_action_to_a_commit_and_names_its_version(self) -> None:
        lines = [line for line in (CI / "github-release.yml").read_text().splitlines() if "uses:" in line]
        assert [line for line in lines if not re.search(r"uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)] == []
        assert len(lines) == len(steps("uses")) == 2

    def test_puts_nothing_that_somebody_wrote_into_a_command(self) -> None:
        """Use variables: the title of a release could be run as a command, and the value of a variable is not."""
        assert [command for command in steps("run") if "${{" in command] == []

    def test_runs_for_what_was_published_and_where_people_agreed(self) -> None:
        assert GITHUB[True] == {"release": {"types": ["published"]}}  # YAML reads the key `on` as true
        assert JOB["environment"] == "release"

    def test_takes_the_role_for_minutes_and_after_the_installation(self) -> None:
        """Install other people's code first, so that it cannot use the role."""
        names = [step.get("name") for step in JOB["steps"]]
        assert names.index("Take the role") > names.index("Install comet-updates")
        (taken,) = [step["with"] for step in JOB["steps"] if step.get("name") == "Take the role"]
        assert set(taken) == {"role-to-assume", "role-duration-seconds", "aws-region"}
        assert taken["role-duration-seconds"] <= 900


class TestWorkflowWithMatrix:
    def test_only_the_job_that_releases_may_identify_itself(self) -> None:
        assert MATRIX["permissions"] == {}
        assert {name: job["permissions"] for name, job in MATRIX["jobs"].items()} == {
            "build": {"contents": "read"},
            "release": {"id-token": "write", "contents": "read"},
        }

    def test_releases_after_all_jobs_where_people_agreed(self) -> None:
        job = MATRIX["jobs"]["release"]
        assert (job["needs"], job["environment"]) == ("build", "release")

    def test_pins_each_action_to_a_commit_and_names_its_version(self) -> None:
        lines = [line for line in (CI / "github-matrix.yml").read_text().splitlines() if "uses:" in line]
        assert [line for line in lines if not re.search(r"uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)] == []
        assert len(lines) == 6

    def test_puts_nothing_that_somebody_wrote_into_a_command(self) -> None:
        steps = [step for job in MATRIX["jobs"].values() for step in job["steps"]]
        assert [step["run"] for step in steps if "${{" in step.get("run", "")] == []


class TestTheJobForGitLab:
    def test_alone_can_show_who_it_is(self) -> None:
        assert [name for name, job in GITLAB.items() if "id_tokens" in job] == ["release"]
        assert GITLAB["release"]["id_tokens"] == {"AWS_TOKEN": {"aud": "sts.amazonaws.com"}}

    def test_runs_for_a_protected_tag_once_somebody_agreed(self) -> None:
        rule = {"if": '$CI_COMMIT_TAG && $CI_COMMIT_REF_PROTECTED == "true"', "when": "manual"}
        assert GITLAB["release"]["rules"] == [rule]


@pytest.mark.parametrize("file", sorted(CI.glob("*.yml")), ids=lambda file: file.name)
class TestAll:
    def test_hold_no_secret(self, file: Path) -> None:
        assert secrets_in(file.read_text()) == []

    def test_install_a_commit(self, file: Path) -> None:
        assert re.findall(r"comet-updates @ git\+https://[^@]+@([^\"]+)\"", file.read_text()) == [
            "0123456789abcdef0123456789abcdef01234567"
        ]

    def test_name_an_issuer_and_a_subject_that_the_template_takes(self, file: Path) -> None:
        parameters = expand(source())["Parameters"]
        for parameter, value in re.findall(r"(PipelineOidc\w+)=(\S+?)[,.]?(?= |$)", file.read_text(), re.MULTILINE):
            known = re.sub(r"\{\w+\}", "x", value)
            assert re.fullmatch(parameters[parameter]["AllowedPattern"], known), value


def secrets_in(text: str) -> list[str]:
    return re.findall(r"secrets\.|SECRET_ACCESS|ACCESS_KEY|AKIA[A-Z0-9]{16}|password", text, re.IGNORECASE)


def test_a_secret_would_be_found() -> None:
    for line in ("${{ secrets.KEY }}", "aws-secret-access-key: x", "AWS_SECRET_ACCESS_KEY: x", "AKIAABCDEFGHIJKLMNOP"):
        assert secrets_in(line.replace("-", "_")) != []


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """Yield a server with the built files, and the certificate that makes clients trust it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    file = tmp_path_factory.mktemp("authority") / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    with Server(context) as server:
        server.files.update(BUILT)
        yield server, file


class Runner:
    """A machine of the CI: the shell, the real command, and stand-ins for what is installed or downloaded."""

    def __init__(self, folder: Path, service: Service, files: tuple[Server, Path]) -> None:
        self.folder = folder
        self.server = files[0]
        commands = folder / "commands"
        commands.mkdir()
        self._command(commands, "pip", 'echo "$@" >> installed')
        self._command(commands, "gh", 'echo "$@" >> downloaded; mkdir -p "$5"; cp built/* "$5"')
        (folder / "built").mkdir()
        for name, body in BUILT.items():
            (folder / "built" / name).write_bytes(body)
        endpoint = service.s3.meta.endpoint_url
        self.environment = {
            "PATH": os.pathsep.join([str(commands), str(Path(sys.executable).parent), "/usr/bin", "/bin"]),
            "HOME": str(folder),
            "SSL_CERT_FILE": str(files[1]),
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": endpoint,
            "BUCKET": BUCKET,
            "SERVICE_URL": f"http://127.0.0.1:{service.port}",
        }

    @staticmethod
    def _command(folder: Path, name: str, script: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\nset -e\n{script}\n")
        (folder / name).chmod(0o755)

    def run(self, commands: list[str], environment: Mapping[str, str]) -> str:
        """Run commands in the shell of a runner, and return their output. Fails if one of them fails."""
        said = ""
        for command in commands:
            shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command]
            run = subprocess.run(
                shell,
                cwd=self.folder,
                env=self.environment | dict(environment),
                capture_output=True,
                text=True,
                check=False,
                timeout=600,
            )
            assert run.returncode == 0, f"{command}\n{run.stdout}\n{run.stderr}"
            said += run.stdout
        return said


@pytest.fixture
def runner(tmp_path: Path, service: Service, files: tuple[Server, Path]) -> Runner:
    return Runner(tmp_path, service, files)


KEYS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_SESSION_TOKEN": "any"}
"""The variables that the action for the role leaves behind."""


def filled(values: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """Return the values with each `${{ … }}` replaced as GitHub does.

    Fails for an expression that is not in `known`.
    """
    return {name: re.sub(r"\$\{\{ (.+?) \}\}", lambda said: known[said[1]], value) for name, value in values.items()}


@pytest.mark.full
def test_the_commands_of_the_workflow_release_what_was_attached(runner: Runner, service: Service) -> None:
    known = {
        "github.event.release.prerelease && 'beta' || 'stable'": "stable",
        "github.event.release.tag_name": "v4.9.0",
        "github.event.release.body": NOTES,
        "github.server_url": runner.server.url,
        "github.repository": "acme/comet-cursor",
        "github.token": "any",
        "vars.RELEASE_BUCKET": BUCKET,
        "vars.SERVICE_URL": runner.environment["SERVICE_URL"],
    }
    environment = filled(JOB["env"], known) | {"PRODUCT": "hub"}
    service.put("products/hub.json", {"schema": 1, "product": "hub"})
    for name, body in OTHER_ASSETS.items():
        (runner.folder / "built" / name).write_bytes(body)
    for step in JOB["steps"]:
        if "run" in step:
            keys = KEYS if step["name"] == "Release" else {}
            runner.run([step["run"]], environment | filled(step.get("env", {}), known) | keys)
    manifest = json.loads(service.ask("/v1/hub/stable").body)
    assert (manifest["version"], manifest["notes"]) == ("4.9.0", {"en": NOTES})
    urls = {artifact["url"] for artifact in manifest["artifacts"]}
    assert f"{runner.server.url}/acme/comet-cursor/releases/download/v4.9.0/App-4.9.0.AppImage" in urls
    assert len(urls) == len(BUILT)
    assert (runner.folder / "downloaded").read_text() == "release download v4.9.0 --dir dist\n"
    assert "comet-updates @ git+https://" in (runner.folder / "installed").read_text()


@pytest.mark.full
def test_the_commands_of_the_matrix_release_the_files_of_all_jobs(runner: Runner, service: Service) -> None:
    known = {
        "github.ref_name": "v4.9.0",
        "vars.DOWNLOADS_BUCKET": BUCKET,
        "vars.DOWNLOADS_URL": runner.server.url,
        "vars.RELEASE_BUCKET": BUCKET,
        "vars.SERVICE_URL": runner.environment["SERVICE_URL"],
    }
    lab(runner, service)
    job = MATRIX["jobs"]["release"]
    environment = filled(job["env"], known) | {"PRODUCT": "matrix"} | KEYS
    for step in job["steps"]:
        if "run" in step:
            runner.run([step["run"]], environment)
    manifest = json.loads(service.ask("/v1/matrix/stable").body)
    assert (manifest["version"], manifest["notes"]) == ("4.9.0", {"en": NOTES})
    assert len(manifest["artifacts"]) == len(BUILT)


@pytest.mark.full
def test_jobs_that_release_their_parts_make_one_release(runner: Runner, service: Service) -> None:
    """Run a job for each file. Clients get nothing before the last job, which waits until they get all files."""
    (command,) = re.findall(r"```sh\n(comet-updates release dist/\* --part .*?)```", GUIDE, re.DOTALL)
    jobs = dict(zip(("linux", "windows"), BUILT, strict=True))
    folder = runner.folder / "dist"
    for done, (name, file) in enumerate(jobs.items()):
        assert service.ask("/v1/parts/stable").status == 404
        shutil.rmtree(folder, ignore_errors=True)
        lab(runner, service)
        for other in set(jobs.values()) - {file}:
            (folder / other).unlink()
        told = command.replace("--part windows --parts windows,macos,linux", f"--part {name} --parts windows,linux")
        told = told.replace("https://downloads.example.com/comet-cursor/4.2.1", runner.server.url)
        told = told.replace("comet-cursor", "parts").replace("4.2.1", "4.9.0").strip()
        wait = ' --wait --service-url "$SERVICE_URL"' if done else ""
        said = runner.run([told + wait] * 2, KEYS)
        assert ("The release waits for other parts: windows." in said) == (not done)
    manifest = json.loads(service.ask("/v1/parts/stable").body)
    assert {file["platform"] for file in manifest["artifacts"]} == set(jobs)


def lab(runner: Runner, service: Service) -> dict[str, str]:
    """Return the variables of GitLab, the project and the job. Without a key: the SDK takes the role with the token."""
    (runner.folder / "dist").mkdir(exist_ok=True)
    for product in ("lab", "twice", "nobody", "matrix", "parts"):
        service.put(f"products/{product}.json", {"schema": 1, "product": product})
    for name, body in BUILT.items():
        (runner.folder / "dist" / name).write_bytes(body)
    (runner.folder / "CHANGELOG.md").write_text(f"# Changes\n\n## 4.9.0\n\n{NOTES}\n\n## 4.8.0\n\nOld.\n")
    job = {name: value.replace("/tmp", str(runner.folder)) for name, value in GITLAB["release"]["variables"].items()}
    role = {"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/comet-PipelineRole", "AWS_TOKEN": "header.claims.signature"}
    return job | role | {"CI_COMMIT_TAG": "v4.9.0", "PRODUCT": "lab", "BASE_URL": f"{runner.server.url}/v4.9.0"}


@pytest.mark.full
def test_the_commands_of_the_job_release_with_nothing_but_a_token(runner: Runner, service: Service) -> None:
    """boto3 itself requests the role. STS is a stand-in that accepts every token."""
    runner.run(GITLAB["release"]["script"], lab(runner, service))
    manifest = json.loads(service.ask("/v1/lab/stable").body)
    assert (manifest["version"], manifest["notes"]) == ("4.9.0", {"en": NOTES})
    token = runner.folder / "aws-token"
    assert (token.read_text(), token.stat().st_mode & 0o077) == ("header.claims.signature", 0)


@pytest.mark.full
def test_without_a_token_nothing_is_released(runner: Runner, service: Service) -> None:
    """Positive control of the test above: the job could not have used other credentials."""
    environment = lab(runner, service) | {"PRODUCT": "nobody"}
    del environment["AWS_WEB_IDENTITY_TOKEN_FILE"]
    with pytest.raises(AssertionError, match="AWS credentials are missing"):
        runner.run(GITLAB["release"]["script"][-1:], environment)
    assert not service.exists("releases/nobody/")


@pytest.mark.full
def test_a_second_run_of_the_job_does_nothing(runner: Runner, service: Service) -> None:
    environment = lab(runner, service) | {"PRODUCT": "twice"}
    runner.run(GITLAB["release"]["script"], environment)
    before = service.ask("/v1/twice/stable").body
    runner.run(GITLAB["release"]["script"], environment)
    assert service.ask("/v1/twice/stable").body == before
    versions = service.s3.list_object_versions(Bucket=BUCKET, Prefix="releases/twice/stable/4.9.0.json")["Versions"]
    assert len(versions) == 1


def policy(role: str) -> dict[str, Any]:
    """Return the role's IAM policy for a bucket called YOUR-BUCKET."""
    statements = [
        {
            "Effect": "Allow",
            "Action": sorted(grant.actions),
            "Resource": sorted(place.replace("${Bucket.Arn}", "arn:aws:s3:::YOUR-BUCKET") for place in grant.resources),
        }
        for grant in allowed.GRANTS[role]
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def test_the_guide_prints_the_smallest_policy() -> None:
    """Compare with the grants of the template's role. Rule E9505 compares the template with the same grants."""
    (printed,) = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "ci.md").read_text(), re.DOTALL)
    assert json.loads(printed) == policy("PipelineRole")


def test_the_guide_names_every_parameter_for_roles() -> None:
    guide = (ROOT / "docs" / "ci.md").read_text()
    parameters = {name for name in expand(source())["Parameters"] if name.startswith(("Pipeline", "Owner"))}
    assert {name for name in parameters if f"`{name}`" not in guide} == set()
    assert len(parameters) == 5
