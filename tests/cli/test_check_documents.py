"""Test `comet-updates check`: it reports every problem of every file with its line, and uploads nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from comet_updates.errors import Problem, RefusedUploadError
from comet_updates.model.release import Release
from comet_updates.publish.uploads import parse
from comet_updates_cli import app
from testkit.documents import release
from testkit.project import ROOT

KEY = "releases/comet-cursor/stable/4.2.1.json"


def run(*arguments: Path | str) -> Result:
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


def save(folder: Path, document: Any, key: str = KEY) -> Path:
    file = folder / key
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(document if isinstance(document, str) else json.dumps(document, indent=2))
    return file


def test_document_about_the_publisher_is_known_by_its_fields(tmp_path: Path) -> None:
    document = {"schema": 1, "name": "Acme", "contact": "privacy@example.com"}
    assert run(save(tmp_path, document, "about-us.json")).exit_code == 0
    assert "$.contact: " in run(save(tmp_path, document | {"contact": ""}, "about-us.json")).stdout


def test_what_is_accepted_is_said_to_be() -> None:
    done = run(ROOT / "samples")
    assert (done.exit_code, done.stdout) == (0, "")


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_check_of_folder_without_documents_is_refused(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Find a wrong name of a folder, which must not count as checked."""
    (tmp_path / "release.yaml").touch()
    done = run(tmp_path, *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "has no document to check" in " ".join(done.stderr.replace("│", " ").split())
    save(tmp_path, release())
    assert run(tmp_path, *options).exit_code == 0, "positive control"


def test_every_problem_is_named_with_its_line_field_and_remedy(tmp_path: Path) -> None:
    document = release(notes={"en": 7}, colour="red")
    document["artifacts"][0] |= {"url": "http://x.test/a", "size": -1}
    file = save(tmp_path, document)
    done = run(file)
    assert done.exit_code == 1
    lines = file.read_text().splitlines()
    for path, field in (("$.notes.en", "en"), ("$.colour", "colour"), ("$.artifacts[0].url", "url")):
        number = next(n for n, line in enumerate(lines, start=1) if f'"{field}":' in line)
        assert f"{file}:{number}: {path}: " in done.stdout
    assert done.stdout.count(f"{file}:") == 4
    assert all(line.endswith(".") for line in done.stdout.splitlines())


def test_json_says_the_same(tmp_path: Path) -> None:
    file = save(tmp_path, release(colour="red"))
    said = json.loads(run(file, "--json").stdout)
    assert said["files"] == 1
    assert [(found["path"], found["line"]) for found in said["problems"]] == [("$.colour", 20)]


def test_broken_json_is_named_with_its_line(tmp_path: Path) -> None:
    assert ":3: $: is not JSON" in run(save(tmp_path, '{"schema": 1,\n"product": "a"\n"channel": "b"}')).stdout


def test_a_file_that_lies_like_the_bucket_has_to_agree_with_its_place(tmp_path: Path) -> None:
    assert "the key has '4.2.2'" in run(save(tmp_path, release(), KEY.replace("4.2.1", "4.2.2"))).stdout
    assert run(save(tmp_path, release(), "somewhere/release.json")).exit_code == 0


def test_a_release_is_held_against_the_rules_of_its_product_beside_it(tmp_path: Path) -> None:
    file = save(tmp_path, release())
    assert run(file).exit_code == 0
    about = {"product": "comet-cursor", "release_hosts": ["other.example.com"]}
    save(tmp_path, about, "products/comet-cursor.json")
    assert "is on the host 'downloads.example.com'" in run(file).stdout


@pytest.mark.parametrize("channel", ["3f2504e0-4f89-11d3-9a0c-0305e82c3301", "1234567"])
def test_check_with_a_number_for_a_channel_names_the_problem(tmp_path: Path, channel: str) -> None:
    done = run(save(tmp_path, release(channel=channel), f"releases/comet-cursor/{channel}/4.2.1.json"))
    assert done.exit_code == 1
    assert f"names the channel '{channel}', which looks like a GUID or a download number. Choose" in done.stdout


def test_product_is_checked_with_the_releases_beside_it(tmp_path: Path) -> None:
    save(tmp_path, release())
    save(tmp_path, "{", KEY.replace("4.2.1", "4.2.2"))
    about = {"product": "comet-cursor", "version_scheme": "build"}
    file = save(tmp_path, about, "products/comet-cursor.json")
    done = run(file)
    assert done.exit_code == 1
    assert f"{file}:3: $.version_scheme: is `build`, but releases beside it do not parse under it: stable 4.2.1." in (
        done.stdout
    )
    save(tmp_path, about | {"version_scheme": "dotted"}, "products/comet-cursor.json")
    assert run(file).exit_code == 0


def test_product_in_another_place_is_checked_by_itself(tmp_path: Path) -> None:
    save(tmp_path, release())
    assert run(save(tmp_path, {"product": "comet-cursor", "version_scheme": "build"}, "p.json")).exit_code == 0


def test_what_is_no_document_of_ours_is_said_to_be_none(tmp_path: Path) -> None:
    assert "the key is not valid for an upload" in run(save(tmp_path, "[]", "x.json")).stdout
    assert run(tmp_path / "missing.json").exit_code == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["schema", "version", "title", "notes", "artifacts", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=6,
        ),
    )
)
def test_it_refuses_just_what_publishing_refuses(tmp_path: Path, fields: dict[str, Any]) -> None:
    file = save(tmp_path, release(**fields))
    problems: tuple[Problem, ...] = ()
    try:
        parse.parse(Release, KEY, file.read_bytes())
    except RefusedUploadError as refusal:
        problems = refusal.problems
    said = json.loads(run(file, "--json").stdout)["problems"]
    assert [found["path"] for found in said] == [problem.path for problem in problems]
    assert all(1 <= found["line"] <= len(file.read_text().splitlines()) for found in said)


def test_the_hook_for_pre_commit_calls_a_command_that_exists() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["entry"].split() == ["comet-updates", "check"]


def test_policy_is_checked_with_the_scheme_beside_it(tmp_path: Path) -> None:
    policy = {"schema": 1, "product": "comet-cursor", "channel": "stable", "pin": "4.2"}
    file = save(tmp_path, policy, "channels/comet-cursor/stable.json")
    assert f"{file}:5: $.pin: does not parse under the product's version scheme `semver`." in run(file).stdout
    save(tmp_path, {"schema": 1, "product": "comet-cursor", "version_scheme": "dotted"}, "products/comet-cursor.json")
    assert run(file).exit_code == 0, "positive control"


def test_pipe_device_and_missing_file_are_problems_and_the_rest_is_checked(tmp_path: Path) -> None:
    """Expect an end: reading a pipe that nobody writes to, or a device, has none."""
    file = save(tmp_path, release(colour="red"))
    os.mkfifo(tmp_path / "pipe.json")
    os.mkfifo(tmp_path / "releases" / "comet-cursor" / "stable" / "4.2.2.json")
    (tmp_path / "products").mkdir()
    os.mkfifo(tmp_path / "products" / "comet-cursor.json")
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    (tmp_path / "none.json").symlink_to("nowhere")
    done = run(tmp_path)
    assert done.exit_code == 1
    assert done.stdout.count("is not a regular file. Check the file.") == 4
    assert "none.json:1: $: cannot be read: No such file or directory. Check the file." in done.stdout
    assert f"{file}:20: $.colour: " in done.stdout


def test_name_that_is_not_utf8_is_shown_escaped(tmp_path: Path) -> None:
    file = Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xff.json"))
    file.write_text("{}")
    assert "a\\udcff.json:1: $: " in run(file).stdout
    assert json.loads(run(file, "--json").stdout)["problems"]


def test_large_document_with_many_problems_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []
    compose = yaml.compose

    def counted(text: str, **given: Any) -> yaml.Node | None:
        parsed.append(len(text))
        return compose(text, **given)

    monkeypatch.setattr(yaml, "compose", counted)
    save(tmp_path, release(artifacts=[{} for _ in range(50)]))
    assert run(tmp_path).stdout.count("\n") > 50
    save(tmp_path, release(notes={"en": "x" * 200_000}, colour="red"))
    assert ":1: $.colour: " in run(tmp_path).stdout
    assert len(parsed) == 1
