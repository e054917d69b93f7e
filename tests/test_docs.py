"""Test that the documentation is true: examples are accepted, links lead somewhere, commands exist."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from typer.models import CommandInfo

from comet_updates import formats, object_keys
from comet_updates.answer import urls
from comet_updates.model.channel import ChannelPolicy
from comet_updates.model.product import Product
from comet_updates.model.release import Release
from comet_updates.publish.uploads import parse
from comet_updates_cli import app
from testkit.documents import release
from testkit.lambda_runtime import free_port
from testkit.project import ROOT
from tests.flows.documented import Command, Shell, Step, steps

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
EXAMPLES = sorted([*ROOT.glob("samples/**/*.json"), *ROOT.glob("examples/**/*.json")])


RUN = {
    "README.md": ["Try it"],
    "docs/moving-here.md": [
        "",
        "1. How do I take over my old feed?",
        "2. How do I upload the result?",
        "3. How do I compare the old feed with the new one?",
    ],
    "docs/releasing.md": [
        "How do I see what is live?",
        "How do I roll out a release?",
        "How do I withdraw a release?",
        "How do I hold a channel, or schedule a release?",
        "How do I promote a beta to stable?",
    ],
    "docs/troubleshooting.md": [
        "",
        "Why does my client not see the release?",
        "Why is my upload refused?",
        "Why does one updater stay at an older version?",
        "Why do users still run a version that I withdrew?",
        "What does this status code mean?",
        "Why does a TUF client stay at an older version?",
    ],
}
"""Page → the sections whose commands run against a service with the samples, in this order."""


PUT_OBJECT = """
import sys
from pathlib import Path

import boto3

assert sys.argv[1:3] == ["s3api", "put-object"], sys.argv
given = dict(zip(sys.argv[3::2], sys.argv[4::2]))
boto3.client("s3").put_object(
    Bucket=given["--bucket"],
    Key=given["--key"],
    Body=Path(given["--body"]).read_bytes(),
    IfNoneMatch=given["--if-none-match"],
)
"""
"""A stand-in for `aws s3api put-object`."""


def sections(page: str, headings: list[str]) -> str:
    """Return the text below `headings` of `page`, in their order. The part before the first heading has none."""
    text = (ROOT / page).read_text()
    parts = dict(part.split("\n", 1) for part in re.split(r"^## ", f"\n{text}", flags=re.MULTILINE))
    return "\n".join(parts[heading] for heading in headings)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Callable[[Step], str]]:
    """Yield a function that runs steps in a fresh shell, next to a service with the samples, as after `make run`."""
    port, s3_port = free_port(), free_port()
    # This Python may have no command beside it, if another copy of the project is installed.
    command = [sys.executable, "-c", "from comet_updates_cli import app; app(prog_name='comet-updates')"]
    environment = {**os.environ, "PORT": str(port), "S3_PORT": str(s3_port)}
    process = subprocess.Popen(
        [*command, "serve", "--samples", "samples"], cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE
    )
    assert process.stdout
    assert process.stdout.readline() == f"ready http://127.0.0.1:{port}\n"
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("examples", "samples", "schemas"):
        (clone / name).symlink_to(ROOT / name)
    (clone / ".venv").symlink_to(sys.prefix)
    aws = clone / "aws"  # the tests do not install the `aws` command
    aws.write_text(f"#!{sys.executable}\n{PUT_OBJECT}")
    aws.chmod(0o755)
    (tmp_path / ".curlrc").write_text("silent\n")  # on a terminal, it shows no progress between its lines
    fresh = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BUCKET"))}
    fresh |= {"HOME": str(tmp_path), "PATH": f"{clone}{os.pathsep}{os.environ['PATH']}"}
    shell = Shell(clone, fresh, {":8080": f":{port}", ":9090": f":{s3_port}"})
    yield shell.follow
    shell.close()
    process.kill()
    process.communicate()


@pytest.mark.full
@pytest.mark.parametrize("page", RUN)
def test_the_commands_of_a_page_print_what_the_page_shows(page: str, reader: Callable[[Step], str]) -> None:
    found = [step for step in steps(sections(page, RUN[page])) if not step.command.startswith("make run")]
    assert len(found) > 2
    for step in found:
        reader(step)


def test_a_wrong_output_and_a_failing_command_are_found(tmp_path: Path) -> None:
    """Positive control of the test above, which must fail for these."""
    shell = Shell(tmp_path, os.environ, {})
    shell.follow(Step("export WORD=ready", ""))
    shell.follow(Step('echo "$WORD at 2026-11-20T12:00:00"', "re…at 2027-01-01T08:00:00"))
    with pytest.raises(AssertionError, match="not:\nready"):
        shell.follow(Step("echo steady", "ready"))
    with pytest.raises(AssertionError, match="with exit code 1"):
        shell.follow(Step("false", ""))
    shell.close()


def json_blocks(page: Path) -> list[dict[str, object]]:
    blocks = re.findall(r"```json\n(.*?)```", page.read_text(), re.DOTALL)
    return [json.loads(block.replace("<64 hex digits>", "0" * 64)) for block in blocks]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_example_is_accepted(file: Path) -> None:
    key = "/".join(file.relative_to(ROOT).parts[1:])
    parse.parse(parse.ALL_MODELS[parse.check_key(key).kind], key, file.read_bytes())


def test_the_release_in_the_readme_is_accepted() -> None:
    (document,) = json_blocks(ROOT / "README.md")
    key = object_keys.release_key("comet-cursor", "stable", "4.2.1")
    parse.parse(Release, key, json.dumps(document).encode())


def test_policy_and_refusal_in_the_guide_match_the_service() -> None:
    policy, rejection = json_blocks(ROOT / "docs" / "releasing.md")
    parse.parse(ChannelPolicy, object_keys.channel_key("comet-cursor", "stable"), json.dumps(policy).encode())
    schema = json.loads((ROOT / "schemas" / "rejection.json").read_text())
    assert set(rejection) == set(schema["properties"])


def test_the_product_that_turns_on_drop_in_urls_is_accepted() -> None:
    (document,) = json_blocks(ROOT / "docs" / "clients" / "drop-in.md")
    parse.parse(Product, object_keys.product_key("comet-cursor"), json.dumps(document).encode())


def drop_in_paths() -> list[str]:
    guide = (ROOT / "docs" / "clients" / "drop-in.md").read_text()
    return [path for path in re.findall(r"`(/[^`]+4\.2\.0[^`]*)`", guide) if "{" not in path]


@pytest.mark.parametrize("path", drop_in_paths())
def test_every_drop_in_url_in_the_guide_leads_to_a_document(path: str) -> None:
    assert len(drop_in_paths()) == 7
    assert urls.drop_in(f"/drop-in/comet-cursor/stable{path}")


def decisions() -> list[str]:
    rows = re.findall(r'^\|[^|]*\| `("[^`]+)`', (ROOT / "docs" / "releasing.md").read_text(), re.MULTILINE)
    assert len(rows) == 7
    return rows


@pytest.mark.parametrize("decision", decisions())
def test_every_decision_in_the_guide_is_accepted(decision: str) -> None:
    document = json.loads(f'{{"schema": 1, "product": "comet-cursor", "channel": "stable", {decision}}}')
    parse.parse(ChannelPolicy, object_keys.channel_key("comet-cursor", "stable"), json.dumps(document).encode())


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/clients/*.md")), ids=lambda page: page.stem)
def test_client_page_with_base_links_to_its_meaning(page: Path) -> None:
    text = page.read_text()
    meaning = "`BASE` is `https://" if page.stem == "README" else "[`BASE`](README.md)"
    assert meaning in text or not re.search(r"\bBASE\b", text)


@pytest.mark.parametrize("module", formats.ALL, ids=lambda module: module.__name__)
def test_the_guide_says_what_each_format_needs(module: ModuleType) -> None:
    guide = (ROOT / "docs" / "releasing.md").read_text()
    assert all(f"| {needed} |" in guide for needed in module.NEEDS.split("; on macOS "))


def test_troubleshooting_names_what_status_prints() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    rows = re.search(r"^\| `status` shows .*\n\|[-|]+\|\n((?:\|.+\n)+)", page, re.MULTILINE)
    assert rows
    named = re.findall(r"`([^`]+)`", "\n".join(row.split("|")[1] for row in rows[1].splitlines()))
    parts = {part.strip() for name in named for part in name.split("…")}
    printed = (ROOT / "cli" / "comet_updates_cli" / "commands" / "status.py").read_text()
    assert {"latest", "waiting", "due at", "refused"} <= parts
    assert [part for part in sorted(parts) if not re.search(rf"\b{part}\b", printed.partition("def _show(")[2])] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_make_targets_exist(page: Path) -> None:
    text = page.read_text()
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)\)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
    targets = set(re.findall(r"(?:`|\$ )make ([a-z]+)", text))
    assert targets <= set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


UNTRUE = (
    "connection that python opens",
    "in the memory of the process, too",
    "nothing about a request is logged",
    "logged, stored or passed on",
    "requests are not recorded",
    "keys of uploads, nothing else",
    "exception for children",
)
"""Sentences that once were here and are not true: a check, a log or a queue does less, or more, than they say."""
WORDED = [
    *PAGES,
    ROOT / "template.yaml",
    *(ROOT / "functions").rglob("*.jinja"),
    *ROOT.glob("functions/comet_updates/*.py"),
    *ROOT.glob("checks/**/*.jinja"),
]


def untrue(text: str) -> list[str]:
    plain = re.sub(r"[\s\"]+", " ", text).lower()
    return [sentence for sentence in UNTRUE if sentence in plain]


@pytest.mark.parametrize("file", WORDED, ids=lambda file: str(file.relative_to(ROOT)))
def test_text_has_no_sentence_that_was_found_untrue(file: Path) -> None:
    assert untrue(file.read_text()) == []
    assert untrue('"Nothing about a "\n "request is logged."') == [UNTRUE[2]], "the positive control"


def anchors(page: Path) -> set[str]:
    """Return the names of headings to which links can lead, in GitHub's form."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_headings_lead_to_one(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)|^\[[^]]+\]: (?!https?:)([^#\s]*)#(\S+)$", page.read_text())
    found = [(link[0] or link[2], link[1] or link[3]) for link in links]
    assert [(to, name) for to, name in found if name not in anchors(page.parent / to if to else page)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_aws_command_that_is_shown_exists(page: Path) -> None:
    """`tests/flows/test_recovery.py` has the positive controls."""
    text = page.read_text()
    files = dict(re.findall(r"`(\w+\.json)`[^\n]*(?:\n[^`\n][^\n]*)?:?\n\n```json\n(.*?)```", text, re.DOTALL))
    for line in re.findall(r"^\$ (aws (?:.+\\\n)*.+)$", text, re.MULTILINE):
        Command(line.replace("\\\n", ""), files).check()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_is_shown_exists(page: Path) -> None:
    text = page.read_text()
    groups = {
        group.name: group.typer_instance for group in app.registered_groups if group.name and group.typer_instance
    }
    shown = set(re.findall(r"comet-updates (?:--[a-z-]+ \S+ )*([a-z][a-z-]+)(?=[ `\n])", text))
    assert shown <= _names(app) | groups.keys()
    for name, group in groups.items():
        below = set(re.findall(rf"comet-updates (?:--[a-z-]+ \S+ )*{name} ([a-z]+)", text))
        assert below <= _names(group)


def test_the_page_of_commands_is_what_the_commands_say_of_themselves() -> None:
    written = runpy.run_path(str(ROOT / "tools" / "write_commands.py"))["render"]()
    assert (ROOT / "docs" / "commands.md").read_text() == written, "make commands"
    assert "Exit codes: 0" in written


def test_the_page_of_parameters_is_what_the_template_says() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "write_parameters.py"))
    template = tool["read"]()
    assert (ROOT / "docs" / "parameters.md").read_text() == tool["render"](template), "make parameters"
    changed = {**template, "Rules": {"R": {"Assertions": [{"AssertDescription": "Another rule."}]}}}
    assert "- Another rule." in tool["render"](changed), "the positive control"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_a_shell_is_told_how_to_complete_the_commands(shell: str) -> None:
    """Typer looks for the shell among the parent processes. If that fails, it uses the variable."""
    environment = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    command = [sys.executable, "-c", "from comet_updates_cli import app; app(prog_name='comet-updates')"]
    shown = subprocess.run(
        [*command, "--show-completion", shell], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    assert "_COMET_UPDATES_COMPLETE" in shown.stdout


def test_a_command_is_completed() -> None:
    environment = {**os.environ, "_COMET_UPDATES_COMPLETE": "complete_bash", "COMP_WORDS": "comet-updates roll"}
    command = [sys.executable, "-c", "from comet_updates_cli import app; app(prog_name='comet-updates')"]
    found = subprocess.run(
        command, env=environment | {"COMP_CWORD": "1"}, stdout=subprocess.PIPE, text=True, check=True
    )
    assert found.stdout.split() == ["rollback", "rollout"]


def _names(of: typer.Typer) -> set[str]:
    return {command.name or command.callback.__name__ for command in _commands(of) if command.callback}


def _commands(of: typer.Typer) -> list[CommandInfo]:
    below = [
        command for group in of.registered_groups if group.typer_instance for command in _commands(group.typer_instance)
    ]
    return of.registered_commands + below


def test_the_version_is_the_newest_in_the_changelog() -> None:
    from comet_updates import __version__  # noqa: PLC0415

    assert (
        f"({__version__})" in (ROOT / "CHANGELOG.md").read_text()
        or f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()
    )


def test_the_deploying_page_names_every_parameter_and_output() -> None:
    page = (ROOT / "docs" / "deploying.md").read_text() + (ROOT / "docs" / "parameters.md").read_text()
    template = (ROOT / "template.yaml").read_text()
    for block in ("Parameters", "Outputs"):
        (text,) = re.findall(rf"^{block}:\n((?:[ #].*\n|\n)+)", template, re.MULTILINE)
        named = set(re.findall(r"^  (\w+):", text, re.MULTILINE))
        assert len(named) > 7
        assert {name for name in named if f"`{name}`" not in page} == set()


def example_client() -> dict[str, Any]:
    """Return what the program in docs/clients/your-own.md defines."""
    (source,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "clients" / "your-own.md").read_text(), re.DOTALL)
    defined: dict[str, Any] = {}
    exec(compile(source, "your-own.md", "exec"), defined)
    return defined


@pytest.mark.parametrize(
    ("installed", "group", "is_found"),
    [("4.2.0", 9, True), ("4.2.0", 10, False), ("4.2.1", 0, False), ("4.10.0", 0, False)],
)
def test_the_client_in_the_documentation_decides_for_itself(
    monkeypatch: pytest.MonkeyPatch, installed: str, group: int, *, is_found: bool
) -> None:
    client = example_client()
    monkeypatch.setattr(client["platform"], "system", lambda: "Windows")
    monkeypatch.setattr(client["platform"], "machine", lambda: "AMD64")
    manifest = release() | {"rollout": {"percent": 10}}
    found = client["update"](manifest, installed, group)
    assert (found == manifest["artifacts"][0]) == is_found
